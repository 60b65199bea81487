"""The judge of a plan: plain Python that shares nothing with the planner but the words of plan.json.

It reads what was written, not what was meant: plan.json as an object and visits.csv as text.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

INPUTS = ("from", "days", "time_zone", "crs", "policy", "places", "arms", "bases", "shifts", "travel")
HASHED = (*INPUTS, "owed", "earlier", "law")
NEEDED = (*HASHED, "commitment", "meals", "visits_sha256", "inputs_sha256")
COLUMNS = ("unit", "hotspot", "start", "end")
SHA256 = re.compile(r"[0-9a-f]{64}")
MINUTE = timedelta(minutes=1)
SLACK = 1e-6  # minutes, for rounding
VIOLATION_KINDS = {
    "form": "plan.json lacks something, or a row of visits.csv cannot be read",
    "visits_hash": "visits.csv is not the one that plan.json was written with",
    "inputs_hash": "the inputs in plan.json were altered",
    "commitment": "the plan names no commitment that was made before it was drawn",
    "unit": "a burst of a unit that has no tour then",
    "hotspot": "a burst at a place that the plan does not know",
    "shift": "a burst that is not wholly within its tour",
    "start": "too little time from the base to the first burst",
    "end": "too little time from the last burst back to the base",
    "travel": "too little time between two bursts",
    "overlap": "two bursts of one unit at once",
    "meal": "a meal that is missing, too short, outside its window or within a burst",
    "length": "a burst of a length that the policy does not allow",
    "together": "two units at one place at once that are no pair",
    "blackout": "a burst while its place is closed",
    "arm": "a burst at a place that the trial drew as off that day",
    "area": "a burst outside the unit's area",
    "dosage": "a place with more or fewer bursts than plan.json says that it was drawn",
    "share": "more burst minutes than the share of the tour that is open to bursts",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that is broken: its kind (of VIOLATION_KINDS), by whom, where, when (UTC), how far."""

    kind: str
    unit: str
    hotspot: str
    at: str
    what: str


@dataclass(frozen=True, slots=True)
class PlanVerdict:
    """Every rule that a plan breaks; sound where there are none."""

    violations: tuple[Violation, ...]
    visits: int
    unit_shifts: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A row of visits.csv."""

    unit: str
    hotspot: str
    start: datetime
    end: datetime
    row: Mapping[str, str]

    @property
    def minutes(self) -> float:
        """How long is it?"""
        return (self.end - self.start) / MINUTE

    def breaks(self, kind: str, what: str) -> Violation:
        """Say that the visit breaks a rule."""
        return Violation(kind, self.unit, self.hotspot, format_instant(self.start), what)


@dataclass(frozen=True, slots=True, eq=False)
class Tour:
    """One unit's tour with its meal; `minutes` is travel from stop to stop, where there is a way."""

    unit: str
    area: str
    day: str
    start: datetime
    end: datetime
    base: str
    settle_minutes: float
    meal_minutes: float
    meal_from: datetime
    meal_until: datetime
    meals: tuple[tuple[datetime, datetime], ...]
    burst_share: float
    pair: str
    minutes: Mapping[tuple[str, str], float] = field(repr=False)

    def breaks(self, kind: str, what: str) -> Violation:
        """Say that the tour as a whole breaks a rule."""
        return Violation(kind, self.unit, "", format_instant(self.start), what)


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What plan.json says, by name."""

    places: Mapping[str, Mapping[str, Any]]
    tours: Mapping[str, tuple[Tour, ...]]  # of each unit
    lengths: frozenset[int]
    pairing: bool
    off_days: frozenset[tuple[str, str]]  # hotspot and day
    blackouts: Mapping[str, tuple[tuple[datetime, datetime], ...]]
    zone: ZoneInfo


def judge_plan(plan: Mapping[str, Any], visits: bytes) -> PlanVerdict:
    """Which rules does this plan break? None are left unnamed because of others.

    `plan` is plan.json, `visits` the bytes of visits.csv. Sound plans have no violations.
    """
    missing_names = [name for name in NEEDED if name not in plan]
    if missing_names:
        return PlanVerdict((_form_fault(f"plan.json lacks {', '.join(missing_names)}"),), 0, 0)
    try:
        facts = _read_plan(plan)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        fault = _form_fault(f"plan.json cannot be read ({error!r})")
        return PlanVerdict((fault,), 0, len(plan["shifts"]))
    visit_rows, unreadable_rows = _read_visits(visits)
    violations = [*_judge_seals(plan, visits), *unreadable_rows]
    visits_of_tour: dict[Tour, list[Visit]] = defaultdict(list)
    for visit in visit_rows:
        tour = _find_tour(visit, facts)
        violations += _judge_visit(visit, tour, facts)
        if tour:
            visits_of_tour[tour].append(visit)
    violations += _judge_meetings(visit_rows, facts, plan["earlier"])
    violations += _judge_dosage(visit_rows, plan.get("dosage") or ())
    for tours in facts.tours.values():
        for tour in tours:
            violations += _judge_tour(tour, visits_of_tour[tour])
    return PlanVerdict(tuple(violations), len(visit_rows), len(plan["shifts"]))


def _read_plan(plan: Mapping[str, Any]) -> PlanFacts:
    tables = {table["mode"]: _read_travel(table) for table in plan["travel"]}
    meals: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for unit, start, end in plan["meals"]:
        meals[unit].append((parse_instant(start), parse_instant(end)))
    tours: dict[str, list[Tour]] = defaultdict(list)
    for shift in plan["shifts"]:
        tours[shift["unit"]].append(_read_tour(shift, plan["policy"], tables, meals[shift["unit"]]))
    return PlanFacts(
        places={place["hotspot"]: place for place in plan["places"]},
        tours={unit: tuple(sorted(own, key=lambda t: t.start)) for unit, own in tours.items()},
        lengths=frozenset(int(n) for n in plan["policy"]["burst_minutes"]),
        pairing=bool(plan["policy"]["pairing"]),
        off_days=frozenset((hotspot, day) for hotspot, day, arm in plan["arms"] if arm == "off"),
        blackouts={
            place["hotspot"]: tuple((parse_instant(a), parse_instant(b)) for a, b in place["blackouts"])
            for place in plan["places"]
        },
        zone=ZoneInfo(plan["time_zone"]),
    )


def _read_tour(
    shift: Mapping[str, Any],
    policy: Mapping[str, Any],
    tables: Mapping[str, Mapping[tuple[str, str], float]],
    meals: Iterable[tuple[datetime, datetime]],
) -> Tour:
    start, end = parse_instant(shift["start"]), parse_instant(shift["end"])
    window = shift["meal_window"] or None
    quarter = (end - start) / 4
    return Tour(
        unit=shift["unit"],
        area=shift["area"],
        day=shift["day"],
        start=start,
        end=end,
        base=shift["base"],
        settle_minutes=float(policy["settle_minutes"]),
        meal_minutes=float(shift["meal_minutes"]),
        meal_from=parse_instant(window[0]) if window else start + quarter,
        meal_until=parse_instant(window[1]) if window else end - quarter,
        meals=tuple(meal for meal in meals if meal[0] < end and meal[1] > start),
        burst_share=float(shift["burst_share"]),
        pair=shift["pair"],
        minutes=tables[shift["mode"]],
    )


def _read_travel(table: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Minutes from stop to stop; pairs without a way are left out."""
    return {
        (one, other): float(minutes)
        for one, row in zip(table["stops"], table["minutes"], strict=True)
        for other, minutes in zip(table["stops"], row, strict=True)
        if minutes is not None
    }


def _read_visits(visits: bytes) -> tuple[list[Visit], list[Violation]]:
    try:
        reader = csv.DictReader(io.StringIO(visits.decode("utf-8")))
        missing_names = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing_names:
            return [], [_form_fault(f"visits.csv has no {', '.join(missing_names)} column")]
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        return [], [_form_fault(f"visits.csv cannot be read ({error})")]
    visit_rows, unreadable_rows = [], []
    for line_number, row in enumerate(rows, start=2):
        try:
            start, end = parse_instant(row["start"]), parse_instant(row["end"])
            visit_rows.append(Visit(row["unit"], row["hotspot"], start, end, row))
        except (TypeError, ValueError, AttributeError):
            what = f"line {line_number} of visits.csv is no visit: {list(row.values())}"
            unreadable_rows.append(_form_fault(what))
    return visit_rows, unreadable_rows


def _judge_seals(plan: Mapping[str, Any], visits: bytes) -> Iterator[Violation]:
    """Hashes and commitment."""
    sha256 = hashlib.sha256(visits).hexdigest()
    if sha256 != plan["visits_sha256"]:
        what = f"visits.csv has {sha256}, plan.json says {plan['visits_sha256']}"
        yield Violation("visits_hash", "", "", "", what)
    # The planner's own hash is not called here: a fault in its canonical form would judge itself sound.
    inputs = {name: plan[name] for name in HASHED}
    canonical_json = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    sha256 = hashlib.sha256(canonical_json.encode()).hexdigest()
    if sha256 != plan["inputs_sha256"]:
        what = f"the inputs have {sha256}, plan.json says {plan['inputs_sha256']}"
        yield Violation("inputs_hash", "", "", "", what)
    stated_commitment = (
        plan["commitment"].get("commitment") if isinstance(plan["commitment"], Mapping) else None
    )
    if not SHA256.fullmatch(str(stated_commitment or "")):
        yield Violation("commitment", "", "", "", f"the commitment {stated_commitment!r} is none")


def _find_tour(visit: Visit, facts: PlanFacts) -> Tour | None:
    """The tour within which a visit starts, or else the one that it overlaps."""
    tours = facts.tours.get(visit.unit, ())
    own_tours = [t for t in tours if t.start <= visit.start < t.end]
    candidates = own_tours or [t for t in tours if visit.start < t.end and visit.end > t.start]
    return candidates[0] if candidates else None


def _judge_visit(visit: Visit, tour: Tour | None, facts: PlanFacts) -> Iterator[Violation]:
    """What is wrong with a visit by itself?"""
    if tour is None:
        reason = "is not on duty then" if visit.unit in facts.tours else "is in no roster of this plan"
        yield visit.breaks("unit", f"{visit.unit} {reason}")
    elif visit.start < tour.start or visit.end > tour.end:
        yield visit.breaks("shift", f"the tour is from {tour.start:%H:%M} to {tour.end:%H:%M} UTC")
    if visit.minutes not in facts.lengths:
        yield visit.breaks("length", f"{visit.minutes:g} minutes; {sorted(facts.lengths)} are allowed")
    place = facts.places.get(visit.hotspot)
    if place is None:
        yield visit.breaks("hotspot", f"{visit.hotspot} is not in this plan")
        return
    yield from _judge_place(visit, place, facts)
    if tour and place["area"] != tour.area:
        yield visit.breaks("area", f"the place lies in {place['area']}, the unit serves {tour.area}")
    # The other columns, where they are there, must say the same: people read those.
    expected_values = {
        "area": place["area"],
        "minutes": f"{visit.minutes:.0f}",
        "day": tour.day if tour else None,
    }
    for name, value in expected_values.items():
        if value is not None and visit.row.get(name) not in (None, value):
            yield visit.breaks("form", f'{name} "{visit.row[name]}" should be "{value}"')


def _judge_place(visit: Visit, place: Mapping[str, Any], facts: PlanFacts) -> Iterator[Violation]:
    """Is the place open to visits then?"""
    for start, end in facts.blackouts[visit.hotspot]:
        if visit.start < end and visit.end > start:
            what = f"closed from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
            yield visit.breaks("blackout", what)
    day = visit.start.astimezone(facts.zone).date().isoformat()
    if place["arm"] == "off" or (visit.hotspot, day) in facts.off_days:
        yield visit.breaks("arm", f"the place is off on {day}")


def _judge_meetings(
    visits: Iterable[Visit], facts: PlanFacts, earlier_bursts: Iterable[Any]
) -> Iterator[Violation]:
    """Two units at one place at once, unless they are a pair."""
    visits_of_place: dict[str, list[Visit]] = defaultdict(list)
    earlier_visits = [
        Visit(unit, hotspot, parse_instant(a), parse_instant(b), {}) for unit, hotspot, a, b in earlier_bursts
    ]
    for visit in (*visits, *earlier_visits):
        visits_of_place[visit.hotspot].append(visit)
    for place_visits in visits_of_place.values():
        under_way: list[Visit] = []
        for visit in sorted(place_visits, key=lambda v: (v.start, v.unit)):
            under_way = [other for other in under_way if other.end > visit.start]
            for other in under_way:
                if other.unit != visit.unit and not _are_pair(visit, other, facts):
                    yield visit.breaks("together", f"{other.unit} is there until {other.end:%H:%M} UTC")
            under_way.append(visit)


def _are_pair(one: Visit, other: Visit, facts: PlanFacts) -> bool:
    pair_names = [tour.pair for visit in (one, other) if (tour := _find_tour(visit, facts))]
    return facts.pairing and len(pair_names) == 2 and pair_names[0] == pair_names[1] != ""


def _judge_dosage(visits: Iterable[Visit], dosage: Iterable[Any]) -> Iterator[Violation]:
    """Places whose visits are not as many as plan.json says: one was taken out, added or moved."""
    counts = Counter(visit.hotspot for visit in visits)
    for place in dosage:
        if not isinstance(place, Mapping):
            yield _form_fault("plan.json: its dosage cannot be read")
            return
        name, stated_count = str(place.get("hotspot")), place.get("visits")
        if counts[name] != stated_count:
            what = f"{counts[name]} visits stand in visits.csv, and plan.json says {stated_count}"
            yield Violation("dosage", "", name, "", what)


def _judge_tour(tour: Tour, visits: Sequence[Visit]) -> Iterator[Violation]:
    """What is wrong with a tour as a whole: its ways, its meal, its share of bursts?"""
    ordered_visits = sorted(visits, key=lambda v: (v.start, v.end))
    if tour.meal_minutes > 0:
        yield from _judge_meal(tour, ordered_visits)
    if not ordered_visits:
        return
    yield from _judge_ways(tour, ordered_visits)
    minutes = sum(visit.minutes for visit in ordered_visits)
    allowed_minutes = tour.burst_share * ((tour.end - tour.start) / MINUTE)
    if minutes > allowed_minutes + SLACK:
        yield tour.breaks("share", f"{minutes:g} minutes of bursts, {allowed_minutes:g} are open to them")


def _judge_ways(tour: Tour, ordered_visits: Sequence[Visit]) -> Iterator[Violation]:
    """Is there time enough, besides a meal, from the base to the first visit, and so on back to the base?"""
    base_start = Visit(tour.unit, tour.base, tour.start, tour.start, {})
    base_end = Visit(tour.unit, tour.base, tour.end, tour.end, {})
    for one, other in pairwise((base_start, *ordered_visits, base_end)):
        kind = "start" if one is base_start else "end" if other is base_end else "travel"
        if kind == "travel" and other.start < one.end:
            yield other.breaks("overlap", f"the unit is at {one.hotspot} until {one.end:%H:%M} UTC")
        elif lack := _lack_of_time(tour, one, other, 0.0 if kind == "end" else tour.settle_minutes):
            visit, leg = (one, f"back to {tour.base}") if kind == "end" else (other, f"from {one.hotspot}")
            yield visit.breaks(kind, f"{leg}: {lack}")


def _lack_of_time(tour: Tour, one: Visit, other: Visit, settle_minutes: float) -> str:
    """What is missing between two visits, in words; empty where there is time enough."""
    way_minutes = tour.minutes.get((one.hotspot, other.hotspot))
    if way_minutes is None:
        return "there is no way"
    eaten_minutes = sum(
        max((min(end, other.start) - max(start, one.end)) / MINUTE, 0.0) for start, end in tour.meals
    )
    free_minutes = (other.start - one.end) / MINUTE - eaten_minutes
    needed = way_minutes + settle_minutes
    return "" if free_minutes + SLACK >= needed else f"{free_minutes:g} minutes, {needed:g} are needed"


def _judge_meal(tour: Tour, ordered_visits: Sequence[Visit]) -> Iterator[Violation]:
    if len(tour.meals) != 1:
        yield tour.breaks("meal", f"{len(tour.meals)} meals are planned, 1 is due")
        return
    start, end = tour.meals[0]
    if (end - start) / MINUTE + SLACK < tour.meal_minutes:
        yield tour.breaks("meal", f"{(end - start) / MINUTE:g} minutes, {tour.meal_minutes:g} are due")
    if start < tour.meal_from or end > tour.meal_until:
        window = f"{tour.meal_from:%H:%M} to {tour.meal_until:%H:%M}"
        yield tour.breaks("meal", f"{start:%H:%M} to {end:%H:%M} UTC, its window is {window}")
    for visit in ordered_visits:
        if visit.start < end and visit.end > start:
            yield visit.breaks("meal", f"the meal is from {start:%H:%M} to {end:%H:%M} UTC")


def parse_instant(text: str) -> datetime:
    """An instant as plan.json and visits.csv write it; it must carry its zone."""
    instant = datetime.fromisoformat(text)
    if instant.utcoffset() is None:
        raise ValueError(f"{text} carries no zone")
    return instant


def format_instant(instant: datetime) -> str:
    """An instant as it was written."""
    return instant.isoformat().replace("+00:00", "Z")


def _form_fault(what: str) -> Violation:
    return Violation("form", "", "", "", what)
