"""A process that writes for all programs of a computer: it may be there or not, be killed, or be stuck."""

from __future__ import annotations

import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ledgers import access, arrest, draw_salt, open_sqlite, plain, require_chained, visit
from writer_kills import kill, now, run, serve

from becalm.ledger import EventToAppend
from becalm.ledger.store import writer_client, writer_socket
from becalm.ledger.store.sqlite import SqliteLedger
from becalm.terms import EventError, LedgerError

Open = Callable[[], SqliteLedger]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger deep down, where the system would not take the name of a socket."""
    folder = tmp_path / ("a long name of a folder " * 3) / ("and another " * 4)
    folder.mkdir(parents=True)
    return folder / "ledger.sqlite"


@pytest.fixture
def open_ledger(path: Path) -> Iterator[Open]:
    opened: list[SqliteLedger] = []

    def open_one() -> SqliteLedger:
        opened.append(open_sqlite(path, now=now, draw_salt=draw_salt))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def process(path: Path) -> Iterator[int]:
    """A writer process that listens."""
    started = start(path)
    yield started
    with suppress(ProcessLookupError, ChildProcessError):  # the test ended it
        kill(started)


def start(path: Path) -> int:
    started = serve(path)
    until = time.monotonic() + 30
    while not is_served(path):
        assert time.monotonic() < until
        time.sleep(0.01)
    return started


def is_served(path: Path) -> bool:
    place = writer_socket.writer_paths(path)[0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with writer_socket.short_address(place) as address:
                connection.connect(address)
        except OSError:
            return False
    return True


def test_programs_share_the_process_and_each_is_told_its_own(process: int, open_ledger: Open) -> None:
    one, other = open_ledger(), open_ledger()
    entries = one.append([EventToAppend(visit("p1"), b"Ann Example"), *plain(arrest())])
    assert [entry.seq for entry in entries] == [1, 2]
    assert other.append(plain(visit("p2")))[0].seq == 3
    assert entries == tuple(other.entries(until=2))
    assert [receipt[1:3] for receipt in map(tuple_of, one.stored_receipts())] == [(1, 2), (3, 3)]
    assert other.payload(1, access=access("p1", now())) == b"Ann Example"  # not by the process
    assert (one.audit(), one.head()) == ((), require_chained(one))


def tuple_of(receipt: object) -> tuple[object, ...]:
    return tuple(getattr(receipt, name) for name in ("ticket", "first", "last"))


def test_a_refusal_comes_back_with_its_faults(process: int, open_ledger: Open) -> None:
    ledger = open_ledger()
    ledger.append(plain(arrest()))
    future = now().replace(year=2099)
    ledger._now = lambda: future  # a program whose own clock is wrong: the process looks at its own
    with pytest.raises(EventError, match="Record it when it has happened"):
        ledger.append(plain(arrest(at=future)))
    assert ledger.head().size == 1


def test_the_socket_and_the_lock_are_their_owners_alone(process: int, path: Path) -> None:
    for place in writer_socket.writer_paths(path):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_second_process_is_refused_and_names_the_first(process: int, path: Path, open_ledger: Open) -> None:
    with (
        pytest.raises(LedgerError, match=rf"process \({process}\) writes this ledger"),
        open_ledger().open_writer(),
    ):
        pass
    assert is_served(path)


def test_a_socket_that_was_left_over_stops_nobody(path: Path, open_ledger: Open) -> None:
    kill(start(path))
    place = writer_socket.writer_paths(path)[0]
    assert place.exists()
    ledger = open_ledger()
    assert ledger.append(plain(arrest()))[0].seq == 1
    assert ledger.stored_receipts() == ()  # written by the program itself
    kill(start(path))


def test_a_socket_that_others_may_write_to_is_refused(process: int, path: Path, open_ledger: Open) -> None:
    writer_socket.writer_paths(path)[0].chmod(0o666)
    with pytest.raises(LedgerError, match="no socket of yours alone"):
        open_ledger().append(plain(arrest()))


def test_something_else_under_the_name_of_the_socket_is_refused(path: Path, open_ledger: Open) -> None:
    ledger = open_ledger()
    writer_socket.writer_paths(path)[0].write_text("not a socket")
    with pytest.raises(LedgerError, match="no socket of yours alone"):
        ledger.append(plain(arrest()))


def test_a_process_of_another_version_is_left_alone(
    path: Path, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(writer_socket, "PROTOCOL", "becalm.writer.0")
        started = start(path)
    ledger = open_ledger()
    assert ledger.append(plain(arrest()))[0].seq == 1
    assert ledger.stored_receipts() == ()
    kill(started)


def test_what_sends_rubbish_is_let_go_and_the_others_go_on(
    process: int, path: Path, open_ledger: Open
) -> None:
    ledger = open_ledger()
    ledger.append(plain(arrest()))
    for rubbish in (b"\xff" * 100, b"\x00\x00\x00\x02ab", b"GET / HTTP/1.1\r\n\r\n"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with writer_socket.short_address(writer_socket.writer_paths(path)[0]) as address:
            connection.connect(address)
        connection.sendall(rubbish)
        connection.settimeout(5)
        assert connection.recv(10) == b""
        connection.close()
    assert ledger.append(plain(arrest()))[0].seq == 2
    assert len(ledger.stored_receipts()) == 2


def test_a_process_that_is_asked_to_end_takes_its_socket_away(
    process: int, path: Path, open_ledger: Open
) -> None:
    ledger = open_ledger()
    ledger.append(plain(arrest()))
    os.kill(process, signal.SIGTERM)
    assert os.waitpid(process, 0)[1] == 0
    assert not writer_socket.writer_paths(path)[0].exists()
    assert ledger.append(plain(arrest()))[0].seq == 2


def test_a_process_that_is_stuck_is_named_and_what_is_not_known_is_said(
    process: int, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_client, "PATIENCE_S", 0.5)
    monkeypatch.setattr(writer_client, "GREETING_S", 0.3)
    ledger = open_ledger()
    ledger.append(plain(arrest()))
    os.kill(process, signal.SIGSTOP)
    with pytest.raises(LedgerError, match=rf"process {process} .* not known whether 1 event"):
        ledger.append(plain(visit("p1")))
    assert ledger.append(plain(visit("p2")))[0].seq == 2  # by the program itself
    os.kill(process, signal.SIGCONT)
    time.sleep(0.3)
    kill(process)
    assert [entry.event.subject for entry in ledger.entries(kinds=("visit_made",))] in (["p2", "p1"], ["p2"])
    assert ledger.head() == require_chained(ledger)


def test_what_a_killed_process_had_written_is_found_and_not_written_again(
    process: int, path: Path, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger()
    ledger.append(plain(arrest()))
    receive = writer_client.WriterClient._exchange

    def lose_the_answer(client: writer_client.WriterClient, content: bytes, deadline: float) -> bytes:
        receive(client, content, deadline)  # it is written
        kill(process)
        raise ConnectionResetError

    monkeypatch.setattr(writer_client.WriterClient, "_exchange", lose_the_answer)
    (entry,) = ledger.append(plain(visit("p1")))
    assert entry == list(ledger.entries())[-1]
    assert [each.event.kind for each in ledger.entries()] == ["arrest_made", "visit_made"]


def test_what_two_processes_had_one_after_the_other_before_they_were_killed_stands_once(
    process: int, path: Path, open_ledger: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, other = open_ledger(), open_ledger()
    ledger.append(plain(arrest()))
    receive = writer_client.WriterClient._exchange
    processes = [process]

    def lose_the_answers(client: writer_client.WriterClient, content: bytes, deadline: float) -> bytes:
        if client is not ledger._writer or content == ledger._agreement.encode():
            return receive(client, content, deadline)
        answer = receive(client, content, deadline)
        if len(processes) == 3:
            return answer
        kill(processes[-1])  # it had written
        processes.append(start(path))
        other.append(plain(visit("p2")))  # so that the next process begins behind what was lost
        if len(processes) == 3:
            kill(processes[-1])
        raise ConnectionResetError

    monkeypatch.setattr(writer_client.WriterClient, "_exchange", lose_the_answers)
    (entry,) = ledger.append(plain(visit("p1")))
    assert entry.seq == 2
    subjects = [each.event.subject for each in ledger.entries(kinds=("visit_made",))]
    assert subjects == ["p1", "p2", "p2"]


def test_a_ledger_that_was_moved_away_ends_the_process(process: int, path: Path) -> None:
    path.rename(path.with_name("moved.sqlite"))
    assert os.waitpid(process, 0)[0] == process


def test_threads_and_the_process_lose_nothing_when_it_is_killed_again_and_again(tmp_path: Path) -> None:
    totals = run(tmp_path, 12)
    assert totals["kills"] == 12
    assert 0 < totals["by_process"] <= totals["appends"]


@pytest.mark.exhaustive
def test_the_writer_process_killed_five_hundred_times_loses_and_doubles_nothing(tmp_path: Path) -> None:
    totals = run(tmp_path, 500)
    print(f"500 kills of the writer process: {totals}; 0 lost, 0 doubled")  # noqa: T201 - the figure


def test_a_program_that_gives_up_early_leaves_the_others_their_answers(
    process: int, open_ledger: Open
) -> None:
    ledgers = [open_ledger() for _ in range(3)]
    found: list[int] = []

    def write(ledger: SqliteLedger) -> None:
        found.extend(ledger.append(plain(visit(f"p{n}")))[0].seq for n in range(20))

    threads = [threading.Thread(target=write, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    connection = ledgers[0]._writer._connection
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)  # in the midst of it
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 61))
    assert [entry.seq for entry in ledgers[0].entries()] == list(range(1, 61))
