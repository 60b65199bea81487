"""Under which rules is a list made, and what must be known of the places for them?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from ibis import Table

from becalm.archive.manifest import sha256_of
from becalm.desk import Desk
from becalm.find.core.place_facts import PlaceFacts, build_place_facts
from becalm.find.core.rules import Rules
from becalm.find.core.settings import FindSettings
from becalm.find.desk.override import overrides_of, standing_overrides
from becalm.find.files.rules import read_rules
from becalm.methods.place_set import PlaceSet
from becalm.tables import HourPolicy, PlaceCounts, PointCounts, count_week_hours, find_cell_boroughs
from becalm.terms import DayHours, PlaceDecision, UsageError

NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RulesAsked:
    """A file of rules, what was asked for beside it, and whether overrides in the ledger hold.

    `entries` names those that hold, whatever stands in the ledger now: so a list is repeated as it was.
    """

    file: Path | None = None
    floors: Mapping[str, int] = field(default_factory=lambda: NONE)
    caps: Mapping[str, int] = field(default_factory=lambda: NONE)
    hours: DayHours | None = None
    overrides: bool = False
    entries: tuple[int, ...] | None = None


def rules_of(desk: Desk, asked: RulesAsked, settings: FindSettings) -> Rules:
    """The rules of the file, those asked for beside it (which win area by area), and what is overridden.

    Raises
    ------
    UsageError
        where the file and an option differ in the count, the separation or the hours; or rules clash.
    InputError
        where the file is faulty.
    """
    rules = Rules(count=settings.count, separation_m=settings.separation_m)
    if asked.file is not None:
        rules = read_rules(asked.file, count=rules.count, separation_m=rules.separation_m)
        _refuse_two_answers(asked, rules, settings)
    return replace(
        rules,
        floors={**rules.floors, **asked.floors},
        caps={**rules.caps, **asked.caps},
        hours=asked.hours or rules.hours,
        decisions=(*rules.decisions, *_overrides(desk, asked)),
    )


def _overrides(desk: Desk, asked: RulesAsked) -> tuple[PlaceDecision, ...]:
    if asked.entries is not None:
        return overrides_of(desk, asked.entries)
    return standing_overrides(desk) if asked.overrides else ()


def facts_for(
    rules: Rules,
    incidents: Table,
    counts: PlaceCounts | PointCounts,
    places: PlaceSet | None,
    target: tuple[str, ...],
    policy: HourPolicy | None = None,
) -> PlaceFacts | None:
    """The areas and hours of all places, where a rule asks for them (counts by point come with places)."""
    if not (rules.areas or rules.hours):
        return None
    if places is not None or isinstance(counts, PointCounts):
        if places is None:
            return None
        return build_place_facts(incidents, places, range(places.size), target=target, policy=policy)
    columns, rows = np.unique(np.stack([counts.columns, counts.rows]), axis=1)
    of_target = incidents.filter(incidents.offence_group.isin(list(target)))
    return PlaceFacts(
        find_cell_boroughs(incidents, cell_m=counts.cell_m, cells=None),
        count_week_hours(of_target, cell_m=counts.cell_m, columns=columns, rows=rows, policy=policy),
    )


def rule_parameters(asked: RulesAsked, rules: Rules) -> dict[str, Any]:
    """What of the rules belongs to the record of the run; nothing where there are none."""
    made = {
        "rules_sha256": sha256_of(asked.file) if asked.file else None,
        "floors": dict(sorted(rules.floors.items())),
        "caps": dict(sorted(rules.caps.items())),
        "when": str(rules.hours) if rules.hours else None,
        "overrides": [d.entry for d in rules.decisions if d.entry],
    }
    return {name: value for name, value in made.items() if value}


def _refuse_two_answers(asked: RulesAsked, rules: Rules, settings: FindSettings) -> None:
    usual = FindSettings()
    pairs = (
        ("--count", settings.count, rules.count, usual.count),
        ("--separation-m", settings.separation_m, rules.separation_m, usual.separation_m),
        ("--when", asked.hours, rules.hours, None),
    )
    for option, given, written, default in pairs:
        if given not in (default, written) and written != default:
            raise UsageError(
                f"{asked.file} says {written} and {option} says {given}. "
                "Leave the option out, or mend the file."
            )
