"""What a run would do: each part with what it still needs, and how long it took last time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from becalm.brief.desk.parts import MAKERS
from becalm.brief.desk.patrol import PLAN_TASK, find_patrol_task
from becalm.brief.desk.plan import NO_SOURCE, find_compared_period, plan_briefing
from becalm.brief.request import BriefingPlan, RunRequest
from becalm.desk import Desk
from becalm.formats.durable_files import write_durably
from becalm.tables import find_last_whole_month
from becalm.terms import QuestionError

TIMES_FILE: Final = "run-times.json"
MEASURE, FIND, PATROL = "measure", "find", "patrol"
NO_RECORDS: Final = "Records. Load some with `becalm ingest PATH`."
NO_POINTS: Final = "Records with points: these are published counts."
LATER_TASKS: Final = (
    (FIND, "list places"),
    (PATROL, PLAN_TASK),
    *((maker.job, maker.heading) for maker in MAKERS),
)


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """One part of a run: what it answers, what it needs ("" where it is ready), and its last time."""

    job: str
    task: str
    needs: str
    last_seconds: float | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would do now, and where it would write."""

    period: str
    baselines: tuple[str, ...]
    source: str
    folder: str
    parts: tuple[PlannedPart, ...]

    @property
    def last_seconds(self) -> float | None:
        """How long all parts that are ready took last time; None where one of them is not known."""
        times = [part.last_seconds for part in self.parts if not part.needs]
        return None if None in times or not times else sum(time for time in times if time is not None)


def plan_run(desk: Desk, request: RunRequest) -> DryRun:
    """What would this run do? Nothing is drawn or written, and of records only their months are looked at.

    Raises what the run itself would raise where it cannot begin: several sources and none named.
    """
    folder, seconds_by_job = (
        str(request.out or desk.workspace.path / "briefing"),
        read_times(desk.workspace.path),
    )
    try:
        plan = plan_briefing(desk, request)
    except QuestionError as error:  # no records, or no whole month: the run would end here
        tasks = [(MEASURE, "compare two periods", " ".join(str(error).split()))]
        tasks += [(job, task, NO_RECORDS) for job, task in LATER_TASKS]
        return DryRun("", (), "", folder, _planned_parts(tasks, seconds_by_job))
    period_text = f"compare {plan.period} with {', '.join(plan.baselines) or 'the year before'}"
    last_month = _find_last_list_month(desk, plan, request)
    patrol_task, patrol_needs = find_patrol_task(
        desk,
        hotspot_source=plan.hotspot_source,
        last_month=last_month,
        day=request.patrol_from,
        old_records_reason=request.old_records_reason,
    )
    tasks = [
        (MEASURE, period_text, ""),
        (FIND, f"list {plan.count} places", "" if last_month else NO_POINTS),
        (PATROL, patrol_task, patrol_needs),
        *((maker.job, maker.heading, maker.find_needs(desk)) for maker in MAKERS),
    ]
    return DryRun(plan.period, plan.baselines, plan.source, folder, _planned_parts(tasks, seconds_by_job))


def _planned_parts(
    tasks: Sequence[tuple[str, str, str]], seconds_by_job: Mapping[str, float]
) -> tuple[PlannedPart, ...]:
    return tuple(PlannedPart(job, task, needs, seconds_by_job.get(job)) for job, task, needs in tasks)


def _find_last_list_month(desk: Desk, plan: BriefingPlan, request: RunRequest) -> str:
    """The last month that the list of places would be made of; "" where no records have points."""
    if plan.hotspot_source == NO_SOURCE:
        return ""
    archive_files = desk.archive.files(as_of=request.as_of)
    month = find_last_whole_month(find_compared_period(desk, plan, as_of=request.as_of))
    newest_month = max(
        file.month for file in archive_files if file.source == plan.hotspot_source and file.month
    )
    return min(month, newest_month)


def read_times(workspace: Path) -> dict[str, float]:
    """How many seconds each part took last time; none where no run has ended yet."""
    try:
        times = json.loads((workspace / TIMES_FILE).read_text("utf-8"))
        return {str(job): float(seconds) for job, seconds in times.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # a hint for people: a file that cannot be read is as good as none


def keep_times(workspace: Path, seconds_by_job: Mapping[str, float]) -> None:
    """Keep the times of this run, for the next dry one."""
    rounded = {job: round(seconds, 1) for job, seconds in seconds_by_job.items()}
    write_durably(workspace / TIMES_FILE, json.dumps({**read_times(workspace), **rounded}, indent=2) + "\n")
