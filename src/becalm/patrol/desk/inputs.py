"""All that a patrol plan is made of: hotspots, policy, units and ways, each named by its hash.

And what the plan of the days before leaves to it: visits owed, and bursts that are still to come.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from becalm.desk import Desk, collect_errors
from becalm.find.desk.hotspots import HotspotAnswer
from becalm.methods.arrays import seed_generator
from becalm.patrol.core.blackouts import apply_blackouts
from becalm.patrol.core.capacity import Capacity, assess_capacity, fit_dosage, raise_dosage
from becalm.patrol.core.dose_places import dose_places, select_places
from becalm.patrol.core.lending import lend_tours
from becalm.patrol.core.plan_inputs import (
    Arm,
    Base,
    Burst,
    PatrolPlace,
    PlanInputs,
    UnitShift,
)
from becalm.patrol.core.plan_result import compute_owed_visits, list_late_bursts
from becalm.patrol.core.policy import PolicyBook, WhenIdle
from becalm.patrol.core.record_age import check_record_age
from becalm.patrol.core.request import InputsRequest
from becalm.patrol.core.roster import (
    Roster,
    expand_shifts,
    find_changed_nights,
    select_working_shifts,
)
from becalm.patrol.core.seed_history import SeedHistory
from becalm.patrol.core.trial import select_arms
from becalm.patrol.desk.blackouts import KnownBlackouts, load_blackouts
from becalm.patrol.desk.hotspots import PatrolHotspots, describe_arm_conflicts, load_hotspots
from becalm.patrol.desk.seed import audit_patrol, sealed_box
from becalm.patrol.desk.travel import TravelTimes, load_travel
from becalm.patrol.files.read_blackouts import BLACKOUTS_FILE
from becalm.patrol.files.read_plan import plan_of_texts
from becalm.patrol.files.read_policy import SHIPPED, load_policy
from becalm.patrol.files.read_units import read_units, shipped_rosters, shipped_units
from becalm.patrol.files.trial_arms import read_arms
from becalm.patrol.files.write_plan import PlanDocument
from becalm.terms import PlanError, UsageError, suggest_word
from becalm.workspace.config import POLICY_FILE, UNITS_FILE, Workspace
from becalm.workspace.reviewed_toml import Source


@dataclass(frozen=True, slots=True)
class PinnedChoices:
    """What was chosen when a seed was sealed; None where nothing was yet, and the present state holds."""

    find_seed: int | None = None
    overrides: tuple[int, ...] | None = None  # the entries of the ledger with decisions about places
    earlier_plans: tuple[str, ...] | None = None  # each as `<commitment> <index of its re-plan>`
    blackouts: tuple[int, ...] | None = None  # the entries of the ledger with blackouts


@dataclass(frozen=True, slots=True)
class PatrolInputs:
    """What will be planned from, the policy that it was dosed by, and what whoever signs must be told."""

    plan_inputs: PlanInputs
    book: PolicyBook
    crs: str
    sources: Mapping[str, str]
    notes: tuple[str, ...]
    find_seed: int
    capacity: Capacity  # of the dosage that the policy asks for, before anything gave
    earlier_plans: tuple[str, ...] = ()  # of the days before, from which visits owed are carried over
    overrides: tuple[int, ...] = ()  # the entries of the ledger whose decisions about places were kept
    blackouts: tuple[int, ...] = ()  # and those with blackouts


@dataclass(frozen=True, slots=True)
class InputFiles:
    """What the files say, each checked by itself."""

    book: PolicyBook
    roster: Roster
    hotspots: PatrolHotspots
    arms: Mapping[tuple[str, date], Arm]
    sources: Mapping[str, str]
    blackouts: KnownBlackouts


@dataclass(frozen=True, slots=True)
class CarryOver:
    """What earlier plans leave to the next one, at its hotspots."""

    plans: tuple[str, ...] = ()
    owed_visits: Mapping[str, float] = field(default_factory=dict)
    bursts: tuple[Burst, ...] = ()  # that may fall into the next plan's first gaps
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _DosedInputs:
    """Places with the dosage that the policy asks for, and who may serve them: nothing has given way yet."""

    files: InputFiles
    places: tuple[PatrolPlace, ...]
    shifts: tuple[UnitShift, ...]
    bases: tuple[Base, ...]
    travel: TravelTimes
    arms: Mapping[tuple[str, date], Arm]
    dosage_notes: tuple[str, ...]
    arm_notes: tuple[str, ...]
    lending_notes: tuple[str, ...] = ()


def load_inputs(
    desk: Desk,
    request: InputsRequest,
    *,
    arms: str | None = None,
    hotspot_list: HotspotAnswer | None = None,
    pins: PinnedChoices | None = None,
    is_fitted: bool = True,
    old_records_reason: str = "",
) -> PatrolInputs:
    """What is a plan for these days made of? `hotspot_list` is one that was made already.

    Where `is_fitted`, a list that is older than the policy allows is refused unless a reason is given, and
    dosage that is more than the units can give gives way as the policy says.

    Raises InputError, PlanError where there are no units, or a file, the roster or the ground does not allow
    a plan; with every fault, and nothing planned.
    """
    pins = pins or PinnedChoices()
    find_seed = desk.draw_seed() if pins.find_seed is None else pins.find_seed
    load_list = partial(load_hotspots, desk, request, find_seed, hotspot_list, pins.overrides)
    input_files = _read_files(desk, request, arms, load_list, pins.blackouts)
    age_notes = _check_record_age(request, input_files, old_records_reason) if is_fitted else ()
    dosed_inputs = _lend_tours(_dose_inputs(desk, request, input_files), request, find_seed)
    places, book = dosed_inputs.places, dosed_inputs.files.book
    plan_capacity = _assess(dosed_inputs, request)
    fitted_dosage = _fit_dosage(request, dosed_inputs, plan_capacity) if is_fitted else (places, ())
    plan_names = find_earlier_plans(desk, request) if pins.earlier_plans is None else pins.earlier_plans
    carried_plans = carry_over(desk, plan_names, request.first_day, (place.hotspot for place in places))
    shifts, shift_notes = select_working_shifts(dosed_inputs.shifts, {place.area for place in places})
    plan_inputs = _build_plan_inputs(desk, request, dosed_inputs, fitted_dosage[0], shifts, carried_plans)
    omission_notes = _left_out_notes(dosed_inputs.files.hotspots, places)
    change_notes = _clock_change_notes(request, plan_inputs.zone)
    plan_notes = (
        *age_notes,
        *dosed_inputs.dosage_notes,
        *dosed_inputs.lending_notes,
        *omission_notes,
        *shift_notes,
        *dosed_inputs.travel.notes,
        *dosed_inputs.arm_notes,
    )
    return PatrolInputs(
        plan_inputs=plan_inputs,
        book=book,
        crs=desk.workspace.city.crs,
        sources={**dosed_inputs.files.sources, **dosed_inputs.travel.sources},
        notes=(*plan_notes, *carried_plans.notes, *change_notes, *plan_capacity.uncovered, *fitted_dosage[1]),
        find_seed=find_seed,
        capacity=plan_capacity,
        earlier_plans=carried_plans.plans,
        overrides=dosed_inputs.files.hotspots.entries,
        blackouts=dosed_inputs.files.blackouts.entries,
    )


def _check_record_age(request: InputsRequest, files: InputFiles, reason: str) -> tuple[str, ...]:
    """What is to be said of old records; raises PlanError where they are too old and nobody gave a reason."""
    last_day, source = files.hotspots.last_record_day, files.hotspots.record_source
    if last_day is None:
        return ()
    return check_record_age(request.first_day, last_day, source, files.book.records, reason)


def _dose_inputs(desk: Desk, request: InputsRequest, input_files: InputFiles) -> _DosedInputs:
    book, roster, zone = input_files.book, input_files.roster, desk.workspace.city.time_zone
    dosage, all_shifts = collect_errors(
        lambda: dose_places(
            select_places(input_files.hotspots.places, roster.area_of_borough, request.borough, request.area),
            book,
            area_of_borough=roster.area_of_borough or None,
            area_of_base=_areas_of_bases(roster),
        ),
        lambda: expand_shifts(
            roster, first=request.first_day, days=request.days, zone=zone, meals=book.meals
        ),
    )
    shifts = tuple(shift for shift in all_shifts if request.area in ("", shift.area))
    places, blackout_notes = apply_blackouts(
        [place for place in dosage.places if request.area in ("", place.area)],
        shifts,
        input_files.blackouts.blackouts,
    )
    if not places:
        raise PlanError(
            f"None of the {len(dosage.places)} hotspots belongs to {request.area or 'any area'}. "
            "Name another area, or list more places."
        )
    used_bases = {shift.base for shift in shifts}
    used_base_list = tuple(base for base in roster.bases if base.base in used_bases)
    loaded_travel = load_travel(desk.workspace, request.ways, places, used_base_list, shifts, book)
    arms_of_days, arm_notes = _arms_of_days(input_files, places, request)
    dosage_notes = (*input_files.hotspots.notes, *dosage.notes, *blackout_notes)
    return _DosedInputs(
        input_files, places, shifts, used_base_list, loaded_travel, arms_of_days, dosage_notes, arm_notes
    )


def _assess(dosed: _DosedInputs, request: InputsRequest) -> Capacity:
    """How many bursts a day fit, with the tours as they are?"""
    return assess_capacity(
        dosed.places,
        dosed.shifts,
        dosed.travel.tables,
        dosed.files.book.planner,
        days=request.days,
        arms=dosed.arms,
    )


def _lend_tours(dosed: _DosedInputs, request: InputsRequest, find_seed: int) -> _DosedInputs:
    """The same with tours lent to areas that fall short, unless each unit is to keep to its own."""
    book = dosed.files.book
    if _when_idle(request, book) == "keep":
        return dosed
    rng, capacity = seed_generator(find_seed), _assess(dosed, request)
    lent_tours = lend_tours(dosed.places, dosed.shifts, dosed.travel.tables, book.planner, capacity, rng)
    return replace(dosed, shifts=lent_tours.shifts, lending_notes=lent_tours.notes)


def _areas_of_bases(roster: Roster) -> list[tuple[Base, str]]:
    """Which area does each base serve?"""
    area_by_base = {tour.base: tour.area for tour in roster.tours}
    area_by_base |= {team.base: team.area for team in roster.teams}
    return [(base, area_by_base.get(base.base, "")) for base in roster.bases]


def _when_idle(request: InputsRequest, book: PolicyBook) -> WhenIdle:
    return request.when_idle or book.dose.when_idle


def _fit_dosage(
    request: InputsRequest, dosed: _DosedInputs, capacity: Capacity
) -> tuple[tuple[PatrolPlace, ...], tuple[str, ...]]:
    """The places with a dosage that their units can give, and that uses their time where that is asked."""
    book = dosed.files.book
    places, notes = fit_dosage(dosed.places, capacity, when_short=book.dose.when_short)
    if _when_idle(request, book) != "raise":
        return places, notes
    raised_places, raising_notes = raise_dosage(places, capacity)
    return raised_places, (*notes, *raising_notes)


def _build_plan_inputs(
    desk: Desk,
    request: InputsRequest,
    dosed: _DosedInputs,
    places: tuple[PatrolPlace, ...],
    shifts: tuple[UnitShift, ...],
    carried: CarryOver,
) -> PlanInputs:
    return PlanInputs(
        places,
        shifts,
        dosed.bases,
        dosed.travel.tables,
        dosed.files.book.planner,
        first_day=request.first_day,
        days=request.days,
        zone=desk.workspace.city.time_zone,
        arms=dosed.arms,
        owed_visits=carried.owed_visits,
        earlier=carried.bursts,
    )


def _read_files(
    desk: Desk,
    request: InputsRequest,
    arms: str | None,
    load_list: Callable[[], PatrolHotspots],
    blackout_entries: tuple[int, ...] | None,
) -> InputFiles:
    """Read every file, and report what is wrong in all of them together."""
    (book, policy_sources), (units_path, roster), hotspots, arms_of_days = collect_errors(
        lambda: _read_policy(desk.workspace, request.policy),
        lambda: _read_units(desk.workspace, request),
        load_list,
        lambda: read_arms(Path(arms)) if arms else {},
    )
    hash_by_source = {**hotspots.sources, **policy_sources, UNITS_FILE: hash_file(units_path)}
    blackouts = load_blackouts(desk, frozenset(area.area for area in roster.areas), blackout_entries)
    blackouts_path = desk.workspace.path / BLACKOUTS_FILE
    if blackouts_path.is_file():
        hash_by_source[BLACKOUTS_FILE] = hash_file(blackouts_path)
    if blackouts.entries:
        hash_by_source["blackouts in the ledger"] = f"entries {', '.join(map(str, blackouts.entries))}"
    return InputFiles(book, roster, hotspots, arms_of_days, hash_by_source, blackouts)


def _read_policy(workspace: Workspace, file_name: str | None) -> tuple[PolicyBook, dict[str, str]]:
    policy_path = find_policy(workspace, file_name)
    policy_book = load_policy(policy_path)
    return policy_book, {
        f"policy {policy_book.key}": hash_file(policy_path) if policy_path else f"shipped {SHIPPED}"
    }


def _read_units(workspace: Workspace, request: InputsRequest) -> tuple[Source, Roster]:
    units_path = find_units(workspace, request.units)
    roster = read_units(units_path, crs=workspace.city.crs)
    area_names = [area.area for area in roster.areas]
    if request.area and request.area not in area_names:
        raise UsageError(
            f"There is no area {request.area!r} in {roster.source}. {suggest_word(request.area, area_names)}"
        )
    return units_path, roster


def read_duty_units(workspace: Workspace, file_name: str | None = None) -> Roster:
    """The units that are named, else the workspace's own, checked."""
    return read_units(find_units(workspace, file_name), crs=workspace.city.crs)


def find_units(workspace: Workspace, file_name: str | None) -> Source:
    """The units: the file or the shipped example that was named, else the workspace's own."""
    units_path = Path(file_name) if file_name else workspace.path / UNITS_FILE
    if not units_path.exists() and str(units_path) in shipped_rosters():
        return shipped_units(str(units_path))
    if not units_path.is_file():
        raise PlanError(
            f"There are no units to plan for: {units_path} does not exist. Write down who patrols, from "
            f"where and when (docs/how-to/patrol-walk-through.md shows how), and keep it as "
            f"{workspace.path / UNITS_FILE} or name it with `units`."
        )
    return units_path


def find_policy(workspace: Workspace, file_name: str | None) -> Path | None:
    """The policy: the file that was named, else the workspace's own, else none (the shipped one)."""
    own_policy = workspace.path / POLICY_FILE
    return Path(file_name) if file_name else own_policy if own_policy.is_file() else None


def hash_file(path: Source) -> str:
    """The SHA-256 of a file, also of one that becalm ships."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _arms_of_days(
    files: InputFiles, places: tuple[PatrolPlace, ...], request: InputsRequest
) -> tuple[Mapping[tuple[str, date], Arm], tuple[str, ...]]:
    """The arms of these places on these days, and what is to be said of them."""
    hotspot_names = [place.hotspot for place in places]
    arm_of_day = select_arms(files.arms, hotspot_names, first_day=request.first_day, days=request.days)
    if not arm_of_day:
        return arm_of_day, ()
    count_note = f"Trial: {len(arm_of_day)} of {len(places) * request.days} place-days have an arm."
    return arm_of_day, (count_note, *describe_arm_conflicts(files.arms, files.hotspots))


def _left_out_notes(hotspots: PatrolHotspots, places: tuple[PatrolPlace, ...]) -> tuple[str, ...]:
    omitted_count = len(hotspots.places) - len(places)
    return (
        (f"{omitted_count} of {len(hotspots.places)} hotspots lie outside the chosen area and are left out.",)
        if omitted_count
        else ()
    )


def _clock_change_notes(request: InputsRequest, zone: str) -> tuple[str, ...]:
    changed_nights = find_changed_nights(first=request.first_day, days=request.days, zone=zone)
    return tuple(
        f"{day} has {hours} hours: tours over that night keep their clock times."
        for day, hours in changed_nights
    )


def find_earlier_plans(desk: Desk, request: InputsRequest) -> tuple[str, ...]:
    """Which plans cover the day before, as they are now? Of several for one area, the newest."""
    day_before = request.first_day - timedelta(days=1)
    seed_histories = audit_patrol(desk).histories
    earlier_seeds = [h for h in seed_histories if h.plans and h.first_day < request.first_day]
    newest_seeds: list[SeedHistory] = []
    for history in sorted(earlier_seeds, key=lambda history: -history.seq):
        is_replaced = any(newer_seed.overlaps(day_before, 1, history.area) for newer_seed in newest_seeds)
        if history.overlaps(day_before, 1, request.area) and not is_replaced:
            newest_seeds.append(history)
    plan_counts = ((h.commitment, len(sealed_box(desk).plans(h.commitment))) for h in newest_seeds)
    return tuple(f"{commitment} {plan_count - 1}" for commitment, plan_count in plan_counts if plan_count)


def carry_over(desk: Desk, plans: Iterable[str], first_day: date, hotspots: Iterable[str]) -> CarryOver:
    """What do these plans leave to one that begins on this day, at these hotspots?

    Owed is what a place was owed before, and was to get on average, less what it was drawn. A plan
    that does not end on the day before leaves no visits owed: it was cut short, and a new one was made.
    """
    plan_names, listed_hotspots = tuple(plans), set(hotspots)
    owed_by_hotspot: dict[str, float] = {}
    bursts: list[Burst] = []
    carry_notes: list[str] = []
    for plan_name in plan_names:
        plan = _read_sealed_plan(desk, plan_name)
        if plan.inputs.first_day + timedelta(days=plan.inputs.days) == first_day:
            owed_by_hotspot |= compute_owed_visits(plan.inputs.owed_visits, plan.dosage)
            carry_notes.append(
                f"Target visits are carried over from the plan of {plan.inputs.first_day} "
                f"({plan_name[:12]}), as it was drawn; they have a weak influence."
            )
        bursts += list_late_bursts(plan.routes, first_day, zone=plan.inputs.zone)
    return CarryOver(
        plan_names,
        {hotspot: visits for hotspot, visits in owed_by_hotspot.items() if hotspot in listed_hotspots},
        tuple(
            sorted(
                (burst for burst in bursts if burst.hotspot in listed_hotspots),
                key=lambda burst: (burst.span.start, burst.hotspot, burst.unit),
            )
        ),
        tuple(carry_notes),
    )


def _read_sealed_plan(desk: Desk, name: str) -> PlanDocument:
    commitment, plan_index = name.split()
    plan_texts = sealed_box(desk).plans(commitment)
    if int(plan_index) >= len(plan_texts):
        raise PlanError(
            f"The sealed plan {commitment[:12]}, of the days before, is not in this workspace. Restore "
            "patrol/sealed from a backup."
        )
    plan_text = plan_texts[int(plan_index)]
    return plan_of_texts(
        plan_text,
        sealed_box(desk).visits_of(commitment, plan_text),
        where=f"the sealed plan of {commitment[:12]}",
    )
