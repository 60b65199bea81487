"""`becalm staff load` and `back`: officers, roster and absences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.staff.core.request import BackRequest, LoadRequest

if TYPE_CHECKING:
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
    yield f"  absences   {staff.absences:,}, of which {staff.new_absences:,} were not known yet"


def back(session: Session, request: BackRequest) -> None:
    """Record that an officer is back earlier than was recorded."""
    from becalm.console.emit import RECEIPT
    from becalm.staff.desk.people import read_inputs, record_return

    desk = session.open_desk()
    session.emit(record_return(desk, request, read_inputs(desk, None).officers), RECEIPT)
