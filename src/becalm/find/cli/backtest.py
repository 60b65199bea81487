"""`becalm find backtest`: how well each method would have foretold the last months."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from becalm.console.command import Session, command
from becalm.find.cli.hotspots import WIDE_ONLY, app, land_amount, place_noun
from becalm.find.core.request import BacktestRequest
from becalm.terms import LEAST_FOR_VERDICT, Backtest, BacktestRow

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
    "verdict",
)


@command(app, "backtest", BacktestRequest)
def backtest(session: Session, request: BacktestRequest) -> None:
    """Test every method on the last months, each foretold from the months before it alone."""
    from becalm.console.emit import View
    from becalm.find.desk.hotspots import backtest as test_methods

    view: View[BacktestAnswer] = View(
        data=_backtest_object,
        rows=lambda answer: map(_row_object, answer.backtest.rows),
        lines=_backtest_lines,
    )
    session.emit(test_methods(session.open_desk(), request), view)


def _backtest_object(answer: BacktestAnswer) -> dict[str, Any]:
    """The back-test in the shape that other programs rely on."""
    result = answer.backtest
    return {
        "target": "+".join(result.target),
        "cell_m": result.cell_m,
        "area_share": result.area_share,
        "origins": result.origins,
        "rows": [_row_object(row) for row in result.rows],
        "targets": list(result.target),
        "count": result.count,
        "months": list(result.months),
        "incidents": result.incidents,
        "places": result.places,
        "area_m2": round(result.area_m2, 1),
        "kind": result.kind,
        "denominator": result.denominator,
        "source": result.source,
        "as_of": str(result.as_of),
        "level": result.level,
        "seed": answer.run.seed,
        "gini_best": round(result.gini_best, 4),
        "gini_null": round(result.gini_null, 4),
        "calibration": [
            {
                "places": round(g.places, 1),
                "expected": round(g.expected_count, 3),
                "seen": round(g.observed_count, 3),
            }
            for g in result.calibration
        ],
        "finder_less_blend": _gain_object(result),
        "warnings": list(result.warnings),
    }


def _gain_object(result: Backtest) -> dict[str, float] | None:
    gain = result.finder_gain
    return (
        {"pai": round(gain.value, 4), "low": round(gain.low, 4), "high": round(gain.high, 4)}
        if gain
        else None
    )


def _row_object(row: BacktestRow) -> dict[str, str | float]:
    pai, difference = row.pai, row.difference_from_count_12
    values = (row.hit_rate, pai.value, pai.low, pai.high, row.pei, row.rri, row.gini, row.log_score)
    gains = (difference.value, difference.low, difference.high)
    numbers = (*values, *gains, row.ser, row.gini_generalised, row.calibration)
    return dict(zip(ROW_FIELDS, (row.method, *(round(n, 4) for n in numbers)), strict=True))


def _backtest_lines(answer: BacktestAnswer) -> Iterator[object]:
    from becalm.console.screen import console, figure_table, is_narrow

    result = answer.backtest
    noun = "cells" if result.kind == "cell" else place_noun(result.kind)
    yield (
        f"{result.incidents:,} incidents of {', '.join(result.target)} in {result.origins} months "
        f"({result.months[0]} to {result.months[-1]}), each foretold from the months before it; "
        f"source {result.source}, as of {result.as_of}."
    )
    yield (
        f"PAI, PEI and RRI at {result.area_share:.2%} of {land_amount(result.kind, result.area_m2)} "
        f"({result.denominator}; {result.places:,} {noun} of {result.cell_m:g} m); "
        f"hit rate in the best {result.count} places."
    )
    cells = [_method_cells(row, result.origins) for row in result.rows]
    hidden_columns = WIDE_ONLY if is_narrow(console()) else ()
    yield figure_table(METHOD_HEADINGS, cells, left=("method",), hidden=hidden_columns, folded=())
    yield from _summary(result)
    yield from (f"warning: {warning}" for warning in result.warnings)
    yield f"Intervals hold {result.level:.0%} (months resampled); seed {answer.run.seed}."


def _method_cells(row: BacktestRow, origins: int) -> tuple[str, ...]:
    pai, gain = row.pai, row.difference_from_count_12
    return (
        row.method,
        f"{row.hit_rate:.1%}",
        f"{pai.value:.2f} ({pai.low:.2f} to {pai.high:.2f})",
        *(f"{value:.3f}" for value in (row.pei, row.rri, row.gini)),
        f"{row.ser:.2f}",
        f"{row.calibration:.2f}",
        f"{row.log_score:.3f}",
        f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})",
        verdict(row, origins),
    )


def _summary(result: Backtest) -> tuple[str, ...]:
    """What belongs to the months and not to one method."""
    expected_incidents, actual_incidents = (
        sum(getattr(g, name) for g in result.calibration) for name in ("expected_count", "observed_count")
    )
    top, gain = result.calibration[-1], result.finder_gain
    name = result.rows[-1].method
    finder_gain = (
        (f"{name} less blend: PAI {gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f}).",) if gain else ()
    )
    return (
        *finder_gain,
        f"The best order known afterwards has a Gini of {result.gini_best:.3f}; as many incidents thrown "
        f"evenly would give it {result.gini_null:.3f}.",
        f"The blend expected {expected_incidents:.1f} incidents a month and {actual_incidents:.1f} came; "
        f"where it expected most ({top.places:.0f} places) {top.expected_count:.1f} and "
        f"{top.observed_count:.1f}.",
    )


def verdict(row: BacktestRow, origins: int) -> str:
    """Whether a difference may be called one: only where its whole interval lies on one side of 0.

    Of few months it may not: that they all lie on one side is then mere luck too often.
    """
    gain = row.difference_from_count_12
    if row.method == "count_12":
        return "the reference"
    if origins < LEAST_FOR_VERDICT:
        return "too few months"
    if gain.low > 0:
        return "better"
    return "worse" if gain.high < 0 else "no difference shown"
