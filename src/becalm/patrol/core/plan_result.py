"""What the planner answers: bursts, the distribution they were drawn from, and what each place will get."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Final

from becalm.patrol.core.plan_inputs import Burst, PatrolPlace, Span
from becalm.patrol.core.roster import day_span
from becalm.terms import Estimate, ReplayError

CELL_MINUTES = 15
LONGEST_GAP = timedelta(hours=2)  # that a burst of the night before may still have to keep
GRID = 1024  # a whole number k of a distribution means k/1024 nat
FIT_STEPS = 4  # of 1/1024 nat, by which a distribution fitted on another machine may differ
LEVEL: Final = 0.95
Z: Final = 1.959964  # of a normal at that level
LAW: Final = 3  # of the way tours are drawn: another one draws other tours from the same seed and inputs
METHOD: Final = "normal about the expected number, with the plan's own spread"


@dataclass(frozen=True, slots=True)
class RouteDistribution:
    """What plans are drawn from, in whole numbers of 1/1024 nat, so that a plan can be drawn again.

    The weight of a route is the product of exp(hour_weights[place][hour of week] +
    length_weights[place][burst length]) over its visits and exp(-travel weight x minutes) over its ways. All
    else is in the request.
    """

    hotspots: tuple[str, ...]  # sorted
    hour_weights: tuple[tuple[int, ...], ...]  # by place, 168 each, Monday 00:00 local time first
    length_weights: tuple[tuple[int, ...], ...]  # by place, one for each burst length of the policy
    due_millivisits: tuple[int, ...]  # by place: thousandths of visits that the whole plan means to give
    expected_millivisits: tuple[int, ...] = ()  # by place: thousandths of visits on average, by pilot draws
    expected_milliminutes: tuple[int, ...] = ()  # and of minutes

    def as_json(self) -> dict[str, Any]:
        """The distribution as plain lists of whole numbers, for plan.json."""
        return {
            "grid": GRID,
            "hotspots": list(self.hotspots),
            "hours": [list(row) for row in self.hour_weights],
            "lengths": [list(row) for row in self.length_weights],
            "due": list(self.due_millivisits),
            "gives_visits": list(self.expected_millivisits),
            "gives_minutes": list(self.expected_milliminutes),
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "RouteDistribution":
        """The distribution that plan.json holds."""
        return RouteDistribution(
            hotspots=tuple(document["hotspots"]),
            hour_weights=tuple(tuple(row) for row in document["hours"]),
            length_weights=tuple(tuple(row) for row in document["lengths"]),
            due_millivisits=tuple(document["due"]),
            expected_millivisits=tuple(document.get("gives_visits", ())),
            expected_milliminutes=tuple(document.get("gives_minutes", ())),
        )


def join_distributions(distributions: Iterable[RouteDistribution]) -> RouteDistribution:
    """One distribution over the places of all, in the order of their names."""
    field_names = [field.name for field in fields(RouteDistribution)]
    place_rows = sorted(
        place_row
        for distribution in distributions
        for place_row in zip(*(getattr(distribution, field_name) for field_name in field_names), strict=True)
    )
    return RouteDistribution(*zip(*place_rows, strict=True))


@dataclass(frozen=True, slots=True)
class UnitRoute:
    """One unit's tour as planned: its bursts in order, its meal, and how freely it was drawn."""

    unit: str
    area: str
    day: date
    bursts: tuple[Burst, ...]
    meal: Span | None
    travel_minutes: float
    bits: float  # entropy of its distribution, given the units drawn before it
    surprise_bits: float  # -log2 of the probability of the very route that was drawn
    replan: int = 0


@dataclass(frozen=True, slots=True)
class PlaceDosage:
    """What a place was to get over the whole plan, is expected to get, and was given by the draw."""

    hotspot: str
    target_visits: float
    expected_visits: float
    visits: int
    target_minutes: float
    expected_minutes: float
    minutes: int
    sd_visits: float  # of the drawn visits about the expected ones


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A target that this plan cannot be expected to meet: by how much, why, and what would fix it."""

    hotspot: str
    target_visits: float
    expected_visits: float
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class PatrolPlan:
    """Bursts for every unit, the distribution they were drawn from, and how unpredictable they are."""

    bursts: tuple[Burst, ...]  # by start, hotspot and unit
    routes: tuple[UnitRoute, ...]  # by area, start and unit: the order of drawing
    distribution: RouteDistribution
    dosage: tuple[PlaceDosage, ...]  # by hotspot, sorted
    shortfalls: tuple[Shortfall, ...]
    bits: float  # of the whole plan: the sum of the units' conditional entropies
    bound_bits: float  # the most that any distribution has at this expected dosage; 0 where not asked for
    travel_share: float  # of the minutes on duty

    @property
    def entropy_ratio(self) -> float | None:
        """How near is the plan to the least predictable one with the same dosage (1: none is better)?"""
        return self.bits / self.bound_bits if self.bound_bits else None


@dataclass(frozen=True, slots=True)
class PlaceForecast:
    """One place over the whole plan: owed, expected, and drawn."""

    hotspot: str
    area: str
    name: str
    target_visits: float
    expected_visits: Estimate
    visits: int
    target_minutes: float
    expected_minutes: float
    minutes: int
    low_share: float
    high_share: float

    @property
    def within_band(self) -> bool:
        """Does what was drawn lie within the policy's band of the target?"""
        return self.low_share * self.target_visits <= self.visits <= self.high_share * self.target_visits

    @property
    def share(self) -> float:
        """What was drawn, over what is owed."""
        return self.visits / self.target_visits if self.target_visits else 1.0


@dataclass(frozen=True, slots=True)
class AreaForecast:
    """One area over the whole plan; `minutes_per_harm` is over that of the whole (1: its fair share)."""

    area: str
    places: int
    target_visits: float
    expected_visits: float
    visits: int
    minutes: int
    minutes_per_harm: float


@dataclass(frozen=True, slots=True)
class DosageForecast:
    """All places, worst served first, and all areas."""

    places: tuple[PlaceForecast, ...]
    areas: tuple[AreaForecast, ...]
    expected_error: float  # sum of |expected - target| over the sum of targets
    drawn_error: float  # the same of what was drawn

    @property
    def outside(self) -> tuple[PlaceForecast, ...]:
        """The places whose drawn dosage lies outside the policy's band."""
        return tuple(place for place in self.places if not place.within_band)


def forecast_dosage(places: Sequence[PatrolPlace], dosage: Iterable[PlaceDosage]) -> DosageForecast:
    """What will each place and area get, and how sure is that?"""
    place_by_hotspot = {place.hotspot: place for place in places}
    forecasts = [_forecast_place(place_by_hotspot[row.hotspot], row) for row in dosage]
    forecasts.sort(key=lambda row: (row.share, row.hotspot))
    total_harm, total_minutes = sum(p.harm for p in places), sum(row.minutes for row in forecasts)
    fair_minutes = total_minutes / total_harm if total_harm else 0.0
    total_target = sum(row.target_visits for row in forecasts) or 1.0
    return DosageForecast(
        places=tuple(forecasts),
        areas=tuple(
            _forecast_area(
                area_name, [row for row in forecasts if row.area == area_name], place_by_hotspot, fair_minutes
            )
            for area_name in sorted({place.area for place in places})
        ),
        expected_error=sum(abs(r.expected_visits.value - r.target_visits) for r in forecasts) / total_target,
        drawn_error=sum(abs(r.visits - r.target_visits) for r in forecasts) / total_target,
    )


def _forecast_place(place: PatrolPlace, dosage: PlaceDosage) -> PlaceForecast:
    mean, half_width = dosage.expected_visits, Z * dosage.sd_visits
    return PlaceForecast(
        hotspot=place.hotspot,
        area=place.area,
        name=place.name,
        target_visits=dosage.target_visits,
        expected_visits=Estimate(mean, max(0.0, mean - half_width), mean + half_width, LEVEL, METHOD),
        visits=dosage.visits,
        target_minutes=dosage.target_minutes,
        expected_minutes=dosage.expected_minutes,
        minutes=dosage.minutes,
        low_share=place.dosage.low_share,
        high_share=place.dosage.high_share,
    )


def _forecast_area(
    name: str, places: Sequence[PlaceForecast], place_by_hotspot: dict[str, PatrolPlace], fair_minutes: float
) -> AreaForecast:
    area_minutes = sum(row.minutes for row in places)
    area_harm = sum(place_by_hotspot[row.hotspot].harm for row in places)
    return AreaForecast(
        area=name,
        places=len(places),
        target_visits=sum(row.target_visits for row in places),
        expected_visits=sum(row.expected_visits.value for row in places),
        visits=sum(row.visits for row in places),
        minutes=area_minutes,
        minutes_per_harm=area_minutes / area_harm / fair_minutes if area_harm and fair_minutes else 0.0,
    )


def compute_owed_visits(
    earlier_visits: Mapping[str, float], dosage: Iterable[PlaceDosage]
) -> dict[str, float]:
    """What a plan leaves owed: what was owed before it, and what it was to give less what it was drawn."""
    return {
        place.hotspot: round(earlier_visits.get(place.hotspot, 0.0) + place.expected_visits - place.visits, 3)
        for place in dosage
    }


def list_late_bursts(routes: Iterable[UnitRoute], first_day: date, *, zone: str) -> list[Burst]:
    """Bursts of tours that began before this day, from late on the day before."""
    earliest_start = day_span(first_day, 1, zone=zone).start - LONGEST_GAP
    earlier_routes = (route for route in routes if route.day < first_day)
    return [burst for route in earlier_routes for burst in route.bursts if burst.span.end > earliest_start]


def tally_bursts(dosage: Iterable[PlaceDosage], bursts: Sequence[Burst]) -> tuple[PlaceDosage, ...]:
    """The dosage of every place with what these bursts give it, in place of what was drawn before."""
    count_by_hotspot = Counter(burst.hotspot for burst in bursts)
    minutes_by_hotspot: Counter[str] = Counter()
    for burst in bursts:
        minutes_by_hotspot[burst.hotspot] += round(burst.span.minutes)
    return tuple(
        replace(place, visits=count_by_hotspot[place.hotspot], minutes=minutes_by_hotspot[place.hotspot])
        for place in dosage
    )


def check_same_distribution(
    fitted_distribution: RouteDistribution, plan_distribution: RouteDistribution
) -> None:
    """Refuse a distribution that the inputs do not give."""
    if fitted_distribution == plan_distribution:
        return
    fit_rows, plan_rows = (
        (*law.hour_weights, *law.length_weights) for law in (fitted_distribution, plan_distribution)
    )
    weight_pairs = (
        p
        for row, plan_row in zip(fit_rows, plan_rows, strict=False)
        for p in zip(row, plan_row, strict=False)
    )
    # The last digits of a fit may differ from machine to machine; places favoured by hand differ by more.
    if (
        fitted_distribution.hotspots != plan_distribution.hotspots
        or max(abs(a - b) for a, b in weight_pairs) > FIT_STEPS
    ):
        raise ReplayError(
            "The law in plan.json is not the one that its inputs give: places were favoured or avoided by "
            "hand, or a program that becalm depends on has changed."
        )
