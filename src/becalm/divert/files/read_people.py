"""People and their events from csv or a workbook, by a mapping: only columns on the list are taken in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from becalm.divert.core import crime_events as words
from becalm.divert.files.records_file import EVENT_SCHEMA, PERSON_SCHEMA, Records
from becalm.formats.cells import DictionaryColumn, dictionary_encode
from becalm.formats.durable_files import sha256_of, sha256_of_text
from becalm.formats.mapped_rows import read_mapping
from becalm.formats.sheet import InputFile, Sheet
from becalm.formats.table_reader import read_sheet
from becalm.methods.arrays import Bools, Ints
from becalm.terms import Fault, InputError, suggest_word

NEEDED_PERSON: Final = ("person_number", "name", "born_on")
DETAIL_COLUMNS: Final = (
    *("name", "born_on", "address", "easting", "northing", "borough", "phone", "interpreter", "easy_read"),
    *("contact_wishes",),
)
PERSON_COLUMNS: Final = ("person_number", *DETAIL_COLUMNS)
NEEDED_EVENT: Final = ("person_number", "crime_ref", "occurred_on", "offence", "role", "found_by")
EVENT_COLUMNS: Final = (*NEEDED_EVENT, "status", "basis", "outcome", "owner", "live")
STEMS: Final = ("persons", "events")
MOST_FAULTS: Final = 20
LIVE_WORDS: Final = ("yes", "true", "1")
NO_DAY: Final = -(2**31)
FIRST_BIRTH: Final = date(1900, 1, 2)  # 1900-01-01 stands for "not known" in many systems
LAST_BIRTH: Final = date(2100, 1, 1)
MOST_LETTERS: Final = 500


@dataclass(frozen=True, slots=True)
class PeopleFiles:
    """What was read: the details of each person, and the events as the records file keeps them."""

    details: tuple[Mapping[str, str], ...]  # by the names of DETAIL_COLUMNS, empty ones left out
    numbers: tuple[str, ...]
    born_day: Ints
    events: pa.Table  # `person` is the index into numbers
    offence_words: tuple[str, ...]
    persons_sha256: str
    events_sha256: str
    columns_left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonKeys:
    """By what each person of a file is known, in the order of the file."""

    pseudonyms: Sequence[str]
    number_hashes: Sequence[str]
    details_hashes: Sequence[str]
    match_hashes: Sequence[str]  # of the match words; empty where there is none
    seqs: Sequence[int]  # the entry of the ledger that holds the details
    is_unchanged: Sequence[bool]  # the details are those of the last file, so that corrections stay


@dataclass
class _Columns:
    """The columns of one file under our names, with the faults that were found in it."""

    sheet: Sheet
    by_name: dict[str, DictionaryColumn]
    faults: list[Fault]

    def __len__(self) -> int:
        return int(self.sheet.data.num_rows)

    def column(self, name: str) -> DictionaryColumn:
        """A column; blank cells where the file has none."""
        blank = DictionaryColumn(np.full(len(self), -1, np.int64), pa.array([], pa.string()))
        return self.by_name.get(name, blank)

    def refuse(self, is_faulty: Bools, problem: str, remedy: str, column: str) -> None:
        """Note the first rows that have this fault."""
        rows = np.flatnonzero(is_faulty)
        for row in rows[:MOST_FAULTS]:
            place = f"{self.sheet.name}, row {self.sheet.lines[row]}"
            cell_text = (
                "" if column in DETAIL_COLUMNS else f" {self.column(column).text(int(row)) or ''!r:.60}"
            )
            self.faults.append(Fault(place, f"{column}{cell_text} {problem}", remedy))

    def codes(self, name: str, allowed_words: Sequence[str], default: str) -> Ints:
        """The cells of a column as indexes into the words that are allowed."""
        column = self.column(name)
        code_by_word = {word: code for code, word in enumerate(allowed_words)}
        code_of_value = [code_by_word.get(value.casefold(), -1) for value in column.values]
        codes = np.array([*code_of_value, code_by_word[default]], np.int64)[column.codes]
        shown_words = ", ".join(filter(None, allowed_words))
        self.refuse(codes < 0, "is no word of ours", f"write one of {shown_words}", name)
        return np.maximum(codes, 0)

    def days(self, name: str) -> Ints:
        """The cells of a column as days since 1970; `NO_DAY` where blank."""
        column = self.column(name)
        days = np.array([*(_parse_day(value) for value in column.values), NO_DAY], np.int64)[column.codes]
        self.refuse((days == NO_DAY) & ~column.is_blank, "is no day", "write 2020-05-31", name)
        return days


def _parse_day(text: str) -> int:
    try:
        return (date.fromisoformat(text[:10]) - words.EPOCH).days
    except ValueError:
        return NO_DAY


def is_birth_date(text: str) -> bool:
    """Can somebody alive have been born on this day, as 1990-05-31? Days that stand for none do not count."""
    try:
        return FIRST_BIRTH <= date.fromisoformat(text) <= LAST_BIRTH
    except ValueError:
        return False


def _refuse_strange_people(columns: _Columns, born_day: Ints) -> None:
    """Note birth dates that stand for none, numbers that differ by case alone, and cells without sense."""
    if not len(columns):
        columns.faults.append(Fault(columns.sheet.name, "names nobody", "fetch the file again"))
    first_day, last_day = ((day - words.EPOCH).days for day in (FIRST_BIRTH, LAST_BIRTH))
    is_strange = (born_day != NO_DAY) & ((born_day < first_day) | (born_day > last_day))
    columns.refuse(is_strange, "is no birth date", "leave it blank where it is not known", "born_on")
    numbers = columns.column("person_number")
    plain_numbers = ["".join(number.casefold().split()) for number in numbers.values]
    code_by_number = {number: code for code, number in enumerate(dict.fromkeys(plain_numbers))}
    plain_codes = np.array([*(code_by_number[number] for number in plain_numbers), -1], np.int64)
    is_alike = _is_repeated(plain_codes[numbers.codes]) & ~_is_repeated(numbers.codes)
    problem, remedy = "is another one but for case or spaces", "keep one row for each person"
    columns.refuse(is_alike, problem, remedy, "person_number")
    for name in PERSON_COLUMNS:
        is_unfit = columns.column(name).passes(
            lambda text: len(text) > MOST_LETTERS or not text.replace("\n", " ").isprintable()
        )
        problem = f"has more than {MOST_LETTERS} letters, or signs that cannot be printed"
        columns.refuse(is_unfit, problem, "write what a form would hold", name)


def read_people(
    persons: Path, events: Path, *, mapping: Path | None = None, leave_out: Sequence[str] = ()
) -> PeopleFiles:
    """Read both files; nothing but the columns on the list is looked at.

    Raises InputError with every fault of both: a column that is not allowed and was not left out by name, a
    word that is none of ours, a person or an event that is there twice, an event of nobody.
    """
    names_by_file = read_mapping(mapping, STEMS)
    person_columns = _read(persons, NEEDED_PERSON, PERSON_COLUMNS, names_by_file.get("persons"), leave_out)
    event_columns = _read(events, NEEDED_EVENT, EVENT_COLUMNS, names_by_file.get("events"), leave_out)
    numbers = person_columns.column("person_number")
    name_column = person_columns.column("name")
    person_columns.refuse(name_column.is_blank, "is missing", "give each person a name", "name")
    person_columns.refuse(numbers.is_blank, "is missing", "give each person a number", "person_number")
    person_columns.refuse(
        _is_repeated(numbers.codes), "is there twice", "keep one row for each number", "person_number"
    )
    born_day = person_columns.days("born_on")
    _refuse_strange_people(person_columns, born_day)
    event_table, offence_words = _read_events(event_columns, numbers)
    faults = (*person_columns.faults, *event_columns.faults)
    if faults:
        raise InputError(
            f"The files have {len(faults)} {'fault' if len(faults) == 1 else 'faults'}; nothing was taken in",
            faults[: 2 * MOST_FAULTS],
        )
    return PeopleFiles(
        details=_details(person_columns),
        numbers=tuple(str(numbers.text(row)) for row in range(len(person_columns))),
        born_day=born_day,
        events=event_table,
        offence_words=offence_words,
        persons_sha256=sha256_of(persons),
        events_sha256=sha256_of(events),
        columns_left_out=tuple(leave_out),
    )


def _read(
    path: Path,
    needed_columns: Sequence[str],
    allowed_columns: Sequence[str],
    names: Mapping[str, str] | None,
    leave_out: Sequence[str],
) -> _Columns:
    """The allowed columns of one file.

    Raises InputError where one is missing, or there is one that is not on the list.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file. Name a csv, a workbook or a Parquet file.")
    sheet = read_sheet(InputFile(path.name, path, "", date.min))
    our_names = {theirs: ours for ours, theirs in (names or {}).items()}
    faults = [Fault(f"{path.name}, row {b.row}", b.reason, b.remedy) for b in sheet.broken_rows]
    by_name = {}
    for head in sheet.columns:
        name = our_names.get(head, head)
        if name in allowed_columns:
            by_name[name] = dictionary_encode(sheet.data[head])
        elif head not in leave_out:
            remedy = f"take it out of the file, or leave it out by name: `leave_out {head}`"
            faults.append(Fault(path.name, f"the column {head!r} is not allowed", remedy))
    for name in needed_columns:
        if name not in by_name:
            remedy = suggest_word(name, sheet.columns) + " Or name it in the mapping"
            faults.append(Fault(path.name, f"has no column {name!r}", remedy))
    if any(name not in by_name for name in needed_columns):
        raise InputError(f"{path.name} cannot be read; nothing was taken in", tuple(faults))
    return _Columns(sheet, by_name, faults)


def _is_repeated(codes: Ints) -> Bools:
    order = np.argsort(codes, kind="stable")
    is_repeated = np.zeros(len(codes), np.bool_)
    is_repeated[order[1:]] = (codes[order[1:]] == codes[order[:-1]]) & (codes[order[1:]] >= 0)
    return is_repeated


def _read_events(columns: _Columns, numbers: DictionaryColumn) -> tuple[pa.Table, tuple[str, ...]]:
    person_of_number = {numbers.text(row): row for row in range(len(numbers.codes))}
    their_numbers = columns.column("person_number")
    person = np.array([*(person_of_number.get(n, -1) for n in their_numbers.values), -1], np.int64)
    person = person[their_numbers.codes]
    columns.refuse(
        person < 0,
        "is nobody in the file of people",
        "add the person, or leave the event out",
        "person_number",
    )
    crime = columns.column("crime_ref")
    columns.refuse(crime.is_blank, "is missing", "give the number of the crime", "crime_ref")
    day = columns.days("occurred_on")
    columns.refuse(columns.column("occurred_on").is_blank, "is missing", "write 2020-05-31", "occurred_on")
    offence = columns.column("offence")
    columns.refuse(offence.is_blank, "is missing", "name the offence", "offence")
    codes = {
        "role": columns.codes("role", words.ROLES, "witness"),
        "status": columns.codes("status", words.STATUSES, ""),
        "basis": columns.codes("basis", words.BASES, "fact"),
        "found_by": columns.codes("found_by", words.SOURCES, "unknown"),
        "outcome": columns.codes("outcome", words.OUTCOMES, ""),
    }
    is_suspect = codes["role"] < len(words.SUSPECT_ROLES)
    columns.refuse(
        is_suspect & (codes["status"] == 0),
        "is missing",
        "say how far the case against the suspect went",
        "status",
    )
    key = (person * (max(len(crime.values), 1) + 1) + crime.codes) * len(words.ROLES) + codes["role"]
    columns.refuse(_is_repeated(key), "is there twice for one person and role", "keep one row", "crime_ref")
    live = columns.column("live").passes(lambda word: word.casefold() in LIVE_WORDS)
    owner = columns.column("owner").arrow().fill_null("")
    values = {"person": person, "crime": crime.codes, "day": day, "offence": offence.codes, **codes}
    arrays = {name: pa.array(array).cast(EVENT_SCHEMA.field(name).type) for name, array in values.items()}
    texts = {"crime_ref": crime.arrow(), "owner": owner, "live": pa.array(live)}
    return pa.table(arrays | texts, schema=EVENT_SCHEMA), offence.values


def _details(columns: _Columns) -> tuple[Mapping[str, str], ...]:
    texts = {name: columns.column(name) for name in DETAIL_COLUMNS}
    return tuple(
        {name: text for name, column in texts.items() if (text := column.text(row))}
        for row in range(len(columns))
    )


def build_records(
    files: PeopleFiles, keys: PersonKeys, former: Records, people_with_case: Collection[str] = ()
) -> Records:
    """The records with these people and events in the place of the former ones; joins and sentences stay.

    Whoever has a case stays too, without events, where the files no longer name the person: otherwise nobody
    could take the person out, or answer what is asked.
    """
    split_people = {s.other_person for s in former.splits if s.person in set(keys.pseudonyms)}
    kept_people = former.take_people({*people_with_case, *split_people} - set(keys.pseudonyms))
    pseudonyms = [*keys.pseudonyms, *kept_people["person"].to_pylist()]
    row_of_person = {person: row for row, person in enumerate(pseudonyms)}
    main_of_person = former.main_of_person()
    main_row_of_person = [
        row_of_person.get(main_of_person.get(person, person), row) for row, person in enumerate(pseudonyms)
    ]
    born_day = _keep_corrected_days(files.born_day, keys, former)
    is_known = born_day != NO_DAY
    people = pa.table(
        {
            "person": pa.array(keys.pseudonyms, pa.string()),
            "number_hmac": pa.array(keys.number_hashes, pa.string()),
            "details_hmac": pa.array(keys.details_hashes, pa.string()),
            "match_hmac": pa.array(keys.match_hashes, pa.string()),
            "born_day": pa.array(np.where(is_known, born_day, 0), pa.int32(), mask=~is_known),
            "seq": pa.array(keys.seqs, pa.int64()),
            "main": pa.array(main_row_of_person[: len(keys.pseudonyms)], pa.int32()),
        },
        schema=PERSON_SCHEMA,
    )
    all_people = pa.concat_tables([people, kept_people])
    main_column = pa.array(main_row_of_person, pa.int32())
    records = replace(
        former,
        people=all_people.set_column(all_people.column_names.index("main"), "main", main_column),
        events=files.events,
        offence_words=files.offence_words,
        data_sha256=sha256_of_text(f"{files.persons_sha256} {files.events_sha256}"),
    )
    return records.with_splits()


def _keep_corrected_days(born_day: Ints, keys: PersonKeys, former: Records) -> Ints:
    """The birth days of a file; where its details are those of the last one, the day that the records hold.

    A birth date that was put right at request is not undone by the file that has it wrong.
    """
    former_day = dict(zip(former.people["person"].to_pylist(), former.born_day.tolist(), strict=True))
    return np.array(
        [
            former_day.get(person, day) if is_unchanged else day
            for person, day, is_unchanged in zip(
                keys.pseudonyms, born_day.tolist(), keys.is_unchanged, strict=True
            )
        ],
        np.int64,
    )
