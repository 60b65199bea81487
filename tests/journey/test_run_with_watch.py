"""`becalm run` with the watch in it, and the same bytes again, whatever was declared or reviewed since."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from published_counts import keep
from town import becalm
from watched import FIRST, STEP, WEEKS, drawn_incidents

ASKED = ("--period", "2020-11", "--hotspot-source", "none", "--seed", 5)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city with a declared step, and its briefing."""
    made = tmp_path_factory.mktemp("watched") / "workspace"
    becalm("init", made)
    keep(made, "incidents", drawn_incidents(), "drawn", as_of=FIRST + timedelta(weeks=WEEKS))
    becalm("sustain", *STEP, "-w", made)
    becalm("run", "-w", made, *ASKED)
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_briefing_shows_levels_bands_and_alarms(workspace: Path) -> None:
    made = contents(workspace / "briefing")
    page = made["index.html"].decode()
    assert '<h2 id="sustain">Watch: is it rising again?</h2>' in page
    assert 'id="watch-wide-title"' in page
    assert 'id="watch-narrow-title"' in page
    assert "Step from 2020-01-06 (lockdown): first lockdown." in page
    assert made["watch.csv"].decode().startswith("borough,offence_group,state,since,")
    parts = map(json.loads, json.loads(made["run.json"])["parameters"]["parts"])
    pins = next(part for part in parts if part["job"] == "sustain")
    assert pins["detector"] == "ramp"
    assert json.loads(pins["calibrations"][0])["thresholds"]["ramp"]


def test_it_is_made_again_byte_for_byte_whatever_came_since(workspace: Path, tmp_path: Path) -> None:
    before = contents(workspace / "briefing")
    (alarm, *_) = json.loads(becalm("sustain", "history", "-w", workspace, "--format", "json").stdout)[
        "alarms"
    ]
    becalm("sustain", "review", alarm["alarm"], "--decision", "real", "--reason", "bars", "-w", workspace)
    for kept in (workspace / "sustain").glob("thresholds-*.json"):
        kept.unlink()
    again = tmp_path / "again"
    becalm("run", "-w", workspace, "--again", workspace / "briefing" / "run.json", "--out", again)
    assert contents(again) == before


def test_clusters_say_how_rarely_chance_brings_one(workspace: Path) -> None:
    asked = ("sustain", "clusters", "-w", workspace, "--drawings", 99, "--seed", 3, "--least-years", 0.05)
    answer = json.loads(becalm(*asked, "--format", "json").stdout)
    assert answer["until"] == str(FIRST + timedelta(weeks=WEEKS, days=-1))
    assert answer["history_weeks"] > 52
    assert answer["incidents"] > 5000
    assert all(row["observed"] > row["expected"] for row in answer["clusters"])
    assert json.loads(becalm(*asked, "--format", "json").stdout) == answer
    assert f"incidents up to {answer['until']}; circles up to 1000 m" in becalm(*asked).stdout
    unknown = becalm(*asked, "--offence-group", "robery", code=2).output
    assert "Did you mean" in unknown


def test_a_public_watch_has_no_scores_and_is_remembered(workspace: Path) -> None:
    asked = ("sustain", "watch", "-w", workspace, "--public", "--seed", 1)
    answer = json.loads(becalm(*asked, "--format", "json").stdout)
    assert {row["score"] for row in answer["series"]} == {None}
    assert list((workspace / "public").glob("*.json"))
    assert json.loads(becalm(*asked, "--format", "json").stdout) == answer
