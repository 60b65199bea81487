"""A small simulated town with units and streets, in which plans are quickly made."""

from pathlib import Path

import town
from town import becalm

FROM = "2020-05-04"
PLAN = ("--from", FROM, "--days", 2, "--count", 12)
UNITS = """
note = "two cars in each part of the town, day and night"

{areas}
"""


def workspace_of(files: Path, folder: Path) -> Path:
    """A workspace with the town's records, its streets and a few units."""
    town.workspace_of(files, folder)
    (folder / "units.toml").write_text(units(files), "utf-8")
    (folder / "streets.graphml").write_bytes((files / "streets" / "streets.graphml").read_bytes())
    return folder


def units(files: Path) -> str:
    """The town's own units, two starts a day: few, so that a plan is drawn in a moment."""
    text = (files / "units.toml").read_text("utf-8")
    head, *teams = text.split("[[teams]]")
    late_teams = [team for team in teams if " late" in team]
    assert late_teams
    return head + "".join(f"[[teams]]{team}" for team in late_teams)


def plan(workspace: Path, folder: Path, *more: object, code: int = 0) -> str:
    """Plan two days."""
    return becalm("patrol", "plan", "-w", workspace, *PLAN, "--out", folder, *more, code=code).output
