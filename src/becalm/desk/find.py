"""Finding hotspots, and testing how well they would have been found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
from ibis import Table
from shapely.geometry.base import BaseGeometry

from becalm import __version__
from becalm.desk.core import Desk
from becalm.desk.coverage import gaps_of
from becalm.desk.find_units import UnitChoice, lay_places
from becalm.find.backtest import backtest as backtest_places
from becalm.find.describe import describe_places
from becalm.find.hotspots import find_hotspots as find_places
from becalm.find.settings import FindSettings
from becalm.find.targets import Targets, choose_targets, merge_groups
from becalm.find.warn import warn_of_points, warn_of_quality
from becalm.ingest.offences import load_offences
from becalm.publish.hotspots import hotspots_csv, hotspots_geojson, require_known_ending, write_hotspots
from becalm.store.boundaries import load_boundaries
from becalm.tables.cells import count_places, hour_profiles
from becalm.tables.coverage import gaps_within
from becalm.tables.place_facts import facts_of_places
from becalm.tables.place_set import PlaceSet
from becalm.tables.point_counts import PointCounts, count_points
from becalm.tables.sources import Source, choose_source
from becalm.tables.spots import boroughs_of_cells, points_per_cell
from becalm.tables.tally import PlaceCounts
from becalm.tables.totals import months_between
from becalm.terms.coverage import Gap
from becalm.terms.errors import UsageError
from becalm.terms.hotspot import Backtest, HotspotList
from becalm.terms.run import RunRecord

DEFAULT_CELL_M = 150.0


@dataclass(frozen=True, slots=True)
class FindQuestion:
    """Which offences, on which cells, learnt from which months of which source, as known when?

    Without `target`, all street violence. `since` and `until` are months, both included; without
    them, all months on record.
    """

    target: tuple[str, ...] = ()
    cell_m: float = DEFAULT_CELL_M
    since: str | None = None
    until: str | None = None
    source: str | None = None
    as_of: date | None = None
    unit: UnitChoice = field(default_factory=UnitChoice)
    settings: FindSettings = field(default_factory=FindSettings)


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


@dataclass(frozen=True, slots=True)
class Field:
    """What is counted, and the places that compete; no places means the cells of the counts."""

    counts: PlaceCounts | PointCounts
    places: PlaceSet | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What every question of find reads from the archive."""

    incidents: Table
    counts: PlaceCounts
    targets: Targets
    boundary: BaseGeometry | None
    data: Mapping[str, str]
    warnings: tuple[str, ...]


def find_hotspots(
    desk: Desk,
    question: FindQuestion,
    *,
    seed: int | None = None,
    only: Mapping[str, str] | None = None,
    out: Sequence[Path] = (),
) -> HotspotsFound:
    """Which places carry the target offences, and how sure is the list? Also written to `out`."""
    for path in out:
        require_known_ending(path)
    drawn = desk.draw_seed() if seed is None else seed
    evidence = gather(desk, question, only)
    field = _field(desk, question, evidence)
    listed = find_places(
        field.counts,
        evidence.targets,
        crs=desk.workspace.city.crs,
        boundary=evidence.boundary,
        places=field.places,
        settings=question.settings,
        rng=np.random.default_rng(drawn),
    )
    described = _describe(evidence, field, listed)
    warned = replace(described, warnings=(*evidence.warnings, *field.warnings, *described.warnings))
    found = HotspotsFound(warned, _run(desk, "find hotspots", question, drawn, evidence), evidence.boundary)
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
) -> BacktestDone:
    """How well would each method have foretold each of the last months?"""
    drawn = desk.draw_seed() if seed is None else seed
    evidence = gather(desk, question, only)
    field = _field(desk, question, evidence)
    tested = backtest_places(
        field.counts,
        evidence.targets,
        area_share=area_share,
        origins=origins,
        boundary=evidence.boundary,
        places=field.places,
        settings=question.settings,
        rng=np.random.default_rng(drawn),
    )
    warned = replace(tested, warnings=(*evidence.warnings, *field.warnings, *tested.warnings))
    extra = {"area_share": area_share, "origins": origins}
    return BacktestDone(warned, _run(desk, "find backtest", question, drawn, evidence, extra))


def gather(desk: Desk, question: FindQuestion, only: Mapping[str, str] | None = None) -> Evidence:
    """What do the records say for this question? Read from the archive, with what must be warned of."""
    files = desk.archive.files("incidents", as_of=question.as_of)
    chosen = choose_source(files, question.source, tables=("incidents",))
    source = chosen.key
    months = _months([f.month for f in files if f.source == source], question)
    wanted = [f for f in files if f.source == source and f.month in months]
    data = dict(only) if only is not None else {f.path: f.sha256 for f in wanted}
    incidents = desk.archive.table("incidents", only=data)
    counts = count_places(incidents, cell_m=question.cell_m, months=months)
    tables = load_offences(desk.workspace.offences_path).values()
    targets = choose_targets(merge_groups(tables, counts.groups), question.target)
    boundaries = load_boundaries(desk.workspace)
    gaps = _gaps(desk, chosen, question, only)
    points = points_per_cell(incidents, cell_m=question.cell_m)
    return Evidence(
        incidents=incidents,
        counts=counts,
        targets=targets,
        boundary=boundaries.outline if boundaries else None,
        data=data,
        warnings=(
            *(f"coverage: {gap}" for gap in gaps_within(gaps, months, (source,))),
            *warn_of_quality(counts),
            *warn_of_points(points),
        ),
    )


def _gaps(
    desk: Desk, source: Source, question: FindQuestion, only: Mapping[str, str] | None
) -> tuple[Gap, ...]:
    """What the source's records do not cover; a repeated run keeps to its own files and asks nothing else."""
    return gaps_of(desk, source, as_of=question.as_of) if only is None else ()


def _months(held: Sequence[str], question: FindQuestion) -> tuple[str, ...]:
    first = max(min(held), question.since or min(held))
    last = min(max(held), question.until or max(held))
    if first > last:
        raise UsageError(
            f"No month on record lies between {question.since or min(held)} and "
            f"{question.until or max(held)}: the source runs from {min(held)} to {max(held)}."
        )
    return months_between(first, last)


def _field(desk: Desk, question: FindQuestion, evidence: Evidence) -> Field:
    if question.unit.is_grid:
        return Field(evidence.counts, None)
    counts = count_points(evidence.incidents, months=evidence.counts.months)
    places = lay_places(
        question.unit,
        counts,
        evidence.targets,
        width_m=question.cell_m,
        boundary=evidence.boundary,
        crs=desk.workspace.city.crs,
    )
    return Field(counts, places, places.notes)


def _describe(evidence: Evidence, field: Field, listed: HotspotList) -> HotspotList:
    if field.places is not None:
        asked = [h.column for h in listed.hotspots]
        facts = facts_of_places(evidence.incidents, field.places, asked, target=listed.target)
        return describe_places(listed, boroughs=facts.boroughs, hours=facts.hours)
    cells = [(h.column, h.row) for h in listed.hotspots]
    columns, rows = np.array(cells, dtype=np.int64).T
    target = evidence.incidents.filter(evidence.incidents.offence_group.isin(list(listed.target)))
    return describe_places(
        listed,
        boroughs=boroughs_of_cells(evidence.incidents, cell_m=listed.cell_m, cells=cells),
        hours=hour_profiles(target, cell_m=listed.cell_m, columns=columns, rows=rows),
    )


def _run(
    desk: Desk,
    asked: str,
    question: FindQuestion,
    seed: int,
    evidence: Evidence,
    extra: Mapping[str, float | int] | None = None,
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
            **question.unit.parameters,
            **(extra or {}),
        },
        data=evidence.data,
    )
