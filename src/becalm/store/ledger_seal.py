"""From events to entries behind the last one: what every store does between reading the tail and writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from becalm.methods.merkle import Peaks, grow, peaks_root
from becalm.record.chain import commitment_of, row_hash, row_of
from becalm.tables.ledger import StoredRow, Written
from becalm.terms.errors import EventError, LedgerError, TamperError
from becalm.terms.event import Entry, Head

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
        return Head(self.size, peaks_root(self.peaks).hex(), self.last)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry, with its payload and salt where it has one."""

    entry: Entry
    row: StoredRow
    salt: bytes = b""
    payload: bytes | None = None


def seal(
    tail: Tail, written: Sequence[Written], *, now: datetime, draw_salt: Callable[[], bytes]
) -> tuple[tuple[Sealed, ...], Tail]:
    """Link these events behind the tail.

    The time of recording never runs backwards: a clock that is behind by up to CLOCK_TOLERANCE is taken
    to stand at the time of the last entry, and one that is further behind is refused.

    Raises
    ------
    EventError
        where an event occurred after it is recorded.
    LedgerError
        where the clock was set back.
    """
    recorded_at = time_of_recording(tail.recorded_at, now)
    sealed: list[Sealed] = []
    seq, last = tail.size, tail.last
    for each in written:
        if each.event.occurred_at > recorded_at:
            raise EventError(
                f"The event {each.event.kind!r} occurred at {each.event.occurred_at.isoformat()}, and it "
                f"is only {recorded_at.isoformat()}. Record it when it has happened, or correct the clock."
            )
        salt = draw_salt() if each.payload is not None else b""
        commitment = commitment_of(salt, each.payload) if each.payload is not None else ""
        seq += 1
        row = row_of(Entry(seq, recorded_at, each.event, commitment, last, ""))
        entry = Entry(seq, recorded_at, each.event, commitment, last, row_hash(row))
        last = entry.hash
        sealed.append(Sealed(entry, (*row[:-1], last), salt, each.payload))
    peaks = grow(tail.peaks, (bytes.fromhex(each.entry.hash) for each in sealed))
    return tuple(sealed), Tail(seq, last, recorded_at if sealed else tail.recorded_at, peaks)


def time_of_recording(last: datetime | None, now: datetime) -> datetime:
    """The time that an entry bears which is recorded now, after one that was recorded at `last`."""
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
