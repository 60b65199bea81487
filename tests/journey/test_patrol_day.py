"""The day as it comes: a place is closed from a page, a unit joins, and every door keeps to it."""

import csv
import json
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import patrol_town
import pytest
import town
from patrol_town import FROM
from town import becalm

JOINING = """
[[areas]]
area = "{area}"
[[bases]]
base = "{base}"
easting_m = {easting_m}
northing_m = {northing_m}
[[teams]]
team = "Relief"
area = "{area}"
base = "{base}"
mode = "{mode}"
starts = ["{start}"]
hours = 6.0
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = town.simulate(tmp_path_factory.mktemp("town") / "files")
    workspace = patrol_town.workspace_of(files, tmp_path_factory.mktemp("planned") / "workspace")
    patrol_town.plan(workspace, workspace / "plan")
    return workspace


@pytest.fixture
def workspace(planned: Path, tmp_path: Path) -> Path:
    return town.copy(planned, tmp_path / "workspace")


def visits(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO((folder / "visits.csv").read_text("utf-8"))))


def plan_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "plan.json").read_text("utf-8")))


def middle_burst(folder: Path) -> dict[str, str]:
    """A burst of the first day, well within its tour."""
    rows = [row for row in visits(folder) if row["day"] == FROM]
    return rows[len(rows) // 2]


def close(workspace: Path, row: dict[str, str], *more: str, code: int = 0) -> str:
    until = (datetime.fromisoformat(row["end"]) + timedelta(minutes=30)).isoformat()
    asked = ("--from", row["start"], "--ends", until, "--reason", "a march")
    return becalm("patrol", "blackout", "-w", workspace, *asked, *more, code=code).output


def test_a_place_closed_from_a_page_is_known_to_list_check_replan_board_and_the_next_plan(
    workspace: Path,
) -> None:
    plan, row = workspace / "plan", middle_burst(workspace / "plan")
    name = next(p["name"] for p in plan_of(plan)["places"] if p["hotspot"] == row["hotspot"])
    told = " ".join(close(workspace, row, "--place", name).split())
    assert "lies within it in the plan of" in told or "lie within it in the plan of" in told
    listed = json.loads(
        becalm("patrol", "blackouts", "-w", workspace, "--at", FROM + "T00:00", "--format", "json").stdout
    )
    assert [(b["place"], b["reason"]) for b in listed] == [(name, "a march")]
    assert (
        "closed since the plan was made" in becalm("patrol", "check", plan, "-w", workspace, code=12).output
    )
    early = (datetime.fromisoformat(row["start"]) - timedelta(hours=1)).isoformat()
    board = becalm("patrol", "board", plan, "--area", row["area"], "--at", row["start"], "-w", workspace)
    assert f"{name} (a march)" in board.output
    again = ("--area", row["area"], "--from", early, "--reason", "closed for a march")
    becalm("patrol", "replan", plan, *again, "-w", workspace)
    assert "0 violations" in becalm("patrol", "check", plan, "-w", workspace).output
    assert plan_of(plan)["commitment"]["replans"][0]["blackouts"][0][0] == row["hotspot"]
    becalm(
        "patrol", "chances", plan, "--draws", "2", "-w", workspace
    )  # refused, were it not drawn again alike
    patrol_town.plan(workspace, workspace / "next", "--again", "a march")
    closed = {p["hotspot"]: p["blackouts"] for p in plan_of(workspace / "next")["places"]}
    assert closed[row["hotspot"]][0][0] == row["start"]


def test_a_blackout_that_is_ended_is_gone_from_its_end_on(workspace: Path) -> None:
    row = middle_burst(workspace / "plan")
    close(workspace, row, "--area", row["area"])
    listed = ("patrol", "blackouts", "-w", workspace, "--at", FROM + "T00:00", "--format", "json")
    entry = str(json.loads(becalm(*listed).stdout)[0]["entry"])
    end = ("patrol", "end-blackout", entry, "-w", workspace, "--reason", "it was called off")
    becalm(*end, "--from", row["end"])
    assert json.loads(becalm(*listed).stdout)[0]["ends_at"] == row["end"]
    becalm(*end, "--from", row["start"])
    assert json.loads(becalm(*listed).stdout) == []
    assert "sets no blackout that holds" in becalm(*end, code=2).output


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--place", "a", "--area", "b"), "not both"),
        (("--place", "nowhere at all"), "No plan for these days has a place"),
        (("--area", "Atlantis"), "There is no area"),
    ],
)
def test_a_blackout_of_nothing_known_is_refused(workspace: Path, more: tuple[str, ...], problem: str) -> None:
    assert problem in " ".join(close(workspace, middle_burst(workspace / "plan"), *more, code=2).split())


def test_a_unit_that_joins_gets_a_tour_that_the_judge_and_the_replay_accept(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, folder = plan_of(workspace / "plan"), workspace / "plan"
    tour = next(shift for shift in plan["shifts"] if shift["day"] == FROM)
    base = next(base for base in plan["bases"] if base["base"] == tour["base"])
    facts = {**base, "area": tour["area"], "mode": tour["mode"], "start": "18:00:00"}
    (tmp_path / "relief.toml").write_text(JOINING.format(**facts), "utf-8")
    join = (
        "--joining",
        tmp_path / "relief.toml",
        "--from",
        FROM + "T17:30",
        "--reason",
        "lent by the next force",
    )
    becalm("patrol", "replan", folder, *join, "-w", workspace)
    assert [row for row in visits(folder) if row["unit"] == "Relief"]
    assert plan_of(folder)["shifts"] == plan["shifts"]  # what was sealed stays as it was
    assert "0 violations" in becalm("patrol", "check", folder, "-w", workspace).output
    asked = ("--unit", "Relief", "--at", FROM + "T18:00", "-w", workspace)
    assert "Next:" in becalm("patrol", "next", folder, *asked).output
    monkeypatch.setenv("BECALM_ROLE", "auditor")
    early = ("--early", "an audit", "--second", "b")
    becalm("patrol", "reveal", folder, *early, "-w", workspace)
    assert "the same as in the plan" in becalm("patrol", "replay", folder, "-w", workspace).output
    (tmp_path / "relief.toml").write_text(
        JOINING.format(**{**facts, "area": "Atlantis", "base": "moon"}).replace("Relief", "Moon"), "utf-8"
    )
    refused = becalm("patrol", "replan", folder, *join, "-w", workspace, code=12).output
    assert "open" in refused or "Moon" in refused


def test_a_unit_that_cannot_be_free_as_said_is_refused_before_the_ledger_hears_of_a_re_plan(
    workspace: Path,
) -> None:
    """A re-plan that was begun and never kept stays a broken rule in every audit."""
    folder, row = workspace / "plan", middle_burst(workspace / "plan")
    tour = next(
        shift
        for shift in plan_of(folder)["shifts"]
        if shift["unit"] == row["unit"] and shift["day"] == row["day"]
    )
    asked = ("patrol", "replan", folder, "-w", workspace, "--from", row["start"], "--reason", "an arrest")
    unit = ("--unit", row["unit"], "--busy-until")
    days_later = (datetime.fromisoformat(tour["end"]) + timedelta(days=3)).isoformat()
    earlier = (datetime.fromisoformat(row["start"]) - timedelta(hours=1)).isoformat()
    for busy_until, code, problem in (
        (tour["end"], 12, "Say --off-duty"),
        (days_later, 12, "Say --off-duty"),
        (earlier, 2, "before the re-plan begins"),
    ):
        refused = becalm(*asked, *unit, busy_until, code=code)
        assert problem in " ".join(refused.output.split())
    for more in (("--off-duty",), ("--busy-until", tour["end"]), ("--stop", row["hotspot"])):
        refused = becalm(*asked, "--area", row["area"], *more, code=2)
        assert "is said of one unit" in " ".join(refused.output.split())
    assert "0 re-plans" in becalm("patrol", "audit", "-w", workspace).output
