"""People and their events: taken in under pseudonyms, and a person's own details read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from becalm.desk import Desk, make_event, read_payload
from becalm.desk.audit_events import note_configuration
from becalm.divert.core import events as kinds
from becalm.divert.core.matching import match_word
from becalm.divert.core.request import LoadRequest
from becalm.divert.desk.context import check_purpose, records_file, require_role, to_payload
from becalm.divert.files.read_people import PeopleFiles, PersonKeys, build_records, read_people
from becalm.divert.files.records_file import EMPTY_RECORDS, Records, RecordsFile
from becalm.ledger import EventToAppend, Ledger
from becalm.ledger.event_kinds import is_pseudonym
from becalm.terms import CaseError, Fault

EVENTS_AT_ONCE: Final = 5_000
PSEUDONYM_DIGITS: Final = 14


@dataclass(frozen=True, slots=True)
class LoadedPeople:
    """What was taken in."""

    people: int
    new_people: int
    changed_people: int
    events: int
    columns_left_out: tuple[str, ...]
    data_sha256: str


def load_people(desk: Desk, request: LoadRequest) -> LoadedPeople:
    """Take in people and their events: names into the ledger's details, events into the enciphered records.

    Who is known already keeps the pseudonym; changed details become a new entry. The events take the place of
    those that were taken in before.

    Raises InputError with every fault of both files; then nothing is written.
    """
    desk = require_role(desk, "load")
    check_purpose(request.purpose)
    mapping = Path(request.mapping) if request.mapping else None
    files = read_people(
        Path(request.persons), Path(request.events), mapping=mapping, leave_out=request.leave_out
    )
    records_store = records_file(desk)
    note_configuration(desk)
    with records_store.alone():
        former = records_store.read() if records_store.path.is_file() else EMPTY_RECORDS
        return _take_in(desk, files, records_store, former, request.purpose)


def _take_in(
    desk: Desk, files: PeopleFiles, file: RecordsFile, former: Records, purpose: str
) -> LoadedPeople:
    number_hashes = file.keyed_hashes(list(files.numbers), of="number")
    details_texts = [to_payload(kinds.PERSON, details).decode() for details in files.details]
    details_hashes = file.keyed_hashes(details_texts, of="details")
    entry_by_hash = {
        str(entry.event.facts["number_hmac"]): entry
        for entry in desk.open_ledger().entries(kinds=(kinds.PERSON,))
    }
    former_details = former.details_by_number()
    is_new = [number not in entry_by_hash for number in number_hashes]
    is_changed = [
        not new and former_details.get(number) != details
        for new, number, details in zip(is_new, number_hashes, details_hashes, strict=True)
    ]
    entries = [entry_by_hash.get(number) for number in number_hashes]
    pseudonyms = [entry.event.subject if entry else draw_pseudonym(desk.draw_key) for entry in entries]
    seqs = [entry.seq if entry else 0 for entry in entries]
    rows = [row for row, flags in enumerate(zip(is_new, is_changed, strict=True)) if any(flags)]
    for row, seq in zip(
        rows, _record_people(desk, files, rows, pseudonyms, number_hashes, purpose), strict=True
    ):
        seqs[row] = seq
    words = [match_word(details["name"], details.get("born_on", "")) for details in files.details]
    word_hashes = file.keyed_hashes(words, of="match")
    match_hashes = [word_hash if word else "" for word, word_hash in zip(words, word_hashes, strict=True)]
    rows_to_record = set(rows)
    is_unchanged = [row not in rows_to_record for row in range(len(pseudonyms))]
    keys = PersonKeys(pseudonyms, number_hashes, details_hashes, match_hashes, seqs, is_unchanged)
    case_rows = desk.open_ledger().state_rows("case")
    people_with_case = [str(row["subject"]) for row in case_rows if row["state"] != "purged"]
    records = build_records(files, keys, former, people_with_case)
    file.write(records)
    return LoadedPeople(
        len(pseudonyms),
        sum(is_new),
        sum(is_changed),
        records.events.num_rows,
        files.columns_left_out,
        records.data_sha256,
    )


def _record_people(
    desk: Desk,
    files: PeopleFiles,
    rows: Sequence[int],
    pseudonyms: Sequence[str],
    number_hashes: Sequence[str],
    purpose: str,
) -> Iterator[int]:
    """Record these people with their details; yields the entry of each."""
    to_append = (
        EventToAppend(
            make_event(
                desk,
                kinds.PERSON,
                purpose=purpose,
                subject=pseudonyms[row],
                facts={"number_hmac": number_hashes[row], "source_sha256": files.persons_sha256},
            ),
            to_payload(kinds.PERSON, {"person_number": files.numbers[row], **files.details[row]}),
        )
        for row in rows
    )
    return _append(desk.open_ledger(), to_append)


def _append(ledger: Ledger, to_append: Iterator[EventToAppend]) -> Iterator[int]:
    batch = []
    for event in to_append:
        batch.append(event)
        if len(batch) == EVENTS_AT_ONCE:
            yield from (entry.seq for entry in ledger.append(batch))
            batch = []
    yield from (entry.seq for entry in ledger.append(batch))


def draw_pseudonym(draw_key: Callable[[], bytes]) -> str:
    """A random pseudonym that says nothing; it has a digit in it, as a ledger asks."""
    while True:
        pseudonym = f"P-{draw_key().hex()[:PSEUDONYM_DIGITS]}"
        if is_pseudonym(pseudonym):
            return pseudonym


def read_details(desk: Desk, records: Records, person: str, *, purpose: str) -> Mapping[str, str]:
    """Name, birth date, address and wishes of a person; the access is recorded before they are read.

    Raises CaseError where they were erased.
    """
    check_purpose(purpose)
    row = records.row_of(person)
    seq = records.people["seq"][row].as_py()
    payload = read_payload(desk, seq, subject=person, purpose=purpose)
    if payload is None:
        fault = Fault(person, "the details were erased", "there is nothing to do: the case is over")
        raise CaseError("The details are gone", (fault,))
    details: Mapping[str, str] = json.loads(payload)
    return details
