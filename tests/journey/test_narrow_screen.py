"""On a terminal of 80 columns no figure is cut and no file goes without its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from police_files import make_workspace, street_row, write_inbox
from typer.testing import CliRunner

from becalm.app.main import app

ODD = "Something that nobody has ever heard of before"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "workspace")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return write_inbox(tmp_path / "inbox", street_row("odd", crime_type=ODD))


def shown(*words: object, workspace: Path, columns: int) -> list[str]:
    command = [*map(str, words), "--workspace", str(workspace)]
    result = CliRunner().invoke(app, command, env={"COLUMNS": str(columns)})
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_a_load_fits_into_eighty_columns_with_all_its_figures(workspace: Path, inbox: Path) -> None:
    lines = shown("ingest", inbox, workspace=workspace, columns=80)
    assert max(map(len, lines)) <= 80
    assert any("-street.csv" in line for line in lines)
    assert "  loaded; 61 rows: 60 loaded, 0 repaired, 1 rejected" in lines
    again = shown("ingest", inbox, workspace=workspace, columns=80)
    assert "  already loaded" in again


def test_a_load_keeps_all_its_figures_where_the_table_just_does_not_fit(workspace: Path, inbox: Path) -> None:
    lines = shown("ingest", inbox, workspace=workspace, columns=120)
    assert "  loaded; 61 rows: 60 loaded, 0 repaired, 1 rejected" in lines


def test_rejected_rows_fit_into_eighty_columns_with_their_words(workspace: Path, inbox: Path) -> None:
    shown("ingest", inbox, workspace=workspace, columns=80)
    lines = shown("ingest", "rejects", workspace=workspace, columns=80)
    assert max(map(len, lines)) <= 80
    assert f'  row 62  Crime type "{ODD}"' in lines
    assert any(line.startswith("    rejected: the crime type is not in the offence table") for line in lines)


def test_a_wide_screen_shows_one_line_for_each_file(workspace: Path, inbox: Path) -> None:
    lines = shown("ingest", inbox, workspace=workspace, columns=160)
    assert lines[0].split()[:2] == ["file", "source"]
    assert lines[1].split()[-6:-2] == ["61", "60", "0", "1"]
