"""Every rule that a plan can break: planted alone in a drawn plan, and named as that and nothing else.

The drawn plan is honest to the minute: travel, meals, closures and shares are just enough, so that a minute
less breaks a rule.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from random_patrols import plan_files, random_request
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.patrol.core.judge_plan import HASHED, VIOLATION_KINDS, PlanVerdict, Violation, judge_plan

DAY = "2026-05-04"  # local time is an hour ahead of UTC, in which all times here are written
STOPS = ("base", "P", "Q", "R", "S", "nowhere")
# unit, hotspot, start, minutes, area
VISITS = (
    ("A1", "P", "18:12", 15, "A"),  # 10 minutes on the way and 2 to settle
    ("A1", "Q", "18:34", 15, "A"),  # 5 and 2
    ("A1", "P", "22:35", 15, "A"),  # 10 back to the base
    ("A1", "P", "23:12", 15, "A"),  # of the next tour, which begins as the first ends; past midnight there
    ("A2", "P", "18:27", 15, "A"),  # arrives as A1 leaves
    ("B1", "R", "22:00", 15, "B"),  # between two closures
    ("C1", "S", "19:00", 15, "C"),  # C1 and C2 are a pair
    ("C2", "S", "19:00", 15, "C"),
)
FIRST_A, SECOND_A, LAST_A, NIGHT_A, A2, B, C = range(7)


def at(clock: str) -> str:
    return f"{DAY}T{clock}:00Z" if clock < "24:00" else f"2026-05-05T{int(clock[:2]) - 24:02d}{clock[2:]}:00Z"


def shift(unit: str, start: str, end: str, **more: Any) -> dict[str, Any]:
    drawn = {"unit": unit, "area": unit[0], "day": DAY, "start": at(start), "end": at(end), "base": "base"}
    drawn |= {"mode": "foot", "meal_minutes": 0, "meal_window": None, "burst_share": 1.0, "pair": ""}
    return drawn | more


def drawn_plan() -> dict[str, Any]:
    minutes = [[0.0 if a == b else 10.0 if "base" in (a, b) else 5.0 for b in STOPS] for a in STOPS]
    places = [
        {"hotspot": p, "area": a, "arm": "", "blackouts": []} for p, a in zip("PQRS", "AABC", strict=True)
    ]
    places[2]["blackouts"] = [[at("21:00"), at("22:00")], [at("22:15"), at("23:00")]]
    return {
        "from": DAY,
        "days": 1,
        "time_zone": "Europe/London",
        "crs": "EPSG:27700",
        "bases": [],
        "owed": {},
        "policy": {"burst_minutes": [10, 15, 20], "settle_minutes": 2, "pairing": True},
        "places": places,
        "arms": [["P", "2026-05-06", "off"], ["P", DAY, "high"]],
        "shifts": [
            shift("A1", "18:00", "23:00", meal_minutes=30, burst_share=0.15),
            shift("A1", "23:00", "28:00"),
            shift("A2", "18:00", "23:00"),
            shift("B1", "18:00", "23:00", meal_minutes=30, meal_window=[at("19:00"), at("22:30")]),
            *(shift(unit, "18:00", "23:00", pair="x") for unit in ("C1", "C2")),
        ],
        "travel": [{"mode": "foot", "stops": list(STOPS), "minutes": minutes}],
        "earlier": [["Z9", "P", at("17:57"), at("18:12")]],
        "law": {},
        "commitment": {"commitment": "ab" * 32, "replans": []},
        "meals": [["A1", at("20:00"), at("20:30")], ["B1", at("20:00"), at("20:30")]],
        "dosage": [{"hotspot": "P", "visits": 4}, {"hotspot": "Q", "visits": 1}],
    }


@dataclass
class Planted:
    """A plan that may be tampered with, row by row."""

    plan: dict[str, Any]
    rows: list[dict[str, str]]

    def visits(self) -> bytes:
        out = io.StringIO()
        writer = csv.DictWriter(out, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue().encode()

    def seal(self) -> None:
        """Make the hashes fit, as a planner that errs would."""
        inputs = {name: self.plan[name] for name in HASHED}
        text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.plan["inputs_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        self.plan["visits_sha256"] = hashlib.sha256(self.visits()).hexdigest()

    def judge(self, **more: Any) -> PlanVerdict:
        return judge_plan(self.plan, self.visits(), **more)

    def findings(self) -> list[tuple[str, str]]:
        self.seal()
        return [(v.kind, v.what) for v in self.judge().violations]

    def put(self, row: int, start: str, **columns: str) -> None:
        """Move a burst, its length kept."""
        hour, minute = map(int, start.split(":"))
        end = hour * 60 + minute + int(self.rows[row]["minutes"])
        self.rows[row] |= {"start": at(start), "end": at(f"{end // 60:02d}:{end % 60:02d}"), **columns}

    def meal(self, number: int, start: str, end: str) -> None:
        self.plan["meals"][number][1:] = [at(start), at(end)]


@pytest.fixture
def planted() -> Planted:
    names = ("unit", "hotspot", "start", "minutes", "area")
    made = Planted(drawn_plan(), [dict(zip(names, map(str, visit), strict=True)) for visit in VISITS])
    for number, visit in enumerate(VISITS):
        made.put(number, visit[2], day=DAY)
    made.seal()
    return made


def shifts(number: int, **facts: Any) -> Callable[[Planted], None]:
    return lambda p: p.plan["shifts"][number].update(facts)


def row(number: int, **columns: str) -> Callable[[Planted], None]:
    return lambda p: p.rows[number].update(columns)


def put(number: int, start: str) -> Callable[[Planted], None]:
    return lambda p: p.put(number, start)


def meal(number: int, start: str, end: str) -> Callable[[Planted], None]:
    return lambda p: p.meal(number, start, end)


def plan(key: str, value: Any) -> Callable[[Planted], None]:
    return lambda p: p.plan.update({key: value})


def policy(**rules: Any) -> Callable[[Planted], None]:
    return lambda p: p.plan["policy"].update(rules)


def place(number: int, **facts: Any) -> Callable[[Planted], None]:
    return lambda p: p.plan["places"][number].update(facts)


def no_way(p: Planted) -> None:
    p.plan["travel"][0]["minutes"][1][2] = None


def a_meal_between_two_bursts(start: str) -> Callable[[Planted], None]:
    def change(p: Planted) -> None:
        p.plan["shifts"][0]["meal_window"] = [at("18:45"), at("22:00")]
        p.meal(0, "18:52", "19:22")
        p.put(LAST_A, start)

    return change


CLOSED = "closed from 2026-05-04 {} to 2026-05-04 {} UTC"
FAULTS: dict[str, tuple[Callable[[Planted], None], list[tuple[str, str]]]] = {
    "a unit of no roster": (row(B, unit="ghost"), [("unit", "ghost is not in this plan's roster")]),
    "a unit off duty": (put(FIRST_A, "16:00"), [("unit", "A1 is not on duty then")]),
    "a unit before its duty, to the minute": (put(B, "17:45"), [("unit", "B1 is not on duty then")]),
    "a unit after its duty, to the minute": (put(B, "23:00"), [("unit", "B1 is not on duty then")]),
    "as one tour ends and the next begins": (
        put(NIGHT_A, "23:00"),
        [("start", "from base: 0 minutes, 12 are needed")],
    ),
    "an unknown place": (row(B, hotspot="nowhere"), [("hotspot", "nowhere is not in this plan")]),
    "before the tour": (
        put(A2, "17:59"),
        [
            ("shift", "the tour is from 18:00 to 23:00 UTC"),
            ("together", "Z9 is there until 18:12 UTC"),
            ("together", "A2 is there until 18:14 UTC"),
            ("start", "from base: -1 minutes, 12 are needed"),
        ],
    ),
    "past the tour": (
        put(A2, "22:51"),
        [
            ("shift", "the tour is from 18:00 to 23:00 UTC"),
            ("end", "back to base: -6 minutes, 10 are needed"),
        ],
    ),
    "a minute short from the base": (
        put(NIGHT_A, "23:11"),
        [("start", "from base: 11 minutes, 12 are needed")],
    ),
    "a minute short to the base": (put(LAST_A, "22:36"), [("end", "back to base: 9 minutes, 10 are needed")]),
    "a minute short on the way": (put(SECOND_A, "18:33"), [("travel", "from P: 6 minutes, 7 are needed")]),
    "as one burst ends": (put(SECOND_A, "18:27"), [("travel", "from P: 0 minutes, 7 are needed")]),
    "no way at all": (no_way, [("travel", "from P: there is no route")]),
    "two at once": (put(SECOND_A, "18:26"), [("overlap", "the unit is at P until 18:27 UTC")]),
    "a meal takes time": (
        a_meal_between_two_bursts("19:25"),
        [("travel", "from Q: 6 minutes, 7 are needed")],
    ),
    "no meal": (lambda p: p.plan["meals"].pop(1), [("meal", "0 meals are planned, 1 is due")]),
    "two meals": (
        lambda p: p.plan["meals"].append(["B1", at("21:00"), at("21:30")]),
        [("meal", "2 meals are planned, 1 is due")],
    ),
    "a short meal": (meal(1, "20:00", "20:29"), [("meal", "29 minutes, 30 are due")]),
    "a meal in the first minute": (
        meal(1, "18:00", "18:30"),
        [("meal", "18:00 to 18:30 UTC, its window is 19:00 to 22:30")],
    ),
    "a meal a minute early": (
        meal(1, "18:59", "19:29"),
        [("meal", "18:59 to 19:29 UTC, its window is 19:00 to 22:30")],
    ),
    "a meal a minute late": (
        meal(0, "21:16", "21:46"),
        [("meal", "21:16 to 21:46 UTC, its window is 19:15 to 21:45")],
    ),
    "a meal a minute before the middle half": (
        meal(0, "19:14", "19:44"),
        [("meal", "19:14 to 19:44 UTC, its window is 19:15 to 21:45")],
    ),
    "a burst within the meal": (meal(1, "21:31", "22:01"), [("meal", "the meal is from 21:31 to 22:01 UTC")]),
    "an odd length": (
        lambda p: p.rows[B].update(end=at("22:14"), minutes="14"),
        [("length", "14 minutes; [10, 15, 20] are allowed")],
    ),
    "two units at one place": (put(A2, "18:26"), [("together", "A1 is there until 18:27 UTC")]),
    "a unit of an earlier plan": (
        plan("earlier", [["Z9", "P", at("17:57"), at("18:13")]]),
        [("together", "Z9 is there until 18:13 UTC")],
    ),
    "a pair where none is allowed": (policy(pairing=False), [("together", "C1 is there until 19:15 UTC")]),
    "two that are no pair": (shifts(5, pair="y"), [("together", "C1 is there until 19:15 UTC")]),
    "closed until a minute after": (
        place(2, blackouts=[[at("21:00"), at("22:01")]]),
        [("blackout", CLOSED.format("21:00", "22:01"))],
    ),
    "closed from a minute before": (
        place(2, blackouts=[[at("22:14"), at("23:00")]]),
        [("blackout", CLOSED.format("22:14", "23:00"))],
    ),
    "off that day": (plan("arms", [["R", DAY, "off"]]), [("arm", f"the place is off on {DAY}")]),
    "off the day after, by the clock there": (
        plan("arms", [["P", "2026-05-05", "off"]]),
        [("arm", "the place is off on 2026-05-05")],
    ),
    "off for good": (place(2, arm="off"), [("arm", f"the place is off on {DAY}")]),
    "another area": (shifts(3, area="E"), [("area", "the place lies in B, the unit serves E")]),
    "lent without a reason": (
        shifts(3, lent_from="E", lent_because=" "),
        [("lent", "lent from 'E' to B, because ' '")],
    ),
    "a reason, and not lent": (
        shifts(3, lent_because="a fair"),
        [("lent", "lent from '' to B, because 'a fair'")],
    ),
    "lent to its own area": (
        shifts(3, lent_from="B", lent_because="a fair"),
        [("lent", "lent from 'B' to B, because 'a fair'")],
    ),
    "more than its share": (
        shifts(0, burst_share=0.149),
        [("share", "45 minutes of bursts, 44.7 are open to them")],
    ),
    "a burst fewer than stated": (
        lambda p: p.rows.pop(NIGHT_A),
        [("dosage", "3 visits stand in visits.csv, and plan.json says 4")],
    ),
    "a dosage that is none": (plan("dosage", ["P"]), [("form", "plan.json: its dosage cannot be read")]),
    "another area in words": (row(B, area="E"), [("form", 'area "E" should be "B"')]),
    "another day in words": (row(B, day="2026-05-05"), [("form", f'day "2026-05-05" should be "{DAY}"')]),
    "another length in words": (row(B, minutes="20"), [("form", 'minutes "20" should be "15"')]),
    "no commitment": (
        plan("commitment", {"commitment": "AB" * 32}),
        [("commitment", f"the commitment '{'AB' * 32}' is none")],
    ),
    "no commitment at all": (plan("commitment", None), [("commitment", "the commitment None is none")]),
}
NEIGHBOURS: dict[str, Callable[[Planted], None]] = {
    "the drawn plan": lambda _: None,
    "a meal that begins with its window": meal(1, "19:00", "19:30"),
    "a meal that ends with its window": meal(0, "21:15", "21:45"),
    "a meal that begins with the middle half": meal(0, "19:15", "19:45"),
    "a meal that ends as a burst begins": meal(1, "21:30", "22:00"),
    "a meal with just the time beside it": a_meal_between_two_bursts("19:26"),
    "a tour that is lent, with a reason": shifts(3, lent_from="E", lent_because="a fair"),
    "a place that is off on other days": plan(
        "arms", [["P", "2026-05-06", "off"], ["Q", "2026-05-05", "off"]]
    ),
    "one of a pair comes as the other leaves": lambda p: p.put(7, "19:15"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_and_nothing_else(planted: Planted, name: str) -> None:
    change, expected = FAULTS[name]
    change(planted)
    assert planted.findings() == expected


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_lawful_neighbour_stays_clean(planted: Planted, name: str) -> None:
    NEIGHBOURS[name](planted)
    assert planted.findings() == []


def test_a_finding_says_who_where_and_when(planted: Planted) -> None:
    planted.put(SECOND_A, "18:33")
    planted.seal()
    assert planted.judge().violations == (
        Violation("travel", "A1", "Q", at("18:33"), "from P: 6 minutes, 7 are needed"),
    )
    shifts(0, burst_share=0.1)(planted)
    assert [(v.kind, v.hotspot, v.at) for v in planted.judge().violations][-1] == ("share", "", at("18:00"))


@pytest.mark.parametrize(
    ("start", "end", "seen"),
    [("22:15", "22:20", 0), ("21:50", "22:00", 0), ("22:14", "22:20", 1), ("21:50", "22:01", 1)],
)
def test_a_place_that_was_closed_since_is_named_to_the_minute(
    planted: Planted, start: str, end: str, seen: int
) -> None:
    closures = [("R", *map(datetime.fromisoformat, (at(start), at(end))))]
    what = f"closed since the plan was made, {DAY} {start} to {end} UTC"
    assert [(v.kind, v.what) for v in planted.judge(closures=closures).violations] == [
        ("blackout", what)
    ] * seen


@pytest.mark.parametrize(
    ("unit", "free_from", "seen"), [("A1", "22:35", 1), ("A1", "22:36", 0), ("A2", "18:00", 0)]
)
def test_a_re_plan_knows_what_was_closed_when_it_was_drawn(
    planted: Planted, unit: str, free_from: str, seen: int
) -> None:
    note = {
        "states": [{"unit": unit, "free_from": at(free_from)}],
        "blackouts": [["P", at("22:49"), at("23:00")]],
    }
    planted.plan["commitment"]["replans"] = [note]
    assert [kind for kind, _ in planted.findings()] == ["blackout"] * seen


def test_a_unit_that_joined_later_is_on_duty(planted: Planted) -> None:
    joined = planted.plan["shifts"].pop(2)
    assert planted.findings() == [("unit", "A2 is not in this plan's roster")]
    planted.plan["commitment"]["replans"] = [{"states": [], "shifts": [joined]}]
    assert planted.findings() == []


@pytest.mark.parametrize(
    ("visits", "what"),
    [
        (b"unit,hotspot,start\n", "visits.csv has no end column"),
        (b"unit,hotspot,start,end\nA1,P,\xff\n", "visits.csv cannot be read"),
        (b"unit,hotspot,start,end\nB1,R,2026-05-04T22:00:00,2026-05-04T22:15:00Z\n", "line 2 of visits.csv"),
    ],
)
def test_rows_that_cannot_be_read_are_named(planted: Planted, visits: bytes, what: str) -> None:
    planted.plan["dosage"] = []
    violations = judge_plan(planted.plan, visits).violations
    assert [v.kind for v in violations] == ["visits_hash", "form"]
    assert violations[1].what.startswith(what)


def test_a_plan_that_cannot_be_read_is_named(planted: Planted) -> None:
    del planted.plan["meals"], planted.plan["arms"]
    assert [v.what for v in planted.judge().violations] == ["plan.json lacks arms, meals"]
    planted.plan |= {"meals": [], "arms": [["P"]]}
    (violation,) = planted.judge().violations
    assert violation.what.startswith("plan.json cannot be read (ValueError")
    assert planted.judge().unit_shifts == 6


@pytest.mark.parametrize("key", ["visits_sha256", "inputs_sha256"])
def test_altered_visits_and_altered_inputs_are_named_and_nothing_else(planted: Planted, key: str) -> None:
    sound = planted.plan[key]
    planted.plan[key] = "0" * 64
    (violation,) = planted.judge().violations
    assert violation.kind == key.replace("sha256", "hash")
    assert violation.what.endswith(f"{sound}, plan.json says {'0' * 64}")


def test_every_kind_of_fault_is_planted_somewhere() -> None:
    kinds = {kind for _, expected in FAULTS.values() for kind, _ in expected}
    assert kinds | {"visits_hash", "inputs_hash"} == set(VIOLATION_KINDS)


@pytest.fixture(scope="module")
def honest() -> tuple[str, str]:
    return plan_files(random_request(7), bytes(32))


def test_what_the_planner_makes_breaks_no_rule(honest: tuple[str, str]) -> None:
    verdict = judge_plan(json.loads(honest[0]), honest[1].encode())
    assert verdict.violations == ()
    assert verdict.visits == honest[1].count("\n") - 1 > 20
    assert verdict.unit_shifts == len(json.loads(honest[0])["shifts"])


def test_the_command_names_them_and_ends_with_the_code_of_a_broken_plan(
    honest: tuple[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "plan"
    folder.mkdir()
    (folder / "plan.json").write_text(honest[0], "utf-8")
    (folder / "visits.csv").write_text(honest[1], "utf-8")
    words = ["patrol", "check", str(folder), "--format", "json"]
    outcome = CliRunner().invoke(app, words)
    verdict = json.loads(outcome.output)
    assert (outcome.exit_code, verdict["violations"]) == (0, [])
    assert verdict["visits"] == honest[1].count("\n") - 1
    first_place = honest[1].splitlines()[1].split(",")[1]
    (folder / "visits.csv").write_text(honest[1].replace(f",{first_place},", ",nowhere,", 1), "utf-8")
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
