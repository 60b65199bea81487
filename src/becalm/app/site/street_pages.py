"""The street: the page of an officer's phone, its pack of a shift, and the outbox that takes its records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response

from becalm.app.site import street_assets
from becalm.app.site.context import (
    NotAllowedError,
    OldFormError,
    SignInNeededError,
    Site,
    check_origin,
    require_page,
    site_of,
)
from becalm.app.store.sessions import Visitor
from becalm.desk import Desk
from becalm.divert.core.access import may as may_with_people
from becalm.divert.core.visits.request import OutcomeRequest
from becalm.divert.desk.visits.calls import open_crew_packs
from becalm.divert.desk.visits.outcomes import record_outcome
from becalm.divert.files.visits.pack_page import pack_document
from becalm.ledger import Entry
from becalm.patrol.desk.shift import ShiftBurst, list_shift_units, read_shift
from becalm.record.core.street_forms import FORMS, VISIT_KIND
from becalm.record.desk.street import OpenedRecord, OutboxAnswer, receive_records
from becalm.record.files.street_keys import StreetKeys
from becalm.terms import BecalmError, LedgerError

LARGEST_OUTBOX_BYTES: Final = 2 * 1024 * 1024
router = APIRouter(include_in_schema=False)


class StreetProblemError(Exception):
    """What a phone cannot have, in words for the one who holds it."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status, self.problem = status, problem


def require_phone(request: Request) -> Visitor:
    """Who holds the phone; a script is told in JSON where nobody may."""
    try:
        return require_page(request, "street")
    except SignInNeededError as error:
        raise StreetProblemError(401, "Nobody is signed in. Sign in again.") from error
    except NotAllowedError as error:
        roles = ", ".join(error.roles)
        raise StreetProblemError(403, f"These pages are for the role {roles}.") from error


def answer_problem(_request: Request, error: Any) -> Response:
    """A problem as a phone reads it."""
    return JSONResponse({"problem": error.problem}, status_code=error.status)


@router.get("/street")
def show_street(request: Request) -> Response:
    """The page of a phone. It holds nothing: what it shows it reads from the pack that the phone keeps."""
    require_page(request, "street")
    headers = {"Content-Security-Policy": street_assets.STREET_POLICY}
    return HTMLResponse(street_assets.shell_text(), headers=headers)


@router.get("/street/state")
def show_state(request: Request) -> Response:
    """Who is signed in, which units are near a shift, and to which key records are sealed."""
    visitor, site = require_phone(request), site_of(request)
    key = StreetKeys(site.desk.workspace.path).current(site.now())
    return JSONResponse(
        {
            "account": visitor.account,
            "role": visitor.role,
            "form_key": visitor.form_key,
            "day": site.desk.today.isoformat(),
            "now": site.now().isoformat(),
            "units": list_shift_units(site.desk),
            "key": {"number": key.number, "public": key.public_text},
        }
    )


@router.get("/street/pack")
def show_pack(request: Request, unit: str = "", day: str = "") -> Response:
    """What one unit may read during one shift; that it was taken is recorded first."""
    visitor, site = require_phone(request), site_of(request)
    if not unit:
        raise StreetProblemError(422, "Say which unit you are on.")
    try:
        wanted_day = date.fromisoformat(day) if day else site.desk.today
    except ValueError as error:
        raise StreetProblemError(422, f"{day[:20]} is no day.") from error
    try:
        return JSONResponse(build_pack(site, visitor, unit, wanted_day))
    except LedgerError as error:
        raise StreetProblemError(503, f"{error.message} No shift can start offline until then.") from error
    except BecalmError as error:
        raise StreetProblemError(409, error.message) from error


def build_pack(site: Site, visitor: Visitor, unit: str, day: date) -> dict[str, Any]:
    """The pack of a shift: bursts, forms, visits of the crew, and the key to which records are sealed."""
    desk = site.acting_desk(visitor)
    shift = read_shift(desk, unit, day)
    key = StreetKeys(desk.workspace.path).current(desk.now())
    return {
        "unit": unit,
        "account": visitor.account,
        "day": shift.tour.day.isoformat(),
        "now": desk.now().isoformat(),
        "ends_at": shift.tour.ends_at.isoformat(),
        "ends_text": shift.tour.ends_in_words[-5:],
        "zone": shift.zone,
        "bursts": [_burst_data(burst) for burst in shift.bursts],
        "visits": _visit_data(desk, visitor, unit),
        "forms": [_form_data(form) for form in FORMS if form.is_accepted(desk.today)],
        "key": {"number": key.number, "public": key.public_text},
    }


def _burst_data(burst: ShiftBurst) -> dict[str, str]:
    stop = burst.timed_stop.stop
    return {
        "starts_at": burst.timed_stop.starts_at.isoformat(),
        "ends_at": burst.timed_stop.ends_at.isoformat(),
        "start": stop.start,
        "end": stop.end,
        "name": stop.name,
        "hotspot": stop.hotspot,
        "why": stop.why,
        "task": stop.task,
        "call": stop.call,
        "map": burst.map,
    }


def _form_data(form: Any) -> dict[str, Any]:
    fields = [
        {"name": f.name, "label": f.label, "is_needed": f.is_needed, "choices": list(f.choices)}
        for f in form.fields
    ]
    return {"kind": form.kind, "version": form.version, "title": form.title, "fields": fields}


def _visit_data(desk: Desk, visitor: Visitor, unit: str) -> dict[str, Any]:
    """The packs of today's visits, for somebody who makes visits; each opening is in the ledger."""
    if not may_with_people(visitor.role, "visit"):
        return {"packs": [], "refused": []}
    try:
        crew_packs = open_crew_packs(desk, unit)
    except BecalmError as error:  # the shift starts without visits, and says so
        return {"packs": [], "refused": [{"person": "All visits", "why": error.message}]}
    packs = []
    for pack in crew_packs.packs:
        document = pack_document(pack)
        sections = [
            {
                "title": section.heading,
                "lines": list(map(str, section.paragraphs)),
                "rows": [list(map(str, row)) for table in section.tables for row in table.rows],
            }
            for section in document.sections
        ]
        until = pack.expires_at.astimezone(ZoneInfo(pack.zone))
        packs.append(
            {
                "person": pack.person,
                "notice": document.notice,
                "expires_at": pack.expires_at.isoformat(),
                "until": f"{until:%H:%M}",
                "sections": sections,
            }
        )
    refusals = [{"person": person, "why": why} for person, why in crew_packs.refusal_by_person.items()]
    return {"packs": packs, "refused": refusals}


@router.post("/street/outbox")
async def take_outbox(request: Request) -> Response:
    """Take what a phone sends: at most 50 sealed records, each once, each with its receipt."""
    visitor = await run_in_threadpool(require_phone, request)
    body = await read_outbox(request)
    return await run_in_threadpool(answer_outbox, request, visitor, body)


async def read_outbox(request: Request) -> object:
    """The body of an outbox. Only a script of this site can send JSON, so that no other page can."""
    try:
        check_origin(request)
    except OldFormError as error:
        raise StreetProblemError(403, "This was sent by another page. Nothing was taken.") from error
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise StreetProblemError(415, "Send the records as JSON.")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_OUTBOX_BYTES:
            raise StreetProblemError(413, "That is too much at once. Send at most 50 records.")
    try:
        return json.loads(bytes(content))
    except ValueError as error:
        raise StreetProblemError(422, "What was sent is not JSON.") from error


def answer_outbox(
    request: Request, visitor: Visitor, body: object, *, is_handed_in: bool = False
) -> Response:
    """The receipts of what was taken, and why the rest was kept aside."""
    try:
        answer = take_records(site_of(request).acting_desk(visitor), body, is_handed_in=is_handed_in)
    except LedgerError as error:
        raise StreetProblemError(503, error.message) from error
    except BecalmError as error:
        raise StreetProblemError(422, error.message) from error
    receipts, refusals = list(map(asdict, answer.receipts)), list(map(asdict, answer.refused))
    return JSONResponse({"receipts": receipts, "refused": refusals})


def take_records(desk: Desk, body: object, *, is_handed_in: bool = False) -> OutboxAnswer:
    """Take records of all kinds, those about visits too."""
    return receive_records(desk, body, {VISIT_KIND: take_visit}, is_handed_in=is_handed_in)


def take_visit(desk: Desk, opened_record: OpenedRecord) -> Sequence[Entry]:
    """Record what came of a visit, with the note of its receipt: both or neither."""
    facts = {name: str(value) for name, value in opened_record.facts.items()}
    values: dict[str, Any] = {
        "person": facts["person"],
        "crew": facts["unit"],
        "result": facts["result"],
        "response": facts.get("response", ""),
        "no_offer": facts.get("no_offer", ""),
        "at": opened_record.occurred_at.isoformat(),
    }
    return record_outcome(desk, OutcomeRequest(**values), receipt=opened_record.note)


def local_text(desk: Desk, moment: datetime) -> str:
    """A moment as people of the city read it."""
    return f"{moment.astimezone(ZoneInfo(desk.workspace.city.time_zone)):%H:%M}"
