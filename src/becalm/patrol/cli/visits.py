"""`becalm patrol delivered`: what was delivered of a plan, and which patrol was outside it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.patrol.core.request import DeliveredRequest

if TYPE_CHECKING:
    from becalm.patrol.core.delivery import Delivery, PlaceDelivery
    from becalm.patrol.desk.visits import DeliveryReport

PLACE_COLUMNS = (
    *("hotspot", "planned_visits", "planned_minutes", "delivered_visits", "patrol_minutes"),
    *("delivered_share", "missed_visits", "background_visits", "background_minutes", "officer_minutes"),
    *("check_in_visits", "check_in_minutes", "check_in_only_visits"),
)
MOST_PLACES = 20


def delivered(session: Session, request: DeliveredRequest) -> None:
    """Compare a plan with what was delivered: patrol-minutes, officer-minutes, patrol outside the plan."""
    from becalm.console.emit import View
    from becalm.patrol.desk.visits import report_delivery

    view: View[DeliveryReport] = View(
        _delivery_data, lambda report: map(_place_row, report.delivery.places), _delivery_lines
    )
    session.emit(report_delivery(session.open_desk(), request), view)


def _place_row(place: PlaceDelivery) -> dict[str, object]:
    return {column: _round(getattr(place, column)) for column in PLACE_COLUMNS}


def _round(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value


def _delivery_data(report: DeliveryReport) -> dict[str, object]:
    delivery = report.delivery
    return {
        "from": delivery.span.start.isoformat().replace("+00:00", "Z"),
        "until": delivery.span.end.isoformat().replace("+00:00", "Z"),
        "totals": {column: _round(total) for column, total in _totals(delivery).items()},
        "hotspots": [_place_row(place) for place in delivery.places],
        "notes": list(delivery.notes),
    }


def _totals(delivery: Delivery) -> dict[str, float | None]:
    sum_by_column = {
        column: sum(getattr(place, column) for place in delivery.places)
        for column in PLACE_COLUMNS[1:]
        if column != "delivered_share"
    }
    planned_minutes = sum_by_column["planned_minutes"]
    delivered_share = sum_by_column["patrol_minutes"] / planned_minutes if planned_minutes else None
    return {
        column: delivered_share if column == "delivered_share" else sum_by_column[column]
        for column in PLACE_COLUMNS[1:]
    }


def _delivery_lines(report: DeliveryReport) -> Iterator[object]:
    from rich.text import Text

    from becalm.console.screen import Column, table

    delivery = report.delivery
    total_by_column = {column: _round(total) for column, total in _totals(delivery).items()}
    yield Text(_headline(total_by_column) if report.has_traces else _check_in_headline(total_by_column))
    table_columns: list[Column[PlaceDelivery]] = [
        Column("hotspot", lambda p: p.name or p.hotspot, is_text=True),
        Column("planned", lambda p: f"{p.planned_visits} ({p.planned_minutes:,.0f} min)"),
        Column("delivered", lambda p: f"{p.delivered_visits} ({p.patrol_minutes:,.0f} min)"),
        Column("share", lambda p: "-" if p.delivered_share is None else f"{p.delivered_share:.0%}"),
        Column("background", lambda p: f"{p.background_visits} ({p.background_minutes:,.0f} min)"),
        Column("officer-min", lambda p: f"{p.officer_minutes:,.0f}"),
        Column("check-ins (alone)", lambda p: f"{p.check_in_visits} ({p.check_in_only_visits})"),
    ]
    worst_served = sorted(
        delivery.places, key=lambda p: (p.delivered_share is None, p.delivered_share or 0.0, p.hotspot)
    )
    yield table(table_columns, worst_served[:MOST_PLACES])
    if len(worst_served) > MOST_PLACES:
        yield f"The {MOST_PLACES} with least of their plan; all {len(worst_served)}: --format csv"
    yield from map(Text, delivery.notes)


def _headline(totals: Mapping[str, object]) -> str:
    delivered_share = totals["delivered_share"]
    share_text = (
        "nothing was planned" if delivered_share is None else f"{delivered_share:.0%} of the planned minutes"
    )
    return (
        f"Delivered: {totals['delivered_visits']:,} of {totals['planned_visits']:,} planned visits, "
        f"{share_text}; {totals['background_minutes']:,.0f} patrol-minutes outside the plan, "
        f"{totals['officer_minutes']:,.0f} officer-minutes in all."
    )


def _check_in_headline(totals: Mapping[str, object]) -> str:
    """Without traces nothing is known about delivery: a zero would look like a failure."""
    return (
        f"Checked in: {totals['check_in_visits']:,} visits of {totals['check_in_minutes']:,.0f} minutes, "
        f"where {totals['planned_visits']:,} of {totals['planned_minutes']:,.0f} were planned. "
        "Without --traces nothing is known about delivery: the columns below count none."
    )
