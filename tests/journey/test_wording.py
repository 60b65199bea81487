"""What the commands say when something is wrong can be acted on as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from police_files import make_workspace, street_row, write_street
from typer.testing import CliRunner

from becalm.app.main import app


def becalm(*words: object, code: int) -> str:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def test_a_word_that_resembles_none_is_not_told_what_to_do_otherwise(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    odd = [street_row("odd", crime_type="Witchcraft"), street_row("near", crime_type="Robery")]
    write_street(tmp_path / "inbox", [*odd, *(street_row(f"a{n}") for n in range(60))])
    becalm("ingest", tmp_path / "inbox", "--workspace", workspace, code=0)
    told = becalm("ingest", "rejects", "--format", "csv", "--workspace", workspace, code=0)
    own = "the workspace's offences/police_uk.toml"
    assert f'"add it to {own}, or correct it"' in told
    assert f'"did you mean ""Robbery""? otherwise add it to {own}"' in told


def test_a_city_file_with_too_few_entries_is_told_which_to_add(tmp_path: Path) -> None:
    city = tmp_path / "york.toml"
    city.write_text('key = "york"\nname = "York"\ncroydon = 1\n', "utf-8")
    told = becalm("init", tmp_path / "force", "--city", city, code=3)
    assert told.splitlines()[1:] == [
        '  crs  is missing -> add it, e.g. crs = "EPSG:27700", in metres',
        '  time_zone  is missing -> add it, e.g. time_zone = "Europe/London"',
        "  croydon  is not a known entry -> correct its name, or remove it",
    ]


def test_a_city_file_written_like_becalm_toml_is_told_the_difference(tmp_path: Path) -> None:
    city = tmp_path / "york.toml"
    city.write_text('[city]\nkey = "york"\n', "utf-8")
    told = becalm("init", tmp_path / "force", "--city", city, code=3)
    assert "[city]  is a table of becalm.toml -> leave [city] out: a city file has its entries alone" in told


def test_a_workspace_with_an_unknown_time_zone_is_not_opened(tmp_path: Path) -> None:
    becalm("init", tmp_path / "force", code=0)
    config = tmp_path / "force" / "becalm.toml"
    config.write_text(config.read_text("utf-8").replace("Europe/London", "Mars/Olympus"), "utf-8")
    told = becalm("ingest", "rejects", "--workspace", tmp_path / "force", code=3)
    assert "city.time_zone  'Mars/Olympus' is not a time zone -> write it as e.g." in told


def test_months_given_backwards_are_not_taken_for_an_effect(tmp_path: Path) -> None:
    told = becalm("simulate", "--months", "2020-06:2019-01", "--out", tmp_path / "city", code=2)
    assert told.startswith("becalm: --months '2020-06:2019-01' ends before it begins.")


def test_options_may_stand_before_the_sub_command(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    told = becalm("ingest", "--workspace", workspace, "rejects", "--format", "json", code=0)
    assert told == becalm("ingest", "rejects", "--format", "json", "--workspace", workspace, code=0)
    refused = becalm("ingest", "-w", workspace, "map", tmp_path, code=4)
    assert "becalm.toml  has the ending '.toml' -> give csv, xlsx" in refused
    assert "Propose" not in becalm("ingest", f"--workspace={workspace}", "./map", code=4)


@pytest.mark.parametrize(
    ("name", "words"),
    [("cut.parquet", "is not a whole Parquet file"), ("cut.xlsx", "cannot be read as a workbook")],
)
def test_a_damaged_table_is_told_from_one_that_nobody_knows(tmp_path: Path, name: str, words: str) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    inbox = tmp_path / "inbox"
    write_street(inbox, [street_row("a")])
    (inbox / name).write_bytes(b"PAR1 and then nothing")
    assert words in becalm("ingest", inbox / name, "--workspace", workspace, code=4)
    assert f"skipped: {name}: {words}" in becalm("ingest", inbox, "--workspace", workspace, code=0)
