"""A watch as JSON and rows: what other programs rely on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from becalm.render.spreadsheet import csv_text
from becalm.sustain.core.backtest import Backtest
from becalm.sustain.core.events import DetectorRecord, PastAlarm
from becalm.sustain.core.series import Key, week_name
from becalm.sustain.core.watch import RaisedAlarm, Watch, WatchedSeries
from becalm.terms import Estimate, Step

LEVEL_NAMES = ("weekly_mean", "expected", "fallen", "reference", "lost_share")
ROW_COLUMNS = (
    "borough", "offence_group", "state", "since", "weekly_mean", "expected", "fallen", "reference",
    "lost_share", "score", "threshold", "detector", "weeks_to_full", "weeks_to_half", "notes",
)  # fmt: skip


def watch_object(watch: Watch) -> dict[str, Any]:
    """The watch in the shape that other programs rely on."""
    placebo = watch.placebo_per_year
    return {
        "as_of": str(watch.as_of),
        "until": week_name(watch.until),
        "unit": "week",
        "reference": watch.reference,
        "budget": {
            "per_year": watch.budget.single + watch.budget.groups,
            "single": watch.budget.single,
            "groups": watch.budget.groups,
            "placebo_per_year": placebo
            and {"value": placebo.value, "low": placebo.low, "high": placebo.high},
        },
        "steps": [_step_object(step, watch) for step in watch.steps],
        "series": [series_object(series) for series in watch.series],
        "alarms": [_alarm_object(alarm, watch) for alarm in watch.alarms],
        "warnings": list(watch.warnings),
    }


def series_object(series: WatchedSeries) -> dict[str, Any]:
    """One series: its state, its levels as estimates, its score and how soon a rebound would be seen."""
    return {
        "series": _key_object(series.key),
        "state": series.state,
        "since": week_name(series.since),
        **{name: _estimate_object(getattr(series.levels, name)) for name in LEVEL_NAMES},
        "score": _rounded_score(series.score, 4),
        "threshold": round(series.threshold.value, 4),
        "detector": series.detector,
        "expected_delay_weeks": {"full": series.delay.full, "half": series.delay.half},
        "completeness": _estimate_object(series.known_share),
        "notes": list(series.notes),
    }


def watch_rows(watch: Watch) -> list[dict[str, object]]:
    """One row per series, levels without their intervals (JSON has these)."""
    return [
        {
            **_key_object(series.key),
            "state": series.state,
            "since": week_name(series.since),
            **{name: _rounded(getattr(series.levels, name)) for name in LEVEL_NAMES},
            "score": _rounded_score(series.score, 3),
            "threshold": round(series.threshold.value, 3),
            "detector": series.detector,
            "weeks_to_full": series.delay.full,
            "weeks_to_half": series.delay.half,
            "notes": " ".join(series.notes),
        }
        for series in watch.series
    ]


def watch_csv(watch: Watch) -> str:
    """The rows as a csv file."""
    return csv_text(ROW_COLUMNS, ([row[name] for name in ROW_COLUMNS] for row in watch_rows(watch)))


def history_object(alarms: Sequence[PastAlarm], detectors: Sequence[DetectorRecord]) -> dict[str, Any]:
    """Past alarms with their reviews, and how often each detector was right."""
    return {
        "alarms": list(map(past_alarm_row, alarms)),
        "detectors": [
            {
                "detector": record.detector,
                "raised": record.alarm_count,
                "reviewed": record.reviewed,
                "decisions": dict(record.decisions),
                "right_share": record.right_share,
            }
            for record in detectors
        ],
    }


def past_alarm_row(alarm: PastAlarm) -> Mapping[str, object]:
    """One past alarm with its review."""
    return {
        "alarm": alarm.alarm,
        "series": alarm.series,
        "detector": alarm.detector,
        "week": alarm.week,
        "raised_on": str(alarm.raised_on),
        "decision": alarm.decision,
        "reason": alarm.reason,
        "reviewed_on": str(alarm.reviewed_on) if alarm.reviewed_on else None,
        "reviewed_by": alarm.reviewed_by,
    }


def backtest_object(backtest: Backtest, source: str) -> dict[str, Any]:
    """A back-test with what was planted, and its rows."""
    rebound = backtest.rebound
    return {
        "source": source,
        "fall": rebound.fall,
        "weeks": rebound.weeks,
        "to": rebound.to,
        "starts": backtest.starts,
        "false_alarms_per_year": backtest.budget.single,
        "seed": backtest.seed,
        "rows": backtest_rows(backtest),
    }


def backtest_rows(backtest: Backtest) -> list[dict[str, object]]:
    """One row per method and class of level."""
    return [
        {
            "method": row.method,
            "level_from": row.low,
            "level_below": row.high if row.high < float("inf") else None,
            "series": row.series,
            "median_weeks": row.median_weeks,
            "found_within_26_weeks": round(row.found_share, 4),
            "false_per_year": round(row.false_per_year, 3),
        }
        for row in backtest.rows
    ]


def step_row(step: Step) -> Mapping[str, object]:
    """One declared step."""
    return {
        "step": step.entry,
        "from": str(step.start),
        "to": str(step.end) if step.end else None,
        "kind": step.kind,
        "groups": list(step.groups),
        "areas": list(step.areas),
        "reason": step.reason,
        "declared_on": str(step.declared_on) if step.declared_on else None,
    }


def _step_object(step: Step, watch: Watch) -> dict[str, Any]:
    return {**step_row(step), "declared_after_its_weeks": step.entry in watch.seen_steps}


def _alarm_object(alarm: RaisedAlarm, watch: Watch) -> dict[str, Any]:
    return {
        "alarm": alarm.name,
        "series": _key_object(alarm.key),
        "detector": alarm.detector,
        "week": week_name(alarm.monday),
        "reviewed": alarm.decision,
        "false_share": round(watch.false_share[alarm.monday], 4),
    }


def _key_object(key: Key) -> dict[str, str | None]:
    return {"borough": key[0] or None, "offence_group": key[1] or None}


def _estimate_object(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    numbers = {name: round(getattr(estimate, name), 4) for name in ("value", "low", "high")}
    return {**numbers, "level": estimate.level, "method": estimate.method}


def _rounded_score(score: float, digits: int) -> float | None:
    return None if math.isnan(score) else round(score, digits)


def _rounded(estimate: Estimate | None) -> float | None:
    return None if estimate is None else round(estimate.value, 3)
