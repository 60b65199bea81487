"""From events to entries behind the last one: what every store does between reading the tail and writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from becalm.ledger.chain import (
    EventDraft,
    StoredRow,
    draft_event,
    format_instant,
    link_row,
    payload_commitment,
)
from becalm.ledger.event import Entry, Head
from becalm.ledger.merkle import Peaks, append_leaves, root_of_peaks
from becalm.ledger.protocol import EventToAppend
from becalm.terms import EventError, LedgerError, TamperError

CLOCK_TOLERANCE = timedelta(seconds=5)  # a clock that is set by the network may step back by as much


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a ledger ends: all that the next entry needs to know."""

    size: int
    last: str  # hash of the last entry, or the link that the first one follows
    recorded_at: datetime | None  # of the last entry
    peaks: Peaks

    @property
    def head(self) -> Head:
        """The head that this tail stands for."""
        return Head(self.size, root_of_peaks(self.peaks).hex(), self.last)


@dataclass(frozen=True, slots=True)
class Ready:
    """An event written down to be linked, its payload and salt beside it where it has one."""

    draft: EventDraft
    commitment: str = ""
    salt: bytes = b""
    payload: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry, as it is read and as it is stored, and what it was made of."""

    entry: Entry
    row: StoredRow
    ready: Ready


def make_ready(written: EventToAppend, draw_salt: Callable[[], bytes]) -> Ready:
    """Do all that can be done for an event before its turn comes to be linked."""
    draft = draft_event(written.event)
    if written.payload is None:
        return Ready(draft)
    salt = draw_salt()
    return Ready(draft, payload_commitment(salt, written.payload), salt, written.payload)


def seal(seq: int, last: str, fresh: Sequence[Ready], recorded_at: datetime) -> tuple[Sealed, ...]:
    """Link these events behind entry `seq`, whose hash is `last`.

    Raises
    ------
    EventError
        where an event occurred after it is recorded.
    """
    noted = format_instant(recorded_at)
    sealed = []
    for ready in fresh:
        event = ready.draft.event
        if event.occurred_at > recorded_at:
            raise EventError(
                f"The event {event.kind!r} occurred at {event.occurred_at.isoformat()}, and it "
                f"is only {recorded_at.isoformat()}. Record it when it has happened, or correct the clock."
            )
        seq += 1
        row = link_row(ready.draft, seq, noted, ready.commitment, last)
        entry = Entry(seq, recorded_at, event, ready.commitment, last, row[-1])
        last = row[-1]
        sealed.append(Sealed(entry, row, ready))
    return tuple(sealed)


def tail_after(tail: Tail, sealed: Sequence[Sealed], recorded_at: datetime) -> Tail:
    """Where the ledger ends with these entries behind the tail."""
    if not sealed:
        return tail
    end = sealed[-1].entry
    leaves = (bytes.fromhex(each.entry.hash) for each in sealed)
    return Tail(end.seq, end.hash, recorded_at, append_leaves(tail.peaks, leaves))


def time_of_recording(last: datetime | None, now: datetime) -> datetime:
    """The time that an entry bears which is recorded now, after one that was recorded at `last`.

    It never runs backwards: a clock that is behind by up to CLOCK_TOLERANCE is taken to stand at the time
    of the last entry.

    Raises
    ------
    LedgerError
        where the clock is further behind: it was set back.
    """
    if last is None or now >= last:
        return now
    if last - now <= CLOCK_TOLERANCE:
        return last
    raise LedgerError(
        f"The clock says {now.isoformat()}, but the last entry was recorded at {last.isoformat()}. "
        "It was set back, and an entry cannot come before the one it follows. Correct the clock; "
        "nothing was written."
    )


def peaks_text(peaks: Peaks) -> str:
    """The full subtrees as one line of text.

    >>> peaks_text(((2, b"a"), (1, b"b")))
    '2:61 1:62'
    """
    return " ".join(f"{size}:{peak.hex()}" for size, peak in peaks)


def read_peaks(text: str) -> Peaks:
    """The full subtrees from their line of text."""
    pairs = (part.split(":") for part in text.split())
    try:
        return tuple((int(size), bytes.fromhex(peak)) for size, peak in pairs)
    except ValueError as error:
        raise TamperError(
            f"What the ledger notes of its tree is {text!r:.60}, which no ledger writes. "
            "Run `becalm record verify`."
        ) from error
