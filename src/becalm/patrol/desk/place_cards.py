"""The cards of a plan's places: why each is on the list, by the records, and the streets around it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from becalm.desk import Desk
from becalm.patrol.core.place_cards import PlaceCard, ReportedOffences, cut_maps, explain_places
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.request import InputsRequest
from becalm.patrol.desk.inputs import find_policy
from becalm.patrol.desk.travel import find_streets
from becalm.patrol.files.place_cards import TASKS_FILE, read_cards, read_tasks
from becalm.patrol.files.read_policy import load_policy
from becalm.patrol.files.unit_sheets import SheetNotes
from becalm.tables import choose_source, count_points
from becalm.terms import QuestionError, UsageError
from becalm.workspace.place_names import read_named_streets

REPORT_MONTHS = 12


def build_cards(
    desk: Desk,
    inputs: PlanInputs,
    *,
    streets: str | None = None,
    source: str | None = None,
    target: Sequence[str] = (),
) -> tuple[PlaceCard, ...]:
    """A card for each place. What records or streets cannot tell is left out."""
    street_path = find_streets(desk.workspace, streets)
    named_streets = read_named_streets(street_path, crs=desk.workspace.city.crs) if street_path else None
    map_by_hotspot = (
        cut_maps(inputs.places, named_streets.names, named_streets.lines) if named_streets else {}
    )
    reason_by_hotspot = explain_places(inputs.places, count_reports(desk, source, target))
    return tuple(
        PlaceCard(
            place.hotspot, reason_by_hotspot.get(place.hotspot, ""), map_by_hotspot.get(place.hotspot, ())
        )
        for place in inputs.places
    )


def load_plan_notes(desk: Desk, request: InputsRequest, inputs: PlanInputs) -> SheetNotes:
    """What the sheets of a new plan say of its places."""
    cards = build_cards(
        desk, inputs, streets=request.ways.streets, source=request.source, target=request.target
    )
    return load_notes(desk, {card.hotspot: card for card in cards}, policy=request.policy)


def count_reports(desk: Desk, source: str | None, target: Sequence[str]) -> ReportedOffences | None:
    """What victims reported in the last twelve months on record; None where no one source can say.

    What police found by looking never says why units are sent somewhere.
    """
    archive_files = desk.archive.files("incidents")
    try:
        source_key = choose_source(archive_files, source, tables=("incidents",)).key
        months = sorted({file.month for file in archive_files if file.source == source_key})[-REPORT_MONTHS:]
        pins = {f.path: f.sha256 for f in archive_files if f.source == source_key and f.month in months}
        incidents = desk.archive.table("incidents", only=pins)
        points = count_points(incidents.filter(incidents.found_by == "victim"), months=months)
    except (QuestionError, UsageError):
        return None
    group_of_record = [points.groups[index] for index in points.group_index.tolist()]
    return ReportedOffences(
        points.easting_m, points.northing_m, group_of_record, points.counts, len(months), tuple(target)
    )


def load_notes(desk: Desk, cards: Mapping[str, PlaceCard] | Path, *, policy: str | None = None) -> SheetNotes:
    """What sheets say beside the plan: cards (or those in a plan's folder), tasks, and whom to call."""
    card_of_place = read_cards(cards) if isinstance(cards, Path) else cards
    usual_task = load_policy(find_policy(desk.workspace, policy)).task
    return SheetNotes(card_of_place, read_tasks(desk.workspace.path / TASKS_FILE), usual_task)
