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
CHILD_EXPIRY_DAYS, CHILD_HARD_STOP_DAYS = 45, 182  # half as long
YOUTH_LEAD: Final = "youth lead"  # of social care or youth justice, who decides about a child too
RENOMINATION_DAYS: Final = 365  # on the same facts, after a decline

OPEN_STATES: Final = ("nominated", "screened", "deferred")
ACTIVE_STATES: Final = ("approved", "notified", "in_programme")
ENDS: Final = ("graduated", "expired", "removed_challenge", "removed_error", "deceased", "moved")
CLOSED_FOR_A_YEAR: Final = ("declined", "removed_challenge", "removed_error", "expired", "purged")
NO_CASE: Final = "no_case"  # the use of the records is restricted, or a court holds them; nothing else
CLOSED_STATES: Final = (*ENDS, "declined", "purged", NO_CASE)
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
    **dict.fromkeys(("purged", NO_CASE), ("nominated",)),
}
"""From each state, the states that may follow: approved after in_programme is an approval made again."""

DECISIONS: Final = ("approved", "declined", "deferred", "agreed")  # agreed: by the youth lead, about a child
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
    current_state = "not nominated" if row is None else str(row["state"])
    if row is None and state != "nominated":
        raise _refuse(entry, "there is no case", "nominate a person whom the rule selects first")
    if row is not None and state not in STATE_AFTER[current_state]:
        next_states_text = ", ".join(STATE_AFTER[current_state]) or "nothing"
        raise _refuse(
            entry,
            f"{state} does not follow {current_state}",
            f"from {current_state} may follow: {next_states_text}",
        )


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
        "is_child": bool(facts.get("child")),
        "agreed_by": "",
        "expires_on": None,
        "first_approved_on": None,
        "is_restricted": False,
        "has_legal_hold": bool(row and row["has_legal_hold"]),
        "hold_by": str((row or {}).get("hold_by") or ""),
        "challenge": "",
        "challenge_by": "",
        **{name: facts[name] for name in kept_names},
    }


def _nomination_problems(facts: Mapping[str, Fact]) -> Iterable[tuple[str, str]]:
    """What can be in no nomination, whoever records it."""
    as_of, latest_on = date.fromisoformat(str(facts["as_of"])), date.fromisoformat(str(facts["latest_on"]))
    only_selected = "only people whom the published rule selects can be nominated"
    if facts["adult"] is bool(facts.get("child")):
        yield "the person is a child, or the age is not known", "use the route for children, if it is on"
    if whole(facts, "points") < 1:
        yield "it has no points as suspect", only_selected
    if min(whole(facts, "crimes"), whole(facts, "dates")) < 1 or whole(facts, "charged") < 1:
        yield "no reported crime with a formal outcome is behind it", only_selected
    if not 0 <= (as_of - latest_on).days <= whole(facts, "recent_days"):
        yield f"the newest event, of {latest_on}, is too old or in the future", only_selected


def _check_new_facts(row: Row, entry: Entry) -> None:
    """Whoever was declined or taken out is not put forward again on the same facts within a year."""
    age = entry.event.occurred_at - datetime.fromisoformat(str(row["since"]))
    is_same = row.get("data_sha256") == entry.event.facts["data_sha256"]
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
    if row is None or row["state"] in CLOSED_STATES:
        return row
    folded_names = row["evidence_by"]
    assert isinstance(folded_names, tuple)
    folded_actor_name = name_skeleton(entry.event.actor)
    return (
        row
        if folded_actor_name in folded_names
        else {**row, "evidence_by": (*folded_names, folded_actor_name)}
    )


def _decide(row: Row | None, entry: Entry) -> Row | None:
    facts = entry.event.facts
    if entry.event.version == 1:
        return row  # of before divert: it names no step of a case
    decision = str(facts["decision"])
    if decision not in DECISIONS:
        raise _refuse(entry, f"{decision!r} is no decision", f"one of {', '.join(DECISIONS)}")
    check_step(entry, row, "approved" if decision == "agreed" else decision)
    assert row is not None
    if decision == "agreed":
        return _agree(row, entry)
    if decision != "approved":
        return {**_move(row, entry, decision), "approver": entry.event.actor}
    _check_approval(row, entry)
    first_approved_on = str(row["first_approved_on"] or occurrence(entry)[:10])
    return {
        **_move(row, entry, "approved"),
        "approver": entry.event.actor,
        "agreed_by": "",  # an approval made again needs everything again: evidence, and for a child agreement
        "evidence_by": (),
        "first_approved_on": first_approved_on,
        "expires_on": _expiry_day(row, entry, first_approved_on).isoformat(),
    }


def _agree(row: Row, entry: Entry) -> Row:
    """Social care or youth justice agrees about a child; without it nobody approves."""
    actor = entry.event.actor
    if not row["is_child"] or entry.event.role != YOUTH_LEAD:
        raise _refuse(entry, f"only a {YOUTH_LEAD} agrees, and only about a child", "approve or decline it")
    if not are_two_people(str(row["nominator"]), actor):
        raise _refuse(entry, f"{actor} nominated this person too", "let somebody else agree")
    return {**row, "agreed_by": actor}


def _expiry_day(row: Row, entry: Entry, first_approved_on: str) -> date:
    """When an approval ends: as the decision says, and never later than 90 days on, or a year in all."""
    is_child, day = bool(row["is_child"]), entry.event.occurred_at.date()
    stop_days = CHILD_HARD_STOP_DAYS if is_child else HARD_STOP_DAYS
    last_day = date.fromisoformat(first_approved_on) + timedelta(days=stop_days)
    if last_day <= day:
        raise _refuse(
            entry, f"it was approved first on {first_approved_on}", f"nobody stays above {stop_days} days"
        )
    latest = min(day + timedelta(days=CHILD_EXPIRY_DAYS if is_child else EXPIRY_DAYS), last_day)
    asked_text = entry.event.facts.get("expires_on")
    expiry = date.fromisoformat(str(asked_text)) if asked_text else latest
    if not day < expiry <= latest:
        raise _refuse(entry, f"it would end on {expiry}", f"let it end by {latest}")
    return expiry


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
    if row["is_child"] and not are_two_people(str(row["agreed_by"]), actor):
        remedy = f"let a {YOUTH_LEAD} agree first, who is somebody else: becalm divert agree"
        raise _refuse(entry, "it is about a child, and nobody from social care agreed", remedy)


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
    if row["challenge"]:
        raise _refuse(entry, "it is disputed already", f"decide that first, by {row['challenge']}")
    return {**row, "challenge": entry.event.facts["decide_by"], "challenge_by": entry.event.actor}


_PARTS: Final = {
    "nominator": "was the nominator",
    "screener": "was the screener",
    "approver": "was the approver",
    "agreed_by": "agreed to the case",
    "challenge_by": "raised the challenge",
}


def _decide_challenge(row: Row | None, entry: Entry) -> Row:
    if row is None or not row.get("challenge"):
        raise _refuse(entry, "nothing is disputed", "raise a challenge first")
    for name, part in _PARTS.items():
        if row[name] and not are_two_people(str(row[name]), entry.event.actor):
            raise _refuse(entry, f"{entry.event.actor} {part}", "let somebody without a part decide")
    return {**row, "challenge": "", "challenge_by": ""}


def _restrict(row: Row | None, entry: Entry) -> Row | None:
    """A hold for a court takes effect at once; to lift it takes a second person. No case is needed for it."""
    facts = entry.event.facts
    if row is None:
        free: Row = {"is_restricted": False, "has_legal_hold": False, "hold_by": ""}
        row = {"subject": entry.event.subject, "state": NO_CASE, "since": occurrence(entry), **free}
    if facts["ground"] != "legal_hold":
        return _drop_free({**row, "is_restricted": facts["restricted"]})
    hold_actor = str(row.get("hold_by") or "")
    if (
        row["has_legal_hold"]
        and not facts["restricted"]
        and not are_two_people(hold_actor, entry.event.actor)
    ):
        raise _refuse(entry, f"{entry.event.actor} placed the hold", "let a second person lift it")
    return _drop_free({**row, "has_legal_hold": facts["restricted"], "hold_by": entry.event.actor})


def _drop_free(row: Row) -> Row | None:
    """No row is left of somebody without a case whose records are free again."""
    is_free = not row["is_restricted"] and not row["has_legal_hold"]
    return None if row["state"] == NO_CASE and is_free else row


def _meet(row: Row | None, entry: Entry) -> Row | None:
    """A first talk tells the person; the first session of help is the programme. Others look on."""
    if row is None or (entry.event.corrects is not None and row["state"] != "approved"):
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
    kept_facts = {name: row[name] for name in kept_names if name in row}
    return {**kept_facts, "state": "purged", "since": row["since"]}


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


CASE_FOLD: Final = Fold("case", 3, tuple(_STEPS), _case_keys, _step_case)
