"""The API: the same questions for programs. An answer is the same JSON as `--format json` of the command."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response

from becalm.app import rights
from becalm.app.site.context import site_of, visitor_of
from becalm.app.site.desk_pages import as_json
from becalm.app.site.job_pages import find_run, require_question, start
from becalm.app.site.run_list import newest_runs
from becalm.app.store import sessions, tasks
from becalm.console.run_folder import read_answer, request_of
from becalm.formats.json_text import request_schema

VERSION = "v1"
BEARER = "Bearer "
RUNS_LISTED = 100
router = APIRouter(prefix=f"/api/{VERSION}")


class ApiError(Exception):
    """What a program is told: a status and a sentence."""

    def __init__(self, status: int, problem: str, faults: list[dict[str, str]] | None = None) -> None:
        super().__init__(problem)
        self.status, self.problem, self.faults = status, problem, faults or []


def require_caller(request: Request, *, job: str = "", is_asking: bool = False) -> sessions.Visitor:
    """In whose name a program asks: by a token, or, to read alone, by the session of a browser."""
    site, header = site_of(request), request.headers.get("authorization", "")
    if header.startswith(BEARER):
        caller = sessions.find_token(site.store, header.removeprefix(BEARER), now=site.now())
    else:
        # A browser sends its cookie with a request that another site forged, so it may not start anything.
        caller = None if is_asking else visitor_of(request)
    if caller is None or not caller.is_current or caller.must_change:
        raise ApiError(401, "Ask with a token that has not expired: Authorization: Bearer TOKEN.")
    if job and not rights.may_see(caller.role, job):
        raise ApiError(404, "There is no such thing, or it is not for you.")
    if is_asking and not rights.may_ask(caller.role, job):
        raise ApiError(403, f"Ask somebody in the role {', '.join(rights.ASKERS.get(job, ()))}.")
    return caller


@router.get("")
def show_questions(request: Request) -> Any:
    """Every question that the caller may ask, with the JSON schema of its request."""
    caller, site = require_caller(request), site_of(request)
    return {
        "questions": [
            {
                "question": words,
                "title": label,
                "address": f"/api/{VERSION}/{job}/{site.questions[words].name}",
                "schema": request_schema(site.questions[words].request),
            }
            for job, page in site.pages.items()
            if rights.may_ask(caller.role, job)
            for words, label in page.labels.items()
        ]
    }


@router.get("/tasks/{key}")
def show_task(request: Request, key: str) -> Any:
    """How a task stands; `run` names its answer once it is done."""
    caller = require_caller(request)
    task = tasks.find_task(site_of(request).store, key)
    if task is None or task.account != caller.account:
        raise ApiError(404, "There is no such thing, or it is not for you.")
    return as_json(task)


@router.get("/{job}/runs")
def show_runs(request: Request, job: str) -> Any:
    """The newest runs of a job."""
    require_caller(request, job=job)
    site = site_of(request)
    if job not in site.pages:
        raise ApiError(404, "There is no such thing, or it is not for you.")
    runs = [
        {
            "run": run.key,
            "question": run.record.question,
            "made_at": run.record.made_at.isoformat(),
            "request": run.page["request"],
            "address": f"/api/{VERSION}/{job}/runs/{run.key}",
        }
        for run, _ in zip(newest_runs(site, job), range(RUNS_LISTED), strict=False)
    ]
    return {"runs": runs}


@router.get("/{job}/runs/{key}")
def show_answer(request: Request, job: str, key: str) -> Response:
    """The answer of a run: the same bytes as `--format json` of the command."""
    require_caller(request, job=job)
    content = read_answer(find_run(site_of(request), job, key), ".json")
    if content is None:
        raise ApiError(404, "There is no such thing, or it is not for you.")
    return Response(content, media_type="application/json")


@router.post("/{job}/{name}", status_code=202)
def ask(request: Request, job: str, name: str, values: Annotated[dict[str, Any], Body()]) -> Response:
    """Start a task that answers the question; its address stands in the header Location."""
    site = site_of(request)
    caller = require_caller(request, job=job, is_asking=True)
    question = require_question(site, job, name)
    request_of(question, values)
    task = start(site, caller, question, values)
    location = f"/api/{VERSION}/tasks/{task.key}"
    return JSONResponse(as_json(task), status_code=202, headers={"Location": location})
