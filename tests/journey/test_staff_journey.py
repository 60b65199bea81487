"""The duty office's way through `becalm staff`: load, allocate, check, absent; and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest
from town import becalm

from becalm.app.main import open_desk
from becalm.patrol.desk.inputs import read_duty_units
from becalm.staff.core.events import AVAILABILITY, CHANGE, ROSTER
from becalm.staff.desk.people import read_reasons
from becalm.terms import InputError, ReplayError, RosterError

FIRST_DAY = date(2020, 5, 4)
UNITS = ("Ash", "Beech", "Cedar")


@pytest.fixture(scope="module")
def force(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the staff of a simulated town, a need of four officers a tour, and a roster."""
    folder = tmp_path_factory.mktemp("staff")
    becalm(
        "simulate",
        "--size",
        "town",
        "--months",
        "2020-01:2020-04",
        "--incidents",
        500,
        "--out",
        folder / "town",
    )
    becalm("init", folder / "w", "--city", folder / "town" / "city.toml")
    becalm("staff", "load", folder / "town" / "staff", "--workspace", folder / "w")
    lines = ["command_unit,day,tour,officers"]
    for unit in UNITS:
        for n in range(7):
            lines += [
                f"{unit},{FIRST_DAY + timedelta(days=n)},{tour},4" for tour in ("early", "late", "night")
            ]
    (folder / "need.csv").write_text("\n".join(lines) + "\n", "utf-8")
    allocate(folder, "roster", "--publish")
    return folder


def allocate(folder: Path, out: str, *words: object, code: int = 0) -> str:
    options = ("--from", FIRST_DAY, "--days", 7, "--need", folder / "need.csv", "--work", 1)
    place = ("--out", folder / out, "--workspace", folder / "w")
    return becalm("staff", "allocate", *options, *place, *words, code=code).output


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_judge_finds_the_roster_lawful(force: Path) -> None:
    answer = becalm("staff", "check", force / "roster", "--workspace", force / "w", "--format", "json").output
    rules = json.loads(answer)["rules"]
    assert {rule["broken"] for rule in rules} == {0}
    assert all(rule["checked"] > 0 for rule in rules)


def test_the_same_seed_gives_the_same_bytes_and_json_says_what_was_made(force: Path) -> None:
    record = json.loads(allocate(force, "again", "--format", "json"))
    for name in ("roster.csv", "tours.csv", "moves.csv", "units.toml"):
        assert (force / "again" / name).read_bytes() == (force / "roster" / name).read_bytes()
    assert record["needed"] == record["filled"] + record["short"] == 4 * 3 * 3 * 7
    assert record["bound"] <= record["cost"]
    assert {unit["command_unit"] for unit in record["command_units"]} == set(UNITS)


def test_a_roster_is_made_again_from_its_record_byte_for_byte(force: Path, tmp_path: Path) -> None:
    words = ("staff", "repeat", force / "roster" / "run.json", "--workspace", force / "w")
    answer = json.loads(becalm(*words, "--out", tmp_path / "same", "--format", "json").output)
    names = sorted(path.name for path in (force / "roster").iterdir() if path.is_file())
    assert answer["equal_files"] == names
    for name in names:
        assert (tmp_path / "same" / name).read_bytes() == (force / "roster" / name).read_bytes()
    folder = Path(shutil.copytree(force / "roster", tmp_path / "altered"))
    (folder / "moves.csv").write_text("officer,day,from,to,notice,why\n", "utf-8")
    words = ("staff", "repeat", folder / "run.json", "--out", tmp_path / "no", "--workspace", force / "w")
    assert "moves.csv" in becalm(*words, code=ReplayError.exit_code).output
    assert not (tmp_path / "no").exists()


def test_who_was_freed_is_counted_for_the_donor_and_reading_it_leaves_a_trace(force: Path) -> None:
    record = json.loads((force / "town" / "truth" / "staff.json").read_text("utf-8"))
    freed = [r for r in rows_of(force / "town" / "staff" / "availability.csv") if r["state"] == "freed"]
    assert len(freed) == record["freed"] > 0
    hours = {(r["donor"], r["day"]): float(r["hours"]) for r in rows_of(force / "roster" / "donors.csv")}
    numbers = {row["staff_number"]: row["donor"] for row in freed}
    worked: dict[tuple[str, str], float] = {}
    for row in rows_of(force / "roster" / "roster.csv"):
        if row["staff_number"] in numbers and row["tour"] != "rest":
            key = (numbers[row["staff_number"]], row["day"])
            worked[key] = worked.get(key, 0.0) + float(row["hours"])
    assert hours == worked


def test_a_broken_rule_ends_with_its_exit_code(force: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(force / "roster", tmp_path / "broken"))
    rows = rows_of(folder / "roster.csv")
    worked = next(row for row in rows if row["tour"] == "night" and row["day"] == str(FIRST_DAY))
    next_day = next(
        row
        for row in rows
        if (row["staff_number"], row["day"]) == (worked["staff_number"], str(FIRST_DAY + timedelta(days=1)))
    )
    next_day |= {name: worked[name] for name in ("use", "hours")} | {
        "tour": "early",
        "start": "06:00",
        "unit": "x",
    }
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    result = becalm("staff", "check", folder, "--workspace", force / "w", code=RosterError.exit_code)
    assert "daily_rest_hours" in result.output
    assert worked["staff_number"] in result.output


def test_patrol_reads_the_tours_and_nobody_is_named_in_them(force: Path) -> None:
    (force / "w" / "from_staff").mkdir(exist_ok=True)
    for name in ("units.toml", "tours.csv"):
        shutil.copy(force / "roster" / name, force / "w" / "from_staff" / name)
    desk = open_desk(force / "w")
    units = read_duty_units(desk.workspace, str(force / "w" / "from_staff" / "units.toml"))
    patrol_rows = [row for row in rows_of(force / "roster" / "tours.csv") if row["use"] == "patrol"]
    assert [(tour.unit, str(tour.day)) for tour in units.tours] == [
        (r["unit"], r["day"]) for r in patrol_rows
    ]
    crew_sizes = sum(int(row["crew"]) for row in rows_of(force / "roster" / "tours.csv"))
    worked = [row for row in rows_of(force / "roster" / "roster.csv") if row["tour"] != "rest"]
    assert crew_sizes == len(worked)
    assert worked[0]["staff_number"] not in (force / "roster" / "tours.csv").read_text("utf-8")


def test_why_somebody_is_away_is_no_fact_and_reading_it_leaves_a_trace(force: Path) -> None:
    desk = open_desk(force / "w")
    entries = list(desk.open_ledger().entries(kinds=(AVAILABILITY,)))
    assert {frozenset(entry.event.facts) for entry in entries} == {frozenset({"available", "from", "until"})}
    first = entries[0].event
    window = (FIRST_DAY - timedelta(days=400), FIRST_DAY + timedelta(days=400))
    before = len(list(desk.open_ledger().entries(kinds=("record_accessed",))))
    reasons = read_reasons(desk, purpose="audit", officer=first.subject, between=window)
    assert reasons
    assert len(list(desk.open_ledger().entries(kinds=("record_accessed",)))) == before + len(reasons)


def test_publishing_records_the_roster_and_each_change(force: Path) -> None:
    ledger = open_desk(force / "w").open_ledger()
    moves = [row for row in rows_of(force / "roster" / "moves.csv") if row["from"] != row["to"]]
    assert len(list(ledger.entries(kinds=(ROSTER,)))) == 1
    assert len(list(ledger.entries(kinds=(CHANGE,)))) == len(moves)


def test_loading_the_same_files_again_records_nothing_new(force: Path) -> None:
    answer = becalm(
        "staff", "load", force / "town" / "staff", "--workspace", force / "w", "--format", "json"
    ).output
    assert json.loads(answer)["new_absences"] == 0


def test_after_a_call_at_half_past_five_the_roster_is_lawful_again(force: Path) -> None:
    worked = [
        r
        for r in rows_of(force / "roster" / "roster.csv")
        if r["day"] == "2020-05-06" and r["tour"] == "early"
    ]
    numbers = [row["staff_number"] for row in worked[:2]]
    workspace = Path(shutil.copytree(force / "w", force / "w2"))
    answer = becalm(
        "staff", "absent", *numbers, "--from", "2020-05-06", "--roster", force / "roster",
        "--out", force / "new", "--workspace", workspace,
    ).output  # fmt: skip
    assert "Ask, in this order" in answer
    becalm("staff", "check", force / "new", "--workspace", workspace)
    new_rows = {(r["staff_number"], r["day"]): r["tour"] for r in rows_of(force / "new" / "roster.csv")}
    assert {new_rows[number, "2020-05-06"] for number in numbers} == {"rest"}
    before, after = (
        {(row["officer"], row["day"]): row for row in rows_of(force / name / "moves.csv")}
        for name in ("roster", "new")
    )
    kept = {key for key, row in before.items() if new_rows[key] == row["to"]}
    assert kept
    assert {
        key: before[key] for key in kept
    }.items() <= after.items()  # what was changed before is still there
    assert all(new_rows[key] == row["to"] for key, row in after.items())
    late = becalm("staff", "absent", numbers[0], "--from", "2020-06-06", "--roster", force / "roster",
                  "--out", force / "new3", "--workspace", workspace, code=2).output  # fmt: skip
    assert "covers 2020-05-04 to 2020-05-10" in late
    becalm("staff", "absent", "Z999", "--from", "2020-05-06", "--roster", force / "roster",
           "--out", force / "new2", "--workspace", workspace, code=2)  # fmt: skip


def test_need_follows_the_hotspots_and_is_kept(force: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(force / "w", tmp_path / "w"))
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [1.5, 53.6]},
        "properties": {"place_id": "h1", "rank": 1, "harm": 5.0, "borough": "Aldermere"},
    }
    hotspots = tmp_path / "hotspots.geojson"
    hotspots.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    words = ("--from", FIRST_DAY, "--days", 7, "--total", 200, "--keep", "--hotspots", hotspots)
    record = json.loads(becalm("staff", "need", *words, "--workspace", workspace, "--format", "json").output)
    officers = {
        unit: sum(n["officers"] for n in record["needs"] if n["command_unit"] == unit) for unit in UNITS
    }
    assert officers["Ash"] == 200 - 2 * 7 * 3 * 2  # the others have the least of two on each tour
    assert len(rows_of(workspace / "staff" / "need.csv")) == 7 * 3 * 3


def test_every_fault_of_the_files_is_named_with_its_row_and_nothing_is_written(
    force: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(force / "town" / "staff", tmp_path / "staff"))
    for name, old, new in (
        ("officers.csv", "\nD1002,", "\nD1001,constable,Oak,,,,,,,,\nD1002,"),
        ("officers.csv", "driver:", "flyer:"),
        ("availability.csv", "sick", "ill"),
        ("roster.csv", "early", "dawn"),
    ):
        path = folder / name
        path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    workspace = Path(shutil.copytree(force / "w", tmp_path / "w"))
    before = (workspace / "staff" / "officers.csv").read_bytes()
    result = becalm("staff", "load", folder, "--workspace", workspace, code=InputError.exit_code)
    problems = (
        "D1001 is there twice",
        "'Oak' is unknown",
        "'flyer' is unknown",
        "'ill' is unknown",
        "'dawn'",
    )
    assert [problem for problem in (*problems, "officers.csv, row 3") if problem not in result.output] == []
    assert (workspace / "staff" / "officers.csv").read_bytes() == before
