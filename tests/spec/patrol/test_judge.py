"""Every rule that a plan can break: planted in an honest plan, and named by the judge."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from random_patrols import plan_files, random_request
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.patrol.core.judge_plan import HASHED, VIOLATION_KINDS, judge_plan

SEED = 7
Row = dict[str, str]


@dataclass
class Planted:
    """A plan that may be tampered with, row by row."""

    plan: dict[str, Any]
    rows: list[Row]

    def visits(self) -> bytes:
        out = io.StringIO()
        writer = csv.DictWriter(out, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue().encode()

    def seal(self) -> None:
        """Make the hashes fit, as a planner that errs would."""
        verdict = {name: self.plan[name] for name in HASHED}
        text = json.dumps(verdict, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.plan["inputs_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        self.plan["visits_sha256"] = hashlib.sha256(self.visits()).hexdigest()

    def tour(self) -> tuple[dict[str, Any], list[Row]]:
        """A tour with a meal and three bursts or more, and its rows."""
        for shift in self.plan["shifts"]:
            tour_rows = [r for r in self.rows if r["unit"] == shift["unit"] and r["day"] == shift["day"]]
            if len(tour_rows) >= 3 and shift["meal_minutes"]:
                return shift, tour_rows
        raise AssertionError("no such tour in the honest plan")

    def kinds(self) -> set[str]:
        return {v.kind for v in judge_plan(self.plan, self.visits()).violations}


@pytest.fixture(scope="module")
def honest() -> tuple[str, str]:
    return plan_files(random_request(SEED), bytes(32))


@pytest.fixture
def planted(honest: tuple[str, str]) -> Planted:
    plan, visits = honest
    return Planted(json.loads(plan), list(csv.DictReader(io.StringIO(visits))))


def at(text: str, minutes: float = 0) -> str:
    return (datetime.fromisoformat(text) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def put(row: Row, start: str) -> None:
    row["start"], row["end"] = start, at(start, float(row["minutes"]))


def a_unit_of_no_roster(p: Planted) -> None:
    p.rows[0]["unit"] = "ghost"


def a_unit_off_duty(p: Planted) -> None:
    put(p.rows[0], at(p.rows[0]["start"], -60 * 24 * 30))


def an_unknown_place(p: Planted) -> None:
    p.rows[0]["hotspot"] = "nowhere"


def past_the_end_of_the_tour(p: Planted) -> None:
    shift, tour_rows = p.tour()
    put(tour_rows[-1], at(shift["end"], -5))


def at_the_place_when_the_tour_begins(p: Planted) -> None:
    shift, tour_rows = p.tour()
    put(tour_rows[0], shift["start"])


def at_the_place_when_the_tour_ends(p: Planted) -> None:
    shift, tour_rows = p.tour()
    put(tour_rows[-1], at(shift["end"], -float(tour_rows[-1]["minutes"])))


def no_time_to_travel(p: Planted) -> None:
    _, tour_rows = p.tour()
    tour_rows[1]["hotspot"] = next(r["hotspot"] for r in tour_rows if r["hotspot"] != tour_rows[0]["hotspot"])
    put(tour_rows[1], tour_rows[0]["end"])


def no_way_at_all(p: Planted) -> None:
    shift, tour_rows = p.tour()
    table = next(t for t in p.plan["travel"] if t["mode"] == shift["mode"])
    table["minutes"][table["stops"].index(shift["base"])][table["stops"].index(tour_rows[0]["hotspot"])] = (
        None
    )


def two_bursts_at_once(p: Planted) -> None:
    _, tour_rows = p.tour()
    put(tour_rows[1], at(tour_rows[0]["start"], 5))


def no_meal(p: Planted) -> None:
    shift, _ = p.tour()
    p.plan["meals"] = [m for m in p.plan["meals"] if m[0] != shift["unit"]]


def a_short_meal(p: Planted) -> None:
    meal = p.plan["meals"][0]
    meal[2] = at(meal[2], -10)


def a_meal_outside_its_window(p: Planted) -> None:
    shift, _ = p.tour()
    meal = next(m for m in p.plan["meals"] if shift["start"] <= m[1] < shift["end"] and m[0] == shift["unit"])
    meal[1:] = [at(shift["start"], 1), at(shift["start"], 1 + shift["meal_minutes"])]


def a_burst_within_the_meal(p: Planted) -> None:
    shift, tour_rows = p.tour()
    meal = next(m for m in p.plan["meals"] if shift["start"] <= m[1] < shift["end"] and m[0] == shift["unit"])
    put(tour_rows[1], at(meal[1], 5))


def an_odd_length(p: Planted) -> None:
    p.rows[0]["end"] = at(p.rows[0]["end"], -1)


def two_units_at_one_place(p: Planted) -> None:
    shift, tour_rows = p.tour()
    other = next(s for s in p.plan["shifts"] if s["unit"] != shift["unit"])
    p.plan["policy"]["pairing"] = False
    p.rows.append({**tour_rows[0], "unit": other["unit"]})


def a_unit_at_the_place_of_an_earlier_plan(p: Planted) -> None:
    row = p.rows[0]
    p.plan["earlier"].append(["another unit", row["hotspot"], at(row["start"], 5), row["end"]])


def a_closed_place(p: Planted) -> None:
    place = next(x for x in p.plan["places"] if x["hotspot"] == p.rows[0]["hotspot"])
    place["blackouts"] = [[at(p.rows[0]["end"], -1), at(p.rows[0]["end"], 30)]]


def a_place_that_is_off_that_day(p: Planted) -> None:
    row = p.rows[0]
    p.plan["arms"] = [[row["hotspot"], str((datetime.fromisoformat(row["start"])).date()), "off"]]


def a_place_that_is_off_for_good(p: Planted) -> None:
    next(x for x in p.plan["places"] if x["hotspot"] == p.rows[0]["hotspot"])["arm"] = "off"


def a_place_of_another_area(p: Planted) -> None:
    p.tour()[0]["area"] = "elsewhere"


def a_tour_that_is_lent_without_a_reason(p: Planted) -> None:
    p.tour()[0]["lent_from"] = "elsewhere"


def a_tour_that_is_lent_to_its_own_area(p: Planted) -> None:
    shift, _ = p.tour()
    shift.update(lent_from=shift["area"], lent_because="a busy night")


def more_than_its_share(p: Planted) -> None:
    p.tour()[0]["burst_share"] = 0.01


def a_row_that_says_another_area(p: Planted) -> None:
    p.rows[0]["area"] = "elsewhere"


def a_row_without_a_zone(p: Planted) -> None:
    p.rows[0]["start"] = p.rows[0]["start"].removesuffix("Z")


def no_commitment(p: Planted) -> None:
    p.plan["commitment"]["commitment"] = ""


def a_plan_without_tours(p: Planted) -> None:
    del p.plan["meals"]


def a_burst_is_taken_out(p: Planted) -> None:
    del p.rows[2]


FAULTS: list[tuple[str, Callable[[Planted], None]]] = [
    ("unit", a_unit_of_no_roster),
    ("unit", a_unit_off_duty),
    ("hotspot", an_unknown_place),
    ("dosage", a_burst_is_taken_out),
    ("shift", past_the_end_of_the_tour),
    ("start", at_the_place_when_the_tour_begins),
    ("end", at_the_place_when_the_tour_ends),
    ("travel", no_time_to_travel),
    ("start", no_way_at_all),
    ("overlap", two_bursts_at_once),
    ("meal", no_meal),
    ("meal", a_short_meal),
    ("meal", a_meal_outside_its_window),
    ("meal", a_burst_within_the_meal),
    ("length", an_odd_length),
    ("together", two_units_at_one_place),
    ("together", a_unit_at_the_place_of_an_earlier_plan),
    ("blackout", a_closed_place),
    ("arm", a_place_that_is_off_that_day),
    ("arm", a_place_that_is_off_for_good),
    ("area", a_place_of_another_area),
    ("lent", a_tour_that_is_lent_without_a_reason),
    ("lent", a_tour_that_is_lent_to_its_own_area),
    ("share", more_than_its_share),
    ("form", a_row_that_says_another_area),
    ("form", a_row_without_a_zone),
    ("form", a_plan_without_tours),
    ("commitment", no_commitment),
]


def test_an_honest_plan_breaks_no_rule(planted: Planted) -> None:
    verdict = judge_plan(planted.plan, planted.visits())
    assert verdict.violations == ()
    assert verdict.visits == len(planted.rows) > 20
    assert verdict.unit_shifts == len(planted.plan["shifts"])


@pytest.mark.parametrize(("kind", "plant"), FAULTS, ids=[plant.__name__ for _, plant in FAULTS])
def test_a_planted_fault_is_named(planted: Planted, kind: str, plant: Callable[[Planted], None]) -> None:
    plant(planted)
    if plant is not a_plan_without_tours:
        planted.seal()
    assert kind in planted.kinds()


def test_altered_visits_and_altered_inputs_are_named_and_nothing_else(planted: Planted) -> None:
    planted.plan["visits_sha256"] = "0" * 64
    assert planted.kinds() == {"visits_hash"}
    planted.seal()
    planted.plan["places"][0]["harm"] += 1.0
    assert planted.kinds() == {"inputs_hash"}


def test_every_kind_of_fault_is_planted_somewhere() -> None:
    assert {kind for kind, _ in FAULTS} | {"visits_hash", "inputs_hash"} == set(VIOLATION_KINDS)


def test_faults_do_not_hide_each_other(planted: Planted) -> None:
    for _, plant in FAULTS[:6]:
        plant(planted)
    assert {"unit", "hotspot", "start", "visits_hash"} <= planted.kinds()


def test_the_command_names_them_and_ends_with_the_code_of_a_broken_plan(
    planted: Planted, tmp_path: Path
) -> None:
    folder = tmp_path / "plan"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(planted.plan), "utf-8")
    (folder / "visits.csv").write_bytes(planted.visits())
    words = ["patrol", "check", str(folder), "--format", "json"]
    outcome = CliRunner().invoke(app, words)
    verdict = json.loads(outcome.output)
    assert (outcome.exit_code, verdict["violations"]) == (0, [])
    assert verdict["visits"] == len(planted.rows)
    planted.rows[0]["hotspot"] = "nowhere"
    (folder / "visits.csv").write_bytes(planted.visits())
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 12
    assert {v["kind"] for v in json.loads(outcome.output)["violations"]} >= {"hotspot", "visits_hash"}
    shown = CliRunner().invoke(app, ["patrol", "check", str(folder / "plan.json")])
    assert shown.exit_code == 12
    assert "nowhere is not in this plan" in shown.output


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(app, ["patrol", "check", str(tmp_path)])
    assert outcome.exit_code == 4
    assert "plan.json" in outcome.output
