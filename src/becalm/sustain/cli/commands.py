"""`becalm sustain`: watch | clusters | backtest | step add, list, end | review | history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

import typer

from becalm.console.command import Session, command
from becalm.console.emit import View
from becalm.measure.core.request import StepEndRequest, StepRequest
from becalm.sustain.core.request import (
    BacktestRequest,
    ClustersRequest,
    HistoryRequest,
    ReviewRequest,
    StepListRequest,
    WatchRequest,
)

if TYPE_CHECKING:
    from becalm.sustain.core.clusters import Clusters
    from becalm.sustain.core.events import DetectorRecord, PastAlarm
    from becalm.sustain.core.watch import WatchedSeries
    from becalm.sustain.desk.backtest import BacktestAnswer
    from becalm.sustain.desk.watch import WatchAnswer
    from becalm.terms import Step

HELP = "Watch fallen series for a rebound, and say how sure each alarm is."
app = typer.Typer(no_args_is_help=True, help=HELP)
step_app = typer.Typer(no_args_is_help=True, help="Declare from which day on series stand at another level.")
app.add_typer(step_app, name="step")
TABLE_HEADINGS = (
    "series",
    "state",
    "since",
    "a week",
    "expected",
    "lost share",
    "score",
    "finds full, half in",
)
MOST_QUIET_ROWS = 12


@command(app, "watch", WatchRequest, endings=(".json", ".csv", ".xlsx", ".svg"))
def watch(session: Session, request: WatchRequest) -> None:
    """Which series have begun to rise since their step? New alarms are recorded."""
    from becalm.sustain.desk.watch import watch as ask

    session.emit(ask(session.open_desk(), request), watch_view())


def watch_view() -> View[WatchAnswer]:
    """How a watch is shown."""
    from becalm.sustain.files.chart import watch_picture
    from becalm.sustain.files.watch import ROW_COLUMNS, watch_object, watch_rows

    return View(
        data=lambda answer: watch_object(answer.watch),
        rows=lambda answer: watch_rows(answer.watch),
        lines=_watch_lines,
        columns=ROW_COLUMNS,
        files={".svg": lambda answer: watch_picture(answer.watch)},
    )


def _watch_lines(answer: WatchAnswer) -> Iterator[object]:
    from becalm.console.screen import string_table
    from becalm.sustain.files.sentences import opening_sentences, shown_series

    yield from opening_sentences(answer.watch)
    yield ""
    shown_rows, hidden_count = shown_series(answer.watch, MOST_QUIET_ROWS)
    yield string_table(TABLE_HEADINGS, list(map(_table_row, shown_rows)), left=TABLE_HEADINGS[:3])
    if hidden_count:
        yield f"{hidden_count} more series are quiet or cannot be watched alone. `format json` shows all."
    yield ""
    new_names = {alarm.name for alarm in answer.new_alarms}
    for alarm in answer.watch.alarms:
        decision_text = f"reviewed: {alarm.decision}" if alarm.decision else "not reviewed yet"
        yield f"{'New alarm' if alarm.name in new_names else 'Alarm'} {alarm.name} ({decision_text})"
    yield from (f"Warning: {warning}" for warning in answer.watch.warnings)


def _table_row(series: WatchedSeries) -> tuple[str, ...]:
    from becalm.sustain.core.series import key_words, week_name
    from becalm.sustain.files.sentences import estimate_words, weeks_words

    levels = series.levels
    return (
        key_words(series.key),
        series.state,
        week_name(series.since),
        estimate_words(levels.weekly_mean),
        estimate_words(levels.expected),
        estimate_words(levels.lost_share, percent=True),
        "–" if isnan(series.score) else f"{series.score:.1f} of {series.threshold.value:.1f}",
        f"{weeks_words(series.delay.full)}, {weeks_words(series.delay.half)}",
    )


@command(app, "clusters", ClustersRequest)
def clusters(session: Session, request: ClustersRequest) -> None:
    """Find circles that hold more than expected just now, and how rarely chance brings one."""
    from becalm.sustain.desk.clusters import search_clusters
    from becalm.sustain.files import clusters as files

    view: View[Clusters] = View(
        data=files.clusters_object,
        rows=files.cluster_rows,
        lines=files.cluster_sentences,
        columns=files.CLUSTER_COLUMNS,
    )
    session.emit(search_clusters(session.open_desk(), request), view)


@command(app, "backtest", BacktestRequest)
def backtest(session: Session, request: BacktestRequest) -> None:
    """Plant a rebound into the force's own series, and see how soon each alarm finds it."""
    from becalm.sustain.desk.backtest import backtest as ask
    from becalm.sustain.files.watch import backtest_object, backtest_rows

    view: View[BacktestAnswer] = View(
        data=lambda answer: backtest_object(answer.backtest, answer.source),
        rows=lambda answer: backtest_rows(answer.backtest),
        lines=_backtest_lines,
    )
    session.emit(ask(session.open_desk(), request), view)


def _backtest_lines(answer: BacktestAnswer) -> Iterator[object]:
    from becalm.console.screen import string_table
    from becalm.sustain.files.sentences import backtest_cells, backtest_sentences

    yield from backtest_sentences(answer.backtest, answer.weeks)
    yield ""
    headings, cells = backtest_cells(answer.backtest)
    yield string_table(headings, cells, left=headings[:1])


@command(step_app, "add", StepRequest)
def add_step(session: Session, request: StepRequest) -> None:
    """Declare that from a day on, series stand at another level. Recorded with your name and reason."""
    from becalm.console.emit import RECEIPT
    from becalm.measure.desk import declare_step

    session.emit(declare_step(session.open_desk(), request), RECEIPT)


@command(step_app, "end", StepEndRequest)
def end_step(session: Session, request: StepEndRequest) -> None:
    """Declare that a step is over."""
    from becalm.console.emit import RECEIPT
    from becalm.measure.desk import end_declared_step

    session.emit(end_declared_step(session.open_desk(), request), RECEIPT)


@command(step_app, "list", StepListRequest)
def list_steps(session: Session, request: StepListRequest) -> None:  # noqa: ARG001 - it asks nothing
    """List the declared steps: from which day, which series, why, and when that was declared."""
    from becalm.console.emit import tabulate
    from becalm.measure.desk import active_steps
    from becalm.sustain.files.watch import step_row

    def rows(steps: Sequence[Step]) -> list[Any]:
        return list(map(step_row, steps))

    def lines(steps: Sequence[Step]) -> list[str]:
        columns = ("step", "from", "to", "kind", "groups", "areas", "reason", "declared_on")
        return list(tabulate(columns, rows(steps))) if steps else ["No step is declared."]

    answer_view: View[Sequence[Step]] = View(rows, rows, lines)
    session.emit(active_steps(session.open_desk()), answer_view)


@command(app, "review", ReviewRequest)
def review(session: Session, request: ReviewRequest) -> None:
    """Record what an alarm was. It cannot be changed afterwards."""
    from becalm.console.emit import RECEIPT
    from becalm.sustain.desk.review import review_alarm

    session.emit(review_alarm(session.open_desk(), request), RECEIPT)


@command(app, "history", HistoryRequest)
def history(session: Session, request: HistoryRequest) -> None:
    """List past alarms with their reviews, and how often each detector was right."""
    from becalm.console.emit import tabulate
    from becalm.sustain.desk.review import list_history
    from becalm.sustain.files.watch import history_object, past_alarm_row

    def lines(answer: tuple[Sequence[PastAlarm], Sequence[DetectorRecord]]) -> Iterator[str]:
        alarms, detectors = answer
        if not alarms:
            yield "No alarm was raised."
            return
        yield from tabulate(("alarm", "raised_on", "decision", "reason"), list(map(past_alarm_row, alarms)))
        for record in detectors:
            share_text = (
                "none reviewed" if record.right_share is None else f"{record.right_share:.0%} real or known"
            )
            yield f"{record.detector}: {record.alarm_count} alarms, {record.reviewed} reviewed, {share_text}"

    answer_view: View[tuple[Sequence[PastAlarm], Sequence[DetectorRecord]]] = View(
        data=lambda answer: history_object(*answer),
        rows=lambda answer: map(past_alarm_row, answer[0]),
        lines=lines,
    )
    session.emit(list_history(session.open_desk(), request), answer_view)
