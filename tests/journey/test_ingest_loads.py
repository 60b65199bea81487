"""`becalm ingest list | withdraw | purge` and `becalm status` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from police_files import make_workspace, street_row, write_street
from typer.testing import CliRunner

from becalm.app.main import app


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = make_workspace(tmp_path / "workspace")
    write_street(tmp_path / "inbox", [street_row(f"a{n}") for n in range(12)])
    call(folder, "ingest", str(tmp_path / "inbox"), "--as-of", "2020-05-01")
    return folder


def call(workspace: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--workspace", str(workspace)], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result.output


def test_a_load_is_listed_taken_back_and_gone_from_the_status(workspace: Path) -> None:
    assert "police_uk/city-of-london" in call(workspace, "status")
    (load,) = json.loads(call(workspace, "ingest", "list", "--format", "json"))
    assert (load["load"], load["status"], load["rows"]) == ("000001", "current", 12)
    assert "000001  current; 12 of 12 rows count; as of 2020-05-01" in call(workspace, "ingest", "list")
    printed = call(workspace, "ingest", "withdraw", "1", "--reason", "the wrong month")
    assert "000001  withdrawn: the wrong month; 0 of 12 rows count" in printed
    assert "No records yet" in call(workspace, "status")
    assert json.loads(call(workspace, "status", "--format", "json"))["sources"] == []
    assert "withdrawn already" in call(workspace, "ingest", "withdraw", "1", "--reason", "again", code=2)


def test_a_purge_of_young_records_is_refused_and_old_ones_go(workspace: Path, tmp_path: Path) -> None:
    assert "kept for 72 months" in call(workspace, "ingest", "purge", "--before", "2026-01-01", code=2)
    write_street(tmp_path / "old", [street_row("b", month="2012-01")], month="2012-01")
    call(workspace, "ingest", str(tmp_path / "old"), "--as-of", "2020-05-01")
    printed = call(workspace, "ingest", "purge", "--before", "2013-01-01")
    assert "Destroyed 1 rows in 1 files, 2012-01 to 2012-01." in printed
    newest, _ = json.loads(call(workspace, "ingest", "list", "--format", "json"))
    assert (newest["status"], newest["current_rows"]) == ("purged", 0)


def test_an_option_speaks_of_itself_where_a_file_is_refused(workspace: Path, tmp_path: Path) -> None:
    write_street(tmp_path / "less", [street_row("a0")])
    refusal = call(workspace, "ingest", str(tmp_path / "less"), "--as-of", "2020-05-02", code=4)
    assert "has 1 rows, where 12 are loaded" in refusal
    assert "--replace" in refusal
    assert "later than today" in call(
        workspace, "ingest", str(tmp_path / "less"), "--as-of", "2999-01-01", code=2
    )


def test_a_city_file_is_proposed_for_records_of_another_city(workspace: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{n},2020-04-{1 + n % 28:02d},Robbery,53.8{n % 10},-1.5{n % 10}" for n in range(40))
    (path := tmp_path / "leeds.csv").write_text(f"id,date,offence,lat,lng\n{rows}\n")
    printed = call(workspace, "ingest", "map", str(path))
    assert "a city file was proposed" in printed
    city = workspace / "cities" / "leeds.toml"
    result = CliRunner().invoke(app, ["init", str(tmp_path / "leeds"), "--city", str(city)])
    assert result.exit_code == 0, result.output
    assert 'name = "Leeds"' in (tmp_path / "leeds" / "becalm.toml").read_text("utf-8")
