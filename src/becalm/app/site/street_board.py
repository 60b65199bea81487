"""The sergeant's side of the street: the next hour of an area, records to look at, and what is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from becalm.app import rights
from becalm.app.site.context import (
    LARGEST_FORM_BYTES,
    NotAllowedError,
    SentForm,
    check_form,
    first,
    require_page,
    site_of,
)
from becalm.app.site.frame import render
from becalm.app.site.street_pages import local_text, take_records
from becalm.app.store.sessions import Visitor
from becalm.desk import Desk
from becalm.patrol.core.request import BoardRequest, ReplanRequest
from becalm.patrol.desk.board import list_areas, show_board
from becalm.patrol.desk.replan import replan_patrol
from becalm.patrol.desk.shift import has_burst, list_plan_folders
from becalm.patrol.files.board_page import Board
from becalm.record.desk.street import list_aside
from becalm.record.desk.street_review import (
    CheckIn,
    StreetEntry,
    find_pairs,
    last_check_ins,
    list_street_entries,
)
from becalm.record.files.street_rows import read_hand_in
from becalm.terms import BecalmError, FileName, PlanError

LATE_AFTER: Final = timedelta(minutes=5)
CHECK_INS_SINCE: Final = timedelta(hours=4)
REVIEWED: Final = timedelta(days=2)
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class BoardLine:
    """One burst of the next hour, with where its unit is."""

    unit: str
    hours: str
    place: str
    hotspot: str
    task: str
    whereabouts: str
    is_late: bool


@router.get("/street/board")
def show_sergeant_board(request: Request, area: str = "") -> Response:
    """The next hour of one area: who goes where, who is where, who is late. Never the rest of the plan."""
    visitor = require_page(request, "board")
    return _board_page(request, visitor, area)


def _board_page(
    request: Request,
    visitor: Visitor,
    area: str,
    *,
    problem: str = "",
    done_text: str = "",
    status: int = 200,
) -> Response:
    site = site_of(request)
    desk = site.acting_desk(visitor)
    areas: tuple[str, ...] = ()
    values: dict[str, Any] = {"lines": [], "board": None}
    folders = list_plan_folders(desk)
    try:
        if not folders:
            raise PlanError("No plan stands in this workspace.")
        areas = list_areas(folders[0])
        area = area or areas[0]
        board = show_board(desk, BoardRequest(plan=FileName(str(folders[0])), area=area))
        values |= {"board": board, "lines": list(_lines(desk, board)), "resting": _resting(desk, board)}
        values["places"] = sorted(
            {(line.hotspot, line.place) for line in values["lines"]}, key=lambda p: p[1]
        )
        values["units"] = sorted({line.unit for line in values["lines"]} | set(board.resting))
    except BecalmError as error:
        problem = problem or str(error)
    values |= {"area": area, "areas": areas, "problem": problem, "done": done_text}
    return render(request, "site_board.html", "Board", status=status, **values)


def _resting(desk: Desk, board: Board) -> list[tuple[str, str]]:
    """The units on duty without a burst in this hour, with where each is."""
    check_ins = last_check_ins(desk, since=board.at - CHECK_INS_SINCE)
    names = _place_names(board)
    return [(unit, _whereabouts(desk, check_ins.get(unit), names)) for unit in board.resting]


def _place_names(board: Board) -> dict[str, str]:
    return {place.hotspot: place.name or place.hotspot for place in board.plan.inputs.places}


def _lines(desk: Desk, board: Board) -> Iterator[BoardLine]:
    check_ins = last_check_ins(desk, since=board.at - CHECK_INS_SINCE)
    start_by_stop = {
        (burst.unit, burst.hotspot): burst.span.start
        for burst in reversed(board.plan.bursts)
        if burst.span.end > board.at and burst.span.start < board.until
    }
    name_by_hotspot = _place_names(board)
    for row in board.rows:
        starts_at = start_by_stop[row.unit, row.stop.hotspot]
        check_in = check_ins.get(row.unit)
        yield BoardLine(
            unit=row.unit,
            hours=f"{row.stop.start} to {row.stop.end}",
            place=row.stop.name,
            hotspot=row.stop.hotspot,
            task=row.stop.task,
            whereabouts=_whereabouts(desk, check_in, name_by_hotspot),
            is_late=is_late(starts_at, board.at, row.stop.hotspot, check_in),
        )


def is_late(starts_at: datetime, at: datetime, hotspot: str, check_in: CheckIn | None) -> bool:
    """Is a unit late at this moment for a burst: five minutes after its start, not checked in there?"""
    is_there = check_in is not None and check_in.is_there and check_in.hotspot == hotspot
    return at >= starts_at + LATE_AFTER and not is_there


def _whereabouts(desk: Desk, check_in: CheckIn | None, name_by_hotspot: dict[str, str]) -> str:
    if check_in is None:
        return "no check-in yet"
    place = name_by_hotspot.get(check_in.hotspot, check_in.hotspot or "an unnamed place")
    return f"{'at' if check_in.is_there else 'left'} {place} since {local_text(desk, check_in.at)}"


@router.post("/street/board/replan")
def replan_from_board(request: Request, fields: SentForm) -> Response:
    """Draw the rest of a unit's tour again, or send its area to an urgent place."""
    site, visitor = site_of(request), check_form(request, fields)
    if not rights.may_see(visitor.role, "board"):
        raise NotAllowedError(rights.roles_for("board"))
    desk, area = site.acting_desk(visitor), first(fields, "area")
    try:
        folders = list_plan_folders(desk)
        if not folders:
            raise PlanError("No plan stands in this workspace.")
        replan = replan_patrol(
            desk,
            ReplanRequest(
                plan=FileName(str(folders[0])),
                reason=first(fields, "reason"),
                unit=first(fields, "unit"),
                urgent=first(fields, "urgent"),
                off_duty=first(fields, "off_duty") == "yes",
                second=first(fields, "second"),
            ),
        )
    except BecalmError as error:
        return _board_page(request, visitor, area, problem=str(error), status=422)
    done_text = (
        f"Re-plan {replan.index} of {', '.join(replan.units)} stands. Tell them to take the pack again."
    )
    return _board_page(request, visitor, area, done_text=done_text)


@router.get("/street/aside")
def show_aside(request: Request) -> Response:
    """Records that were kept aside, pairs of entries, bursts that the plan has no longer."""
    visitor = require_page(request, "board")
    desk = site_of(request).acting_desk(visitor)
    entries = list_street_entries(desk, since=desk.now() - REVIEWED)
    return render(
        request,
        "site_aside.html",
        "Records to look at",
        aside=[{**record, "at_text": _moment_text(desk, record["at"])} for record in list_aside(desk)],
        pairs=list(find_pairs(entries)),
        unplanned=list(_unplanned(desk, entries)),
        clock=lambda at: f"{at:%-d %B} {local_text(desk, at)}",
    )


def _moment_text(desk: Desk, text: str) -> str:
    at = datetime.fromisoformat(text)
    return f"{at:%-d %B} {local_text(desk, at)}"


def _unplanned(desk: Desk, entries: tuple[StreetEntry, ...]) -> Iterator[StreetEntry]:
    for entry in entries:
        hotspot = str(entry.facts.get("hotspot", ""))
        if entry.kind == "burst_done" and hotspot and not has_burst(desk, entry.unit, hotspot, entry.at):
            yield entry


@router.get("/street/hand-in")
def show_hand_in(request: Request) -> Response:
    """Where the file or the codes of a phone that cannot send are taken in."""
    require_page(request, "street")
    return render(request, "site_hand_in.html", "Hand in records", answer=None, problem="")


@router.post("/street/hand-in")
async def take_hand_in(request: Request) -> Response:
    """Take in a sealed file, or rows of codes as a scanner types them."""
    form = await request.form(max_files=1, max_fields=5, max_part_size=4 * LARGEST_FORM_BYTES)
    file = form.get("file")
    content = b"" if file is None or isinstance(file, str) else await file.read(4 * LARGEST_FORM_BYTES)
    fields = {name: [value] for name, value in form.items() if isinstance(value, str)}
    return await run_in_threadpool(_take_in, request, fields, content.decode("utf-8", "replace"))


def _take_in(request: Request, fields: dict[str, list[str]], file_text: str) -> Response:
    visitor = check_form(request, fields)
    if not rights.may_see(visitor.role, "street"):
        raise NotAllowedError(rights.roles_for("street"))
    desk = site_of(request).acting_desk(visitor)
    try:
        answers = [
            take_records(desk, body, is_handed_in=True)
            for body in read_hand_in(file_text or first(fields, "rows"))
        ]
    except BecalmError as error:
        return render(
            request, "site_hand_in.html", "Hand in records", answer=None, problem=str(error), status=422
        )
    receipts = [receipt for answer in answers for receipt in answer.receipts]
    refusals = [record for answer in answers for record in answer.refused]
    answer = {"receipts": receipts, "refused": refusals}
    return render(request, "site_hand_in.html", "Hand in records", answer=answer, problem="")
