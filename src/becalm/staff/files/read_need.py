"""Needs, pins and wishes from csv. All faults come together."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from becalm.formats.mapped_rows import Rows, read_rows
from becalm.staff.core.need import TourNeed
from becalm.staff.core.roster_problem import Wishes
from becalm.staff.core.rule_book import REST_DAY, RuleBook
from becalm.terms import InputError, suggest_word

NEED_COLUMNS = ("command_unit", "day", "tour", "officers")
WISH_COLUMNS = ("officer", "day", "tour", "kind")
WISH_KINDS = ("pin", "off", "offer")


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


def read_wishes(path: Path, rules: RuleBook, staff_numbers: Sequence[str]) -> Wishes:
    """Pinned tours, days that officers ask to have off, and rest days that they offer."""
    rows = read_rows(path, WISH_COLUMNS)
    tours, known_numbers = [REST_DAY, *(kind.tour for kind in rules.tours)], set(staff_numbers)
    pins: dict[tuple[str, date], str] = {}
    days_off: set[tuple[str, date]] = set()
    offers: set[tuple[str, date]] = set()
    for row in range(len(rows)):
        number, tour, kind = (rows.text(name, row) for name in ("officer", "tour", "kind"))
        day = rows.parse("day", row, date.fromisoformat, "day (YYYY-MM-DD)")
        if number not in known_numbers:
            rows.refuse(row, f"officer {number!r} is unknown", "correct the staff number")
        if kind not in WISH_KINDS:
            rows.refuse(row, f"kind {kind!r} is unknown", suggest_word(kind, WISH_KINDS))
        if kind == "pin" and tour not in tours:
            rows.refuse(row, f"tour {tour!r} is unknown", suggest_word(tour, tours))
        if not isinstance(day, date):
            continue
        if kind == "pin":
            if pins.setdefault((number, day), tour) != tour:
                rows.refuse(row, f"{number} is pinned to two tours on {day}", "keep one")
        else:
            (days_off if kind == "off" else offers).add((number, day))
    _check(rows, path)
    return Wishes(pins, frozenset(days_off), frozenset(offers))


def _check(rows: Rows, path: Path) -> None:
    if rows.faults:
        fault_noun = "fault" if len(rows.faults) == 1 else "faults"
        raise InputError(f"{path.name} has {len(rows.faults)} {fault_noun}", tuple(rows.faults))
