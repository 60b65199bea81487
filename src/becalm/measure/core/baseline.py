"""What a period is compared with: the same period of another year, several years, or any other days."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from becalm.terms import Period, UsageError, WrittenPeriod, month_start, parse_period, read_number, weeks_in

BASELINE_FORMS: Final = (
    'Write 2019 (the same period of that year), "year before", "mean of 3 years", '
    "or a period of its own such as 2019-04."
)
_MEAN: Final = re.compile(r"mean(?:-|\s+(?:of\s+)?)(?P<number>\d+|[a-z]+)(?:\s+years?)?", re.IGNORECASE)
_YEAR_BEFORE: Final = re.compile(r"(?:the\s+)?(?:year[\s-]before|previous\s+year)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The days that a period is compared with: one window, or several whose mean is taken.

    `alignment` says how the windows match the period: "same months", "same ISO weeks",
    "shifted by whole weeks" or "as written". Windows stand newest first.
    """

    label: str
    windows: tuple[Period, ...]
    alignment: str

    @property
    def days(self) -> int:
        """How many days all its windows hold together."""
        return sum(window.days for window in self.windows)

    @property
    def span(self) -> Period:
        """From the first day of the earliest window to the last of the latest."""
        return Period(min(w.start for w in self.windows), max(w.end for w in self.windows))


def parse_baseline(text: str, *, written_period: WrittenPeriod, last_day: date) -> Baseline:
    """Which days does this text compare the period with?

    Raises UsageError where the text is not understood, or the baseline shares days with the period.
    """
    text = text.strip()
    mean_match = _MEAN.fullmatch(text)
    if mean_match:
        baseline = mean_of_years(written_period, _parse_years(text, mean_match["number"]))
    elif _YEAR_BEFORE.fullmatch(text):
        baseline = same_period_in_year(written_period, start_year(written_period) - 1)
    elif re.fullmatch(r"[12]\d{3}", text, re.ASCII) and not _is_whole_year(written_period):
        baseline = same_period_in_year(written_period, int(text))
    else:
        baseline = _baseline_as_written(text, _parse_window(text, last_day), written_period)
    check_apart(written_period, baseline)
    return baseline


def same_period_in_year(written_period: WrittenPeriod, year: int) -> Baseline:
    """Which days of another year are the same as these?

    Months: the same months. ISO weeks: the same week numbers (week 53 becomes week 52 in a year
    that has none) and as many weeks. Days: a shift by whole weeks, to within three days of the same
    date, so that every weekday meets its like and a leap day needs no rule.
    """
    if written_period.unit == "month":
        return Baseline(
            _label(written_period, year), (_same_months(written_period.period, year),), "same months"
        )
    if written_period.unit == "week":
        return Baseline(
            _label(written_period, year), (_same_weeks(written_period.period, year),), "same ISO weeks"
        )
    return Baseline(
        _label(written_period, year), (_same_days(written_period.period, year),), "shifted by whole weeks"
    )


def mean_of_years(written_period: WrittenPeriod, years: int) -> Baseline:
    """The same period of each of the years before, to be averaged."""
    year_baselines = [
        same_period_in_year(written_period, start_year(written_period) - back) for back in range(1, years + 1)
    ]
    year_windows = tuple(window for baseline in year_baselines for window in baseline.windows)
    return Baseline(f"mean of {years} years", year_windows, year_baselines[0].alignment)


def choose_baselines(
    texts: Sequence[str], *, written_period: WrittenPeriod, covered: Period
) -> tuple[Baseline, ...]:
    """Which baselines are shown side by side, in the order in which they are shown?

    Those that were asked for; where only one was (or none, which means the year before), also the
    year before it and the mean of three years, where the records cover them: the headline depends
    on the baseline, so one alone is not the whole answer.
    """
    requested_baselines = tuple(
        parse_baseline(t, written_period=written_period, last_day=covered.last_day)
        for t in texts or ("year before",)
    )
    if len(requested_baselines) > 1:
        return requested_baselines
    usual_covered = (
        b
        for b in usual_baselines(written_period, requested_baselines[0])[1:]
        if all(covered.holds(w) for w in b.windows)
    )
    return (*requested_baselines, *usual_covered)


def usual_baselines(written_period: WrittenPeriod, first: Baseline) -> tuple[Baseline, ...]:
    """The first baseline, the year before it, and the mean of the three years before the period."""
    year_before_baseline = same_period_in_year(written_period, _year(written_period, first.windows[0]) - 1)
    candidate_baselines = (first, year_before_baseline, mean_of_years(written_period, 3))
    baseline_by_windows: dict[tuple[Period, ...], Baseline] = {}
    for baseline in candidate_baselines:
        baseline_by_windows.setdefault(baseline.windows, baseline)
    return tuple(
        b
        for b in baseline_by_windows.values()
        if not any(written_period.period.overlaps(w) for w in b.windows)
    )


def start_year(written_period: WrittenPeriod) -> int:
    """The year that the period starts in (the ISO year for weeks)."""
    return _year(written_period, written_period.period)


def check_apart(written_period: WrittenPeriod, baseline: Baseline) -> None:
    """Refuse a baseline that shares days with the period."""
    shared_window = next((w for w in baseline.windows if w.overlaps(written_period.period)), None)
    if shared_window is not None:
        raise UsageError(
            f"The baseline {baseline.label!r} ({shared_window}) shares days with the period "
            f"({written_period.period}). "
            f"Give a baseline outside the period. {BASELINE_FORMS}"
        )


def _parse_years(text: str, word: str) -> int:
    year_count = read_number(word)
    if year_count is None or not 2 <= year_count <= 10:
        raise UsageError(f'{text!r} must say 2 to 10 years. Write, for example, "mean of 3 years".')
    return year_count


def _parse_window(text: str, last_day: date) -> Period:
    try:
        return parse_period(text, last_day=last_day).period
    except UsageError as error:
        raise UsageError(f"The baseline {text!r} cannot be read. {error.message} {BASELINE_FORMS}") from error


def _baseline_as_written(text: str, window: Period, written_period: WrittenPeriod) -> Baseline:
    same_window = same_period_in_year(written_period, _year(written_period, window))
    return Baseline(
        text, (window,), same_window.alignment if same_window.windows == (window,) else "as written"
    )


def _is_whole_year(written_period: WrittenPeriod) -> bool:
    return bool(re.fullmatch(r"\d{4}", written_period.text))


def _label(written_period: WrittenPeriod, year: int) -> str:
    """The other year's period in the words used, where they are dates; else the year."""
    if written_period.unit != "month":
        return str(year)
    month_names = _same_months(written_period.period, year).months
    return month_names[0] if len(month_names) == 1 else f"{month_names[0]}..{month_names[-1]}"


def _year(written_period: WrittenPeriod, period: Period) -> int:
    return period.start.isocalendar().year if written_period.unit == "week" else period.start.year


def _same_months(period: Period, year: int) -> Period:
    year_shift = year - period.start.year
    return Period(
        month_start(period.start.year + year_shift, period.start.month),
        month_start(period.end.year + year_shift, period.end.month),
    )


def _same_weeks(period: Period, year: int) -> Period:
    week_number = min(period.start.isocalendar().week, weeks_in(year))
    first_monday = date.fromisocalendar(year, week_number, 1)
    return Period(first_monday, first_monday + timedelta(days=period.days))


def _same_days(period: Period, year: int) -> Period:
    start_day = 28 if (period.start.month, period.start.day) == (2, 29) else period.start.day
    start_gap = period.start - date(year, period.start.month, start_day)
    week_shift = timedelta(weeks=round(start_gap.days / 7))
    return Period(period.start - week_shift, period.end - week_shift)
