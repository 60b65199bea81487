"""Officers, the published roster and absences from csv or xlsx, by a mapping. All faults come together."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from becalm.formats.durable_files import sha256_of
from becalm.formats.mapped_rows import Rows, read_mapping, read_rows
from becalm.ledger.event_kinds import is_pseudonym
from becalm.methods.arrays import Bools, Ints
from becalm.staff.core.force import UNPUBLISHED, Officer, Span, State
from becalm.staff.core.rule_book import REST_DAY, RuleBook
from becalm.terms import Fault, InputError, suggest_word

OFFICER_COLUMNS = ("staff_number", "rank", "command_unit")
ROSTER_COLUMNS = ("staff_number", "day", "tour", "published_on")
SPAN_COLUMNS = ("staff_number", "from", "until", "state", "recorded_at")
NEEDED_COLUMNS = {"officers": OFFICER_COLUMNS, "roster": ROSTER_COLUMNS, "availability": SPAN_COLUMNS}
FILE_STEMS = tuple(NEEDED_COLUMNS)
TABLE_ENDINGS = (".csv", ".xlsx")
STATES: tuple[State, ...] = get_args(State)
MOST_FAULTS = 40  # that are shown
RANKS = ("constable", "sergeant", "inspector", "chief inspector", "superintendent", "chief superintendent")


@dataclass(frozen=True, slots=True)
class StaffBook:
    """What was read: officers, their published roster, and the spans in which they are away."""

    officers: tuple[Officer, ...]
    first_day: date
    published: NDArray[np.int8]
    spans: tuple[Span, ...]
    sha256_of_file: Mapping[str, str]


def read_staff(
    folder: Path, rules: RuleBook, *, command_units: Sequence[str], zone: str, mapping: Path | None = None
) -> StaffBook:
    """Everything in a folder with officers, roster and availability (csv or xlsx).

    `mapping` is a TOML file that says under which name each of our columns stands: [officers],
    [roster] and [availability] with `our_name = "their name"`.

    Raises InputError with every fault of all three files.
    """
    names_by_file = read_mapping(mapping, FILE_STEMS)
    files = {stem: _find_file(folder, stem) for stem in FILE_STEMS}
    rows = {
        stem: read_rows(path, NEEDED_COLUMNS[stem], names_by_file.get(stem)) for stem, path in files.items()
    }
    officers = _read_officers(rows["officers"], rules, command_units)
    numbers = {officer.staff_number: row for row, officer in enumerate(officers)}
    first_day, published = _read_roster(rows["roster"], rules, numbers)
    _refuse_expired(rows["officers"], officers, first_day)
    spans = _read_spans(rows["availability"], numbers, zone)
    faults = tuple(fault for stem in FILE_STEMS for fault in rows[stem].faults)
    if faults:
        fault_noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(
            f"{folder.name} has {len(faults)} {fault_noun}; nothing was loaded", _choose_shown(faults, rows)
        )
    hashes = {path.name: sha256_of(path) for path in files.values()}
    return StaffBook(officers, first_day, published, spans, hashes)


def _choose_shown(faults: tuple[Fault, ...], rows: Mapping[str, Rows]) -> tuple[Fault, ...]:
    """All faults, or the first of each file where there are too many to show."""
    if len(faults) <= MOST_FAULTS:
        return faults
    return tuple(
        fault for stem in FILE_STEMS for fault in rows[stem].faults[: MOST_FAULTS // len(FILE_STEMS)]
    )


def read_officers(path: Path, rules: RuleBook, command_units: Sequence[str]) -> tuple[Officer, ...]:
    """The officers as the workspace keeps them.

    Raises InputError with every fault: the rules may have changed since they were taken in.
    """
    rows = read_rows(path, OFFICER_COLUMNS)
    officers = _read_officers(rows, rules, command_units)
    if rows.faults:
        raise InputError(f"{path.name} of the workspace has faults", tuple(rows.faults[:MOST_FAULTS]))
    return officers


def read_published(path: Path, rules: RuleBook, officers: Sequence[Officer]) -> StaffBook:
    """The published roster as the workspace keeps it: a row for each officer, a column for each day."""
    with path.open(encoding="utf-8", newline="") as file:
        head, *lines = csv.reader(file)
    number_of_name = {
        "": UNPUBLISHED,
        REST_DAY: 0,
        **{kind.tour: rules.tour_number(kind.tour) for kind in rules.tours},
    }
    unknown_names = {name for line in lines for name in line[1:]} - set(number_of_name)
    if unknown_names or [line[0] for line in lines] != [officer.staff_number for officer in officers]:
        raise InputError(
            f"{path.name} of the workspace does not fit the officers or rules. Load the staff again."
        )
    published = np.array([[number_of_name[name] for name in line[1:]] for line in lines], np.int8)
    return StaffBook(
        tuple(officers), date.fromisoformat(head[1]), published, (), {path.name: sha256_of(path)}
    )


def _find_file(folder: Path, stem: str) -> Path:
    for ending in TABLE_ENDINGS:
        if (folder / f"{stem}{ending}").is_file():
            return folder / f"{stem}{ending}"
    raise InputError(
        f"{folder} has no {stem}.csv or {stem}.xlsx. It must hold officers, roster and availability."
    )


def _read_officers(rows: Rows, rules: RuleBook, command_units: Sequence[str]) -> tuple[Officer, ...]:
    officers: dict[str, Officer] = {}
    known_skills = {need.skill for need in rules.skills}
    for row in range(len(rows)):
        number = rows.text("staff_number", row)
        if not is_pseudonym(number):
            rows.refuse(
                row, f"{number!r} is no staff number", "write up to three letters and a number, e.g. D1001"
            )
        if number in officers:
            rows.refuse(row, f"officer {number} is there twice", "keep one row for each officer")
        unit = rows.text("command_unit", row)
        if unit not in command_units:
            rows.refuse(row, f"command unit {unit!r} is unknown", suggest_word(unit, command_units))
        rank = rows.text("rank", row)
        if rank not in RANKS:
            rows.refuse(row, f"rank {rank!r} is unknown", suggest_word(rank, RANKS))
        officers[number] = Officer(
            staff_number=number,
            rank=rank,
            command_unit=unit,
            contracted_hours=_read_hours(rows, "contracted_hours", row) or 40.0,
            skills=_read_skills(rows, row, known_skills),
            is_tutor=rows.text("tutor", row) == "yes",
            recruit_since=_read_day(rows, "recruit_since", row),
            barred_tours=_read_tours(rows, "barred_tours", row, rules),
            unwelcome_tours=_read_tours(rows, "unwelcome_tours", row, rules),
            has_opted_out=rows.text("opted_out", row) == "yes",
            earlier_hours=_read_hours(rows, "earlier_hours", row),
        )
    for unit in sorted(set(command_units) - {officer.command_unit for officer in officers.values()}):
        rows.faults.append(Fault(rows.name, f"command unit {unit} has nobody", "add its officers"))
    return tuple(officers.values())


def _read_hours(rows: Rows, column: str, row: int) -> float | None:
    if not rows.text(column, row):
        return None
    hours = rows.parse(column, row, float, "number of hours")
    if isinstance(hours, float) and not 0 <= hours <= 2000:
        rows.refuse(row, f"{column} is {hours:g}", "give 0 or more hours")
    return hours if isinstance(hours, float) else None


def _read_day(rows: Rows, column: str, row: int) -> date | None:
    if not rows.text(column, row):
        return None
    day = rows.parse(column, row, date.fromisoformat, "day (YYYY-MM-DD)")
    return day if isinstance(day, date) else None


def _read_tours(rows: Rows, column: str, row: int, rules: RuleBook) -> tuple[str, ...]:
    names = [kind.tour for kind in rules.tours]
    tours = tuple(filter(None, rows.text(column, row).split(";")))
    for tour in tours:
        if tour not in names:
            rows.refuse(row, f"tour {tour!r} is unknown", suggest_word(tour, names))
    return tuple(tour for tour in tours if tour in names)


def _read_skills(rows: Rows, row: int, known_skills: set[str]) -> Mapping[str, date | None]:
    """Skills as `driver:2021-08-01;first aid`: each with the day on which it expires, if it does."""
    skills: dict[str, date | None] = {}
    for entry in filter(None, rows.text("skills", row).split(";")):
        skill, _, expiry = entry.partition(":")
        if skill.strip() not in known_skills:
            rows.refuse(row, f"skill {skill.strip()!r} is unknown", suggest_word(skill, sorted(known_skills)))
        try:
            skills[skill.strip()] = date.fromisoformat(expiry.strip()) if expiry else None
        except ValueError:
            rows.refuse(row, f"skill {entry!r} has no day of expiry", "write driver:2021-08-01")
    return skills


def _refuse_expired(rows: Rows, officers: Sequence[Officer], first_day: date) -> None:
    """Refuse skills that had expired before the roster begins: they count on none of its days."""
    officer_by_number = {officer.staff_number: officer for officer in officers}
    for row in range(len(rows)):
        for skill, expiry in officer_by_number[rows.text("staff_number", row)].skills.items():
            if expiry is not None and expiry <= first_day:
                problem = f"skill {skill} expired on {expiry}, before the roster begins on {first_day}"
                rows.refuse(row, problem, "write the new day of expiry, or take the skill out")


def _read_roster(rows: Rows, rules: RuleBook, numbers: Mapping[str, int]) -> tuple[date, NDArray[np.int8]]:
    """The roster as numbers of tours; distinct texts are read once, so that 100,000 rows take a moment."""
    tour_names = [REST_DAY, *(kind.tour for kind in rules.tours)]
    officer_of_row = _code_texts(
        rows, "staff_number", numbers, "is an officer who is not in the list", "add the officer"
    )
    tour_of_row = _code_texts(
        rows,
        "tour",
        {n: i for i, n in enumerate(tour_names)},
        "is no tour of the rules",
        f"write one of {', '.join(tour_names)}",
    )
    ordinals = {column: _day_ordinals(rows, column) for column in ("day", "published_on")}
    is_good = (officer_of_row >= 0) & (tour_of_row >= 0) & (ordinals["day"] > 0)
    if not is_good.any():
        return date.min, np.zeros((len(numbers), 0), np.int8)
    notice_days = int(rules.value("roster_notice_days"))
    first_notice = ordinals["day"][is_good].min() - ordinals["published_on"][is_good]
    late_rows = np.flatnonzero(is_good)[
        (first_notice < notice_days) & (ordinals["published_on"][is_good] > 0)
    ]
    for row in late_rows[:1]:
        rows.refuse(
            int(row),
            f"{len(late_rows)} rows were published less than {notice_days} days before the roster begins",
            "load a roster that was published in time",
        )
    first, last = int(ordinals["day"][is_good].min()), int(ordinals["day"][is_good].max())
    if last - first > 800:
        rows.faults.append(Fault(rows.name, f"covers {last - first} days", "give two years at most"))
        return date.fromordinal(first), np.zeros((len(numbers), 0), np.int8)
    published = np.full((len(numbers), last - first + 1), UNPUBLISHED, np.int8)
    flat_cell_index = officer_of_row[is_good] * published.shape[1] + ordinals["day"][is_good] - first
    for row in np.flatnonzero(is_good)[_repeats(flat_cell_index)][:MOST_FAULTS]:
        rows.refuse(
            int(row),
            f"{rows.text('staff_number', int(row))} has two tours on {rows.text('day', int(row))}",
            "keep one",
        )
    published.ravel()[flat_cell_index] = tour_of_row[is_good]
    return date.fromordinal(first), published


def _repeats(places: Ints) -> Bools:
    order = np.argsort(places, kind="stable")
    is_repeat = np.zeros(len(places), np.bool_)
    is_repeat[order[1:]] = places[order[1:]] == places[order[:-1]]
    return is_repeat


def _code_texts(rows: Rows, column: str, codes: Mapping[str, int], problem: str, remedy: str) -> Ints:
    """The code of each cell, -1 where it has none; one fault for each text that has none."""
    texts = rows.columns[column]
    code_of_text = {text: codes.get(text, -1) for text in set(texts)}
    unknown_texts = {text for text, code in code_of_text.items() if code < 0}
    for text in sorted(unknown_texts)[:MOST_FAULTS]:
        rows.refuse(texts.index(text), f"{text!r} {problem}", remedy)
    return np.array([code_of_text[text] for text in texts], np.int64)


def _day_ordinals(rows: Rows, column: str) -> Ints:
    texts = rows.columns[column]
    ordinal_of_text: dict[str, int] = {}
    for text in set(texts):
        try:
            ordinal_of_text[text] = date.fromisoformat(text[:10]).toordinal()
        except ValueError:
            ordinal_of_text[text] = -1
            rows.refuse(texts.index(text), f"{column} {text!r} is no day", "write YYYY-MM-DD")
    return np.array([ordinal_of_text[text] for text in texts], np.int64)


def _read_spans(rows: Rows, numbers: Mapping[str, int], zone: str) -> tuple[Span, ...]:
    spans: list[tuple[int, Span]] = []
    for row in range(len(rows)):
        since, until = (
            rows.parse(name, row, parse_half_day, "day, or day and noon (2020-05-04 12:00)")
            for name in ("from", "until")
        )
        recorded_at = rows.parse("recorded_at", row, datetime.fromisoformat, "time (2020-05-04 05:30)")
        number, state = rows.text("staff_number", row), rows.text("state", row)
        _check_names(rows, row, number, state, numbers)
        if (
            not isinstance(since, datetime)
            or not isinstance(until, datetime)
            or not isinstance(recorded_at, datetime)
        ):
            continue
        if until <= since:
            rows.refuse(
                row, f"ends on {until:%Y-%m-%d}, not after {since:%Y-%m-%d}", "give the first day back"
            )
        aware_at = recorded_at if recorded_at.tzinfo else recorded_at.replace(tzinfo=ZoneInfo(zone))
        recall_on, donor = _read_day(rows, "recall_on", row), rows.text("donor", row)
        if state == "freed":
            _check_freed(rows, row, donor, recall_on, until)
        if state in STATES:
            spans.append((row, Span(number, since, until, state, aware_at, donor, recall_on)))
    for row, problem in _find_overlaps(spans):
        rows.refuse(row, problem, "correct one of them, or record the later one later")
    return tuple(span for _, span in spans)


def _check_names(rows: Rows, row: int, number: str, state: str, numbers: Mapping[str, int]) -> None:
    if number not in numbers:
        rows.refuse(row, f"{number!r} is an officer who is not in the list", "add the officer")
    if state not in STATES:
        rows.refuse(row, f"state {state!r} is unknown", suggest_word(state, STATES))


def _check_freed(rows: Rows, row: int, donor: str, recall_on: date | None, until: datetime) -> None:
    """Whoever is freed comes from somewhere, and goes back on a day: the state cannot last beyond it."""
    if not donor or recall_on is None:
        rows.refuse(row, "is freed, without a donor or a day of recall", "fill in donor and recall_on")
    elif until.date() > recall_on:
        problem = f"is freed until {until:%Y-%m-%d}, and recalled on {recall_on}"
        rows.refuse(row, problem, "end the state on the day of recall")


def parse_half_day(text: str) -> datetime:
    """A local midnight or noon; raises ValueError for any other time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo or moment.hour not in (0, 12) or moment.minute or moment.second:
        raise ValueError(text)
    return moment


def _find_overlaps(spans: Sequence[tuple[int, Span]]) -> Iterator[tuple[int, str]]:
    """Spans of one officer that overlap and were recorded at the same time: nobody can say which holds."""
    sorted_spans = sorted(
        spans, key=lambda entry: (entry[1].staff_number, entry[1].recorded_at, entry[1].since)
    )
    for (_, earlier), (row, later) in pairwise(sorted_spans):
        is_same = (earlier.staff_number, earlier.recorded_at) == (later.staff_number, later.recorded_at)
        if is_same and later.since < earlier.until:
            yield (
                row,
                f"{later.staff_number} is {later.state} and {earlier.state} on {later.since:%Y-%m-%d}",
            )
