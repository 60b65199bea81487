"""The rules of a list of hotspots from TOML: reviewed data with an author and a date."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field

from becalm.find.core.rules import Rules, read_hours
from becalm.terms import InputError, PlaceDecision
from becalm.workspace.recipes import Strict, check_recipe


class DecisionEntry(Strict):
    """One [[include]] or [[leave_out]] entry."""

    place: str = Field(min_length=1)
    reason: str = Field(min_length=3)


class AreaEntry(Strict):
    """One [areas.NAME] table."""

    floor: int = Field(default=0, ge=0)
    cap: int | None = Field(default=None, ge=0)


class RulesFile(Strict):
    """A file of rules."""

    author: str = Field(min_length=1)
    date: date
    count: int | None = Field(default=None, ge=1)
    separation_m: float | None = Field(default=None, ge=0)
    when: str | None = None
    areas: dict[str, AreaEntry] = Field(default_factory=dict)
    include: tuple[DecisionEntry, ...] = ()
    leave_out: tuple[DecisionEntry, ...] = ()


def read_list_rules(path: Path, *, count: int, separation_m: float) -> Rules:
    """The rules in this file; `count` and `separation_m` hold where it names none.

    Raises
    ------
    InputError
        with every fault of the file.
    UsageError
        where its rules contradict each other.
    """
    read, faults = check_recipe(path, RulesFile)
    if read is None:
        raise InputError(f"{path}: the rules cannot be used", faults)

    def decision(entry: DecisionEntry, include: bool) -> PlaceDecision:
        return PlaceDecision(entry.place, include, entry.reason, by=read.author, on=read.date)

    return Rules(
        count=count if read.count is None else read.count,
        separation_m=separation_m if read.separation_m is None else read.separation_m,
        floors={name: area.floor for name, area in read.areas.items() if area.floor},
        caps={name: area.cap for name, area in read.areas.items() if area.cap is not None},
        decisions=(
            *(decision(entry, True) for entry in read.include),
            *(decision(entry, False) for entry in read.leave_out),
        ),
        hours=None if read.when is None else read_hours(read.when),
        author=read.author,
        written_on=read.date,
    )
