"""A file that takes the place of another says so, and months of which the same is missing share a line."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from police_files import make_workspace, street_row, write_street
from typer.testing import CliRunner

from becalm.app.main import app


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "workspace")


def load(workspace: Path, *words: object, format: str = "json") -> str:
    command = ["ingest", *map(str, words), "--workspace", str(workspace), "--format", format]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return result.output


def notes(told: str) -> list[str]:
    return [note for file in json.loads(told)["files"] for note in file["notes"]]


def street(folder: Path, *names: str, month: str = "2020-04") -> Path:
    return write_street(folder, [street_row(name, month=month) for name in names], month=month)


def test_of_two_files_of_one_month_in_one_load_the_one_that_does_not_count_is_named(
    workspace: Path, tmp_path: Path
) -> None:
    first, second = street(tmp_path / "one", "a", "b"), street(tmp_path / "two", "a", "b", "c")
    told = notes(load(workspace, first, second))
    assert told == ["not counted for 2020-04: a file of the same name counts in its place"]


def test_a_file_that_replaces_one_of_another_name_names_it(workspace: Path, tmp_path: Path) -> None:
    north, south = tmp_path / "north.csv", tmp_path / "south.csv"
    street(tmp_path / "one", "a", "b").rename(north)
    street(tmp_path / "two", "c", "d").rename(south)
    assert notes(load(workspace, north)) == []
    assert notes(load(workspace, south)) == [
        "replaces what north.csv brought; files that count together are loaded by one command"
    ]


def test_a_month_that_is_issued_again_under_its_name_says_no_more_than_that(
    workspace: Path, tmp_path: Path
) -> None:
    load(workspace, street(tmp_path / "one", "a", "b"), "--as-of", "2020-06-01")
    told = json.loads(load(workspace, street(tmp_path / "two", "a"), "--as-of", "2020-07-01"))
    assert [(file["status"], file["notes"]) for file in told["files"]] == [("supersedes", [])]


def test_months_in_a_row_without_records_share_a_line(workspace: Path, tmp_path: Path) -> None:
    names = [f"a{n}" for n in range(60)]
    for month in ("2020-01", "2020-05"):
        street(tmp_path / "inbox", *names, month=month)
    lines = load(workspace, tmp_path / "inbox", format="table").splitlines()
    missing = [line for line in lines if line.startswith("coverage:")]
    assert missing == [
        "coverage: police_uk/city-of-london 2020-02 to 2020-04 (3 months): "
        "no records; about 60 would be expected"
    ]


def test_a_file_cut_off_in_the_middle_of_a_row_is_carried_to_every_answer(
    workspace: Path, tmp_path: Path
) -> None:
    for month in ("2019-04", "2020-04"):
        street(tmp_path / month, *(f"a{n}" for n in range(60)), month=month)
    file = tmp_path / "2020-04" / "2020-04-city-of-london-street.csv"
    whole = file.read_text("utf-8")
    file.write_text(whole[:-40], "utf-8")
    told = load(workspace, tmp_path / "2019-04", file, format="table")
    words = f"{file.name} ends in the middle of a row: the rest of the file is missing"
    assert f"coverage: police_uk/city-of-london 2020-04: {words}" in told.splitlines()
    ask = ["measure", "compare", "--period", "2020-04", "--baseline", "2019-04", "--format", "json"]
    answer = CliRunner().invoke(app, [*ask, "--workspace", str(workspace)])
    assert any(words in warning for warning in json.loads(answer.output)["warnings"])
    file.write_text(whole, "utf-8")
    assert words not in load(
        workspace, file, "--as-of", datetime.now().astimezone().date().isoformat(), format="table"
    )
