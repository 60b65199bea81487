"""Where a case stands: one row for each person, folded from events; other steps are refused.

The fold runs inside the transaction that writes, on every store. So nobody can nominate somebody with no
points, approve a case alone, or approve what they did not open, whichever program they use: the event itself
is refused. What a store cannot know (whether the crime happened) is for the people who decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from becalm.ledger import Entry, Fact, Fold, Row, occurrence
from becalm.terms import CaseError, Fault, are_two_people, name_skeleton

EXPIRY_DAYS: Final = 90  # after an approval
HARD_STOP_DAYS: Final = 365  # after the first approval
RENOMINATION_DAYS: Final = 365  # on the same facts, after a decline

OPEN_STATES: Final = ("nominated", "screened", "deferred")
ACTIVE_STATES: Final = ("approved", "notified", "in_programme")
ENDS: Final = ("graduated", "expired", "removed_challenge", "removed_error", "deceased", "moved")
CLOSED_FOR_A_YEAR: Final = ("declined", "removed_challenge", "removed_error", "expired", "purged")
CLOSED_STATES: Final = (*ENDS, "declined", "purged")
STATES: Final = (*OPEN_STATES, *ACTIVE_STATES, *CLOSED_STATES)
STATE_AFTER: Final[Mapping[str, tuple[str, ...]]] = {
    "nominated": ("screened", "declined", *ENDS),
    "screened": ("approved", "declined", "deferred", *ENDS),
    "deferred": ("screened", "declined", *ENDS),
    "approved": ("approved", "notified", "in_programme", *ENDS),
    "notified": ("approved", "notified", "in_programme", *ENDS),
    "in_programme": ("approved", "in_programme", *ENDS),
    "declined": ("nominated", "purged"),
    **dict.fromkeys(ENDS, ("nominated", "purged")),
    "purged": ("nominated",),
}
"""From each state, the states that may follow: approved after in_programme is an approval made again."""

DECISIONS: Final = {"approved": "approved", "declined": "declined", "deferred": "deferred"}
_STATE_AFTER_MEETING: Final = {
    "visit_made": "notified",
    "letter_left": "notified",
    "referral_started": "in_programme",
}


def _refuse(entry: Entry, problem: str, remedy: str) -> CaseError:
    place = f"{entry.event.kind} of {entry.event.subject}"
    return CaseError("The step is not allowed; nothing was recorded", (Fault(place, problem, remedy),))


def check_step(entry: Entry, row: Row | None, state: str) -> None:
    """Refuse a step to a state that does not follow the present one."""
    current = "not nominated" if row is None else str(row["state"])
    if row is None and state != "nominated":
        raise _refuse(entry, "there is no case", "nominate a person whom the rule selects first")
    if row is not None and state not in STATE_AFTER[current]:
        allowed = ", ".join(STATE_AFTER[current]) or "nothing"
        raise _refuse(entry, f"{state} does not follow {current}", f"from {current} may follow: {allowed}")


def _nominate(row: Row | None, entry: Entry) -> Row:
    facts = entry.event.facts
    if row is not None:
        check_step(entry, row, "nominated")
        _check_new_facts(row, entry)
        _check_free_to_use(row, entry)
    for problem, remedy in _nomination_problems(facts):
        raise _refuse(entry, problem, remedy)
    kept_names = (
        *("rule_key", "rule_version", "rule_sha256", "data_sha256", "explanation_sha256", "as_of"),
        *("points", "victim_points", "marginal", "overlap"),
    )
    return {
        "subject": entry.event.subject,
        "state": "nominated",
        "since": occurrence(entry),
        "nominated_seq": entry.seq,
        "nominator": entry.event.actor,
        "screener": "",
        "screening": "",
        "approver": "",
        "evidence_by": (),
        "expires_on": None,
        "first_approved_on": None,
        "is_restricted": False,
        "has_legal_hold": bool(row and row["has_legal_hold"]),
        "hold_by": str((row or {}).get("hold_by") or ""),
        "challenge": "",
        **{name: facts[name] for name in kept_names},
    }


def _nomination_problems(facts: Mapping[str, Fact]) -> Iterable[tuple[str, str]]:
    """What can be in no nomination, whoever records it."""
    as_of, latest_on = date.fromisoformat(str(facts["as_of"])), date.fromisoformat(str(facts["latest_on"]))
    only_selected = "only people whom the published rule selects can be nominated"
    if facts["adult"] is not True:
        yield "the person is a child, or the age is not known", "use the route for children; it is off"
    if whole(facts, "points") < 1:
        yield "it has no points as suspect", only_selected
    if min(whole(facts, "crimes"), whole(facts, "dates")) < 1 or whole(facts, "charged") < 1:
        yield "no reported crime with a formal outcome is behind it", only_selected
    if not 0 <= (as_of - latest_on).days <= whole(facts, "recent_days"):
        yield f"the newest event, of {latest_on}, is too old or in the future", only_selected


def _check_new_facts(row: Row, entry: Entry) -> None:
    """Whoever was declined or taken out is not put forward again on the same facts within a year."""
    age = entry.event.occurred_at - datetime.fromisoformat(str(row["since"]))
    is_same = row["data_sha256"] == entry.event.facts["data_sha256"]
    if row["state"] in CLOSED_FOR_A_YEAR and is_same and age < timedelta(days=RENOMINATION_DAYS):
        raise _refuse(
            entry,
            "it was closed on the same facts within a year",
            "wait for new facts; none can be added by hand",
        )


def _check_free_to_use(row: Row, entry: Entry) -> None:
    """What was restricted once stays so, whatever became of the case."""
    if row.get("is_restricted"):
        raise _refuse(entry, "the use of the records is restricted", "lift the restriction first")


def _screen(row: Row | None, entry: Entry) -> Row:
    check_step(entry, row, "screened")
    assert row is not None
    result = str(entry.event.facts["result"])
    state = "deferred" if result in ("defer", "refer") else "screened"
    return {**_move(row, entry, state), "screener": entry.event.actor, "screening": result}


def _open_evidence(row: Row | None, entry: Entry) -> Row | None:
    if row is None:
        return None
    people = row["evidence_by"]
    assert isinstance(people, tuple)
    skeleton = name_skeleton(entry.event.actor)
    return row if skeleton in people else {**row, "evidence_by": (*people, skeleton)}


def _decide(row: Row | None, entry: Entry) -> Row | None:
    facts = entry.event.facts
    if entry.event.version == 1:
        return row  # of before divert: it names no step of a case
    state = DECISIONS.get(str(facts["decision"]))
    if state is None:
        raise _refuse(entry, f"{facts['decision']!r} is no decision", f"one of {', '.join(DECISIONS)}")
    check_step(entry, row, state)
    assert row is not None
    if state != "approved":
        return {**_move(row, entry, state), "approver": entry.event.actor}
    _check_approval(row, entry)
    first_approved_on = str(row["first_approved_on"] or occurrence(entry)[:10])
    last_day = date.fromisoformat(first_approved_on) + timedelta(days=HARD_STOP_DAYS)
    if last_day <= entry.event.occurred_at.date():
        raise _refuse(entry, f"it was approved first on {first_approved_on}", "nobody stays above a year")
    expiry = entry.event.occurred_at.date() + timedelta(days=EXPIRY_DAYS)
    return {
        **_move(row, entry, "approved"),
        "approver": entry.event.actor,
        "evidence_by": (),  # an approval made again needs the evidence opened again
        "first_approved_on": first_approved_on,
        "expires_on": min(expiry, last_day).isoformat(),
    }


def _check_approval(row: Row, entry: Entry) -> None:
    """Two different people, the evidence opened by the second, no restriction, no open challenge."""
    actor = entry.event.actor
    people = row["evidence_by"]
    assert isinstance(people, tuple)
    if not are_two_people(str(row["nominator"]), actor):
        raise _refuse(entry, f"{actor} nominated this person too", "let somebody else decide")
    if name_skeleton(actor) not in people:
        raise _refuse(entry, f"{actor} has not opened the evidence", "open it first: becalm divert explain")
    if row["is_restricted"] or row["challenge"]:
        raise _refuse(entry, "the case is restricted or disputed", "settle that first")


def _leave(row: Row | None, entry: Entry) -> Row:
    end = str(entry.event.facts["end"])
    if end not in ENDS:
        raise _refuse(entry, f"{end!r} is no end of a case", f"one of {', '.join(ENDS)}")
    check_step(entry, row, end)
    assert row is not None
    return {**_move(row, entry, end), "challenge": ""}


def _challenge(row: Row | None, entry: Entry) -> Row:
    if row is None or row["state"] in CLOSED_STATES:
        raise _refuse(entry, "there is no open case", "nothing needs to be disputed")
    return {**row, "challenge": entry.event.facts["decide_by"]}


def _decide_challenge(row: Row | None, entry: Entry) -> Row:
    if row is None or not row["challenge"]:
        raise _refuse(entry, "nothing is disputed", "raise a challenge first")
    for role in ("nominator", "screener", "approver"):
        if row[role] and not are_two_people(str(row[role]), entry.event.actor):
            raise _refuse(entry, f"{entry.event.actor} was the {role}", "let somebody without a part decide")
    return {**row, "challenge": ""}


def _restrict(row: Row | None, entry: Entry) -> Row:
    """A hold for a court takes effect at once; to lift it takes a second person."""
    facts = entry.event.facts
    if row is None:
        raise _refuse(entry, "there is no case", "details without a case are destroyed by their own clock")
    if facts["ground"] != "legal_hold":
        return {**row, "is_restricted": facts["restricted"]}
    holder = str(row.get("hold_by") or "")
    if not facts["restricted"] and not are_two_people(holder, entry.event.actor):
        raise _refuse(entry, f"{entry.event.actor} placed the hold", "let a second person lift it")
    return {**row, "has_legal_hold": facts["restricted"], "hold_by": entry.event.actor}


def _meet(row: Row | None, entry: Entry) -> Row | None:
    """A first talk tells the person; the first session of help is the programme. Others look on."""
    if row is None or entry.event.corrects is not None:
        return row
    state = _STATE_AFTER_MEETING[entry.event.kind]
    if row["state"] not in ACTIVE_STATES or (state == "notified" and row["state"] == "in_programme"):
        return row
    return _move(row, entry, state)


def _erase(row: Row | None, _entry: Entry) -> Row | None:
    """What is left of a case once its details are gone: that there was one, and on which facts."""
    if row is None or row["state"] not in CLOSED_STATES:
        return row
    kept_names = ("subject", "rule_sha256", "data_sha256", "has_legal_hold", "is_restricted")
    return {**{name: row[name] for name in kept_names}, "state": "purged", "since": row["since"]}


def _move(row: Row, entry: Entry, state: str) -> dict[str, Fact]:
    return {**row, "state": state, "since": occurrence(entry)}


def whole(facts: Mapping[str, Fact], name: str) -> int:
    """A whole number among facts."""
    value = facts[name]
    assert isinstance(value, int)
    return value


_STEPS: Final[Mapping[str, Callable[[Row | None, Entry], Row | None]]] = {
    "person_nominated": _nominate,
    "person_screened": _screen,
    "evidence_opened": _open_evidence,
    "decision_made": _decide,
    "programme_left": _leave,
    "challenge_raised": _challenge,
    "challenge_decided": _decide_challenge,
    "restriction_changed": _restrict,
    "purge_done": _erase,
    **dict.fromkeys(_STATE_AFTER_MEETING, _meet),
}


def _step_case(_key: str, row: Row | None, entry: Entry) -> Row | None:
    return _STEPS[entry.event.kind](row, entry)


def _case_keys(entry: Entry) -> Iterable[str]:
    if entry.event.kind == "purge_done":
        people = entry.event.facts["people"]
        assert isinstance(people, tuple)
        return tuple(map(str, people))
    return (entry.event.subject,) if entry.event.subject else ()


CASE_FOLD: Final = Fold("case", 2, tuple(_STEPS), _case_keys, _step_case)
