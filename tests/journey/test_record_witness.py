"""A witness that another user runs, a ledger that it signs for, and one that it contradicts."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.ledger import parse_anchor

ADD = ("record", "add", "arrest_made", "--set", "unit=V", "--set", "activity=x")


def call(workspace: Path, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*words, "--workspace", str(workspace)])
    assert done.exit_code == code, done.output
    return done.output


# What is imported is read as the one who runs the tests, for another user may not read all of Python here;
# then the program becomes that other user for good, before it opens the folder or the port.
PROGRAM = """
import encodings.idna, os, sys, becalm.app.main, becalm.console.screen
from becalm.record.cli import commands, proof_views
from becalm.record.desk import witness
from becalm.console import emit
user, *sys.argv[1:] = sys.argv[1:]
if user != "-":
    os.setgroups([]); os.setgid(int(user)); os.setuid(int(user))
becalm.app.main.main()
"""


def other_user() -> int | None:
    """Somebody who is not the one that keeps the ledger, where the test may choose."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


@contextmanager
def running_witness(folder: Path, log_key: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The witness as a program of its own on a free port, and what a log writes into becalm.toml."""
    words = ["record", "witness", str(folder), "--log", log_key, "--listen", "127.0.0.1:0"]
    command = [sys.executable, "-u", "-c", PROGRAM, str(other_user() or "-"), *words]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert program.stdout is not None
    try:
        first_line = program.stdout.readline()
        assert first_line.startswith("The witness listens on"), first_line + program.stdout.read()
        yield program, program.stdout.readline().strip()
    finally:
        program.kill()
        program.communicate()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    call(folder, "init", "--city", "london")
    return folder


@pytest.fixture
def witness_folder() -> Iterator[Path]:
    """A folder of the other user; not below that of the test, which is its owner's alone."""
    with TemporaryDirectory(prefix="becalm-witness-", ignore_cleanup_errors=True) as name:
        if user := other_user():
            os.chown(name, user, user)
        yield Path(name)


def log_key_of(workspace: Path) -> str:
    lines = call(workspace, "record", "head").splitlines()
    return next(line.split()[-1] for line in lines if line.startswith("log key"))


def test_a_witness_signs_the_history_it_saw_and_no_other(workspace: Path, witness_folder: Path) -> None:
    with running_witness(witness_folder, log_key_of(workspace)) as (_, setting):
        config = workspace / "becalm.toml"
        config.write_text(config.read_text("utf-8").replace("[ledger]", f"[ledger]\n{setting}", 1), "utf-8")
        shutil.copytree(workspace, workspace.with_name("older"))
        for _ in range(2):
            call(workspace, *ADD)
            assert "signed by becalm.invalid/witness" in call(workspace, "record", "checkpoint")
        newest = sorted((workspace.parent / "city-outside" / "heads").glob("*.note"))[-1]
        (signature,) = parse_anchor(newest.read_text("utf-8"), str(newest)).cosignatures
        assert signature.name == "becalm.invalid/witness"
        verified = call(workspace, "record", "verify", "--anchor", str(newest))
        assert "The ledger holds" in verified
        assert "Of 1 witnesses becalm.invalid/witness signed the newest head outside" in verified
        lines = newest.read_text("utf-8").splitlines()
        lines[-1] = lines[-1][:-12] + "AAAA" + lines[-1][-8:]
        newest.write_text("\n".join(lines) + "\n", "utf-8")
        assert "does not fit it" in call(workspace, "record", "verify")

        # The history of yesterday goes on otherwise, with the same key; the heads outside are taken away.
        older = workspace.with_name("older")
        for path in (workspace.parent / "city-outside" / "heads").iterdir():
            path.unlink()
        for _ in range(9):
            call(older, *ADD)
        contradicted = call(older, "record", "checkpoint", code=15)
        assert "that this ledger signed and does not have" in " ".join(contradicted.split())
        (evidence,) = older.glob("contradiction-*.note")
        call(older, "record", "verify", "--anchor", str(evidence), code=15)
        kept = list(witness_folder.glob("*.refused"))
        assert kept
        assert {path.stat().st_uid for path in kept} == {other_user() or os.getuid()}


def test_a_witness_that_is_gone_costs_its_signature_alone(workspace: Path, witness_folder: Path) -> None:
    with running_witness(witness_folder, log_key_of(workspace)) as (_, setting):
        config = workspace / "becalm.toml"
        config.write_text(config.read_text("utf-8").replace("[ledger]", f"[ledger]\n{setting}", 1), "utf-8")
    started = time.monotonic()
    refused = call(workspace, "record", "checkpoint", code=10)
    assert "did not reach 1 of 2 places" in refused
    assert time.monotonic() - started < 60
    assert "The ledger holds" in call(workspace, "record", "verify")


def test_a_witness_that_is_written_wrongly_stops_no_verification(workspace: Path) -> None:
    config = workspace / "becalm.toml"
    setting = '[ledger]\nwitnesses = ["overseer"]'
    config.write_text(config.read_text("utf-8").replace("[ledger]", setting, 1), "utf-8")
    before = call(workspace, "record", "events")
    assert "is not written URL KEY" in call(workspace, "record", "checkpoint", code=4)
    assert call(workspace, "record", "events") == before
    assert "is not written URL KEY" in call(workspace, "record", "verify")


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--log", "nonsense"), 4, "is no key of a log or a witness"),
        ((), 2, "Name the key of each log"),
        (("--log", "KEY", "--listen", "here"), 2, "is no address"),
        (("--log", "KEY", "--name", "two words"), 2, "holds a space"),
    ],
)
def test_a_witness_is_told_what_is_wrong(
    workspace: Path, tmp_path: Path, words: tuple[str, ...], code: int, reason: str
) -> None:
    asked = [word.replace("KEY", log_key_of(workspace)) for word in words]
    done = CliRunner().invoke(app, ["record", "witness", str(tmp_path / "w"), *asked])
    assert (done.exit_code, reason in " ".join(done.output.split())) == (code, True), done.output
