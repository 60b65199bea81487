"""One row of a log as the facts of an event, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from becalm.ledger.event import Fact
from becalm.ledger.event_kinds import FACT_TYPES, FactField, fits
from becalm.record.files.log_mapping import PLACED, ChosenMapping
from becalm.record.files.log_places import Grid, metres
from becalm.record.files.log_times import Refusal, read_instant
from becalm.terms import Fault

FLAGS = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row: its line as an editor shows it, when it happened, and the facts of its event."""

    line: int
    occurred_at: datetime
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class _Gathered:
    facts: dict[str, Fact] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads rows by one mapping, in one city, at one time."""

    chosen: ChosenMapping
    grid: Grid | None
    zone: ZoneInfo
    now: datetime

    def read(self, line: int, cells: Mapping[str, str]) -> tuple[LogRow | None, list[Fault]]:
        """The row, or None with all its faults. `cells` are its fields by the names of their columns."""
        found = _Gathered()
        part = self.chosen.mapping.occurred_at
        when = read_instant(cells[part.column], part, self.zone, now=self.now)
        if isinstance(when, tuple):
            found.faults.append(_fault(line, part.column, cells[part.column], when))
        self._take_facts(line, cells, found)
        self._take_place(line, cells, found)
        if not found.faults and _backwards(found.facts):
            found.faults.append(Fault(f"row {line}", "ends before it starts", "correct one of its times"))
        if isinstance(when, tuple) or found.faults:
            return None, found.faults
        return LogRow(line, when, found.facts), []

    def _take_facts(self, line: int, cells: Mapping[str, str], found: _Gathered) -> None:
        mapping, fields = self.chosen.mapping, self.chosen.kind.field_by_name
        given = {
            **{name: ("", text) for name, text in mapping.constants.items()},
            **{name: (c, cells.get(c, "")) for name, c in {**mapping.facts, **mapping.optional}.items()},
        }
        for name, (column, text) in given.items():
            if not text and not fields[name].is_needed:
                continue
            value = self._value(fields[name], text)
            if not isinstance(value, tuple):
                found.facts[name] = value
            elif column != mapping.occurred_at.column:  # whose fault is told already
                found.faults.append(_fault(line, column, text, value))

    def _value(self, fact: FactField, text: str) -> str | int | bool | Refusal:
        if not text:
            return "is empty", f"fill it: {fact.meaning}"
        if fact.type == "instant":
            when = read_instant(text, self.chosen.mapping.occurred_at, self.zone, now=self.now)
            return when if isinstance(when, tuple) else f"{when:%Y-%m-%dT%H:%M:%SZ}"
        if fact.type == "whole":
            return metres(text)
        value: str | bool | None = FLAGS.get(text.casefold()) if fact.type == "flag" else text
        if value is None or not fits(value, fact.type):
            return "does not fit", f"give {FACT_TYPES[fact.type].description}"
        return value

    def _take_place(self, line: int, cells: Mapping[str, str], found: _Gathered) -> None:
        part = self.chosen.mapping.place
        if part is None or self.grid is None or not (cells[part.x] or cells[part.y]):
            return
        place = self.grid(cells[part.x], cells[part.y])
        if isinstance(place[0], str):
            named = {"x": part.x, "y": part.y}.get(place[0], f"{part.x}, {part.y}")
            text = {"x": cells[part.x], "y": cells[part.y]}.get(place[0], f"{cells[part.x]}, {cells[part.y]}")
            found.faults.append(_fault(line, named, text, (place[1], place[2])))
        else:
            found.facts.update(zip(PLACED, place, strict=True))


def _fault(line: int, column: str, text: str, problem: Refusal) -> Fault:
    shown = f'{column} "{text:.60}"' if text else column
    return Fault(f"row {line}, {shown}", *problem)


def _backwards(facts: Mapping[str, Fact]) -> bool:
    start, end = facts.get("starts_at"), facts.get("ends_at")
    if not isinstance(start, str) or not isinstance(end, str):
        return False
    return datetime.fromisoformat(end) <= datetime.fromisoformat(start)
