"""What a run would do: each part with what it still needs, and how long it took last time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from becalm.brief.desk.parts import MAKERS
from becalm.brief.desk.patrol import NO_UNITS
from becalm.brief.desk.plan import NO_SOURCE, plan_briefing
from becalm.brief.request import RunRequest
from becalm.desk import Desk
from becalm.formats.durable_files import write_durably
from becalm.workspace.config import UNITS_FILE

TIMES_FILE: Final = "run-times.json"
MEASURE, FIND, PATROL = "measure", "find", "patrol"


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
        return None if None in times else sum(time for time in times if time is not None)


def plan_run(desk: Desk, request: RunRequest) -> DryRun:
    """What would this run do? Nothing is counted, drawn or written.

    Raises what the run itself would raise where it cannot begin: no records, several sources and none named.
    """
    plan = plan_briefing(desk, request)
    seconds_by_job = read_times(desk.workspace.path)
    period_text = f"compare {plan.period} with {', '.join(plan.baselines) or 'the year before'}"
    no_points = "records with points" if plan.hotspot_source == NO_SOURCE else ""
    no_units = "" if (desk.workspace.path / UNITS_FILE).is_file() else NO_UNITS
    needs_by_job = [
        (MEASURE, period_text, ""),
        (FIND, f"list {plan.count} places", no_points),
        (PATROL, "plan patrols, or take the plan that stands", no_points or no_units),
        *((maker.job, maker.heading, maker.find_needs(desk)) for maker in MAKERS),
    ]
    return DryRun(
        plan.period,
        plan.baselines,
        plan.source,
        str(request.out or desk.workspace.path / "briefing"),
        tuple(PlannedPart(job, task, needs, seconds_by_job.get(job)) for job, task, needs in needs_by_job),
    )


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
