"""Visits step by step: a time agreed or moved, the check, the pack at the door, the outcome, the letter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from becalm.desk import Desk
from becalm.divert.core.access import check_access
from becalm.divert.core.visits import events
from becalm.divert.core.visits import request as ask
from becalm.divert.core.visits.history import CARD_DIGITS, call_faults
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.core.visits.schedule import Schedule
from becalm.divert.core.visits.wishes import VisitWishes
from becalm.divert.desk.context import programme_mode
from becalm.divert.desk.visits.cases import (
    OpenCase,
    draw_number,
    open_case,
    protocol_in_force,
    read_entry_details,
    read_moment,
    refuse,
)
from becalm.divert.desk.visits.wishes import case_wishes, load_wishes
from becalm.divert.files.visits.pack_page import VisitPack
from becalm.divert.files.visits.schedule_folder import read_assignments
from becalm.ledger import Entry, Fact, Row, format_instant
from becalm.terms import BecalmError, CaseError, Fault

CHECK_HOURS = 24
PACK_HOURS = 12  # at most: it ends with the crew's hours
LATEST_APPOINTMENT_DAYS = 60


def appoint(desk: Desk, request: ask.AppointRequest) -> Entry:
    """Agree a time for the visit that is due, or move one that was agreed; the chain is kept.

    Raises CaseError where the time is outside the hours, too near or too far, or the card is another's.
    """
    case = open_case(desk, request.person, "visit", purpose=request.purpose)
    protocol = protocol_in_force(case.desk, request.protocol)
    starts_at = read_moment(case.desk, request.at, "at")
    local_start = starts_at.astimezone(case.zone)
    refuse(_appointment_faults(case, protocol, request, local_start, case_wishes(case, protocol)))
    daypart = protocol.daypart_at(local_start)
    assert daypart is not None  # it was checked
    facts: dict[str, Fact] = {
        "appointment": draw_number(case.desk, "A"),
        "visit": case.history.due_visit,
        "starts_at": format_instant(starts_at),
        "day": local_start.date().isoformat(),
        "daypart": daypart.name,
        "asked_by": request.asked_by,
        "place": request.place,
        **({"moved_from": request.move} if request.move else {}),
    }
    details = {"where": request.where, "present": request.present, "why": request.why}
    return case.append(case.event(events.APPOINTMENT, facts, details))[0]


def _appointment_faults(
    case: OpenCase,
    protocol: VisitProtocol,
    request: ask.AppointRequest,
    local: datetime,
    wishes: VisitWishes,
) -> Iterator[Fault]:
    yield from call_faults(case.history, protocol, local, has_appointment=True, wishes=wishes)
    if (request.place == "neutral") != bool(wishes.place):
        problem = "the person asked not to be met at home" if wishes.place else "no neutral place is known"
        remedy = "give `place` neutral" if wishes.place else "say where first: visit wishes, with `place`"
        yield Fault("place", problem, remedy)
    yield from _date_faults(case, protocol, local)
    if request.card and not case.history.has_card(request.card):
        remedy = "ask for the number on the card again; tell the caller nothing about anybody"
        yield Fault("card", f"{request.card} was not left for this person", remedy)
    due_appointments = [row for row in case.state_rows("appointment") if row["state"] == "due"]
    if due_appointments and not request.move:
        numbers = ", ".join(str(row["appointment"]) for row in due_appointments)
        yield Fault("appointment", f"there is one already: {numbers}", f"move it: `move` {numbers}")
    if case.row.get("is_child") and not request.present:
        yield Fault("present", "is missing, and it is about a child", "name the parent, carer or advocate")
    if request.move and not request.why:
        yield Fault("why", "is missing", "say why the time is moved; it can be erased")


def _date_faults(case: OpenCase, protocol: VisitProtocol, local: datetime) -> Iterator[Fault]:
    days = (local.date() - case.local_now().date()).days
    if local <= case.local_now() or days > LATEST_APPOINTMENT_DAYS:
        remedy = f"give a time within {LATEST_APPOINTMENT_DAYS} days"
        yield Fault("at", f"{local:%Y-%m-%d %H:%M} is not ahead, or too far", remedy)
    contacts = case.history.contacts
    if case.history.due_visit == 2 and contacts:
        earliest, latest = (
            contacts[0].day + timedelta(days=number)
            for number in (protocol.second_after_days, protocol.second_until_days)
        )
        if not earliest <= local.date() <= latest:
            problem = f"the second visit does not come at its time after {contacts[0].day}"
            yield Fault("at", problem, f"from {earliest} to {latest}")


def check_visit(desk: Desk, request: ask.CheckRequest) -> Entry:
    """Record what the safe-visit check says; it holds for 24 hours.

    Raises CaseError where a no-go or conditions have no approver, or the day is not ahead.
    """
    case = open_case(desk, request.person, "visit", purpose=request.purpose)
    now = case.local_now()
    faults = []
    if request.result != "go" and not request.approver:
        faults.append(
            Fault("approver", "is missing", "a no-go or conditions need somebody who answers for it")
        )
    if request.approver and not _has_acted(case.desk, request.approver):
        remedy = "name somebody who works with the ledger, as they log in"
        faults.append(Fault("approver", f"{request.approver!r} has done nothing here", remedy))
    if request.result == "conditions" and not request.condition:
        faults.append(Fault("condition", "is missing", "say under which conditions the crew may go"))
    if not 0 <= (request.day - now.date()).days <= 1:
        remedy = "make the check within 24 hours before the visit"
        faults.append(Fault("day", f"{request.day} is not today or tomorrow", remedy))
    refuse(iter(faults))
    facts: dict[str, Fact] = {
        "day": request.day.isoformat(),
        "result": request.result,
        "approver": request.approver or case.desk.actor,
        "expires_at": format_instant(case.desk.now() + timedelta(hours=CHECK_HOURS)),
    }
    details = {"conditions": list(request.condition), "note": request.note}
    return case.append(case.event(events.CHECK, facts, details))[0]


def _has_acted(desk: Desk, name: str) -> bool:
    """Whether any entry is by this person: so no other word can come into the facts as an approver."""
    return next(iter(desk.open_ledger().entries(actor=name)), None) is not None


def open_pack(desk: Desk, request: ask.PackRequest) -> VisitPack:
    """What the assigned crew needs to know at the door, on the day; opened, logged, then shown.

    Raises CaseError where the check is missing, over or a no-go, the crew is another or not on duty for
    visits, the hour is not wished for, or the protocol says not now.
    """
    case = open_case(desk, request.person, "visit", purpose=request.purpose)
    protocol = protocol_in_force(case.desk, request.protocol)
    now = case.local_now()
    appointment = _appointment_of_day(case, now.date())
    schedule = _schedule_of(case, request.crew, now)
    check = _pack_row(case, now.date())
    refuse(_pack_faults(case, protocol, now, appointment, check))
    details = case.details()
    wishes = load_wishes(case.desk, case.person, case.history, details, protocol, purpose=case.purpose)
    refuse(call_faults(case.history, protocol, now, has_appointment=appointment is not None, wishes=wishes))
    visit = case.history.due_visit
    expires_at = min(
        schedule.hours_end(request.crew, now.date()), case.desk.now() + timedelta(hours=PACK_HOURS)
    )
    facts: dict[str, Fact] = {
        "day": now.date().isoformat(),
        "crew": request.crew,
        "visit": visit,
        "expires_at": format_instant(expires_at),
    }
    entry = case.append(case.event(events.PACK, facts))[0]
    assert check is not None
    return VisitPack(
        person=case.person,
        visit=visit,
        crew=request.crew,
        expires_at=expires_at,
        zone=case.zone.key,
        appointment=appointment,
        check=check,
        check_details=read_entry_details(case, int(str(check["seq"]))),
        appointment_details=read_entry_details(case, int(str(appointment["seq"]))) if appointment else {},
        details=details,
        wishes=wishes,
        card=entry.hash[:CARD_DIGITS],
        attempts_made=len(case.history.attempts(visit)),
        mode=programme_mode(case.desk),
    )


@dataclass(frozen=True, slots=True)
class CrewPacks:
    """The packs that a crew takes along today, and why others are not for it now."""

    packs: tuple[VisitPack, ...]
    refusal_by_person: Mapping[str, str]


def open_crew_packs(desk: Desk, crew: str, *, purpose: str = "visit") -> CrewPacks:
    """The packs of all visits that this crew is to make today; each is opened and logged.

    A visit that may not be made now is left out, with the reason. Nothing where there is no schedule.
    """
    check_access(desk.role, "visit")
    try:
        schedule = read_assignments(desk.workspace.path)
    except BecalmError:
        return CrewPacks((), {})
    today = desk.now().astimezone(ZoneInfo(desk.workspace.city.time_zone)).date()
    packs, refusal_by_person = [], {}
    for person in dict.fromkeys(v.person for v in schedule.visits if v.crew == crew and v.day == today):
        try:
            packs.append(open_pack(desk, ask.PackRequest(person=person, crew=crew, purpose=purpose)))
        except CaseError as error:
            refusal_by_person[person] = "; ".join(fault.what for fault in error.faults) or error.message
    return CrewPacks(tuple(packs), refusal_by_person)


def _appointment_of_day(case: OpenCase, day: date) -> Row | None:
    rows = [r for r in case.state_rows("appointment") if r["state"] == "due" and r["day"] == day.isoformat()]
    return rows[-1] if rows else None


def _pack_row(case: OpenCase, day: date) -> Row | None:
    return case.state_row("pack", "day", day.isoformat())


def _schedule_of(case: OpenCase, crew: str, now: datetime) -> Schedule:
    """The schedule in force, by which the crew must be on duty for visits and sent to this person."""
    schedule = read_assignments(case.desk.workspace.path)
    refuse(schedule.faults(case.person, crew, now))
    return schedule


def _pack_faults(
    case: OpenCase, protocol: VisitProtocol, now: datetime, appointment: Row | None, check: Row | None
) -> Iterator[Fault]:
    if check is None:
        yield Fault("check", f"nobody looked at whether a visit on {now.date()} is safe", "visit check first")
    elif check["result"] == "no_go":
        yield Fault("check", "the check says no-go", f"do not visit; {check['approver']} answers for it")
    elif str(check["expires_at"]) <= format_instant(case.desk.now()):
        yield Fault("check", f"it ended at {check['expires_at']}", "make it again before you go")
    yield from _agreed_faults(case, protocol, now, appointment)


def _agreed_faults(
    case: OpenCase, protocol: VisitProtocol, now: datetime, appointment: Row | None
) -> Iterator[Fault]:
    """Another day or hour than was agreed with the person; a child is called on by agreement alone."""
    if case.row.get("is_child") and appointment is None:
        remedy = "make one at which a parent, carer or advocate is present: becalm divert visit appoint"
        yield Fault("appointment", "nobody calls on a child without one", remedy)
    due = [row for row in case.state_rows("appointment") if row["state"] == "due"]
    for row in due:
        if appointment is None and str(row["day"]) > now.date().isoformat():
            yield Fault("day", f"the person agreed to {row['day']}, {row['daypart']}", "come then")
    if appointment is not None:
        daypart = protocol.daypart_at(now)
        if daypart is None or daypart.name != appointment["daypart"]:
            yield Fault("hours", f"the person agreed to {appointment['daypart']}", "come then")


def leave_letter(desk: Desk, request: ask.LetterRequest) -> Entry:
    """Leave the letter that follows the last attempt; then nobody calls for a while.

    Raises CaseError where attempts are left.
    """
    case = open_case(desk, request.person, "visit", purpose=request.purpose)
    protocol = protocol_in_force(case.desk, request.protocol)
    visit = case.history.due_visit
    attempt_count = len(case.history.attempts(visit))
    if visit > 2 or attempt_count < protocol.attempts:
        problem = (
            "both visits were made"
            if visit > 2
            else f"{attempt_count} of {protocol.attempts} attempts were made"
        )
        raise CaseError("No letter is due", (Fault("letter", problem, "it follows the last attempt"),))
    rest_until = case.local_now().date() + timedelta(days=protocol.rest_days)
    facts: dict[str, Fact] = {"visit": visit, "rest_until": rest_until.isoformat()}
    return case.append(case.event(events.LETTER, facts))[0]
