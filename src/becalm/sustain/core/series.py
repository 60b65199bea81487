"""The weekly series of a force: what is watched, checked as a whole before anything is computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.methods.arrays import Bools, Floats
from becalm.tables import CountTable
from becalm.tables.counts import UNKNOWN
from becalm.terms import Fault, Gap, Period, QuestionError, Step, UsageError

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
LEAST_HISTORY: Final = 52  # weeks before a step
LEAST_SINCE: Final = 3  # weeks after it
LEAST_USUAL_TOTAL: Final = 20  # a week: where so many are usual, none at all means that records are missing
DOUBTFUL_GAPS: Final = ("missing", "cut_short", "partial_load", "doubled")
Key = tuple[str, str]  # area and offence; "" where a series is not of one area, or of all offences


@dataclass(frozen=True, slots=True)
class WeeklySeries:
    """Counts of each series (row) in each ISO week (column), which begins on its Monday.

    A week that is missing in the records is NaN. `known_share[s, t]` is the share of its records that are
    known by now: 1 everywhere, and `has_delays` False, where nothing says how late records come.
    `found_by[s]` says who finds such offences.
    """

    keys: tuple[Key, ...]
    mondays: tuple[date, ...]
    counts: Floats
    found_by: tuple[str, ...]
    known_share: Floats
    doubtful: Bools  # weeks whose records are known to be cut short or in part
    has_delays: bool = False

    def cut(self, rows: Sequence[int]) -> "WeeklySeries":
        """Only these series."""
        index = list(rows)
        return replace(
            self,
            keys=tuple(self.keys[row] for row in index),
            counts=self.counts[index],
            found_by=tuple(self.found_by[row] for row in index),
            known_share=self.known_share[index],
            doubtful=self.doubtful[index],
        )


@dataclass(frozen=True, slots=True)
class SeriesSinceStep:
    """Series that share one step, and the column of the first whole week after it."""

    series: WeeklySeries
    step: Step
    first: int


def first_week(step: Step, mondays: Sequence[date]) -> int:
    """The column of the first whole week of the new level; past the end where there is none yet."""
    return sum(monday < step.start for monday in mondays)


def split_by_step(series: WeeklySeries, steps: Sequence[Step]) -> tuple[SeriesSinceStep, ...]:
    """The series, by the newest step that concerns each of them; those without a step are left out.

    Raises QuestionError with all that forbids watching: no step, a history under a year, fewer than three
    weeks since, nothing but zeros.
    """
    end = series.mondays[-1] + WEEK
    rows_by_step: dict[int, list[int]] = {}
    for row, (area, offence) in enumerate(series.keys):
        step_numbers = [
            number
            for number, step in enumerate(steps)
            if step.start < end and step.concerns(group=offence or None, area=area or None)
        ]
        if step_numbers and (steps[step_numbers[-1]].end or end) >= end:
            rows_by_step.setdefault(step_numbers[-1], []).append(row)
    faults = list(_series_faults(series, steps, rows_by_step))
    if faults:
        raise QuestionError("These series cannot be watched", tuple(faults))
    return tuple(
        SeriesSinceStep(series.cut(rows), steps[number], first_week(steps[number], series.mondays))
        for number, rows in sorted(rows_by_step.items())
    )


def _series_faults(
    series: WeeklySeries, steps: Sequence[Step], rows_by_step: dict[int, list[int]]
) -> Iterator[Fault]:
    if not steps:
        yield Fault(
            "step",
            "no step is declared, so nothing is known to have fallen",
            "declare one with `becalm sustain step add`",
        )
    elif not rows_by_step:
        yield Fault("step", "no declared step is in force for these series", "see `becalm sustain step list`")
    for number in sorted(rows_by_step):
        step, first = steps[number], first_week(steps[number], series.mondays)
        step_text = f"step from {step.start}"
        if first < LEAST_HISTORY:
            yield Fault(
                step_text,
                f"has {first} weeks of records before it, and a year is needed to know the level",
                "ingest older records",
            )
        weeks_since = len(series.mondays) - first
        if weeks_since < LEAST_SINCE:
            yield Fault(
                step_text, f"has {weeks_since} whole weeks after it", f"wait until there are {LEAST_SINCE}"
            )
        if not np.nansum(series.counts[rows_by_step[number]]):
            yield Fault(step_text, "concerns series that hold nothing but zeros", "look at their mapping")


def check_reference(reference: Period, steps: Sequence[Step], mondays: Sequence[date]) -> Bools:
    """Which weeks lie in the reference period?

    Raises UsageError where it reaches into a declared step, or holds no week of the records.
    """
    faults = [
        Fault(
            "[sustain] reference",
            f"reaches into the step from {step.start} ({step.reason})",
            "name an earlier one",
        )
        for step in steps
        if reference.end > step.start and (step.end is None or reference.start < step.end)
    ]
    in_reference = np.array([reference.start <= day and day + WEEK <= reference.end for day in mondays])
    if not in_reference.any():
        faults.append(
            Fault(
                "[sustain] reference",
                f"{reference.start} to {reference.end} holds no week on record",
                "name another",
            )
        )
    if faults:
        raise UsageError("The reference period cannot be used", tuple(faults))
    return in_reference


def cut_before_steps(series: WeeklySeries, steps: Sequence[Step]) -> WeeklySeries:
    """The weeks before the first declared step, or all; missing ones filled by the mean of their series."""
    end = min((first_week(step, series.mondays) for step in steps), default=len(series.mondays))
    return replace(
        series,
        mondays=series.mondays[:end],
        counts=fill_gaps(series.counts[:, :end]),
        known_share=series.known_share[:, :end],
        doubtful=series.doubtful[:, :end],
    )


def fill_gaps(history: Floats) -> Floats:
    """Missing weeks of the history, filled by the mean of the same series, so that they bend nothing."""
    known_count = np.maximum((~np.isnan(history)).sum(axis=1), 1)
    means = np.nansum(history, axis=1) / known_count
    return np.where(np.isnan(history), means[:, None], history)


def week_name(monday: date) -> str:
    """A week as people write it.

    >>> week_name(date(2020, 6, 29))
    '2020-W27'
    """
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def key_words(key: Key) -> str:
    """A series as people name it."""
    area, offence = key
    if not area and not offence:
        return "whole force"
    return ", ".join((area or "all areas", (offence or "all offences").replace("_", " ")))


def last_week(period: Period, mondays: Sequence[date]) -> date:
    """The Monday of the week with which the watch ends.

    Raises UsageError where the period does not end with a Sunday, or not within the weeks on record.
    """
    last_monday = period.end - WEEK
    if last_monday.weekday():
        raise UsageError(
            f"The watch would end on {period.last_day}, in the middle of a week. "
            f"Give `until {week_name(last_monday)}`, or a Sunday."
        )
    if last_monday not in mondays:
        raise UsageError(
            f"{week_name(last_monday)} is not among the whole weeks on record, {week_name(mondays[0])} to "
            f"{week_name(mondays[-1])}. Give one of these with `until`."
        )
    return last_monday


def lay_series(
    counts: CountTable,
    *,
    by: Sequence[str],
    excluded_groups: Sequence[str],
    gaps: Sequence[Gap],
    last_monday: date,
    last_day: date,
) -> WeeklySeries:
    """The counted weeks as series, with the weeks that the records miss marked.

    A week in which the whole source holds nothing, though it usually holds many, is missing. A month that is
    missing, cut short, doubled or loaded in part makes its weeks doubtful; one that is merely low does not.
    `last_day` is the newest day with a record.
    """
    week_count = counts.times.index(last_monday) + 1
    mondays = counts.times[:week_count]
    keys = [key_of(key, by) for key in counts.keys]
    rows = [
        row
        for row, (area, offence) in enumerate(keys)
        if offence not in excluded_groups and UNKNOWN not in (area, offence)
    ]
    week_counts = counts.counts[rows, :week_count].astype(np.float64)
    totals = counts.counts[:, :week_count].sum(axis=0)
    week_counts[:, (totals == 0) & (np.median(totals) >= LEAST_USUAL_TOTAL)] = np.nan
    # The newest month ends where the records do: only weeks beyond their last day are in doubt.
    doubtful_months = {gap.month for gap in gaps if gap.kind in DOUBTFUL_GAPS}
    doubtful_months -= {
        gap.month for gap in gaps if gap.kind == "cut_short" and gap.month == f"{last_day:%Y-%m}"
    }
    is_doubtful = np.array(
        [
            monday + 6 * DAY > last_day
            or bool({f"{monday:%Y-%m}", f"{monday + 6 * DAY:%Y-%m}"} & doubtful_months)
            for monday in mondays
        ]
    )
    return WeeklySeries(
        tuple(keys[row] for row in rows),
        mondays,
        week_counts,
        tuple(counts.found_by[row] for row in rows),
        np.ones_like(week_counts),
        np.repeat(is_doubtful[None], len(rows), axis=0),
    )


def with_known_shares(series: WeeklySeries, share_by_week: Mapping[tuple[Key, date], float]) -> WeeklySeries:
    """The series with the share of each week's records that is known by now, where one is given."""
    known_share = series.known_share.copy()
    for row, key in enumerate(series.keys):
        for column, monday in enumerate(series.mondays):
            known_share[row, column] = share_by_week.get((key, monday), 1.0)
    return replace(series, known_share=known_share, has_delays=True)


def key_of(names: Sequence[str], by: Sequence[str]) -> Key:
    """The area and the offence of a counted group, "" for what it is not counted by."""
    name_by_grouping = dict(zip(by, names, strict=True))
    return name_by_grouping.get("borough", ""), name_by_grouping.get("offence_group", "")
