"""Known answers of public records, from the file to the printed comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from becalm.app.main import app, open_desk
from becalm.measure import compare_periods
from becalm.methods.rate_ratios import rate_p_values
from becalm.tables import count_published
from becalm.terms import Period, month_start

pytestmark = pytest.mark.data


def whole(year: int, month: int) -> Period:
    return Period(month_start(year, month), month_start(year, month + 1))


def workspace_with(folder: Path, *files: Path) -> Path:
    CliRunner().invoke(app, ["init", str(folder / "w")])
    done = CliRunner().invoke(app, ["ingest", "-w", str(folder / "w"), *map(str, files)])
    assert done.exit_code == 0, done.output
    return folder / "w"


def answer(workspace: Path, *words: str) -> dict:
    done = CliRunner().invoke(app, ["measure", "compare", "-w", str(workspace), "--format", "json", *words])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


@pytest.fixture(scope="module")
def london(shared_data, tmp_path_factory) -> Path:
    """The Metropolitan Police's monthly counts by borough."""
    return workspace_with(
        tmp_path_factory.mktemp("mps"), shared_data / "london" / "mps_borough_2010-04_2020-05.parquet"
    )


@pytest.fixture(scope="module")
def chicago(shared_data, tmp_path_factory) -> Path:
    """Violent offences of four years, to the minute."""
    return workspace_with(
        tmp_path_factory.mktemp("chicago"), shared_data / "chicago" / "violent_2012_2015.parquet"
    )


@pytest.mark.parametrize(
    ("group", "old", "new"),
    [
        ("robbery", 3_442, 1_104),
        ("violence_with_injury", 6_335, 4_660),
        ("possession_of_weapons", 558, 533),
        ("homicide", 13, 12),
        ("drug_offences", 3_718, 5_440),
    ],
)
def test_april_2020_in_london_is_as_published(london, group, old, new):
    rows = {r["group"]: r for r in answer(london, "--period", "2020-04", "--baseline", "2019-04")["rows"]}
    assert (rows[group]["old"], rows[group]["new"]) == (old, new)
    assert rows[group]["low"] < new / old < rows[group]["high"]


def test_the_press_figure_of_april_2020_is_reproduced_with_its_interval(london):
    found = answer(london, "--period", "2020-04", "--baseline", "2019-04", "--by", "offence_group")
    total = found["total"]
    assert (total["old"], total["new"], total["change_percent"]) == (74_885, 48_670, -35.0)
    assert total["low"] < 0.65 < total["high"] < 0.8
    assert "fraud" not in {row["group"] for row in found["rows"]}
    assert any(w.startswith("Fraud and forgery is excluded") for w in found["warnings"])


@pytest.mark.parametrize("by", ["borough", "command_unit", "offence"])
def test_every_way_of_grouping_gives_the_same_total(london, by):
    total = answer(london, "--period", "2020-05", "--baseline", "2019-05", "--by", by)["total"]
    assert (total["old"], total["new"]) == (77_321, 57_217)


def test_the_fall_depends_on_the_baseline(london):
    found = answer(london, "--period", "2020-04", "--baseline", "2019-04")
    assert [(b["label"], b["total"]["change_percent"]) for b in found["baselines"]] == [
        ("2019-04", -35.0),
        ("2018-04", -27.2),
        ("mean of 3 years", -29.5),
    ]


def test_a_year_without_an_intervention_is_not_called_a_change_of_everything(london):
    """2016 against 2015: real drifts exist, but few of them stand out of each group's own noise."""
    found = answer(london, "--period", "2016-04", "--baseline", "2015-04")
    assert sum(row["q_value"] < 0.05 for row in found["rows"] if row["q_value"] is not None) <= 3


def test_in_years_when_nothing_special_happened_few_months_are_called_a_change(london):
    """Every month of 2015 to 2019 against the year before, 18 groups: the manual quotes these shares."""
    rows = open_desk(london).archive.table("published_counts", source="mps_borough")
    counts = count_published(rows, by="offence_group", source="mps_borough", exclude_groups=["fraud"])
    months = [(year, month) for year in range(2015, 2020) for month in range(1, 13)]
    found = [
        row
        for year, month in months
        for row in compare_periods(counts, period=whole(year, month), baseline=whole(year - 1, month)).rows
    ]
    poisson = rate_p_values([row.new for row in found], [row.old for row in found])
    assert len(found) == 1_080
    assert float((poisson < 0.05).mean()) == pytest.approx(0.58, abs=0.01)
    assert sum(row.p_value < 0.05 for row in found) / 1_080 == pytest.approx(0.05, abs=0.005)
    assert sum(row.q_value < 0.05 for row in found) / 1_080 == pytest.approx(0.003, abs=0.002)


def test_the_last_six_weeks_of_2015_in_chicago_meet_the_same_weekdays_of_2014(chicago):
    found = answer(chicago, "--period", "last 6 weeks", "--baseline", "2014")
    assert found["period"] == {"start": "2015-11-20", "end": "2016-01-01"}
    assert found["baseline"] == {"start": "2014-11-21", "end": "2015-01-02"}
    assert found["baselines"][0]["alignment"] == "shifted by whole weeks"
    assert (found["total"]["old"], found["total"]["new"]) == (8_287, 8_204)
    assert found["total"]["method"].endswith("weeks")


def test_the_city_of_london_falls_from_851_to_236(shared_data, tmp_path):
    zipped = shared_data / "raw" / "police_uk_city_of_london_2018-04_2020-05.zip"
    workspace = workspace_with(tmp_path, zipped)
    april = answer(workspace, "--period", "2020-04", "--baseline", "2019-04")
    assert (april["total"]["old"], april["total"]["new"]) == (851, 236)
    may = answer(workspace, "--period", "2020-05", "--baseline", "2019-05")
    assert (may["total"]["old"], may["total"]["new"]) == (711, 226)


def test_the_headline_of_april_2021_in_toronto_says_that_it_depends_on_the_baseline(shared_data, tmp_path):
    CliRunner().invoke(app, ["init", str(tmp_path / "w"), "--city", "toronto"])
    file = shared_data / "toronto" / "mci_2014_2021.parquet"
    done = CliRunner().invoke(app, ["ingest", "-w", str(tmp_path / "w"), str(file)])
    assert done.exit_code == 0, done.output
    words = ["measure", "compare", "-w", str(tmp_path / "w"), "--period", "2021-04", "--baseline", "2020"]
    printed = CliRunner().invoke(app, words).output
    assert printed.startswith("The answer depends on the baseline: recorded offences in April 2021 were")
