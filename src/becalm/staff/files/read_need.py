"""Needs, freed hours, pins and wishes from csv. All faults come together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from becalm.formats.mapped_rows import Rows, read_rows
from becalm.staff.core.need import AdminNeed, TourNeed
from becalm.staff.core.released import DemandWeek
from becalm.staff.core.roster_problem import Wishes
from becalm.staff.core.rule_book import REST_DAY, RuleBook
from becalm.terms import Fault, InputError, suggest_word

NEED_COLUMNS = ("command_unit", "day", "tour", "officers")
WISH_COLUMNS = ("officer", "day", "tour", "kind")
WISH_KINDS = ("pin", "off", "offer", "swap", "crew")
ADMIN_COLUMNS = ("command_unit", "day", "hours")
RELEASED_COLUMNS = ("demand", "period", "week", "hours")
RELEASED_PERIODS = ("baseline", "now")
LEAST_WEEKS = 2  # of each demand in each period: an interval needs them


def read_need(path: Path, rules: RuleBook, command_units: Sequence[str]) -> tuple[TourNeed, ...]:
    """Officers wanted by command unit, day and tour; raises InputError with every fault."""
    rows = read_rows(path, NEED_COLUMNS)
    tours = [kind.tour for kind in rules.tours]
    needs = []
    for row in range(len(rows)):
        unit, tour = rows.text("command_unit", row), rows.text("tour", row)
        day = rows.parse("day", row, date.fromisoformat, "day (YYYY-MM-DD)")
        officers = rows.parse("officers", row, int, "whole number")
        if unit not in command_units:
            rows.refuse(row, f"command unit {unit!r} is unknown", suggest_word(unit, command_units))
        if tour not in tours:
            rows.refuse(row, f"tour {tour!r} is unknown", suggest_word(tour, tours))
        if isinstance(officers, int) and officers < 0:
            rows.refuse(row, f"{officers} officers are wanted", "give 0 or more")
        if isinstance(day, date) and isinstance(officers, int):
            needs.append(TourNeed(unit, day, tour, officers, rows.text("reason", row) or f"from {path.name}"))
    _check(rows, path)
    return tuple(needs)


def read_admin_need(path: Path, command_units: Sequence[str]) -> tuple[AdminNeed, ...]:
    """Hours of administration wanted by command unit and day; raises InputError with every fault."""
    rows = read_rows(path, ADMIN_COLUMNS)
    needs = []
    for row in range(len(rows)):
        unit = rows.text("command_unit", row)
        day = rows.parse("day", row, date.fromisoformat, "day (YYYY-MM-DD)")
        hours = _hours_of(rows, row)
        if unit not in command_units:
            rows.refuse(row, f"command unit {unit!r} is unknown", suggest_word(unit, command_units))
        if isinstance(day, date) and hours is not None:
            needs.append(AdminNeed(unit, day, hours))
    _check(rows, path)
    return tuple(needs)


def read_released(path: Path) -> tuple[DemandWeek, ...]:
    """Hours by demand and week, of the baseline and of now; raises InputError with every fault."""
    rows = read_rows(path, RELEASED_COLUMNS)
    weeks = []
    for row in range(len(rows)):
        demand, period, week = (rows.text(name, row) for name in ("demand", "period", "week"))
        hours = _hours_of(rows, row)
        if not demand:
            rows.refuse(row, "no demand is named", "write events, airport …")
        if period not in RELEASED_PERIODS:
            rows.refuse(row, f"period {period!r} is unknown", suggest_word(period, RELEASED_PERIODS))
        if hours is not None:
            weeks.append(DemandWeek(demand, period == "baseline", week, hours))
    rows.faults += _few_weeks(weeks, path.name)
    _check(rows, path)
    if not weeks:
        raise InputError(f"{path.name} has no rows. Give hours by demand and week.")
    return tuple(weeks)


def _few_weeks(weeks: Sequence[DemandWeek], file: str) -> Iterator[Fault]:
    """Each demand that has too few weeks for an interval."""
    counts = Counter((week.demand, week.is_baseline) for week in weeks)
    for demand in sorted({week.demand for week in weeks}):
        for is_baseline, period in ((True, "baseline"), (False, "now")):
            if counts[demand, is_baseline] < LEAST_WEEKS:
                problem = f"{demand} has {counts[demand, is_baseline]} weeks of period {period}"
                yield Fault(file, problem, f"give {LEAST_WEEKS} at least")


def _hours_of(rows: Rows, row: int) -> float | None:
    hours = rows.parse("hours", row, float, "number of hours")
    if isinstance(hours, float) and not 0 <= hours < 1e7:
        rows.refuse(row, f"hours are {hours:g}", "give 0 or more")
        return None
    return hours if isinstance(hours, float) else None


def read_wishes(path: Path, rules: RuleBook, staff_numbers: Sequence[str]) -> Wishes:
    """Pinned tours and crews, days asked off, rest days offered, and swaps; raises InputError."""
    rows = read_rows(path, WISH_COLUMNS)
    known_numbers = set(staff_numbers)
    pins: dict[tuple[str, date], str] = {}
    keys: dict[str, set[tuple[str, date]]] = {"off": set(), "offer": set()}
    pairs: dict[str, list[tuple[str, str, date]]] = {"swap": [], "crew": []}
    for row in range(len(rows)):
        _check_wish(rows, row, rules, known_numbers)
        number, tour, kind, partner = (rows.text(name, row) for name in ("officer", "tour", "kind", "with"))
        day = rows.parse("day", row, date.fromisoformat, "day (YYYY-MM-DD)")
        if not isinstance(day, date):
            continue
        if kind in pairs:
            pairs[kind].append((number, partner, day))
        elif kind in keys:
            keys[kind].add((number, day))
        elif pins.setdefault((number, day), tour) != tour:
            rows.refuse(row, f"{number} is pinned to two tours on {day}", "keep one")
    _check(rows, path)
    return Wishes(
        pins,
        frozenset(keys["off"]),
        frozenset(keys["offer"]),
        tuple(pairs["swap"]),
        tuple(pairs["crew"]),
    )


def _check_wish(rows: Rows, row: int, rules: RuleBook, known_numbers: set[str]) -> None:
    """Refuse names that nobody knows."""
    number, tour, kind, partner = (rows.text(name, row) for name in ("officer", "tour", "kind", "with"))
    tours = [REST_DAY, *(kind.tour for kind in rules.tours)]
    if number not in known_numbers:
        rows.refuse(row, f"officer {number!r} is unknown", "correct the staff number")
    if kind not in WISH_KINDS:
        rows.refuse(row, f"kind {kind!r} is unknown", suggest_word(kind, WISH_KINDS))
    if kind == "pin" and tour not in tours:
        rows.refuse(row, f"tour {tour!r} is unknown", suggest_word(tour, tours))
    if kind in ("swap", "crew") and (partner not in known_numbers or partner == number):
        rows.refuse(row, f"with {partner!r} names no other officer", "write a staff number")


def _check(rows: Rows, path: Path) -> None:
    if rows.faults:
        fault_noun = "fault" if len(rows.faults) == 1 else "faults"
        raise InputError(f"{path.name} has {len(rows.faults)} {fault_noun}", tuple(rows.faults))
