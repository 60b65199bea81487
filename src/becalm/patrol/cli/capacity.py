"""`becalm patrol capacity`: how many bursts are possible, how many are wanted, and what gives?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.patrol.cli import options as given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from becalm.patrol.core.capacity import AreaCapacity, Capacity

FIELDS = (
    "area",
    "places",
    "unit_shifts_per_day",
    "duty_minutes_per_day",
    "meal_minutes_per_day",
    "open_minutes_per_day",
    "burst_minutes",
    "hop_minutes",
    "possible_per_day",
    "possible_low",
    "possible_high",
    "wanted_per_day",
    "share",
    "gives",
)


@given.with_inputs()
def capacity(
    context: typer.Context,
    asked: given.Inputs,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Print the arithmetic before planning: bursts possible, bursts wanted, and what gives."""
    from becalm.patrol.desk.inputs import gather_inputs

    gathered = gather_inputs(desk_of(context, workspace), asked.question(), fit=False)
    print_capacity(gathered.capacity, gathered.notes, format)


def print_capacity(capacity: Capacity, notes: Sequence[str], format: Format) -> None:
    """Print the arithmetic, as asked."""
    if format is Format.json:
        typer.echo(as_json(capacity, notes))
    elif format is Format.csv:
        typer.echo(_as_csv(capacity), nl=False)
    else:
        print_table(capacity, notes)


def as_json(capacity: Capacity, notes: Sequence[str]) -> str:
    """The arithmetic in the shape that other programs rely on."""
    import json

    possible = capacity.possible_per_day
    whole = {
        "days": capacity.days,
        "possible_per_day": round(possible.value, 2),
        "possible_low": round(possible.low, 2),
        "possible_high": round(possible.high, 2),
        "wanted_per_day": round(capacity.wanted_per_day, 2),
        "areas": [dict(zip(FIELDS, _row(a), strict=True)) for a in capacity.areas],
        "uncovered": list(capacity.uncovered),
        "notes": list(notes),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)


def _row(area: AreaCapacity) -> tuple[str | int | float | list[str] | None, ...]:
    possible = area.possible_per_day
    numbers = (
        area.unit_shifts_per_day,
        area.duty_minutes_per_day,
        area.meal_minutes_per_day,
        area.open_minutes_per_day,
        area.burst_minutes,
        area.hop_minutes,
        possible.value,
        possible.low,
        possible.high,
        area.wanted_per_day,
    )
    share = round(area.share, 4) if area.wanted_per_day else None
    return (area.area, area.places, *(round(n, 2) for n in numbers), share, list(area.remedies))


def _as_csv(capacity: Capacity) -> str:
    from becalm.render.spreadsheet import csv_text

    rows = []
    for area in capacity.areas:
        *head, gives = _row(area)
        rows.append([*head, "; or ".join(gives if isinstance(gives, list) else [])])
    return csv_text(FIELDS, rows)


def print_table(capacity: Capacity, notes: Sequence[str]) -> None:
    """Print the arithmetic for people, with what gives where it does not come out."""
    from rich.table import Table

    from becalm.console.screen import console, is_narrow

    screen = console()
    headings = (
        "area",
        "places",
        "unit-shifts",
        "open min",
        "burst + way",
        "possible",
        "wanted",
        "possible/wanted",
    )
    kept = [h for h in headings if not (is_narrow(screen) and h in ("open min", "burst + way"))]
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    for heading in kept:
        table.add_column(heading, justify="left" if heading == "area" else "right", no_wrap=True)
    for area in capacity.areas:
        cells = dict(zip(headings, _cells(area), strict=True))
        table.add_row(*(cells[h] for h in kept))
    possible, wanted = capacity.possible_per_day, capacity.wanted_per_day
    screen.print(
        f"Bursts a day: about {possible.value:,.0f} possible ({possible.low:,.0f} to {possible.high:,.0f}), "
        f"{wanted:,.0f} wanted.",
        highlight=False,
    )
    screen.print(table)
    for line in (*_verdicts(capacity), *notes):
        screen.print(line, highlight=False, markup=False)


def _cells(area: AreaCapacity) -> tuple[str, ...]:
    from rich.markup import escape

    possible = area.possible_per_day
    return (
        escape(area.area),
        str(area.places),
        f"{area.unit_shifts_per_day:.1f}",
        f"{area.open_minutes_per_day:,.0f}",
        f"{area.burst_minutes:.0f} + {area.hop_minutes:.0f}",
        f"{possible.value:.1f} ({possible.low:.1f} to {possible.high:.1f})",
        f"{area.wanted_per_day:.1f}",
        f"{area.share:.0%}" if area.wanted_per_day else "-",
    )


def _verdicts(capacity: Capacity) -> list[str]:
    if not capacity.short:
        return ["Every area can give what it owes."]
    return [
        f"{area.area} falls short. What would mend it: {'; or '.join(area.remedies)}."
        for area in capacity.short
    ]
