"""A delivery return as rows of a table or a workbook, as lines on a screen, and as a page."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from math import isfinite
from typing import Any

from becalm.patrol.core.delivery_return import DeliveryReturn, ReturnRow
from becalm.render.pages import self_contained
from becalm.terms import Estimate

ESTIMATES = ("delivered_visits", "delivered_hours", "background_hours", "officer_hours")
RETURN_COLUMNS = tuple(
    column
    for field in fields(ReturnRow)
    for column in (
        (field.name, f"{field.name}_low", f"{field.name}_high") if field.name in ESTIMATES else (field.name,)
    )
)


def return_rows(answer: DeliveryReturn) -> Iterator[Mapping[str, object]]:
    """One row for each place and area in each month and quarter, estimates with both ends."""
    for row in answer.rows:
        cells: dict[str, object] = {}
        for name in (field.name for field in fields(row)):
            value = getattr(row, name)
            if isinstance(value, Estimate):
                number_by_suffix = {"": value.value, "_low": value.low, "_high": value.high}
                cells |= {
                    f"{name}{ending}": _round(end) if answer.has_visits else None
                    for ending, end in number_by_suffix.items()
                }
            else:
                cells[name] = round(value, 2) if isinstance(value, float) else value
        yield cells


def return_object(answer: DeliveryReturn) -> dict[str, Any]:
    """The return as other programs read it."""
    return {
        "sampled_share": answer.sampled_share,
        "rows": [_row_object(row, answer) for row in answer.rows],
        "notes": list(answer.notes),
    }


def _row_object(row: ReturnRow, answer: DeliveryReturn) -> dict[str, object]:
    cell_by_key = {key: _round(value) for key, value in asdict(row).items()}
    return cell_by_key | ({} if answer.has_visits else dict.fromkeys(ESTIMATES))


def _round(value: object) -> object:
    if isinstance(value, dict):
        return {key: _round(part) for key, part in value.items()}
    if isinstance(value, float):
        return round(value, 2) if isfinite(value) else None  # an interval without an end
    return value


def return_page(answer: DeliveryReturn, *, version: str) -> str:
    """The return as a page for a commander or a panel."""
    quarters = sorted({row.period for row in answer.rows if row.period_kind == "quarter"})
    return self_contained(
        "patrol_return.html",
        answer=answer,
        quarter_rows=answer.select("quarter", of_places=False),
        month_rows=answer.select("month", of_places=False),
        place_rows=answer.select("quarter", of_places=True),
        title=f"Delivery return, {quarters[0]}" + (f" to {quarters[-1]}" if len(quarters) > 1 else "")
        if quarters
        else "Delivery return",
        subtitle="Delivery return",
        version=version,
        colophon=f"Made by {version}. Patrol hours count a moment once; officer hours each officer.",
    )
