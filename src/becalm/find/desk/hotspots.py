"""Finding hotspots, and testing how well they would have been found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry.base import BaseGeometry

from becalm import __version__
from becalm.desk import Desk
from becalm.find.core.backtest import backtest as backtest_places
from becalm.find.core.challenger import CHALLENGER, judge_challenger
from becalm.find.core.hotspots import find_hotspots as find_places
from becalm.find.core.place_facts import build_place_facts, describe_places
from becalm.find.core.plugin import BLEND, NamedFinder
from becalm.find.desk.finders import pick_finder
from becalm.find.desk.harm import harm_of, harm_parameters
from becalm.find.desk.inputs import (
    DEFAULT_CELL_M,
    Evidence,
    Field,
    FindQuestion,
    gather,
    lay_field,
    lay_list_field,
)
from becalm.find.desk.rules import facts_for, rule_parameters, rules_of
from becalm.find.files.hotspots import check_file_ending, hotspots_csv, hotspots_geojson, write_hotspots
from becalm.tables import HourPolicy, count_week_hours, find_cell_boroughs
from becalm.terms import Backtest, HotspotList, RunRecord

__all__ = [
    "DEFAULT_CELL_M",
    "BacktestDone",
    "FindQuestion",
    "HotspotsFound",
    "backtest",
    "find_hotspots",
]


@dataclass(frozen=True, slots=True)
class HotspotsFound:
    """A list, the record of the run that made it, and the boundary that it was clipped to (in metres)."""

    hotspots: HotspotList
    run: RunRecord
    boundary: BaseGeometry | None

    @property
    def geojson(self) -> str:
        """The list as GeoJSON in WGS84."""
        return hotspots_geojson(self.hotspots, run=self.run, boundary=self.boundary)

    @property
    def csv(self) -> str:
        """The list as CSV."""
        return hotspots_csv(self.hotspots)

    def write(self, paths: Sequence[Path]) -> None:
        """Write the list to each of these files, in the format that its ending names."""
        for path in paths:
            write_hotspots(path, self.hotspots, run=self.run, boundary=self.boundary)


@dataclass(frozen=True, slots=True)
class BacktestDone:
    """A back-test and the record of the run that made it."""

    backtest: Backtest
    run: RunRecord


def find_hotspots(
    desk: Desk,
    question: FindQuestion,
    *,
    seed: int | None = None,
    only: Mapping[str, str] | None = None,
    finder: str = BLEND,
    challenger: bool = False,
    out: Sequence[Path] = (),
) -> HotspotsFound:
    """Which places carry the target offences, and how sure is the list? Also written to `out`.

    With `challenger` the boosted trees choose the places, but only if their whole interval beats the blend in
    a back-test of the last year.
    """
    for path in out:
        check_file_ending(path)
    drawn = desk.draw_seed() if seed is None else seed
    finder, said = _after_trial(desk, question, drawn, only) if challenger else (finder, ())
    chosen_by = pick_finder(finder)
    evidence = gather(desk, question, only)
    rules = rules_of(desk, question.rules, question.settings)
    field = lay_list_field(desk, evidence, rules.apply_to(question.settings))
    harm = harm_of(
        desk,
        question.harm,
        evidence.incidents,
        targets=evidence.targets,
        source=evidence.counts.source,
        unit=evidence.unit.unit,
    )
    policy = HourPolicy(desk.workspace.city.time_zone, question.settings.longest_window_h)
    known = facts_for(rules, evidence.incidents, field.counts, field.places, evidence.targets.target, policy)
    listed = find_places(
        field.counts,
        evidence.targets,
        crs=desk.workspace.city.crs,
        boundary=evidence.boundary,
        places=field.laid or field.places,
        location=field.location,
        settings=question.settings,
        rules=replace(rules, facts=known, harm=harm),
        finder=chosen_by,
        rng=np.random.default_rng(drawn),
    )
    described = _describe(evidence, field, listed, policy)
    warned = replace(described, warnings=(*said, *evidence.warnings, *field.warnings, *described.warnings))
    settled = replace(question, settings=rules.apply_to(question.settings))
    extra = {**rule_parameters(question.rules, rules), **_named(chosen_by), **field.parameters}
    extra |= harm_parameters(harm)
    run = _run(desk, "find hotspots", settled, drawn, evidence, extra)
    found = HotspotsFound(warned, run, evidence.boundary)
    found.write(out)
    return found


def backtest(
    desk: Desk,
    question: FindQuestion,
    *,
    area_share: float = 0.01,
    origins: int = 12,
    seed: int | None = None,
    only: Mapping[str, str] | None = None,
    finder: str = BLEND,
) -> BacktestDone:
    """How well would each method have foretold each of the last months? `finder` joins becalm's own."""
    also = pick_finder(finder)
    drawn = desk.draw_seed() if seed is None else seed
    evidence = gather(desk, question, only)
    field = lay_field(desk, evidence)
    tested = backtest_places(
        field.counts,
        evidence.targets,
        area_share=area_share,
        origins=origins,
        boundary=evidence.boundary,
        places=field.places,
        boxes=field.land,
        settings=question.settings,
        finder=also,
        rng=np.random.default_rng(drawn),
    )
    warned = replace(tested, warnings=(*evidence.warnings, *field.warnings, *tested.warnings))
    extra = {"area_share": area_share, "origins": origins, **_named(also), **field.parameters}
    return BacktestDone(warned, _run(desk, "find backtest", question, drawn, evidence, extra))


def _after_trial(
    desk: Desk, question: FindQuestion, seed: int, only: Mapping[str, str] | None
) -> tuple[str, tuple[str, ...]]:
    """Who may choose the places: the challenger where it won, else the blend; and why."""
    tested = backtest(desk, question, seed=seed, only=only, finder=CHALLENGER).backtest
    return judge_challenger(tested)


def _named(finder: NamedFinder | None) -> dict[str, str]:
    return {"finder": finder.name} if finder else {}


def _describe(evidence: Evidence, field: Field, listed: HotspotList, policy: HourPolicy) -> HotspotList:
    if field.places is not None:
        asked = [h.column for h in listed.hotspots]
        facts = build_place_facts(
            evidence.incidents, field.places, asked, target=listed.target, policy=policy
        )
        return describe_places(listed, boroughs=facts.boroughs, hours=facts.hours)
    cells = [(h.column, h.row) for h in listed.hotspots]
    columns, rows = np.array(cells, dtype=np.int64).T
    target = evidence.incidents.filter(evidence.incidents.offence_group.isin(list(listed.target)))
    return describe_places(
        listed,
        boroughs=find_cell_boroughs(evidence.incidents, cell_m=listed.cell_m, cells=cells),
        hours=count_week_hours(target, cell_m=listed.cell_m, columns=columns, rows=rows, policy=policy),
    )


def _run(
    desk: Desk,
    asked: str,
    question: FindQuestion,
    seed: int,
    evidence: Evidence,
    extra: Mapping[str, Any] | None = None,
) -> RunRecord:
    settings = question.settings
    return RunRecord(
        question=asked,
        version=__version__,
        seed=seed,
        made_at=desk.now(),
        as_of=question.as_of,
        parameters={
            "target": list(evidence.targets.target),
            "cell_m": question.cell_m,
            "since": question.since,
            "until": question.until,
            "source": question.source,
            "count": settings.count,
            "separation_m": settings.separation_m,
            "level": settings.level,
            "draws": settings.draws,
            "longest_window_h": settings.longest_window_h,
            **question.unit.parameters,
            **(extra or {}),
        },
        data=evidence.data,
    )
