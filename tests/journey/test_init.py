"""`becalm init`: a workspace, whole or not at all."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from shapely import box
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.workspace.config import open_workspace, read_city, read_config, shipped_cities

CITY = """
key = "york"
name = "Yörk \\"upon\\" Ouse"
crs = "EPSG:27700"
time_zone = "Europe/London"
holidays = "GB-ENG"
extent_m = [450000, 440000, 470000, 460000]

[[boroughs]]
name = "Bishop's"
command_unit = "Centre"
code = "E1"

[[boroughs]]
name = "Foss"
"""


def init(*words: str | Path) -> Any:
    return CliRunner().invoke(app, ["init", *map(str, words)])


def areas(path: Path, names: tuple[str, ...] = ("Bishop's", "Foss")) -> Path:
    shapes = [box(455000 + 1000 * i, 450000, 456000 + 1000 * i, 451000) for i in range(len(names))]
    gpd.GeoDataFrame({"label": list(names)}, geometry=shapes, crs="EPSG:27700").to_file(path)
    return path


def city_file(folder: Path, text: str = CITY) -> Path:
    path = folder / "york.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_a_city_it_is_london_until_records_say_otherwise(tmp_path: Path) -> None:
    result = init(tmp_path / "force")
    assert result.exit_code == 0, result.output
    made = open_workspace(tmp_path / "force")
    assert (made.city.key, made.config.city.chosen) == ("london", False)
    assert len(made.city.boroughs) == 33
    assert len({b.command_unit for b in made.city.boroughs if b.command_unit}) == 12
    assert made.config.city.model_copy(update={"chosen": True}) == read_city("london")
    assert "becalm ingest --workspace" in result.output
    assert "Boroughs are taken from records" in result.output


@pytest.mark.parametrize("name", shipped_cities())
def test_every_shipped_city_can_be_chosen_and_is_sound(tmp_path: Path, name: str) -> None:
    assert init(tmp_path / "force", "--city", name).exit_code == 0
    config = read_config(tmp_path / "force" / "becalm.toml")
    assert config.city == read_city(name)
    assert config.city.chosen


def test_a_city_file_and_boundaries_of_ones_own(tmp_path: Path) -> None:
    shapes = areas(tmp_path / "areas.gpkg")
    result = init(
        tmp_path / "force", "--city", city_file(tmp_path), "--boundaries", shapes, "--format", "json"
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert (told["city"], told["boroughs"], told["boundaries"], told["notes"]) == ("york", 2, 2, [])
    assert told["boundaries_attribute"] == "label"
    made = open_workspace(tmp_path / "force")
    assert made.city == read_city(str(city_file(tmp_path))).city()
    held = json.loads(made.boundaries_path.read_text("utf-8"))
    assert [f["properties"]["name"] for f in held["features"]] == ["Bishop's", "Foss"]


def test_the_written_settings_are_plain_toml_with_a_word_on_each(tmp_path: Path) -> None:
    init(tmp_path / "force", "--city", city_file(tmp_path))
    text = (tmp_path / "force" / "becalm.toml").read_text("utf-8")
    assert tomllib.loads(text)["city"]["boroughs"][0] == {
        "name": "Bishop's", "command_unit": "Centre", "code": "E1"
    }  # fmt: skip
    assert all(
        "#" in line for line in text.splitlines() if line.startswith(("crs", "time_zone", "max_", "engine"))
    )


def test_the_answer_as_csv_has_one_line_of_facts(tmp_path: Path) -> None:
    result = init(tmp_path / "force", "--format", "csv")
    (row,) = csv.DictReader(result.output.splitlines())
    assert (row["city"], row["chosen"], row["boundaries"]) == ("london", "False", "0")


def test_a_folder_that_is_a_workspace_already_is_left_alone(tmp_path: Path) -> None:
    init(tmp_path / "force")
    before = (tmp_path / "force" / "becalm.toml").read_bytes()
    result = init(tmp_path / "force", "--city", "chicago")
    assert result.exit_code == 3
    assert "is a workspace already" in result.output
    assert (tmp_path / "force" / "becalm.toml").read_bytes() == before


@pytest.mark.parametrize("part", ["archive", "boundaries.geojson"])
def test_a_folder_with_a_part_of_a_workspace_is_refused(tmp_path: Path, part: str) -> None:
    (tmp_path / part).mkdir()
    assert init(tmp_path).exit_code == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [part]


def test_a_folder_with_other_files_may_become_one(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert init(tmp_path).exit_code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("EPSG:27700", "EPSG:4326"), 3, "projected system in metres"),
        (("EPSG:27700", "EPSG:2269"), 3, "is in foot"),
        (("EPSG:27700", "somewhere"), 3, "not a coordinate system"),
        (("Europe/London", "Europe/Londres"), 3, "not a time zone"),
        (("GB-ENG", "GB-XXX"), 3, "not a known holiday calendar"),
        (("Foss", "Bishop's"), 3, "is there twice"),
        (("[450000, 440000", "[470000, 440000"), 3, "is empty"),
        (("key =", "kee ="), 3, "kee"),
        (('"york"', "york"), 3, "not valid TOML"),
    ],
)
def test_an_unsound_city_is_refused_and_nothing_is_made(
    tmp_path: Path, change: tuple[str, str], code: int, words: str
) -> None:
    result = init(tmp_path / "force", "--city", city_file(tmp_path, CITY.replace(*change)))
    assert result.exit_code == code
    assert words in result.output
    assert not (tmp_path / "force").exists()


def test_a_city_that_nobody_ships_is_refused_with_those_that_are(tmp_path: Path) -> None:
    result = init(tmp_path / "force", "--city", "atlantis")
    assert result.exit_code == 3
    assert "chicago, london, portland, toronto" in result.output


def test_boundaries_of_another_city_make_no_workspace(tmp_path: Path) -> None:
    result = init(tmp_path / "force", "--boundaries", areas(tmp_path / "areas.geojson"))
    assert result.exit_code == 4
    assert "attribute 'label' holds Bishop's, Foss" in result.output
    assert not (tmp_path / "force").exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = init(tmp_path / "file" / "force")
    assert result.exit_code == 3
    assert "cannot be written" in result.output


def test_the_folder_may_be_named_as_every_other_command_names_it(tmp_path: Path) -> None:
    assert init("--workspace", tmp_path / "force").exit_code == 0
    assert open_workspace(tmp_path / "force").city.key == "london"
    assert init().exit_code == 2
    both = init(tmp_path / "one", "--workspace", tmp_path / "other")
    assert both.exit_code == 2
    assert not (tmp_path / "one").exists()


def test_units_and_streets_beside_a_city_file_come_into_the_workspace_and_are_named(tmp_path: Path) -> None:
    city = city_file(tmp_path)
    (city.parent / "units.toml").write_text("# whoever patrols\n", "utf-8")
    (city.parent / "streets").mkdir()
    (city.parent / "streets" / "streets.geojson").write_text("{}", "utf-8")
    told = init(tmp_path / "force", "--city", city).output
    assert (tmp_path / "force" / "units.toml").read_text("utf-8") == "# whoever patrols\n"
    assert (tmp_path / "force" / "streets.geojson").read_text("utf-8") == "{}"
    assert "For patrol plans and maps" in told
    assert "streets.geojson were copied into" in told


def test_units_that_a_folder_holds_already_are_not_written_over(tmp_path: Path) -> None:
    city = city_file(tmp_path)
    (city.parent / "units.toml").write_text("# whoever patrols\n", "utf-8")
    (tmp_path / "force").mkdir()
    (tmp_path / "force" / "units.toml").write_text("# mine\n", "utf-8")
    assert init(tmp_path / "force", "--city", city).exit_code != 0
    assert (tmp_path / "force" / "units.toml").read_text("utf-8") == "# mine\n"


def test_where_the_system_does_not_know_the_user_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.delenv("BECALM_ACTOR", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    answer = init(tmp_path / "city")
    assert answer.exit_code == 2
    assert "Set BECALM_ACTOR" in answer.output
    assert not (tmp_path / "city").exists()
    monkeypatch.setenv("BECALM_ACTOR", "a.analyst")
    assert init(tmp_path / "city").exit_code == 0
