"""One record that holds two people: split by two people, with reasons, and put together again by two.

The crimes that are the other person's go to a record of their own, under a pseudonym of its own. Its age is
not known until somebody says it, so that nobody is selected by it before. Crimes that come in later under the
old number are nobody's until two people have said whose they are.
"""

from __future__ import annotations

import json

from becalm.desk import Desk, make_event, read_payload
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.request import MatchRequest
from becalm.divert.desk.context import records_file, sign_event, to_payload
from becalm.divert.desk.people import draw_pseudonym
from becalm.divert.files.records_file import Records, Split
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import Entry, EventToAppend, Fact
from becalm.terms import are_two_people

SPLIT_REMEDY = "let two people say which crimes are the other's: becalm divert match --decide split"


def split_record(
    desk: Desk, request: MatchRequest, person: str
) -> tuple[tuple[tuple[str, str], ...], str, str]:
    """Propose that some crimes are another person's, or confirm it; without any, that it is one person.

    Raises CaseError where a crime is not of this record, all of them are, or one person would decide alone.
    """
    records_store = records_file(desk)
    records = records_store.read()
    crimes = tuple(sorted(set(request.crime)))
    all_crimes = _check_crimes(records, person, crimes)
    newest = _newest_split(desk, person)
    is_open = newest is not None and newest.event.facts["stage"] == "proposed"
    is_agreed = is_open and newest is not None and _proposed_crimes(desk, newest, request.purpose) == crimes
    if is_agreed and newest is not None and not are_two_people(newest.event.actor, desk.actor):
        raise step_refusal(desk.actor, "proposed this", "let a second person confirm it")
    other_person = str(newest.event.facts["other"]) if newest else draw_pseudonym(desk.draw_key)
    stage = "confirmed" if is_agreed else "proposed"
    facts: dict[str, Fact] = {"other": other_person, "stage": stage, "moved": len(crimes)}
    event = make_event(desk, kinds.PART, purpose=request.purpose, subject=person, facts=facts)
    details = {"sentence": request.sentence, "crimes": list(crimes)}
    to_append = [EventToAppend(sign_event(desk, event, request.signing_key), to_payload(kinds.PART, details))]
    is_new = is_agreed and bool(crimes) and other_person not in records.people["person"].to_pylist()
    number_hmac = records_store.keyed_hash(other_person, of="split")
    if is_new:
        to_append.append(_make_known(desk, other_person, number_hmac))
    entries = desk.open_ledger().append(to_append)
    if is_agreed:
        kept_crimes = tuple(crime for crime in all_crimes if crime not in crimes)
        split = Split(person, other_person, crimes, kept_crimes)
        records_store.write(records.with_split(split, seq=entries[-1].seq, number_hmac=number_hmac))
    return ((person, other_person),), stage, kinds.PART


def _check_crimes(records: Records, person: str, crimes: tuple[str, ...]) -> tuple[str, ...]:
    """All crimes of both people; raises CaseError where those named cannot be the other's."""
    if records.person_at(records.row_of(person)) != person:
        raise step_refusal(
            person, "was joined to another record", "part them first, then split the right one"
        )
    other_people = {split.other_person for split in records.splits if split.person == person}
    known_people = set(records.people["person"].to_pylist())
    all_crimes = {
        c for name in {person, *(other_people & known_people)} for c in records.crimes_of_record(name)
    }
    if unknown_crimes := sorted(set(crimes) - all_crimes):
        raise step_refusal(
            "crime", f"{unknown_crimes[0]} is no crime of this record", "take it from the page of reasons"
        )
    if crimes and set(crimes) == all_crimes:
        raise step_refusal(
            "crime", "all crimes would be the other's", "correct the person's number in the source"
        )
    return tuple(sorted(all_crimes))


def _newest_split(desk: Desk, person: str) -> Entry | None:
    entries = desk.open_ledger().entries(kinds=(kinds.PART,), subject=person)
    split_entries = [entry for entry in entries if entry.event.facts.get("moved") is not None]
    return split_entries[-1] if split_entries else None


def _proposed_crimes(desk: Desk, entry: Entry, purpose: str) -> tuple[str, ...] | None:
    payload = read_payload(desk, entry.seq, subject=entry.event.subject, purpose=purpose)
    return None if payload is None else tuple(json.loads(payload)["crimes"])


def _make_known(desk: Desk, person: str, number_hmac: str) -> EventToAppend:
    """The other person becomes known, without a name, until somebody says it: becalm divert sar --set."""
    facts = {"number_hmac": number_hmac, "source_sha256": sha256_of_text("one record held two people")}
    event = make_event(desk, kinds.PERSON, purpose="correction", subject=person, facts=facts)
    return EventToAppend(event, to_payload(kinds.PERSON, {}))


def check_not_two(desk: Desk, records: Records, person: str) -> None:
    """Refuse a step about a record that holds two people, as far as anybody has said, until it is settled."""
    if crimes := records.unassigned_crimes(person):
        problem = f"the record held two people, and nobody has said whose {', '.join(crimes[:3])} is"
        raise step_refusal(person, problem, SPLIT_REMEDY)
    newest = _newest_split(desk, person)
    if newest is None:
        return
    if newest.event.facts["stage"] == "proposed":
        raise step_refusal(person, "may be two people in one record", SPLIT_REMEDY)
    moved_counts = [len(s.moved_crimes) for s in records.splits if s.person == person]
    if newest.event.facts["moved"] != sum(moved_counts):
        raise step_refusal(person, "the split of the record was cut short", f"do it again; {SPLIT_REMEDY}")
