"""A simulated town that can be briefed on: made once, then copied."""

from __future__ import annotations

import shutil
from pathlib import Path

from typer.testing import CliRunner, Result

from becalm.app.main import app

MONTHS = "2018-03:2020-05"
INCIDENTS = 30_000


def becalm(*words: object, code: int = 0) -> Result:
    """Run a command, and see that it ends as it should."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, (
        f"becalm {' '.join(map(str, words))}\n{result.output}\n{result.exception}"
    )
    return result


def simulate(folder: Path) -> Path:
    """The town's files."""
    becalm(
        "simulate",
        "--size",
        "town",
        "--seed",
        3,
        "--months",
        MONTHS,
        "--incidents",
        INCIDENTS,
        "--out",
        folder,
    )
    return folder


def workspace_of(town: Path, folder: Path, *, boundaries: bool = True) -> Path:
    """A workspace that holds the town's extract, and no units, so that a briefing is made in a moment."""
    shapes = ("--boundaries", town / "boundaries.geojson") if boundaries else ()
    becalm("init", folder, "--city", town / "city.toml", *shapes)
    without_patrols(folder)
    becalm("ingest", town / "extract", "--workspace", folder, "--as-of", "2020-07-01")
    return folder


def without_patrols(workspace: Path) -> None:
    """Take away the units and streets that the town brought."""
    for name in ("units.toml", "streets.graphml"):
        (workspace / name).unlink()


def copy(workspace: Path, to: Path) -> Path:
    """The same workspace in another place."""
    return Path(shutil.copytree(workspace, to))
