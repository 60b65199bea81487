"""All that a patrol plan is made of: hotspots, policy, units and ways, each named by its hash.

And what the plan of the days before leaves to it: visits owed, and bursts that are still to come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from becalm.archive.manifest import sha256_of
from becalm.desk import Desk
from becalm.desk.collect_errors import collect_errors
from becalm.find.desk.hotspots import HotspotAnswer, HotspotRequest
from becalm.patrol.core.capacity import Capacity, assess_capacity, fit_dosage
from becalm.patrol.core.dose import DosagePlan, ListedPlace, dose_places
from becalm.patrol.core.places_and_shifts import Arm, Base, Burst, Mode, PatrolPlace, UnitShift
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.policy import PolicyBook
from becalm.patrol.core.roster import (
    Roster,
    advise_staggered_starts,
    day_span,
    expand_shifts,
    find_changed_nights,
)
from becalm.patrol.core.seal import SeedHistory
from becalm.patrol.core.travel import (
    Stops,
    TravelTable,
    build_street_table,
    close_triangles,
    find_broken_triangles,
    find_unreachable_places,
    locate_stops,
    straight_line_table,
)
from becalm.patrol.desk.hotspots import Hotspots, hotspots_to_patrol, overridden_arms
from becalm.patrol.desk.seed import audit_patrol, sealed_box
from becalm.patrol.files.arms import read_arms
from becalm.patrol.files.plan import PlanDocument
from becalm.patrol.files.read_plan import plan_of_texts
from becalm.patrol.files.read_policy import SHIPPED, load_policy
from becalm.patrol.files.read_travel import read_travel
from becalm.patrol.files.read_units import read_units, shipped_rosters, shipped_units
from becalm.terms import Fault, PlanError, UsageError
from becalm.workspace.config import POLICY_FILE, STREET_FILES, UNITS_FILE, Workspace
from becalm.workspace.recipes import Source
from becalm.workspace.streets import read_streets


@dataclass(frozen=True, slots=True)
class TravelWanted:
    """Which files say how long ways take; `close` shortens what a given table has too long."""

    streets: Path | None = None
    table: Path | None = None
    close: bool = False


@dataclass(frozen=True, slots=True)
class PatrolQuestion:
    """Which days, for whom, by which files? Files that are not named are looked for in the workspace."""

    first_day: date
    days: int = 14
    find: HotspotRequest = field(default_factory=HotspotRequest)
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

    plan_inputs: PlanInputs
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
    found: HotspotAnswer | None = None,
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
        plan_inputs=PlanInputs(
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
    sources = {**hotspots.sources, **policy_sources, UNITS_FILE: _sha256(units)}
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
    path = named or workspace.path / UNITS_FILE
    if not path.exists() and str(path) in shipped_rosters():
        return shipped_units(str(path))
    if not path.is_file():
        raise PlanError(
            f"There are no units to plan for: {path} does not exist. Write down who patrols, from "
            f"where and when (docs/how-to/patrol-walk-through.md shows how), and keep it as "
            f"{workspace.path / UNITS_FILE} or name it with --units."
        )
    return path


def policy_file(workspace: Workspace, named: Path | None) -> Path | None:
    """The policy: the file that was named, else the workspace's own, else none (the shipped one)."""
    own = workspace.path / POLICY_FILE
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


def _dosed(kept: tuple[ListedPlace, ...], roster: Roster, book: PolicyBook) -> DosagePlan:
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
    nights = find_changed_nights(first=question.first_day, days=question.days, zone=zone)
    return tuple(
        f"{day} has {hours} hours: tours over that night keep their clock times." for day, hours in nights
    )


def _sha256(path: Source) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


TRAVEL_STEP_MINUTES = 0.05  # travel is rounded up to this, so that files are short and nobody is late


@dataclass(frozen=True, slots=True)
class Ways:
    """A table for each mode in use, where it came from, and what its reader must be told."""

    tables: Mapping[Mode, TravelTable]
    sources: Mapping[str, str]
    notes: tuple[str, ...]


def streets_file(workspace: Workspace, named: Path | None) -> Path | None:
    """The streets: the file that was named, else the workspace's own, if there is one."""
    if named is not None:
        return named
    return next((p for p in (workspace.path / name for name in STREET_FILES) if p.is_file()), None)


def find_ways(
    workspace: Workspace,
    wanted: TravelWanted,
    places: Sequence[PatrolPlace],
    bases: Sequence[Base],
    shifts: Sequence[UnitShift],
    book: PolicyBook,
) -> Ways:
    """How many minutes is it from each stop to each other, by each mode in use?

    Raises
    ------
    PlanError
        with every hotspot that no unit of its area can reach and be back from within its shift, and why; or
        every pair of a given table that is longer than a way over another stop.
    """
    modes = sorted({s.mode for s in shifts})
    stops = locate_stops(places, bases)
    streets = streets_file(workspace, wanted.streets)
    if wanted.table is not None:
        ways, lost = _given(wanted.table, stops, modes, book, close=wanted.close), tuple[Fault, ...]()
    elif streets is not None:
        ways, lost = _over_streets(workspace, streets, stops, modes, book)
    else:
        ways, lost = _by_crow(stops, modes, book), ()
    _require_reach(places, shifts, ways.tables, book, lost)
    return ways


def _by_crow(stops: Stops, modes: Sequence[Mode], book: PolicyBook) -> Ways:
    tables = {m: straight_line_table(stops, m, book.paces[m], quantile=book.quantile) for m in modes}
    note = (
        f"Travel as the crow flies ({_speeds(modes, book)}, with its detour): rivers and railways are not "
        "seen. Give a street network with --streets."
    )
    return Ways(_tidy(tables), {"streets": "none: as the crow flies"}, (note,))


def _over_streets(
    workspace: Workspace, path: Path, stops: Stops, modes: Sequence[Mode], book: PolicyBook
) -> tuple[Ways, tuple[Fault, ...]]:
    network = read_streets(path, crs=workspace.city.crs)
    made = [build_street_table(network, stops, m, book.paces[m], quantile=book.quantile) for m in modes]
    note = f"Travel over {path.name} ({_speeds(modes, book)} where a street states no speed)."
    ways = Ways(_tidy({t.table.mode: t.table for t in made}), {"streets": sha256_of(path)}, (note,))
    return ways, tuple(fault for t in made for fault in t.out_of_reach)


def _given(path: Path, stops: Stops, modes: Sequence[Mode], book: PolicyBook, *, close: bool) -> Ways:
    tables = read_travel(path, tuple(stops), modes, quantile=book.quantile)
    broken = tuple(fault for table in tables.values() for fault in find_broken_triangles(table))
    if broken and not close:
        raise PlanError(
            f"{path.name}: ways are longer than ways over another stop; nothing was planned. "
            "Correct them, or shorten them all with --close-triangles.",
            broken,
        )
    told = tuple(f"Shortened: {fault.where}, {fault.what}." for fault in broken)
    return Ways(_tidy(tables), {"travel": sha256_of(path)}, (f"Travel by {path.name}, as given.", *told))


def _tidy(tables: Mapping[Mode, TravelTable]) -> dict[Mode, TravelTable]:
    """Closed and rounded up: sums of what is rounded up are never below it, so triangles hold."""
    tidy = {}
    for mode, table in tables.items():
        steps = np.ceil(close_triangles(table).minutes / TRAVEL_STEP_MINUTES - 1e-9)
        tidy[mode] = replace(table, minutes=np.round(steps * TRAVEL_STEP_MINUTES, 2))
    return tidy


def _speeds(modes: Sequence[Mode], book: PolicyBook) -> str:
    return ", ".join(f"{mode} {book.paces[mode].kph:g} km/h" for mode in modes)


def _require_reach(
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    tables: Mapping[Mode, TravelTable],
    book: PolicyBook,
    lost: Sequence[Fault],
) -> None:
    """Refuse places that nobody can visit; where the streets say why, their reason stands."""
    faults = find_unreachable_places(
        places,
        shifts,
        tables,
        shortest_burst_minutes=min(book.planner.burst_minutes),
        settle_minutes=book.planner.settle_minutes,
    )
    if not faults:
        return
    why = {fault.where: fault for fault in lost}
    base = {s.area: s.base for s in shifts}
    area = {p.hotspot: p.area for p in places}
    told = dict.fromkeys(why.get(f.where) or why.get(base.get(area[f.where], "")) or f for f in faults)
    verb = "is" if len(faults) == 1 else "are"
    raise PlanError(
        f"{len(faults)} of {len(places)} hotspots {verb} out of reach; nothing was planned", tuple(told)
    )


LOOK_BACK = timedelta(hours=2)  # the longest gap that a burst of the night before may still keep


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier plans leave. `plans` names each as `<commitment> <index of its re-plan>`."""

    plans: tuple[str, ...] = ()
    owed: Mapping[str, float] = field(default_factory=dict)
    earlier: tuple[Burst, ...] = ()
    notes: tuple[str, ...] = ()


def plans_before(desk: Desk, first_day: date, area: str = "") -> tuple[str, ...]:
    """Which plans cover the day before, as they stand now? Of several for one area, the newest."""
    found: list[SeedHistory] = []
    covering = (s for s in audit_patrol(desk).histories if s.plans and s.first_day < first_day)
    eve = first_day - timedelta(days=1)
    for story in sorted(covering, key=lambda s: -s.seq):
        if story.overlaps(eve, 1, area) and not any(other.overlaps(eve, 1, story.area) for other in found):
            found.append(story)
    kept = ((story.commitment, len(sealed_box(desk).plans(story.commitment)) - 1) for story in found)
    return tuple(f"{commitment} {index}" for commitment, index in kept if index >= 0)


def carry_over(desk: Desk, plans: Iterable[str], first_day: date, hotspots: Iterable[str]) -> Before:
    """What do these plans leave to one that begins on this day, at these hotspots?

    Owed is what a place was owed before, and was to get on average, less what it was drawn. A plan
    that does not end on the day before leaves no visits owed: it was cut short, and a new one was made.
    """
    known, named = set(hotspots), tuple(plans)
    owed: dict[str, float] = {}
    earlier: list[Burst] = []
    notes: list[str] = []
    for name in named:
        plan = _plan(desk, name)
        if plan.inputs.first_day + timedelta(days=plan.inputs.days) == first_day:
            owed |= {hotspot: visits for hotspot, visits in _owed(plan).items() if hotspot in known}
            notes.append(
                f"Visits owed are carried over from the plan of {plan.inputs.first_day} "
                f"({name[:12]}), as it was drawn; they pull weakly."
            )
        earlier += [burst for burst in _still_standing(plan, first_day) if burst.hotspot in known]
    earlier.sort(key=lambda burst: (burst.span.start, burst.hotspot, burst.unit))
    return Before(named, owed, tuple(earlier), tuple(notes))


def _plan(desk: Desk, name: str) -> PlanDocument:
    commitment, index = name.split()
    texts = sealed_box(desk).plans(commitment)
    if int(index) >= len(texts):
        raise PlanError(
            f"The sealed plan {commitment[:12]}, of the days before, is not in this workspace. Restore "
            "patrol/sealed from a backup."
        )
    text = texts[int(index)]
    return plan_of_texts(
        text, sealed_box(desk).visits_of(commitment, text), where=f"the sealed plan of {commitment[:12]}"
    )


def _owed(plan: PlanDocument) -> dict[str, float]:
    before = plan.inputs.owed
    return {
        row.hotspot: round(before.get(row.hotspot, 0.0) + row.expected_visits - row.visits, 3)
        for row in plan.dosage
    }


def _still_standing(plan: PlanDocument, first_day: date) -> list[Burst]:
    """Bursts of tours that began before this day, from late on the day before."""
    since = day_span(first_day, 1, zone=plan.inputs.zone).start - LOOK_BACK
    own = (route for route in plan.routes if route.day < first_day)
    return [burst for route in own for burst in route.bursts if burst.span.end > since]
