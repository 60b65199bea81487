"""Lists under rules from the outside: floors, caps, hours, files of rules, overrides and their prices."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from street_archive import draw_archive
from town import becalm

RULES = """
author = "A. Analyst"
date = 2020-06-01
count = 10
separation_m = 200

[areas.Camden]
floor = 6

[areas.Brent]
cap = 3

[[leave_out]]
place = "{place}"
reason = "covered by the rail operator's own team"
"""


def nights_in_the_east(column: int, rng: np.random.Generator) -> int:
    hour = int(rng.integers(20, 24)) if column >= 4 else int(rng.integers(8, 18))
    return 24 * int(rng.integers(7)) + hour


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rules") / "w"
    becalm("init", folder)
    draw_archive(folder, seed=5, hour_of=nights_in_the_east)
    return folder


def listed(workspace: Path, *words: object) -> dict:
    common = ("-w", workspace, "-t", "robbery", "--seed", 3, "--format", "json")
    return json.loads(becalm("find", "hotspots", *common, *words).stdout)


def places(told: dict) -> list[str]:
    return [feature["properties"]["place_id"] for feature in told["features"]]


def boroughs(told: dict) -> list[str]:
    return [feature["properties"]["borough"] for feature in told["features"]]


def test_floors_and_caps_hold_and_have_a_price(workspace):
    free = listed(workspace, "--count", 12)
    camden = boroughs(free).count("Camden")
    ruled = listed(workspace, "--count", 12, "--floor", f"Camden={camden + 2}", "--cap", "Brent=5")
    assert boroughs(ruled).count("Camden") >= camden + 2
    assert boroughs(ruled).count("Brent") <= 5
    rules = ruled["run"]["rules"]
    assert rules["exact"]
    assert rules["expected"] < free["run"]["rules"]["expected"]
    assert [price["kind"] for price in rules["prices"]] == ["count", "floor", "cap"]
    assert all(price["removed"] is None or price["removed"] >= 0 for price in rules["prices"])
    assert ruled["run"]["parameters"]["floors"] == {"Camden": camden + 2}


def test_a_night_list_is_where_the_nights_are_busy(workspace):
    night = listed(workspace, "--count", 10, "--when", "night")
    day = listed(workspace, "--count", 10, "--when", "day")
    assert set(boroughs(night)) == {"Brent"}
    assert set(boroughs(day)) == {"Camden"}
    assert night["run"]["rules"]["hours"] == "19-07"


def test_a_file_of_rules_is_kept_and_named(workspace, tmp_path):
    best = places(listed(workspace, "--count", 5))[0]
    file = tmp_path / "rules.toml"
    file.write_text(RULES.format(place=best))
    told = listed(workspace, "--rules", file)
    assert best not in places(told)
    assert len(places(told)) <= 10
    assert boroughs(told).count("Camden") >= 6
    rules = told["run"]["rules"]
    assert (rules["author"], rules["written_on"]) == ("A. Analyst", "2020-06-01")
    assert [d["reason"] for d in rules["overrides"]] == ["covered by the rail operator's own team"]
    shown = becalm("find", "hotspots", "-w", workspace, "-t", "robbery", "--rules", file).stdout
    assert "at most 3 in Brent" in shown
    assert "200 m apart" in shown
    assert "covered by the rail operator" in shown


def test_an_override_is_recorded_honoured_shown_and_moves_no_certainty(workspace, tmp_path):
    before = listed(workspace, "--count", 6)
    worst, best = (
        listed(workspace, "--count", 60)["features"][-1]["properties"]["place_id"],
        places(before)[0],
    )
    command = ("find", "override", "-w", workspace)
    becalm(*command, "--place", best, "--leave-out", "--reason", "the market closed")
    becalm(*command, "--place", worst, "--include", "--reason", "threats after the match")
    after = listed(workspace, "--count", 6)
    assert best not in places(after)
    assert worst in places(after)
    kept = {f["properties"]["place_id"]: f["properties"]["p_top"] for f in before["features"]}
    for feature in after["features"]:
        if (place := feature["properties"]["place_id"]) in kept:
            assert feature["properties"]["p_top"] == kept[place]
    told = after["run"]["rules"]["overrides"]
    assert {d["reason"] for d in told} == {"the market closed", "threats after the match"}
    assert all(d["by"] and d["on"] and d["entry"] for d in told)
    assert after["run"]["parameters"]["overrides"] == [d["entry"] for d in told]
    shown = becalm("find", "hotspots", "-w", workspace, "-t", "robbery", "--count", 6).stdout
    assert "threats after the match" in shown
    other = becalm("find", "hotspots", "-w", workspace, "-t", "robbery", "--count", 6, "--cell-m", 100).stdout
    assert "no such place competes here" in other
    assert "the market closed" in becalm("find", "overrides", "-w", workspace).stdout
    becalm(*command, "--place", best, "--lift", "--reason", "it reopened")
    becalm("record", "withdraw", told[1]["entry"], "--reason", "wrong place", "-w", workspace)
    assert places(listed(workspace, "--count", 6)) == places(before)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--floor", "Camden=40"), 5, "has 24 places, 16 fewer than its floor of 40"),
        (("--floor", "Camden=20", "--separation-m", 400), 5, "fewer than its floor of 20"),
        (("--floor", "Camdn=2"), 2, "did you mean 'Camden'"),
        (("--floor", "Camden=3", "--cap", "Camden=2"), 2, "1 above its cap of 2"),
        (("--floor", "Camden"), 2, "--floor Camden=3"),
        (("--when", "evening"), 2, "names no hours"),
        (("--count", 3, "--floor", "Camden=2", "--floor", "Brent=2"), 2, "1 more than the 3 places"),
        (("--rules", "missing.toml"), 4, "cannot be read"),
    ],
)
def test_rules_that_cannot_hold_are_refused_by_name_and_amount(workspace, words, code, says):
    count = () if "--count" in words else ("--count", 45)
    done = becalm("find", "hotspots", "-w", workspace, "-t", "robbery", *count, *words, code=code)
    assert says in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--include", "--leave-out", "--reason", "both"), "one of"),
        (("--leave-out", "--reason", " "), "needs a reason"),
        (("--lift", "--reason", "never was"), "No override"),
        (("--include", "--reason", "late", "--until", "2001-01-01"), "is past"),
    ],
)
def test_an_override_that_says_nothing_is_refused(workspace, words, says):
    assert says in becalm("find", "override", "-w", workspace, "--place", "150m_1_1", *words, code=2).stderr


def test_months_alone_make_no_night_list(tmp_path):
    becalm("init", tmp_path / "w")
    draw_archive(tmp_path / "w", seed=6, hour_of=None)
    asked = ("-w", tmp_path / "w", "-t", "robbery", "--count", 10, "--when", "night")
    done = becalm("find", "hotspots", *asked, code=5)
    assert "carry an hour" in done.stderr
    assert "--when" in done.stderr
