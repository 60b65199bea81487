"""All that a patrol plan is made of: hotspots, policy, units and streets, each named by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from becalm.desk import Desk
from becalm.desk.collect_errors import collect_errors
from becalm.find.desk.hotspots import FindQuestion, HotspotsFound
from becalm.patrol.core.capacity import Capacity, assess_capacity, fit_dosage
from becalm.patrol.core.dose import DosedPlaces, ListedPlace, dose_places
from becalm.patrol.core.nouns import Arm, Base, PatrolPlace, UnitShift
from becalm.patrol.core.policy import PolicyBook
from becalm.patrol.core.request import PlanRequest
from becalm.patrol.core.roster import Roster, changed_nights, expand_shifts
from becalm.patrol.core.stagger import advise_staggered_starts
from becalm.patrol.desk.before import Before, carry_over, plans_before
from becalm.patrol.desk.hotspots import Hotspots, hotspots_to_patrol, overridden_arms
from becalm.patrol.desk.travel import TravelWanted, find_ways
from becalm.patrol.files.arms_file import read_arms
from becalm.patrol.files.read_policy import SHIPPED, load_policy
from becalm.patrol.files.read_units import read_units, shipped_rosters, shipped_units
from becalm.terms import PlanError, UsageError
from becalm.workspace.config import Workspace
from becalm.workspace.patrol_files import POLICY, UNITS
from becalm.workspace.recipes import Source


@dataclass(frozen=True, slots=True)
class PatrolQuestion:
    """Which days, for whom, by which files? Files that are not named are looked for in the workspace."""

    first_day: date
    days: int = 14
    find: FindQuestion = field(default_factory=FindQuestion)
    hotspots: Path | None = None  # a GeoJSON of hotspots, in place of a list made now
    units: Path | None = None
    travel: TravelWanted = field(default_factory=TravelWanted)
    policy: Path | None = None
    arms: Path | None = None  # of a trial, as `becalm patrol trial` writes them
    boroughs: tuple[str, ...] = ()  # plan for these alone
    area: str = ""  # plan for this one alone

    def __post_init__(self) -> None:
        if not 1 <= self.days <= 92:
            raise UsageError(f"A plan of {self.days} days cannot be made. Give 1 to 92; 14 is the rule.")


@dataclass(frozen=True, slots=True)
class PatrolInputs:
    """What will be planned from, the policy that it was dosed by, and what whoever signs must be told."""

    request: PlanRequest
    book: PolicyBook
    roster: Roster
    crs: str
    sources: Mapping[str, str]
    notes: tuple[str, ...]
    find_seed: int
    capacity: Capacity  # of the dosage that the policy asks for, before anything gave
    before: tuple[str, ...] = ()  # the plans of the days before, from which visits owed are carried over
    overrides: tuple[int, ...] = ()  # the entries of the ledger whose decisions about places were kept


def gather_inputs(
    desk: Desk,
    question: PatrolQuestion,
    *,
    seed: int | None = None,
    found: HotspotsFound | None = None,
    fit: bool = True,
    before: tuple[str, ...] | None = None,
    overrides: tuple[int, ...] | None = None,
) -> PatrolInputs:
    """What is a plan for these days made of? `found` is a list of hotspots that was made already.

    With `fit`, dosage that is more than the units can give gives way as the policy says. `before` names
    the plans of the days before, and `overrides` the entries of the ledger with decisions about places;
    without them, those that stand now.

    Raises
    ------
    InputError, PlanError
        where there are no units, or a file, the roster or the ground does not allow a plan; with every
        fault, and nothing planned.
    """
    drawn = desk.draw_seed() if seed is None else seed
    find, file = question.find, question.hotspots
    listed = partial(hotspots_to_patrol, desk, find, file, seed=drawn, found=found, entries=overrides)
    own = _own_files(desk, question, listed)
    places, shifts, dosed_notes = _on_the_ground(desk, question, own)
    bases = _bases(own.roster, shifts)
    ways = find_ways(desk.workspace, question.travel, places, bases, shifts, own.book)
    arms, arm_notes = _arms(own.arms, places, question, own.hotspots)
    capacity = assess_capacity(places, shifts, ways.tables, own.book.planner, days=question.days, arms=arms)
    fitted, gave = fit_dosage(places, capacity, when_short=own.book.dose.when_short) if fit else (places, ())
    working, idle = _working(shifts, places)
    left = _before(desk, question, before, places)
    zone = desk.workspace.city.time_zone
    told = (*_left_out(own.hotspots.places, places), *idle, *ways.notes, *arm_notes, *left.notes)
    return PatrolInputs(
        request=PlanRequest(
            fitted,
            working,
            bases,
            ways.tables,
            own.book.planner,
            first_day=question.first_day,
            days=question.days,
            zone=zone,
            arms=arms,
            owed=left.owed,
            earlier=left.earlier,
        ),
        book=own.book,
        roster=own.roster,
        crs=desk.workspace.city.crs,
        sources={**own.sources, **ways.sources},
        notes=(*dosed_notes, *told, *_clock_notes(question, zone), *capacity.uncovered, *gave),
        find_seed=drawn,
        capacity=capacity,
        before=left.plans,
        overrides=own.hotspots.entries,
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files say, each checked by itself."""

    book: PolicyBook
    roster: Roster
    hotspots: Hotspots
    arms: Mapping[tuple[str, date], Arm]
    sources: Mapping[str, str]


def _own_files(desk: Desk, question: PatrolQuestion, listed: Callable[[], Hotspots]) -> _Files:
    """Read every file, and report what is wrong in all of them together."""
    (book, policy_sources), (units, roster), hotspots, arms = collect_errors(
        lambda: _policy(desk.workspace, question),
        lambda: _units(desk.workspace, question),
        listed,
        lambda: read_arms(question.arms) if question.arms else {},
    )
    sources = {**hotspots.sources, **policy_sources, UNITS: _sha256(units)}
    return _Files(book, roster, hotspots, arms, sources)


def _on_the_ground(
    desk: Desk, question: PatrolQuestion, own: _Files
) -> tuple[tuple[PatrolPlace, ...], tuple[UnitShift, ...], tuple[str, ...]]:
    """The places with their dosage, the tours, and what is to be said of both."""
    zone = desk.workspace.city.time_zone
    dosed, shifts = collect_errors(
        lambda: _dosed(_within(own.hotspots.places, own.roster, question), own.roster, own.book),
        lambda: _shifts(own.roster, question, zone, own.book),
    )
    places = tuple(p for p in dosed.places if question.area in ("", p.area))
    return places, shifts, (*own.hotspots.notes, *dosed.notes)


def _before(
    desk: Desk, question: PatrolQuestion, named: tuple[str, ...] | None, places: tuple[PatrolPlace, ...]
) -> Before:
    plans = plans_before(desk, question.first_day, question.area) if named is None else named
    return carry_over(desk, plans, question.first_day, (place.hotspot for place in places))


def _working(
    shifts: tuple[UnitShift, ...], places: tuple[PatrolPlace, ...]
) -> tuple[tuple[UnitShift, ...], tuple[str, ...]]:
    """The tours of areas that have hotspots, and what is said of them and of the others."""
    busy = {place.area for place in places}
    idle = sorted({s.area for s in shifts} - busy)
    told = f"No hotspot lies in {', '.join(idle)}: their tours are not planned, and could be lent to others."
    working = tuple(s for s in shifts if s.area in busy)
    crowded = tuple(advice.sentence for advice in advise_staggered_starts(working))
    return working, (*((told,) if idle else ()), *crowded)


def _units(workspace: Workspace, question: PatrolQuestion) -> tuple[Source, Roster]:
    path = units_file(workspace, question.units)
    roster = read_units(path, crs=workspace.city.crs)
    _require_area(roster, question.area)
    return path, roster


def _arms(
    arms: Mapping[tuple[str, date], Arm],
    places: tuple[PatrolPlace, ...],
    question: PatrolQuestion,
    listed: Hotspots,
) -> tuple[dict[tuple[str, date], Arm], tuple[str, ...]]:
    """The arms of these places on these days; a place or day that the trial leaves out has none."""
    known = {place.hotspot for place in places}
    until = question.first_day + timedelta(days=question.days)
    drawn = {(h, d): arm for (h, d), arm in arms.items() if h in known and question.first_day <= d < until}
    if arms and not drawn:
        raise PlanError(
            f"{question.arms}: none of its {len(arms)} place-days is among these places from "
            f"{question.first_day} until before {until}. Give the arms of these days, or leave out --arms."
        )
    told = f"Trial: {len(drawn)} of {len(places) * question.days} place-days have an arm."
    return drawn, (told, *overridden_arms(arms, listed)) if drawn else ()


def units_file(workspace: Workspace, named: Path | None) -> Source:
    """The units: the file or the shipped example that was named, else the workspace's own."""
    path = named or workspace.path / UNITS
    if not path.exists() and str(path) in shipped_rosters():
        return shipped_units(str(path))
    if not path.is_file():
        raise PlanError(
            f"There are no units to plan for: {path} does not exist. Write down who patrols, from "
            f"where and when (docs/how-to/patrol-walk-through.md shows how), and keep it as "
            f"{workspace.path / UNITS} or name it with --units."
        )
    return path


def policy_file(workspace: Workspace, named: Path | None) -> Path | None:
    """The policy: the file that was named, else the workspace's own, else none (the shipped one)."""
    own = workspace.path / POLICY
    return named or (own if own.is_file() else None)


def _policy(workspace: Workspace, question: PatrolQuestion) -> tuple[PolicyBook, dict[str, str]]:
    path = policy_file(workspace, question.policy)
    book = load_policy(path)
    return book, {f"policy {book.key}": _sha256(path) if path else f"shipped {SHIPPED}"}


def _within(
    listed: tuple[ListedPlace, ...], roster: Roster, question: PatrolQuestion
) -> tuple[ListedPlace, ...]:
    """The places in the boroughs that were named, or in those of the one area that was."""
    wanted = set(question.boroughs)
    if not wanted and question.area:
        wanted = {borough for borough, area in roster.area_of_borough.items() if area == question.area}
    kept = tuple(place for place in listed if not wanted or place.borough in wanted)
    if listed and not kept:
        known = sorted({place.borough for place in listed if place.borough})
        held = f"they lie in {', '.join(known[:12])}" if known else "the records name no boroughs"
        raise PlanError(
            f"None of the {len(listed)} hotspots lies in {', '.join(sorted(wanted))}: {held}. Correct the "
            "name, or make the workspace with the boundaries of the boroughs (`becalm init --boundaries`)."
        )
    return kept


def _left_out(listed: tuple[ListedPlace, ...], kept: tuple[PatrolPlace, ...]) -> tuple[str, ...]:
    gone = len(listed) - len(kept)
    return (f"{gone} of {len(listed)} hotspots lie elsewhere and are left out.",) if gone else ()


def _dosed(kept: tuple[ListedPlace, ...], roster: Roster, book: PolicyBook) -> DosedPlaces:
    areas = {team.base: team.area for team in roster.teams}
    return dose_places(
        kept,
        book,
        area_of_borough=roster.area_of_borough or None,
        area_of_base=[] if roster.area_of_borough else [(b, areas.get(b.base, "")) for b in roster.bases],
    )


def _require_area(roster: Roster, area: str) -> None:
    known = [a.area for a in roster.areas]
    if area and area not in known:
        raise UsageError(f"There is no area {area!r} in {roster.source}. It has: {', '.join(known)}.")


def _shifts(roster: Roster, question: PatrolQuestion, zone: str, book: PolicyBook) -> tuple[UnitShift, ...]:
    shifts = expand_shifts(roster, first=question.first_day, days=question.days, zone=zone, meals=book.meals)
    return tuple(s for s in shifts if question.area in ("", s.area))


def _bases(roster: Roster, shifts: tuple[UnitShift, ...]) -> tuple[Base, ...]:
    used = {s.base for s in shifts}
    return tuple(b for b in roster.bases if b.base in used)


def _clock_notes(question: PatrolQuestion, zone: str) -> tuple[str, ...]:
    nights = changed_nights(first=question.first_day, days=question.days, zone=zone)
    return tuple(
        f"{day} has {hours} hours: tours over that night keep their clock times." for day, hours in nights
    )


def _sha256(path: Source) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
