"""What the duty office hands out and notes: forecast, what-if, sheets, answers, derogations, privacy."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar
from town import becalm

from becalm.app.main import open_desk
from becalm.brief.desk.staff import make_staff_part
from becalm.formats.sheet import InputFile
from becalm.formats.table_reader import read_sheet
from becalm.staff.core.events import AVAILABILITY
from becalm.staff.desk.roster import find_published_tours
from becalm.terms import InputError, RosterError, RunRecord

FIRST_DAY = date(2020, 5, 4)
UNITS = ("Ash", "Beech", "Cedar")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a published roster of one week, administration and wishes in it."""
    folder = tmp_path_factory.mktemp("office")
    town = folder / "town"
    becalm("simulate", "--size", "town", "--months", "2020-01:2020-04", "--incidents", 500, "--out", town)
    becalm("init", folder / "w", "--city", town / "city.toml", "--boundaries", town / "boundaries.geojson")
    becalm("staff", "load", town / "staff", "--workspace", folder / "w")
    days = [FIRST_DAY + timedelta(days=n) for n in range(7)]
    need = [f"{u},{d},{t},4" for u in UNITS for d in days for t in ("early", "late", "night")]
    (folder / "need.csv").write_text("command_unit,day,tour,officers\n" + "\n".join(need) + "\n", "utf-8")
    admin = [f"{u},{d},24" for u in UNITS for d in days]
    (folder / "admin.csv").write_text("command_unit,day,hours\n" + "\n".join(admin) + "\n", "utf-8")
    wishes = "officer,day,tour,kind,with\nD1003,2020-05-05,,off,\nD1004,2020-05-05,,swap,D1005\n"
    (folder / "wishes.csv").write_text(wishes, "utf-8")
    becalm(
        "staff", "allocate", "--from", FIRST_DAY, "--days", 7, "--need", folder / "need.csv", "--work", 0,
        "--pins", folder / "wishes.csv", "--admin", folder / "admin.csv", "--publish",
        "--out", folder / "roster", "--workspace", folder / "w",
    )  # fmt: skip
    return folder


def answer_of(office: Path, *words: object) -> dict:
    return json.loads(becalm("staff", *words, "--workspace", office / "w", "--format", "json").output)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_forecast_lies_between_nobody_and_those_published(office: Path) -> None:
    rows = answer_of(office, "forecast", "--from", FIRST_DAY, "--days", 3)["strength"]
    assert {row["command_unit"] for row in rows} == {*UNITS, "all"}
    assert all(0 <= row["p10"] <= row["p50"] <= row["p90"] <= row["published"] for row in rows)
    known_early = answer_of(
        office, "forecast", "--from", FIRST_DAY, "--days", 3, "--known-at", "2020-04-20T05:30Z"
    )["strength"]
    widths = [sum(row["p90"] - row["p10"] for row in answer) for answer in (rows, known_early)]
    assert widths[0] < widths[1]  # a fortnight ahead less is known


def test_what_if_shows_each_change_and_all_together(office: Path) -> None:
    changes = ("--free", "airport=10", "--isolating", "10%", "--event", "20@2020-05-06")
    period = ("--from", FIRST_DAY, "--days", 7, "--need", office / "need.csv")
    cases = answer_of(office, "what-if", *period, *changes)["cases"]
    assert [case["label"] for case in cases] == [
        "as it is", "10 freed from airport", "10% isolating", "20 to an event on 2020-05-06", "all together"
    ]  # fmt: skip
    totals = {case["label"]: sum(case["strength"]) for case in cases}
    assert totals["10% isolating"] < totals["as it is"] < totals["10 freed from airport"]
    outside = becalm(
        "staff", "what-if", *period, "--event", "5@2020-06-01", "--workspace", office / "w", code=2
    )
    assert "lies outside the days" in outside.output


def test_administration_is_counted_and_names_nobody(office: Path) -> None:
    words = ("--from", FIRST_DAY, "--days", 2, "--need", office / "need.csv", "--work", 0)
    files = ("--admin", office / "admin.csv", "--out", office / "admin")
    record = answer_of(office, "allocate", *words, *files)["administration"]
    assert record["needed_hours"] == 3 * 2 * 24
    assert record["street_tours_freed"] == pytest.approx(record["admin_only_hours"] / 8, abs=0.06)
    rows = rows_of(office / "roster" / "administration.csv")
    assert len(rows) == 3 * 7
    assert sum(float(row["admin_only_hours"]) for row in rows) > 0
    admin_tours = [row for row in rows_of(office / "roster" / "tours.csv") if row["unit"].endswith("admin")]
    assert admin_tours
    assert {row["use"] for row in admin_tours} == {"admin"}
    purposes = {
        e.event.purpose for e in open_desk(office / "w").open_ledger().entries(kinds=("record_accessed",))
    }
    assert "duty planning" in purposes


def test_every_wish_is_answered_in_a_file(office: Path) -> None:
    outcomes = {row["kind"]: row["outcome"] for row in rows_of(office / "roster" / "wishes.csv")}
    assert set(outcomes) == {"off", "swap"}
    assert set(outcomes.values()) <= {"granted", "not granted"}


def test_sheets_calendars_and_boards_agree_with_the_roster(office: Path) -> None:
    becalm("staff", "sheets", office / "roster", "--out", office / "sheets", "--workspace", office / "w")
    worked = [row for row in rows_of(office / "roster" / "roster.csv") if row["tour"] != "rest"]
    officer = worked[0]["staff_number"]
    calendar = Calendar.from_ical((office / "sheets" / "officers" / f"{officer}.ics").read_bytes())
    own = [row for row in worked if row["staff_number"] == officer]
    assert sorted(str(event["DTSTART"].dt.date()) for event in calendar.walk("VEVENT")) == [
        r["day"] for r in own
    ]
    page = (office / "sheets" / "officers" / f"{officer}.html").read_text("utf-8")
    assert own[0]["unit"] in page
    assert "sick" not in page
    board = (office / "sheets" / "units" / "ash.html").read_text("utf-8")
    there = [r["staff_number"] for r in worked if r["command_unit"] == "Ash" and r["day"] == str(FIRST_DAY)]
    assert [number for number in there if number not in board] == []
    book = read_sheet(InputFile("duty.xlsx", office / "sheets" / "duty.xlsx", "", date.min))
    assert len(book.data["officer"]) == len(worked)


def test_the_briefing_says_what_the_roster_in_force_says_and_names_nobody(office: Path) -> None:
    desk = open_desk(office / "w")
    run = RunRecord("brief", "0", 1, datetime(2020, 5, 4, tzinfo=UTC), None, {}, {})
    part, pins = make_staff_part(desk, run, None)
    worked = [row for row in rows_of(office / "roster" / "roster.csv") if row["tour"] != "rest"]
    assert f"{len(worked):,} tours of officers" in part.lead
    units = {row[0]: row for row in part.tables[0].rows}
    assert set(units) == set(UNITS)
    assert int(units["Ash"][1]) == sum(row["command_unit"] == "Ash" for row in worked)
    assert worked[0]["staff_number"] not in str(part)
    repeated, _ = make_staff_part(desk, run, json.loads(json.dumps(pins)))
    assert repeated == part
    units_file, days = find_published_tours(desk, FIRST_DAY + timedelta(days=2)) or (Path(), 0)
    assert (units_file.name, days) == ("units.toml", 5)
    assert find_published_tours(desk, FIRST_DAY + timedelta(days=7)) is None


def test_the_report_owes_a_day_for_each_rest_day_that_was_cancelled(office: Path) -> None:
    record = answer_of(office, "report", office / "roster")
    moves = rows_of(office / "roster" / "moves.csv")
    cancelled = sum(move["from"] == "rest" != move["to"] for move in moves)
    assert sum(officer["days_owed"] for officer in record["officers"]) == cancelled > 0
    assert record["rules_broken"] == 0
    assert {spread["command_unit"] for spread in record["spread"]} == set(UNITS)
    for row in record["officers"]:
        balance = row["hours"] + row["hours_away"] - row["hours_contracted"]
        assert row["hours_balance"] == pytest.approx(balance, abs=0.01)
    full_week = [row["hours_contracted"] for row in record["officers"] if row["hours_contracted"] > 400]
    assert set(full_week) == {480.0}  # 12 weeks of 40 hours


def test_who_says_no_is_not_asked_again_and_the_changes_can_be_put_in_force(office: Path) -> None:
    workspace = Path(shutil.copytree(office / "w", office / "w2"))
    rows = rows_of(office / "roster" / "roster.csv")
    sick = [r["staff_number"] for r in rows if (r["day"], r["tour"]) == ("2020-05-06", "early")][:3]

    def call_in(out: str, *words: object) -> list[dict[str, str]]:
        place = ("--roster", office / "roster", "--out", office / out, "--workspace", workspace)
        becalm("staff", "absent", *sick, "--from", "2020-05-06", *place, *words)
        former = rows_of(office / "roster" / "moves.csv")  # which stay in it
        return [move for move in rows_of(office / out / "moves.csv") if move not in former]

    asked = [move for move in call_in("again") if move["to"] != "rest"]
    first = asked[0]
    words = ("--day", first["day"], "--tour", first["to"], "--answer", "no", "--workspace", workspace)
    becalm("staff", "answer", first["officer"], *words)
    moves = call_in("after", "--publish")
    # Made again, also once an answer and the published changes are on record that came later.
    for folder in ("again", "after"):
        words = (office / folder / "run.json", "--out", office / f"{folder} once more")
        becalm("staff", "repeat", *words, "--workspace", workspace)
        assert (office / f"{folder} once more" / "moves.csv").read_bytes() == (
            office / folder / "moves.csv"
        ).read_bytes()
    assert (first["officer"], first["day"]) not in {(move["officer"], move["day"]) for move in moves}
    assert rows_of(workspace / "staff" / "roster" / "roster.csv") == rows_of(office / "after" / "roster.csv")


def test_a_derogation_is_judged_and_reported(office: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(office / "w", tmp_path / "w"))
    folder = Path(shutil.copytree(office / "roster", tmp_path / "roster"))
    rows = rows_of(folder / "roster.csv")
    next_day = str(FIRST_DAY + timedelta(days=1))
    by_key = {(row["staff_number"], row["day"]): row for row in rows}
    later_days = [str(FIRST_DAY + timedelta(days=n)) for n in (2, 3)]
    night = next(
        row
        for row in rows
        if (row["day"], row["tour"]) == (str(FIRST_DAY), "night")
        and by_key[row["staff_number"], next_day]["tour"] == "night"  # who is there, and used to such a run
        and all(by_key[row["staff_number"], day]["tour"] == "rest" for day in later_days)
    )
    by_key[night["staff_number"], next_day] |= {
        "tour": "late", "start": "14:00", "hours": "8", "unit": "x", "use": "visits"
    }  # fmt: skip
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    check = ("staff", "check", folder, "--workspace", workspace)
    assert "daily_rest_hours" in becalm(*check, code=RosterError.exit_code).output
    words = ("--day", next_day, "--rest-until", "2020-05-07T06:00Z", "--decided-by", "duty inspector")
    becalm(
        "staff",
        "derogate",
        night["staff_number"],
        "--rule",
        "daily_rest_hours",
        *words,
        "--workspace",
        workspace,
    )
    accepted = becalm(*check).output
    assert "compensatory_rest" in accepted
    assert "Set aside by a derogation" in accepted
    report = becalm("staff", "report", folder, "--workspace", workspace).output
    assert "duty inspector" in report
    refused = becalm("staff", "derogate", night["staff_number"], "--rule", "weekly_hours", *words,
                     "--workspace", workspace, code=2)  # fmt: skip
    assert "cannot be set aside" in refused.output


def test_freed_hours_come_with_their_interval_and_faults_with_their_rows(
    office: Path, tmp_path: Path
) -> None:
    lines = ["demand,period,week,hours"]
    lines += [f"events,baseline,{n},{100 + n}" for n in range(4)] + [
        f"events,now,{n},{40 + n}" for n in range(4)
    ]
    (tmp_path / "hours.csv").write_text("\n".join(lines) + "\n", "utf-8")
    weekly = answer_of(office, "need", "--from", FIRST_DAY, "--released", tmp_path / "hours.csv")["weekly"]
    assert [(row["demand"], row["freed_hours"], row["is_new_capacity"]) for row in weekly] == [
        ("events", 60.0, True), ("all", 60.0, True)
    ]  # fmt: skip
    bad = "demand,period,week,hours\nevents,before,1,10\n,now,1,-3\nairport,now,1,x\n"
    (tmp_path / "bad.csv").write_text(bad, "utf-8")
    result = becalm("staff", "need", "--from", FIRST_DAY, "--released", tmp_path / "bad.csv",
                    "--workspace", office / "w", code=InputError.exit_code)  # fmt: skip
    for problem in ("row 2", "'before' is unknown", "row 3", "no demand", "hours are -3", "row 4"):
        assert problem in result.output


def test_details_are_erased_after_their_term_and_an_officer_sees_what_is_held(
    office: Path, tmp_path: Path
) -> None:
    workspace = office / "w"  # the key of its details lies beside it, so a copy could not read them
    ledger = open_desk(workspace).open_ledger()
    subject = next(iter(ledger.entries(kinds=(AVAILABILITY,)))).event.subject
    pack = ("staff", "access-pack", subject, "--out", tmp_path / "pack.html", "--workspace", workspace)
    becalm(*pack)
    page = (tmp_path / "pack.html").read_text("utf-8")
    assert subject in page
    assert "subject request" in page
    due = json.loads(becalm("staff", "retention", "--today", "2021-06-01", "--workspace", workspace,
                            "--format", "json").output)  # fmt: skip
    assert due["entries"]
    becalm("staff", "retention", "--today", "2021-06-01", "--erase", "--workspace", workspace)
    again = json.loads(becalm("staff", "retention", "--today", "2021-06-01", "--workspace", workspace,
                              "--format", "json").output)  # fmt: skip
    assert again["entries"] == []
    becalm(*pack)
    assert ">erased<" in (tmp_path / "pack.html").read_text("utf-8")
    becalm("staff", "dpia", "--out", tmp_path / "dpia.html", "--workspace", workspace)
    assert "26 weeks after the absence ended" in (tmp_path / "dpia.html").read_text("utf-8")
