"""How a back-test is shown. Imported only when there is one."""

from __future__ import annotations

import json
import sys
from typing import Any

from becalm.console.options import Format
from becalm.console.screen import console as on_screen
from becalm.console.screen import is_narrow, say, show_table
from becalm.find.cli.view import WIDE_ONLY, amount_of, noun_of
from becalm.find.desk.hotspots import BacktestDone
from becalm.terms import LEAST_FOR_VERDICT, Backtest, BacktestRow

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


def print_backtest(done: BacktestDone, format: Format) -> None:
    """Print the back-test, as asked."""
    if format is Format.json:
        sys.stdout.write(json.dumps(backtest_object(done), ensure_ascii=False, indent=2) + "\n")
    elif format is Format.csv:
        sys.stdout.write(_backtest_csv(done))
    else:
        _print_methods(done)


def backtest_object(done: BacktestDone) -> dict[str, Any]:
    """The back-test in the shape that other programs rely on."""
    tested = done.backtest
    return {
        "target": "+".join(tested.target),
        "cell_m": tested.cell_m,
        "area_share": tested.area_share,
        "origins": tested.origins,
        "rows": [_row_object(row) for row in tested.rows],
        "targets": list(tested.target),
        "count": tested.count,
        "months": list(tested.months),
        "incidents": tested.incidents,
        "places": tested.places,
        "area_m2": round(tested.area_m2, 1),
        "kind": tested.kind,
        "denominator": tested.denominator,
        "source": tested.source,
        "as_of": str(tested.as_of),
        "level": tested.level,
        "seed": done.run.seed,
        "gini_best": round(tested.gini_best, 4),
        "gini_null": round(tested.gini_null, 4),
        "calibration": [
            {"places": round(g.places, 1), "expected": round(g.expected, 3), "seen": round(g.seen, 3)}
            for g in tested.calibration
        ],
        "finder_less_blend": _gain_object(tested),
        "warnings": list(tested.warnings),
    }


def _gain_object(tested: Backtest) -> dict[str, float] | None:
    gain = tested.finder_gain
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


def _backtest_csv(done: BacktestDone) -> str:
    from becalm.render.spreadsheet import csv_text

    return csv_text(ROW_FIELDS, (_row_object(row).values() for row in done.backtest.rows))


def _print_methods(done: BacktestDone) -> None:
    console, tested = on_screen(), done.backtest
    noun = "cells" if tested.kind == "cell" else noun_of(tested.kind)
    say(
        console,
        f"{tested.incidents:,} incidents of {', '.join(tested.target)} in {tested.origins} months "
        f"({tested.months[0]} to {tested.months[-1]}), each foretold from the months before it; "
        f"source {tested.source}, as of {tested.as_of}.",
        f"PAI, PEI and RRI at {tested.area_share:.2%} of {amount_of(tested.kind, tested.area_m2)} "
        f"({tested.denominator}; {tested.places:,} {noun} of {tested.cell_m:g} m); "
        f"hit rate in the best {tested.count} places.",
    )
    cells = [_method_cells(row, tested.origins) for row in tested.rows]
    left_out = WIDE_ONLY if is_narrow(console) else ()
    show_table(console, METHOD_HEADINGS, cells, left=("method",), left_out=left_out, folded=())
    say(console, *_summary(tested))
    say(console, *(f"warning: {w}" for w in tested.warnings))
    say(console, f"Intervals hold {tested.level:.0%} (months resampled); seed {done.run.seed}.")


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


def _summary(tested: Backtest) -> tuple[str, ...]:
    """What belongs to the months and not to one method."""
    expected, seen = (sum(getattr(g, name) for g in tested.calibration) for name in ("expected", "seen"))
    top, gain = tested.calibration[-1], tested.finder_gain
    name = tested.rows[-1].method
    beside = (
        (f"{name} less blend: PAI {gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f}).",) if gain else ()
    )
    return (
        *beside,
        f"The best order known afterwards has a Gini of {tested.gini_best:.3f}; as many incidents thrown "
        f"evenly would give it {tested.gini_null:.3f}.",
        f"The blend expected {expected:.1f} incidents a month and {seen:.1f} came; where it expected most "
        f"({top.places:.0f} places) {top.expected:.1f} and {top.seen:.1f}.",
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
