"""A whole year: begun or gone on with, week by week, each week kept whole before the next begins."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from becalm.formats.durable_files import write_durably
from becalm.rehearse import delivery, judge, week
from becalm.rehearse.laws import join_logs, sort_visits
from becalm.rehearse.request import RehearsalRequest
from becalm.rehearse.runner import Office, RunCommand
from becalm.rehearse.scenario import Scenario, read_scenario
from becalm.rehearse.week import Note, Year
from becalm.rehearse.world import SCALES, Course, World, make_world
from becalm.simulate.write_city import write_land
from becalm.terms import Progress, RehearsalError, UsageError

STATE: Final = "state.json"
TIMES: Final = "times.json"  # seconds of the processor by command: no answer holds them
FORCE, COPY, UNFINISHED = "force", "kept", "kept.new"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a rehearsed year says of becalm."""

    scenario: str
    title: str
    seed: int
    weeks: int
    scale: str
    rows: tuple[judge.Row, ...]
    findings: tuple[Note, ...]
    folder: Path

    @property
    def held_share(self) -> float:
        """The share of figures whose interval holds the truth."""
        return float(np.mean([row.held for row in self.rows])) if self.rows else float("nan")

    def failed(self, *questions: str) -> int:
        """How many figures on these questions are not as they must be."""
        return sum(row.question in questions and not row.held for row in self.rows)

    def as_object(self) -> dict[str, Any]:
        """The answer as plain data."""
        return {
            "scenario": self.scenario,
            "title": self.title,
            "seed": self.seed,
            "weeks": self.weeks,
            "scale": self.scale,
            "rows": [{**asdict(row), "held": row.held} for row in self.rows],
            "findings": list(self.findings),
            "held_share": round(self.held_share, 4),
            "violations": self.failed("ledger", "tampering"),
            "lost": self.failed("delivered", "arrests"),
            "unreplayable": self.failed("replay"),
        }


def rehearse(request: RehearsalRequest, run_command: RunCommand, *, progress: Progress) -> Rehearsal:
    """Live the year of this request and set what becalm said beside the truth.

    Raises InputError for a scenario with an unknown law; UsageError where the folder holds something else, or
    a year with other options; RehearsalError where a command fails in the year.
    """
    scenario = read_scenario(request.scenario)
    folder = Path(request.out)
    done_weeks = _open_folder(folder, request)
    world, course = make_world(scenario, SCALES[request.scale], weeks=request.weeks, seed=request.seed)
    year = _set_up(folder, world, course, run_command)
    with progress("rehearse", total=request.weeks, unit="weeks") as advance:
        if done_weeks == 0:
            _begin(year, request)
        else:
            _go_back_to(year, done_weeks)
            advance(done_weeks)
        for number in range(done_weeks, request.weeks):
            week.live(year, number)
            _keep(year, request, number + 1)
            advance(1)
    finding = week.end_year(year)
    times = {name: round(seconds, 1) for name, seconds in sorted(year.office.seconds.items())}
    write_durably(folder / TIMES, json.dumps(times, indent=2) + "\n")
    return _answer(year, request, scenario, finding)


def _set_up(folder: Path, world: World, course: Course, run_command: RunCommand) -> Year:
    nothing = np.zeros(0, dtype=np.int64)
    log = sort_visits(nothing, nothing, nothing)
    office = Office(run_command, folder / FORCE / "workspace", world.seed)
    return Year(world, office, folder / FORCE, course, course, log, log)


def _open_folder(folder: Path, request: RehearsalRequest) -> int:
    """How many weeks are done in this folder? Refuses one that holds something else."""
    state = folder / STATE
    if not folder.exists() or not any(folder.iterdir()):
        if request.resume:
            raise UsageError(f"There is no year to go on with in {folder}. Leave out `resume` to begin one.")
        return 0
    if not state.is_file() and not (folder / FORCE).exists():
        raise UsageError(f"{folder} holds other files. Name a new folder as `out`.")
    if not request.resume:
        raise UsageError(
            f"{folder} holds a year already. Go on with `resume`, or name a new folder as `out`."
        )
    return _read_state(state, request)["weeks"] if state.is_file() else _clear(folder)


def _clear(folder: Path) -> int:
    """A year that was stopped before its first week was done is begun again."""
    for name in (FORCE, COPY, UNFINISHED, "city"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return 0


def _read_state(path: Path, request: RehearsalRequest) -> Note:
    try:
        state: Note = json.loads(path.read_text("utf-8"))
        year_options = state["request"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RehearsalError(f"{path} cannot be read. Begin it again in another folder.") from error
    if year_options != _identity(request):
        raise UsageError(
            f"The year in {path.parent} was begun with other options: {year_options}. Give the same again."
        )
    return state


def _identity(request: RehearsalRequest) -> Note:
    return {name: getattr(request, name) for name in ("scenario", "weeks", "scale", "seed")}


def _begin(year: Year, request: RehearsalRequest) -> None:
    city = Path(request.out) / "city"
    city.mkdir(parents=True, exist_ok=True)
    year.folder.mkdir(parents=True, exist_ok=True)
    write_land(year.world.plan, city)
    week.cut_units(city / "units.toml", year.world.scenario.force.staff_share)
    week.begin_year(year, city)


def _keep(year: Year, request: RehearsalRequest, weeks: int) -> None:
    """Keep the week whole: a copy of the force's folder, then the state that names it."""
    folder = Path(request.out)
    unfinished, week_copy = folder / UNFINISHED, folder / f"{COPY}-{weeks:03d}"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(year.folder, unfinished)
    shutil.rmtree(week_copy, ignore_errors=True)
    unfinished.rename(week_copy)
    state = {
        "request": _identity(request),
        "weeks": weeks,
        "notes": year.notes,
        "last_visit": year.last_visit,
    }
    write_durably(folder / STATE, json.dumps(state) + "\n")
    for former in folder.glob(f"{COPY}-*"):
        if former != week_copy:
            shutil.rmtree(former)


def _go_back_to(year: Year, weeks: int) -> None:
    """The year as it was when so many weeks were done: its files from their copy, the city by its laws."""
    folder = year.folder.parent
    state = json.loads((folder / STATE).read_text("utf-8"))
    shutil.rmtree(year.folder, ignore_errors=True)
    shutil.copytree(folder / f"{COPY}-{weeks:03d}", year.folder)
    for number in range(weeks):
        path = year.week_folder(number) / "check-ins.csv"
        visits = delivery.visit_log(delivery.read_visits(path, *ALWAYS))
        if year.world.scenario.force.planner != "becalm":
            planned_visits = delivery.read_visits(
                year.plan_folder(number) / "visits.csv", *year.world.week_days(number)
            )
            year.unused_log = join_logs(year.unused_log, delivery.visit_log(planned_visits))
        week.answer_city(year, number, visits)
    year.notes, year.last_visit = state["notes"], state["last_visit"]


def _answer(year: Year, request: RehearsalRequest, scenario: Scenario, finding: Note | None) -> Rehearsal:
    return Rehearsal(
        scenario=request.scenario,
        title=scenario.title,
        seed=request.seed,
        weeks=request.weeks,
        scale=request.scale,
        rows=judge.judge_year(year, finding),
        findings=judge.side_findings(year, finding),
        folder=Path(request.out),
    )


ALWAYS: Final = (0, 10**6)  # days
