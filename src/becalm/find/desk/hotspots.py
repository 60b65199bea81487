"""Finding hotspots, and testing how well they would have been found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from becalm import __version__
from becalm.desk import Desk
from becalm.find.core.backtest import backtest as backtest_methods
from becalm.find.core.challenger import CHALLENGER, judge_challenger
from becalm.find.core.hotspots import find_hotspots as find_places
from becalm.find.core.list_rules import Rules
from becalm.find.core.place_facts import PlaceFacts, build_rule_facts, describe_hotspots
from becalm.find.core.plugin import BLEND, Finder, NamedFinder
from becalm.find.core.request import BacktestRequest, HotspotRequest, PlaceOptions, RecordOptions
from becalm.find.core.settings import FindSettings
from becalm.find.desk.inputs import FindInputs, StudyRegion, define_region, load_inputs
from becalm.find.desk.list_rules import harm_parameters, load_harm_weighting, load_rules, rule_parameters
from becalm.formats.durable_files import sha256_of
from becalm.methods.arrays import seed_generator
from becalm.tables import HourPolicy
from becalm.terms import Backtest, DependencyError, HotspotList, RunRecord, UsageError, suggest_word
from becalm.terms.request import request_values
from becalm.workspace.place_names import UnnamedPlace, load_place_names

__all__ = [
    "BacktestAnswer",
    "BacktestRequest",
    "HotspotAnswer",
    "HotspotRequest",
    "PlaceOptions",
    "RecordOptions",
    "backtest",
    "find_hotspots",
]

FINDERS = "becalm.finders"
SETTINGS_ON_RECORD = ("count", "separation_m", "level", "longest_window_h")
SHAPE_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "square": ("turn_deg",),
    "hexagon": ("turn_deg",),
    "h3": ("h3_resolution",),
    "own": ("id_column",),
    "segment": ("junction_m", "snap_m"),
    "box": (),
}


@dataclass(frozen=True, slots=True)
class HotspotAnswer:
    """A list, the record of the run that made it, and the boundary that it was clipped to (in metres)."""

    hotspots: HotspotList
    run: RunRecord
    boundary: BaseGeometry | None


@dataclass(frozen=True, slots=True)
class BacktestAnswer:
    """A back-test and the record of the run that made it."""

    backtest: Backtest
    run: RunRecord


def find_hotspots(
    desk: Desk,
    request: HotspotRequest,
    *,
    override_entries: Sequence[int] | None = None,
    only: Mapping[str, str] | None = None,
) -> HotspotAnswer:
    """Which places carry the target offences, and how sure is the list?

    `override_entries` and `only` pin what is read of the ledger and of the archive, to repeat a list.
    """
    seed = desk.draw_seed() if request.seed is None else request.seed
    request = replace(request, seed=seed)
    finder, challenger_notes = _choose_finder(desk, request, only)
    with desk.progress("hotspots", total=2, unit="steps") as report_progress:
        inputs = load_inputs(desk, request.records, request.places, only)
        list_rules = load_rules(desk, request.rules, count=request.count, override_entries=override_entries)
        settings = list_rules.apply_to(FindSettings())
        region = define_region(desk, inputs).with_boxes(inputs.targets, settings)
        hour_policy = HourPolicy(desk.workspace.city.time_zone, settings.longest_window_h)
        place_facts = _load_facts(list_rules, inputs, region, hour_policy)
        list_rules = replace(
            list_rules, facts=place_facts, harm=load_harm_weighting(desk, request.harm, inputs)
        )
        report_progress(1)
        hotspots = find_places(
            region.counts,
            inputs.targets,
            crs=desk.workspace.city.crs,
            boundary=inputs.boundary,
            places=region.boxes or region.places,
            location=inputs.location,
            settings=settings,
            rules=list_rules,
            finder=finder,
            rng=seed_generator(seed),
        )
        report_progress(1)
        hotspots = describe_hotspots(hotspots, inputs.incidents, region.places, hour_policy)
        hotspots = _name_hotspots(desk, hotspots)
    all_warnings = (*challenger_notes, *inputs.warnings, *region.warnings, *hotspots.warnings)
    run_parameters = {
        **rule_parameters(request.rules, list_rules),
        **_finder_parameters(finder),
        **region.parameters,
    }
    run_record = _record_run(
        desk, request, inputs, settings, {**run_parameters, **harm_parameters(list_rules.harm)}
    )
    return HotspotAnswer(replace(hotspots, warnings=all_warnings), run_record, inputs.boundary)


def _name_hotspots(desk: Desk, hotspots: HotspotList) -> HotspotList:
    """The list with the names of its places; the user's own areas have names already."""
    if hotspots.kind == "own":
        return hotspots
    unnamed_places = [
        UnnamedPlace(h.place_id, *h.centre_m, math.sqrt(h.area_m2 if not h.shape else h.cell_m**2) / 2)
        for h in hotspots.hotspots
    ]
    place_names = load_place_names(desk.workspace, unnamed_places)
    named_places = tuple(
        replace(h, name=place_names.name_of_place.get(h.place_id, "")) for h in hotspots.hotspots
    )
    return replace(hotspots, hotspots=named_places, warnings=(*hotspots.warnings, *place_names.notes))


def _choose_finder(
    desk: Desk, request: HotspotRequest, only: Mapping[str, str] | None
) -> tuple[NamedFinder | None, tuple[str, ...]]:
    """What chooses the places, and why: the challenger only where a back-test says that it wins."""
    if not request.challenger:
        return load_finder(request.finder), ()
    trial_request = BacktestRequest(
        records=request.records,
        count=request.count,
        places=request.places,
        challenger=True,
        seed=request.seed,
    )
    finder_name, challenger_notes = judge_challenger(backtest(desk, trial_request, only=only).backtest)
    return load_finder(finder_name), challenger_notes


def _load_facts(
    rules: Rules, inputs: FindInputs, region: StudyRegion, policy: HourPolicy
) -> PlaceFacts | None:
    """The areas and hours of all places, where a rule asks for them."""
    if not (rules.areas or rules.hours):
        return None
    target_keys = inputs.targets.target
    return build_rule_facts(inputs.incidents, region.counts, region.places, target=target_keys, policy=policy)


def backtest(
    desk: Desk, request: BacktestRequest, *, only: Mapping[str, str] | None = None
) -> BacktestAnswer:
    """How well would each method have predicted each of the last months? A finder joins becalm's own."""
    seed = desk.draw_seed() if request.seed is None else request.seed
    request = replace(request, seed=seed)
    finder = load_finder(CHALLENGER if request.challenger else request.finder)
    find_settings = FindSettings(count=request.count)
    with desk.progress("back-test", total=request.origins + 1, unit="months") as advance:
        find_inputs = load_inputs(desk, request.records, request.places, only)
        region = define_region(desk, find_inputs)
        method_backtest = backtest_methods(
            region.counts,
            find_inputs.targets,
            area_share=request.area_share,
            origins=request.origins,
            boundary=find_inputs.boundary,
            places=region.box_land or region.places,
            settings=find_settings,
            finder=finder,
            advance=advance,
            rng=seed_generator(seed),
        )
    all_warnings = (*find_inputs.warnings, *region.warnings, *method_backtest.warnings)
    run_parameters = {
        "area_share": request.area_share,
        "origins": request.origins,
        **_finder_parameters(finder),
    }
    run_record = _record_run(
        desk, request, find_inputs, find_settings, {**run_parameters, **region.parameters}
    )
    return BacktestAnswer(replace(method_backtest, warnings=all_warnings), run_record)


def load_finder(name: str) -> NamedFinder | None:
    """The finder of this name; None for becalm's own, which every list can be made with.

    Raises UsageError where none of that name is installed; DependencyError where it cannot be imported.
    """
    if name == BLEND:
        return None
    entry_by_name = {finder_entry.name: finder_entry for finder_entry in entry_points(group=FINDERS)}
    if name not in entry_by_name:
        raise UsageError(f"No finder {name!r} is installed. {suggest_word(name, sorted(entry_by_name))}")
    finder_entry = entry_by_name[name]
    try:
        loaded_finder: Finder = finder_entry.load()
    except (ImportError, AttributeError) as error:
        raise DependencyError(
            f"The finder {finder_entry.name!r} ({finder_entry.value}) cannot be imported: {error}. "
            "Install what it needs, or uninstall the package that brings it."
        ) from error
    return NamedFinder(name, loaded_finder)


def _finder_parameters(finder: NamedFinder | None) -> dict[str, str]:
    return {"finder": finder.name} if finder else {}


def _place_parameters(places: PlaceOptions) -> dict[str, Any]:
    """What the record of a run keeps of the places: nothing for the grid's own cells."""
    if places.is_grid:
        return {}
    file_by_parameter = {"places": places.places, "exclude": places.exclude}
    return {
        "unit": places.unit,
        **{name: getattr(places, name) for name in SHAPE_PARAMETERS[places.unit]},
        **{
            name: {"file": Path(shape_file).name, "sha256": sha256_of(Path(shape_file))}
            for name, shape_file in file_by_parameter.items()
            if shape_file is not None
        },
    }


def _record_run(
    desk: Desk,
    request: HotspotRequest | BacktestRequest,
    inputs: FindInputs,
    settings: FindSettings,
    parameters: Mapping[str, Any],
) -> RunRecord:
    """The record of a run: the request as it was, and what became of it with these records and rules."""
    all_parameters: dict[str, Any] = {
        "target": list(inputs.targets.target),
        "cell_m": request.places.cell_m,
        **{name: getattr(request.records, name) for name in ("since", "until", "source")},
        **{name: getattr(settings, name) for name in SETTINGS_ON_RECORD},
        **_place_parameters(request.places),
        **parameters,
        "request": request_values(request),
    }
    return RunRecord(
        question="find hotspots" if isinstance(request, HotspotRequest) else "find backtest",
        version=__version__,
        seed=request.seed or 0,
        made_at=desk.now(),
        as_of=request.records.as_of,
        parameters=all_parameters,
        data=inputs.data,
    )
