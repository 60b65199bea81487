"""`becalm run`: one command, one folder; and the same bytes again, whatever came after."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
import re
import shutil
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
import town
from plain_words import reading_age
from town import becalm

from becalm.app.main import open_desk
from becalm.brief.desk.weekly import make_briefing
from becalm.brief.request import RunRequest
from becalm.measure.core.request import StepRequest
from becalm.measure.desk import active_steps, declare_step
from becalm.terms import FileName

LARGEST_READING_AGE = 12.0
ALL = {
    "annex.html",
    "briefing.docx",
    "briefing.xlsx",
    "comparison.csv",
    "hotspots.geojson",
    "index.html",
    "public/index.html",
    "run.json",
}
ASKED = ("--period", "2020-04", "--baseline", "2019-04", "--count", 40, "--seed", 5)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return town.simulate(tmp_path_factory.mktemp("town") / "files")


@pytest.fixture(scope="module")
def loaded(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return town.workspace_of(files, tmp_path_factory.mktemp("loaded") / "workspace")


@pytest.fixture(scope="module")
def briefed(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a briefing in it, which tests must not change."""
    workspace = town.copy(loaded, tmp_path_factory.mktemp("briefed") / "workspace")
    becalm("run", "--workspace", workspace, *ASKED)
    return workspace


@pytest.fixture
def workspace(briefed: Path, tmp_path: Path) -> Path:
    """A workspace with a briefing in it, for one test alone."""
    return town.copy(briefed, tmp_path / "workspace")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_files_of_a_briefing_agree_with_each_other(briefed: Path) -> None:
    made = contents(briefed / "briefing")
    assert set(made) == ALL
    page = made["annex.html"].decode()
    rows = list(csv.DictReader(StringIO(made["comparison.csv"].decode())))
    total = next(row for row in rows if row["group"] == "total")
    assert f"{int(total['new']):,}" in page
    places = json.loads(made["hotspots.geojson"])
    assert len(places["features"]) == 40
    assert all(place["properties"]["place_id"] in page for place in places["features"])
    assert places["run"]["seed"] == json.loads(made["run.json"])["seed"] == 5


def test_a_briefing_leaves_its_mark_in_the_ledger(briefed: Path) -> None:
    asked = ("record", "events", "--kind", "briefing_published", "--format", "json", "--workspace", briefed)
    (mark,) = json.loads(becalm(*asked).stdout)
    made = {name: hashlib.sha256(held).hexdigest() for name, held in contents(briefed / "briefing").items()}
    assert mark["facts"]["run_sha256"] == made["run.json"]
    assert dict(mark["facts"]["files"]) == made


def test_the_answers_are_those_of_measure_and_find(briefed: Path, tmp_path: Path) -> None:
    compared = becalm("measure", "compare", "--workspace", briefed, *ASKED[:4], "--format", "csv").stdout
    assert (briefed / "briefing" / "comparison.csv").read_text("utf-8") == compared
    found = tmp_path / "found.geojson"
    becalm(
        "find",
        "hotspots",
        "-w",
        briefed,
        "--count",
        40,
        "--seed",
        5,
        "--last-month",
        "2020-04",
        "--out",
        found,
    )
    ours = json.loads((briefed / "briefing" / "hotspots.geojson").read_text("utf-8"))
    assert ours["features"] == json.loads(found.read_text("utf-8"))["features"]


def test_the_record_names_every_file_that_was_read(briefed: Path) -> None:
    record = json.loads((briefed / "briefing" / "run.json").read_text("utf-8"))
    held = {str(p.relative_to(briefed)) for p in (briefed / "archive").rglob("*.parquet")}
    assert {key for key in record["data"] if key.startswith("archive/")} <= held
    assert {"boundaries.geojson", "becalm.toml [city]"} <= set(record["data"])
    assert sum("incidents" in key for key in record["data"]) >= 27


def test_again_gives_the_same_bytes_and_says_so(briefed: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    said = becalm("run", "-w", briefed, "--again", briefed / "briefing" / "run.json", "--out", out).stdout
    assert contents(out) == contents(briefed / "briefing")
    assert f"Byte for byte the same as the original: {', '.join(sorted(ALL))}." in said


def test_again_gives_the_same_bytes_after_newer_records_came(
    workspace: Path, files: Path, tmp_path: Path
) -> None:
    before = contents(workspace / "briefing")
    newer = tmp_path / "newer"
    newer.mkdir()
    lines = (files / "extract" / "incidents.csv").read_text("utf-8").splitlines(keepends=True)
    (newer / "incidents.csv").write_text("".join([lines[0], *lines[1::2]]), encoding="utf-8")
    becalm("ingest", newer, "--workspace", workspace, "--as-of", "2020-08-01", "--replace")
    becalm("run", "-w", workspace, *ASKED, "--out", tmp_path / "new")
    assert contents(tmp_path / "new")["comparison.csv"] != before["comparison.csv"]
    becalm(
        "run", "-w", workspace, "--again", workspace / "briefing" / "run.json", "--out", tmp_path / "again"
    )
    assert contents(tmp_path / "again") == before


def test_again_gives_the_same_bytes_elsewhere(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = shutil.copy(workspace / "briefing" / "run.json", tmp_path / "kept.json")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    said = becalm("run", "--workspace", "../workspace", "--again", record, "--out", "out").stdout
    assert contents(tmp_path / "elsewhere" / "out") == contents(workspace / "briefing")
    assert "Byte for byte" not in said  # only the record was kept: there is nothing to compare with


def test_again_into_its_own_folder_changes_nothing(workspace: Path) -> None:
    before = contents(workspace / "briefing")
    becalm("run", "-w", workspace, "--again", workspace / "briefing" / "run.json")
    assert contents(workspace / "briefing") == before


def test_an_altered_original_is_told_and_kept(workspace: Path) -> None:
    page = workspace / "briefing" / "index.html"
    page.write_text(page.read_text("utf-8").replace("fell", "rose"), encoding="utf-8")
    altered = page.read_bytes()
    said = becalm("run", "-w", workspace, "--again", workspace / "briefing" / "run.json", code=8).output
    assert "index.html" in said
    assert page.read_bytes() == altered


def test_records_that_are_gone_or_altered_are_told(workspace: Path) -> None:
    record = workspace / "briefing" / "run.json"
    data = json.loads(record.read_text("utf-8"))["data"]
    some = next(workspace / key for key in data if key.startswith("archive/") and "incidents" in key)
    kept = some.read_bytes()
    some.chmod(0o644)
    some.write_bytes(kept[:-1] + b"x")
    assert some.name in becalm("run", "-w", workspace, "--again", record, code=8).output
    some.unlink()
    assert some.name in becalm("run", "-w", workspace, "--again", record, code=8).output


def test_after_a_purge_again_says_why_it_cannot_repeat(workspace: Path) -> None:
    record = workspace / "briefing" / "run.json"
    page = (workspace / "briefing" / "index.html").read_bytes()
    becalm("ingest", "purge", "--before", "2019-06-01", "--workspace", workspace)
    said = " ".join(becalm("run", "-w", workspace, "--again", record, code=8).output.split())
    assert "purged on" in said
    assert (workspace / "briefing" / "index.html").read_bytes() == page


def test_names_of_places_that_came_later_are_told(workspace: Path) -> None:
    (workspace / "gazetteer.csv").write_text("name,place_id\nMarket Cross,150m_1_1\n", encoding="utf-8")
    said = becalm("run", "-w", workspace, "--again", workspace / "briefing" / "run.json", code=8).output
    assert "gazetteer.csv" in said


def test_other_boundaries_are_told(workspace: Path) -> None:
    path = workspace / "boundaries.geojson"
    path.write_text(path.read_text("utf-8") + "\n", encoding="utf-8")
    said = becalm("run", "-w", workspace, "--again", workspace / "briefing" / "run.json", code=8).output
    assert "boundaries.geojson" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "0.0.1"}, "0.0.1"),
        ({"question": "find hotspots"}, "not of a briefing"),
        ({"parameters": {"period": "2020-04"}}, "parameters"),
    ],
)
def test_a_record_of_something_else_is_refused(workspace: Path, change: dict[str, object], said: str) -> None:
    record = workspace / "briefing" / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text("utf-8")) | change), encoding="utf-8")
    assert said in becalm("run", "-w", workspace, "--again", record, code=8).output


def test_again_takes_no_new_words(briefed: Path) -> None:
    record = briefed / "briefing" / "run.json"
    for option in (("--period", "2020-03"), ("--count", 10), ("--seed", 0), ("--baseline", "2018")):
        said = becalm("run", "-w", briefed, "--again", record, *option, code=2).output
        assert option[0] in said


def test_without_a_period_it_is_the_newest_whole_month_and_the_page_says_so(
    loaded: Path, tmp_path: Path
) -> None:
    becalm("run", "-w", loaded, "--count", 20, "--out", tmp_path / "out")
    page = (tmp_path / "out" / "annex.html").read_text("utf-8")
    assert "from" in page
    assert "in May 2019 to" in page
    assert "The period: May 2020, the newest month on record whole." in page
    assert "The hotspots are of all street violence" in page


def test_settings_in_becalm_toml_are_asked_and_options_go_first(loaded: Path, tmp_path: Path) -> None:
    workspace = town.copy(loaded, tmp_path / "workspace")
    with (workspace / "becalm.toml").open("a") as file:
        file.write('\n[brief]\ncount = 12\ntarget = ["robbery"]\nby = "borough"\n')
    becalm("run", "-w", workspace)
    record = json.loads((workspace / "briefing" / "run.json").read_text("utf-8"))
    assert (record["parameters"]["count"], record["parameters"]["by"]) == (12, "borough")
    becalm("run", "-w", workspace, "--count", 7)
    places = json.loads((workspace / "briefing" / "hotspots.geojson").read_text("utf-8"))
    assert len(places["features"]) == 7
    assert places["run"]["target"] == ["robbery"]


def test_records_of_months_alone_have_no_hours_and_say_so(files: Path, tmp_path: Path) -> None:
    becalm("init", tmp_path / "w", "--city", files / "city.toml")
    town.without_patrols(tmp_path / "w")
    becalm("ingest", files / "police_uk", "--workspace", tmp_path / "w", "--as-of", "2020-07-01")
    becalm("run", "-w", tmp_path / "w", *ASKED)
    page = (tmp_path / "w" / "briefing" / "annex.html").read_text("utf-8")
    assert "These records carry no hour of the day" in page
    assert "No boundaries were given" in page
    assert 'class="map"' in page


def test_several_sources_are_refused_until_one_is_named(files: Path, loaded: Path, tmp_path: Path) -> None:
    workspace = town.copy(loaded, tmp_path / "workspace")
    becalm("ingest", files / "police_uk", "--workspace", workspace, "--as-of", "2020-07-01")
    said = becalm("run", "-w", workspace, code=2).output
    assert "--source simulated_city" in said
    assert not (workspace / "briefing").exists()
    becalm("run", "-w", workspace, "--source", "simulated_city", "--count", 10)


def test_a_target_that_the_police_find_is_refused_and_nothing_is_written(
    loaded: Path, tmp_path: Path
) -> None:
    said = becalm("run", "-w", loaded, "--target", "drug_offences", "--out", tmp_path / "out", code=5).output
    assert "found by the police" in said
    assert not (tmp_path / "out").exists()


def test_hotspots_may_be_left_out(loaded: Path, tmp_path: Path) -> None:
    becalm("run", "-w", loaded, "--hotspot-source", "none", "--out", tmp_path / "out")
    assert set(contents(tmp_path / "out")) == ALL - {"hotspots.geojson"}


def test_an_empty_workspace_says_what_to_load(tmp_path: Path) -> None:
    becalm("init", tmp_path / "w")
    assert "becalm ingest" in becalm("run", "-w", tmp_path / "w", code=5).output


@pytest.mark.parametrize("format_", ["json", "csv"])
def test_other_programs_are_told_the_files_and_their_hashes(
    loaded: Path, tmp_path: Path, format_: str
) -> None:
    said = becalm("run", "-w", loaded, "--count", 10, "--out", tmp_path / "out", "--format", format_).stdout
    named = json.loads(said)["files"] if format_ == "json" else list(csv.DictReader(StringIO(said)))
    assert {entry["file"].removeprefix(f"{tmp_path / 'out'}/") for entry in named} == ALL
    assert all(len(entry["sha256"]) == 64 for entry in named)


@pytest.mark.data
def test_published_counts_are_compared_and_the_page_says_why_there_are_no_places(
    shared_data: Path, tmp_path: Path
) -> None:
    becalm("init", tmp_path / "w")
    becalm("ingest", shared_data / "london" / "mps_borough_2010-04_2020-05.parquet", "-w", tmp_path / "w")
    said = becalm("run", "-w", tmp_path / "w", "--period", "2020-04", "--baseline", "2019-04").stdout
    assert "fell by 35.0%: from 74,885 in April 2019 to 48,670 in April 2020" in said
    assert set(contents(tmp_path / "w" / "briefing")) == ALL - {"hotspots.geojson"}
    page = (tmp_path / "w" / "briefing" / "annex.html").read_text("utf-8")
    assert "published counts without points" in page
    assert "Drug offences" in page


def test_a_briefing_prints_the_head_of_the_ledger_and_the_record_keeps_it(briefed: Path) -> None:
    asked = ("record", "events", "--kind", "briefing_published", "--format", "json", "--workspace", briefed)
    mark, *_ = json.loads(becalm(*asked).stdout)
    made = contents(briefed / "briefing")
    ledger, size, root = json.loads(made["run.json"])["parameters"]["ledger"].split()
    assert int(size) < mark["seq"]
    assert ledger in made["annex.html"].decode()
    assert root in made["annex.html"].decode()


def test_a_dry_run_says_what_it_would_do_and_does_nothing(loaded: Path) -> None:
    def kept() -> dict[str, bytes]:  # the pages of the database move when it is opened, its entries do not
        return {name: held for name, held in contents(loaded).items() if not name.startswith("ledger.sqlite")}

    before, entries = kept(), becalm("record", "events", "-w", loaded, "--format", "json").stdout
    said = becalm("run", "-w", loaded, "--dry").stdout
    assert kept() == before
    assert becalm("record", "events", "-w", loaded, "--format", "json").stdout == entries
    assert "sustain   left out. No watch: no step is declared" in said
    assert "patrol    left out. No patrol plan: this workspace has no units." in said
    assert said.rstrip().endswith("Nothing was done.")
    parts = json.loads(becalm("run", "-w", loaded, "--dry", "--format", "json").stdout)["parts"]
    assert [part["job"] for part in parts][:3] == ["measure", "find", "patrol"]


def test_a_dry_run_after_a_run_knows_how_long_each_part_took(workspace: Path) -> None:
    parts = json.loads(becalm("run", "-w", workspace, "--dry", "--format", "json").stdout)["parts"]
    assert all(part["last_seconds"] >= 0 for part in parts if not part["needs"])


def test_a_second_run_of_one_workspace_is_refused(workspace: Path) -> None:
    before = contents(workspace / "briefing")
    with (workspace / "run.lock").open("w") as held:
        held.write("process 7 on desk-1")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        said = becalm("run", "-w", workspace, code=2).output
    assert "Another run of this workspace is under way: process 7 on desk-1." in said
    assert contents(workspace / "briefing") == before


def test_the_page_for_the_public_is_plain_and_names_no_place(briefed: Path) -> None:
    made = contents(briefed / "briefing")
    page = made["public/index.html"].decode()
    places = json.loads(made["hotspots.geojson"])["features"]
    assert not [p for p in places if p["properties"]["place_id"] in page]
    prose = re.sub(
        r"<h2>.*?</h2>|<code.*?</code>", "", page[page.index("<h2>How to read") : page.index("</main>")]
    )
    assert reading_age(re.sub(r"<[^>]+>", "", prose)) <= LARGEST_READING_AGE
    assert "A count of less than 5 is not shown" in page


@pytest.mark.parametrize("parts", ["{", "[]", '{"job":"public"}', '{"job":"nothing"}'])
def test_a_record_whose_parts_were_altered_is_refused_in_words(workspace: Path, parts: str) -> None:
    record = workspace / "briefing" / "run.json"
    run = json.loads(record.read_text("utf-8"))
    run["parameters"]["parts"] = [parts]
    record.write_text(json.dumps(run), "utf-8")
    said = becalm("run", "-w", workspace, "--again", record, code=8).output
    assert "Restore its run.json." in said or "has no part 'nothing'" in said


def test_a_step_declared_in_the_same_second_is_known_to_the_run(loaded: Path, tmp_path: Path) -> None:
    folder = town.copy(loaded, tmp_path / "workspace")
    desk = open_desk(folder)
    declare_step(desk, StepRequest(start=date(2020, 3, 23), kind="lockdown", reason="first lockdown"))
    made = make_briefing(desk, RunRequest(period="2020-04", count=10, out=FileName(str(tmp_path / "out"))))
    assert active_steps(desk, known_at=made.run.made_at)
