"""London's robberies, Westminster's streets: a plan, its judge, and what an attacker learns from it."""

import json
from pathlib import Path

import pytest
from town import becalm

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def planned(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of London with four weeks planned for Westminster in its folder `plan`."""
    workspace = tmp_path_factory.mktemp("london") / "w"
    boroughs = shared_data / "boundaries" / "london-boroughs.geojson"
    becalm("init", workspace, "--city", "london", "--boundaries", boroughs)
    becalm("ingest", shared_data / "london" / "street_points_2018-02_2020-05.parquet", "-w", workspace)
    streets = shared_data / "streets" / "westminster_drive.graphml.gz"
    becalm(
        *("patrol", "plan", "-w", workspace, "--from", "2020-05-04", "--days", 14, "--target", "robbery"),
        *("--units", "westminster", "--streets", streets, "--borough", "Westminster"),
        *("--out", workspace / "plan"),
    )
    return workspace


def test_the_judge_finds_nothing_to_say(planned: Path) -> None:
    said = json.loads(becalm("patrol", "check", planned / "plan", "-w", planned, "--format", "json").stdout)
    assert said["violations"] == []
    assert said["visits"] > 500


def test_targets_are_met_on_average_over_real_streets(planned: Path) -> None:
    said = becalm("patrol", "forecast", planned / "plan", "-w", planned, "--format", "json").stdout
    found = json.loads(said)
    assert found["expected_error"] < 0.02
    held = json.loads((planned / "plan" / "plan.json").read_text("utf-8"))
    assert {table["source"] for table in held["travel"]} == {"streets"}
    assert {table["mode"] for table in held["travel"]} == {"foot", "cycle", "vehicle"}


def test_the_seed_gives_the_same_plan_again(planned: Path) -> None:
    becalm("patrol", "reveal", planned / "plan", "-w", planned)
    assert (
        "Identical files: plan.json, visits.csv"
        in becalm("patrol", "replay", planned / "plan", "-w", planned).stdout
    )
