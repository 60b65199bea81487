"""A field added to a request is one line: the option, the run record and the schema come of themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from street_archive import draw_archive

ROOT = Path(__file__).resolve().parents[2]
BESIDE = "    challenger: Annotated[bool, Parameter("
LINE = '    remark: Annotated[str, Parameter("A word for the run record.", metavar="WORD")] = ""\n'


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package whose request for hotspots has one line more."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(ROOT / "src" / "becalm", folder / "becalm", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "becalm" / "find" / "core" / "request.py"
    text = file.read_text("utf-8")
    assert BESIDE in text
    file.write_text(text.replace(BESIDE, LINE + BESIDE, 1), "utf-8")
    return folder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Robberies of twenty months in two boroughs."""
    folder = tmp_path_factory.mktemp("force") / "city"
    subprocess.run(
        [Path(sys.executable).with_name("becalm"), "init", folder], check=True, capture_output=True
    )
    draw_archive(folder, seed=5, hour_of=None)
    return folder


def becalm(package: Path, *words: object) -> str:
    environment = {**os.environ, "PYTHONPATH": str(package), "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "becalm.app.main", *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_offers_it_with_its_help(changed: Path) -> None:
    printed = becalm(changed, "find", "hotspots", "--help")
    assert "--remark" in printed
    assert "A word for the run record." in printed


def test_the_schema_describes_it(changed: Path) -> None:
    schema = json.loads(becalm(changed, "schema", "find", "hotspots"))
    assert schema["properties"]["remark"] == {
        "default": "",
        "description": "A word for the run record.",
        "title": "Remark",
        "type": "string",
    }


def test_the_run_record_keeps_it(changed: Path, workspace: Path) -> None:
    words = (
        "find",
        "hotspots",
        "-w",
        workspace,
        "--seed",
        1,
        "--count",
        2,
        "--remark",
        "monday",
        "-f",
        "json",
    )
    run = json.loads(becalm(changed, *words, "--remark", "monday", "-f", "json"))["run"]
    assert run["parameters"]["request"]["remark"] == "monday"
