"""The queue of a role, asked for with a purpose; that each person was seen is recorded before."""

from __future__ import annotations

from dataclasses import dataclass

from becalm.desk import Desk, make_event
from becalm.divert.core.queue import WaitingCase, find_waiting_cases
from becalm.divert.core.request import QueueRequest
from becalm.divert.desk.context import check_purpose, programme_mode, require_role
from becalm.ledger import EventToAppend


@dataclass(frozen=True, slots=True)
class CaseQueue:
    """The cases that wait for a role."""

    role: str
    mode: str
    cases: tuple[WaitingCase, ...]


def list_queue(desk: Desk, request: QueueRequest) -> CaseQueue:
    """Which cases wait for a step of the role at the desk? Every person on it is noted as seen first."""
    desk = require_role(desk, "explain")
    check_purpose(request.purpose)
    ledger = desk.open_ledger()
    cases = find_waiting_cases(ledger.state_rows("case"), desk.role, today=desk.today)
    events = [
        make_event(
            desk, "record_accessed", purpose=request.purpose, facts={"what": "queue"}, subject=case.person
        )
        for case in cases
    ]
    if events:
        ledger.append([EventToAppend(event) for event in events])
    return CaseQueue(desk.role, programme_mode(desk), cases)
