"""What every question of find reads from the archive, and the places that it counts in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from ibis import Table
from shapely.geometry.base import BaseGeometry

from becalm.desk import Desk
from becalm.desk.coverage import gaps_of
from becalm.find.core.floating_boxes import BoxLand, PlacedBoxes, place_list_boxes
from becalm.find.core.location_uncertainty import (
    LocationUncertainty,
    has_moved_records,
    measure_location,
    warn_of_doubt,
    warn_of_points,
    warn_of_quality,
)
from becalm.find.core.place_splits import Split, apply_splits
from becalm.find.core.settings import FindSettings
from becalm.find.core.targets import Targets, choose_targets, merge_groups
from becalm.find.desk.harm import HarmChoice
from becalm.find.desk.rules import RulesAsked
from becalm.find.desk.units import PlacesAsked, UnitChoice, fit_unit, lay_box_land, lay_places
from becalm.find.files.splits import load_splits
from becalm.methods.place_set import PlaceSet
from becalm.tables import (
    PlaceCounts,
    PointCounts,
    Source,
    choose_source,
    count_places,
    count_points,
    count_points_per_cell,
    find_moved_points,
    list_months,
    select_gaps,
)
from becalm.terms import Gap, UsageError
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.offences import load_offences

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
    rules: RulesAsked = field(default_factory=RulesAsked)
    harm: HarmChoice = field(default_factory=HarmChoice)
    settings: FindSettings = field(default_factory=FindSettings)


def question_of(target: tuple[str, ...], *, count: int) -> FindQuestion:
    """So many places for these offences, with everything else as it comes."""
    return FindQuestion(target=target, settings=FindSettings(count=count))


@dataclass(frozen=True, slots=True)
class Field:
    """What is counted, and the places that compete; no places means the cells of the counts.

    With `land` boxes are laid on it: for a list on all months, which `laid` holds, for a back-test anew.
    `splits` are those by hand that apply.
    """

    counts: PlaceCounts | PointCounts
    places: PlaceSet | None
    location: LocationUncertainty | None
    warnings: tuple[str, ...] = ()
    land: BoxLand | None = None
    laid: PlacedBoxes | None = None
    splits: tuple[Split, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """What the record of a run keeps of splits by hand; nothing where none applies."""
        if not self.splits:
            return {}
        return {"splits": [{"place": s.place_id, "by": s.by, "on": s.on.isoformat()} for s in self.splits]}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What every question of find reads from the archive."""

    incidents: Table
    counts: PlaceCounts
    targets: Targets
    boundary: BaseGeometry | None
    unit: UnitChoice
    location: LocationUncertainty | None
    data: Mapping[str, str]
    warnings: tuple[str, ...]


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
    moved = find_moved_points(incidents, target=targets.target) if has_moved_records(counts) else None
    location = measure_location(moved) if moved else None
    unit, width_m, merged = fit_unit(question.unit, question.cell_m, location)
    if width_m != question.cell_m:
        counts = count_places(incidents, cell_m=width_m, months=months)
    points = count_points_per_cell(incidents, cell_m=width_m) if unit.is_grid else None
    boundaries = load_boundaries(desk.workspace)
    gaps = _gaps(desk, chosen, question, only)
    return Evidence(
        incidents=incidents,
        counts=counts,
        targets=targets,
        boundary=boundaries.outline if boundaries else None,
        unit=unit,
        location=location,
        data=data,
        warnings=(
            *(f"coverage: {gap}" for gap in select_gaps(gaps, months, (source,))),
            *warn_of_quality(counts),
            *(warn_of_points(points) if points else ()),
            *warn_of_doubt(location),
            *merged,
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
    return list_months(first, last)


def lay_field(desk: Desk, evidence: Evidence) -> Field:
    """What is counted, in which places? Those that are split by hand stand in their parts."""
    splits = load_splits(desk.workspace)
    own = f"{evidence.counts.cell_m:g}m_"
    if evidence.unit.is_grid and not any(split.place_id.startswith(own) for split in splits):
        return Field(evidence.counts, None, evidence.location)
    if evidence.unit.unit == "box":
        return _lay_boxes(desk, evidence)
    return lay_shaped(desk, evidence, splits)


def lay_shaped(desk: Desk, evidence: Evidence, splits: Sequence[Split] = ()) -> Field:
    """Places of any shape, also the grid's own cells; each split one stands in its parts."""
    asked = _asked(desk, evidence)
    places = lay_places(asked)
    honoured = apply_splits(places, splits)
    notes = (*places.notes, *honoured.notes)
    return Field(asked.counts, honoured.places, evidence.location, notes, splits=honoured.splits)


def _lay_boxes(desk: Desk, evidence: Evidence) -> Field:
    asked = _asked(desk, evidence)
    land = lay_box_land(asked)
    return Field(asked.counts, None, evidence.location, land.squares.notes, land=land)


def _asked(desk: Desk, evidence: Evidence) -> PlacesAsked:
    return PlacesAsked(
        evidence.unit,
        count_points(evidence.incidents, months=evidence.counts.months),
        evidence.targets,
        width_m=evidence.counts.cell_m,
        boundary=evidence.boundary,
        crs=desk.workspace.city.crs,
    )


def lay_list_field(desk: Desk, evidence: Evidence, settings: FindSettings) -> Field:
    """The same for a list: boxes are laid on all months."""
    made = lay_field(desk, evidence)
    if made.land is None or not isinstance(made.counts, PointCounts):
        return made
    laid = place_list_boxes(made.land, made.counts, evidence.targets, settings)
    return replace(made, places=laid.places, laid=laid)
