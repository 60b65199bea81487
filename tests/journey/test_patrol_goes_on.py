"""One plan after another: what a place was owed is carried over, and bursts of the night before stand."""

import json
from pathlib import Path
from typing import Any

import patrol_town
import pytest
import town
from town import becalm

NEXT = ("--from", "2020-05-06", "--days", 2, "--count", 12)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a plan of two days."""
    files = town.simulate(tmp_path_factory.mktemp("town") / "files")
    workspace = patrol_town.workspace_of(files, tmp_path_factory.mktemp("loaded") / "workspace")
    units = workspace / "units.toml"  # late tours that reach into the next day
    units.write_text(units.read_text("utf-8").replace('"14:', '"20:').replace('"15:', '"21:'), "utf-8")
    patrol_town.plan(workspace, workspace / "plan")
    return workspace


@pytest.fixture
def workspace(planned: Path, tmp_path: Path) -> Path:
    return town.copy(planned, tmp_path / "workspace")


def held(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "plan.json").read_text("utf-8")))


def test_visits_owed_are_carried_over_and_the_plan_is_drawn_again_to_the_byte(workspace: Path) -> None:
    first = held(workspace / "plan")
    told = becalm("patrol", "plan", "-w", workspace, *NEXT, "--out", workspace / "next").output
    assert "carried over from the plan of 2020-05-04" in told
    after = held(workspace / "next")
    owed = {row["hotspot"]: round(row["expected_visits"] - row["visits"], 3) for row in first["dosage"]}
    assert after["owed"] == pytest.approx(owed, abs=0.002)
    assert after["earlier"]
    assert all(end > "2020-05-05T21:00:00Z" for *_, end in after["earlier"])
    becalm("patrol", "check", workspace / "next", "-w", workspace)
    becalm("patrol", "reveal", workspace / "next", "-w", workspace)
    becalm("patrol", "replay", workspace / "next", "-w", workspace)


def test_a_tour_drawn_anew_after_the_commitment_does_not_undo_it(workspace: Path) -> None:
    becalm("patrol", "commit", "-w", workspace, *NEXT)
    unit = held(workspace / "plan")["shifts"][0]
    asked = ("--unit", unit["unit"], "--from", unit["start"], "--off-duty", "--reason", "the officer is ill")
    becalm("patrol", "replan", workspace / "plan", "-w", workspace, *asked)
    becalm("patrol", "plan", "-w", workspace, *NEXT, "--out", workspace / "next")


def test_a_gap_between_plans_carries_nothing_over(workspace: Path) -> None:
    later = ("--from", "2020-05-07", "--days", 1, "--count", 12, "--out", workspace / "later")
    becalm("patrol", "plan", "-w", workspace, *later)
    assert held(workspace / "later")["owed"] == {}
