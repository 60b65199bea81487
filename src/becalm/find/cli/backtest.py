"""`becalm find backtest`: how well each method would have predicted the last months."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from becalm.console.command import Session, command
from becalm.console.emit import View
from becalm.find.cli.hotspots import WIDE_ONLY, app, land_amount, place_noun
from becalm.find.core.request import BacktestRequest
from becalm.terms import LEAST_FOR_VERDICT, Backtest, BacktestRow, Estimate

if TYPE_CHECKING:
    from becalm.find.desk.hotspots import BacktestAnswer

ROW_FIELDS = (
    "method",
    "hit_rate",
    "pai",
    "pai_low",
    "pai_high",
    "pei",
    "rri",
    "gini",
    "log_score",
    "difference_from_count_12",
    "difference_low",
    "difference_high",
    "ser",
    "gini_generalised",
    "calibration",
    "blend_less_this",
    "blend_less_this_low",
    "blend_less_this_high",
)
METHOD_HEADINGS = (
    "method",
    "hit rate",
    "PAI",
    "PEI",
    "RRI",
    "Gini",
    "SER",
    "calibration",
    "log score",
    "PAI less count_12",
    "blend less this",
    "verdict",
)
LEFT_OUT = ("hit rate", "log score", "PAI less count_12")  # where the screen has no room for whole intervals


@command(app, "backtest", BacktestRequest)
def backtest(session: Session, request: BacktestRequest) -> None:
    """Test every method on the last months, each predicted from the months before it alone."""
    from becalm.find.desk.hotspots import backtest as test_methods

    session.emit(test_methods(session.open_desk(), request), backtest_view())


def backtest_view() -> View[BacktestAnswer]:
    """How a back-test is shown."""
    return View(
        data=_backtest_object,
        rows=lambda answer: map(_row_object, answer.backtest.rows),
        lines=_backtest_lines,
    )


def _backtest_object(answer: BacktestAnswer) -> dict[str, Any]:
    """The back-test in the shape that other programs rely on."""
    backtest_result = answer.backtest
    return {
        "target": "+".join(backtest_result.target),
        **{name: getattr(backtest_result, name) for name in ("cell_m", "area_share", "origins")},
        "rows": [_row_object(row) for row in backtest_result.rows],
        "targets": list(backtest_result.target),
        "count": backtest_result.count,
        "months": list(backtest_result.months),
        **{name: getattr(backtest_result, name) for name in ("incidents", "places")},
        "area_m2": round(backtest_result.area_m2, 1),
        **{name: getattr(backtest_result, name) for name in ("kind", "denominator", "source")},
        "as_of": str(backtest_result.as_of),
        "level": backtest_result.level,
        "seed": answer.run.seed,
        "gini_best": round(backtest_result.gini_best, 4),
        "gini_null": round(backtest_result.gini_null, 4),
        "calibration": [
            {
                "places": round(g.places, 1),
                "expected": round(g.expected_count, 3),
                "seen": round(g.observed_count, 3),
            }
            for g in backtest_result.calibration
        ],
        "finder_less_blend": _gain_object(backtest_result),
        "warnings": list(backtest_result.warnings),
    }


def _gain_object(result: Backtest) -> dict[str, float] | None:
    finder_gain = result.finder_gain
    return (
        {
            "pai": round(finder_gain.value, 4),
            "low": round(finder_gain.low, 4),
            "high": round(finder_gain.high, 4),
        }
        if finder_gain
        else None
    )


def _row_object(row: BacktestRow) -> dict[str, str | float]:
    pai, pai_gain, blend_gain = row.pai, row.difference_from_count_12, row.blend_gain
    row_scores = (
        *(row.hit_rate, pai.value, pai.low, pai.high, row.pei, row.rri, row.gini, row.log_score),
        *(pai_gain.value, pai_gain.low, pai_gain.high, row.ser, row.gini_generalised, row.calibration),
        *(blend_gain.value, blend_gain.low, blend_gain.high),
    )
    return dict(zip(ROW_FIELDS, (row.method, *(round(n, 4) for n in row_scores)), strict=True))


def _backtest_lines(answer: BacktestAnswer) -> Iterator[object]:
    from becalm.console.screen import DEFAULT_WIDTH_CHARS, console, figure_table, is_narrow

    backtest_result = answer.backtest
    place_word = "cells" if backtest_result.kind == "cell" else place_noun(backtest_result.kind)
    yield (
        f"{backtest_result.incidents:,} incidents of {', '.join(backtest_result.target)} in "
        f"{backtest_result.origins} months "
        f"({backtest_result.months[0]} to {backtest_result.months[-1]}), each predicted from the "
        "months before it; "
        f"source {backtest_result.source}, as of {backtest_result.as_of}."
    )
    yield (
        f"PAI, PEI and RRI at {backtest_result.area_share:.2%} of "
        f"{land_amount(backtest_result.kind, backtest_result.area_m2)} "
        f"({backtest_result.denominator}; {backtest_result.places:,} {place_word} of "
        f"{backtest_result.cell_m:g} m); "
        f"hit rate in the best {backtest_result.count} places."
    )
    method_cells = [_method_cells(row, backtest_result.origins) for row in backtest_result.rows]
    has_room = not is_narrow(console(), needed_chars=DEFAULT_WIDTH_CHARS)
    hidden_columns = () if has_room else (*WIDE_ONLY, *LEFT_OUT)
    yield figure_table(METHOD_HEADINGS, method_cells, left=("method",), hidden=hidden_columns, folded=())
    yield from _summary(backtest_result)
    yield from (f"warning: {warning}" for warning in backtest_result.warnings)
    yield (
        f"Intervals hold {backtest_result.level:.0%} (months resampled). Less this: the PAI of the "
        "blend less that of "
        f"the method. Verdict: against count_12. Seed {answer.run.seed}."
    )


def _method_cells(row: BacktestRow, origins: int) -> tuple[str, ...]:
    pai_interval = row.pai
    return (
        row.method,
        f"{row.hit_rate:.1%}",
        f"{pai_interval.value:.2f} ({pai_interval.low:.2f} to {pai_interval.high:.2f})",
        *(f"{score_value:.3f}" for score_value in (row.pei, row.rri, row.gini)),
        f"{row.ser:.2f}",
        f"{row.calibration:.2f}",
        f"{row.log_score:.3f}",
        _gain_text(row.difference_from_count_12),
        "-" if row.method == "blend" else _gain_text(row.blend_gain),
        verdict(row, origins),
    )


def _gain_text(gain: Estimate) -> str:
    return f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"


def _summary(result: Backtest) -> tuple[str, ...]:
    """What belongs to the months and not to one method."""
    expected_incidents, actual_incidents = (
        sum(getattr(g, finder_name) for g in result.calibration)
        for finder_name in ("expected_count", "observed_count")
    )
    top_group, gain = result.calibration[-1], result.finder_gain
    finder_name = result.rows[-1].method
    gain_lines = (f"{finder_name} less blend: PAI {_gain_text(gain)}.",) if gain else ()
    return (
        *gain_lines,
        f"The best order known afterwards has a Gini of {result.gini_best:.3f}; as many incidents spread "
        f"at random would give {result.gini_null:.3f}.",
        f"The blend expected {expected_incidents:.1f} incidents a month and {actual_incidents:.1f} came; "
        f"where it expected most ({top_group.places:.0f} places) {top_group.expected_count:.1f} and "
        f"{top_group.observed_count:.1f}.",
    )


def verdict(row: BacktestRow, origins: int) -> str:
    """Whether a difference may be called one: only where its whole interval lies on one side of 0.

    Of few months it may not: that they all lie on one side is then mere luck too often.
    """
    pai_gain = row.difference_from_count_12
    if row.method == "count_12":
        return "the reference"
    if origins < LEAST_FOR_VERDICT:
        return "too few months"
    if pai_gain.low > 0:
        return "better"
    return "worse" if pai_gain.high < 0 else "no difference shown"
