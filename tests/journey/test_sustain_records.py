"""What is wrong with records raises no alarm: a missing week, a file cut short, a backlog that is cleared."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from published_counts import keep
from typer.testing import CliRunner
from watched import FIRST, STEP, STEP_DAY, WEEKS, drawn_incidents

from becalm.app.main import app

LAST = FIRST + timedelta(weeks=WEEKS)
BACKLOG, CLEARED = STEP_DAY + timedelta(weeks=12), STEP_DAY + timedelta(weeks=20)


def sustain(workspace: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["sustain", *words, "-w", str(workspace), "--quiet"])
    assert result.exit_code == 0, result.output + result.stderr
    return result.output


def keep_rows(folder: Path, rows: pa.Table, *, as_of: date = LAST) -> Path:
    """A workspace with these records; the step is declared once."""
    workspace = folder / "w"
    is_new = not workspace.exists()
    if is_new:
        CliRunner().invoke(app, ["init", str(workspace)])
    keep(workspace, "incidents", rows, "drawn", as_of=as_of)
    if is_new:
        sustain(workspace, *STEP)
    return workspace


def watch(workspace: Path, *words: str) -> dict[str, list[dict[str, object]]]:
    return json.loads(sustain(workspace, "watch", "--seed", "1", "--format", "json", *words))


def keep_days(rows: pa.Table, is_kept) -> pa.Table:
    return rows.filter(pa.array([is_kept(day) for day in rows["occurred_on"].to_pylist()]))


@pytest.mark.parametrize("fault", ["missing week", "cut file"])
def test_a_hole_in_the_records_raises_nothing(tmp_path: Path, fault: str) -> None:
    month = STEP_DAY + timedelta(weeks=26)
    if fault == "missing week":
        gap = month, month + timedelta(weeks=1)
    else:  # the file of a month ends with its ninth day
        gap = month.replace(day=10), (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    rows = keep_days(drawn_incidents(rises=False), lambda day: not gap[0] <= day < gap[1])
    answer = watch(keep_rows(tmp_path, rows))
    assert answer["alarms"] == []
    assert {row["state"] for row in answer["series"]} <= {"quiet", "not monitorable"}
    said = json.dumps([answer["warnings"], [row["notes"] for row in answer["series"]]])
    assert "missing or cut short" in said or "cut short" in said


def test_a_backlog_raises_nothing_while_it_waits_nor_when_it_is_cleared(tmp_path: Path) -> None:
    rows = drawn_incidents(rises=False)
    rng = np.random.default_rng(3)
    recorded = []
    for day in rows["occurred_on"].to_pylist():
        usual = day + timedelta(days=int(rng.integers(10)))
        recorded.append(CLEARED if BACKLOG <= usual < CLEARED else usual)
    rows = rows.set_column(
        rows.schema.get_field_index("recorded_on"), "recorded_on", pa.array(recorded, pa.date32())
    )
    waiting_day, cleared_day = CLEARED - timedelta(days=1), CLEARED + timedelta(weeks=8)
    for as_of in (waiting_day, cleared_day):
        is_known = pa.array([day <= as_of for day in recorded])
        workspace = keep_rows(tmp_path, rows.filter(is_known), as_of=as_of)
    for as_of in (waiting_day, cleared_day):
        answer = watch(workspace, "--as-of", str(as_of))
        assert answer["alarms"] == []
        assert "alarm" not in {row["state"] for row in answer["series"]}
