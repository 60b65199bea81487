"""The judge of a plan: plain Python that shares nothing with the planner but the words of plan.json.

It reads what was written, not what was meant: plan.json as an object and visits.csv as text.

Can one unit walk or drive its tour as planned, and eat?

What a judge says of a plan: every rule that it breaks, and where.
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
KINDS = {
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
class PlanFacts:
    """What plan.json says, by name."""

    places: Mapping[str, Mapping[str, Any]]
    tours: Mapping[str, tuple[Tour, ...]]  # of each unit
    lengths: frozenset[int]
    pairing: bool
    off: frozenset[tuple[str, str]]
    closed: Mapping[str, tuple[tuple[datetime, datetime], ...]]
    zone: ZoneInfo


def judge_plan(plan: Mapping[str, Any], visits: bytes) -> PlanVerdict:
    """Which rules does this plan break? None are left unnamed because of others.

    `plan` is plan.json, `visits` the bytes of visits.csv. Sound plans have no violations.
    """
    missing = [name for name in NEEDED if name not in plan]
    if missing:
        return PlanVerdict((_form(f"plan.json lacks {', '.join(missing)}"),), 0, 0)
    try:
        known = _known(plan)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        return PlanVerdict((_form(f"plan.json cannot be read ({error!r})"),), 0, len(plan["shifts"]))
    rows, unread = _read_visits(visits)
    found = [*_seals(plan, visits), *unread]
    of_tour: dict[Tour, list[Visit]] = defaultdict(list)
    for visit in rows:
        tour = _tour_of(visit, known)
        found += _judge_visit(visit, tour, known)
        if tour:
            of_tour[tour].append(visit)
    found += _together(rows, known, plan["earlier"])
    found += _tallies(rows, plan.get("dosage") or ())
    for tours in known.tours.values():
        for tour in tours:
            found += judge_tour(tour, of_tour[tour])
    return PlanVerdict(tuple(found), len(rows), len(plan["shifts"]))


def _tallies(rows: Iterable[Visit], dosage: Iterable[Any]) -> Iterator[Violation]:
    """Places whose visits are not as many as plan.json says: one was taken out, added or moved."""
    seen = Counter(visit.hotspot for visit in rows)
    for place in dosage:
        if not isinstance(place, Mapping):
            yield _form("plan.json: its dosage cannot be read")
            return
        name, told = str(place.get("hotspot")), place.get("visits")
        if seen[name] != told:
            what = f"{seen[name]} visits stand in visits.csv, and plan.json says {told}"
            yield Violation("dosage", "", name, "", what)


def _known(plan: Mapping[str, Any]) -> PlanFacts:
    tables = {table["mode"]: _minutes(table) for table in plan["travel"]}
    settle = float(plan["policy"]["settle_minutes"])
    meals: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for unit, start, end in plan["meals"]:
        meals[unit].append((parse_instant(start), parse_instant(end)))
    tours: dict[str, list[Tour]] = defaultdict(list)
    for shift in plan["shifts"]:
        begin, end = parse_instant(shift["start"]), parse_instant(shift["end"])
        window = shift["meal_window"] or None
        quarter = (end - begin) / 4
        tours[shift["unit"]].append(
            Tour(
                unit=shift["unit"],
                area=shift["area"],
                day=shift["day"],
                start=begin,
                end=end,
                base=shift["base"],
                minutes=tables[shift["mode"]],
                settle=settle,
                meal_minutes=float(shift["meal_minutes"]),
                meal_from=parse_instant(window[0]) if window else begin + quarter,
                meal_until=parse_instant(window[1]) if window else end - quarter,
                meals=tuple(m for m in meals[shift["unit"]] if m[0] < end and m[1] > begin),
                share=float(shift["burst_share"]),
                pair=shift["pair"],
            )
        )
    return PlanFacts(
        places={place["hotspot"]: place for place in plan["places"]},
        tours={unit: tuple(sorted(own, key=lambda t: t.start)) for unit, own in tours.items()},
        lengths=frozenset(int(n) for n in plan["policy"]["burst_minutes"]),
        pairing=bool(plan["policy"]["pairing"]),
        off=frozenset((hotspot, day) for hotspot, day, arm in plan["arms"] if arm == "off"),
        closed={
            p["hotspot"]: tuple((parse_instant(a), parse_instant(b)) for a, b in p["blackouts"])
            for p in plan["places"]
        },
        zone=ZoneInfo(plan["time_zone"]),
    )


def _minutes(table: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Minutes from stop to stop; pairs without a way are left out."""
    return {
        (one, other): float(minutes)
        for one, row in zip(table["stops"], table["minutes"], strict=True)
        for other, minutes in zip(table["stops"], row, strict=True)
        if minutes is not None
    }


def _read_visits(visits: bytes) -> tuple[list[Visit], list[Violation]]:
    try:
        rows = csv.DictReader(io.StringIO(visits.decode("utf-8")))
        lacking = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if lacking:
            return [], [_form(f"visits.csv has no {', '.join(lacking)} column")]
        held = list(rows)
    except (UnicodeDecodeError, csv.Error) as error:
        return [], [_form(f"visits.csv cannot be read ({error})")]
    read, unread = [], []
    for number, row in enumerate(held, start=2):
        try:
            read.append(
                Visit(
                    row["unit"], row["hotspot"], parse_instant(row["start"]), parse_instant(row["end"]), row
                )
            )
        except (TypeError, ValueError, AttributeError):
            unread.append(_form(f"line {number} of visits.csv is no visit: {list(row.values())}"))
    return read, unread


def _seals(plan: Mapping[str, Any], visits: bytes) -> Iterator[Violation]:
    """Hashes and commitment."""
    found = hashlib.sha256(visits).hexdigest()
    if found != plan["visits_sha256"]:
        yield _seal("visits_hash", f"visits.csv has {found}, plan.json says {plan['visits_sha256']}")
    chosen = {name: plan[name] for name in HASHED}
    text = json.dumps(chosen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    found = hashlib.sha256(text.encode()).hexdigest()
    if found != plan["inputs_sha256"]:
        yield _seal("inputs_hash", f"the inputs have {found}, plan.json says {plan['inputs_sha256']}")
    sealed = plan["commitment"].get("commitment") if isinstance(plan["commitment"], Mapping) else None
    if not SHA256.fullmatch(str(sealed or "")):
        yield _seal("commitment", f"the commitment {sealed!r} is none")


def _tour_of(visit: Visit, known: PlanFacts) -> Tour | None:
    """The tour within which a visit starts, or else the one that it overlaps."""
    tours = known.tours.get(visit.unit, ())
    within = [t for t in tours if t.start <= visit.start < t.end]
    near = within or [t for t in tours if visit.start < t.end and visit.end > t.start]
    return near[0] if near else None


def _judge_visit(visit: Visit, tour: Tour | None, known: PlanFacts) -> Iterator[Violation]:
    """What is wrong with a visit by itself?"""
    if tour is None:
        reason = "is not on duty then" if visit.unit in known.tours else "is in no roster of this plan"
        yield visit.breaks("unit", f"{visit.unit} {reason}")
    elif visit.start < tour.start or visit.end > tour.end:
        yield visit.breaks("shift", f"the tour is from {tour.start:%H:%M} to {tour.end:%H:%M} UTC")
    minutes = (visit.end - visit.start) / timedelta(minutes=1)
    if minutes not in known.lengths:
        yield visit.breaks("length", f"{minutes:g} minutes; {sorted(known.lengths)} are allowed")
    place = known.places.get(visit.hotspot)
    if place is None:
        yield visit.breaks("hotspot", f"{visit.hotspot} is not in this plan")
        return
    yield from _judge_place(visit, place, known)
    if tour and place["area"] != tour.area:
        yield visit.breaks("area", f"the place lies in {place['area']}, the unit serves {tour.area}")
    yield from _row_agrees(visit, place, tour)


def _judge_place(visit: Visit, place: Mapping[str, Any], known: PlanFacts) -> Iterator[Violation]:
    """Is the place open to visits then?"""
    for begin, end in known.closed[visit.hotspot]:
        if visit.start < end and visit.end > begin:
            yield visit.breaks("blackout", f"closed from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
    day = visit.start.astimezone(known.zone).date().isoformat()
    if place["arm"] == "off" or (visit.hotspot, day) in known.off:
        yield visit.breaks("arm", f"the place is off on {day}")


def _row_agrees(visit: Visit, place: Mapping[str, Any], tour: Tour | None) -> Iterator[Violation]:
    """The other columns, where they are there, say the same."""
    minutes = f"{(visit.end - visit.start) / timedelta(minutes=1):.0f}"
    expected = {"area": place["area"], "minutes": minutes, "day": tour.day if tour else None}
    for name, value in expected.items():
        if value is not None and visit.row.get(name) not in (None, value):
            yield visit.breaks("form", f'{name} "{visit.row[name]}" should be "{value}"')


def _together(rows: Iterable[Visit], known: PlanFacts, earlier: Iterable[Any]) -> Iterator[Violation]:
    """Two units at one place at once, unless they are a pair."""
    at_place: dict[str, list[Visit]] = defaultdict(list)
    stood = [Visit(unit, hotspot, parse_instant(a), parse_instant(b), {}) for unit, hotspot, a, b in earlier]
    for visit in (*rows, *stood):
        at_place[visit.hotspot].append(visit)
    for visits in at_place.values():
        visits.sort(key=lambda v: (v.start, v.unit))
        here: list[Visit] = []
        for visit in visits:
            here = [other for other in here if other.end > visit.start]
            for other in here:
                if other.unit != visit.unit and not _are_pair(visit, other, known):
                    yield visit.breaks("together", f"{other.unit} is there until {other.end:%H:%M} UTC")
            here.append(visit)


def _are_pair(one: Visit, other: Visit, known: PlanFacts) -> bool:
    pairs = [tour.pair for visit in (one, other) if (tour := _tour_of(visit, known))]
    return known.pairing and len(pairs) == 2 and pairs[0] == pairs[1] != ""


def _form(what: str) -> Violation:
    return Violation("form", "", "", "", what)


def _seal(kind: str, what: str) -> Violation:
    return Violation(kind, "", "", "", what)


@dataclass(frozen=True, slots=True)
class Visit:
    """A row of visits.csv."""

    unit: str
    hotspot: str
    start: datetime
    end: datetime
    row: Mapping[str, str]

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
    settle: float
    meal_minutes: float
    meal_from: datetime
    meal_until: datetime
    meals: tuple[tuple[datetime, datetime], ...]
    share: float
    pair: str
    minutes: Mapping[tuple[str, str], float] = field(repr=False)


def judge_tour(tour: Tour, visits: Sequence[Visit]) -> Iterator[Violation]:
    """What is wrong with a tour as a whole: its ways, its meal, its share of bursts?"""
    ordered = sorted(visits, key=lambda v: (v.start, v.end))
    yield from _judge_meal(tour, ordered)
    if not ordered:
        return
    yield from _judge_ways(tour, ordered)
    minutes = sum((v.end - v.start) / MINUTE for v in ordered)
    allowed = tour.share * ((tour.end - tour.start) / MINUTE)
    if minutes > allowed + SLACK:
        yield _breaks(tour, "share", f"{minutes:g} minutes of bursts, {allowed:g} are open to them")


def _judge_ways(tour: Tour, ordered: Sequence[Visit]) -> Iterator[Violation]:
    first, last = ordered[0], ordered[-1]
    have = _free(tour, tour.start, first.start)
    if short := _short(tour, tour.base, first.hotspot, have, tour.settle):
        yield first.breaks("start", f"from {tour.base}: {short}")
    for one, other in pairwise(ordered):
        if other.start < one.end:
            yield other.breaks("overlap", f"the unit is at {one.hotspot} until {one.end:%H:%M} UTC")
            continue
        have = _free(tour, one.end, other.start)
        if short := _short(tour, one.hotspot, other.hotspot, have, tour.settle):
            yield other.breaks("travel", f"from {one.hotspot}: {short}")
    have = _free(tour, last.end, tour.end)
    if short := _short(tour, last.hotspot, tour.base, have, 0.0):
        yield last.breaks("end", f"back to {tour.base}: {short}")


def _short(tour: Tour, one: str, other: str, have: float, settle: float) -> str:
    """What is missing, in words; empty where there is time enough."""
    way = tour.minutes.get((one, other))
    if way is None:
        return "there is no way"
    needed = way + settle
    return "" if have + SLACK >= needed else f"{have:g} minutes, {needed:g} are needed"


def _free(tour: Tour, begin: datetime, end: datetime) -> float:
    """Minutes from `begin` to `end` that no meal takes."""
    eaten = sum(max((min(b, end) - max(a, begin)) / MINUTE, 0.0) for a, b in tour.meals)
    return (end - begin) / MINUTE - eaten


def _judge_meal(tour: Tour, ordered: Sequence[Visit]) -> Iterator[Violation]:
    if tour.meal_minutes <= 0:
        return
    if len(tour.meals) != 1:
        yield _breaks(tour, "meal", f"{len(tour.meals)} meals are planned, 1 is due")
        return
    begin, end = tour.meals[0]
    if (end - begin) / MINUTE + SLACK < tour.meal_minutes:
        yield _breaks(tour, "meal", f"{(end - begin) / MINUTE:g} minutes, {tour.meal_minutes:g} are due")
    if begin < tour.meal_from or end > tour.meal_until:
        window = f"{tour.meal_from:%H:%M} to {tour.meal_until:%H:%M}"
        yield _breaks(tour, "meal", f"{begin:%H:%M} to {end:%H:%M} UTC, its window is {window}")
    for visit in ordered:
        if visit.start < end and visit.end > begin:
            yield visit.breaks("meal", f"the meal is from {begin:%H:%M} to {end:%H:%M} UTC")


def _breaks(tour: Tour, kind: str, what: str) -> Violation:
    return Violation(kind, tour.unit, "", format_instant(tour.start), what)


def parse_instant(text: str) -> datetime:
    """An instant as plan.json and visits.csv write it; it must carry its zone."""
    at = datetime.fromisoformat(text)
    if at.utcoffset() is None:
        raise ValueError(f"{text} carries no zone")
    return at


def format_instant(at: datetime) -> str:
    """An instant as it was written."""
    return at.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that is broken: its kind (one of KINDS), by whom, where, when (UTC), and by how much."""

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
