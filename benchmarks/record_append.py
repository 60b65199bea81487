"""Appends by 32 writers, each event on the disk before its writer goes on, against bare commits by as many.

On both stores, by 32 threads of one program and by 8 programs of 4 threads. In the same run, in turns:

- the store's own single-commit rate: one writer, each event a commit, with all that a ledger does;
- bare commits by as many writers: the same columns in a table of their own, one insert for each commit, and
  nothing else: no check, no link, no state table, no tree;
- the floor of the interpreter: as many writers who do only what Python must (build the row, check it, hash
  it, queue, be woken), and one fdatasync of a plain file for each group: no database and no second process;
- the disk's fdatasync, of which the p99 bounds what anybody can do.

In a file the 8 programs hand their events to a writer process (`becalm record serve`). On a server an event
is acknowledged once it is handed in durably; how long it takes until all of them are sealed stands beside.
The clock depends on what else runs on the machine, so each comparison is told by the processor's time too: of
the programs, and of the server or the writer process.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

from _measure import new_ledger, report
from sqlalchemy import make_url

from becalm.app.events import EVENT_KINDS, FOLDS
from becalm.ledger import Event, EventToAppend, check_events, draft_event
from becalm.ledger.chain import COLUMNS
from becalm.ledger.store.group_commit import GroupCommit, Request
from becalm.ledger.store.postgres import PostgresLedger

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from postgres import ADMIN, Server, throw_away_server

ROUNDS, WRITERS, PROGRAMS, EACH, ALONE = 3, 32, 8, 40, 200
ROW = (1, *["2020-04-07T21:30:00.000000Z"] * 2, "arrest_made", 1, "U1", "officer", "patrol", "", "")
ROW += ('{"activity":"dedicated patrol","offence":"robbery","unit":"U1"}', None, "", "ab" * 32, "cd" * 32)
Act = Callable[[], object]


def arrest() -> EventToAppend:
    """An event as a patrol's outcomes have it."""
    facts = {"unit": "U1", "offence": "robbery", "activity": "dedicated patrol"}
    return EventToAppend(Event("arrest_made", 1, datetime.now(UTC), "U1", "officer", "patrol", facts))


def timed(act: Act, times: int) -> list[float]:
    """How long each call took, in seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return taken


def p99(taken: Sequence[float]) -> float:
    """The time that 1 in 100 exceeds."""
    return sorted(taken)[int(len(taken) * 0.99)]


def sync_times(folder: Path) -> list[float]:
    """How long the disk takes to keep a page."""
    file = os.open(folder / "pages", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        return timed(lambda: (os.write(file, bytes(4096)), os.fdatasync(file)), ALONE)
    finally:
        os.close(file)


def together(acts: Sequence[Act]) -> tuple[float, list[float]]:
    """Seconds for each event over all these writers, each a thread, and how long each waited."""
    taken: list[float] = []
    threads = [threading.Thread(target=lambda a=act: taken.extend(timed(a, EACH))) for act in acts]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - start) / len(taken), taken


def processor_seconds(process: int) -> float:
    """What a process and its children have used of the processor so far."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sum(int(Path(f"/proc/{p}/schedstat").read_text().split()[0]) for p in (process, *children)) / 1e9


@dataclass(frozen=True)
class Written:
    """What came of one run: seconds for each event by the clock and of the processor, and each wait."""

    each: float
    processor: float
    waits: list[float]


# --- the four ways to write -----------------------------------------------------------------------


@contextmanager
def ledger_acts(place: str, count: int) -> Iterator[list[Act]]:
    """So many writers of one ledger, in a file or on a server."""
    if place.startswith("postgresql"):
        salt = partial(secrets.token_bytes, 32)
        server_ledger = PostgresLedger(place, draw_salt=salt, kinds=EVENT_KINDS, folds=FOLDS)
        yield [lambda: server_ledger.submit([arrest()])] * count
        server_ledger.close()
    else:
        ledger = new_ledger(Path(place))
        yield [lambda: ledger.append([arrest()])] * count
        ledger.close()


@contextmanager
def bare_acts(place: str, count: int) -> Iterator[list[Act]]:
    """So many writers with a connection each, and one insert for each commit."""
    connections: list[Any] = [_connect(place) for _ in range(count)]
    mark = "%s" if place.startswith("postgresql") else "?"
    insert = f"INSERT INTO bare VALUES ({', '.join([mark] * len(COLUMNS))})"
    yield [partial(connection.execute, insert, ROW) for connection in connections]
    for connection in connections:
        connection.close()


def _connect(place: str) -> Any:
    if place.startswith("postgresql"):
        import psycopg

        url = make_url(place)
        told = f"host={url.query['host']} dbname={url.database} user={ADMIN}"
        return psycopg.connect(told, autocommit=True, prepare_threshold=0)
    connection = sqlite3.connect(f"{place}.bare", timeout=60, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def floor_acts(_place: str, count: int) -> Iterator[list[Act]]:
    """So many writers whose groups wait for the disk, and for nothing else that a ledger does."""
    with tempfile.TemporaryFile() as file:
        hashes = [bytes(32)]

        def write(requests: Sequence[Request[str, bytes]]) -> None:
            for request in requests:
                request.answer = sha256(hashes[-1] + request.task.encode()).digest()
                hashes[-1] = request.answer
            os.write(file.fileno(), "".join(request.task for request in requests).encode())
            os.fdatasync(file.fileno())

        queue = GroupCommit(write)

        def act() -> None:
            event = arrest().event
            check_events([event], EVENT_KINDS, datetime.now(UTC))
            queue.submit(draft_event(event).hashed_text)

        yield [act] * count


WAYS = {"ledger": ledger_acts, "bare": bare_acts, "floor": floor_acts}


def in_threads(way: str, place: str, server: int) -> Written:
    """By threads of this program."""
    with WAYS[way](place, WRITERS) as acts:
        for act in dict.fromkeys(acts):
            act()  # what a program does once is not what an append costs
        before = time.process_time() + processor_seconds(server)
        each, waits = together(acts)
        used = time.process_time() + processor_seconds(server) - before
        return Written(each, used / len(waits), waits)


def in_programs(way: str, place: str, server: int) -> Written:
    """By threads of several programs."""
    command = [sys.executable, __file__, way, place]
    running: list[Any] = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROGRAMS)
    ]
    for program in running:
        assert program.stdout.readline() == "ready\n"
    start, before = time.perf_counter(), processor_seconds(server)
    for program in running:
        program.stdin.write("go\n")
        program.stdin.flush()
    answers = [json.loads(program.stdout.readline()) for program in running]
    whole, used = time.perf_counter() - start, processor_seconds(server) - before
    for program in running:
        program.communicate()
    waits = [wait for answer in answers for wait in answer["waits"]]
    used += sum(answer["processor"] for answer in answers)
    return Written(whole / len(waits), used / len(waits), waits)


def be_one_program(way: str, place: str) -> None:
    """Be one of several programs."""
    with WAYS[way](place, WRITERS // PROGRAMS) as acts:
        for act in dict.fromkeys(acts):
            act()
        print("ready", flush=True)
        sys.stdin.readline()
        before = time.process_time()
        waits = together(acts)[1]
        print(json.dumps({"waits": waits, "processor": time.process_time() - before}), flush=True)


# --- measuring ------------------------------------------------------------------------------------


def measure(name: str, place: str, server: int, sealed_after: Callable[[], float]) -> None:
    """Measure all in turns, and print the lines for the table."""
    spent: dict[str, list[float]] = {}

    def note(what: str, value: float) -> None:
        spent.setdefault(what, []).append(value)

    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            note("sync p99", p99(sync_times(Path(folder))))
        with WAYS["ledger"](place, 1) as (act,):
            act()
            note("alone", median(timed(act, ALONE)))
        for way in WAYS:
            for run in (in_threads, in_programs):
                written = run(way, place, server)
                note(f"{way} {run.__name__}", written.each)
                note(f"{way} {run.__name__} processor", written.processor)
                note(f"{way} {run.__name__} p99", p99(written.waits))
                if way == "ledger":
                    note(f"sealed {run.__name__}", sealed_after())
    middle = {what: median(values) for what, values in spent.items()}
    for run, words in (("in_threads", f"{WRITERS} threads"), ("in_programs", f"{PROGRAMS} programs")):
        ours, title = middle[f"ledger {run}"], f"append by {words} ({name})"
        report(title, ours, "itself, 1 writer", middle["alone"], least_ratio=5)
        report(title, ours, "bare commits by as many", middle[f"bare {run}"], least_ratio=2)
        used, bare_used = middle[f"ledger {run} processor"], middle[f"bare {run} processor"]
        report(f"processor time, {title}", used, "of bare commits by as many", bare_used, least_ratio=2)
        slow, sync = middle[f"ledger {run} p99"], middle["sync p99"]
        report(f"p99, {title}", slow, "fdatasync p99", sync, least_ratio=0.2)
        report(f"p99, {title}", slow, "p99 of bare commits by as many", middle[f"bare {run} p99"])
        report(title, ours, "the floor of the interpreter", middle[f"floor {run}"])
        report(f"p99, {title}", slow, "p99 of the floor of the interpreter", middle[f"floor {run} p99"])
        if middle[f"sealed {run}"]:
            report(f"all sealed after the last of them, {title}", middle[f"sealed {run}"], most=1)


def on_sqlite(folder: Path) -> None:
    """The ledger in a file; the programs write through a process of their own."""
    place = folder / "ledger.sqlite"
    new_ledger(place).close()
    with closing(_connect(str(place))) as connection:
        connection.execute(f"CREATE TABLE bare ({', '.join(COLUMNS)})")
    writer = subprocess.Popen(
        [sys.executable, __file__, "serve", str(place)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    measure(f"sqlite {sqlite3.sqlite_version}", str(place), writer.pid, lambda: 0.0)
    writer.terminate()
    writer.wait()


def on_postgresql(server: Server) -> None:
    """The ledger on a server that was made for it."""
    place = server.fresh_ledger()
    database = str(make_url(place).database)
    columns = ", ".join(f"{n} {'bigint' if n in ('seq', 'version', 'corrects') else 'text'}" for n in COLUMNS)
    server.sql(f"CREATE TABLE bare ({columns})", database=database)

    def sealed_after() -> float:
        start = time.perf_counter()
        while server.sql("SELECT count(*) FROM becalm.pending", database=database) != [(0,)]:
            time.sleep(0.01)
        return time.perf_counter() - start

    version = server.sql("SHOW server_version")[0][0].split()[0]
    assert server.process is not None
    measure(f"postgresql {version}", place, server.process.pid, sealed_after)


def main(words: list[str]) -> None:
    """Measure both stores."""
    if words[:1] == ["serve"]:
        with closing(new_ledger(Path(words[1]))) as ledger, ledger.open_writer() as writer:
            print("ready", flush=True)
            writer.serve_forever()
    elif words:
        be_one_program(*words)
    else:
        with tempfile.TemporaryDirectory() as name:
            on_sqlite(Path(name))
        with throw_away_server() as server:
            on_postgresql(server)


if __name__ == "__main__":
    main(sys.argv[1:])
