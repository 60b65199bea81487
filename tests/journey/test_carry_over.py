"""A ledger of the older format carried over, and a clock that was wrong set right: by command, and proved."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ledgers import plain, visit
from typer.testing import CliRunner

from becalm.app.events import EVENT_KINDS, FOLDS
from becalm.app.main import app, open_desk
from becalm.ledger import EventToAppend, parse_anchor
from becalm.ledger.store.sqlite import SqliteLedger

ADD = ("record", "add", "arrest_made", "--set", "unit=VSU 1", "--set", "activity=warrant")


def call(workspace: Path, *words: object, code: int = 0) -> str:
    asked = [*map(str, words), "--workspace", str(workspace)]
    result = CliRunner().invoke(app, asked, env={"BECALM_ACTOR": "ann"})
    assert result.exit_code == code, result.output
    return result.output


def answer(workspace: Path, *words: object) -> Any:
    return json.loads(call(workspace, *words, "--format", "json"))


def open_plain(workspace: Path, *, ahead: timedelta = timedelta()) -> SqliteLedger:
    """The ledger as a program of the older format opens it, in which details stand as they are."""
    return SqliteLedger(
        workspace / "ledger.sqlite",
        now=lambda: datetime.now(UTC) + ahead,
        draw_salt=open_desk(workspace).draw_key,
        kinds=EVENT_KINDS,
        folds=FOLDS,
    )


@pytest.fixture
def older(tmp_path: Path) -> Path:
    workspace = tmp_path / "city"
    call(workspace, "init", "--city", "london")
    ledger = open_plain(workspace)
    ledger.append([EventToAppend(visit("p-1", datetime.now(UTC)), b"Ann Example, 12 Long Road")])
    ledger.close()
    call(workspace, "record", "checkpoint")
    return workspace


def heads_of(workspace: Path) -> list[Path]:
    return sorted((workspace.parent / "city-outside" / "heads").glob("*.note"))


def test_an_older_ledger_opens_and_verifies_and_is_carried_over(older: Path, tmp_path: Path) -> None:
    assert b"Ann Example" in b"".join(path.read_bytes() for path in older.glob("ledger.*"))
    assert answer(older, "record", "verify")["holds"]
    head = parse_anchor(heads_of(older)[-1].read_text("utf-8"), "the newest head")
    before = answer(older, "record", "events")
    carried = answer(older, "record", "carry-over")
    assert carried["enciphered_count"] == 1
    assert b"Ann Example" not in b"".join(path.read_bytes() for path in older.glob("ledger.*"))
    *entries, begun = answer(older, "record", "events")
    assert entries == before
    assert (begun["kind"], begun["seq"]) == ("log_begun", carried["entry"])
    assert begun["facts"]["old_ledger"] == head.ledger_id == carried["old_ledger"]
    assert begun["facts"]["old_size"] == len(before)
    (statement,) = (older.parent / "city-outside" / "heads").glob("*.ended.json")
    ended = json.loads(statement.read_text("utf-8"))
    assert (ended["old_ledger"], ended["new_ledger"]) == (head.ledger_id, carried["new_ledger"])
    assert answer(older, "record", "verify")["holds"]
    shown = answer(older, "record", "show", 4, "--details", "--purpose", "audit")
    assert "Ann Example" in shown["details"]
    call(older, "record", "checkpoint")
    assert answer(older, "record", "verify")["holds"]
    assert "carried over before" in call(older, "record", "carry-over", code=2)


def test_without_the_statement_the_old_head_contradicts_the_new_log(older: Path, tmp_path: Path) -> None:
    head = shutil.copy2(heads_of(older)[-1], tmp_path / "mine.json")
    call(older, "record", "carry-over")
    for path in (*older.parent.rglob("*.ended.json"), *heads_of(older)):
        path.unlink()
    call(older, "record", "verify", "--anchor", head, code=15)


def test_a_wrong_clock_is_set_right_by_a_signed_entry(older: Path) -> None:
    ledger = open_plain(older, ahead=timedelta(days=2))
    ledger.append(plain(visit("p-2", datetime.now(UTC))))
    ledger.close()
    assert "becalm record clock" in call(older, *ADD, code=10)
    call(older, "record", "clock", "--reason", "the computer came back with a wrong date")
    call(older, *ADD)
    assert answer(older, "record", "verify")["holds"]
    (corrected,) = answer(older, "record", "events", "--kind", "clock_corrected")
    assert corrected["facts"]["signature"]
    assert "nothing to correct" in call(older, "record", "clock", "--reason", "again", code=2)
