"""What every question of find reads from the archive, and the places that it counts in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ibis import Table
from shapely.geometry.base import BaseGeometry

from becalm import tables
from becalm.desk import Desk, gaps_of
from becalm.find.core import build_places, location_uncertainty
from becalm.find.core.floating_boxes import BoxLand, PlacedBoxes, place_list_boxes
from becalm.find.core.place_splits import Split, apply_splits
from becalm.find.core.request import PlaceOptions, RecordOptions
from becalm.find.core.settings import FindSettings, Targets, choose_targets, merge_groups
from becalm.find.core.stray_records import drop_strays
from becalm.find.files.splits import load_splits
from becalm.methods.place_set import Lattice, PlaceSet
from becalm.terms import UsageError
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.read_offence_tables import load_offences
from becalm.workspace.shapes import read_land, read_own_areas, read_street_lines

LEAST_SQUARE_M = 150.0  # the ground between boxes is kept in squares of at least so many metres


@dataclass(frozen=True, slots=True)
class FindInputs:
    """What every question of find reads from the archive; `places` are those that these records allow."""

    incidents: Table
    counts: tables.PlaceCounts
    targets: Targets
    boundary: BaseGeometry | None
    places: PlaceOptions
    location: location_uncertainty.LocationUncertainty | None
    data: Mapping[str, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StudyRegion:
    """What is counted, and the places that compete; no places means the cells of the counts.

    With `box_land` boxes are placed on it: for a list on all months, as `boxes` holds them, for a back-test
    again. `splits` are those by hand that apply.
    """

    counts: tables.PlaceCounts | tables.PointCounts
    places: PlaceSet | None = None
    warnings: tuple[str, ...] = ()
    box_land: BoxLand | None = None
    boxes: PlacedBoxes | None = None
    splits: tuple[Split, ...] = ()

    def with_boxes(self, targets: Targets, settings: FindSettings) -> StudyRegion:
        """The same with boxes placed on all months, where boxes compete."""
        if self.box_land is None or not isinstance(self.counts, tables.PointCounts):
            return self
        list_boxes = place_list_boxes(self.box_land, self.counts, targets, settings)
        return replace(self, places=list_boxes.places, boxes=list_boxes)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the record of a run keeps of splits by hand; nothing where none applies."""
        if not self.splits:
            return {}
        return {"splits": [{"place": s.place_id, "by": s.by, "on": s.on.isoformat()} for s in self.splits]}


def load_inputs(
    desk: Desk, records: RecordOptions, places: PlaceOptions, only: Mapping[str, str] | None = None
) -> FindInputs:
    """What do the records say for this question? Read from the archive, with what must be warned of.

    `only` pins the answer to exactly these archive files (path to SHA-256): a repeated run keeps to its own
    files and asks nothing else.
    """
    archive_files = desk.archive.files("incidents", as_of=records.as_of)
    record_source = tables.choose_source(archive_files, records.source, tables=("incidents",))
    source_files = [file for file in archive_files if file.source == record_source.key]
    used_months = _select_months([file.month for file in source_files], records)
    pins = only if only is not None else {f.path: f.sha256 for f in source_files if f.month in used_months}
    incident_table = desk.archive.table("incidents", only=dict(pins))
    place_counts = tables.count_places(incident_table, cell_m=places.cell_m, months=used_months)
    offence_tables = load_offences(desk.workspace.offences_path).values()
    targets = choose_targets(merge_groups(offence_tables, place_counts.groups), records.target)
    location = None
    if location_uncertainty.has_moved_records(place_counts):
        location = location_uncertainty.measure_location(
            tables.find_moved_points(incident_table, target=targets.target)
        )
    fitted_places, size_warnings = location_uncertainty.fit_place_size(places, location)
    if fitted_places.cell_m != places.cell_m:
        place_counts = tables.count_places(incident_table, cell_m=fitted_places.cell_m, months=used_months)
    boundaries = load_boundaries(desk.workspace)
    city_outline = boundaries.outline if boundaries else None
    place_counts, stray_warnings = (place_counts, ()) if city_outline else drop_strays(place_counts)
    source_gaps = gaps_of(desk, record_source, as_of=records.as_of) if only is None else ()
    warnings = (
        *(f"coverage: {gap}" for gap in tables.select_gaps(source_gaps, used_months, (record_source.key,))),
        *location_uncertainty.warn_of_quality(place_counts),
        *(
            location_uncertainty.warn_of_points(
                tables.count_points_per_cell(incident_table, cell_m=fitted_places.cell_m)
            )
            if fitted_places.is_grid
            else ()
        ),
        *location_uncertainty.warn_of_doubt(location),
        *size_warnings,
        *stray_warnings,
    )
    return FindInputs(
        incident_table, place_counts, targets, city_outline, fitted_places, location, dict(pins), warnings
    )


def _select_months(recorded_months: Sequence[str], records: RecordOptions) -> tuple[str, ...]:
    first, last = min(recorded_months), max(recorded_months)
    since, until = records.since or first, records.until or last
    if max(first, since) > min(last, until):
        raise UsageError(
            f"No month on record lies between {since} and {until}: the source runs from {first} to {last}."
        )
    return tables.list_months(max(first, since), min(last, until))


def define_region(desk: Desk, inputs: FindInputs, *, needs_shapes: bool = False) -> StudyRegion:
    """What is counted, in which places? Those that are split by hand stand in their parts.

    The grid's own cells are counted without a shape each, unless one is split or `needs_shapes`.
    """
    place_splits = load_splits(desk.workspace)
    cell_prefix = f"{inputs.places.cell_m:g}m_"
    has_split_cell = any(split.place_id.startswith(cell_prefix) for split in place_splits)
    if inputs.places.is_grid and not (has_split_cell or needs_shapes):
        return StudyRegion(inputs.counts)
    counts_by_point = tables.count_points(inputs.incidents, months=inputs.counts.months)
    if inputs.boundary is None:
        counts_by_point, _ = drop_strays(counts_by_point)  # said where the cells were counted
    excluded_land = _read_excluded(desk, inputs.places)
    if inputs.places.unit == "box":
        box_land = _build_box_land(inputs, counts_by_point, excluded_land)
        return StudyRegion(counts_by_point, warnings=box_land.squares.notes, box_land=box_land)
    unsplit_places = _build_places(desk, inputs, counts_by_point)
    if excluded_land is not None:
        unsplit_places = build_places.exclude_land(unsplit_places, excluded_land)
    split_places = apply_splits(unsplit_places, place_splits)
    place_notes = (*unsplit_places.notes, *split_places.notes)
    return StudyRegion(counts_by_point, split_places.places, place_notes, splits=split_places.splits)


def _build_places(desk: Desk, inputs: FindInputs, counts: tables.PointCounts) -> PlaceSet:
    """The places that compete, in the workspace's metres."""
    places, boundary, city_crs = inputs.places, inputs.boundary, desk.workspace.city.crs
    if places.unit == "own":
        places_path = Path(places.places or "")
        own_areas = read_own_areas(
            places_path, crs=city_crs, id_column=places.id_column, file_crs=places.places_crs
        )
        return build_places.build_own_places(own_areas.names, own_areas.shapes, boundary)
    if places.unit == "segment":
        street_lines = read_street_lines(Path(places.places or ""), crs=city_crs)
        return build_places.build_street_places(
            street_lines, boundary, junction_m=places.junction_m, snap_m=places.snap_m
        )
    if places.unit == "h3":
        return build_places.build_h3_places(
            counts, inputs.targets, boundary, places.h3_resolution, crs=city_crs
        )
    tile_lattice = Lattice(
        "hexagon" if places.unit == "hexagon" else "square", places.cell_m, places.turn_deg
    )
    return build_places.build_tiles(tile_lattice, counts, inputs.targets, boundary)


def _build_box_land(
    inputs: FindInputs, counts: tables.PointCounts, excluded_land: BaseGeometry | None
) -> BoxLand:
    """The land on which boxes may be placed."""
    square_side_m = inputs.places.cell_m
    square_tiles = build_places.build_tiles(
        Lattice("square", max(square_side_m, LEAST_SQUARE_M)), counts, inputs.targets, inputs.boundary
    )
    if excluded_land is not None:
        square_tiles = build_places.exclude_land(square_tiles, excluded_land)
    return BoxLand(square_side_m, square_tiles, inputs.boundary, excluded_land)


def _read_excluded(desk: Desk, places: PlaceOptions) -> BaseGeometry | None:
    if places.exclude is None:
        return None
    return read_land(Path(places.exclude), crs=desk.workspace.city.crs, file_crs=places.places_crs)
