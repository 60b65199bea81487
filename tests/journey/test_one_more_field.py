"""A field added to a request is one line: the option, the run record and the schema come of themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from records import incidents

from becalm.app.main import open_desk
from becalm.tables import TablePart

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
    """Robberies of fourteen months at four corners of one street."""
    folder = tmp_path_factory.mktemp("force") / "city"
    subprocess.run(
        [Path(sys.executable).with_name("becalm"), "init", folder], check=True, capture_output=True
    )
    months = [f"{2018 + n // 12}-{n % 12 + 1:02}" for n in range(14)]
    with open_desk(folder).archive.intake() as intake:
        for month in months:
            rows = [
                {
                    "month": month,
                    "offence_group": "robbery",
                    "easting_m": 530_075.0 + 150 * (n % 4),
                    "northing_m": 180_075.0,
                }
                for n in range(9)
            ]
            part = TablePart("incidents", "drawn", month, incidents(rows, source="drawn"))
            intake.add(
                part,
                as_of=date(2020, 6, 1),
                input_file="drawn",
                input_sha256=month,
                recipe="drawn",
                recipe_sha256="1",
            )
        intake.commit()
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
