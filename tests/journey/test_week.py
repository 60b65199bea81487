"""The week as a whole: what a dry run promises, plans in force, rosters that end, and kills on the way."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from traceback import extract_stack
from typing import Any

import patrol_town
import pytest
import town

from becalm.app.main import run_command
from becalm.desk import Caller
from becalm.rehearse.runner import CommandAnswer

NOON = datetime(2020, 5, 3, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
WEEK = ("run", "--period", "2020-04", "--baseline", "2019-04", "--count", "12", "--seed", "5")


class Stop(BaseException):
    """The process is killed: nothing that becalm catches."""


class Office:
    """A caller with a clock that goes on by a second.

    It stops the program at this reading of the clock, or where it is first read within this function.
    """

    def __init__(
        self,
        workspace: Path,
        now: datetime = NOON,
        *,
        stop: Callable[[], object],
        stop_at: int = 0,
        stop_in: str = "",
    ) -> None:
        self.workspace, self.now, self.readings, self.draws = workspace, now, 0, 0
        self.stop, self.stop_at, self.stop_in = stop, stop_at, stop_in

    def read_clock(self) -> datetime:
        self.readings += 1
        if self.readings == self.stop_at or (
            self.stop_in and self.stop_in in {frame.name for frame in extract_stack()}
        ):
            self.stop()
        return self.now + timedelta(seconds=self.readings)

    def draw_key(self) -> bytes:
        self.draws += 1
        return self.draws.to_bytes(32, "big")

    def draw_seed(self) -> int:
        return int.from_bytes(self.draw_key()[-8:], "big")

    def call(self, *words: object) -> CommandAnswer:
        arguments = [*map(str, words), "--workspace", str(self.workspace), "--format", "json", "--quiet"]
        return run_command(arguments, Caller("analyst", self.read_clock, self.draw_key, self.draw_seed))


def stop_here() -> None:
    raise Stop


def call(workspace: Path, *words: object, now: datetime = LATER) -> CommandAnswer:
    return Office(workspace, now, stop=stop_here).call(*words)


def data_of(workspace: Path, *words: object, now: datetime = LATER) -> Any:
    """What a command answers; by default an hour after the week was run."""
    answer = call(workspace, *words, now=now)
    assert answer.exit_code == 0, answer.message
    return answer.data


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return town.simulate(tmp_path_factory.mktemp("town") / "files")


@pytest.fixture(scope="module")
def ready(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with records, units and arrests, and nothing run yet."""
    workspace = tmp_path_factory.mktemp("ready") / "workspace"
    begin = NOON - timedelta(hours=3)
    data_of(
        workspace,
        "init",
        "--city",
        files / "city.toml",
        "--boundaries",
        files / "boundaries.geojson",
        now=begin,
    )
    (workspace / "units.toml").write_text(patrol_town.units(files), "utf-8")
    data_of(
        workspace,
        "ingest",
        "load",
        files / "extract",
        "--as-of",
        "2020-05-03",
        now=begin + timedelta(hours=1),
    )
    rows = (files / "arrests.csv").read_text("utf-8").splitlines(keepends=True)
    arrests = workspace.parent / "arrests.csv"
    arrests.write_text("".join(row for row in rows if "2020-05" not in row), "utf-8")
    data_of(workspace, "record", "import", arrests, "--kind", "arrest", now=begin + timedelta(hours=2))
    return workspace


@pytest.fixture(scope="module")
def whole(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The same after a week that nobody stopped, and how often it read the clock."""
    workspace = copy_office(ready, tmp_path_factory.mktemp("whole") / "office")
    office = Office(workspace, stop=stop_here)
    answer = office.call(*WEEK)
    assert answer.exit_code == 0, answer.message
    return workspace, office.readings


def copy_office(workspace: Path, folder: Path) -> Path:
    """The same workspace elsewhere, with the signed heads that are kept beside it."""
    return town.copy(workspace.parent, folder) / workspace.name


def parts_of(workspace: Path) -> dict[str, str]:
    """What each part of the briefing that was written needs; "" where it says something."""
    parameters = json.loads((workspace / "briefing" / "run.json").read_text("utf-8"))["parameters"]
    parts = {part["job"]: part.get("needs", "") for part in map(json.loads, parameters["parts"])}
    return {**parts, "patrol": parameters["patrol_note"]}


def test_a_dry_run_leaves_out_exactly_what_the_run_leaves_out(ready: Path, whole: tuple[Path, int]) -> None:
    dry_run = data_of(ready, *WEEK, "--dry")
    needs = {part["job"]: part["needs"] for part in dry_run["parts"]}
    done = parts_of(whole[0])
    assert {job: needs[job] for job in done} == done
    assert done["record"] == done["patrol"] == ""
    assert "No watch: no step is declared" in done["sustain"]
    assert "plan patrols, 2020-05-04 to 2020-05-17" in {part["task"] for part in dry_run["parts"]}


def test_the_second_run_of_a_week_takes_the_plan_that_stands(whole: tuple[Path, int], tmp_path: Path) -> None:
    workspace = copy_office(whole[0], tmp_path / "office")
    tasks = [part["task"] for part in data_of(workspace, *WEEK, "--dry")["parts"]]
    plan = data_of(workspace, *WEEK)["patrol"]
    assert plan == json.loads((whole[0] / "briefing" / "run.json").read_text("utf-8"))["parameters"]["patrol"]
    assert f"take the patrol plan that stands, 2020-05-04 to 2020-05-17 (sealed seed {plan[:12]})" in tasks


def test_no_plan_is_sealed_for_days_that_the_records_do_not_reach(ready: Path, tmp_path: Path) -> None:
    workspace = copy_office(ready, tmp_path / "office")
    december = datetime(2020, 12, 1, 12, tzinfo=UTC)
    (needs,) = [
        p["needs"] for p in data_of(workspace, *WEEK, "--dry", now=december)["parts"] if p["job"] == "patrol"
    ]
    answer = data_of(workspace, *WEEK, now=december)
    note = parts_of(workspace)["patrol"]
    assert answer["patrol"] == ""
    assert needs in note
    assert "up to 2020-04-30" in needs
    assert not kinds(workspace) & {"patrol_seed_committed", "bursts_planned"}
    reason = ("--old-records-reason", "an exercise")
    assert data_of(workspace, *WEEK, *reason, now=december + timedelta(minutes=10))["patrol"]
    plan_json = (workspace / "patrol" / "plan-2020-12-02" / "plan.json").read_text("utf-8")
    assert "because: an exercise." in plan_json


def kinds(workspace: Path) -> set[str]:
    return {entry["kind"] for entry in data_of(workspace, "record", "events")}


def count_kinds(workspace: Path, *names: str) -> list[int]:
    events = [entry["kind"] for entry in data_of(workspace, "record", "events")]
    return [events.count(name) for name in names]


def test_a_plan_that_has_ended_is_asked_after_until_somebody_says_what_was_delivered(
    whole: tuple[Path, int], tmp_path: Path
) -> None:
    workspace = copy_office(whole[0], tmp_path / "office")
    later = datetime(2020, 5, 18, 12, tzinfo=UTC)

    def tasks(now: datetime) -> list[str]:
        return [task["task"] for task in data_of(workspace, "status", now=now)["due"]]

    assert "say what was delivered" not in tasks(LATER)
    assert "say what was delivered" in tasks(later)
    plan = workspace / "patrol" / "plan-2020-05-04"
    with (plan / "visits.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            {name: row[name] for name in ("unit", "hotspot", "start", "end")} for row in csv.DictReader(file)
        ]
    with (tmp_path / "check-ins.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[:40])
    said = ("--check-ins", tmp_path / "check-ins.csv", "--out", tmp_path / "visits.csv")
    data_of(workspace, "patrol", "delivered", plan, *said, now=later)
    assert "say what was delivered" not in tasks(later)


def outcome(workspace: Path) -> dict[str, bytes]:
    """What a week leaves that does not say when it was written: figures, places, and who goes where."""
    names = ("briefing/comparison.csv", "briefing/hotspots.geojson", "patrol/plan-2020-05-04/visits.csv")
    texts = {name: (workspace / name).read_bytes() for name in names}
    places = json.loads(texts["briefing/hotspots.geojson"])["features"]
    return {**texts, "briefing/hotspots.geojson": json.dumps(places).encode()}


def check_resumed(workspace: Path, whole_workspace: Path, out: Path) -> None:
    """A week that was stopped is gone on with: the same answers, one entry a decision, no half file."""
    briefing = workspace / "briefing"
    if briefing.exists():
        assert {path.name for path in briefing.iterdir()} >= {"index.html", "run.json", "briefing.docx"}
    answer = data_of(workspace, *WEEK, now=NOON + timedelta(minutes=10))
    assert answer["patrol"]
    assert outcome(workspace) == outcome(whole_workspace)
    assert count_kinds(workspace, "patrol_seed_committed", "bursts_planned") == [1, 1]
    again = data_of(workspace, "run", "--again", briefing / "run.json", "--out", out)
    assert all(file["equal"] for file in again["files"])
    assert call(workspace, "record", "verify").exit_code == 0


@pytest.mark.parametrize(
    ("function", "entries_by_then"),
    [
        pytest.param(*("find_hotspots", [0, 0, 0]), marks=pytest.mark.exhaustive),  # nothing is chosen yet
        ("find_seed_history", [1, 0, 0]),  # the seed is sealed, and no plan is drawn from it
        pytest.param(*("make_due_part", [1, 1, 0]), marks=pytest.mark.exhaustive),  # the plan is written
        ("publish_briefing", [1, 1, 0]),  # all is ready to be written
    ],
)
def test_a_week_that_was_stopped_ends_as_one_that_was_not(
    ready: Path, whole: tuple[Path, int], tmp_path: Path, function: str, entries_by_then: list[int]
) -> None:
    workspace = copy_office(ready, tmp_path / "office")
    with pytest.raises(Stop):
        Office(workspace, stop=stop_here, stop_in=function).call(*WEEK)
    kinds_of_run = ("patrol_seed_committed", "bursts_planned", "briefing_published")
    assert count_kinds(workspace, *kinds_of_run) == entries_by_then
    check_resumed(workspace, whole[0], tmp_path / "again")


def run_until_killed(workspace: Path, reading: int) -> None:
    """In a process of its own: the week, killed at this reading of the clock."""
    Office(workspace, stop_at=reading, stop=lambda: os.kill(os.getpid(), signal.SIGKILL)).call(*WEEK)


@pytest.mark.exhaustive
def test_a_week_that_was_killed_at_any_reading_of_the_clock_ends_as_one_that_was_not(
    ready: Path, whole: tuple[Path, int], tmp_path: Path
) -> None:
    for reading in range(1, whole[1] + 1):
        workspace = copy_office(ready, tmp_path / f"killed-{reading}")
        process = get_context("spawn").Process(target=run_until_killed, args=(workspace, reading))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        check_resumed(workspace, whole[0], tmp_path / f"again-{reading}")
