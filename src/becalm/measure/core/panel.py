"""The series that are expected, with their declared steps, public holidays and usual weekdays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.methods import expected_level
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.expected_level import ExpectedCounts
from becalm.tables import CountTable, TimeUnit, names_of
from becalm.terms import Gap, OffenceGroup, Period, Step, month_start

TIMES_IN_YEAR: Final = {"day": 365.25, "week": 365.25 / 7.0, "month": 12.0}
MOST_YEARS: Final = 10
AREAS: Final = ("borough", "ward", "command_unit")


@dataclass(frozen=True, slots=True)
class ExpectedContext:
    """What is known beside the counts: names, public holidays, declared steps, and what records lack."""

    groups: Mapping[str, OffenceGroup] = field(default_factory=dict)
    holidays: Mapping[date, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    gaps: Sequence[Gap] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """All series with what they are expected by. `keys[s]` has a name for each grouping; () is the sum."""

    keys: tuple[tuple[str, ...], ...]
    counts: Ints
    begins: Bools
    covariates: Floats
    exposure: Floats
    is_missing: Bools
    unit: TimeUnit

    @property
    def cycle(self) -> float:
        """How many times make a year."""
        return TIMES_IN_YEAR[self.unit]

    def expect_after(self, first: int) -> ExpectedCounts:
        """All times from `first` on, by those before it."""
        return expected_level.expect_after(
            self.counts,
            first,
            cycle=self.cycle,
            begins=self.begins,
            covariates=self.covariates,
            exposure=self.exposure,
            is_missing=self.is_missing,
        )

    def expect_each(self, first: int, end: int, ahead: int) -> ExpectedCounts:
        """Each time from `first` to `end` by those up to `ahead` before it."""
        return expected_level.expect_each(
            self.counts[:, :end],
            first,
            cycle=self.cycle,
            ahead=ahead,
            begins=self.begins[:, :end],
            covariates=self.covariates[:end],
            exposure=self.exposure[:end],
            is_missing=self.is_missing[:end],
        )


def end_of(counts: CountTable, t: int) -> date:
    """The day after the last of a time."""
    start = counts.times[t]
    if counts.unit == "month":
        return month_start(start.year, start.month + 1)
    return start + timedelta(days=7 if counts.unit == "week" else 1)


def build_panel(counts: CountTable, end: int, context: ExpectedContext) -> Panel:
    """The sum, the sums of the first grouping where there are several, and every series."""
    count_values = counts.counts[:, :end]
    family_names = sorted({key[0] for key in counts.keys}) if isinstance(counts.by, tuple) else []
    family_sums = [
        count_values[[key[0] == family for key in counts.keys]].sum(axis=0) for family in family_names
    ]
    keys = ((), *((family,) for family in family_names), *counts.keys)
    all_counts = np.vstack([count_values.sum(axis=0), *family_sums, *count_values])
    spans = [Period(counts.times[t], end_of(counts, t)) for t in range(end)]
    return Panel(
        keys=keys,
        counts=all_counts,
        begins=_mark_begins(keys, names_of(counts.by), spans, context.steps),
        covariates=_calendar_columns(spans, context.holidays),
        exposure=_usual_exposure(all_counts[0], spans),
        is_missing=_mark_missing(spans, context.gaps),
        unit=counts.unit,
    )


def _mark_missing(spans: Sequence[Period], gaps: Sequence[Gap]) -> Bools:
    """Whether a time lies in a month that is missing, cut short or broken in another way; low may be real."""
    broken_months = {gap.month for gap in gaps if gap.kind != "low"}
    return np.array([bool(broken_months.intersection(span.months)) for span in spans])


def find_history(total: Ints, unit: TimeUnit, first: int) -> int:
    """The first time of the history that is used: of the newest ten years, once the records had begun.

    Records of offences long ago are strays: they were found late, and say nothing of how many there were.
    """
    times_in_year = round(TIMES_IN_YEAR[unit])
    oldest_start = max(first - MOST_YEARS * times_in_year, 0)
    usual_count = np.median(total[max(first - 2 * times_in_year, 0) : first])
    is_begun = total[oldest_start:first] >= usual_count / 10.0
    return oldest_start + int(np.argmax(is_begun))


def _mark_begins(
    keys: Sequence[tuple[str, ...]], names: Sequence[str], spans: Sequence[Period], steps: Sequence[Step]
) -> Bools:
    """Where does the level of a series begin, as declared?"""
    is_begin = np.zeros((len(keys), len(spans)), dtype=bool)
    for step in steps:
        days = [day for day in (step.start, step.end) if day is not None]
        columns = [t for t, span in enumerate(spans) if any(span.start <= day < span.end for day in days)]
        for s, key in enumerate(keys):
            name_by_grouping = dict(zip(names, key, strict=False))
            area_grouping = next((name_by_grouping[name] for name in AREAS if name in name_by_grouping), None)
            if step.concerns(group=name_by_grouping.get("offence_group"), area=area_grouping):
                is_begin[s, columns] = True
    return is_begin


def _calendar_columns(spans: Sequence[Period], holidays: Mapping[date, str]) -> Floats:
    """Public holidays, days from Christmas Eve to New Year as a share of a week, and New Year's Day."""
    columns = np.zeros((len(spans), 3))
    for t, span in enumerate(spans):
        days = [span.start + timedelta(days=n) for n in range(span.days)]
        festive_days = [
            day for day in days if (day.month, day.day) >= (12, 24) or (day.month, day.day) == (1, 1)
        ]
        columns[t] = (
            sum(day in holidays for day in set(days) - set(festive_days)),
            len(festive_days) / 7.0,
            sum((day.month, day.day) == (1, 1) for day in days),
        )
    return columns


def _usual_exposure(total: Ints, spans: Sequence[Period]) -> Floats:
    """The days of each time; where days are counted, the usual share of its weekday among all records."""
    if any(span.days > 1 for span in spans):
        return np.array([span.days for span in spans], dtype=np.float64) / spans[0].days
    weekday_of_span = np.array([span.start.weekday() for span in spans])
    first_year_counts = total[: round(TIMES_IN_YEAR["day"])]  # the first year, which lies before every period
    weekday_sums = (
        np.bincount(weekday_of_span[: first_year_counts.size], weights=first_year_counts, minlength=7) + 1.0
    )
    return np.asarray((weekday_sums / weekday_sums.mean())[weekday_of_span])
