"""What came of a call at a door, put right where it was wrong, and what is overdue and whose task it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from becalm.desk import Desk, make_event
from becalm.divert.core.visits import events, providers
from becalm.divert.core.visits import request as ask
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.desk.context import check_purpose, note_access, require_role
from becalm.divert.desk.visits.cases import OpenCase, open_case, protocol_in_force, read_moment, refuse
from becalm.divert.files.visits.read_providers import find_providers, read_providers
from becalm.ledger import WITHDRAWN, Entry, EventToAppend, Fact, Row
from becalm.terms import Fault, QuestionError


@dataclass(frozen=True, slots=True)
class DueTask:
    """Something that staff or a provider should have done; never that a person did not come."""

    person: str
    task: str
    number: str  # of the appointment or the referral
    day: str
    note: str


def record_outcome(
    desk: Desk, request: ask.OutcomeRequest, *, receipt: EventToAppend | None = None
) -> tuple[Entry, ...]:
    """Record what came of a call, and the offer that was made with it: together or not at all.

    With `correct` it takes the place of a former outcome of the same day and crew; the offer of that one is
    withdrawn. Raises CaseError where no pack was opened by this crew on that day, or an outcome is there
    already.
    """
    case = open_case(desk, request.person, "visit", purpose=request.purpose, may_be_closed=True)
    protocol = protocol_in_force(case.desk, request.protocol, is_signed=False)
    former_row = case.state_row("outcome", "seq", request.correct) if request.correct else None
    at = read_moment(case.desk, request.at or (str(former_row["occurred_at"]) if former_row else ""), "at")
    local = at.astimezone(case.zone)
    refuse(_outcome_faults(case, request, protocol, local))
    if request.correct:
        refuse(_correction_faults(case, request, former_row, local))
    visit = int(str(former_row["visit"])) if former_row else min(case.history.due_visit, 2)
    appointment = former_row["appointment"] if former_row else _agreed_number(case, local.date())
    daypart = protocol.daypart_at(local)
    facts: dict[str, Fact] = {
        "visit": visit,
        "day": local.date().isoformat(),
        "daypart": daypart.name if daypart else "",
        "crew": request.crew,
        **({"appointment": str(appointment)} if appointment else {}),
    }
    to_append = [_door_event(case, request, facts, at, former_row), *([receipt] if receipt else [])]
    if former_row is not None:
        to_append += _withdraw_offers(case, former_row)
    if request.result == "contact":
        to_append.append(_offer(case, request, visit, at))
    return case.append(*to_append)


def _agreed_number(case: OpenCase, day: date) -> Fact:
    rows = [r for r in case.state_rows("appointment") if r["state"] == "due" and r["day"] == day.isoformat()]
    return rows[-1]["appointment"] if rows else None


def _door_event(
    case: OpenCase, request: ask.OutcomeRequest, facts: dict[str, Fact], at: datetime, former_row: Row | None
) -> EventToAppend:
    details = {"note": request.note, "result": request.result}
    corrects = request.correct or None
    if request.result == "contact":
        response: dict[str, Fact] = {"response": request.response or "thinking"}
        return case.event(events.VISIT, {**facts, **response}, details, at, corrects)
    visit = int(str(facts["visit"]))
    attempt = former_row.get("attempt") if former_row else None
    result: dict[str, Fact] = {
        "attempt": attempt or len(case.history.attempts(visit)) + (former_row is None),
        "result": events.RESULTS[request.result],
    }
    return case.event(events.ATTEMPT, {**facts, **result}, details, at, corrects)


def _withdraw_offers(case: OpenCase, former_row: Row) -> Iterator[EventToAppend]:
    """Take back the offer that was recorded with an outcome that is corrected."""
    ledger = case.desk.open_ledger()
    offers = ledger.entries(kinds=(events.OFFER,), subject=case.person)
    withdrawn_seqs = {
        entry.event.corrects for entry in ledger.entries(kinds=(WITHDRAWN,), subject=case.person)
    }
    for entry in offers:
        is_same = entry.event.occurred_at == datetime.fromisoformat(str(former_row["occurred_at"]))
        if is_same and entry.seq not in withdrawn_seqs:
            facts = {"reason": "the outcome that it came with was corrected"}
            event = make_event(
                case.desk,
                WITHDRAWN,
                purpose="correction",
                facts=facts,
                subject=case.person,
                corrects=entry.seq,
            )
            yield EventToAppend(event)


def _offer(case: OpenCase, request: ask.OutcomeRequest, visit: int, at: datetime) -> EventToAppend:
    facts: dict[str, Fact] = {
        "visit": visit,
        "made": not request.no_offer,
        "response": request.no_offer or request.response,
    }
    return case.event(events.OFFER, facts, {"needs": list(request.need)}, at)


def _outcome_faults(
    case: OpenCase, request: ask.OutcomeRequest, protocol: VisitProtocol, local: datetime
) -> Iterator[Fault]:
    if local > case.local_now():
        yield Fault("at", f"{local:%Y-%m-%d %H:%M} is in the future", "record it when it has happened")
    if protocol.daypart_at(local) is None:
        yield Fault("at", f"{local:%H:%M} is outside the hours of visits", "give the time of the call")
    if request.result == "contact" and bool(request.response) == bool(request.no_offer):
        remedy = "say what they said (`response`), or why no offer was made (`no_offer`): one of both"
        yield Fault("response", "does not fit `no_offer`", remedy)
    if request.result != "contact" and (request.response or request.need or request.no_offer):
        yield Fault("response", "nobody was met", "leave out `response`, `need` and `no_offer`")
    for need in request.need:
        if need not in events.NEEDS:
            yield Fault("need", f"{need!r} is no need", f"one of {', '.join(events.NEEDS)}")
    pack = case.state_row("pack", "day", local.date().isoformat())
    if pack is not None and pack["outcome"] and not request.correct:
        problem = f"an outcome of {local.date()} is there already (entry {pack['outcome_seq']})"
        yield Fault("outcome", problem, f"put it right: `correct` {pack['outcome_seq']}")


def _correction_faults(
    case: OpenCase, request: ask.OutcomeRequest, former_row: Row | None, local: datetime
) -> Iterator[Fault]:
    if former_row is None:
        remedy = "name the entry that recorded it first"
        yield Fault("correct", f"entry {request.correct} is no outcome of {case.person}", remedy)
        return
    if former_row["day"] != local.date().isoformat() or former_row["crew"] != request.crew:
        problem = f"that call was made on {former_row['day']} by {former_row['crew']}"
        yield Fault("correct", problem, "keep the day and the crew; they are those of the pack")


def list_due(desk: Desk, request: ask.DueRequest) -> tuple[DueTask, ...]:
    """What staff and providers are late with: derived, never stored; nobody is listed for staying away."""
    desk = require_role(desk, "visit")
    check_purpose(request.purpose)
    tasks = sorted((*_late_outcomes(desk), *_late_help(desk)), key=lambda task: (task.day, task.person))
    for person in sorted({task.person for task in tasks}):
        note_access(desk, person, "a step that is overdue", purpose=request.purpose)
    return tuple(tasks)


def count_due(desk: Desk) -> Mapping[str, int]:
    """How many steps of each kind are late? Counts alone: no person is read, and none is named."""
    desk = require_role(desk, "funnel")
    return Counter(task.task for task in (*_late_outcomes(desk), *_late_help(desk)))


def _late_outcomes(desk: Desk) -> Iterator[DueTask]:
    ledger, day = desk.open_ledger(), desk.today.isoformat()
    for row in ledger.state_rows("appointment"):
        if row["state"] == "due" and str(row["day"]) < day:
            note = f"visit {row['visit']}, {row['daypart']}"
            yield DueTask(
                *(str(row["subject"]), "outcome of an appointment", str(row["appointment"])),
                *(str(row["day"]), note),
            )
    for row in ledger.state_rows("pack"):
        if row["crew"] and not row["outcome"] and str(row["day"]) < day:
            note = f"{row['crew']} opened the pack"
            yield DueTask(str(row["subject"]), "outcome of a call", "", str(row["day"]), note)


def _late_help(desk: Desk) -> Iterator[DueTask]:
    try:
        directory = read_providers(find_providers(desk.workspace.path, None))
    except QuestionError:
        directory = ()
    by_key = {provider.key: provider for provider in directory}
    for row in desk.open_ledger().state_rows("referral"):
        last_day = providers.deadline(row, by_key.get(str(row["provider"])))
        if last_day is not None and last_day < desk.today:
            task = providers.TASKS[str(row["state"])]
            yield DueTask(
                str(row["subject"]), task, str(row["referral"]), last_day.isoformat(), str(row["provider"])
            )
