"""A program's way to the process that writes its ledger for all programs of the computer, where one runs.

A program never depends on that process: what was not sent is written by the program itself, and what was
sent to one that was killed is looked for under its ticket first, so that it stands once.
"""

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from becalm.ledger import Entry
from becalm.ledger.log_ending import LOG_BEGUN
from becalm.ledger.store import writer_socket
from becalm.ledger.store.group_commit import Request
from becalm.ledger.store.new_entries import CLOCK_CORRECTED, PreparedEvent
from becalm.terms import BecalmError, LedgerError

GREETING_S: Final = 2.0  # for a writer process to answer a greeting
PATIENCE_S: Final = 25.0  # for it to answer what it was sent: longer than it waits for others that write
RETRY_S: Final = 5.0  # until one that did not greet is asked again
LEFT_OVER_S: Final = 0.1  # until a socket that nobody serves is tried again
MOST_EVENTS: Final = 2_000  # in one task; whoever brings more writes by himself
_OWN_KINDS: Final = frozenset({LOG_BEGUN, CLOCK_CORRECTED})  # written by whoever checks what they say


@dataclass(frozen=True, slots=True)
class WriteTask:
    """What is written together: events, and what is read or destroyed in the same transaction."""

    prepared_events: tuple[PreparedEvent, ...]
    payload_seq: int | None = None  # the entry whose payload is read
    erased_seqs: tuple[int, ...] = ()  # the entries whose payloads are destroyed
    ticket: str = ""  # under which it is found again; empty where nobody has to

    @property
    def is_plain(self) -> bool:
        """Whether it does nothing but add some events."""
        kinds = {event.draft.event.kind for event in self.prepared_events}
        is_small = len(self.prepared_events) <= MOST_EVENTS
        return is_small and self.payload_seq is None and not self.erased_seqs and not kinds & _OWN_KINDS


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What came of a task."""

    entries: tuple[Entry, ...]
    payload: bytes | None = None


WriteRequest = Request[WriteTask, WriteResult]


class WriterClient:
    """Sends tasks to the writer process of a ledger. By one thread at a time.

    `agreement` is what both must hold in common; `check` refuses, by a BecalmError, to write at all.
    """

    def __init__(self, ledger: Path, agreement: str, check: Callable[[], None]) -> None:
        self._socket_path, self._lock_path = writer_socket.writer_paths(ledger)
        self._agreement, self._check = agreement, check
        self._connection: socket.socket | None = None
        self._frames = writer_socket.FrameReader()
        self._process, self._known_size, self._ticket_count = 0, 0, 0
        self._ticket_start, self._silent_until = "", 0.0

    def write(
        self, requests: Sequence[WriteRequest]
    ) -> tuple[Sequence[WriteRequest], Sequence[WriteRequest], int]:
        """Have these written; which were not sent, which were lost with the process, behind which entry."""
        try:
            is_served = self._is_connected()
        except LedgerError as error:
            for request in requests:
                request.error = error
            return (), (), 0
        if not is_served:
            return requests, (), 0
        sent_requests = [request for request in requests if request.task.is_plain]
        for request in sent_requests:
            if not request.task.ticket:
                self._ticket_count += 1
                ticket = f"{self._ticket_start}-{self._ticket_count}"
                request.task = replace(request.task, ticket=ticket)
        # As it was before they were sent: a process that was started since knows of entries behind it.
        known_size = self._known_size
        lost_requests = self._send(sent_requests, known_size) if sent_requests else ()
        return [request for request in requests if not request.task.is_plain], lost_requests, known_size

    def _send(self, requests: Sequence[WriteRequest], known_size: int) -> Sequence[WriteRequest]:
        """Send these and take their answers; those of which a process that died told nothing."""
        sent_tasks = [(request.task.ticket, request.task.prepared_events) for request in requests]
        deadline, sought_after = time.monotonic() + PATIENCE_S, None
        while True:
            try:
                frame = self._ask(writer_socket.format_batch(sent_tasks, sought_after), deadline)
                self._settle(requests, writer_socket.parse_answers(frame, sent_tasks))
            except (OSError, ValueError, LedgerError) as error:
                self.close()
                sought_after, self._silent_until = known_size, 0.0
                if self._is_gone(deadline):
                    return requests
                if time.monotonic() > deadline:
                    self._give_up(requests, error)
                    return ()
            except BaseException:  # somebody pressed the keys that stop a program
                self.close()  # else the answer that is still to come would be taken for the next one
                raise
            else:
                return ()

    def _ask(self, content: bytes, deadline: float) -> bytes:
        """Send a message, over a new connection where there is none; raises OSError where that fails."""
        if self._connection is None and not self._is_connected():
            raise ConnectionResetError("it takes no messages")
        return self._exchange(content, deadline)

    def _is_gone(self, deadline: float) -> bool:
        """Has the process ended? Asked for a moment: its socket is closed before its lock is free."""
        until = min(deadline, time.monotonic() + GREETING_S)
        while writer_socket.is_writer_alive(self._lock_path):
            if time.monotonic() >= until:
                return False
            time.sleep(0.005)
        return True

    def _settle(
        self, requests: Sequence[WriteRequest], outcomes: Sequence[tuple[Entry, ...] | BecalmError]
    ) -> None:
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, BecalmError):
                request.error = outcome
            else:
                request.answer = WriteResult(outcome)
                self._known_size = max(self._known_size, outcome[-1].seq)

    def _give_up(self, requests: Sequence[WriteRequest], error: Exception) -> None:
        for request in requests:
            event_count = len(request.task.prepared_events)
            request.error = LedgerError(
                f"The writer process {self._process or ''} of this ledger lives and says nothing ({error}). "
                f"It is not known whether {event_count} event{'s' * (event_count > 1)} stand in the ledger: "
                "end that process, then look at the last entries (becalm record events)."
            )

    def _is_connected(self) -> bool:
        """Is there a process that writes for us? Raises LedgerError where its socket is somebody else's."""
        if self._connection is not None:
            return True
        if not os.path.exists(self._socket_path) or time.monotonic() < self._silent_until:  # noqa: PTH110 # quick
            return False
        try:
            writer_socket.check_owner(self._socket_path)
            self._check()
            self._greet()
        except LedgerError:
            self.close()
            raise
        except (BecalmError, OSError, ValueError) as error:  # left over, of another version, or stuck
            self.close()
            is_left_over = isinstance(error, ConnectionRefusedError | FileNotFoundError)
            self._silent_until = time.monotonic() + (LEFT_OVER_S if is_left_over else RETRY_S)
            return False
        return True

    def _greet(self) -> None:
        """Connect; raises OSError or ValueError where nobody answers, or not in our terms."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection = connection
        connection.settimeout(GREETING_S)
        with writer_socket.short_address(self._socket_path) as address:
            connection.connect(address)
        self._process, user = writer_socket.read_peer(connection)
        if user != os.geteuid():
            raise LedgerError(f"Process {self._process} of user {user} serves {self._socket_path}. End it.")
        answer = self._exchange(self._agreement.encode(), time.monotonic() + GREETING_S)
        size, self._ticket_start = answer.decode().split()
        self._known_size, self._ticket_count = int(size), 0

    def _exchange(self, content: bytes, deadline: float) -> bytes:
        """Send a message and take the answer; raises OSError where there is none in time."""
        assert self._connection is not None
        self._connection.settimeout(max(0.001, deadline - time.monotonic()))
        writer_socket.send_frame(self._connection, content)
        while True:
            received_bytes = self._connection.recv(2**16)
            if not received_bytes:
                raise ConnectionResetError("it closed the connection")
            for frame in self._frames.feed(received_bytes):
                return frame

    def close(self) -> None:
        """Close the connection; the next task opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._frames = None, writer_socket.FrameReader()
