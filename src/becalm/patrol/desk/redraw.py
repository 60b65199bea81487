"""A trial for its analysis: its arms, drawn again by the law that drew them, and what was delivered."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.desk import Desk, collect_errors
from becalm.formats.durable_files import sha256_of
from becalm.methods.arrays import Floats, seed_generator
from becalm.patrol.core.arm_law import Arms
from becalm.patrol.core.redraw_arms import DrawnTrial, build_trial, sum_by_day
from becalm.patrol.desk.trial import check_recorded, list_overrides
from becalm.patrol.files.chances import CHANCES_NAME, read_daily_starts
from becalm.patrol.files.read_delivery import read_visits
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.trial_arms import (
    arms_inputs_sha256,
    read_arms,
    read_trial_places,
    read_trial_sheet,
)
from becalm.terms import PlanError


def load_trial(desk: Desk, folder: Path) -> DrawnTrial:
    """The trial that `becalm patrol trial` wrote here, so that its arms can be drawn again.

    Raises InputError or PlanError where a file is missing or was altered, where the ledger knows no such
    draw, or where the key gives other arms.
    """
    arms_path = folder / "arms.csv"
    arm_by_day, places, sheet = collect_errors(
        lambda: read_arms(arms_path),
        lambda: read_trial_places(folder / "places.csv"),
        lambda: read_trial_sheet(folder / "trial.json"),
    )
    arms_sha256 = sha256_of(arms_path)
    check_recorded(desk, arms_sha256, arms_path)
    days = sorted({day for _, day in arm_by_day})
    if sheet.inputs_sha256 != arms_inputs_sha256(places, sheet.rule, first=days[0], days=len(days)):
        raise PlanError(
            f"{folder / 'places.csv'} does not hold what the arms were drawn from. Use the folder as "
            "`becalm patrol trial` wrote it."
        )
    return build_trial(
        places,
        sheet.rule,
        arm_by_day,
        list_overrides(desk, arms_sha256),
        first=days[0],
        days=len(days),
        key=bytes.fromhex(sheet.key),
        dispersion=sheet.power.dispersion,
    )


def redraw_trial(desk: Desk, trial: DrawnTrial, *, seed: int, draws: int) -> Arms:
    """The arms of every place and day (draws x places x days), drawn again so often from this seed."""
    with desk.progress("Draws of the arms", total=draws, unit="draws") as advance:
        return trial.redraw(seed_generator(seed), draws=draws, advance=advance)


def sum_planned_hours(desk: Desk, trial: DrawnTrial, plans: Sequence[Path]) -> Floats:
    """Officer-hours that these plans gave each place of the trial on each of its days."""
    documents = [read_plan(path) for path in plans]
    zone = ZoneInfo(desk.workspace.city.time_zone)

    def visits() -> Iterator[tuple[str, date, float]]:
        for document in documents:
            crew_by_unit = {shift.unit: shift.crew for shift in document.inputs.shifts}
            for burst in document.bursts:
                day = burst.span.start.astimezone(zone).date()
                yield burst.hotspot, day, burst.span.minutes * crew_by_unit[burst.unit]

    return sum_by_day(trial, visits())


def sum_delivered_hours(desk: Desk, trial: DrawnTrial, files: Sequence[Path]) -> Floats:
    """Officer-hours of visits that `becalm patrol delivered` wrote, by place and day of the trial.

    Only what traces confirm counts, unless a file holds nothing but check-ins.
    Raises InputError with every fault of every file.
    """
    zone = ZoneInfo(desk.workspace.city.time_zone)
    return sum_by_day(
        trial,
        ((v.hotspot, v.start.astimezone(zone).date(), v.officer_minutes) for v in read_visits(files)),
    )


@dataclass(frozen=True, slots=True)
class StartDay:
    """One place on one day of a plan: starts that were planned, and how many its chances expected."""

    hotspot: str
    day: date
    starts: int
    expected_starts: float


@dataclass(frozen=True, slots=True)
class PlannedStarts:
    """All place-days of some plans, where their places lie (metres), and officer-hours of a mean start."""

    days: tuple[StartDay, ...]
    place_by_hotspot: Mapping[str, tuple[float, float]]
    hours_per_start: float


def load_starts(desk: Desk, plans: Sequence[Path]) -> PlannedStarts:
    """Planned starts beside their chances, day by day, for plans with the files of `becalm patrol chances`.

    Raises InputError with every plan that is none, or has no chances beside it.
    """
    zone = desk.workspace.city.time_zone
    documents = [read_plan(path) for path in plans]
    expected: dict[tuple[str, date], float] = {}
    for path in plans:
        expected |= read_daily_starts(path / CHANCES_NAME, zone=zone)
    starts = Counter(
        (burst.hotspot, burst.span.start.astimezone(ZoneInfo(zone)).date())
        for document in documents
        for burst in document.bursts
    )
    crew_minutes = [
        burst.span.minutes * {shift.unit: shift.crew for shift in document.inputs.shifts}[burst.unit]
        for document in documents
        for burst in document.bursts
    ]
    return PlannedStarts(
        days=tuple(StartDay(*key, starts[key], chance) for key, chance in sorted(expected.items())),
        place_by_hotspot={
            place.hotspot: (place.easting_m, place.northing_m)
            for document in documents
            for place in document.inputs.places
        },
        hours_per_start=sum(crew_minutes) / 60.0 / max(len(crew_minutes), 1),
    )
