"""plan.json and visits.csv hold a plan whole, and say when they were altered."""

from __future__ import annotations

import csv
import hashlib
import json
from io import StringIO
from pathlib import Path

import patrol_plans
import pytest

from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.write_plan import INPUTS, plan_json, visits_csv
from becalm.terms import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plan = patrol_plans.document()
    visits = visits_csv(plan.inputs, plan.bursts)
    (tmp_path / "visits.csv").write_text(visits, "utf-8")
    (tmp_path / "plan.json").write_text(plan_json(plan, visits=visits), "utf-8")
    return tmp_path


def test_visits_are_one_row_a_burst_in_utc(folder: Path) -> None:
    rows = list(csv.DictReader(StringIO((folder / "visits.csv").read_text("utf-8"))))
    assert rows[0] == {
        "unit": "Team 1",
        "hotspot": "market",
        "start": "2020-05-04T17:10:00Z",
        "end": "2020-05-04T17:25:00Z",
        "minutes": "15",
        "area": "Old Town",
        "day": "2020-05-04",
        "arm": "",
    }
    assert [row["arm"] for row in rows] == ["", "low", "low", ""]


def test_a_plan_that_is_read_and_written_again_has_the_same_bytes(folder: Path) -> None:
    plan_again = read_plan(folder)
    visits = visits_csv(plan_again.inputs, plan_again.bursts)
    assert visits == (folder / "visits.csv").read_text("utf-8")
    assert plan_json(plan_again, visits=visits) == (folder / "plan.json").read_text("utf-8")
    assert [len(route.bursts) for route in plan_again.routes] == [2, 2]


def test_anybody_can_take_the_hash_of_the_inputs_again(folder: Path) -> None:
    plan_object = json.loads((folder / "plan.json").read_text("utf-8"))
    input_object = {key: plan_object[key] for key in INPUTS}
    text = json.dumps(input_object, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == plan_object["inputs_sha256"]


def test_a_plan_holds_no_clock_time_of_its_making(folder: Path) -> None:
    plan_object = json.loads((folder / "plan.json").read_text("utf-8"))
    assert "made_at" not in plan_object
    assert plan_object["meals"][0] == ["Team 1", "2020-05-04T18:40:00Z", "2020-05-04T19:10:00Z"]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("plan.json", '"crew":2', '"crew":3', "inputs_sha256"),
        ("visits.csv", "17:10:00Z", "17:11:00Z", "visits.csv is not the one"),
        ("plan.json", '"becalm patrol plan 1"', '"becalm patrol plan 9"', "is not a patrol plan"),
        ("plan.json", '"days": 1', '"days": "many"', "days"),
        ("plan.json", '"slot_minutes":1', '"slots":1', "is not a patrol plan"),
    ],
)
def test_a_plan_that_was_altered_is_refused(
    folder: Path, name: str, old: str, new: str, message: str
) -> None:
    path = folder / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=message):
        read_plan(folder)


def test_a_folder_without_a_plan_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan\.json cannot be read"):
        read_plan(tmp_path)
