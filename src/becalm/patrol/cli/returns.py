"""`becalm patrol return` and `becalm patrol burden`: what was delivered, and on whom patrol weighs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from becalm import __version__
from becalm.console.command import Session
from becalm.patrol.core.request import BurdenRequest, ReturnRequest

if TYPE_CHECKING:
    from becalm.patrol.core.burden import Burden, GroupBurden
    from becalm.patrol.core.delivery_return import DeliveryReturn, ReturnRow
    from becalm.terms import Estimate

PROGRAM = f"becalm {__version__}"


def return_(session: Session, request: ReturnRequest) -> None:
    """Add up what was planned and delivered, by place and area, month and quarter. --out R.html is a page."""
    from becalm.console.emit import View
    from becalm.patrol.desk.delivery_return import make_return
    from becalm.patrol.files import return_page

    view: View[DeliveryReturn] = View(
        return_page.return_object,
        return_page.return_rows,
        _return_lines,
        columns=return_page.RETURN_COLUMNS,
        files={".html": lambda answer: return_page.return_page(answer, version=PROGRAM)},
    )
    session.emit(make_return(session.open_desk(), request), view)


def burden(session: Session, request: BurdenRequest) -> None:
    """Compare patrol hours, stops, arrests and complaints with residents and with victims who reported."""
    from becalm.console.emit import View
    from becalm.patrol.desk.burden import report_burden
    from becalm.patrol.files import burden_page

    view: View[Burden] = View(
        burden_page.burden_object,
        burden_page.burden_rows,
        _burden_lines,
        columns=burden_page.BURDEN_COLUMNS,
        files={".html": lambda answer: burden_page.burden_page(answer, version=PROGRAM)},
    )
    session.emit(report_burden(session.open_desk(), request), view)


def _return_lines(answer: DeliveryReturn) -> Iterator[object]:
    from becalm.console.screen import Column, table

    columns: list[Column[ReturnRow]] = [
        Column("area", lambda row: row.area, is_text=True),
        Column("quarter", lambda row: row.period, is_text=True),
        Column("planned h", lambda row: f"{row.planned_hours:,.1f}"),
        Column("delivered h", lambda row: _hours(row.delivered_hours, answer)),
        Column("background h", lambda row: _hours(row.background_hours, answer)),
        Column("officer h", lambda row: _hours(row.officer_hours, answer)),
        Column("arrests", lambda row: str(row.arrests)),
        Column("stops", lambda row: str(row.stops)),
        Column("seizures", lambda row: str(row.seizures)),
    ]
    yield table(columns, answer.select("quarter", of_places=False))
    yield from answer.notes
    yield "Months and places: --format csv, or --out RETURN.xlsx."


def _hours(hours: Estimate, answer: DeliveryReturn) -> str:
    if not answer.has_visits:
        return "-"
    high_text = f"{hours.high:,.1f}" if hours.high < float("inf") else "no limit"
    ends_text = f" ({hours.low:,.1f} to {high_text})" if hours.low != hours.high else ""
    return f"{hours.value:,.1f}{ends_text}"


def _burden_lines(answer: Burden) -> Iterator[object]:
    from becalm.console.screen import Column, table

    columns: list[Column[GroupBurden]] = [
        Column("trait", lambda row: row.trait, is_text=True),
        Column("group", lambda row: row.group, is_text=True),
        Column("measure", lambda row: row.measure, is_text=True),
        Column("against", lambda row: row.against, is_text=True),
        Column("count", lambda row: f"{row.count:,}"),
        Column("per 1,000", lambda row: f"{row.rate.value:.2f} ({row.rate.low:.2f} to {row.rate.high:.2f})"),
        Column("ratio", lambda row: f"{row.ratio.value:.2f} ({row.ratio.low:.2f} to {row.ratio.high:.2f})"),
    ]
    yield table(columns, answer.groups)
    yield "Each ratio compares a group with all others. Areas: --format csv, or --out BURDEN.html."
    yield from answer.notes
