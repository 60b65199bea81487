"""`becalm patrol`: commit, plan, tell, open, draw again; and every way to cheat is seen."""

import csv
import gzip
import hashlib
import json
import re
import shutil
import stat
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from io import StringIO
from pathlib import Path

import patrol_town
import pytest
import town
from patrol_town import FROM
from town import becalm


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = town.simulate(tmp_path_factory.mktemp("town") / "files")
    return patrol_town.workspace_of(files, tmp_path_factory.mktemp("loaded") / "workspace")


@pytest.fixture(scope="module")
def planned(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a plan in its folder `plan`, which tests must not change."""
    workspace = town.copy(loaded, tmp_path_factory.mktemp("planned") / "workspace")
    patrol_town.plan(workspace, workspace / "plan")
    becalm("patrol", "chances", workspace / "plan", "-w", workspace, "--draws", "60")
    return workspace


@pytest.fixture
def workspace(planned: Path, tmp_path: Path) -> Path:
    """A workspace with a plan in it, for one test alone."""
    return town.copy(planned, tmp_path / "workspace")


def visits(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO((folder / "visits.csv").read_text("utf-8"))))


def held(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "plan.json").read_text("utf-8")))


def chances(folder: Path) -> dict[tuple[str, str], float]:
    """The auditor's chance of a start, by hotspot and quarter of an hour."""
    text = gzip.decompress((folder / "auditor" / "chances.csv.gz").read_bytes()).decode()
    assert ",-" not in text
    return {(r["place_id"], r["starts_at"]): float(r["start"]) for r in csv.DictReader(StringIO(text))}


def cell_of(row: dict[str, str]) -> tuple[str, str]:
    minute = int(row["start"][14:16])
    return row["hotspot"], f"{row['start'][:14]}{minute - minute % 15:02d}:00Z"


def busiest(folder: Path) -> list[dict[str, str]]:
    """The first day's bursts of the unit that has most of them: seeds differ, and a tour may hold one."""
    own: dict[str, list[dict[str, str]]] = {}
    for row in visits(folder):
        if row["day"] == FROM:
            own.setdefault(row["unit"], []).append(row)
    return max(own.values(), key=len)


def commitment(workspace: Path) -> str:
    return str(held(workspace / "plan")["commitment"]["commitment"])  # type: ignore[index]  # our own file


def findings(workspace: Path, code: int = 0) -> list[dict[str, object]]:
    said = becalm("patrol", "audit", "-w", workspace, "--format", "json", code=code).stdout
    return [f for f in json.loads(said)["findings"] if "was to be opened" not in f["what"]]


def test_a_plan_is_written_with_the_hash_of_every_file(planned: Path) -> None:
    folder = planned / "plan"
    assert {p.name for p in folder.iterdir()} == {
        *("plan.json", "visits.csv", "index.html", "forecast.csv", "hotspots.geojson", "units", "auditor"),
        *("places.json", "tours", "sha256.txt"),
    }
    for line in (folder / "sha256.txt").read_text("utf-8").splitlines():
        sha256, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256


def test_the_arithmetic_is_printed_before_the_plan(loaded: Path, tmp_path: Path) -> None:
    said = patrol_town.plan(town.copy(loaded, tmp_path / "w"), tmp_path / "plan")
    assert said.index("possible") < said.index("bursts for")
    assert "commitment" in said


def test_the_plan_and_its_seed_are_for_their_owner_alone(planned: Path) -> None:
    for folder in (planned / "plan", planned / "patrol" / "sealed" / commitment(planned)):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    key = planned / "patrol" / "sealed" / commitment(planned) / "key.json"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not list((planned / "plan").rglob("*key*"))


def test_the_commitment_stands_in_the_ledger_before_the_plan(planned: Path) -> None:
    seeds = json.loads(becalm("patrol", "audit", "-w", planned, "--format", "json").stdout)["seeds"]
    assert [s["commitment"] for s in seeds] == [commitment(planned)]
    assert seeds[0]["entry"] < seeds[0]["plans"][0]["entry"]
    assert (
        seeds[0]["plans"][0]["plan_sha256"]
        == hashlib.sha256((planned / "plan" / "plan.json").read_bytes()).hexdigest()
    )
    assert findings(planned) == []


def test_every_quarter_of_an_hour_of_every_place_has_its_chance(planned: Path) -> None:
    cells = chances(planned / "plan")
    assert len({place for place, _ in cells}) == 12
    assert len(cells) == 12 * len({start for _, start in cells})
    assert all(0 <= p < 1 for p in cells.values())
    assert all(cells[cell_of(row)] > 0 for row in visits(planned / "plan"))


def test_a_unit_is_told_two_bursts_and_no_more(planned: Path) -> None:
    own = busiest(planned / "plan")
    unit = own[0]["unit"]
    asked = ("patrol", "next", planned / "plan", "-w", planned, "--unit", unit)
    told = json.loads(becalm(*asked, "--at", f"{FROM}T00:00", "--format", "json").stdout)
    assert [t["start"] for t in told] == [r["start"] for r in own[:2]]
    words = becalm(*asked, "--at", own[0]["end"]).stdout
    assert "Next: " in words
    assert own[1]["hotspot"] in words
    assert own[2]["hotspot"] in words
    assert "Be seen on foot" in " ".join(words.split())
    becalm(*asked, "--ahead", 3, code=2)
    assert "no tour after" in becalm(*asked, "--at", "2021-01-01T00:00", code=12).output
    assert (
        unit in becalm("patrol", "next", planned / "plan", "-w", planned, "--unit", "Nobody", code=2).output
    )


def test_sheets_tell_two_bursts_and_the_sealed_ones_the_whole_route(workspace: Path) -> None:
    own = busiest(workspace / "plan")
    unit = own[0]["unit"]
    asked = ("patrol", "sheet", workspace / "plan", "-w", workspace, "--on", FROM, "--unit", unit)
    becalm(*asked, "--out", workspace / "open")
    becalm(*asked, "--sealed", "--out", workspace / "shut")
    open_, shut = ((workspace / name / "sheets.html").read_text("utf-8") for name in ("open", "shut"))
    assert open_.count('<p class="at">') == 2
    assert shut.count('<p class="at">') == len(own) > 2
    assert "For the auditor only".casefold() in shut.casefold()
    entries = becalm("record", "events", "-w", workspace, "--format", "json").stdout
    assert "whole routes of" in entries


def test_calendars_keep_to_the_standard(planned: Path) -> None:
    unit = busiest(planned / "plan")[0]["unit"]
    paths = (planned / "plan" / "units").glob("*.ics")
    text = next(t for t in (path.read_bytes() for path in paths) if f"{unit}: tour".encode() in t)
    lines = text.split(b"\r\n")
    assert lines[0] == b"BEGIN:VCALENDAR"
    assert lines[-2:] == [b"END:VCALENDAR", b""]
    assert all(len(line) <= 75 for line in lines)
    assert b"\n" not in text.replace(b"\r\n", b"")
    events = text.split(b"BEGIN:VEVENT")[1:]
    assert all(e.count(b"UID:") == e.count(b"DTSTAMP:") == e.count(b"DTSTART:") == 1 for e in events)
    assert sum(b"Patrol" in e for e in events) == 2


def test_nothing_that_is_shown_around_tells_a_burst(planned: Path) -> None:
    starts = {row["start"] for row in visits(planned / "plan")}
    for name in ("index.html", "hotspots.geojson", "forecast.csv"):
        text = (planned / "plan" / name).read_text("utf-8")
        assert not any(start in text for start in starts)
    assert (
        "Do not publish" in json.loads((planned / "plan" / "hotspots.geojson").read_text("utf-8"))["warning"]
    )


def test_the_forecast_has_intervals_and_adds_up(planned: Path) -> None:
    said = becalm("patrol", "forecast", planned / "plan", "-w", planned, "--format", "json").stdout
    found = json.loads(said)
    assert found["bursts"] == sum(p["visits"] for p in found["places"]) == len(visits(planned / "plan"))
    for place in found["places"]:
        expected = place["expected_visits"]
        assert expected["low"] <= expected["value"] <= expected["high"]
    assert found["expected_error"] < 0.05
    assert "fair share" in becalm("patrol", "forecast", planned / "plan", "-w", planned).stdout


def test_an_opened_seed_gives_the_plan_again_to_the_byte(workspace: Path) -> None:
    sealed = becalm("patrol", "replay", workspace / "plan", "-w", workspace, code=8).output
    assert "is still sealed" in sealed
    said = becalm("patrol", "reveal", workspace / "plan", "-w", workspace).stdout
    line = next(line for line in said.splitlines() if "printf" in line).split("'")[3]
    assert hashlib.sha256(line.encode()).hexdigest() == commitment(workspace)
    said = becalm("patrol", "replay", workspace / "plan", "-w", workspace).stdout
    assert "Identical files: plan.json, visits.csv." in said
    assert "was already open" in becalm("patrol", "reveal", workspace / "plan", "-w", workspace).stdout
    assert findings(workspace) == []


def test_a_visit_that_was_moved_is_named(workspace: Path) -> None:
    becalm("patrol", "reveal", workspace / "plan", "-w", workspace)
    path = workspace / "plan" / "visits.csv"
    first = visits(workspace / "plan")[0]
    later = datetime.fromisoformat(first["start"]) + timedelta(minutes=1)
    moved = later.strftime("%Y-%m-%dT%H:%M:%SZ")
    path.write_text(path.read_text("utf-8").replace(first["start"], moved, 1), "utf-8")
    assert (
        "visits.csv is not the one"
        in becalm("patrol", "replay", workspace / "plan", "-w", workspace, code=4).output
    )
    plan = workspace / "plan" / "plan.json"
    text = plan.read_text("utf-8")
    was = json.loads(text)["visits_sha256"]
    plan.write_text(text.replace(was, hashlib.sha256(path.read_bytes()).hexdigest()), "utf-8")
    said = becalm("patrol", "replay", workspace / "plan", "-w", workspace, code=8).output
    assert "'visits_sha256'" in said


def test_a_plan_of_days_that_were_planned_is_a_re_roll(workspace: Path) -> None:
    later = ("--from", "2020-05-05", "--days", 3, "--count", 12, "--out", workspace / "second")
    said = becalm("patrol", "plan", "-w", workspace, *later, code=12).output
    assert "is a re-roll" in said
    assert not (workspace / "second").exists()
    assert findings(workspace) == []  # nothing was sealed for it
    becalm("patrol", "plan", "-w", workspace, *later, "--again", "the market moved")
    told = findings(workspace)
    assert [f["grave"] for f in told] == [False]
    assert "the reason given: the market moved" in str(told[0]["what"])
    assert held(workspace / "second")["commitment"]["again"] == "the market moved"  # type: ignore[index]  # ours
    assert "This is a re-roll" in (workspace / "second" / "index.html").read_text("utf-8")


def test_asking_for_the_same_plan_twice_gives_the_same_plan(workspace: Path) -> None:
    said = patrol_town.plan(workspace, workspace / "copy")
    assert "byte for byte the same" in said
    for name in ("plan.json", "visits.csv"):
        assert (workspace / "copy" / name).read_bytes() == (workspace / "plan" / name).read_bytes()
    checksums = [set((workspace / name / "sha256.txt").read_text().splitlines()) for name in ("copy", "plan")]
    assert checksums[0] < checksums[1]
    assert all("auditor/" in line for line in checksums[1] - checksums[0])  # chances were asked for since
    assert findings(workspace) == []


def test_a_plan_kept_out_of_the_ledger_is_seen(workspace: Path) -> None:
    """Somebody commits twice and shows the plan that suits: the other commitment stands there alone."""
    becalm("patrol", "commit", "-w", workspace, "--from", "2020-06-01", "--days", 2, "--count", 12)
    told = findings(workspace)
    assert ["no plan was made from it" in str(f["what"]) for f in told] == [True]


def test_an_overseer_brings_a_share_after_the_commitment(loaded: Path, tmp_path: Path) -> None:
    workspace, share = town.copy(loaded, tmp_path / "w"), "5a" * 32
    (tmp_path / "share.hex").write_text(share + "\n")
    share_file = tmp_path / "share.hex"
    patrol_town.plan(workspace, workspace / "plan", "--overseer-share", share_file, code=12)
    share_sha256 = hashlib.sha256(bytes.fromhex(share)).hexdigest()
    with pytest.MonkeyPatch.context() as env:
        env.setenv("BECALM_ACTOR", "overseer")
        becalm(
            "patrol", "share", "sha256:" + hashlib.sha256(bytes.fromhex(share)).hexdigest(), "-w", workspace
        )
    becalm("patrol", "commit", "-w", workspace, *patrol_town.PLAN)
    patrol_town.plan(workspace, workspace / "plan", "--overseer-share", tmp_path / "share.hex")
    noted = held(workspace / "plan")["commitment"]
    assert noted["share_sha256"] == share_sha256  # type: ignore[index]  # ours
    patrol_town.plan(workspace, workspace / "plan", "--overseer-share", "77" * 32, code=12)
    becalm("patrol", "reveal", workspace / "plan", "-w", workspace)
    becalm("patrol", "replay", workspace / "plan", "-w", workspace)
    for guessable in ("abcd", "not hex"):
        patrol_town.plan(
            workspace, workspace / "p", "--overseer-share", guessable, code=12 if guessable == "abcd" else 2
        )


def test_each_way_to_draw_again_is_refused_or_seen(workspace: Path, tmp_path: Path) -> None:
    plan, options = workspace / "plan", ("-w", workspace)
    area = held(plan)["shifts"][0]["area"]  # type: ignore[index]  # ours
    one_area = ("patrol", "plan", *options, "--from", "2020-06-01", "--days", 1, "--count", 12)
    becalm(*one_area, "--area", area, "--out", tmp_path / "a")
    units = workspace / "units.toml"
    text = units.read_text("utf-8")
    units.write_text(text.replace(f'"{area}"', f'"{area} (new)"'), "utf-8")
    renamed = (*one_area, "--area", f"{area} (new)", "--out", tmp_path / "b")
    assert "is a re-roll" in becalm(*renamed, code=12).output
    units.write_text(text, "utf-8")
    refused = ("patrol", "plan", *options, "--from", "2020-07-06", "--days", 1, "--reveal-days", 91)
    assert "allows at most 90" in becalm(*refused, "--count", 12, code=12).output
    unit = busiest(plan)[0]["unit"]
    tour = next(s for s in held(plan)["shifts"] if s["unit"] == unit and s["day"] == FROM)  # type: ignore[index,union-attr]  # ours
    again = (
        "patrol",
        "replan",
        plan,
        *options,
        "--unit",
        unit,
        "--from",
        tour["start"],
        "--reason",
        "an arrest",
    )
    becalm(*again)
    becalm(*again)
    assert "second person" in becalm(*again, code=12).output
    becalm(*again, "--second", "inspector")
    assert not [f for f in findings(workspace) if f["grave"]]
    trial = ("patrol", "trial", *options, "--from", "2020-09-07", "--days", 84, "--count", 12)
    becalm(*trial, "--out", tmp_path / "t1")
    assert "drawing until the arms suit" in becalm(*trial, "--out", tmp_path / "t2", code=12).output
    assert not (tmp_path / "t2").exists()
    becalm(*trial, "--out", tmp_path / "t2", "--again", "a place was closed")
    becalm(*one_area, "--area", area, "--again", "", "--out", tmp_path / "a2")  # the same plan, written again
    page = tmp_path / "audit.html"
    said = becalm("patrol", "audit", *options, "--out", page).stdout
    assert "re-plan 3 of" in said
    assert "agreed by inspector" in page.read_text("utf-8")
    assert "a place was closed" in page.read_text("utf-8")
    (workspace / "patrol_policy.toml").write_bytes(
        shipped_policy().replace(b"per_shift = 2", b"per_shift = 0")
    )
    assert becalm("patrol", "audit", *options, code=16).output.count("BROKEN RULE") == 1
    assert "1 thing to explain" in html_of(options, page)


def html_of(options: tuple[object, ...], page: Path) -> str:
    becalm("patrol", "audit", *options, "--out", page, code=16)
    return page.read_text("utf-8")


def shipped_policy() -> bytes:
    return (files("becalm.patrol.files") / "policies" / "policy_2020.toml").read_bytes()


def test_before_its_time_a_seed_is_opened_by_two(
    loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = town.copy(loaded, tmp_path / "w")
    today = datetime.now(UTC).date().isoformat()
    old_records = ("--old-records-reason", "a seed that may not be opened yet")
    patrol_town.plan(workspace, workspace / "plan", "--from", today, *old_records)
    asked = ("patrol", "reveal", workspace / "plan", "-w", workspace)
    assert "may be opened after" in becalm(*asked, code=12).output
    both = ("--early", "a complaint", "--second", "ombudsman")
    assert "auditor" in becalm(*asked, *both, code=12).output
    monkeypatch.setenv("BECALM_ROLE", "auditor")
    monkeypatch.setenv("BECALM_ACTOR", "Ombudsman")
    becalm(*asked, *both, code=2)
    monkeypatch.setenv("BECALM_ACTOR", "inspector")
    becalm(*asked, *both)


def test_changed_units_are_told_and_no_second_plan_is_drawn(workspace: Path) -> None:
    units = workspace / "units.toml"
    units.write_text(units.read_text("utf-8").replace("crew = 2", "crew = 3"), "utf-8")
    said = patrol_town.plan(workspace, workspace / "other", code=12)
    assert "no longer what it was sealed with" in said
    assert not (workspace / "other").exists()


def test_a_lost_or_altered_seed_is_told(workspace: Path) -> None:
    key = workspace / "patrol" / "sealed" / commitment(workspace) / "key.json"
    was = json.loads(key.read_text("utf-8"))
    key.write_text(json.dumps(was | {"seed": "00" * 32}), "utf-8")
    asked = ("patrol", "reveal", workspace / "plan", "-w", workspace)
    assert "altered or replaced" in becalm(*asked, code=12).output
    key.unlink()
    files_before = {path: path.read_bytes() for path in (workspace / "plan" / "auditor").iterdir()}
    for command in ("reveal", "chances"):
        asked = ("patrol", command, workspace / "plan", "-w", workspace)
        assert "cannot be replaced" in becalm(*asked, code=12).output
    assert files_before == {path: path.read_bytes() for path in (workspace / "plan" / "auditor").iterdir()}


def test_without_units_a_plan_says_how_to_make_them(loaded: Path, tmp_path: Path) -> None:
    workspace = town.copy(loaded, tmp_path / "w")
    (workspace / "units.toml").unlink()
    said = patrol_town.plan(workspace, tmp_path / "plan", code=12)
    assert "units.toml" in said
    assert not (tmp_path / "plan").exists()
    assert not (workspace / "patrol").exists()


def test_a_folder_of_something_else_is_left_alone(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "letter.txt").write_text("mine")
    patrol_town.plan(workspace, tmp_path / "papers", code=2)
    assert (tmp_path / "papers" / "letter.txt").read_text() == "mine"


@pytest.mark.parametrize("format_", ["json", "csv"])
def test_other_programs_are_told_of_the_plan(workspace: Path, format_: str) -> None:
    said = becalm(
        "patrol", "plan", "-w", workspace, *patrol_town.PLAN, "--out", workspace / "copy", "--format", format_
    ).stdout
    files = json.loads(said)["files"] if format_ == "json" else list(csv.DictReader(StringIO(said)))
    assert {"plan.json", "visits.csv"} <= {Path(entry["file"]).name for entry in files}
    shutil.rmtree(workspace / "copy")


ASKED = ("--period", "2020-04", "--baseline", "2019-04", "--count", 12, "--seed", 5, "--patrol-from", FROM)


def test_a_briefing_ends_with_the_plan_and_is_made_again_to_the_byte(loaded: Path, tmp_path: Path) -> None:
    workspace = town.copy(loaded, tmp_path / "w")
    said = becalm("run", "-w", workspace, *ASKED).stdout
    assert "The patrol plan, 4 to 17 May 2020" in said
    page = (workspace / "briefing" / "annex.html").read_text("utf-8")
    assert "Patrol: the plan" in page
    firsts = page[page.index("Table 7.") : page.index("How to check it")]
    told = {row["start"] for row in visits(workspace / "patrol" / f"plan-{FROM}") if row["day"] == FROM}
    assert firsts.count('data-label="From"') <= 12 < len(told)
    again = tmp_path / "again"
    said = becalm(
        "run", "-w", workspace, "--again", workspace / "briefing" / "run.json", "--out", again
    ).stdout
    assert "Byte for byte the same as the original" in said
    assert (again / "index.html").read_bytes() == (workspace / "briefing" / "index.html").read_bytes()
    becalm("run", "-w", workspace, *ASKED[:-1], "2020-05-11", "--out", tmp_path / "next")
    assert findings(workspace) == []  # the plan that stands was taken: no re-roll
    sealed = next((workspace / "patrol" / "sealed").glob("*/plan.json"))
    sealed.write_text(sealed.read_text("utf-8").replace('"crew":2', '"crew":4'), "utf-8")
    becalm("run", "-w", workspace, "--again", workspace / "briefing" / "run.json", "--out", again, code=8)


def test_a_briefing_of_a_workspace_without_units_says_how_to_get_a_plan(loaded: Path, tmp_path: Path) -> None:
    workspace = town.copy(loaded, tmp_path / "w")
    (workspace / "units.toml").unlink()
    becalm("run", "-w", workspace, *ASKED)
    page = (workspace / "briefing" / "annex.html").read_text("utf-8")
    assert "this workspace has no units" in page


def rest_of(folder: Path, unit: str, after: str) -> list[str]:
    return [
        r["start"] for r in visits(folder) if r["unit"] == unit and r["day"] == FROM and r["start"] > after
    ]


def test_the_rest_of_a_tour_is_drawn_anew_and_replayed(workspace: Path) -> None:
    plan = workspace / "plan"
    own = busiest(plan)
    unit, at = own[0]["unit"], own[0]["end"]
    others = [r for r in visits(plan) if r["unit"] != unit]
    before, first = rest_of(plan, unit, at), chances(plan)
    asked = ("patrol", "replan", plan, "-w", workspace, "--unit", unit, "--from", at)
    said = becalm(*asked, "--reason", "an arrest").stdout
    assert "Re-plan 1" in said
    after = visits(plan)
    assert [r for r in after if r["unit"] != unit] == others
    assert rest_of(plan, unit, at) != before
    assert not (plan / "auditor").exists()  # those of the plan that stood before hold no longer
    told = json.loads(
        becalm("patrol", "chances", plan, "-w", workspace, "--draws", "60", "--format", "json").stdout
    )
    assert (told["replans"], told["draws"]) == (1, 60)
    now = chances(plan)
    assert all(now[cell_of(row)] > 0 for row in after)
    assert {cell for cell in now if now[cell] != first[cell]}
    assert all(abs(now[cell] - first[cell]) < 2e-6 for cell in now if cell[1] < at[:13])
    checksums = dict(reversed(line.split("  ")) for line in (plan / "sha256.txt").read_text().splitlines())
    for name in ("auditor/chances.csv.gz", "auditor/unit_chances.csv.gz"):
        assert checksums[name] == hashlib.sha256((plan / name).read_bytes()).hexdigest()
    becalm(*asked, "--reason", "gone home sick", "--off-duty")
    assert rest_of(plan, unit, at) == []
    assert [r["index"] for r in held(plan)["commitment"]["replans"]] == [1, 2]  # type: ignore[index]  # ours
    assert findings(workspace) == []
    becalm("patrol", "reveal", plan, "-w", workspace)
    assert "Identical files" in becalm("patrol", "replay", plan, "-w", workspace).stdout
    assert "is open: anyone" in becalm(*asked, "--reason", "again", code=12).output


def test_a_re_plan_that_was_thrown_away_is_seen(workspace: Path, tmp_path: Path) -> None:
    plan = workspace / "plan"
    kept = shutil.copytree(plan, tmp_path / "kept")
    row = visits(plan)[0]
    asked = ("-w", workspace, "--unit", row["unit"], "--from", row["end"], "--reason", "an arrest")
    becalm("patrol", "replan", plan, *asked)
    assert "a newer one stands" in becalm("patrol", "replan", kept, *asked, code=12).output
    becalm("patrol", "reveal", kept, "-w", workspace)
    becalm("patrol", "replay", kept, "-w", workspace)  # the first plan is still what its seed gives


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--unit", "Nobody"), 12, "No unit Nobody is on tour"),
        ((), 2, "--unit"),
        (("--area", "Nowhere"), 12, "No unit of Nowhere"),
    ],
)
def test_a_re_plan_of_nobody_is_refused(
    workspace: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    asked = ("patrol", "replan", workspace / "plan", "-w", workspace, "--from", f"{FROM}T18:00")
    assert said in becalm(*asked, "--reason", "x", *words, code=code).output
    assert findings(workspace) == []


def test_a_whole_area_is_drawn_anew(workspace: Path) -> None:
    area = visits(workspace / "plan")[0]["area"]
    asked = ("patrol", "replan", workspace / "plan", "-w", workspace, "--from", f"{FROM}T18:00")
    said = becalm(*asked, "--area", area, "--reason", "a football match", "--format", "json").stdout
    assert len(json.loads(said)["units"]) > 1


def test_each_rule_has_its_price_in_bits(planned: Path) -> None:
    said = becalm("patrol", "price", planned / "plan", "-w", planned, "--format", "json").stdout
    rules = {row["rule"]: row["bits_per_tour"] for row in json.loads(said)["rules"]}
    assert rules["one burst length"] < rules["the policy as it is"]
    becalm("patrol", "price", planned / "plan", "-w", planned, "--area", "Nowhere", code=2)


def test_the_judge_finds_nothing_to_say_of_a_plan_nor_of_a_re_plan(workspace: Path) -> None:
    plan = workspace / "plan"
    asked = ("patrol", "check", plan, "-w", workspace, "--format", "json")
    assert json.loads(becalm(*asked).stdout)["violations"] == []
    row = visits(plan)[0]
    becalm(
        *("patrol", "replan", plan, "-w", workspace, "--unit", row["unit"], "--from", row["end"]),
        *("--reason", "an arrest"),
    )
    assert json.loads(becalm(*asked).stdout)["violations"] == []


def test_a_plan_of_an_earlier_law_is_neither_drawn_again_nor_replanned_and_its_version_is_named(
    workspace: Path,
) -> None:
    path = workspace / "plan" / "plan.json"
    path.write_text(re.sub(r'"version": "[^"]*"', '"version": "becalm 0.1.0"', path.read_text("utf-8")))
    reason = ("--unit", "Ash late 1", "--from", f"{FROM}T17:00", "--reason", "an arrest")
    for command in (("chances", workspace / "plan"), ("replan", workspace / "plan", *reason)):
        refusal = becalm("patrol", *command, "-w", workspace, code=12).output
        assert "drawn by becalm 0.1.0, from before laws had numbers" in " ".join(refusal.split())


def first_late_tour(folder: Path) -> dict[str, str]:
    """The first late tour of the plan's first day."""
    shifts = [shift for shift in held(folder)["shifts"] if shift["day"] == FROM]  # type: ignore[attr-defined]  # JSON
    return min(shifts, key=lambda shift: (shift["start"], shift["unit"]))


def test_a_unit_that_is_sick_before_its_tour_begins_stays_off_duty_whatever_is_drawn_later(
    workspace: Path,
) -> None:
    plan, tour = workspace / "plan", first_late_tour(workspace / "plan")
    early = (datetime.fromisoformat(tour["start"]) - timedelta(minutes=20)).isoformat()
    sick = ("--unit", tour["unit"], "--off-duty", "--from", early, "--reason", "sick")
    answer = becalm("patrol", "replan", plan, *sick, "-w", workspace).output
    assert f"Re-plan 1 of {tour['unit']}" in answer
    becalm(
        "patrol",
        "replan",
        plan,
        "--area",
        tour["area"],
        "--from",
        tour["end"][:11] + "17:00Z",
        "--reason",
        "an emergency",
        "-w",
        workspace,
    )
    assert not [row for row in visits(plan) if row["unit"] == tour["unit"] and row["day"] == FROM]
    assert "0 violations" in becalm("patrol", "check", plan, "-w", workspace).output


def test_an_urgent_place_is_visited_more_tonight_from_the_same_seed_and_the_audit_names_it(
    workspace: Path,
) -> None:
    plan, tour = workspace / "plan", first_late_tour(workspace / "plan")
    places = [p["hotspot"] for p in held(plan)["places"] if p["area"] == tour["area"]]  # type: ignore[attr-defined]  # JSON
    before = sum(row["hotspot"] == places[0] and row["day"] == FROM for row in visits(plan))
    urgent = ("--urgent", places[0], "--from", tour["start"], "--reason", "a stabbing")
    becalm("patrol", "replan", plan, *urgent, "-w", workspace)
    assert sum(row["hotspot"] == places[0] and row["day"] == FROM for row in visits(plan)) > before
    assert f"urgent place {places[0]}: a stabbing" in becalm("patrol", "audit", "-w", workspace).output
    becalm(
        "patrol", "chances", plan, "--draws", "2", "-w", workspace
    )  # refused, were it not drawn again alike
    assert "0 violations" in becalm("patrol", "check", plan, "-w", workspace).output
    refusal = becalm(
        "patrol", "replan", plan, "--urgent", "nowhere", "--reason", "x", "-w", workspace, code=2
    )
    assert "is no hotspot of this plan" in refusal.output


def test_a_board_tells_the_next_hour_of_one_area_and_nothing_of_the_rest(workspace: Path) -> None:
    plan, tour = workspace / "plan", first_late_tour(workspace / "plan")
    start = datetime.fromisoformat(tour["start"]) + timedelta(hours=2)
    board = json.loads(
        becalm("patrol", "board", plan, "--area", tour["area"], "--at", start.isoformat(),
               "-w", workspace, "--format", "json").output
    )  # fmt: skip
    shown = {(row["unit"], row["hotspot"]) for row in board["bursts"]}
    within = {
        (row["unit"], row["hotspot"])
        for row in visits(plan)
        if row["area"] == tour["area"]
        and datetime.fromisoformat(row["end"]) > start
        and datetime.fromisoformat(row["start"]) < start + timedelta(hours=1)
    }
    assert shown == within


def test_a_plan_that_was_replanned_since_is_refused_for_sheets_and_next(
    workspace: Path, tmp_path: Path
) -> None:
    old, tour = tmp_path / "old", first_late_tour(workspace / "plan")
    shutil.copytree(workspace / "plan", old)
    again = ("--unit", tour["unit"], "--from", tour["start"], "--reason", "an arrest")
    becalm("patrol", "replan", workspace / "plan", *again, "-w", workspace)
    for command in (
        ("sheet", old, "--on", FROM),
        ("next", old, "--unit", tour["unit"], "--at", tour["start"]),
    ):
        assert "newer one stands" in " ".join(
            becalm("patrol", *command, "-w", workspace, code=12).output.split()
        )
