"""`becalm patrol certificate` from the outside: any log of visits, and how predictable it is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner
from visit_logs import chance_log, overdue_log, write_log

from becalm.app.main import app

DAYS = ("--train-days", "28", "--test-days", "7")
CONTRACT = {"auc_static", "auc_history", "gain", "gain_low", "gain_high", "log_loss_skill"}
CONTRACT |= {"safest_decile_ratio", "longest_dead_zone_minutes", "floor"}


def becalm(*words: object):
    return CliRunner().invoke(app, ["patrol", "certificate", *(str(word) for word in words)])


def test_visits_that_come_when_they_are_due_are_foretold_and_chance_is_not(tmp_path: Path) -> None:
    log = overdue_log(hotspots=16, days=36, every_minutes=300, seed=1)
    done = becalm(write_log(log, tmp_path / "v.csv"), *DAYS, "--format", "json")
    assert done.exit_code == 0, done.output
    held = json.loads(done.output)
    assert set(held) >= CONTRACT
    assert held["gain_low"] > 0.2
    assert held["safest_decile_ratio"] < 0.1
    assert abs(held["floor"]["gain"]) < 0.02
    assert len(held["calibration"]) == 10
    again = becalm(tmp_path / "v.csv", *DAYS, "--format", "json")
    assert again.output == done.output
    assert "predicts the next ones better" in " ".join(becalm(tmp_path / "v.csv", *DAYS).output.split())
    assert {one["observer"] for one in held["observers"]} == {"place", "area", "history"}
    assert held["observers"][0]["gain_low"] > 0.2  # one place is enough
    assert any("Cause found" in sentence for sentence in held["verdict"])


def test_visits_by_chance_alone_give_an_attacker_nothing(tmp_path: Path) -> None:
    log = chance_log(hotspots=30, days=35, per_day=4, seed=2)
    path = write_log(log, tmp_path / "log.csv", names=("where", "from", "until"))
    columns = ("--hotspot-column", "where", "--start-column", "from", "--end-column", "until")
    held = json.loads(becalm(path, *DAYS, *columns, "--format", "json").output)
    assert abs(held["gain"]) < 0.012
    assert abs(held["log_loss_skill"]) < 0.01
    assert 0.6 < held["safest_decile_ratio"] < 1.6
    assert held["leaks"] == []
    assert all(abs(quarter["ratio"] - 1) < 0.3 for quarter in held["after_departure"])


def test_a_log_of_one_place_or_of_one_hour_a_day_is_answered_as_far_as_it_goes(tmp_path: Path) -> None:
    log = chance_log(hotspots=1, days=35, per_day=4, seed=4)
    held = json.loads(becalm(write_log(log, tmp_path / "one.csv"), *DAYS, "--format", "json").output)
    assert held["gain"] is None
    assert "no attack was tried" in " ".join(held["warnings"])
    assert len(held["after_departure"]) == 8
    log = chance_log(hotspots=6, days=35, per_day=20, seed=5)
    is_in_hour = (log.start_s // 3600) % 24 == 20
    arrays = {name: getattr(log, name)[is_in_hour] for name in ("hotspot", "unit", "start_s", "end_s")}
    done = becalm(write_log(replace(log, **arrays), tmp_path / "hour.csv"), *DAYS)
    assert done.exit_code == 0, done.output
    assert "left out of the attack" in " ".join(done.output.split())


def test_a_log_that_is_too_short_says_how_many_days_it_has(tmp_path: Path) -> None:
    path = write_log(chance_log(hotspots=3, days=20, per_day=4, seed=3), tmp_path / "short.csv")
    done = becalm(path)
    assert done.exit_code == 5
    assert "20 days" in done.output
    assert "are 70" in done.output


def test_every_row_that_is_no_visit_is_named_and_nothing_is_used(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(
        "hotspot,start,end\n"
        "a,2025-01-06T10:00:00Z,2025-01-06T10:15:00Z\n"
        ",2025-01-06T10:00:00Z,2025-01-06T10:15:00Z\n"
        "b,soon,2025-01-06T10:15:00Z\n"
        "c,2025-01-06T10:00:00Z,2025-01-06T09:45:00Z\n"
        "d,2025-01-06T10:00:00Z,2025-01-07T09:45:00Z\n",
        "utf-8",
    )
    done = becalm(path)
    assert done.exit_code == 4
    for line in ("line 3", "line 4", "line 5", "line 6"):
        assert line in done.output
    assert "line 2" not in done.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("place,start,end\na,b,c\n", "--hotspot-column"),
        ("hotspot,start,end\n", "holds no visits"),
        ("hotspot,start,end\na,b\n", "more or fewer fields"),
    ],
)
def test_a_file_that_is_no_log_is_refused_with_its_reason(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text, "utf-8")
    done = becalm(path)
    assert done.exit_code == 4
    assert words in done.output


def test_an_unknown_time_zone_is_wrong_usage(tmp_path: Path) -> None:
    assert becalm(tmp_path / "none.csv", "--time-zone", "Mars/Base").exit_code == 2
