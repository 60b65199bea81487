"""State tables of visits and help: appointments, packs and referrals, folded from events.

The folds run inside the transaction that writes, on every store: an outcome that is sent twice, a visit by a
second crew, or an appointment that was moved already is refused there, whichever program sends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from becalm.ledger import WITHDRAWN, Entry, Fold, Row, format_instant, occurrence
from becalm.ledger.projection import format_key
from becalm.terms import CaseError, Fault

AT_THE_DOOR: Final = ("visit_made", "visit_attempted")
REFERRAL_STATES: Final = {
    "referral_sent": "sent",
    "referral_accepted": "accepted",
    "referral_rejected": "rejected",
    "referral_started": "started",
    "referral_ended": "ended",
}


def _refuse(entry: Entry, problem: str, remedy: str) -> CaseError:
    place = f"{entry.event.kind} of {entry.event.subject}"
    return CaseError("The step is not allowed; nothing was recorded", (Fault(place, problem, remedy),))


def _is_of_version_1(entry: Entry) -> bool:
    return entry.event.kind in AT_THE_DOOR and entry.event.version < 2


def _outcome_keys(entry: Entry) -> Iterable[str]:
    return () if _is_of_version_1(entry) else (format_key(entry.event.corrects or entry.seq),)


def _outcome_row(_key: str, row: Row | None, entry: Entry) -> Row | None:
    """One row for each call, as its corrections leave it: met or missed, when, by whom."""
    event, facts = entry.event, entry.event.facts
    if event.kind == WITHDRAWN:
        if row is None:  # an entry of another kind
            return None
        remedy = "put it right instead: becalm divert visit outcome, with `correct`"
        raise _refuse(entry, "an outcome of a visit is never withdrawn", remedy)
    if event.corrects is not None:
        _check_correction(row, entry)
    kept_facts = {name: facts.get(name) for name in ("visit", "day", "daypart", "crew", "appointment")}
    return {
        **kept_facts,
        "attempt": facts.get("attempt"),
        "outcome": _outcome_word(entry),
        "subject": event.subject,
        "seq": event.corrects or entry.seq,
        "latest": entry.seq,
        "occurred_at": occurrence(entry),
    }


def _outcome_word(entry: Entry) -> str:
    return "met" if entry.event.kind == "visit_made" else str(entry.event.facts["result"])


def _check_correction(row: Row | None, entry: Entry) -> None:
    facts = entry.event.facts
    if row is None or row["subject"] != entry.event.subject:
        raise _refuse(
            entry, f"entry {entry.event.corrects} is no outcome of this person", "name the first one"
        )
    kept_names = ("day", "crew", "appointment")
    if any(row[name] != facts.get(name) for name in kept_names):
        remedy = "keep the day, the crew and the appointment: they are those of the pack"
        raise _refuse(entry, f"that call was made on {row['day']} by {row['crew']}", remedy)


def _appointment_keys(entry: Entry) -> Iterable[str]:
    facts = entry.event.facts
    if _is_of_version_1(entry):
        return ()
    names = (facts.get("appointment"), facts.get("moved_from"))
    return tuple(str(name) for name in names if name)


def _appointment_row(key: str, row: Row | None, entry: Entry) -> Row:
    event, facts = entry.event, entry.event.facts
    if event.kind == "appointment_made" and facts["appointment"] == key:
        if row is not None:
            raise _refuse(entry, f"{key} is there already", "each appointment has a number of its own")
        kept_names = ("visit", "starts_at", "day", "daypart", "asked_by", "place", "moved_from")
        kept_facts = {name: facts.get(name) for name in kept_names}
        first_state = {"subject": event.subject, "state": "due", "moved_to": None, "seq": entry.seq}
        return {**kept_facts, **first_state, "appointment": key}
    if row is None or row["subject"] != event.subject:
        raise _refuse(entry, f"{key} is no appointment of this person", "look at `becalm divert visit due`")
    if row["state"] != "due" and (event.corrects is None or row["state"] == "moved"):
        raise _refuse(entry, f"{key} is {row['state']} already", "an outcome is sent once; correct that one")
    if event.kind == "appointment_made":
        return {**row, "state": "moved", "moved_to": facts["appointment"]}
    return {**row, "state": "kept" if event.kind == "visit_made" else "missed"}


def _pack_keys(entry: Entry) -> Iterable[str]:
    if _is_of_version_1(entry):
        return ()
    return (f"{entry.event.subject} {entry.event.facts['day']}",)


def _pack_row(_key: str, row: Row | None, entry: Entry) -> Row:
    event, facts = entry.event, entry.event.facts
    if event.kind == "visit_checked":
        check = {name: facts[name] for name in ("result", "approver", "expires_at")}
        row_before = row or {"crew": "", "pack_expires_at": None, "outcome": ""}
        return {**row_before, **check, "subject": event.subject, "day": facts["day"], "seq": entry.seq}
    if row is None:
        raise _refuse(entry, "no check of this visit was made", "make it first: becalm divert visit check")
    if row["outcome"] and event.corrects is not None and row.get("outcome_seq") == event.corrects:
        return {**row, "outcome": _outcome_word(entry)}
    if row["outcome"]:
        raise _refuse(entry, f"an outcome of {row['day']} is there already", "correct that entry instead")
    if row["crew"] and row["crew"] != facts["crew"]:
        raise _refuse(
            entry, f"the visit is {row['crew']}'s, which opened the pack", "one crew calls on a day"
        )
    if event.kind == "pack_opened":
        return _opened_pack(row, entry)
    if not row["crew"]:
        raise _refuse(entry, "the pack was not opened", "open it on the way: becalm divert visit pack")
    return {**row, "outcome": _outcome_word(entry), "outcome_seq": entry.seq}


def _opened_pack(row: Row, entry: Entry) -> Row:
    if row["result"] == "no_go":
        raise _refuse(entry, "the check says no-go", "do not visit; ask whoever approved the check")
    if str(row["expires_at"]) <= occurrence(entry):
        raise _refuse(entry, f"the check ended at {row['expires_at']}", "make it again before you go")
    facts = entry.event.facts
    return {**row, "crew": facts["crew"], "pack_expires_at": facts["expires_at"], "visit": facts["visit"]}


def _referral_keys(entry: Entry) -> Iterable[str]:
    return (str(entry.event.facts["referral"]),)


def _referral_row(key: str, row: Row | None, entry: Entry) -> Row:
    event, facts = entry.event, entry.event.facts
    if event.kind in REFERRAL_STATES:
        return _moved_referral(key, row, entry)
    if row is None or row["subject"] != event.subject:
        raise _refuse(entry, f"{key} is no referral of this person", "look at `becalm divert refer list`")
    if event.kind == "help_reported":
        return _reported_help(row, entry)
    if row["state"] not in ("accepted", "started"):
        raise _refuse(entry, f"referral {key} is {row['state']}", "only help that is under way has sessions")
    if event.kind == "session_held":
        sessions, attended = int(str(row["sessions"])), int(str(row["attended"]))
        if facts["session"] != sessions + 1:
            raise _refuse(entry, f"session {facts['session']} does not follow {sessions}", "sent twice?")
        return {**row, "sessions": sessions + 1, "attended": attended + int(facts["attended"] != "no")}
    goals = row["goals"]
    assert isinstance(goals, tuple)
    judged_goal = (str(facts["goal"]), str(facts["result"]))
    return {**row, "goals": (*(goal for goal in goals if goal[0] != judged_goal[0]), judged_goal)}  # type: ignore[index]  # pairs


def _reported_help(row: Row, entry: Entry) -> Row:
    if row["state"] != "ended" or row.get("is_reported"):
        problem = "has its report already" if row.get("is_reported") else f"is {row['state']}"
        raise _refuse(entry, f"referral {row['referral']} {problem}", "help is reported on once, at its end")
    return {**row, "is_reported": True}


def _moved_referral(key: str, row: Row | None, entry: Entry) -> Row:
    """The row after a step of version 1 too, which was recorded by hand: its order is checked at the desk."""
    event, facts = entry.event, entry.event.facts
    empty: Row = {"sessions": 0, "attended": 0, "goals": (), "providers": (), "is_reported": False}
    first_state: Row = {
        "referral": key,
        "subject": event.subject,
        "sent_at": format_instant(event.occurred_at),
    }
    row_before = row or {**empty, **first_state}
    providers = row_before["providers"]
    assert isinstance(providers, tuple)
    if facts["provider"] not in providers[-1:]:
        providers = (*providers, facts["provider"])
    return {
        **row_before,
        "provider": facts["provider"],
        "providers": providers,
        "state": REFERRAL_STATES[event.kind],
        "since": occurrence(entry),
        "end_code": facts.get("end_code") or "",
    }


FOLDS: Final = (
    Fold("appointment", 2, ("appointment_made", *AT_THE_DOOR), _appointment_keys, _appointment_row),
    Fold("pack", 2, ("visit_checked", "pack_opened", *AT_THE_DOOR), _pack_keys, _pack_row),
    Fold("outcome", 1, (*AT_THE_DOOR, WITHDRAWN), _outcome_keys, _outcome_row),
    Fold(
        "referral",
        2,
        (*REFERRAL_STATES, "session_held", "goal_judged", "help_reported"),
        _referral_keys,
        _referral_row,
    ),
)
