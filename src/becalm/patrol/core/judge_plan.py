"""The judge of a plan: plain Python that shares nothing with the planner but the words of plan.json.

It reads what was written, not what was meant: plan.json as an object and visits.csv as text.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

INPUTS = ("from", "days", "time_zone", "crs", "policy", "places", "arms", "bases", "shifts", "travel")
HASHED = (*INPUTS, "owed", "earlier", "law")
PLAN_KEYS = (*HASHED, "commitment", "meals", "visits_sha256", "inputs_sha256")
COLUMNS = ("unit", "hotspot", "start", "end")
SHA256 = re.compile(r"[0-9a-f]{64}")
MINUTE = timedelta(minutes=1)
SLACK = 1e-6  # minutes, for rounding
VIOLATION_KINDS = {
    "form": "plan.json lacks something, or a row of visits.csv cannot be read",
    "visits_hash": "visits.csv is not the one that plan.json was written with",
    "inputs_hash": "the inputs in plan.json were altered",
    "commitment": "the plan names no commitment that was made before it was drawn",
    "unit": "a burst by a unit that is not on duty then",
    "hotspot": "a burst at a place that is not in the plan",
    "shift": "a burst that is not wholly within its tour of duty",
    "start": "too little time from the base to the first burst",
    "end": "too little time from the last burst back to the base",
    "travel": "too little time between two bursts",
    "overlap": "two bursts of one unit at once",
    "meal": "a meal that is missing, too short, outside its window or within a burst",
    "length": "a burst of a length that the policy does not allow",
    "together": "two units at one place at once that are not a pair",
    "blackout": "a burst while its place is closed",
    "arm": "a burst at a place that the trial left unpatrolled that day",
    "area": "a burst outside the unit's area",
    "lent": "a tour in another area than the unit's own, without a reason or from that very area",
    "dosage": "a place with more or fewer bursts than plan.json states",
    "share": "more burst minutes than the share of the tour available for bursts",
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
    lent_from: str
    lent_because: str
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


def judge_plan(
    plan: Mapping[str, Any], visits: bytes, *, closures: Iterable[tuple[str, datetime, datetime]] = ()
) -> PlanVerdict:
    """Which rules does this plan break? None are left unnamed because of others.

    `plan` is plan.json, `visits` the bytes of visits.csv; `closures` are hotspots that were closed since it
    was made, from when until when. Sound plans have no violations.
    """
    missing_keys = [name for name in PLAN_KEYS if name not in plan]
    if missing_keys:
        return PlanVerdict((_form_fault(f"plan.json lacks {', '.join(missing_keys)}"),), 0, 0)
    try:
        plan_facts = _read_plan(plan)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        form_fault = _form_fault(f"plan.json cannot be read ({error!r})")
        return PlanVerdict((form_fault,), 0, len(plan["shifts"]))
    visit_rows, row_faults = _read_visits(visits)
    violations = [*_judge_seals(plan, visits), *row_faults]
    visits_by_tour: dict[Tour, list[Visit]] = defaultdict(list)
    for visit in visit_rows:
        tour = _find_tour(visit, plan_facts)
        violations += _judge_visit(visit, tour, plan_facts)
        if tour:
            visits_by_tour[tour].append(visit)
    violations += _judge_closures(visit_rows, plan, tuple(closures))
    violations += _judge_meetings(visit_rows, plan_facts, plan["earlier"])
    violations += _judge_dosage(visit_rows, plan.get("dosage") or ())
    for tours in plan_facts.tours.values():
        for tour in tours:
            violations += _judge_tour(tour, visits_by_tour[tour])
    return PlanVerdict(tuple(violations), len(visit_rows), len(plan["shifts"]))


def _read_plan(plan: Mapping[str, Any]) -> PlanFacts:
    table_by_mode = {table["mode"]: _read_travel(table) for table in plan["travel"]}
    meals_by_unit: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for unit, start, end in plan["meals"]:
        meals_by_unit[unit].append((parse_instant(start), parse_instant(end)))
    tours_by_unit: dict[str, list[Tour]] = defaultdict(list)
    joining_shifts = [shift for note in _list_replans(plan) for shift in note.get("shifts", ())]
    for shift in (*plan["shifts"], *joining_shifts):
        tours_by_unit[shift["unit"]].append(
            _read_tour(shift, plan["policy"], table_by_mode, meals_by_unit[shift["unit"]])
        )
    return PlanFacts(
        places={place["hotspot"]: place for place in plan["places"]},
        tours={
            unit: tuple(sorted(own_tours, key=lambda t: t.start)) for unit, own_tours in tours_by_unit.items()
        },
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
    meal_window = shift["meal_window"] or None
    quarter_duration = (end - start) / 4
    return Tour(
        unit=shift["unit"],
        area=shift["area"],
        day=shift["day"],
        start=start,
        end=end,
        base=shift["base"],
        settle_minutes=float(policy["settle_minutes"]),
        meal_minutes=float(shift["meal_minutes"]),
        meal_from=parse_instant(meal_window[0]) if meal_window else start + quarter_duration,
        meal_until=parse_instant(meal_window[1]) if meal_window else end - quarter_duration,
        meals=tuple(meal for meal in meals if meal[0] < end and meal[1] > start),
        burst_share=float(shift["burst_share"]),
        pair=shift["pair"],
        lent_from=str(shift.get("lent_from", "")),
        lent_because=str(shift.get("lent_because", "")),
        minutes=tables[shift["mode"]],
    )


def _read_travel(table: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Minutes from stop to stop; pairs without a way are left out."""
    return {
        (from_stop, to_stop): float(minutes)
        for from_stop, minutes_row in zip(table["stops"], table["minutes"], strict=True)
        for to_stop, minutes in zip(table["stops"], minutes_row, strict=True)
        if minutes is not None
    }


def _read_visits(visits_csv: bytes) -> tuple[list[Visit], list[Violation]]:
    try:
        csv_reader = csv.DictReader(io.StringIO(visits_csv.decode("utf-8")))
        missing_columns = [name for name in COLUMNS if name not in (csv_reader.fieldnames or ())]
        if missing_columns:
            return [], [_form_fault(f"visits.csv has no {', '.join(missing_columns)} column")]
        csv_rows = list(csv_reader)
    except (UnicodeDecodeError, csv.Error) as error:
        return [], [_form_fault(f"visits.csv cannot be read ({error})")]
    visits, row_faults = [], []
    for line_number, row in enumerate(csv_rows, start=2):
        try:
            start, end = parse_instant(row["start"]), parse_instant(row["end"])
            visits.append(Visit(row["unit"], row["hotspot"], start, end, row))
        except (TypeError, ValueError, AttributeError):
            fault_text = f"line {line_number} of visits.csv is no visit: {list(row.values())}"
            row_faults.append(_form_fault(fault_text))
    return visits, row_faults


def _judge_seals(plan: Mapping[str, Any], visits_csv: bytes) -> Iterator[Violation]:
    content_sha256 = hashlib.sha256(visits_csv).hexdigest()
    if content_sha256 != plan["visits_sha256"]:
        fault_text = f"visits.csv has {content_sha256}, plan.json says {plan['visits_sha256']}"
        yield Violation("visits_hash", "", "", "", fault_text)
    # The planner's own hash is not called here: a fault in its canonical form would judge itself sound.
    hashed_inputs = {key: plan[key] for key in HASHED}
    canonical_json = json.dumps(hashed_inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    content_sha256 = hashlib.sha256(canonical_json.encode()).hexdigest()
    if content_sha256 != plan["inputs_sha256"]:
        fault_text = f"the inputs have {content_sha256}, plan.json says {plan['inputs_sha256']}"
        yield Violation("inputs_hash", "", "", "", fault_text)
    commitment_fields = plan["commitment"]
    stated_commitment = (
        commitment_fields.get("commitment") if isinstance(commitment_fields, Mapping) else None
    )
    if not SHA256.fullmatch(str(stated_commitment or "")):
        yield Violation("commitment", "", "", "", f"the commitment {stated_commitment!r} is none")


def _find_tour(visit: Visit, facts: PlanFacts) -> Tour | None:
    unit_tours = facts.tours.get(visit.unit, ())
    own_tours = [tour for tour in unit_tours if tour.start <= visit.start < tour.end]
    candidate_tours = own_tours or [
        tour for tour in unit_tours if visit.start < tour.end and visit.end > tour.start
    ]
    return candidate_tours[0] if candidate_tours else None


def _judge_visit(visit: Visit, tour: Tour | None, facts: PlanFacts) -> Iterator[Violation]:
    if tour is None:
        fault_text = "is not on duty then" if visit.unit in facts.tours else "is not in this plan's roster"
        yield visit.breaks("unit", f"{visit.unit} {fault_text}")
    elif visit.start < tour.start or visit.end > tour.end:
        yield visit.breaks("shift", f"the tour is from {tour.start:%H:%M} to {tour.end:%H:%M} UTC")
    if visit.minutes not in facts.lengths:
        yield visit.breaks("length", f"{visit.minutes:g} minutes; {sorted(facts.lengths)} are allowed")
    visited_place = facts.places.get(visit.hotspot)
    if visited_place is None:
        yield visit.breaks("hotspot", f"{visit.hotspot} is not in this plan")
        return
    yield from _judge_place(visit, visited_place, facts)
    if tour and visited_place["area"] != tour.area:
        yield visit.breaks("area", f"the place lies in {visited_place['area']}, the unit serves {tour.area}")
    # The other columns, where they are there, must say the same: people read those.
    value_by_column = {
        "area": visited_place["area"],
        "minutes": f"{visit.minutes:.0f}",
        "day": tour.day if tour else None,
    }
    for column, expected in value_by_column.items():
        if expected is not None and visit.row.get(column) not in (None, expected):
            yield visit.breaks("form", f'{column} "{visit.row[column]}" should be "{expected}"')


def _judge_place(visit: Visit, place: Mapping[str, Any], facts: PlanFacts) -> Iterator[Violation]:
    for blackout_start, blackout_end in facts.blackouts[visit.hotspot]:
        if visit.start < blackout_end and visit.end > blackout_start:
            fault_text = f"closed from {blackout_start:%Y-%m-%d %H:%M} to {blackout_end:%Y-%m-%d %H:%M} UTC"
            yield visit.breaks("blackout", fault_text)
    local_day = visit.start.astimezone(facts.zone).date().isoformat()
    if place["arm"] == "off" or (visit.hotspot, local_day) in facts.off_days:
        yield visit.breaks("arm", f"the place is off on {local_day}")


def _list_replans(plan: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The re-plans of a plan, first to last."""
    commitment_fields = plan["commitment"]
    return list(commitment_fields.get("replans") or ()) if isinstance(commitment_fields, Mapping) else []


def _judge_closures(
    visits: Iterable[Visit], plan: Mapping[str, Any], closures: Iterable[tuple[str, datetime, datetime]]
) -> Iterator[Violation]:
    """Bursts at places that were closed after the plan was made: by now, or when the tour was redrawn."""
    ever = datetime.min.replace(tzinfo=UTC)
    all_closures = [(hotspot, start, end, "", ever) for hotspot, start, end in closures]
    for note in _list_replans(plan):
        for state in note["states"]:
            free_instant = parse_instant(state["free_from"])
            for hotspot, start_text, end_text in note.get("blackouts", ()):
                span = (parse_instant(start_text), parse_instant(end_text))
                all_closures.append((hotspot, *span, state["unit"], free_instant))
    for visit in visits:
        for hotspot, start, end, unit, free_instant in all_closures:
            is_meant = hotspot == visit.hotspot and unit in ("", visit.unit) and visit.start >= free_instant
            if is_meant and visit.start < end and visit.end > start:
                yield visit.breaks(
                    "blackout", f"closed since the plan was made, {start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC"
                )


def _judge_meetings(
    visits: Iterable[Visit], facts: PlanFacts, earlier_bursts: Iterable[Any]
) -> Iterator[Violation]:
    """Two units at one place at once, unless they are a pair."""
    visits_by_place: dict[str, list[Visit]] = defaultdict(list)
    earlier_visits = [
        Visit(unit, hotspot, parse_instant(a), parse_instant(b), {}) for unit, hotspot, a, b in earlier_bursts
    ]
    for visit in (*visits, *earlier_visits):
        visits_by_place[visit.hotspot].append(visit)
    for place_visits in visits_by_place.values():
        visits_now: list[Visit] = []
        for visit in sorted(place_visits, key=lambda v: (v.start, v.unit)):
            visits_now = [other_visit for other_visit in visits_now if other_visit.end > visit.start]
            for other_visit in visits_now:
                if other_visit.unit != visit.unit and not _are_pair(visit, other_visit, facts):
                    yield visit.breaks(
                        "together", f"{other_visit.unit} is there until {other_visit.end:%H:%M} UTC"
                    )
            visits_now.append(visit)


def _are_pair(one_visit: Visit, other_visit: Visit, facts: PlanFacts) -> bool:
    pair_names = [tour.pair for visit in (one_visit, other_visit) if (tour := _find_tour(visit, facts))]
    return facts.pairing and len(pair_names) == 2 and pair_names[0] == pair_names[1] != ""


def _judge_dosage(visits: Iterable[Visit], dosage: Iterable[Any]) -> Iterator[Violation]:
    """Places whose visits are not as many as plan.json says: one was taken out, added or moved."""
    count_by_hotspot = Counter(visit.hotspot for visit in visits)
    for place_dosage in dosage:
        if not isinstance(place_dosage, Mapping):
            yield _form_fault("plan.json: its dosage cannot be read")
            return
        hotspot, stated_count = str(place_dosage.get("hotspot")), place_dosage.get("visits")
        if count_by_hotspot[hotspot] != stated_count:
            fault_text = (
                f"{count_by_hotspot[hotspot]} visits stand in visits.csv, and plan.json says {stated_count}"
            )
            yield Violation("dosage", "", hotspot, "", fault_text)


def _judge_tour(tour: Tour, visits: Sequence[Visit]) -> Iterator[Violation]:
    ordered_visits = sorted(visits, key=lambda v: (v.start, v.end))
    if tour.lent_from == tour.area or bool(tour.lent_from) != bool(tour.lent_because.strip()):
        lent_text = f"lent from {tour.lent_from!r} to {tour.area}, because {tour.lent_because!r}"
        yield tour.breaks("lent", lent_text)
    if tour.meal_minutes > 0:
        yield from _judge_meal(tour, ordered_visits)
    if not ordered_visits:
        return
    yield from _judge_ways(tour, ordered_visits)
    burst_minutes = sum(visit.minutes for visit in ordered_visits)
    open_minutes = tour.burst_share * ((tour.end - tour.start) / MINUTE)
    if burst_minutes > open_minutes + SLACK:
        yield tour.breaks("share", f"{burst_minutes:g} minutes of bursts, {open_minutes:g} are open to them")


def _judge_ways(tour: Tour, ordered_visits: Sequence[Visit]) -> Iterator[Violation]:
    """Is there time enough, besides a meal, from the base to the first visit, and so on back to the base?"""
    base_departure = Visit(tour.unit, tour.base, tour.start, tour.start, {})
    base_return = Visit(tour.unit, tour.base, tour.end, tour.end, {})
    for prior, later in pairwise((base_departure, *ordered_visits, base_return)):
        way_kind = "start" if prior is base_departure else "end" if later is base_return else "travel"
        if way_kind == "travel" and later.start < prior.end:
            yield later.breaks("overlap", f"the unit is at {prior.hotspot} until {prior.end:%H:%M} UTC")
        elif lack_text := _lack_of_time(
            tour, prior, later, 0.0 if way_kind == "end" else tour.settle_minutes
        ):
            visit, leg_text = (
                (prior, f"back to {tour.base}") if way_kind == "end" else (later, f"from {prior.hotspot}")
            )
            yield visit.breaks(way_kind, f"{leg_text}: {lack_text}")


def _lack_of_time(tour: Tour, prior: Visit, later: Visit, settle_minutes: float) -> str:
    """What is missing between two visits, in words; empty where there is time enough."""
    way_minutes = tour.minutes.get((prior.hotspot, later.hotspot))
    if way_minutes is None:
        return "there is no route"
    meal_minutes = sum(
        max((min(end, later.start) - max(start, prior.end)) / MINUTE, 0.0) for start, end in tour.meals
    )
    free_minutes = (later.start - prior.end) / MINUTE - meal_minutes
    needed_minutes = way_minutes + settle_minutes
    return (
        ""
        if free_minutes + SLACK >= needed_minutes
        else f"{free_minutes:g} minutes, {needed_minutes:g} are needed"
    )


def _judge_meal(tour: Tour, ordered_visits: Sequence[Visit]) -> Iterator[Violation]:
    if len(tour.meals) != 1:
        yield tour.breaks("meal", f"{len(tour.meals)} meals are planned, 1 is due")
        return
    start, end = tour.meals[0]
    if (end - start) / MINUTE + SLACK < tour.meal_minutes:
        yield tour.breaks("meal", f"{(end - start) / MINUTE:g} minutes, {tour.meal_minutes:g} are due")
    if start < tour.meal_from or end > tour.meal_until:
        window_text = f"{tour.meal_from:%H:%M} to {tour.meal_until:%H:%M}"
        yield tour.breaks("meal", f"{start:%H:%M} to {end:%H:%M} UTC, its window is {window_text}")
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


def _form_fault(fault_text: str) -> Violation:
    return Violation("form", "", "", "", fault_text)
