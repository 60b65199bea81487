"""Two records of one person, or one record too many: joined and parted by two people, and back again."""

from __future__ import annotations

from dataclasses import dataclass

from becalm.desk import Desk, make_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.case_state import CLOSED_STATES
from becalm.divert.core.matching import find_pairs, settle_pairs
from becalm.divert.core.reasons import LEAST_WORDS
from becalm.divert.core.request import MatchRequest
from becalm.divert.desk import splits
from becalm.divert.desk.context import (
    case_row,
    check_purpose,
    records_file,
    require_role,
    sign_event,
    to_payload,
)
from becalm.divert.files.records_file import Records
from becalm.ledger import EventToAppend
from becalm.terms import UsageError, are_two_people


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """Pairs that nobody has decided about; or what was proposed or confirmed about one pair."""

    pairs: tuple[tuple[str, str], ...]
    stage: str = ""  # proposed or confirmed
    kind: str = ""


def match_records(desk: Desk, request: MatchRequest) -> MatchAnswer:
    """Which records may be one person; or a decision about two of them.

    Raises CaseError where one person would decide alone, or both have an open case.
    """
    desk = require_role(desk, "match")
    check_purpose(request.purpose)
    records_store = records_file(desk)
    if request.decide is None:
        return MatchAnswer(tuple(undecided_pairs(desk, records_store.read())))
    if len(request.sentence.split()) < LEAST_WORDS:
        raise UsageError(f"Say why in a `sentence` of {LEAST_WORDS} words or more; it can be erased.")
    if request.decide == "split":
        if not request.person or request.other_person:
            raise UsageError("Name the one record that holds two people: `person`, and no other.")
        with records_store.alone():
            return MatchAnswer(*splits.split_record(desk, request, request.person))
    if not (request.person and request.other_person):
        raise UsageError("Name both records: `person` and `other_person`.")
    if request.person == request.other_person:
        raise UsageError("Name two records: `person` and `other_person` are the same.")
    with records_store.alone():
        return _decide_pair(desk, request, request.person, request.other_person)


def _decide_pair(desk: Desk, request: MatchRequest, person: str, other_person: str) -> MatchAnswer:
    records_store = records_file(desk)
    records = records_store.read()
    for name in (person, other_person):
        records.row_of(name)
    kind = kinds.JOIN if request.decide == "join" else kinds.PART
    if kind == kinds.JOIN and all(_has_open_case(desk, name) for name in (person, other_person)):
        raise step_refusal(person, "both records have a case", "end one of them, then join the records")
    proposals = [
        entry
        for entry in desk.open_ledger().entries(kinds=(kinds.JOIN, kinds.PART))
        if {entry.event.subject, str(entry.event.facts["other"])} == {person, other_person}
        and entry.event.facts.get("moved") is None
    ]
    newest = proposals[-1] if proposals else None
    is_open = newest is not None and newest.event.facts["stage"] == "proposed" and newest.event.kind == kind
    if is_open and newest is not None and not are_two_people(newest.event.actor, desk.actor):
        raise step_refusal(desk.actor, "proposed this", "let a second person confirm it")
    stage = "confirmed" if is_open else "proposed"
    event = make_event(
        desk, kind, purpose=request.purpose, subject=person, facts={"other": other_person, "stage": stage}
    )
    event = sign_event(desk, event, request.signing_key)
    desk.open_ledger().append([EventToAppend(event, to_payload(kind, {"sentence": request.sentence}))])
    if is_open:
        target = other_person if kind == kinds.JOIN else None
        joined_person = (
            _record_without_case(desk, person, other_person)
            if kind == kinds.JOIN
            else _joined_one(records, person, other_person)
        )
        target = person if target and joined_person == other_person else target
        records_store.write(records.with_join(joined_person, target))
    return MatchAnswer(((person, other_person),), stage, kind)


def _joined_one(records: Records, person: str, other_person: str) -> str:
    """Of two records, the one that was joined to the other, in whichever order they are named."""
    return other_person if records.main_of_person()[other_person] != other_person else person


def _record_without_case(desk: Desk, person: str, other_person: str) -> str:
    """Of two records, the one that becomes part of the other: the one without an open case."""
    return other_person if _has_open_case(desk, person) else person


def _has_open_case(desk: Desk, person: str) -> bool:
    case = case_row(desk.open_ledger(), person)
    return case is not None and case["state"] not in CLOSED_STATES


def undecided_pairs(desk: Desk, records: Records) -> list[tuple[str, str]]:
    """Pairs with the same match word about which no two people have decided."""
    events = (entry.event for entry in desk.open_ledger().entries(kinds=(kinds.JOIN, kinds.PART)))
    decision_facts = [
        (event.kind, str(event.facts["stage"]), event.subject, str(event.facts["other"])) for event in events
    ]
    return find_pairs(records.match_word_by_person(), settle_pairs(decision_facts))


def check_one_person(desk: Desk, records: Records, person: str) -> None:
    """Refuse a step about somebody who may stand in the records twice, until two people have decided."""
    rival_pairs = [pair for pair in undecided_pairs(desk, records) if person in pair]
    if rival_pairs:
        other_person = next(name for name in rival_pairs[0] if name != person)
        remedy = "let two people join or part them first: becalm divert match"
        raise step_refusal(person, f"may be the same person as {other_person}", remedy)
    splits.check_not_two(desk, records, person)
