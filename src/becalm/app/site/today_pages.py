"""Today: what waits for a decision, alarms, what changed since last week, coverage, one's own tasks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from becalm.app import rights
from becalm.app.site import run_list
from becalm.app.site.context import Site, require_page, site_of
from becalm.app.site.desk_pages import BRIEFING, may_read_briefing
from becalm.app.site.frame import render
from becalm.app.store import tasks
from becalm.brief.desk.due_tasks import ProgrammeState, describe_programme
from becalm.console.run_folder import FrozenRun
from becalm.divert.core.access import may as may_with_people
from becalm.formats.json_text import read_record
from becalm.sustain.desk.watch import past_alarms
from becalm.terms import BecalmError

RUNS_PER_JOB, TASKS_SHOWN, ALARMS_SHOWN, RUNS_LOOKED_AT = 2, 5, 5, 200
WEEK: Final = timedelta(days=6)  # between two weekly runs: the later one may be a day early
CASE_STEPS: Final = {
    "nominated": ("screen", "nominated, to be screened"),
    "screened": ("approve", "screened, to be approved or declined"),
    "deferred": ("screen", "deferred, to be screened again"),
}
"""What is to be done with a case in this state, and by which act of the table of access."""
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for a decision of whoever is reading."""

    text: str
    why: str
    due_text: str
    page: str


@dataclass(frozen=True, slots=True)
class Change:
    """An answer, and what the same question was answered a week or more before."""

    run: run_list.ListedRun
    earlier: run_list.ListedRun


@router.get("/")
def show_today(request: Request) -> Response:
    """What is new and what waits, for whoever is reading."""
    visitor, site = require_page(request, "today"), site_of(request)
    own_tasks = tasks.list_tasks(site.store, visitor.account)
    seen_jobs = [job for job in site.pages if rights.may_see(visitor.role, job)]
    runs_by_job = {job: list(islice(run_list.newest_runs(site, job), RUNS_LOOKED_AT)) for job in seen_jobs}
    newest = [
        run for runs in runs_by_job.values() for run in run_list.newest_by_question(runs, limit=RUNS_PER_JOB)
    ]
    newest.sort(key=lambda run: run.record.made_at, reverse=True)
    programme, problem = read_programme(site)
    return render(
        request,
        "site_today.html",
        "Today",
        day=f"{site.desk.today:%A, %-d %B %Y}",
        briefing=_briefing_day(site) if may_read_briefing(visitor) else "",
        waiting=[*_waiting(site, programme, visitor.role), *_cases_waiting(site, visitor.role)],
        alarms=_open_alarms(site) if "sustain" in seen_jobs else None,
        changes=[change for runs in runs_by_job.values() for change in find_changes(site, runs)],
        sources=programme.sources if programme and "measure" in seen_jobs else (),
        problem=problem,
        open_tasks=[task for task in own_tasks if task.is_open],
        failed_tasks=[task for task in own_tasks if task.state == tasks.FAILED][:TASKS_SHOWN],
        runs=[run_list.describe_run(site, run) for run in newest],
    )


_kept_programmes: dict[str, tuple[tuple[int, str], ProgrammeState]] = {}
_reading = threading.Lock()


def read_programme(site: Site) -> tuple[ProgrammeState | None, str]:
    """Where the programme stands, read once an hour and after each entry of the ledger; or what is amiss.

    One request reads at a time, as the engine of the archive wants it; others are told what was read before.
    """
    place = str(site.desk.workspace.path)
    try:
        moment = site.desk.open_ledger().head().size, f"{site.now():%Y-%m-%d %H}"
        kept_moment, programme = _kept_programmes.get(place, (None, None))
        if kept_moment == moment or not _reading.acquire(blocking=programme is None):
            return programme, ""
        try:
            kept_moment, programme = _kept_programmes.get(place, (None, None))
            if kept_moment != moment:  # nobody read it while this request waited
                programme = describe_programme(site.desk, is_ledger_read=True)
                _kept_programmes[place] = (moment, programme)
        finally:
            _reading.release()
    except BecalmError as error:
        return None, str(error)
    return programme, ""


def _waiting(site: Site, programme: ProgrammeState | None, role: str) -> Iterator[Waiting]:
    for task in programme.due if programme else ():
        job = task.command.split()[1]
        page = job if job in site.pages else "measure"  # records are loaded by whoever measures
        if rights.may_ask(role, page):
            yield Waiting(task.task.capitalize(), task.why, f"{task.due_on:%-d %B %Y}", f"/{page}")


def _cases_waiting(site: Site, role: str) -> Iterator[Waiting]:
    """How many cases wait for somebody in this role: a number, never a person."""
    acts = {act for act, _ in CASE_STEPS.values() if may_with_people(role, act)}
    if not acts:
        return
    counts = Counter(str(row["state"]) for row in site.desk.open_ledger().state_rows("case"))
    for state, (act, step_text) in CASE_STEPS.items():
        if act in acts and counts[state]:
            noun = "case waits" if counts[state] == 1 else "cases wait"
            yield Waiting(f"{counts[state]} {noun} for you", step_text, "", "/divert")


def _open_alarms(site: Site) -> list[tuple[str, str, str]]:
    """Alarms that nobody has reviewed, the newest first."""
    alarms = [alarm for alarm in past_alarms(site.desk) if alarm.decision is None]
    alarms.sort(key=lambda alarm: alarm.raised_on, reverse=True)
    return [(a.series, a.week, f"{a.raised_on:%-d %B %Y}") for a in alarms[:ALARMS_SHOWN]]


def find_changes(site: Site, runs: list[FrozenRun]) -> Iterator[Change]:
    """Answers that say something else than the same question did a week ago or earlier."""
    for run in run_list.newest_by_question(runs, limit=RUNS_PER_JOB):
        choices = run_list.chosen_values(site, run)
        earlier = next(
            (
                earlier_run
                for earlier_run in runs
                if earlier_run.record.question == run.record.question
                and run.record.made_at - earlier_run.record.made_at >= WEEK
                and run_list.chosen_values(site, earlier_run) == choices
            ),
            None,
        )
        if earlier is None:
            continue
        change = Change(run_list.describe_run(site, run), run_list.describe_run(site, earlier))
        if change.run.opening != change.earlier.opening:
            yield change


def _briefing_day(site: Site) -> str:
    record_path = site.desk.workspace.path / BRIEFING / "run.json"
    if not record_path.is_file():
        return ""
    try:
        return run_list.format_made(site, read_record(record_path).made_at)
    except BecalmError:
        return ""
