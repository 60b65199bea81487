"""`becalm find hotspots --rank harm` from the outside."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from town import becalm, simulate, workspace_of
from typer.testing import CliRunner

from becalm.app.main import app


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("harm")
    return workspace_of(simulate(folder / "town"), folder / "city")


def told(workspace: Path, *words: object) -> dict:
    return json.loads(
        becalm(
            "find", "hotspots", "-w", workspace, "--count", 40, "--seed", 1, "--format", "json", *words
        ).stdout
    )


def test_the_list_says_its_rank_its_weights_and_both_ranks_of_each_place(workspace):
    found = told(workspace, "--rank", "harm", "--cap", "Dunmarsh=5")
    run, first = found["run"], found["features"][0]["properties"]
    assert run["rank"] == "harm"
    assert (run["harm"]["index"], run["harm"]["edition"], run["harm"]["version"]) == ("css", "2020", "1")
    assert {g["group"] for g in run["harm"]["groups"]} == set(run["target"])
    assert all(g["evidence"] for g in run["harm"]["groups"])
    assert run["rules"]["unit"] == "harm (css 2020) in 30 days"
    assert (first["harm_rank"], first["rank"]) == (1, 1)
    assert sum(part["harm"] for part in first["harm_parts"]) == pytest.approx(first["harm"], abs=0.01)
    assert run["parameters"]["harm_weights"]["author"]


def test_by_count_no_harm_is_reckoned_unless_weights_are_named(workspace):
    plain, shown = told(workspace), told(workspace, "--harm-weights", "simulated_city")
    assert plain["run"]["rank"] == "count"
    assert "harm" not in plain["features"][0]["properties"]
    assert [f["properties"]["place_id"] for f in shown["features"]] == [
        f["properties"]["place_id"] for f in plain["features"]
    ]
    assert shown["features"][0]["properties"]["harm"] > 0


def test_screen_and_csv_carry_it(workspace):
    words = ("find", "hotspots", "-w", workspace, "--count", 40, "--rank", "harm")
    shown = becalm(*words).stdout
    assert ", by harm:" in shown
    assert "Harm weights simulated_city 1: css 2020" in shown
    assert "harm (css 2020) expected in 30 days on the list" in shown
    assert re.search(r"40 places: one place more would add [\d.]+ harm \(css 2020\)", shown)
    narrow = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "80"}).stdout
    table = narrow.splitlines()[1:23]
    assert max(map(len, table)) <= 80
    assert "harm in 30 days" in narrow
    assert sum("150m_" in line and " to " in line for line in table) == 20
    rows = list(csv.DictReader(io.StringIO(becalm(*words, "--format", "csv").stdout)))
    assert float(rows[0]["harm"]) > float(rows[-1]["harm"]) > 0
    assert {"harm_low", "harm_high", "harm_rank", "count_rank", "harm_events"} <= set(rows[0])


def test_what_cannot_be_ranked_by_harm_is_refused(workspace, tmp_path):
    words = ("find", "hotspots", "-w", workspace, "--rank", "harm")
    refused = becalm(*words, "-t", "burglary", code=5).output
    assert "no weight for burglary" in refused
    assert "robbery" in refused
    assert "possession_of_weapons" not in refused, "police find it by looking, so it cannot be asked for"
    assert "predicts incidents, not harm" in becalm(*words, "--finder", "ewma", code=2).output
    assert "no harm rank" in becalm(*words, "--place-kind", "box", "-t", "robbery", code=2).output
    assert "no harm weights" in becalm(*words, "--harm-weights", "chi", code=2).output
