"""`becalm staff load` and `back`: officers, roster and absences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.staff.core.request import BackRequest, LoadRequest, NeedRequest

if TYPE_CHECKING:
    from becalm.staff.core.released import Released
    from becalm.staff.desk.need import NeedAnswer
    from becalm.staff.desk.people import LoadedStaff


def load(session: Session, request: LoadRequest) -> None:
    """Take in officers, the published roster and absences; why somebody is away is kept apart."""
    from becalm.console.emit import View
    from becalm.staff.desk.people import load_staff

    view = View(asdict, rows=lambda answer: [asdict(answer)], lines=_lines)
    session.emit(load_staff(session.open_desk(), request), view)


def _lines(staff: LoadedStaff) -> Iterable[str]:
    yield f"Took in {staff.officers} officers in {staff.command_units} command units, by {staff.rules!r}"
    yield f"  roster     from {staff.first_day} to {staff.last_day}"
    yield f"  skills     {staff.expiring_skills} expire by {staff.last_day} and count for nothing after"
    yield f"  absences   {staff.absences:,}, of which {staff.new_absences:,} were not known yet"


def back(session: Session, request: BackRequest) -> None:
    """Record that an officer is back earlier than was recorded."""
    from becalm.console.emit import RECEIPT
    from becalm.staff.desk.people import read_inputs, record_return

    desk = session.open_desk()
    session.emit(record_return(desk, request, read_inputs(desk, None).officers), RECEIPT)


def need(session: Session, request: NeedRequest) -> None:
    """Say how many officers each tour wants and why; or which hours were freed."""
    from becalm.console.emit import View
    from becalm.staff.desk.need import measure_freed_hours, state_need

    if request.released:
        freed_view = View(_released_data, _released_rows, _released_lines)
        session.emit(measure_freed_hours(request), freed_view)
        return
    view = View(_need_data, _need_rows, _need_lines)
    session.emit(state_need(session.open_desk(), request), view)


def _need_rows(answer: NeedAnswer) -> list[dict[str, object]]:
    return [{**asdict(tour), "day": str(tour.day)} for tour in answer.needs]


def _need_data(answer: NeedAnswer) -> dict[str, object]:
    return {"needs": _need_rows(answer), "notes": list(answer.notes)}


def _need_lines(answer: NeedAnswer) -> Iterable[object]:
    from becalm.console.screen import string_table

    columns = ("command_unit", "day", "tour", "officers", "reason")
    rows = [tuple(str(row[name]) for name in columns) for row in _need_rows(answer)]
    yield string_table(columns, rows, left=("command_unit", "day", "tour", "reason"))
    yield from answer.notes


def _released_rows(released: tuple[Released, ...]) -> list[dict[str, object]]:
    return [
        {
            "demand": row.demand,
            "baseline_weeks": row.baseline_weeks,
            "weeks": row.weeks,
            "baseline_hours": round(row.baseline_hours, 1),
            "hours": round(row.hours, 1),
            "freed_hours": round(row.released.value, 1),
            "low": round(row.released.low, 1),
            "high": round(row.released.high, 1),
            "is_new_capacity": row.is_sure,
        }
        for row in released
    ]


def _released_data(released: tuple[Released, ...]) -> dict[str, object]:
    estimate = released[-1].released
    return {"level": estimate.level, "method": estimate.method, "weekly": _released_rows(released)}


def _released_lines(released: tuple[Released, ...]) -> Iterable[object]:
    from becalm.console.screen import string_table

    level, total = f"{released[-1].released.level:.0%}", released[-1]
    columns = ("demand", "baseline_hours", "hours", "freed_hours", "low", "high")
    rows = [tuple(str(row[name]) for name in columns) for row in _released_rows(released)]
    yield f"Hours a week, with {level} intervals ({total.released.method})"
    yield string_table(columns, rows, left=("demand",))
    if total.is_sure:
        yield f"New capacity: {total.released.value:,.0f} hours a week; count on {total.released.low:,.0f}."
    else:
        yield "No new capacity is sure: the interval of all demands holds 0."
