"""`becalm find clusters | near-repeats | outbreaks` from the outside."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from made_places import months_from
from street_archive import keep_incidents
from typer.testing import CliRunner

from becalm.app.main import app

MONTHS = months_from("2018-01", 16)


def becalm(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """Robberies of sixteen months with their days, and the same by month alone."""
    folder = tmp_path_factory.mktemp("explain") / "w"
    becalm("init", folder)
    rng = np.random.default_rng(3)
    rows = []
    for month in MONTHS:
        for spot in rng.integers(0, 40, 30):
            at = rng.random(2) * 150
            day = date.fromisoformat(f"{month}-01") + timedelta(days=int(rng.integers(28)))
            rows.append(
                {
                    "offence_group": "robbery",
                    "easting_m": 530_000 + 150 * float(spot % 8) + at[0],
                    "northing_m": 180_000 + 150 * float(spot // 8) + at[1],
                    "location_quality": "exact",
                    "precision": "day",
                    "occurred_on": day,
                    "month": month,
                }
            )
    keep_incidents(folder, "dated", rows, MONTHS)
    dateless = [{**row, "occurred_on": None, "precision": "month"} for row in rows]
    keep_incidents(folder, "monthly", dateless, MONTHS)
    return folder


def test_clusters_say_how_p_values_were_adjusted_and_list_each_place(workspace):
    words = ("find", "clusters", "-w", workspace, "--source", "dated", "--count", 10)
    done = becalm(*words)
    assert done.exit_code == 0, done.output
    assert "adjusted by BH over all places" in done.stdout
    assert "never chooses it" in done.stdout
    rows = list(csv.DictReader(io.StringIO(becalm(*words, "--format", "csv").stdout)))
    assert len(rows) == 10
    assert set(rows[0]) >= {"place_id", "z", "q", "quadrant", "history"}


def test_unadjusted_clusters_are_not_to_be_had(workspace):
    done = becalm("find", "clusters", "-w", workspace, "--source", "dated", "--adjust", "none")
    assert done.exit_code == 2
    assert "would call hundreds of them clusters by chance" in done.output


def test_near_repeats_hold_every_pair_once(workspace):
    done = becalm(
        "find", "near-repeats", "-w", workspace, "--source", "dated", "--format", "json", "--seed", 1
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert sum(band["observed"] for band in told["bands"]) == 480 * 479 // 2
    again = becalm(
        "find", "near-repeats", "-w", workspace, "--source", "dated", "--format", "json", "--seed", 1
    )
    assert again.stdout == done.stdout


def test_records_by_month_alone_cannot_tell_repeats(workspace):
    done = becalm("find", "near-repeats", "-w", workspace, "--source", "monthly")
    assert done.exit_code == 5
    assert "carry a month and no day" in done.output


@pytest.mark.parametrize("edges", ["200,100", "a,b", "100,nan", "0,100"])
def test_edges_that_cannot_be_are_refused(workspace, edges):
    done = becalm("find", "near-repeats", "-w", workspace, "--source", "dated", "--metres", edges)
    assert done.exit_code == 2
    assert "--metres" in done.output


def test_outbreaks_say_that_looking_everywhere_was_paid_for(workspace):
    done = becalm("find", "outbreaks", "-w", workspace, "--source", "monthly", "--orders", 19)
    assert done.exit_code == 0, done.output
    assert "every circle and run looked at" in done.stdout


@pytest.mark.parametrize("step", ["week", "day"])
def test_outbreaks_of_weeks_and_days_are_told_by_their_days(workspace, step):
    asked = ("find", "outbreaks", "-w", workspace, "--source", "dated", "--orders", 19, "--step", step)
    done = becalm(*asked, "--format", "json", "--seed", 1)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["step"], told["last"]) == (step, "2019-04-30")
    for found in told["outbreaks"]:
        lasts = (date.fromisoformat(found["last"]) - date.fromisoformat(found["first"])).days + 1
        assert lasts <= {"week": 4 * 7, "day": 14}[step]
    assert f"{step}s:" in becalm(*asked).stdout


def test_records_by_month_alone_have_no_outbreaks_of_weeks(workspace):
    done = becalm("find", "outbreaks", "-w", workspace, "--source", "monthly", "--step", "week")
    assert done.exit_code == 5
    assert "carry a month and no day" in done.output
    assert "leave --step out" in done.output


@pytest.mark.parametrize(
    "words", [("--longest", 16), ("--longest", 0), ("--radius-m", 0), ("--radius-m", "nan")]
)
def test_a_scan_that_cannot_be_is_refused(workspace, words):
    done = becalm("find", "outbreaks", "-w", workspace, "--source", "dated", *words)
    assert done.exit_code == 2
    assert "Give a --radius-m above 0" in done.output


@pytest.mark.parametrize("days", ["7,nan", "7.5", "-7,7"])
def test_delays_that_are_no_whole_days_are_refused(workspace, days):
    done = becalm("find", "near-repeats", "-w", workspace, "--source", "dated", f"--days={days}")
    assert done.exit_code == 2
    assert "--days" in done.output


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("hotspots", "--count", 0), 2, "should be greater than or equal to 1"),
        (("clusters", "--level", "nan"), 2, "e.g. 0.05"),
        (("clusters", "--months", 17), 2, "16 months on record"),
        (("outbreaks", "--level", 7), 2, "e.g. 0.05"),
        (("backtest", "--area-share", 1.5), 2, "e.g. 0.01"),
        (("backtest", "--origins", 99), 5, "16 months"),
        (("hotspots", "--cell-m", "nan"), 2, "has no size"),
        (("hotspots", "--target", "robery"), 2, "Did you mean 'robbery'"),
        (("hotspots", "--first-month", "2030-01"), 2, "runs from 2018-01 to 2019-04"),
        (("hotspots", "--when", "night"), 5, "carry an hour"),
    ],
)
def test_what_cannot_be_is_refused_with_its_remedy(workspace, words, code, says):
    done = becalm("find", *words, "-w", workspace, "--source", "monthly")
    assert done.exit_code == code, done.output
    assert says in done.output


@pytest.mark.parametrize(
    ("each", "spread", "says"),
    [(10, 0, "lie in one single cell"), (1, 900, "need 100")],
)
@pytest.mark.parametrize("question", ["hotspots", "clusters", "outbreaks"])
def test_events_that_are_few_or_all_on_one_point_are_refused(tmp_path, question, each, spread, says):
    becalm("init", tmp_path / "w")
    rng = np.random.default_rng(1)
    at = {"offence_group": "robbery", "northing_m": 180_000.0, "location_quality": "exact"}
    rows = [
        {**at, "easting_m": 530_000 + spread * float(rng.random()), "month": month}
        for month in MONTHS
        for _ in range(each)
    ]
    keep_incidents(tmp_path / "w", "drawn", rows, MONTHS)
    done = becalm("find", question, "-w", tmp_path / "w")
    assert done.exit_code == 5, done.output
    assert says in done.output
    assert "{" not in done.output


@pytest.mark.parametrize(
    ("outline", "says"),
    [
        ([[[float("nan"), 51.5], [-0.1, 51.6], [-0.2, 51.6], [float("nan"), 51.5]]], "broken coordinates"),
        ([[[-0.1, 51.5], [0.0, 51.6], [0.0, 51.5], [-0.1, 51.6], [-0.1, 51.5]]], "Self-intersection"),
        ([[[9.0, 51.5], [9.1, 51.5], [9.1, 51.6], [9.0, 51.5]]], "they are elsewhere"),
        ([], "its features are empty"),
    ],
)
@pytest.mark.filterwarnings("ignore:Non closed ring")
def test_areas_that_are_broken_empty_or_elsewhere_are_refused(workspace, tmp_path, outline, says):
    shape = {"type": "Polygon", "coordinates": outline}
    one = {"type": "Feature", "properties": {"beat": "A"}, "geometry": shape}
    file = tmp_path / "beats.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [one]}))
    done = becalm(
        "find", "clusters", "-w", workspace, "--source", "dated", "--place-kind", "own", "--places", file
    )
    assert done.exit_code in (4, 5), done.output
    assert says in done.output
