"""`becalm patrol capacity`: how many bursts are possible, how many are wanted, and what must be cut?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.patrol.core.request import CapacityRequest

if TYPE_CHECKING:
    from rich.table import Table

    from becalm.patrol.core.capacity import AreaCapacity, Capacity, PossibleBursts
    from becalm.patrol.desk.inputs import PatrolInputs

FIGURES = (
    *(
        "unit_shifts_per_day",
        "borrowed_per_day",
        "lent_per_day",
        "duty_minutes_per_day",
        "meal_minutes_per_day",
        "open_minutes_per_day",
    ),
    *("burst_minutes", "hop_minutes"),
)
NARROW_ONLY_WITHOUT = ("lent", "open min", "burst + way")  # headings that a narrow screen has no room for


def capacity(session: Session, request: CapacityRequest) -> None:
    """Show the arithmetic before planning: bursts possible, bursts wanted, and what must be cut."""
    from becalm.console.emit import View
    from becalm.patrol.desk.inputs import load_inputs

    inputs = load_inputs(session.open_desk(), request.inputs, arms=request.arms, is_fitted=False)
    session.emit(inputs, View(_data, lambda inputs: map(_csv_row, inputs.capacity.areas), capacity_lines))


def _data(inputs: PatrolInputs) -> dict[str, object]:
    capacity = inputs.capacity
    possible_bursts = capacity.possible_per_day
    return {
        "days": capacity.days,
        "possible_per_day": round(possible_bursts.value, 2),
        "possible_low": round(possible_bursts.low, 2),
        "possible_high": round(possible_bursts.high, 2),
        "wanted_per_day": round(capacity.wanted_per_day, 2),
        "areas": [_row(area) for area in capacity.areas],
        "uncovered": list(capacity.uncovered),
        "notes": list(inputs.notes),
    }


def _row(area: AreaCapacity) -> dict[str, object]:
    possible_bursts = area.possible_per_day
    return {
        "area": area.area,
        "places": area.places,
        **{figure: round(getattr(area, figure), 2) for figure in FIGURES},
        "possible_per_day": round(possible_bursts.value, 2),
        "possible_low": round(possible_bursts.low, 2),
        "possible_high": round(possible_bursts.high, 2),
        "wanted_per_day": round(area.wanted_per_day, 2),
        "share": round(area.share, 4) if area.wanted_per_day else None,
        "gives": list(area.remedies),
    }


def _csv_row(area: AreaCapacity) -> Mapping[str, object]:
    return {**_row(area), "gives": "; or ".join(area.remedies)}


def capacity_lines(inputs: PatrolInputs) -> Iterator[object]:
    """The arithmetic for people, with what must be cut where there are too few units."""
    from rich.text import Text

    bursts, wanted_per_day = inputs.capacity.possible_per_day, inputs.capacity.wanted_per_day
    yield Text(
        f"Bursts a day: about {bursts.value:,.0f} possible ({bursts.low:,.0f} to {bursts.high:,.0f}), "
        f"{wanted_per_day:,.0f} wanted."
    )
    yield _area_table(inputs.capacity)
    yield from map(Text, (*_verdicts(inputs.capacity), *inputs.notes))


def _area_table(capacity: Capacity) -> Table:
    from becalm.console.screen import Column, console, is_narrow, table

    table_columns: list[Column[AreaCapacity]] = [
        Column("area", lambda area: area.area, is_text=True),
        Column("places", lambda area: str(area.places)),
        Column("unit-shifts", lambda area: f"{area.unit_shifts_per_day:.1f}"),
        Column("lent", _lent_text),
        Column("open min", lambda area: f"{area.open_minutes_per_day:,.0f}"),
        Column("burst + way", lambda area: f"{area.burst_minutes:.0f} + {area.hop_minutes:.0f}"),
        Column("possible", lambda area: _range(area.possible_per_day)),
        Column("wanted", lambda area: f"{area.wanted_per_day:.1f}"),
        Column("possible/wanted", lambda area: f"{area.share:.0%}" if area.wanted_per_day else "-"),
    ]
    hidden_headings = NARROW_ONLY_WITHOUT if is_narrow(console()) else ()
    return table(
        [column for column in table_columns if column.heading not in hidden_headings], capacity.areas
    )


def _lent_text(area: AreaCapacity) -> str:
    """Tours a day that came from other areas, less those that went to them."""
    net_borrowed_per_day = area.borrowed_per_day - area.lent_per_day
    return f"{net_borrowed_per_day:+.1f}" if net_borrowed_per_day else "-"


def _range(bursts: PossibleBursts) -> str:
    return f"{bursts.value:.1f} ({bursts.low:.1f} to {bursts.high:.1f})"


def _verdicts(capacity: Capacity) -> list[str]:
    if not capacity.short:
        return ["Every area has enough units for what is wanted."]
    return [
        f"{area.area} falls short. What would help: {'; or '.join(area.remedies)}." for area in capacity.short
    ]
