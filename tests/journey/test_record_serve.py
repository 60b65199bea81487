"""One process writes for all programs, receipts are kept and checked, a breach is answered in a moment."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from becalm.app.main import app

ADD = ("record", "add", "arrest_made", "--set", "unit=V", "--set", "activity=x")


def call(workspace: Path, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*words, "--workspace", str(workspace)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    call(folder, "init", "--city", "london")
    return folder


@contextmanager
def serving(workspace: Path) -> Iterator[subprocess.Popen[str]]:
    """`becalm record serve`, once it listens."""
    start = "from becalm.app.main import main; main()"
    command = [sys.executable, "-u", "-c", start, "record", "serve", "--workspace", str(workspace)]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert program.stdout is not None
    try:
        first_line = program.stdout.readline()
        assert first_line.startswith("Writing for all programs at"), first_line + program.stdout.read()
        yield program
    finally:
        program.kill()
        program.communicate()


def ask(workspace: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(workspace / "ledger.sqlite")) as connection:
        return connection.execute(query).fetchall()


def test_commands_write_through_the_process_and_without_it(workspace: Path) -> None:
    with serving(workspace) as program:
        call(workspace, *ADD)
        (through,) = ask(workspace, "SELECT count(*) FROM receipt")
        assert through[0] > 0
        refusal = call(workspace, "record", "serve", code=10)
        assert f"process ({program.pid}) writes this ledger" in refusal
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0
    assert not (workspace / "ledger.socket").exists()
    call(workspace, *ADD)
    assert ask(workspace, "SELECT count(*) FROM receipt") == [through]
    assert "The ledger holds" in call(workspace, "record", "verify")


def test_a_process_that_was_killed_leaves_a_socket_and_no_harm(workspace: Path) -> None:
    with serving(workspace) as program:
        program.kill()
        program.wait()
    assert (workspace / "ledger.socket").exists()
    call(workspace, *ADD)
    with serving(workspace):
        call(workspace, *ADD)
    assert "The ledger holds" in call(workspace, "record", "verify")


def test_a_receipt_is_kept_and_one_without_its_event_contradicts(workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "arrest.receipt.json"
    call(workspace, *ADD, "--receipt", str(path))
    assert "The ledger holds" in call(workspace, "record", "verify", "--receipt", str(path))
    receipt = json.loads(path.read_text())
    path.write_text(json.dumps({**receipt, "ticket": "0" * 64}))
    assert "they are lost" in call(workspace, "record", "verify", "--receipt", str(path), code=15)
    path.write_text("{}")
    assert "no receipt of a ledger" in call(workspace, "record", "verify", "--receipt", str(path), code=4)
    refusal = call(workspace, *ADD, "--receipt", str(tmp_path / "nowhere" / "r.json"), code=2)
    assert "cannot be written" in refusal


def test_who_saw_whom_is_answered_by_the_index_and_said_so(workspace: Path, tmp_path: Path) -> None:
    details = tmp_path / "details.txt"
    details.write_text("Ann Example")
    call(
        workspace,
        *("record", "add", "referral_sent", "--subject", "P-1", "--purpose", "visit"),
        *("--set", "referral=R-1", "--set", "provider=harbour", "--details", str(details)),
    )
    (entry,) = ask(workspace, "SELECT seq FROM event WHERE kind = 'referral_sent'")
    call(workspace, "record", "show", str(entry[0]), "--purpose", "visit", "--details")
    quick = call(workspace, "record", "access", "--subject", "P-1", "--quick")
    assert "Read by the index" in quick
    whole = call(workspace, "record", "access", "--subject", "P-1")
    assert "Read by the index" not in whole
    assert quick.splitlines()[0] == whole.splitlines()[0]
    with closing(sqlite3.connect(workspace / "ledger.sqlite")) as connection:
        connection.execute("DROP TRIGGER event_stays")
        connection.execute("UPDATE event SET actor = 'nobody' WHERE kind = 'record_accessed'")
        connection.commit()
    assert "is not what was written" in call(
        workspace, "record", "access", "--subject", "P-1", "--quick", code=11
    )
