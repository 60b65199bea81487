"""A commander's override in the briefing, in the patrol plan and in a trial: kept, shown, and pinned."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import patrol_town
import pytest
import town
from patrol_town import FROM
from town import becalm

ASKED = ("--period", "2020-04", "--baseline", "2019-04", "--count", 12, "--seed", 5, "--patrol-from", FROM)
LAST, REASON = "the market closed", "threats after the match"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = town.simulate(tmp_path_factory.mktemp("town") / "files")
    return patrol_town.workspace_of(files, tmp_path_factory.mktemp("loaded") / "workspace")


@pytest.fixture(scope="module")
def ranked(loaded: Path) -> list[str]:
    """The places of an honest list of 40, best first."""
    told = becalm(
        "find", "hotspots", "-w", loaded, "--count", 40, "--last-month", "2020-04", "--seed", 5, "-f", "csv"
    )
    return [row["place_id"] for row in csv.DictReader(told.stdout.splitlines())]


@pytest.fixture
def workspace(loaded: Path, ranked: list[str], tmp_path: Path) -> Path:
    """The best place is left out, the fortieth included."""
    made = town.copy(loaded, tmp_path / "w")
    override(made, ranked[0], "--leave-out", LAST)
    override(made, ranked[-1], "--include", REASON)
    return made


def override(workspace: Path, place: str, word: str, reason: str) -> None:
    becalm("find", "override", "-w", workspace, "--place", place, word, "--reason", reason)


def planned(folder: Path) -> dict[str, set[str]]:
    held = json.loads((folder / "plan.json").read_text("utf-8"))
    return {"places": {p["hotspot"] for p in held["places"]}, "sources": set(held["inputs"])}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_briefing_keeps_and_shows_overrides_and_is_made_again_after_later_ones(workspace, ranked, tmp_path):
    becalm("run", "-w", workspace, *ASKED)
    briefing = workspace / "briefing"
    listed = json.loads((briefing / "hotspots.geojson").read_text("utf-8"))
    places = [f["properties"]["place_id"] for f in listed["features"]]
    assert ranked[0] not in places
    assert ranked[-1] in places
    out, put_in = listed["run"]["rules"]["overrides"]
    assert (out["rank_without"], put_in["rank_without"]) == (1, 40)
    assert out["expected_missed"] > 0
    page = (briefing / "annex.html").read_text("utf-8")
    table = page[page.index("Table 3b.") : page.index("Table 4.")]
    assert all(words in table for words in (LAST, REASON, ranked[0], ranked[-1], out["by"]))
    assert "included by decision" in page
    run = json.loads((briefing / "run.json").read_text("utf-8"))
    assert run["parameters"]["overrides"] == [out["entry"], put_in["entry"]]
    assert len(run["data"][f"ledger/entry {out['entry']}"]) == 64

    override(workspace, ranked[0], "--lift", "it reopened")
    override(workspace, ranked[1], "--leave-out", "a later thought")
    again = tmp_path / "again"
    said = becalm("run", "-w", workspace, "--again", briefing / "run.json", "--out", again).stdout
    assert "Byte for byte the same as the original" in said
    assert files_of(again) == files_of(briefing)

    becalm("run", "-w", workspace, *ASKED, "--out", tmp_path / "later")
    told = (tmp_path / "later" / "annex.html").read_text("utf-8")
    assert "was sealed before the override" in told
    assert "held when it was sealed and holds no more" in told


def test_a_briefing_whose_overrides_are_gone_from_the_ledger_is_not_made_again(loaded, workspace, tmp_path):
    becalm("run", "-w", workspace, *ASKED)
    record = workspace / "briefing" / "run.json"
    elsewhere = town.copy(loaded, tmp_path / "elsewhere")
    said = becalm("run", "-w", elsewhere, "--again", record, "--out", tmp_path / "again", code=8).output
    assert "does not hold the overrides of this run" in said
    altered = json.loads(record.read_text("utf-8"))
    key = f"ledger/entry {altered['parameters']['overrides'][0]}"
    altered["data"][key] = hashlib.sha256(b"another").hexdigest()
    record.write_text(json.dumps(altered, indent=2), "utf-8")
    becalm("run", "-w", workspace, "--again", record, "--out", tmp_path / "again", code=8)
    assert not (tmp_path / "again").exists()


def test_a_plan_keeps_overrides_and_stays_the_same_after_later_ones(workspace, ranked):
    said = patrol_town.plan(workspace, workspace / "plan")
    assert all(words in said for words in (LAST, REASON, "By the records alone it ranks"))
    made = planned(workspace / "plan")
    assert ranked[0] not in made["places"]
    assert ranked[-1] in made["places"]
    assert len([name for name in made["sources"] if name.startswith("override, ledger entry")]) == 2
    assert REASON in (workspace / "plan" / "index.html").read_text("utf-8")

    override(workspace, ranked[1], "--leave-out", "a later thought")
    said = patrol_town.plan(workspace, workspace / "copy")
    assert "byte for byte the same" in said
    assert "sealed before the override" in said
    assert (workspace / "copy" / "plan.json").read_bytes() == (workspace / "plan" / "plan.json").read_bytes()
    becalm("patrol", "reveal", workspace / "plan", "-w", workspace)
    assert "Identical files" in becalm("patrol", "replay", workspace / "plan", "-w", workspace).stdout
    assert becalm("patrol", "check", workspace / "plan").exit_code == 0


def test_a_seed_that_was_committed_keeps_the_overrides_of_that_day(workspace, ranked):
    becalm("patrol", "commit", "-w", workspace, *patrol_town.PLAN)
    override(workspace, ranked[1], "--leave-out", "a later thought")
    patrol_town.plan(workspace, workspace / "plan")
    assert ranked[1] in planned(workspace / "plan")["places"]


def test_a_file_of_hotspots_loses_the_places_that_are_left_out(workspace, loaded, ranked, tmp_path):
    file = tmp_path / "list.geojson"
    before = town.copy(loaded, tmp_path / "before")
    becalm(
        "find", "hotspots", "-w", before, "--count", 12, "--last-month", "2020-04", "--seed", 5, "-o", file
    )
    said = patrol_town.plan(workspace, workspace / "plan", "--hotspots", file)
    assert "taken out of the file's hotspots" in said
    assert "does not hold the place" in said
    assert ranked[0] not in planned(workspace / "plan")["places"]


def test_a_place_of_a_trial_that_is_left_out_keeps_its_arms(loaded, ranked, tmp_path):
    workspace = town.copy(loaded, tmp_path / "w")
    days = ("--from", FROM, "--days", 56, "--count", 12)
    trial = tmp_path / "trial"
    becalm("patrol", "trial", "-w", workspace, *days, "--out", trial)
    drawn = {row["hotspot"] for row in csv.DictReader((trial / "arms.csv").read_text("utf-8").splitlines())}
    gone = next(place for place in ranked if place in drawn)
    override(workspace, gone, "--leave-out", LAST)
    new = next(place for place in reversed(ranked) if place not in drawn)
    override(workspace, new, "--include", REASON)
    said = patrol_town.plan(workspace, workspace / "plan", "--arms", trial / "arms.csv")
    assert f"Trial: {gone} is left out by entry" in said
    assert f"Trial: {new} is included by entry" in said
    made = json.loads((workspace / "plan" / "plan.json").read_text("utf-8"))
    places, with_arm = {p["hotspot"] for p in made["places"]}, {hotspot for hotspot, *_ in made["arms"]}
    assert (gone in places, new in places, new in with_arm) == (False, True, False)
    assert with_arm == drawn - {gone}


def test_a_place_outside_the_city_is_refused_at_once_and_another_name_is_said_to_be_unseen(workspace, ranked):
    asked = ("find", "override", "-w", workspace, "--include", "--reason", LAST, "--place")
    outside = becalm(*asked, "150m_1_1", code=2)
    assert "'150m_1_1' lies outside the boundaries" in outside.stderr
    told = becalm("find", "overrides", "-w", workspace).stdout
    assert "150m_1_1" not in told, "nothing was recorded"
    assert "override without effect" in becalm(*asked, "seg_1_1").stderr
    assert "Note:" not in becalm(*asked, ranked[5]).stderr
