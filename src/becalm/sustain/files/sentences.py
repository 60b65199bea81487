"""A watch in sentences: what it says first, and which rows are worth a look."""

from collections.abc import Iterator, Sequence

from becalm.sustain.core.backtest import Backtest, BacktestRow
from becalm.sustain.core.series import key_words, week_name
from becalm.sustain.core.watch import Watch, WatchedSeries
from becalm.terms import Estimate

BRIEFING_HEADINGS = (
    "Series",
    "State",
    "Since",
    "A week",
    "Expected without the step",
    "Reference",
    "Lost share of the fall",
    "Alarms",
)
SHOWN_FIRST = (
    "alarm",
    "above reference",
    "rising",
    "incomplete",
    "no data",
    "quiet",
    "not monitorable",
    "withheld",
)


def opening_sentences(watch: Watch) -> Iterator[str]:
    """What the watch says before its table."""
    series_by_state = {state: [s for s in watch.series if s.state == state] for state in SHOWN_FIRST}
    alarms, rising = series_by_state["alarm"], series_by_state["rising"]
    if alarms:
        alarm_text = "; ".join(f"{key_words(s.key)} (since {week_name(s.since)})" for s in alarms[:6])
        more_text = f"; and {len(alarms) - 6} more" if len(alarms) > 6 else ""
        yield f"{len(alarms)} of {len(watch.series)} series raised an alarm: {alarm_text}{more_text}."
    else:
        yield f"None of {len(watch.series)} series raised an alarm by {week_name(watch.until)}."
    if rising:
        yield f"{len(rising)} more are half-way to one: {'; '.join(key_words(s.key) for s in rising[:6])}."
    unwatched = series_by_state["not monitorable"]
    if unwatched:
        yield f"{len(unwatched)} cannot be watched alone: even a full rebound would go unseen for 26 weeks."
    yield budget_sentence(watch)
    for step in watch.steps:
        late_sentence = (
            " It was declared after its weeks were on record." if step.entry in watch.seen_steps else ""
        )
        yield f"Step from {step.start} ({step.kind}): {step.reason}.{late_sentence}"


def budget_sentence(watch: Watch) -> str:
    """How many false alarms to expect, as promised and as the force's own past says."""
    budget, placebo = watch.budget, watch.placebo_per_year
    budget_sum = budget.single + budget.groups
    promise_sentence = (
        f"Budget: {budget_sum:g} false alarm{'' if budget_sum == 1 else 's'} a year, "
        f"{budget.single:g} for single series and {budget.groups:g} for groups."
    )
    if placebo is None:
        return f"{promise_sentence} The history is too short to try that out on its own past."
    return (
        f"{promise_sentence} On its own past, where nothing was declared, the same thresholds raised "
        f"{placebo.value:.1f} a year ({placebo.low:.1f} to {placebo.high:.1f})."
    )


def shown_series(watch: Watch, most_quiet: int) -> tuple[tuple[WatchedSeries, ...], int]:
    """The series that a reader sees, the most pressing first, and how many are left out."""
    ordered_rows = sorted(watch.series, key=lambda s: (SHOWN_FIRST.index(s.state), -s.relative_score))
    urgent_series = [s for s in ordered_rows if SHOWN_FIRST.index(s.state) < SHOWN_FIRST.index("quiet")]
    calm_series = ordered_rows[len(urgent_series) :]
    return (*urgent_series, *calm_series[:most_quiet]), max(len(calm_series) - most_quiet, 0)


def briefing_rows(rows: Sequence[WatchedSeries]) -> tuple[tuple[str, ...], ...]:
    """A row of the briefing's table for each series, under BRIEFING_HEADINGS."""
    return tuple(
        (
            key_words(series.key),
            series.state,
            week_name(series.since),
            *(
                estimate_words(level)
                for level in (series.levels.weekly_mean, series.levels.expected, series.levels.reference)
            ),
            estimate_words(series.levels.lost_share, percent=True),
            ", ".join(week_name(alarm.monday) for alarm in series.alarms) or "–",
        )
        for series in rows
    )


def estimate_words(estimate: Estimate | None, *, percent: bool = False) -> str:
    """An estimate with its interval, in as few digits as it deserves.

    >>> estimate_words(Estimate(12.31, 10.0, 15.2, 0.95, "count"))
    '12.3 (10.0 to 15.2)'
    """
    if estimate is None:
        return "–"
    if percent:
        return f"{estimate.value:.0%} ({estimate.low:.0%} to {estimate.high:.0%})"
    digits = 1 if estimate.value < 100 else 0
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def weeks_words(weeks: float | None) -> str:
    """A delay in weeks, or that it is over a year.

    >>> weeks_words(7.0), weeks_words(None)
    ('7 weeks', 'over a year')
    """
    return "over a year" if weeks is None else f"{weeks:.0f} weeks"


def backtest_sentences(backtest: Backtest, weeks: int) -> Iterator[str]:
    """What was planted, where, and with which budget."""
    rebound = backtest.rebound
    yield (
        f"A fall to {rebound.fall:.0%} of the level and a climb to {rebound.to:.0%} in {rebound.weeks} "
        f"weeks, planted at {backtest.starts} places of {weeks} weeks in which nothing was declared."
    )
    yield (
        f"Budget: {backtest.budget.single:g} false alarms a year for all series. Each cell: median "
        "weeks from the onset, share found within 26 weeks, false alarms a year."
    )


def backtest_cells(backtest: Backtest) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A table with a row per method and a column per class of weekly level."""
    classes = sorted({(row.low, row.high) for row in backtest.rows})
    headings = (
        "method",
        *(f"{low:g} to {high:g} a week" if high < 1e9 else f"{low:g} or more" for low, high in classes),
    )
    cell_by_place = {(row.method, row.low): _backtest_cell(row) for row in backtest.rows}
    methods = list(dict.fromkeys(row.method for row in backtest.rows))
    return headings, [(method, *(cell_by_place[method, low] for low, _ in classes)) for method in methods]


def _backtest_cell(row: BacktestRow) -> str:
    median_text = "–" if row.median_weeks is None else f"{row.median_weeks:g}"
    return f"{median_text} ({row.found_share:.0%}; {row.false_per_year:.1f})"
