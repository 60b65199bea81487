"""The duty office of the rehearsed year: officers fall away, a roster is made, and its law is counted again.

The law is counted here from the roster's file alone, without the judge of `becalm staff check`.
"""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from becalm.rehearse.runner import Office
from becalm.rehearse.world import World
from becalm.simulate.force import draw_staff
from becalm.simulate.write_city import write_csv

ROSTER_EVERY: Final = 12  # weeks
ROSTER_DAYS: Final = 7
OFFICERS_PER_UNIT: Final = 53
TOURS: Final = ("early", "late", "night")
NEED_SHARE: Final = 0.5  # of the officers of a unit that is wanted on duty each day
LEAST_REST_HOURS: Final = 11.0


def make_roster(world: World, office: Office, folder: Path, week: int) -> dict[str, Any]:
    """Make a week's roster by becalm's commands; what they said of it, and what its file holds.

    `office` is one of its own: the year's patrols go by the units of the city.
    """
    monday, units = world.monday(week), world.plan.land.unit_names
    officer_count = round(OFFICERS_PER_UNIT * len(units) * world.scenario.force.staff_share)
    staff = draw_staff(units, world.rng(week, 5), count=officer_count, pivot=monday)
    absences = [row for row in staff.availability.to_pylist() if str(row["recorded_at"])[:10] < str(monday)]
    (folder / "staff").mkdir(parents=True, exist_ok=True)
    for name, table in (
        ("officers", staff.officers),
        ("roster", staff.roster),
        ("availability", pa.Table.from_pylist(absences, staff.availability.schema)),
    ):
        write_csv(table, folder / "staff" / f"{name}.csv")
    need_path = folder / "need.csv"
    wanted_count = round(officer_count / len(units) * NEED_SHARE / len(TOURS))
    needs = [
        {"command_unit": unit, "day": str(monday + timedelta(days=d)), "tour": tour, "officers": wanted_count}
        for unit in units
        for d in range(1, ROSTER_DAYS + 1)
        for tour in TOURS
    ]
    write_csv(pa.Table.from_pylist(needs), need_path)
    office.call("staff", "load", folder / "staff", actor="duty planner")
    answer = office.call(
        "staff", "allocate", "--from", monday + timedelta(days=1), "--days", ROSTER_DAYS, "--need", need_path,
        "--work", 0, "--out", folder / "roster", actor="duty planner",
    )  # fmt: skip
    check = office.call("staff", "check", folder / "roster", actor="auditor", may_fail=True)
    rows = _read_rows(folder / "roster" / "roster.csv")
    away = _days_away(absences)
    return {
        "broken_said": sum(rule["broken"] for rule in check.data["rules"]),
        "broken": count_breaches(rows, away),
        "short_said": answer.data["short"],
        "short": count_short(rows, needs),
    }


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["tour"] != "rest"]


def _days_away(absences: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The officer and day of every absence that takes the whole day; freed officers are more, not fewer."""
    away = set()
    for row in absences:
        if row["state"] in ("leave", "sick", "self-isolating"):
            day, last_day = (
                date.fromisoformat(str(row["from"])[:10]),
                date.fromisoformat(str(row["until"])[:10]),
            )
            while day < last_day:
                away.add((str(row["staff_number"]), day.isoformat()))
                day += timedelta(days=1)
    return away


def count_breaches(rows: list[dict[str, str]], away: set[tuple[str, str]]) -> int:
    """Tours of somebody who is away, second tours of a day, and rests of less than eleven hours."""
    breach_count = sum((row["staff_number"], row["day"]) in away for row in rows)
    tours_by_officer: dict[str, list[tuple[datetime, datetime]]] = {}
    for row in rows:
        if row["start"]:
            begin = datetime.fromisoformat(f"{row['day']}T{row['start']}")
            tours_by_officer.setdefault(row["staff_number"], []).append(
                (begin, begin + timedelta(hours=float(row["hours"])))
            )
    for tours in tours_by_officer.values():
        ordered_tours = sorted(tours)
        breach_count += sum(
            (later[0] - earlier[1]).total_seconds() < 3600 * LEAST_REST_HOURS
            for earlier, later in pairwise(ordered_tours)
        )
    return breach_count


def count_short(rows: list[dict[str, str]], needs: list[dict[str, Any]]) -> int:
    """How many officers are missing on all wanted tours together, by who stands in the roster."""
    filled = Counter((row["command_unit"], row["day"], row["tour"]) for row in rows)
    return sum(max(0, n["officers"] - filled[n["command_unit"], n["day"], n["tour"]]) for n in needs)
