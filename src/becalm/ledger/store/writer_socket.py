"""How programs of one computer and user speak to the process that writes their ledger: by a local socket.

The socket lies beside the ledger, readable and writable by its owner alone, and both sides look who the other
is. A lock on a file beside it says whether a writer process lives: it goes with the process, however that
ends, so a socket that was left over is told from one that is served.
"""

import fcntl
import os
import socket
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from becalm import terms
from becalm.formats.durable_files import open_private
from becalm.ledger import Entry, EventKinds, format_instant, parse_instant, read_entry
from becalm.ledger.chain import EventDraft
from becalm.ledger.store.new_entries import PreparedEvent
from becalm.ledger.store.tables import REVISION
from becalm.terms import BecalmError, Fault, LedgerError

PROTOCOL: Final = "becalm.writer.1"
LONGEST_ADDRESS: Final = 100  # bytes; the system takes 107
LARGEST_FRAME: Final = 64 * 2**20  # bytes
_LENGTH: Final = struct.Struct(">I")
_PEER: Final = struct.Struct("3i")  # process, user, group
Address = tuple[Path, Path]  # the socket and the file that is locked


def writer_paths(ledger: Path) -> Address:
    """The socket of a ledger's writer process, and the file that it locks while it lives."""
    return ledger.with_suffix(".socket"), ledger.with_suffix(".writer")


def agreement(identity: str, kinds: EventKinds, fold_names: str) -> str:
    """What both sides must hold in common, as a hash: a program of another version writes for itself."""
    agreement_fields = (PROTOCOL, REVISION, identity, fold_names, sorted(kinds.by_key))
    return sha256(repr(agreement_fields).encode()).hexdigest()


@contextmanager
def short_address(path: Path) -> Iterator[str]:
    """A name of this socket that is short enough for the system, however deep its folder lies."""
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    folder_descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder_descriptor}/{path.name}"
    finally:
        os.close(folder_descriptor)


def check_owner(path: Path) -> None:
    """Refuse a socket that is not one's own, or that others may write to.

    Raises LedgerError; FileNotFoundError where there is none.
    """
    file_status = path.lstat()
    if (
        not stat.S_ISSOCK(file_status.st_mode)
        or file_status.st_uid != os.geteuid()
        or file_status.st_mode & 0o077
    ):
        raise LedgerError(
            f"{path} is no socket of yours alone (owner {file_status.st_uid}, mode "
            f"{stat.S_IMODE(file_status.st_mode):o}): somebody else put it there. Remove it, and see who may "
            "write into this folder; nothing was written."
        )


def read_peer(connection: socket.socket) -> tuple[int, int]:
    """Process and user at the other end, as the system says it."""
    if not hasattr(socket, "SO_PEERCRED"):  # a system that does not tell: the rights of the socket must do
        return 0, os.geteuid()
    process, user, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return process, user


def take_lock(path: Path, *, is_shared: bool = False) -> int | None:
    """A lock on this file, as a descriptor to be closed; None where another process holds it."""
    descriptor = open_private(str(path), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_writer_alive(lock_path: Path) -> bool:
    """Does a writer process live? Where not, nothing that was sent to it can be written any more."""
    with suppress(FileNotFoundError):
        descriptor = take_lock(lock_path, is_shared=True)
        if descriptor is None:
            return True
        os.close(descriptor)
    return False


# --- frames: a length, then JSON ---------------------------------------------------------------------------


def send_frame(connection: socket.socket, content: bytes) -> None:
    """Send one message."""
    connection.sendall(_LENGTH.pack(len(content)) + content)


class FrameReader:
    """Puts together the messages that come in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, content: bytes) -> Iterator[bytes]:
        """The messages that are whole with this piece; raises ValueError where one is too long."""
        self._buffer += content
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LARGEST_FRAME:
                raise ValueError(f"a message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]  # first: whoever takes one frame may not come back for the next
            yield frame


# --- what is asked, and what is answered -------------------------------------------------------------------

SentTask = tuple[str, Sequence[PreparedEvent]]  # a ticket, and the events of one append


def format_batch(sent_tasks: Sequence[SentTask], sought_after: int | None) -> bytes:
    """Tasks as they are sent; with a number, each is looked for behind that entry before it is written."""
    task_texts = [f'["{ticket}",[{",".join(map(_format_event, events))}]]' for ticket, events in sent_tasks]
    return f"[{'null' if sought_after is None else sought_after},[{','.join(task_texts)}]]".encode()


def _format_event(event: PreparedEvent) -> str:
    # The text that is hashed is a list in JSON already: it is sent as it is.
    payload_json = "null" if event.payload is None else f'"{event.payload.hex()}"'
    return f'[{event.draft.hashed_text},"{event.commitment}","{event.salt.hex()}",{payload_json}]'


def parse_batch(frame: bytes) -> tuple[int | None, list[tuple[str, tuple[PreparedEvent, ...]]]]:
    """The tasks that were sent, and behind which entry each is looked for first.

    Raises ValueError, TypeError or TamperError where this is none.
    """
    sought_after, tasks = orjson.loads(frame)
    return sought_after, [(str(ticket), tuple(map(_read_event, events))) for ticket, events in tasks]


def _read_event(cells: Sequence[Any]) -> PreparedEvent:
    *columns, commitment, salt, payload = cells
    event = read_entry((0, columns[0], *columns, commitment, "", "")).event
    draft = EventDraft(event, tuple(columns), orjson.dumps(columns)[1:-1].decode())
    payload_bytes = None if payload is None else bytes.fromhex(payload)
    return PreparedEvent(draft, commitment, bytes.fromhex(salt), payload_bytes)


Answer = Sequence[Any]  # time, first number, link before it, hashes; or the name of an error and its words


def format_answers(outcomes: Sequence[tuple[Entry, ...] | BecalmError]) -> bytes:
    """What became of each task, in their order."""
    answers: list[Answer] = []
    for outcome in outcomes:
        if isinstance(outcome, BecalmError):
            faults = [(fault.where, fault.what, fault.remedy) for fault in outcome.faults]
            answers.append((type(outcome).__name__, outcome.message, faults))
        else:
            first = outcome[0]
            hashes = [entry.hash for entry in outcome]
            answers.append((format_instant(first.recorded_at), first.seq, first.previous, hashes))
    return orjson.dumps(answers)


def parse_answers(frame: bytes, sent_tasks: Sequence[SentTask]) -> list[tuple[Entry, ...] | BecalmError]:
    """The entries that each task got, or why it was refused."""
    answers = orjson.loads(frame)
    return [_read_answer(answer, events) for answer, (_, events) in zip(answers, sent_tasks, strict=True)]


def _read_answer(answer: Answer, events: Sequence[PreparedEvent]) -> tuple[Entry, ...] | BecalmError:
    if len(answer) == 3:
        error_name, message, faults = answer
        error_class = getattr(terms, error_name, LedgerError)
        return error_class(message, tuple(Fault(*fault) for fault in faults))
    recorded_text, first_seq, previous, hashes = answer
    recorded_at, entries = parse_instant(recorded_text), []
    for seq, (event, entry_hash) in enumerate(zip(events, hashes, strict=True), start=first_seq):
        entries.append(Entry(seq, recorded_at, event.draft.event, event.commitment, previous, entry_hash))
        previous = entry_hash
    return tuple(entries)
