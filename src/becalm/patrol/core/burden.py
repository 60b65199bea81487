"""Who carries the burden of patrol? Hours, stops, arrests and complaints against residents and victims.

For a scrutiny panel, and for nobody else: nothing here is ever read by what chooses places, doses them or
draws tours, and a test holds that. Rates are counts over residents (or over victims who reported) with
Garwood's exact Poisson interval; a ratio compares a group, or an area, with all others by the exact
conditional interval. Residents and victims are taken as known.

Sources: Garwood, Biometrika 28 (1936) 437-442; Przyborowski and Wilenski, Biometrika 31 (1940) 313-323.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

from scipy import stats

from becalm.methods.rate_ratios import rate_ratios
from becalm.terms import Estimate

Measure = Literal["residents", "victims", "stops", "arrests", "complaints"]
Trait = Literal["all", "ethnicity", "age"]
Against = Literal["residents", "victims"]
BURDENS: Final = ("stops", "arrests", "complaints")
BENCHMARKS: Final[tuple[Against, ...]] = ("residents", "victims")
UNSTATED: Final = "not stated"
RATE_METHOD: Final = "exact Poisson (Garwood)"
RATIO_METHOD: Final = "exact conditional"
PER: Final = 1000.0


@dataclass(frozen=True, slots=True)
class BurdenCount:
    """How many of one measure: in an area ("" where nobody knows), of a group of one trait."""

    measure: Measure
    area: str
    trait: Trait
    group: str  # "" where the trait is all
    count: int


@dataclass(frozen=True, slots=True)
class AreaBurden:
    """One area: its counts, patrol hours, rates per thousand, and their ratios to all other areas."""

    area: str
    patrol_hours: float | None
    counts: Mapping[str, int]
    hours_per_thousand: float | None  # planned hours per thousand residents: counted, no sample
    rates: Mapping[tuple[str, Against], Estimate]  # by measure and benchmark, per thousand
    ratios: Mapping[tuple[str, Against], Estimate]


@dataclass(frozen=True, slots=True)
class GroupBurden:
    """One group of a trait against all others whose group is stated, in all areas together."""

    trait: Trait
    group: str
    measure: str
    against: Against
    count: int
    benchmark: int
    rate: Estimate  # per thousand of the benchmark
    ratio: Estimate


@dataclass(frozen=True, slots=True)
class Burden:
    """The burden by area and by group, and notes for whoever reads it."""

    areas: tuple[AreaBurden, ...]
    groups: tuple[GroupBurden, ...]
    level: float
    notes: tuple[str, ...] = ()


def sum_hours(burst_minutes: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Patrol hours by area, of the area and the minutes of each burst."""
    hours_by_area: dict[str, float] = defaultdict(float)
    for area, minutes in burst_minutes:
        hours_by_area[area] += minutes / 60
    return dict(hours_by_area)


def measure_burden(
    counts: Iterable[BurdenCount], hours_by_area: Mapping[str, float] | None = None, *, level: float = 0.95
) -> Burden:
    """Who carries the burden of patrol, against who lives there and who reported harm?

    `hours_by_area` are planned patrol hours; None where no plan was named.
    """
    all_counts = tuple(counts)
    areas = tuple(_list_areas(all_counts, hours_by_area, level))
    groups = tuple(_list_groups(all_counts, level))
    return Burden(areas, groups, level, tuple(_list_notes(all_counts)))


def _list_areas(
    counts: tuple[BurdenCount, ...], hours_by_area: Mapping[str, float] | None, level: float
) -> Iterator[AreaBurden]:
    by_area: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for count in counts:
        if count.trait == "all" and count.area:
            by_area[count.area][count.measure] += count.count
    city_totals = _add_up(by_area)
    for area, area_counts in sorted(by_area.items()):
        hours = None if hours_by_area is None else hours_by_area.get(area, 0.0)
        residents = area_counts["residents"]
        measure_pairs = [
            (m, against) for m in BURDENS for against in BENCHMARKS if city_totals[m] and city_totals[against]
        ]
        yield AreaBurden(
            area,
            hours,
            dict(area_counts),
            hours / residents * PER if hours is not None and residents else None,
            {
                (m, against): estimate_rate(area_counts[m], area_counts[against], level)
                for m, against in measure_pairs
                if area_counts[against]
            },
            {
                (m, against): _compare(m, against, area_counts, city_totals, level)
                for m, against in measure_pairs
                if 0 < area_counts[against] < city_totals[against]
            },
        )


def _compare(
    measure: str, against: str, group_counts: Mapping[str, int], totals: Mapping[str, int], level: float
) -> Estimate:
    remaining_counts = {name: totals[name] - group_counts[name] for name in (measure, against)}
    return compare_rates(
        group_counts[measure],
        group_counts[against],
        remaining_counts[measure],
        remaining_counts[against],
        level,
    )


def _list_groups(counts: tuple[BurdenCount, ...], level: float) -> Iterator[GroupBurden]:
    by_group: dict[Trait, dict[str, dict[str, int]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(int))
    )
    for count in counts:
        if count.trait != "all" and count.group != UNSTATED:
            by_group[count.trait][count.group][count.measure] += count.count
    for trait, groups in sorted(by_group.items()):
        city_totals = _add_up(groups)
        for measure, against, group in product(BURDENS, BENCHMARKS, groups):
            group_counts = groups[group]
            if city_totals[measure] and 0 < group_counts[against] < city_totals[against]:
                yield GroupBurden(
                    trait,
                    group,
                    measure,
                    against,
                    group_counts[measure],
                    group_counts[against],
                    estimate_rate(group_counts[measure], group_counts[against], level),
                    _compare(measure, against, group_counts, city_totals, level),
                )


def _add_up(counts_by_name: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """The counts of all areas, or all groups, together."""
    totals: dict[str, int] = defaultdict(int)
    for counts in counts_by_name.values():
        for measure, number in counts.items():
            totals[measure] += number
    return totals


def estimate_rate(count: int, benchmark: int, level: float) -> Estimate:
    """A rate per thousand of the benchmark, with Garwood's interval.

    >>> rate = estimate_rate(10, 1000, 0.95)
    >>> round(rate.value, 1), round(rate.low, 3), round(rate.high, 3)
    (10.0, 4.795, 18.39)
    """
    tail_chance = (1.0 - level) / 2
    low_count = float(stats.chi2.ppf(tail_chance, 2 * count)) / 2 if count else 0.0
    high_count = float(stats.chi2.ppf(1.0 - tail_chance, 2 * count + 2)) / 2
    rate_per_count = PER / benchmark
    return Estimate(
        count * rate_per_count, low_count * rate_per_count, high_count * rate_per_count, level, RATE_METHOD
    )


def compare_rates(
    count: int, benchmark: int, remaining_count: int, remaining_benchmark: int, level: float
) -> Estimate:
    """The rate of a group over that of all others, with the exact conditional interval; inf over none."""
    ratios = rate_ratios(
        count,
        remaining_count,
        new_exposure=benchmark,
        old_exposure=remaining_benchmark,
        level=level,
        kind="exact",
    )
    value, low, high = (float(ends) for ends in (ratios.ratio, ratios.low, ratios.high))
    return Estimate(1.0 if value != value else value, low, high, level, RATIO_METHOD)


def _list_notes(counts: tuple[BurdenCount, ...]) -> Iterator[str]:
    yield (
        "Residents and victims who reported are taken as known. Who is in public at the hours of patrol is "
        "not known, and is neither."
    )
    for trait in ("ethnicity", "age"):
        for measure in BURDENS:
            trait_counts = [c for c in counts if c.trait == trait and c.measure == measure]
            unstated_count = sum(c.count for c in trait_counts if c.group == UNSTATED)
            trait_total = sum(c.count for c in trait_counts)
            if unstated_count:
                yield (
                    f"{unstated_count:,} of {trait_total:,} {measure} state no {trait}, "
                    "and are in no ratio of it."
                )
