"""How many hours a week did fewer incidents, events and airports free, and how sure is that?

Only hours that a demand truly gives back count as new capacity: the difference of its weeks now and its weeks
of the baseline, with an interval for the difference of two means (B. L. Welch, "The generalization of
Student's problem when several different population variances are involved", Biometrika 34 (1947) 28-35).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from scipy.stats import t as student

from becalm.terms import Estimate

METHOD = "difference of mean weekly hours, Welch"


@dataclass(frozen=True, slots=True)
class DemandWeek:
    """Hours that one demand took in one week."""

    demand: str
    is_baseline: bool
    week: str
    hours: float


@dataclass(frozen=True, slots=True)
class Released:
    """Hours a week that one demand gives back; less than 0 where it takes more than before."""

    demand: str
    baseline_weeks: int
    weeks: int
    baseline_hours: float
    hours: float
    released: Estimate

    @property
    def is_sure(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.released.low > 0


ALL_DEMANDS = "all"


def measure_release(weeks: Iterable[DemandWeek], *, level: float = 0.9) -> tuple[Released, ...]:
    """Hours freed a week by each demand, and by all together.

    >>> hours = {True: (100.0, 110.0, 90.0), False: (60.0, 70.0, 50.0)}
    >>> weeks = [DemandWeek("events", b, str(n), h) for b, row in hours.items() for n, h in enumerate(row)]
    >>> measure_release(weeks)[-1].released.value
    40.0
    """
    hours_by_demand: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for week in weeks:
        hours_by_demand[week.demand][0 if week.is_baseline else 1].append(week.hours)
    rows = [_release_of(name, old, new, level) for name, (old, new) in sorted(hours_by_demand.items())]
    return (*rows, _add_up(rows, hours_by_demand, level))


def _release_of(demand: str, old: Sequence[float], new: Sequence[float], level: float) -> Released:
    mean_variances = [variance(hours) / len(hours) for hours in (old, new)]
    estimate = _interval(fmean(old) - fmean(new), mean_variances, [len(old) - 1, len(new) - 1], level)
    return Released(demand, len(old), len(new), fmean(old), fmean(new), estimate)


def _add_up(
    rows: Sequence[Released], hours_by_demand: dict[str, tuple[list[float], list[float]]], level: float
) -> Released:
    """All demands together; they are taken to vary by themselves."""
    hour_samples = [hours for pair in hours_by_demand.values() for hours in pair]
    mean_variances = [variance(hours) / len(hours) for hours in hour_samples]
    value = sum(row.released.value for row in rows)
    estimate = _interval(value, mean_variances, [len(hours) - 1 for hours in hour_samples], level)
    return Released(
        ALL_DEMANDS,
        min(row.baseline_weeks for row in rows),
        min(row.weeks for row in rows),
        sum(row.baseline_hours for row in rows),
        sum(row.hours for row in rows),
        estimate,
    )


def _interval(value: float, variances: Sequence[float], freedoms: Sequence[int], level: float) -> Estimate:
    variance_sum = sum(variances)
    if variance_sum == 0:
        return Estimate(value, value, value, level, METHOD)
    degrees_of_freedom = variance_sum**2 / sum(
        part**2 / count for part, count in zip(variances, freedoms, strict=True) if part
    )
    half_width = float(student.ppf((1 + level) / 2, degrees_of_freedom)) * variance_sum**0.5
    return Estimate(value, value - half_width, value + half_width, level, METHOD)
