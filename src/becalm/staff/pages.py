"""The page of staff."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from becalm.console.job_page import Act, FolderList, JobPage
from becalm.staff.core import events

if TYPE_CHECKING:
    from becalm.desk import Desk

ROSTERS: Final = FolderList(
    page="rosters",
    title="Rosters",
    lead="Who works when, who must be asked, and which tours are short.",
    record="run.json",
    mark="roster.csv",
    tables={
        "short.csv": "Tours that are short",
        "moves.csv": "Who must be asked, in this order",
        "roster.csv": "Who works when",
        "need.csv": "How many each tour wants",
    },
    filters=("command_unit", "day", "tour"),
)


def new_folder(desk: Desk) -> Mapping[str, Path]:
    """Where a changed roster goes: a folder of its own."""
    return {"a new folder": desk.workspace.path / "rosters" / f"changed-{desk.now():%Y%m%d-%H%M%S}"}


PURPOSE: Final = frozenset({"purpose"})
ACTS: Final = {
    "staff check": Act("Is a roster sound?", "Check it", is_look=True, files={"folder": ROSTERS.paths}),
    "staff report": Act("How fair a roster is", "Show it", is_look=True, files={"folder": ROSTERS.paths}),
    "staff absent": Act(
        "Somebody is away: who must be asked?",
        "Change the roster",
        files={"folder": ROSTERS.paths, "out": new_folder},
        watched=(events.CHANGE, events.ROSTER),
        left_out=PURPOSE,
    ),
    "staff answer": Act("What somebody said who was asked", watched=(events.ANSWER,), left_out=PURPOSE),
    "staff back": Act("Somebody is back early", watched=(events.AVAILABILITY,), left_out=PURPOSE),
}
PAGE = JobPage(
    job="staff",
    heading="Staff",
    lead="Who will be available, and how many officers does each shift need?",
    labels={
        "staff forecast": "How many will be available",
        "staff need": "How many are needed",
        "staff what-if": "What would change if more were absent",
    },
    acts=ACTS,
    folders=(ROSTERS,),
    by_command="Rosters are made with `becalm staff allocate`.",
)
