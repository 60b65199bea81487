"""`becalm find` from the outside: what it prints and writes, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pyogrio
import pytest
from made_places import true_rates
from street_archive import MONTHS, keep_incidents
from typer.testing import CliRunner

from becalm.app.main import app

ROW = ["method", "hit_rate", "pai", "pai_low", "pai_high", "pei", "rri", "gini", "log_score"]
ROW += ["difference_from_count_12", "difference_low", "difference_high"]


def becalm(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def street(rng: np.random.Generator, *, hours: bool) -> list[dict[str, object]]:
    """Robberies, thefts and drugs in the middle of London, with or without the hour."""
    rates, rows = true_rates(8, rng, mean=0.5), []
    for month in MONTHS:
        for group, factor in (("robbery", 1.0), ("theft_from_the_person", 2.0), ("drugs", 1.0)):
            for y, x in np.ndindex(*rates.shape):
                for _ in range(rng.poisson(rates[y, x] * factor)):
                    at = rng.random(2) * 150
                    place = {"easting_m": 530_000 + 150 * x + at[0], "northing_m": 180_000 + 150 * y + at[1]}
                    hour = {"hour_of_week": int(rng.integers(168)), "precision": "hour"} if hours else {}
                    rows.append(
                        {
                            "month": month,
                            "offence_group": group,
                            "borough": "Camden",
                            "location_quality": "exact",
                        }
                        | place
                        | hour
                    )
    return rows


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """Twenty months of two sources: one with hours, one with months alone."""
    folder = tmp_path_factory.mktemp("find") / "w"
    becalm("init", folder)
    rng = np.random.default_rng(8)
    keep_incidents(folder, "timed", street(rng, hours=True))
    keep_incidents(folder, "monthly", street(rng, hours=False))
    return folder


def found(workspace: Path, *words: object) -> dict:
    done = becalm(
        "find", "hotspots", "-w", workspace, "-t", "robbery", "--count", 12, "--format", "json", *words
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_list_is_geojson_with_profiles_where_times_exist(workspace):
    timed = found(workspace, "--source", "timed", "--seed", 4)
    assert len(timed["features"]) == 12
    for feature in timed["features"]:
        assert sum(feature["properties"]["profile"]) == pytest.approx(1.0, abs=1e-3)
        assert feature["properties"]["borough"] == "Camden"
    assert timed["run"]["excluded"] == ["drugs"]
    assert timed["run"]["seed"] == 4
    assert len(timed["run"]["data"]) == 20
    monthly = found(workspace, "--source", "monthly")
    assert {feature["properties"]["profile"] for feature in monthly["features"]} == {None}


def test_the_screen_shows_the_busiest_hours_with_their_share_and_how_sure_they_are(workspace):
    words = ("find", "hotspots", "-w", workspace, "-t", "robbery", "--count", 12, "--source")
    shown = becalm(*words, "timed").stdout
    first = next(line for line in shown.splitlines() if line.split()[:1] == ["1"])
    assert re.search(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d-\d\d +\d+% \(\d+% to \d+%\) [01]\.\d\d", first)
    assert "Sure: the least probability" in shown
    monthly = becalm(*words, "monthly").stdout
    assert "these records carry no times" in monthly
    assert "Sure:" not in monthly


def test_the_same_seed_gives_the_same_list(workspace):
    first, again = (found(workspace, "--source", "timed", "--seed", 9) for _ in range(2))
    assert first["features"] == again["features"]


def test_the_list_is_written_in_three_formats_at_once(workspace, tmp_path):
    files = [tmp_path / f"list.{ending}" for ending in ("geojson", "gpkg", "csv")]
    words = [word for file in files for word in ("--out", file)]
    done = becalm("find", "hotspots", "-w", workspace, "--source", "timed", "--count", 12, *words)
    assert done.exit_code == 0, done.output
    assert "How sure" in done.stdout
    assert "Left out as found by police: drugs" in done.stdout
    assert pyogrio.read_info(files[1])["features"] == 12
    assert len(json.loads(files[0].read_text())["features"]) == 12
    assert len(files[2].read_text().splitlines()) == 13


def test_until_a_month_nothing_after_it_is_read(workspace):
    early = found(workspace, "--source", "timed", "--last-month", "2018-12")
    assert early["run"]["last_month"] == "2018-12"
    assert len(early["run"]["data"]) == 12


def test_the_backtest_has_the_agreed_shape(workspace):
    options = ("-w", workspace, "--source", "timed", "-t", "robbery", "--origins", 6, "--area-share", 0.1)
    done = becalm("find", "backtest", *options, "--format", "json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert list(told)[:5] == ["target", "cell_m", "area_share", "origins", "rows"]
    assert (told["source"], len(told["months"]), told["seed"] >= 0) == ("timed", 6, True)
    assert all(isinstance(warning, str) for warning in told["warnings"])
    assert (told["target"], told["origins"], told["area_share"]) == ("robbery", 6, 0.1)
    assert [list(row)[: len(ROW)] for row in told["rows"]] == [ROW] * 11  # what is new comes after
    assert all(isinstance(value, float) for row in told["rows"] for value in list(row.values())[1:])
    listed = becalm("find", "backtest", *options, "--format", "csv").stdout
    methods = [row["method"] for row in csv.DictReader(io.StringIO(listed))]
    assert methods[-5:] == ["blend", "count_all", "kde_all_150", "kde_ewma_150", "season"]
    assert "verdict" in becalm("find", "backtest", *options).stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "--source timed"),
        (("--source", "timed", "-t", "robery"), 2, "Did you mean 'robbery'"),
        (("--source", "timed", "-t", "drugs"), 5, "found by the police"),
        (("--source", "timed", "--last-month", "May"), 2, "not a month"),
        (("--source", "timed", "--first-month", "2030-01"), 2, "No month on record"),
        (("--source", "timed", "--last-month", "2018-02"), 5, "need 4"),
        (("--source", "timed", "--cell-m", "0"), 2, "no size"),
        (("--source", "timed", "--out", "list.shp"), 2, ".gpkg"),
    ],
)
def test_what_cannot_be_answered_ends_with_its_code_and_a_remedy(workspace, words, code, says):
    done = becalm("find", "hotspots", "-w", workspace, *words)
    assert done.exit_code == code, done.output
    assert says in done.stderr


def test_hours_are_not_made_up_for_records_that_carry_months(workspace):
    done = becalm("find", "hotspots", "-w", workspace, "--source", "monthly", "-t", "robbery", "--count", 12)
    assert "carry no times" in done.stdout


def test_the_names_of_places_stay_whole_on_a_narrow_screen(workspace, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    options = ("-w", workspace, "--source", "timed", "-t", "robbery", "--count", 5)
    shown = becalm("find", "hotspots", *options).stdout
    ids = [
        row["place_id"]
        for row in csv.DictReader(io.StringIO(becalm("find", "hotspots", *options, "-f", "csv").stdout))
    ]
    assert all(place in shown for place in ids)


def test_an_empty_archive_says_how_to_fill_it(tmp_path):
    becalm("init", tmp_path / "w")
    done = becalm("find", "hotspots", "-w", tmp_path / "w")
    assert (done.exit_code, "becalm ingest" in done.stderr) == (5, True)
