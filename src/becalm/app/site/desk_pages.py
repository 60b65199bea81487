"""The style sheet, the briefing, tasks, and whether the site is well."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from becalm.app import rights
from becalm.app.site.context import (
    NotThereError,
    SentForm,
    check_form,
    require_visitor,
    site_of,
)
from becalm.app.site.frame import frozen_response, render, style_name, style_text
from becalm.app.store import tasks
from becalm.app.store.sessions import Visitor
from becalm.terms import BecalmError

WAIT_S, WAIT_STEP_S = 20.0, 0.25
BRIEFING: Final = "briefing"
BRIEFING_FILES: Final = {
    "index.html": "text/html; charset=utf-8",
    "annex.html": "text/html; charset=utf-8",
    "public/index.html": "text/html; charset=utf-8",
    "comparison.csv": "text/csv; charset=utf-8",
    "hotspots.geojson": "application/geo+json",
    "briefing.docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "briefing.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "run.json": "application/json",
}
router = APIRouter(include_in_schema=False)


@router.get("/assets/{name}")
def show_style(request: Request, name: str) -> Response:
    """The style sheet; its name changes with it, so a browser may keep it for good."""
    idle_minutes = site_of(request).desk.workspace.config.web.idle_minutes
    if name != style_name(idle_minutes):
        raise NotThereError
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(style_text(idle_minutes), media_type="text/css; charset=utf-8", headers=headers)


@router.get("/healthz")
def show_health(request: Request) -> Response:
    """Is the site well? Says nothing but that."""
    site = site_of(request)
    try:
        tasks.find_task(site.store, "")
    except BecalmError:
        return JSONResponse({"status": "the app's store cannot be read"}, status_code=503)
    return JSONResponse({"status": "ok"})


def may_read_briefing(visitor: Visitor) -> bool:
    """The briefing joins measure, find and patrol, so that it is for those who may see all three."""
    return all(rights.may_see(visitor.role, job) for job in ("measure", "find", "patrol"))


@router.get("/briefing/{name:path}")
def show_briefing(request: Request, name: str) -> Response:
    """A file of the newest briefing, as it was written."""
    visitor, site = require_visitor(request), site_of(request)
    is_public = name.startswith("public/") and rights.may_see(visitor.role, "oversight")
    if visitor.must_change or name not in BRIEFING_FILES or not (is_public or may_read_briefing(visitor)):
        raise NotThereError
    path: Path = site.desk.workspace.path / BRIEFING / name
    if not path.is_file():
        raise NotThereError
    return frozen_response(path.read_bytes(), BRIEFING_FILES[name])


def own_task(request: Request, visitor: Visitor, key: str) -> tasks.Task:
    """The task of this key, where it is this person's."""
    task = tasks.find_task(site_of(request).store, key)
    if task is None or task.account != visitor.account:
        raise NotThereError
    return task


@router.get("/tasks/{key}")
async def show_task(request: Request, key: str, wait: str = "") -> Response:
    """How a task stands. With `wait` the answer is held back until the task ends, and leads to its run."""
    visitor = await run_in_threadpool(require_visitor, request)
    task = await run_in_threadpool(own_task, request, visitor, key)
    for _ in range(int(WAIT_S / WAIT_STEP_S) if wait else 0):
        if not task.is_open or await request.is_disconnected():
            break
        await asyncio.sleep(WAIT_STEP_S)
        task = await run_in_threadpool(own_task, request, visitor, key)
    if wait and task.state == tasks.SUCCEEDED:
        return RedirectResponse(f"/{task.job}/runs/{task.run}", status_code=303)
    return await run_in_threadpool(_task_page, request, task)


def _task_page(request: Request, task: tasks.Task) -> Response:
    site = site_of(request)
    title = site.pages[task.job].labels.get(task.question, task.question)
    name = site.questions[task.question].name
    return render(request, "site_task.html", title, task=task, question_name=name)


@router.post("/tasks/{key}/cancel")
def cancel(request: Request, key: str, fields: SentForm) -> Response:
    """Cancel one's own task."""
    site, visitor = site_of(request), check_form(request, fields)
    task = own_task(request, visitor, key)
    tasks.cancel_task(site.store, task.key, now=site.now())
    return RedirectResponse(f"/tasks/{task.key}?wait=yes", status_code=303)


def as_json(task: tasks.Task) -> dict[str, Any]:
    """A task as programs read it."""
    ended_at: datetime | None = task.ended_at
    return {
        "task": task.key,
        "question": task.question,
        "request": dict(task.request),
        "state": task.state,
        "done_percent": task.done_percent,
        "made_at": task.made_at.isoformat(),
        "ended_at": ended_at.isoformat() if ended_at else None,
        "run": task.run,
        "problem": task.problem,
    }
