"""The process that writes one ledger for all programs of the computer: one owner, one commit for many.

What has come in is written in one transaction, and each program gets one answer for all that it sent. It may
be killed at any moment: an answer follows the commit, and who got none looks under the tickets of its tasks.
"""

import os
import secrets
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final, Protocol, Self

from becalm.ledger import Entry
from becalm.ledger.store import writer_socket
from becalm.ledger.store.group_commit import Request
from becalm.ledger.store.writer_client import WriteRequest, WriteTask
from becalm.terms import BecalmError, LedgerError

TICK_S: Final = 0.5  # between two looks whether it is to stop, and whether the file is still there
LOCK_PATIENCE_S: Final = 0.5  # a program that looks whether a writer lives holds the lock for a moment
SEND_PATIENCE_S: Final = 5.0  # for a program to take its answer
MOST_PER_BATCH: Final = 2_000  # tasks in one transaction
PIECE_BYTES: Final = 2**18


class WritableLedger(Protocol):
    """What a writer process needs of a ledger."""

    def write_batch(self, requests: Sequence[WriteRequest], *, sought_after: int | None = None) -> None:
        """Write these in one transaction."""

    def check_place(self) -> None:
        """Raise LedgerError where the file is no longer the one that was opened."""


@dataclass(slots=True, eq=False)
class Program:
    """A program that is connected."""

    connection: socket.socket
    frames: writer_socket.FrameReader = field(default_factory=writer_socket.FrameReader)
    is_greeted: bool = False


@dataclass(frozen=True, slots=True)
class SentBatch:
    """What a program sent in one message."""

    program: Program
    requests: tuple[WriteRequest, ...]
    sought_after: int | None


class WriterProcess:
    """Serves the ledger in this file until it is stopped. As a context: locked and listening inside of it.

    Raises LedgerError where another process serves it already, or the socket cannot be made.
    """

    def __init__(
        self, path: Path, ledger: WritableLedger, agreement: str, read_size: Callable[[], int]
    ) -> None:
        self._ledger, self._agreement, self._read_size = ledger, agreement, read_size
        self.place, self._lock_path = writer_socket.writer_paths(path)
        self._selector = selectors.DefaultSelector()
        self._lock, self._is_stopping = -1, False

    def __enter__(self) -> Self:
        """Take the lock, then the place of a socket that was left over."""
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while (lock := writer_socket.take_lock(self._lock_path)) is None:
            if time.monotonic() > deadline:
                process_text = self._lock_path.read_text("ascii", errors="replace").strip() or "unknown"
                raise LedgerError(
                    f"Another process ({process_text}) writes this ledger for all programs already. Leave "
                    "it, or end it first."
                )
            time.sleep(0.02)
        self._lock = lock
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._selector.register(self._listen(), selectors.EVENT_READ)
        return self

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old_mask = os.umask(0o177)  # so that nobody else can connect in the moment before a chmod
        try:
            self.place.unlink(missing_ok=True)
            with writer_socket.short_address(self.place) as address:
                listener.bind(address)
        except OSError as error:
            listener.close()
            self._release()
            raise LedgerError(f"{self.place} cannot be made ({error}). Look at the folder.") from error
        finally:
            os.umask(old_mask)
        listener.listen(128)
        listener.setblocking(False)
        return listener

    def __exit__(self, *_: object) -> None:
        """Close every connection and take the socket away."""
        for key in [*self._selector.get_map().values()]:
            self._selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]  # sockets alone are registered
        self.place.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        os.close(self._lock)
        self._lock = -1

    def serve_forever(self) -> None:
        """Write what comes, until the process is told to stop (SIGTERM) or the ledger is moved away."""
        old_handler = signal.signal(signal.SIGTERM, self._stop)
        try:
            while not self._is_stopping:
                batches = self._take(TICK_S)
                if batches:
                    self._write(batches)
                else:
                    self._ledger.check_place()
        finally:
            signal.signal(signal.SIGTERM, old_handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _take(self, patience_s: float) -> list[SentBatch]:
        """All that has come in."""
        batches: list[SentBatch] = []
        while ready := self._selector.select(0 if batches else patience_s):
            for key, _ in ready:
                if key.data is None:
                    self._accept(key.fileobj)  # type: ignore[arg-type]  # the listener
                else:
                    batches += self._read(key.data)
            if not batches or sum(len(batch.requests) for batch in batches) > MOST_PER_BATCH:
                break
        return batches

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it is gone again
            connection, _ = listener.accept()
            connection.setblocking(False)
            if writer_socket.read_peer(connection)[1] != os.geteuid():
                connection.close()
                return
            self._selector.register(connection, selectors.EVENT_READ, Program(connection))

    def _read(self, program: Program) -> list[SentBatch]:
        """The whole messages of a program; one that sends rubbish is let go."""
        try:
            received_bytes = program.connection.recv(PIECE_BYTES)
            if not received_bytes:
                raise ConnectionResetError
            return [
                batch
                for frame in program.frames.feed(received_bytes)
                for batch in self._understand(program, frame)
            ]
        except BlockingIOError:
            return []
        except (OSError, ValueError, TypeError, BecalmError):
            self._let_go(program)
            return []

    def _understand(self, program: Program, frame: bytes) -> list[SentBatch]:
        """A greeting is answered; a batch is returned."""
        if not program.is_greeted:
            if frame.decode() != self._agreement:
                raise ValueError("another version")
            program.is_greeted = True
            self._answer(program, f"{self._read_size()} {secrets.token_hex(16)}".encode())
            return []
        sought_after, tasks = writer_socket.parse_batch(frame)
        requests: tuple[WriteRequest, ...] = tuple(
            [Request(WriteTask(events, ticket=ticket)) for ticket, events in tasks]
        )
        return [SentBatch(program, requests, sought_after)]

    def _write(self, batches: Sequence[SentBatch]) -> None:
        """Write the new ones together, and those that are sent again each by themselves; answer all."""
        new_batches = [batch for batch in batches if batch.sought_after is None]
        if new_requests := [request for batch in new_batches for request in batch.requests]:
            self._ledger.write_batch(new_requests)
        for batch in batches:
            if batch.sought_after is not None:
                self._ledger.write_batch(batch.requests, sought_after=batch.sought_after)
            outcomes = [_outcome(request) for request in batch.requests]
            self._answer(batch.program, writer_socket.format_answers(outcomes))

    def _answer(self, program: Program, content: bytes) -> None:
        try:
            program.connection.settimeout(SEND_PATIENCE_S)
            writer_socket.send_frame(program.connection, content)
            program.connection.setblocking(False)
        except OSError:  # it looks under its tickets, if it lives
            self._let_go(program)

    def _let_go(self, program: Program) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(program.connection)
        program.connection.close()


def _outcome(request: WriteRequest) -> tuple[Entry, ...] | BecalmError:
    if request.answer is not None:
        return request.answer.entries
    return request.error if isinstance(request.error, BecalmError) else LedgerError("It was not written.")
