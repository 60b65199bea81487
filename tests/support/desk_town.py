"""A workspace in which every page has something to show: people, a plan, a roster, alarms and runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import patrol_town
from people import Programme, write_people
from town import becalm

from becalm.app.main import open_desk
from becalm.desk import Desk

FIRST_DAY = date(2020, 5, 4)
COMMAND_UNITS = ("Ash", "Beech", "Cedar")


@dataclass(frozen=True)
class DeskTown:
    """The workspace, its plan and roster, and the programme of its people."""

    workspace: Path
    plan: Path
    roster: Path
    programme: Programme

    def programme_desk(self) -> Desk:
        """The desk, to look into the ledger."""
        return open_desk(self.workspace)


def make_desk_town(folder: Path) -> DeskTown:
    """Made by the commands, as a force would make it."""
    files = folder / "town"
    size = ("--size", "town", "--seed", 3, "--months", "2019-03:2020-05", "--incidents", 8_000)
    becalm("simulate", *size, "--out", files)
    workspace = patrol_town.workspace_of(files, folder / "w")
    plan = workspace / "patrol" / "plan-1"
    patrol_town.plan(workspace, plan)
    becalm("staff", "load", files / "staff", "--workspace", workspace)
    need = folder / "need.csv"
    rows = [
        f"{unit},{FIRST_DAY + timedelta(days=n)},{tour},4"
        for unit in COMMAND_UNITS
        for n in range(3)
        for tour in ("early", "late", "night")
    ]
    need.write_text("\n".join(["command_unit,day,tour,officers", *rows]) + "\n", "utf-8")
    roster = workspace / "rosters" / "week-1"
    options = ("--from", FIRST_DAY, "--days", 3, "--need", need, "--work", 1, "--publish")
    becalm("staff", "allocate", *options, "--out", roster, "--workspace", workspace)
    persons, events = write_people(folder / "files")
    programme = Programme(workspace, folder / "files")
    programme.run("analyst", "ana", "load", persons, events)
    programme.begin()
    return DeskTown(workspace, plan, roster, programme)
