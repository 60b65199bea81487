"""From the command line to files, and from there into a workspace: nothing is lost, nothing added."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.simulate.names import EXTRACT_COLUMNS, OUTCOME_COLUMNS, STOP_COLUMNS, STREET_COLUMNS

TOWN = ["--size", "town", "--incidents", "9000", "--months", "2019-03:2020-05"]
BECALM = Path(sys.executable).with_name("becalm")


def becalm(*words: object) -> str:
    result = CliRunner().invoke(app, [str(w) for w in words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "town"
    becalm("simulate", "--seed", 5, "--out", folder, *TOWN, "--effect", "displacement")
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fingerprint(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes_in_another_process(town: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    words = ["simulate", "--seed", "5", "--out", str(again), *TOWN, "--effect", "displacement"]
    subprocess.run([BECALM, *words], check=True, capture_output=True)
    assert fingerprint(again) == fingerprint(town)


def test_another_seed_gives_another_city(town: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    becalm("simulate", "--seed", 6, "--out", other, *TOWN, "--effect", "displacement")
    same = fingerprint(other).items() & fingerprint(town).items()
    settings = {"truth/delays.json", "truth/doors.json", "divert/residents.csv", "divert/providers.toml"}
    assert {name for name, _ in same} <= settings


def test_everything_that_is_promised_is_written(town: Path) -> None:
    top = {p.name for p in town.iterdir()}
    assert top == {
        "arrests.csv",
        "boundaries.geojson",
        "city.toml",
        "extract",
        "lsoas.geojson",
        "police_uk",
        "staff",
        "divert",
        "burden",
        "streets",
        "truth",
        "units.toml",
        "wards.geojson",
        "water.geojson",
    }
    assert len(list((town / "police_uk").iterdir())) == 15
    assert {p.name for p in (town / "police_uk" / "2020-04").iterdir()} == {
        "2020-04-doggerby-outcomes.csv",
        "2020-04-doggerby-stop-and-search.csv",
        "2020-04-doggerby-street.csv",
    }
    assert not list(town.parent.glob(".*partly"))


def test_the_columns_are_those_of_the_real_files(town: Path) -> None:
    month = town / "police_uk" / "2019-04"
    for kind, columns in (
        ("street", STREET_COLUMNS),
        ("outcomes", OUTCOME_COLUMNS),
        ("stop-and-search", STOP_COLUMNS),
    ):
        with (month / f"2019-04-doggerby-{kind}.csv").open(encoding="utf-8") as file:
            assert tuple(file.readline().rstrip("\n").split(",")) == columns
    with (town / "extract" / "incidents.csv").open(encoding="utf-8") as file:
        assert tuple(file.readline().rstrip("\n").split(",")) == EXTRACT_COLUMNS


@pytest.mark.data
def test_the_columns_are_those_of_a_downloaded_archive(town: Path, shared_data: Path) -> None:
    import zipfile

    with zipfile.ZipFile(shared_data / "raw" / "police_uk_city_of_london_2018-04_2020-05.zip") as real:
        for kind in ("street", "stop-and-search"):
            name = next(n for n in real.namelist() if n.endswith(f"2019-04-city-of-london-{kind}.csv"))
            head = real.read(name).splitlines()[0].decode("utf-8-sig")
            ours = town / "police_uk" / "2019-04" / f"2019-04-doggerby-{kind}.csv"
            assert ours.read_text("utf-8").splitlines()[0] == head


def test_public_street_rows_have_the_traps_of_real_ones(town: Path) -> None:
    rows = [r for p in sorted((town / "police_uk").rglob("*-street.csv")) for r in rows_of(p)]
    behaviour = [r for r in rows if r["Crime type"] == "Anti-social behaviour"]
    assert behaviour
    assert not any(r["Crime ID"] or r["Last outcome category"] for r in behaviour)
    assert all(len(r["Crime ID"]) == 64 for r in rows if r["Crime type"] != "Anti-social behaviour")
    unplaced = [r for r in rows if not r["Longitude"]]
    assert 0.015 < len(unplaced) / len(rows) < 0.05
    assert {(r["Location"], r["LSOA code"]) for r in unplaced} == {("No Location", "")}
    twice = Counter(r["Crime ID"] for r in rows if r["Crime ID"])
    assert 0 < sum(n > 1 for n in twice.values()) < 0.01 * len(twice)
    points = {(r["Longitude"], r["Latitude"]) for r in rows}
    assert len(points) < 0.25 * len(rows)


def test_the_streets_are_a_graph_that_any_reader_of_graphml_takes(town: Path) -> None:
    tree = ElementTree.parse(town / "streets" / "streets.graphml")  # our own file
    space = {"g": "http://graphml.graphdrawing.org/xmlns"}
    nodes = {n.get("id") for n in tree.iterfind(".//g:node", space)}
    edges = tree.findall(".//g:edge", space)
    assert {e.get("source") for e in edges} | {e.get("target") for e in edges} == nodes
    facts = {d.get("key"): d.text for d in edges[0]}
    assert facts.keys() == {"segment", "name", "highway", "length_m", "speed_kph", "travel_minutes"}
    minutes = float(facts["length_m"]) / float(facts["speed_kph"]) * 0.06
    assert float(facts["travel_minutes"]) == pytest.approx(minutes, abs=1e-3)


def test_a_town_where_nothing_happened_is_still_a_town(tmp_path: Path) -> None:
    words = ["--size", "town", "--incidents", "0", "--months", "2020-01:2020-02"]
    becalm("simulate", "--seed", 1, "--out", tmp_path / "still", *words)
    assert rows_of(tmp_path / "still" / "extract" / "incidents.csv") == []
    assert rows_of(tmp_path / "still" / "truth" / "counts.csv") == []


def test_stops_say_nothing_about_the_person(town: Path) -> None:
    rows = [r for p in sorted((town / "police_uk").rglob("*-stop-and-search.csv")) for r in rows_of(p)]
    assert rows
    for column in ("Gender", "Age range", "Self-defined ethnicity", "Officer-defined ethnicity"):
        assert {r[column] for r in rows} == {""}


def test_the_extract_holds_just_what_the_truth_counts(town: Path) -> None:
    truth = {
        (r["month"], r["borough"], r["offence_group"]): int(r["count"])
        for r in rows_of(town / "truth" / "counts.csv")
    }
    incidents = pq.read_table(town / "truth" / "incidents.parquet").to_pylist()
    group = {r["crime_ref"]: r["offence_group"] for r in incidents if r["in_extract"]}
    extract = rows_of(town / "extract" / "incidents.csv")
    assert Counter((r["occurred_from"][:7], r["borough"], group[r["crime_ref"]]) for r in extract) == Counter(
        truth
    )


def test_a_folder_that_is_in_use_is_left_alone(town: Path) -> None:
    before = fingerprint(town)
    result = CliRunner().invoke(app, ["simulate", "--seed", "1", "--out", str(town), *TOWN])
    assert result.exit_code == 4
    assert fingerprint(town) == before


@pytest.mark.parametrize("months", ["2019", "2019-13:2020-01", "2019:2020-05", "2020-05:2019-03"])
def test_months_that_make_no_lifetime_are_wrong_usage(months: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["simulate", "--out", str(tmp_path / "x"), "--months", months])
    assert result.exit_code == 2
    assert not (tmp_path / "x").exists()


def test_the_answer_comes_as_table_json_or_csv(tmp_path: Path) -> None:
    words = ["simulate", *TOWN, "--nothing-at-all", "--extract", "parquet"]
    told = json.loads(becalm(*words, "--out", tmp_path / "j", "--format", "json"))
    assert told["boroughs"] == 8
    assert (tmp_path / "j" / "extract" / "incidents.parquet").is_file()
    lines = becalm(*words, "--out", tmp_path / "c", "--format", "csv").splitlines()
    assert dict(zip(*(line.split(",") for line in lines), strict=True))["places"] == "800"


def test_the_city_goes_into_a_workspace_and_comes_out_as_it_is_in_truth(town: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    becalm("init", workspace, "--city", town / "city.toml", "--boundaries", town / "boundaries.geojson")
    becalm("ingest", town / "extract", "--workspace", workspace)
    becalm("ingest", town / "police_uk", "--workspace", workspace)
    files = list((workspace / "archive").rglob("*.parquet"))
    assert files
    truth = Counter()
    for row in rows_of(town / "truth" / "counts.csv"):
        truth[row["month"], row["borough"], row["offence_group"]] += int(row["count"])
    loaded = Counter()
    street = 0
    for path in files:
        table = pq.read_table(path)
        if "occurred_from" not in table.column_names:
            continue
        for row in table.select(["source", "month", "borough", "offence_group"]).to_pylist():
            if row["source"] == "simulated_city":
                loaded[row["month"], row["borough"], row["offence_group"]] += 1
            else:
                street += 1
    assert loaded == truth
    incidents = pq.read_table(town / "truth" / "incidents.parquet")
    assert street == sum(d <= incidents_as_of() for d in incidents["recorded_on"].to_pylist())


def incidents_as_of():
    from datetime import date, timedelta

    from becalm.simulate.city import DAYS_TO_EXTRACT

    return date(2020, 6, 1) + timedelta(days=DAYS_TO_EXTRACT)
