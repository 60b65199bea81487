"""The delivery return: what was planned and what was delivered, by place and area, month and quarter.

Patrol hours count a moment at a place once, however many officers stood there; officer hours count each of
them. Where only some units were traced, what was delivered is an estimate: each total over the sampled share,
with the normal interval of a Bernoulli sample of units (Särndal, Swensson and Wretman 1992, section 3.2).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import inf, sqrt
from typing import Final, Literal

from becalm.patrol.core.delivery import DeliveredVisit, compare_delivery
from becalm.patrol.core.plan_inputs import Burst, PatrolPlace, Span, UnitShift
from becalm.patrol.core.policy import DeliveryRule
from becalm.patrol.core.roster import day_span
from becalm.terms import Estimate

LEVEL: Final = 0.95
Z: Final = 1.959964
COUNT_METHOD: Final = "counted"
SAMPLE_METHOD: Final = "Bernoulli sample of units, normal interval"
PeriodKind = Literal["month", "quarter"]
OUTCOMES: Final = ("arrests", "stops", "seizures")


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What a return needs of one plan."""

    first_day: date
    days: int
    zone: str
    bursts: tuple[Burst, ...]
    places: tuple[PatrolPlace, ...]
    shifts: tuple[UnitShift, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An arrest, a stop or a seizure that the ledger holds, at a place."""

    kind: str  # of OUTCOMES
    on: date
    easting_m: float
    northing_m: float


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """One place, or one area (`hotspot` is empty), in one month or quarter."""

    period_kind: PeriodKind
    period: str  # 2020-05, or 2020 Q2
    area: str
    hotspot: str
    name: str
    planned_visits: int
    planned_hours: float
    planned_officer_hours: float
    delivered_visits: Estimate  # of the planned ones
    delivered_hours: Estimate
    background_hours: Estimate  # patrol that no plan asked for
    officer_hours: Estimate  # planned or not
    arrests: int
    stops: int
    seizures: int


@dataclass(frozen=True, slots=True)
class DeliveryReturn:
    """All rows: areas before places, months before quarters; and notes for the reader."""

    rows: tuple[ReturnRow, ...]
    sampled_share: float
    notes: tuple[str, ...] = ()
    has_visits: bool = True  # without any, a zero would look like a failure: nothing is said of delivery

    def select(self, period_kind: PeriodKind, *, of_places: bool) -> tuple[ReturnRow, ...]:
        """The rows of one kind."""
        return tuple(r for r in self.rows if r.period_kind == period_kind and bool(r.hotspot) == of_places)


@dataclass(frozen=True, slots=True)
class _Cell:
    """One place in one month: what it got, and by which units."""

    planned_visits: int
    planned_minutes: float
    planned_officer_minutes: float
    delivered: Mapping[str, float]  # visits, minutes, background and officer minutes, as traced
    by_unit: Mapping[tuple[str, str], float]  # the same by quantity and unit, for the interval
    outcomes: Mapping[str, int]


QUANTITIES: Final = ("visits", "minutes", "background", "officer_minutes")


def build_return(
    plans: Sequence[PlanFacts],
    visits: Sequence[DeliveredVisit],
    outcomes: Sequence[Outcome],
    rule: DeliveryRule,
    *,
    sampled_share: float = 1.0,
) -> DeliveryReturn:
    """What was planned and delivered, by place and area, month and quarter?

    Plans may not overlap at a place; `sampled_share` is that of the units whose visits are here.
    """
    cells: dict[tuple[str, str], list[_Cell]] = defaultdict(list)  # by month and hotspot
    place_by_hotspot: dict[str, PatrolPlace] = {}
    elsewhere: Counter[str] = Counter()
    for plan in plans:
        place_by_hotspot |= {place.hotspot: place for place in plan.places}
        outcome_counts = _locate_outcomes(outcomes, plan, rule.buffer_m, elsewhere)
        for month, span in _months_of(plan):
            for hotspot, cell in _fill_cells(plan, visits, outcome_counts, rule, month, span):
                cells[month, hotspot].append(cell)
    rows = tuple(_list_rows(cells, place_by_hotspot, sampled_share))
    notes = tuple(_list_notes(visits, elsewhere, sampled_share))
    return DeliveryReturn(rows, sampled_share, notes, has_visits=bool(visits))


def _months_of(plan: PlanFacts) -> Iterator[tuple[str, Span]]:
    """Each month of a plan with the part of the plan that lies in it; the last night ends with its tours."""
    end_day = plan.first_day + timedelta(days=plan.days)
    first_day = plan.first_day
    while first_day < end_day:
        next_month = (first_day.replace(day=1) + timedelta(days=32)).replace(day=1)
        last_day = min(next_month, end_day)
        span = day_span(first_day, (last_day - first_day).days, zone=plan.zone)
        if last_day == end_day:
            span = Span(span.start, max([span.end, *(shift.hours.end for shift in plan.shifts)]))
        yield f"{first_day:%Y-%m}", span
        first_day = last_day


def _fill_cells(
    plan: PlanFacts,
    visits: Sequence[DeliveredVisit],
    outcomes: Mapping[tuple[str, str], Counter[str]],
    rule: DeliveryRule,
    month: str,
    span: Span,
) -> Iterator[tuple[str, _Cell]]:
    own_visits = [visit for visit in visits if span.start <= visit.span.start < span.end]
    delivery_comparison = compare_delivery(plan.bursts, own_visits, plan.places, rule, span=span)
    visits_by_place: dict[str, list[DeliveredVisit]] = defaultdict(list)
    for visit in own_visits:
        if visit.source == "trace":
            visits_by_place[visit.hotspot].append(visit)
    bursts_in_span = [burst for burst in plan.bursts if span.start <= burst.span.start < span.end]
    crew_of_unit = {shift.unit: shift.crew for shift in plan.shifts}
    for place in delivery_comparison.places:
        bursts = [burst for burst in bursts_in_span if burst.hotspot == place.hotspot]
        total_by_quantity = {
            "visits": float(place.delivered_visits),
            "minutes": place.patrol_minutes,
            "background": place.background_minutes,
            "officer_minutes": place.officer_minutes,
        }
        yield (
            place.hotspot,
            _Cell(
                place.planned_visits,
                place.planned_minutes,
                sum(burst.span.minutes * crew_of_unit.get(burst.unit, 0) for burst in bursts),
                total_by_quantity,
                _share_by_unit(visits_by_place[place.hotspot], total_by_quantity),
                outcomes.get((month, place.hotspot), Counter()),
            ),
        )


def _share_by_unit(
    visits: Iterable[DeliveredVisit], totals: Mapping[str, float]
) -> dict[tuple[str, str], float]:
    """How much of each total came from which unit, in proportion to its officer minutes there."""
    minutes_by_unit: dict[str, float] = defaultdict(float)
    for visit in visits:
        minutes_by_unit[visit.unit] += visit.officer_minutes
    all_minutes = sum(minutes_by_unit.values()) or 1.0
    return {
        (quantity, unit): total * minutes / all_minutes
        for quantity, total in totals.items()
        for unit, minutes in minutes_by_unit.items()
    }


def _locate_outcomes(
    outcomes: Iterable[Outcome], plan: PlanFacts, buffer_m: float, elsewhere: Counter[str]
) -> dict[tuple[str, str], Counter[str]]:
    """How many of each kind were within a place's circle, by month and hotspot; the nearest place counts."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    end_day = plan.first_day + timedelta(days=plan.days)
    for outcome in outcomes:
        if not plan.first_day <= outcome.on < end_day or not plan.places:
            continue
        distance_m, place = min(
            (((p.easting_m - outcome.easting_m) ** 2 + (p.northing_m - outcome.northing_m) ** 2) ** 0.5, i)
            for i, p in enumerate(plan.places)
        )
        nearest_place = plan.places[place]
        if distance_m <= nearest_place.radius_m + buffer_m:
            counts[f"{outcome.on:%Y-%m}", nearest_place.hotspot][outcome.kind] += 1
        else:
            elsewhere[outcome.kind] += 1
    return counts


def _list_rows(
    cells: Mapping[tuple[str, str], Sequence[_Cell]],
    place_by_hotspot: Mapping[str, PatrolPlace],
    sampled_share: float,
) -> Iterator[ReturnRow]:
    grouped: dict[tuple[bool, PeriodKind, str, str, str], list[_Cell]] = defaultdict(list)
    for (month, hotspot), own_cells in cells.items():
        area = place_by_hotspot[hotspot].area
        quarter = f"{month[:4]} Q{(int(month[5:]) + 2) // 3}"
        periods: tuple[tuple[PeriodKind, str], ...] = (("month", month), ("quarter", quarter))
        for period_kind, period in periods:
            grouped[False, period_kind, period, area, ""] += own_cells
            grouped[True, period_kind, period, area, hotspot] += own_cells
    for (_, period_kind, period, area, hotspot), own_cells in sorted(grouped.items()):
        place = place_by_hotspot.get(hotspot)
        name = (place.name or hotspot) if place else ""
        yield _build_row(own_cells, (period_kind, period, area, hotspot, name), sampled_share)


def _build_row(
    cells: Sequence[_Cell], labels: tuple[PeriodKind, str, str, str, str], sampled_share: float
) -> ReturnRow:
    def estimate(quantity: str, divisor: float = 60.0) -> Estimate:
        total = sum(cell.delivered[quantity] for cell in cells) / divisor
        if sampled_share < 1.0 and not any(cell.by_unit for cell in cells):
            return Estimate(0.0, 0.0, inf, LEVEL, SAMPLE_METHOD)  # no traced unit was here: nobody knows
        by_unit: dict[str, float] = defaultdict(float)
        for cell in cells:
            for (name, unit), amount in cell.by_unit.items():
                by_unit[unit] += (amount if name == quantity else 0.0) / divisor
        return estimate_total(total, by_unit.values(), sampled_share)

    outcome_counts: Counter[str] = Counter()
    for cell in cells:
        outcome_counts.update(cell.outcomes)
    return ReturnRow(
        *labels,
        planned_visits=sum(cell.planned_visits for cell in cells),
        planned_hours=sum(cell.planned_minutes for cell in cells) / 60,
        planned_officer_hours=sum(cell.planned_officer_minutes for cell in cells) / 60,
        delivered_visits=estimate("visits", 1.0),
        delivered_hours=estimate("minutes"),
        background_hours=estimate("background"),
        officer_hours=estimate("officer_minutes"),
        arrests=outcome_counts["arrests"],
        stops=outcome_counts["stops"],
        seizures=outcome_counts["seizures"],
    )


def estimate_total(observed: float, unit_totals: Iterable[float], sampled_share: float) -> Estimate:
    """A total from a sample of units: what was observed over the share, with its interval.

    The variance of a Bernoulli sample is (1 - share) / share**2 times the sum of the units' squared totals.
    No end of the interval lies below what was observed.

    >>> estimate_total(10.0, [4.0, 6.0], 0.5).value
    20.0
    """
    if sampled_share >= 1.0:
        return Estimate(observed, observed, observed, LEVEL, COUNT_METHOD)
    value = observed / sampled_share
    half_width = Z * sqrt((1.0 - sampled_share) * sum(total**2 for total in unit_totals)) / sampled_share
    return Estimate(value, max(observed, value - half_width), value + half_width, LEVEL, SAMPLE_METHOD)


def _list_notes(
    visits: Sequence[DeliveredVisit], elsewhere: Counter[str], sampled_share: float
) -> Iterator[str]:
    if not visits:
        yield "No delivered visits were given: nothing is known about delivery."
    elif sampled_share < 1.0:
        yield (
            f"{sampled_share:.0%} of the units were traced: what was delivered is an estimate with its "
            f"{LEVEL:.0%} interval ({SAMPLE_METHOD})."
        )
    for kind in OUTCOMES:
        if elsewhere[kind]:
            yield f"{elsewhere[kind]:,} {kind} on these days lie at no place of the plan, and are left out."
