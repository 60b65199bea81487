"""How somebody wants to be visited: recorded in their own words, kept by the scheduler, shown to the crew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from becalm.desk import Desk, read_payload
from becalm.divert.core.visits import events
from becalm.divert.core.visits import request as ask
from becalm.divert.core.visits.history import VisitHistory
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.core.visits.wishes import VisitWishes, read_wishes, wish_faults
from becalm.divert.desk.visits.cases import OpenCase, open_case, protocol_in_force, refuse
from becalm.ledger import Entry
from becalm.terms import Fault


@dataclass(frozen=True, slots=True)
class WishesAnswer:
    """The wishes in force, the entry that recorded them now, and agreed times that do not fit them."""

    person: str
    wishes: VisitWishes
    entry: Entry | None
    clashing_appointments: tuple[str, ...]


def change_wishes(desk: Desk, request: ask.WishesRequest) -> WishesAnswer:
    """Record how somebody wants to be visited, all of it; without a wish, only read what is in force.

    Raises CaseError where a time cannot be read, or a place does not say where it is.
    """
    case = open_case(desk, request.person, "visit", purpose=request.purpose)
    protocol = protocol_in_force(case.desk, request.protocol, is_signed=False)
    details: dict[str, object] = {
        "unavailable": list(request.unavailable),
        "interpreter": request.interpreter,
        "easy_read": "yes" if request.easy_read else "",
        "present": request.present,
        "place": request.place,
        "place_at": request.place_at,
    }
    is_change = any(details.values()) or request.clear
    refuse(_faults(request, protocol, is_filled=any(details.values())))
    entry = None
    if is_change:
        (entry,) = case.append(case.event(events.WISHES, {"asked_by": request.asked_by}, details))
        case = open_case(desk, request.person, "visit", purpose=request.purpose)
    wishes = case_wishes(case, protocol)
    return WishesAnswer(case.person, wishes, entry, tuple(_clashes(case, wishes)))


def _faults(request: ask.WishesRequest, protocol: VisitProtocol, *, is_filled: bool) -> Iterator[Fault]:
    if request.clear and is_filled:
        yield Fault("clear", "does not fit the other wishes", "give it alone: nothing is wished any more")
    yield from wish_faults(request.unavailable, request.place, request.place_at, protocol)


def _clashes(case: OpenCase, wishes: VisitWishes) -> Iterator[str]:
    for row in case.state_rows("appointment"):
        starts_at = datetime.fromisoformat(str(row["starts_at"])).astimezone(case.zone)
        if row["state"] == "due" and not wishes.is_free(starts_at):
            yield str(row["appointment"])


def case_wishes(case: OpenCase, protocol: VisitProtocol) -> VisitWishes:
    """The wishes of the person of a case; that they were read is recorded first."""
    return load_wishes(case.desk, case.person, case.history, case.details(), protocol, purpose=case.purpose)


def load_wishes(
    desk: Desk,
    person: str,
    history: VisitHistory,
    person_details: Mapping[str, str],
    protocol: VisitProtocol,
    *,
    purpose: str,
) -> VisitWishes:
    """The wishes in force, from the entry that holds them and the person's own details."""
    payload = None
    if history.wishes_seq and _has_details(desk, history.wishes_seq):
        payload = read_payload(desk, history.wishes_seq, subject=person, purpose=purpose)
    return read_wishes(json.loads(payload) if payload else {}, person_details, protocol)


def _has_details(desk: Desk, seq: int) -> bool:
    """An entry that took all wishes back has none."""
    return bool(next(desk.open_ledger().entries(after=seq - 1, until=seq)).commitment)


def local_time(instant: str, zone: str) -> datetime:
    """An instant of the ledger in the city's time."""
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(zone))
