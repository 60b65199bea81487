"""How long journeys take: over the workspace's streets, by a table that was given, or in straight lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from becalm.formats.durable_files import sha256_of
from becalm.patrol.core import travel as travel_core
from becalm.patrol.core.plan_inputs import Base, Mode, PatrolPlace, TravelTable, UnitShift
from becalm.patrol.core.policy import PolicyBook
from becalm.patrol.core.request import TravelRequest
from becalm.patrol.files.read_travel import read_travel
from becalm.terms import Fault, PlanError
from becalm.workspace.config import Workspace
from becalm.workspace.place_names import find_street_file
from becalm.workspace.streets import read_streets


@dataclass(frozen=True, slots=True)
class TravelTimes:
    """A table for each mode in use, where it came from, and what its reader must be told."""

    tables: Mapping[Mode, TravelTable]
    sources: Mapping[str, str]
    notes: tuple[str, ...]


def load_travel(
    workspace: Workspace,
    request: TravelRequest,
    places: Sequence[PatrolPlace],
    bases: Sequence[Base],
    shifts: Sequence[UnitShift],
    book: PolicyBook,
) -> TravelTimes:
    """How many minutes is it from each stop to each other, by each mode in use?

    Raises PlanError with every hotspot that no unit of its area can reach and be back from within its shift,
    and why; or every pair of a given table that is longer than a way over another stop.
    """
    used_modes = sorted({shift.mode for shift in shifts})
    point_of_stop = travel_core.locate_stops(places, bases)
    streets_path = find_streets(workspace, request.streets)
    if request.travel is not None:
        travel, faults = _travel_by_table(request, point_of_stop, used_modes, book), tuple[Fault, ...]()
    elif streets_path is not None:
        travel, faults = _travel_over_streets(workspace, streets_path, point_of_stop, used_modes, book)
    else:
        travel, faults = _travel_by_straight_lines(point_of_stop, used_modes, book), ()
    travel_core.check_reach(places, shifts, travel.tables, book.planner, faults)
    return travel


def find_streets(workspace: Workspace, file_name: str | None) -> Path | None:
    """The streets: the file that was named, else the workspace's own, if there is one."""
    return Path(file_name) if file_name else find_street_file(workspace)


def _travel_by_straight_lines(
    stops: travel_core.Stops, modes: Sequence[Mode], book: PolicyBook
) -> TravelTimes:
    travel_tables = [
        travel_core.straight_line_table(stops, mode, book.paces[mode], quantile=book.quantile)
        for mode in modes
    ]
    travel_note = (
        f"Travel in straight lines ({_speeds(modes, book)}, with a detour factor): rivers and railways are "
        "ignored. Add a street network to include them."
    )
    return TravelTimes(
        travel_core.round_up_travel(travel_tables), {"streets": "none: straight lines"}, (travel_note,)
    )


def _travel_over_streets(
    workspace: Workspace, path: Path, stops: travel_core.Stops, modes: Sequence[Mode], book: PolicyBook
) -> tuple[TravelTimes, tuple[Fault, ...]]:
    street_network = read_streets(path, crs=workspace.city.crs)
    street_tables = [
        travel_core.build_street_table(street_network, stops, mode, book.paces[mode], quantile=book.quantile)
        for mode in modes
    ]
    travel_note = f"Travel over {path.name} ({_speeds(modes, book)} where a street states no speed)."
    table_of_mode = travel_core.round_up_travel([street_table.table for street_table in street_tables])
    street_faults = tuple(fault for street_table in street_tables for fault in street_table.out_of_reach)
    return TravelTimes(table_of_mode, {"streets": sha256_of(path)}, (travel_note,)), street_faults


def _travel_by_table(
    request: TravelRequest, stops: travel_core.Stops, modes: Sequence[Mode], book: PolicyBook
) -> TravelTimes:
    table_path = Path(request.travel or "")
    table_of_mode = read_travel(table_path, tuple(stops), modes, quantile=book.quantile)
    triangle_faults = tuple(
        fault for table in table_of_mode.values() for fault in travel_core.find_broken_triangles(table)
    )
    if triangle_faults and not request.close_triangles:
        raise PlanError(
            f"{table_path.name}: some trips are longer than going through another stop; nothing was planned. "
            "Correct them, or shorten them all with `close_triangles`.",
            triangle_faults,
        )
    shortened_notes = (f"Shortened: {fault.where}, {fault.what}." for fault in triangle_faults)
    travel_notes = (f"Travel by {table_path.name}, as given.", *shortened_notes)
    return TravelTimes(
        travel_core.round_up_travel(table_of_mode.values()), {"travel": sha256_of(table_path)}, travel_notes
    )


def _speeds(modes: Sequence[Mode], book: PolicyBook) -> str:
    return ", ".join(f"{mode} {book.paces[mode].kph:g} km/h" for mode in modes)
