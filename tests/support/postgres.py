"""A PostgreSQL server to throw away: made in a folder of its own, reached by a socket only, gone after.

PostgreSQL refuses to run as root, so that a run by root starts it as `postgres` (or `nobody`). Writes
reach the disk as they would in earnest (`fsync` is on), since what is tested is what survives.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

BORN_WITHIN_S = 60
ADMIN = "keeper"  # the server's superuser
PROGRAM = "becalm"  # the user that the program logs in as
PATTERN = "ledger_pattern"  # a database with an empty ledger
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "on",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_recycle": "off",  # old write-ahead log is removed, not kept for use again: see the how-to
    "log_destination": "'stderr'",
}


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, None where it is not installed."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _version(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0


def _unprivileged() -> dict[str, Any]:
    """Who the server runs as, in subprocess's words: oneself, or somebody else where that is root."""
    if os.geteuid() != 0:
        return {}
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = next(known[name] for name in ("postgres", "nobody") if name in known)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass
class Server:
    """One server, its folder, and the process while it runs."""

    programs: Path
    folder: Path
    settings: dict[str, str]
    ledgers: int = 0  # that were made in it
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(
        default_factory=lambda: {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    )

    @property
    def data(self) -> Path:
        """Everything that the server keeps."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says of itself."""
        return self.folder / "server.log"

    def make(self) -> None:
        """Make the folder of data, with one superuser who needs no password on this socket."""
        told = [f"--username={ADMIN}", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", f"--pgdata={self.data}", *told)

    def start(self) -> None:
        """Start the server, and come back when it answers."""
        chosen = [f"--{name}={value.strip(chr(39))}" for name, value in self.settings.items()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, "-k", self.folder, *chosen],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self.environment,
                **_unprivileged(),
            )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + BORN_WITHIN_S
        asked = [
            str(self.programs / "pg_isready"),
            "-q",
            "-h",
            str(self.folder),
            "-d",
            "postgres",
            "-U",
            ADMIN,
        ]
        while subprocess.run(asked, check=False).returncode != 0:
            assert self.process
            assert self.process.poll() is None, f"PostgreSQL did not start:\n{self.log.read_text()[-2000:]}"
            assert time.monotonic() < until, f"PostgreSQL did not answer:\n{self.log.read_text()[-2000:]}"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server at once, without tidying up: it is thrown away."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(60)

    def kill(self) -> None:
        """End every process of the server at once, as a fall of the machine's power would."""
        assert self.process
        root = self.process.pid
        children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
        for pid in (root, *map(int, children)):
            _kill(pid)
        self.process.wait(60)
        while any(_lives(int(pid)) for pid in children):
            time.sleep(0.002)

    def url(self, database: str, user: str = ADMIN) -> str:
        """How SQLAlchemy reaches this database as this user."""
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    def fresh_ledger(self) -> str:
        """The URL of an empty ledger in a database of its own, as the program uses it."""
        from becalm.ledger.store.postgres_setup import prepare_server

        if not self.ledgers:
            self.sql(f"CREATE DATABASE {PATTERN}")
            owner, app = self.url(PATTERN), self.url(PATTERN, PROGRAM)
            prepare_server(owner, app, draw_identity=lambda: secrets.token_hex(16))
        self.ledgers += 1
        self.sql(f"CREATE DATABASE ledger_{self.ledgers} TEMPLATE {PATTERN}")
        return self.url(f"ledger_{self.ledgers}", PROGRAM)

    def drop(self, url: str) -> None:
        """Let go of a database: a checkpoint, which some tests ask for, goes over the files of all."""
        self.sql(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def sql(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the superuser, each on its own; returns the rows of the last."""
        import psycopg

        rows: list[tuple[Any, ...]] = []
        told = f"host={self.folder} dbname={database} user={ADMIN}"
        with psycopg.connect(told, autocommit=True) as connection:
            for statement in statements:
                answer = connection.execute(statement)  # type: ignore[call-overload]  # plain strings
                rows = answer.fetchall() if answer.description else []
        return rows

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            **_unprivileged(),
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def throw_away_server(**settings: str) -> Iterator[Server]:
    """A running server of its own; a test of it is visibly skipped where PostgreSQL is not installed."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (no initdb): apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="becalm-pg-"))
    who = _unprivileged()
    if who:
        os.chown(folder, who["user"], who["group"])
    server = Server(found, folder, {**SETTINGS, **settings})
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
