"""`becalm measure delay`, `expected`, `revisions` and `--public` from the outside."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from drawn import drawn_incidents
from published_counts import keep
from typer.testing import CliRunner

from becalm.app.main import app


def run(workspace: Path, *words: str) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["measure", *words, "-w", str(workspace)])
    return done.exit_code, done.output


def answer(workspace: Path, *words: str) -> Any:
    code, printed = run(workspace, *words, "--format", "json")
    assert code == 0, printed
    return json.loads(printed)


@pytest.fixture(scope="module")
def days(tmp_path_factory) -> Path:
    """A workspace with incidents of known days in two boroughs, to 1 January 2020."""
    workspace = tmp_path_factory.mktemp("weeks") / "w"
    CliRunner().invoke(app, ["init", str(workspace)])
    first = date(2017, 1, 1).toordinal()
    every_day = [date.fromordinal(first + n) for n in range(1096)]
    lines = [f"{d} | robbery | {('Brent', 'Camden')[d.day % 5 == 0]}" for d in every_day]
    rows = "day | offence_group | borough\n" + "\n".join(lines)
    keep(workspace, "incidents", drawn_incidents(rows).to_pyarrow(), "drawn")
    return workspace


def test_what_was_expected_has_its_placebo_beside_it(days: Path) -> None:
    found = answer(days, "expected", "--period", "2019-W40..2019-W47", "--by", "borough,offence_group")
    assert [series["group"] for series in found["series"]] == [
        "total",
        *("Brent", "Camden", "Brent, robbery", "Camden, robbery"),
    ]
    total = found["series"][0]
    assert total["count"] == 56
    assert total["expected"]["low"] <= total["expected"]["value"] <= total["expected"]["high"]
    assert total["expected"]["level"] == 0.95
    assert total["placebo_count"] > 200
    assert 0.9 <= total["placebo_held_share"] <= 1.0
    code, printed = run(days, "expected")
    assert code == 0
    assert "Held before" in printed


def test_days_and_months_are_expected_too(days: Path) -> None:
    by_day = answer(days, "expected", "--period", "2019-11-04..2019-11-17", "--step", "day")
    assert len(by_day["series"][0]["times"]) == 14
    by_month = answer(days, "expected", "--period", "2019-10..2019-11", "--step", "month")
    assert [time["count"] for time in by_month["series"][0]["times"]] == [31, 30]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("expected", "--period", "2017-W10"), 5, "a year of them is needed"),
        (("expected", "--period", "2019-10-02..2019-10-09"), 5, "not covered in whole weeks"),
        (("expected", "--period", "2024-W10"), 5, "not covered"),
        (("expected", "--by", "borough,crime"), 2, "names 'crime'"),
        (("delay", "--offence-group", "treason"), 2, "no offence group 'treason'"),
        (("revisions", "--period", "1999-10"), 5, "No version of drawn holds records"),
        (("revisions", "--period", "2019-13"), 2, "is not a month"),
    ],
)
def test_what_cannot_be_answered_says_why(days: Path, words: tuple[str, ...], code: int, reason: str) -> None:
    ended, printed = run(days, *words)
    assert ended == code, printed
    assert reason in " ".join(printed.split())
    assert "Traceback" not in printed


def test_completeness_is_unknown_where_nothing_says_when_records_were_written(days: Path) -> None:
    found = answer(days, "delay", "--weeks", "2")
    assert found["basis"] == "unknown"
    assert {row["completeness"] for row in found["rows"]} == {None}


def test_one_version_has_not_been_revised(days: Path) -> None:
    found = answer(days, "revisions", "--period", "2019-10")
    assert [(row["group"], row["count"]) for row in found["rows"]] == [("total", 31), ("robbery", 31)]
    assert "one version" in found["warnings"][0]


def test_a_public_table_is_remembered_and_withholds_what_is_small(days: Path) -> None:
    words = ("compare", "--period", "2019-W44", "--baseline", "2018", "--by", "borough")
    rows = {row["group"]: row for row in answer(days, *words)["rows"]}
    assert 0 < rows["Camden"]["new"] < 5
    public = answer(days, *words, "--public")
    assert {row["new"] for row in public["rows"]} == {None}  # with one other row, the total gives it back
    assert public["total"]["new"] == 7
    assert "withheld" in public["rows"][0]["notes"][0]
    (kept,) = (days / "public").glob("*.json")
    assert answer(days, *words, "--public") == public
    assert list((days / "public").glob("*.json")) == [kept]
