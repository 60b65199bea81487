"""The folder of a roster: who works when, the tours for patrol, the moves, the need, and how it was made."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from becalm.formats.json_text import record_json
from becalm.formats.mapped_rows import Rows, read_rows
from becalm.render.pages import FolderKind
from becalm.render.spreadsheet import csv_text
from becalm.staff.core.administration import AdminDay, Administration
from becalm.staff.core.crews import BURST_SHARE, Crew
from becalm.staff.core.donors import DonorLack
from becalm.staff.core.fairness import DayChange
from becalm.staff.core.judge import WorkedTour
from becalm.staff.core.moves import Move, ShortTour
from becalm.staff.core.need import TourNeed
from becalm.staff.core.replans import PatrolTour
from becalm.staff.core.rule_book import REST_DAY, RuleBook
from becalm.staff.core.wishes import WishAnswer
from becalm.terms import InputError, RunRecord, suggest_word

ROSTER_COLUMNS: Final = ("staff_number", "day", "tour", "command_unit", "unit", "use", "start", "hours")
TOUR_COLUMNS: Final = (
    *("day", "unit", "area", "base", "mode", "start", "hours", "crew", "burst_share", "pair", "use"),
)
MOVE_COLUMNS: Final = ("officer", "day", "from", "to", "notice", "why")
NEED_COLUMNS: Final = ("command_unit", "day", "tour", "officers", "reason")
SHORT_COLUMNS: Final = ("command_unit", "day", "tour", "missing", "why")
WISH_COLUMNS: Final = ("officer", "day", "kind", "with", "outcome", "why")
ADMIN_COLUMNS: Final = tuple(field.name for field in fields(AdminDay))
DONOR_COLUMNS: Final = tuple(field.name for field in fields(DonorLack))
SUPERVISOR: Final = "supervisor"
LATER_NAMES: Final = frozenset({"sheets", "wishes.csv", "administration.csv", "donors.csv", "units.toml"})
ROSTER_FOLDER: Final = FolderKind("an earlier roster", record="run.json", later_names=LATER_NAMES)
ROSTER_NAMES: Final = ("roster.csv", "tours.csv", "moves.csv", "short.csv", "need.csv", "run.json")
MOST_FAULTS: Final = 40  # that are shown
UNPLACED_BASE: Final = "base {area}"


MoveRow = tuple[str, str, str, str, str, str]  # as moves.csv has it: MOVE_COLUMNS


@dataclass(frozen=True, slots=True)
class RosterDocument:
    """A roster with all that its folder says."""

    first_day: date
    days: int
    crews: tuple[Crew, ...]
    resting: tuple[tuple[str, date, str], ...]  # staff number, day, command unit
    moves: tuple[Move, ...]
    short_tours: tuple[ShortTour, ...]
    needs: tuple[TourNeed, ...]
    run: RunRecord
    bases: Mapping[str, str]  # the base of each command unit, where units.toml names one
    units_head: str  # areas and bases of the workspace's units, as TOML; empty where it has none
    administration: Administration | None = None
    wishes: tuple[WishAnswer, ...] = ()
    donor_lacks: tuple[DonorLack, ...] = ()
    earlier_moves: tuple[MoveRow, ...] = ()  # of the roster that this one was made from at short notice

    @property
    def all_crews(self) -> tuple[Crew, ...]:
        """The crews of the roster, and those who do administration because they may do nothing else."""
        return (*self.crews, *(self.administration.crews if self.administration else ()))


def roster_csv(document: RosterDocument) -> str:
    """Every officer on every day, rest days too."""
    rows: list[tuple[object, ...]] = [
        (
            officer.staff_number,
            crew.day,
            crew.tour,
            crew.command_unit,
            crew.unit,
            crew.use,
            f"{crew.start:%H:%M}",
            f"{crew.hours:g}",
            crew.supervisor,
        )
        for crew in document.crews
        for officer in crew.officers
    ]
    rows += [(number, day, REST_DAY, unit, "", "", "", "", "") for number, day, unit in document.resting]
    rows.sort(key=lambda row: (str(row[0]), str(row[1])))
    return csv_text((*ROSTER_COLUMNS, SUPERVISOR), rows)


def tours_csv(document: RosterDocument) -> str:
    """The crews for patrol, without a name: day, unit, area, base, mode, start, hours, size, use."""
    rows = [
        (
            crew.day, crew.unit, crew.command_unit,
            document.bases.get(crew.command_unit, UNPLACED_BASE.format(area=crew.command_unit)),
            _mode(crew), f"{crew.start:%H:%M}", f"{crew.hours:g}",
            len(crew.officers), BURST_SHARE, "", crew.use,
        )
        for crew in document.all_crews
    ]  # fmt: skip
    return csv_text(TOUR_COLUMNS, rows)


def roster_files(document: RosterDocument) -> dict[str, str | bytes]:
    """Every file of the folder by name."""
    texts = {
        "roster.csv": roster_csv(document),
        "tours.csv": tours_csv(document),
        "moves.csv": csv_text(MOVE_COLUMNS, _move_rows(document)),
        "short.csv": csv_text(
            SHORT_COLUMNS, [(s.command_unit, s.day, s.tour, s.missing, s.why) for s in document.short_tours]
        ),
        "need.csv": need_csv(document.needs),
        "run.json": record_json(document.run),
    }
    if document.wishes:
        texts["wishes.csv"] = csv_text(WISH_COLUMNS, map(_wish_row, document.wishes))
    if document.administration:
        texts["administration.csv"] = csv_text(
            ADMIN_COLUMNS, [astuple(day) for day in document.administration.days]
        )
    if document.donor_lacks:
        texts["donors.csv"] = csv_text(DONOR_COLUMNS, map(_donor_row, document.donor_lacks))
    if document.units_head:
        texts["units.toml"] = units_toml(document)
    return dict(texts)


def _move_rows(document: RosterDocument) -> list[MoveRow]:
    """Every change against the published roster: those that were made at short notice come after others.

    A day that was changed before keeps what was published first; one that is back to it, or that the officer
    can no longer work, is no change.
    """
    tours = {
        (officer.staff_number, str(crew.day)): crew.tour
        for crew in document.crews
        for officer in crew.officers
    }
    rows = {row[:2]: row for row in document.earlier_moves if tours.get(row[:2], REST_DAY) == row[3]}
    published = {row[:2]: row[2] for row in document.earlier_moves}
    for move in document.moves:
        key = (move.staff_number, str(move.day))
        old = published.get(key, move.old)
        rows[key] = (*key, old, move.new, move.notice.notice_class, move.why)
        if key in published and old == move.new:
            del rows[key]
    return sorted(rows.values(), key=lambda row: (row[1], row[0]))


def _donor_row(lack: DonorLack) -> tuple[object, ...]:
    return (lack.donor, lack.day, lack.officers, f"{lack.hours:g}", lack.recall_on or "")


def _wish_row(wish: WishAnswer) -> tuple[object, ...]:
    outcome = "granted" if wish.is_granted else "not granted"
    return (wish.staff_number, wish.day, wish.kind, wish.partner, outcome, wish.why)


def need_csv(needs: Sequence[TourNeed]) -> str:
    """The need of each tour, with its reason, as `becalm staff allocate` reads it."""
    return csv_text(NEED_COLUMNS, [(n.command_unit, n.day, n.tour, n.officers, n.reason) for n in needs])


def units_toml(document: RosterDocument) -> str:
    """The units for `becalm patrol`: areas and bases of the workspace, and the dated tours beside them."""
    opening = f"# Made by `becalm staff allocate` for {document.days} days from {document.first_day}.\n"
    return f'{opening}tours = "tours.csv"\n{document.units_head}'


def units_head(areas: Sequence[Any], bases: Sequence[Any]) -> str:
    """Areas and bases as TOML."""
    lines = []
    for area in areas:
        lines += ["", "[[areas]]", f"area = {json.dumps(area.area, ensure_ascii=False)}"]
        lines.append(f"boroughs = {json.dumps(list(area.boroughs), ensure_ascii=False)}")
    for base in bases:
        lines += ["", "[[bases]]", f"base = {json.dumps(base.base, ensure_ascii=False)}"]
        lines += [f"easting_m = {base.easting_m!r}", f"northing_m = {base.northing_m!r}"]
    return "\n".join(lines) + "\n"


def sha256_of_roster(document: RosterDocument) -> str:
    """The hash of who works when."""
    return hashlib.sha256(roster_csv(document).encode()).hexdigest()


def read_roster_folder(
    folder: Path, rules: RuleBook, *, zone: str, command_units: Sequence[str] = ()
) -> tuple[tuple[WorkedTour, ...], date, int]:
    """The tours of a roster, its first day and how many days it has.

    `command_units` are those that may appear in it; without them any may.

    Raises InputError with every row that cannot be read.
    """
    path = folder / "roster.csv"
    if not path.is_file():
        raise InputError(f"{folder} holds no roster.csv. Name the folder that `becalm staff allocate` wrote.")
    rows = read_rows(path, ROSTER_COLUMNS)
    kind_names = {kind.tour for kind in rules.tours}
    tours: list[WorkedTour] = []
    days: list[date] = []
    for row in range(len(rows)):
        day = rows.parse("day", row, date.fromisoformat, "day (YYYY-MM-DD)")
        if isinstance(day, date):
            days.append(day)
            unit = rows.text("command_unit", row)
            if command_units and unit not in command_units:
                rows.refuse(row, f"command unit {unit!r} is unknown", suggest_word(unit, command_units))
            if rows.text("tour", row) != REST_DAY:
                tours += _read_tour(rows, row, day, kind_names, zone)
    if not days and not rows.faults:
        raise InputError(f"{path} holds no days. Name the folder that `becalm staff allocate` wrote.")
    if rows.faults:
        fault_noun = "fault" if len(rows.faults) == 1 else "faults"
        raise InputError(f"{path} has {len(rows.faults)} {fault_noun}", tuple(rows.faults[:MOST_FAULTS]))
    return tuple(tours), min(days), (max(days) - min(days)).days + 1


def _read_tour(rows: Rows, row: int, day: date, kind_names: set[str], zone: str) -> Iterator[WorkedTour]:
    start = rows.parse("start", row, time.fromisoformat, "time (06:00)")
    hours = rows.parse("hours", row, float, "number of hours")
    if rows.text("tour", row) not in kind_names:
        remedy = f"write one of {', '.join(sorted(kind_names))}"
        rows.refuse(row, f"tour {rows.text('tour', row)!r} is unknown", remedy)
    elif isinstance(hours, float) and not 0 < hours <= 24:
        rows.refuse(row, f"a tour of {hours:g} hours", "give more than 0 and at most 24")
    elif isinstance(start, time) and isinstance(hours, float):
        moment = datetime.combine(day, start, ZoneInfo(zone))
        words = (rows.text(name, row) for name in ("tour", "command_unit", "unit", "use", SUPERVISOR))
        yield WorkedTour(rows.text("staff_number", row), moment, hours, day, *words)


def read_move_rows(folder: Path) -> tuple[MoveRow, ...]:
    """The rows of a roster's moves.csv as they are."""
    rows = read_rows(folder / "moves.csv", MOVE_COLUMNS)
    texts = [tuple(rows.text(name, row) for name in MOVE_COLUMNS) for row in range(len(rows))]
    return cast("tuple[MoveRow, ...]", tuple(texts))


def read_moves(folder: Path) -> tuple[DayChange, ...]:
    """The changes that a roster's folder tells of; raises InputError with every row that cannot be read."""
    rows = read_rows(folder / "moves.csv", MOVE_COLUMNS)
    changes = []
    for row in range(len(rows)):
        day = rows.parse("day", row, date.fromisoformat, "day (YYYY-MM-DD)")
        if isinstance(day, date):
            number, old, new, notice = (rows.text(name, row) for name in ("officer", "from", "to", "notice"))
            changes.append(DayChange(number, day, old, new, notice))
    if rows.faults:
        raise InputError(f"moves.csv of {folder} has {len(rows.faults)} faults", tuple(rows.faults))
    return tuple(changes)


def read_patrol_tours(folder: Path) -> dict[tuple[date, str], PatrolTour]:
    """What patrol was given by a roster's folder; raises InputError with every row that cannot be read."""
    rows = read_rows(folder / "tours.csv", TOUR_COLUMNS)
    tours = {}
    for row in range(len(rows)):
        day = rows.parse("day", row, date.fromisoformat, "day (YYYY-MM-DD)")
        start = rows.parse("start", row, time.fromisoformat, "time (06:00)")
        if isinstance(day, date) and isinstance(start, time) and rows.text("use", row) == "patrol":
            tours[day, rows.text("unit", row)] = PatrolTour(start, rows.text("mode", row))
    if rows.faults:
        raise InputError(f"tours.csv of {folder} has {len(rows.faults)} faults", tuple(rows.faults))
    return tours


def list_patrol_tours(document: RosterDocument) -> dict[tuple[date, str], PatrolTour]:
    """What patrol is given by a roster."""
    return {
        (crew.day, crew.unit): PatrolTour(crew.start, _mode(crew))
        for crew in document.all_crews
        if crew.use == "patrol"
    }


def _mode(crew: Crew) -> str:
    return "vehicle" if crew.is_mobile else "foot"


def read_homes(folder: Path) -> dict[str, str]:
    """The command unit of each officer in the roster, as on the rest days; else of the first tour."""
    rows = read_rows(folder / "roster.csv", ROSTER_COLUMNS)
    homes: dict[str, str] = {}
    for row in range(len(rows)):
        number, unit = rows.text("staff_number", row), rows.text("command_unit", row)
        if rows.text("tour", row) == REST_DAY:
            homes[number] = unit
        else:
            homes.setdefault(number, unit)
    return homes


def read_short_tours(folder: Path) -> tuple[dict[str, str], ...]:
    """The tours that stay short, as the folder tells of them."""
    rows = read_rows(folder / "short.csv", SHORT_COLUMNS)
    return tuple({name: rows.text(name, row) for name in SHORT_COLUMNS} for row in range(len(rows)))
