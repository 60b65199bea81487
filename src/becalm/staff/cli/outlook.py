"""`becalm staff forecast` and `what-if`: the strength to come, and what would change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.staff.core.request import ForecastRequest, WhatIfRequest

if TYPE_CHECKING:
    from becalm.staff.desk.outlook import ForecastAnswer, WhatIfAnswer


def forecast(session: Session, request: ForecastRequest) -> None:
    """Say how many officers will be there on each tour, learnt from past absences: p10, p50 and p90."""
    from becalm.console.emit import View
    from becalm.staff.desk.outlook import forecast as forecast_force

    view = View(_forecast_data, _forecast_rows, _forecast_lines)
    session.emit(forecast_force(session.open_desk(), request), view)


def _forecast_rows(answer: ForecastAnswer) -> list[dict[str, object]]:
    return [{**asdict(row), "day": str(row.day)} for row in answer.rows]


def _forecast_data(answer: ForecastAnswer) -> dict[str, object]:
    return {
        "known_at": answer.known_at.isoformat(),
        "level": 0.8,
        "method": "absences unknown so far, as the past played again shows them; beta-binomial",
        "strength": _forecast_rows(answer),
        "notes": list(answer.notes),
    }


def _forecast_lines(answer: ForecastAnswer) -> Iterator[object]:
    from becalm.console.screen import string_table

    columns = ("command_unit", "day", "tour", "published", "available", "p10", "p50", "p90")
    yield f"Strength as known at {answer.known_at:%Y-%m-%d %H:%M} UTC; 8 days in 10 lie between p10 and p90."
    rows = [
        (*(str(row[name]) for name in columns[:5]), *(f"{row[name]:.1f}" for name in columns[5:]))
        for row in _forecast_rows(answer)
    ]
    yield string_table(columns, rows, left=("command_unit", "day", "tour"))
    yield from answer.notes


def what_if(session: Session, request: WhatIfRequest) -> None:
    """Show strength, tours short and bursts of each day as it is and under each change, side by side."""
    from becalm.console.emit import View
    from becalm.staff.desk.outlook import what_if as compare_cases

    view = View(_what_if_data, _what_if_rows, _what_if_lines)
    session.emit(compare_cases(session.open_desk(), request), view)


def _what_if_data(answer: WhatIfAnswer) -> dict[str, object]:
    return {
        "days": [str(day) for day in answer.days],
        "cases": [asdict(outlook) for outlook in answer.outlooks],
        "notes": list(answer.notes),
    }


def _what_if_rows(answer: WhatIfAnswer) -> Iterable[dict[str, object]]:
    for outlook in answer.outlooks:
        for day, strength, short, bursts in zip(
            answer.days, outlook.strength, outlook.short, outlook.bursts, strict=True
        ):
            yield {
                "case": outlook.label,
                "day": str(day),
                "strength": strength,
                "short": short,
                "bursts": bursts,
            }


def _what_if_lines(answer: WhatIfAnswer) -> Iterator[object]:
    from becalm.console.screen import string_table

    yield "On each day: officers on duty / tours short / bursts possible"
    heads = ("day", *(outlook.label for outlook in answer.outlooks))
    rows = [
        (
            str(day),
            *(f"{o.strength[n]} / {o.short[n]} / {o.bursts[n]:,.0f}" for o in answer.outlooks),
        )
        for n, day in enumerate(answer.days)
    ]
    totals = ("all days", *(f"{sum(o.strength):,} / {sum(o.short)} / {sum(o.bursts):,.0f}"
                            for o in answer.outlooks))  # fmt: skip
    yield string_table(heads, [*rows, totals], left=("day",))
    yield from answer.notes
