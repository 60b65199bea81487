"""What was taken in about people, under pseudonyms, in one enciphered file of the workspace.

`divert/records.sealed` holds who is known under which keyed hash, when they were born, and their events; and
the sentences of decisions, so that a copied one is noticed. No name is in it: names and addresses are details
of the ledger. The key stands beside it in `link.key`: without it nobody finds a pseudonym from a number
again, and the file cannot be read.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from becalm.divert.core.crime_events import (
    BASES,
    EPOCH,
    OUTCOMES,
    ROLES,
    SOURCES,
    STATUSES,
    CrimeEvents,
    EventRow,
    sort_rows,
)
from becalm.formats.durable_files import make_private_folder, open_private, write_durably
from becalm.ledger.store.payloads import read_payload_key
from becalm.methods.arrays import Ints
from becalm.terms import CaseError, Fault, QuestionError

FOLDER: Final = "divert"
RECORDS, KEY, LOCK = "records.sealed", "link.key", ".lock"
NONCE_BYTES: Final = 12
PERSON_SCHEMA: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("person", "number_hmac", "details_hmac", "match_hmac")),
        ("born_day", pa.int32()),  # since 1970; null where nobody knows
        ("seq", pa.int64()),  # the entry of the ledger that holds name and address
        ("main", pa.int32()),  # the row that this one was joined to; its own where it was not
    ]
)
EVENT_SCHEMA: Final = pa.schema(
    [
        *((name, pa.int32()) for name in ("person", "crime", "day", "offence")),
        *((name, pa.int8()) for name in ("role", "status", "basis", "found_by", "outcome")),
        *((name, pa.string()) for name in ("crime_ref", "owner")),
        ("live", pa.bool_()),
    ]
)
REASON_SCHEMA: Final = pa.schema([("person", pa.string()), ("sentence", pa.string())])
CODE_COLUMNS: Final = {
    "role": ROLES,
    "status": STATUSES,
    "basis": BASES,
    "found_by": SOURCES,
    "outcome": OUTCOMES,
}


@dataclass(frozen=True, slots=True)
class Split:
    """One record that held two people: which crimes are the other's, and which stay."""

    person: str
    other_person: str
    moved_crimes: tuple[str, ...]
    kept_crimes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Records:
    """The three tables of the file, and the words and hashes that they were read with."""

    people: pa.Table
    events: pa.Table
    reasons: pa.Table
    offence_words: tuple[str, ...] = ()
    data_sha256: str = ""  # of the files of people and events together
    splits: tuple[Split, ...] = ()

    @property
    def born_day(self) -> Ints:
        """The birth days since 1970; the least number where unknown."""
        return np.asarray(pc.fill_null(self.people["born_day"], -(2**31)).to_numpy(), np.int64)

    @property
    def main(self) -> Ints:
        """For each row of people, the row of the person whom it was joined to."""
        return np.asarray(self.people["main"].to_numpy(), np.int64)

    def details_by_number(self) -> dict[str, str]:
        """The keyed hash of each person's details by that of the number."""
        columns = (self.people[name].to_pylist() for name in ("number_hmac", "details_hmac"))
        return dict(zip(*columns, strict=True))

    def main_of_person(self) -> dict[str, str]:
        """For each pseudonym, that of the record that it was joined to."""
        pseudonyms = self.people["person"].to_pylist()
        return {person: pseudonyms[row] for person, row in zip(pseudonyms, self.main.tolist(), strict=True)}

    def match_word_by_person(self) -> dict[str, str]:
        """The keyed match word of each record that was not joined to another; empty where there is none."""
        names, words = (self.people[name].to_pylist() for name in ("person", "match_hmac"))
        mains = self.main.tolist()
        return {person: words[row] for row, person in enumerate(names) if mains[row] == row}

    def person_at(self, row: int) -> str:
        """The pseudonym of a row."""
        return str(self.people["person"][row].as_py())

    def sentences(self) -> list[str]:
        """The sentences of all decisions that are still kept, of this case and of others."""
        return [str(sentence) for sentence in self.reasons["sentence"].to_pylist()]

    def row_of(self, person: str) -> int:
        """The row of this pseudonym, or of the record that it was joined to.

        Raises CaseError where nobody is known by it.
        """
        position = pc.index(self.people["person"], person).as_py()
        if position < 0:
            raise CaseError(
                "Nobody is known by this pseudonym; nothing was recorded",
                (Fault("person", f"{person!r} is unknown", "take it from `becalm divert list`"),),
            )
        return int(self.main[position])

    def crime_events(self) -> CrimeEvents:
        """All events as arrays; those of records that were joined are one person's."""
        columns = {
            name: np.asarray(self.events[name].to_numpy(), np.int64)
            for name in ("person", "crime", "day", "offence", *CODE_COLUMNS)
        }
        columns["person"] = self.main[columns["person"]]
        return CrimeEvents(**columns, offence_words=self.offence_words)

    def rows_of_person(self, row: int) -> list[EventRow]:
        """The events of one person, newest first."""
        records = np.flatnonzero(self.main == row)
        is_theirs = pc.is_in(self.events["person"], pa.array(records, pa.int32()))
        rows = [self._event_row(values) for values in self.events.filter(is_theirs).to_pylist()]
        return sort_rows(rows)

    def _event_row(self, values: dict[str, object]) -> EventRow:
        def word(name: str) -> str:
            return CODE_COLUMNS[name][int(str(values[name]))]

        return EventRow(
            crime_ref=str(values["crime_ref"]),
            occurred_on=EPOCH + timedelta(days=int(str(values["day"]))),
            offence=self.offence_words[int(str(values["offence"]))],
            owner=str(values["owner"]),
            is_live=bool(values["live"]),
            role=word("role"),
            status=word("status"),
            basis=word("basis"),
            found_by=word("found_by"),
            outcome=word("outcome"),
        )

    def without(self, people: set[str]) -> Records:
        """The same records without these people and all that was joined to them."""
        pseudonyms = self.people["person"].to_pylist()
        main = self.main
        is_gone = np.array(
            [pseudonyms[row] in people or pseudonyms[main[row]] in people for row in range(len(pseudonyms))],
            bool,
        )
        kept_rows = np.flatnonzero(~is_gone)
        new_row = np.cumsum(~is_gone) - 1
        kept_people = self.people.take(kept_rows)
        kept_people = _set(kept_people, "main", pa.array(new_row[main[kept_rows]], pa.int32()))
        persons = np.asarray(self.events["person"].to_numpy(), np.int64)
        events = self.events.filter(pa.array(~is_gone[persons])) if len(persons) else self.events
        persons = persons[~is_gone[persons]] if len(persons) else persons
        gone_names = {name for name, is_out in zip(pseudonyms, is_gone.tolist(), strict=True) if is_out}
        return replace(
            self,
            people=kept_people,
            events=_set(events, "person", pa.array(new_row[persons], pa.int32())),
            reasons=self.without_sentences(gone_names).reasons,
            splits=tuple(split for split in self.splits if split.person not in gone_names),
        )

    def take_people(self, people: set[str]) -> pa.Table:
        """The rows of these people."""
        return self.people.filter(pc.is_in(self.people["person"], pa.array(sorted(people), pa.string())))

    def without_sentences(self, people: set[str]) -> Records:
        """The same records without the sentences about these people."""
        is_theirs = pc.is_in(self.reasons["person"], pa.array(sorted(people), pa.string()))
        return replace(self, reasons=self.reasons.filter(pc.invert(is_theirs)))

    def with_reason(self, person: str, sentence: str) -> Records:
        """The same records with one more sentence of a decision."""
        row = pa.table({"person": [person], "sentence": [sentence]}, schema=REASON_SCHEMA)
        return replace(self, reasons=pa.concat_tables([self.reasons, row]))

    def with_details_entry(self, person: str, seq: int, born_on: str | None) -> Records:
        """The same records after a correction: where the details stand now, and a birth day that changed."""
        row = self.people["person"].to_pylist().index(person)
        seqs, born = self.people["seq"].to_pylist(), self.people["born_day"].to_pylist()
        seqs[row] = seq
        if born_on is not None:
            born[row] = (date.fromisoformat(born_on) - EPOCH).days if born_on else None
        people = _set(self.people, "seq", pa.array(seqs, pa.int64()))
        return replace(self, people=_set(people, "born_day", pa.array(born, pa.int32())))

    def crimes_of_record(self, person: str) -> tuple[str, ...]:
        """The crimes of one record alone, without those that were joined to it."""
        row = self.people["person"].to_pylist().index(person)
        is_theirs = pc.equal(self.events["person"], row)
        return tuple(sorted(set(self.events["crime_ref"].filter(is_theirs).to_pylist())))

    def unassigned_crimes(self, person: str) -> tuple[str, ...]:
        """Crimes that came in after the record was split: whose of the two they are, nobody has said yet."""
        kept_crimes = {
            crime for split in self.splits if split.person == person for crime in split.kept_crimes
        }
        is_split = any(split.person == person for split in self.splits)
        return tuple(c for c in self.crimes_of_record(person) if c not in kept_crimes) if is_split else ()

    def with_split(self, split: Split, *, seq: int, number_hmac: str) -> Records:
        """The same records with some crimes of one record as another's; with none, they are one again."""
        names = self.people["person"].to_pylist()
        people = self.people
        if split.other_person not in names:
            blank = {"details_hmac": [""], "match_hmac": [""], "born_day": [None], "main": [len(names)]}
            values = {"person": [split.other_person], "number_hmac": [number_hmac], "seq": [seq], **blank}
            people = pa.concat_tables([people, pa.table(values, schema=PERSON_SCHEMA)])
        pair = (split.person, split.other_person)
        other_splits = tuple(s for s in self.splits if (s.person, s.other_person) != pair)
        splits = (*other_splits, split) if split.moved_crimes else other_splits
        return replace(self, people=people, splits=splits)._move_crimes(split)

    def with_splits(self) -> Records:
        """The same records, as they come from a file, with every split made again."""
        records = self
        for split in self.splits:
            records = records._move_crimes(split)
        return records

    def _move_crimes(self, split: Split) -> Records:
        """The events of both people, each with its own; those of somebody who is gone are left out."""
        row_by_name = {name: row for row, name in enumerate(self.people["person"].to_pylist())}
        first, second = row_by_name.get(split.person, -1), row_by_name.get(split.other_person, -1)
        persons = np.asarray(self.events["person"].to_numpy(), np.int64)
        is_theirs = np.isin(persons, [row for row in (first, second) if row >= 0])
        is_moved = np.asarray(pc.is_in(self.events["crime_ref"], pa.array(split.moved_crimes, pa.string())))
        persons = np.where(is_theirs, np.where(is_moved, second, first), persons)
        events = _set(self.events, "person", pa.array(persons, pa.int32()))
        return replace(self, events=events.filter(pa.array(persons >= 0)))

    def with_join(self, person: str, other_person: str | None) -> Records:
        """The same records with `person` joined to `other_person`; parted again where there is no other."""
        names = self.people["person"].to_pylist()
        main = self.main.copy()
        row = names.index(person)
        target = row if other_person is None else main[names.index(other_person)]
        main[main == row if other_person is not None else [row]] = target
        return replace(self, people=_set(self.people, "main", pa.array(main, pa.int32())))


EMPTY_RECORDS: Final = Records(
    PERSON_SCHEMA.empty_table(), EVENT_SCHEMA.empty_table(), REASON_SCHEMA.empty_table()
)


def _set(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), table.schema.field(name), values)


class RecordsFile:
    """The enciphered file of one workspace, and its key."""

    def __init__(self, workspace: Path, draw_key: Callable[[], bytes]) -> None:
        self.folder, self._draw_key = workspace / FOLDER, draw_key
        self.path = self.folder / RECORDS

    def _key(self, *, may_draw: bool = False) -> bytes:
        return read_payload_key(self.folder / KEY, self._draw_key, may_draw=may_draw)

    def keyed_hash(self, word: str, *, of: str, may_draw: bool = False) -> str:
        """The keyed hash of a number or of details: of use to nobody without the key."""
        return hmac.new(self._key(may_draw=may_draw), f"{of}\0{word}".encode(), hashlib.sha256).hexdigest()

    def keyed_hashes(self, words: list[str], *, of: str) -> list[str]:
        """The keyed hashes of many."""
        key = self._key(may_draw=True)
        return [hmac.digest(key, f"{of}\0{word}".encode(), "sha256").hex() for word in words]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes the file meanwhile."""
        make_private_folder(self.folder)
        with open(self.folder / LOCK, "a", opener=open_private) as lock_file:
            fcntl.flock(lock_file, fcntl.LOCK_EX)
            yield

    def read(self) -> Records:
        """What was taken in.

        Raises QuestionError where nothing was yet.
        """
        if not self.path.is_file():
            raise QuestionError(
                "No people have been taken in. Run `becalm divert load PERSONS EVENTS` first."
            )
        tables = self._decipher(self.path.read_bytes())
        metadata = json.loads((tables[1].schema.metadata or {})[b"becalm"])
        splits = tuple(
            Split(person, other_person, tuple(moved_crimes), tuple(kept_crimes))
            for person, other_person, moved_crimes, kept_crimes in metadata.get("splits", ())
        )
        words = tuple(metadata["offence_words"])
        people, events, reasons = tables
        return Records(people, events, reasons, words, metadata["data_sha256"], splits)

    def write(self, records: Records) -> None:
        """Put these records in the place of those that stand there, whole or not at all."""
        metadata = {
            "offence_words": list(records.offence_words),
            "data_sha256": records.data_sha256,
            "splits": [astuple(split) for split in records.splits],
        }
        events = records.events.replace_schema_metadata({"becalm": json.dumps(metadata)})
        make_private_folder(self.folder)
        write_durably(self.path, self._encipher((records.people, events, records.reasons)))

    def seal_row(self, person: str, body: bytes) -> bytes:
        """A row of another store enciphered under a key of its own, tied to the person."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = self._draw_key()[:NONCE_BYTES]
        return nonce + AESGCM(self._row_key()).encrypt(nonce, body, person.encode())

    def open_row(self, person: str, body: bytes) -> bytes:
        """Such a row in plain.

        Raises QuestionError where it was altered, or belongs to somebody else.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._row_key()).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], person.encode())
        except InvalidTag as error:
            raise QuestionError(
                "A row was altered, or the key is another. Put both back from a copy."
            ) from error

    def _row_key(self) -> bytes:
        return hmac.digest(self._key(), b"rows", "sha256")

    def _encipher(self, tables: tuple[pa.Table, ...]) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        parts = []
        for table in tables:
            buffer = io.BytesIO()
            pq.write_table(table, buffer, compression="zstd")
            parts.append(buffer.getvalue())
        lengths = np.array([len(part) for part in parts], "<u8").tobytes()
        nonce = self._draw_key()[:NONCE_BYTES]
        return nonce + AESGCM(self._file_key()).encrypt(nonce, lengths + b"".join(parts), RECORDS.encode())

    def _decipher(self, content: bytes) -> tuple[pa.Table, ...]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            plain = AESGCM(self._file_key()).decrypt(
                content[:NONCE_BYTES], content[NONCE_BYTES:], RECORDS.encode()
            )
        except InvalidTag as error:
            raise QuestionError(
                f"{self.path} was altered, or {KEY} is another key. Put file and key back from a copy."
            ) from error
        lengths = np.frombuffer(plain[:24], "<u8").tolist()
        starts = [24, 24 + lengths[0], 24 + lengths[0] + lengths[1]]
        return tuple(
            pq.read_table(io.BytesIO(plain[start : start + length]))
            for start, length in zip(starts, lengths, strict=True)
        )

    def _file_key(self) -> bytes:
        return hmac.digest(self._key(may_draw=not self.path.is_file()), b"records file", "sha256")
