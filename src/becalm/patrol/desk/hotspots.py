"""The hotspots that a plan is made for: a list made now, one made already, or a file; overrides kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import cast

from becalm.desk import Desk
from becalm.find.desk import override
from becalm.find.desk.hotspots import HotspotAnswer, HotspotRequest, RecordOptions, find_hotspots
from becalm.formats.durable_files import sha256_of
from becalm.formats.json_text import data_digest
from becalm.patrol.core.dose_places import ListedPlace, places_from_list
from becalm.patrol.core.plan_inputs import Arm
from becalm.patrol.core.request import InputsRequest
from becalm.patrol.files.read_hotspots import read_hotspots, read_record_end
from becalm.tables.months_on_record import last_day_of
from becalm.terms import FileName, PlaceDecision
from becalm.workspace.place_names import PlaceNames, UnnamedPlace, load_place_names

OVERRIDE_SOURCE = "override, ledger entry "


@dataclass(frozen=True, slots=True)
class PatrolHotspots:
    """Listed places, where they come from, what is to be said of them, and the overrides that they keep."""

    places: tuple[ListedPlace, ...]
    sources: Mapping[str, str]
    notes: tuple[str, ...]
    overrides: tuple[PlaceDecision, ...]
    record_source: str = ""  # whose records the list was made of; "" where the list does not say
    last_record_day: date | None = None  # the last day that they cover

    @property
    def entries(self) -> tuple[int, ...]:
        """In which entries of the ledger the overrides are."""
        return tuple(decision.entry for decision in self.overrides if decision.entry is not None)


def load_hotspots(
    desk: Desk,
    request: InputsRequest,
    seed: int,
    hotspot_list: HotspotAnswer | None = None,
    overrides: tuple[int, ...] | None = None,
) -> PatrolHotspots:
    """Which hotspots is a plan made for? `hotspot_list` is one that was made already.

    `overrides` names the entries of the ledger whose decisions hold; without it, those that hold now.
    """
    if hotspot_list is not None:
        return _name_hotspots(desk, request, _from_list(desk, hotspot_list))
    override_entries = override.active_entries(desk) if overrides is None else overrides
    hotspots = (
        _from_file(desk, Path(request.hotspots), override_entries)
        if request.hotspots is not None
        else _from_list(desk, list_hotspots(desk, request, seed=seed, overrides=override_entries))
    )
    return _name_hotspots(desk, request, hotspots)


def _name_hotspots(desk: Desk, request: InputsRequest, hotspots: PatrolHotspots) -> PatrolHotspots:
    """Give a name to each place that the list gave none: by the streets of the plan, and the gazetteer."""
    unnamed_places = [p for p in hotspots.places if not p.name]
    places = [UnnamedPlace(p.hotspot, p.easting_m, p.northing_m, p.radius_m) for p in unnamed_places]
    street_file = Path(request.ways.streets) if request.ways.streets else None
    names = load_place_names(desk.workspace, places, street_file=street_file) if places else PlaceNames({})
    named_places = tuple(
        replace(p, name=p.name or names.name_of_place.get(p.hotspot, "")) for p in hotspots.places
    )
    return replace(hotspots, places=named_places, notes=(*hotspots.notes, *names.notes))


def load_listed_places(desk: Desk, *, first_day: date, hotspots: str | None, seed: int) -> PatrolHotspots:
    """The hotspots of a file, else of a list made now, for whoever staffs the patrols of them."""
    file_name = FileName(hotspots) if hotspots else None
    return load_hotspots(desk, InputsRequest(first_day=first_day, hotspots=file_name), seed)


def list_hotspots(
    desk: Desk, request: InputsRequest, *, seed: int | None = None, overrides: tuple[int, ...] | None = None
) -> HotspotAnswer:
    """The list that a plan or a trial is made for: it keeps the overrides in the ledger."""
    override_entries = override.active_entries(desk) if overrides is None else overrides
    find_request = HotspotRequest(
        records=RecordOptions(target=request.target, source=request.source), count=request.count, seed=seed
    )
    return find_hotspots(desk, find_request, override_entries=override_entries)


def describe_arm_conflicts(arms: Mapping[tuple[str, date], Arm], hotspots: PatrolHotspots) -> Iterator[str]:
    """Where an override and a trial meet: a place keeps its arm for every analysis, or never had one."""
    trial_places, listed_names = (
        {hotspot for hotspot, _ in arms},
        {place.hotspot for place in hotspots.places},
    )
    for decision in hotspots.overrides:
        place, entry = decision.place_id, f"entry {decision.entry} of the ledger"
        if not decision.include and place in trial_places:
            yield f"Trial: {place} is left out by {entry}. Its days stay in their arms and are given nothing."
        elif decision.include and place not in trial_places and place in listed_names:
            yield f"Trial: {place} is included by {entry} and has no arm. It is no part of the trial."


def describe_override_differences(sources: Mapping[str, str], entries: Sequence[int]) -> tuple[str, ...]:
    """In which overrides does a plan made of these sources differ from those that hold now, in sentences?"""
    planned_entries = {
        int(key.removeprefix(OVERRIDE_SOURCE)) for key in sources if key.startswith(OVERRIDE_SOURCE)
    }
    sentences = []
    if new_seqs := sorted(set(entries) - planned_entries):
        sentences.append(
            f"The plan was sealed before the override in entry {_join(new_seqs)} of the ledger, and does not "
            "keep it. To keep it from the next tour on, make a new plan and say why."
        )
    if old_seqs := sorted(planned_entries - set(entries)):
        sentences.append(
            f"The plan keeps the override in entry {_join(old_seqs)} of the ledger, which held when it was "
            "sealed and holds no more."
        )
    return tuple(sentences)


def _join(entries: Sequence[int]) -> str:
    return ", ".join(map(str, entries))


def _from_list(desk: Desk, hotspot_list: HotspotAnswer) -> PatrolHotspots:
    hotspots, list_run = hotspot_list.hotspots, hotspot_list.run
    decisions = override.read_overrides(desk, cast("Sequence[int]", list_run.parameters.get("overrides", ())))
    warnings_and_overrides = (
        *(f"Hotspots: {warning}" for warning in hotspots.warnings),
        *override.override_lines(hotspots.selection, hotspots.places),
    )
    hash_by_source = {"hotspots": f"becalm find, seed {list_run.seed}", "records": data_digest(list_run.data)}
    override_hashes = _override_sources(desk, decisions)
    return PatrolHotspots(
        places_from_list(hotspots),
        {**hash_by_source, **override_hashes},
        warnings_and_overrides,
        decisions,
        hotspots.source,
        min(last_day_of(hotspots.last_month), hotspots.as_of),
    )


def _from_file(desk: Desk, file: Path, entries: tuple[int, ...]) -> PatrolHotspots:
    """A file is taken as it is, but for places that an override leaves out."""
    places, decisions = (
        read_hotspots(file, crs=desk.workspace.city.crs),
        override.read_overrides(desk, entries),
    )
    place_ids = {place.hotspot for place in places}
    excluded_ids = {decision.place_id for decision in decisions if not decision.include}
    return PatrolHotspots(
        tuple(place for place in places if place.hotspot not in excluded_ids),
        {"hotspots": sha256_of(file), **_override_sources(desk, decisions)},
        tuple(_describe_decision(decision, decision.place_id in place_ids) for decision in decisions),
        decisions,
        *read_record_end(file),
    )


def _describe_decision(decision: PlaceDecision, is_in_file: bool) -> str:
    decision_text = override.decision_in_words(decision)
    if is_in_file:
        effect_text = (
            "it stands in the file of hotspots" if decision.include else "taken out of the file's hotspots"
        )
        return f"override: {decision_text} ({effect_text})"
    if decision.include:
        return (
            f"warning: override without effect, the file of hotspots does not hold the place: {decision_text}"
        )
    return f"override: {decision_text} (not in the file of hotspots)"


def _override_sources(desk: Desk, decisions: Sequence[PlaceDecision]) -> dict[str, str]:
    override_hashes = override.override_pins(
        desk, [decision.entry for decision in decisions if decision.entry is not None]
    )
    return {f"{OVERRIDE_SOURCE}{key.rpartition(' ')[2]}": sha256 for key, sha256 in override_hashes.items()}
