"""From a file nobody has mapped to loaded records, by the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from extracts import ROWS
from typer.testing import CliRunner

from becalm.app.main import app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init", "force"]).exit_code == 0
    (tmp_path / "crimes.csv").write_text(ROWS)
    return tmp_path


def call(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--workspace", "force"])
    assert result.exit_code == code, result.output
    return result.output


def test_a_proposal_is_told_as_json(folder: Path) -> None:
    told = json.loads(call("ingest", "map", "crimes.csv", "--format", "json"))
    assert told["file"] == "crimes.csv"
    assert told["fits"] is None
    assert Path(told["mapping"]).read_text("utf-8").count("\n") > 20
    assert any("local or UTC" in doubt for doubt in told["doubts"])


def test_a_proposal_is_told_as_csv(folder: Path) -> None:
    rows = list(csv.reader(io.StringIO(call("ingest", "map", "crimes.csv", "--format", "csv"))))
    assert rows[0] == ["mapping", "doubt"]
    assert len(rows) > 2


def test_a_second_proposal_does_not_overwrite_the_first(folder: Path) -> None:
    call("ingest", "map", "crimes.csv")
    assert "is there already" in call("ingest", "map", "crimes.csv", code=2)
    call("ingest", "map", "crimes.csv", "--out", "other.toml", "--name", "other")
    assert 'name = "other"' in (folder / "other.toml").read_text("utf-8")


def test_a_file_is_refused_until_the_doubts_are_gone(folder: Path) -> None:
    call("ingest", "map", "crimes.csv")
    assert "open doubts; nothing was loaded" in call("ingest", "crimes.csv", code=4)
    mapping = folder / "force" / "mappings" / "crimes.toml"
    mapping.write_text(re.sub(r"^doubts = \[.*?^\]\n", "", mapping.read_text("utf-8"), flags=re.M | re.S))
    told = json.loads(call("ingest", "crimes.csv", "--format", "json"))
    assert "mapping crimes 1" in json.dumps(told)


def test_a_file_that_is_no_table_is_refused(folder: Path) -> None:
    (folder / "picture.png").write_bytes(b"\x89PNG")
    assert "picture.png" in call("ingest", "map", "picture.png", code=4)
    assert "nowhere.csv" in call("ingest", "map", "nowhere.csv", code=4)


def test_the_command_that_is_proposed_next_can_be_pasted(folder: Path) -> None:
    (folder / "in box").mkdir()
    (folder / "in box" / "crimes.csv").write_text(ROWS)
    assert call("ingest", "map", "in box/crimes.csv").splitlines()[-1] == (
        "  becalm ingest 'in box/crimes.csv' --workspace force"
    )
    apart = call("ingest", "map", "crimes.csv", "--out", "other.toml", "--name", "other")
    assert apart.splitlines()[-1] == "  becalm ingest crimes.csv --mapping other.toml --workspace force"


def test_a_file_without_a_line_of_names_is_told_so(folder: Path) -> None:
    rows = "".join(f"{350_000 + n}.5,{570_000 + n}.25,2016-01-{n % 28 + 1:02d}\n" for n in range(40))
    (folder / "points.csv").write_text(rows)
    told = call("ingest", "map", "points.csv").splitlines()
    assert told[2].startswith(
        "  1. the first line looks like a record (350000.5, 570000.25, 2016-01-01), not"
    )
    assert "first line" not in call("ingest", "map", "crimes.csv")
