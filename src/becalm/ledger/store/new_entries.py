"""From events to entries behind the last one: what every store does between reading the tail and writing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from becalm import ledger
from becalm.ledger.chain import HASH, EventDraft, link_row, parse_instant, payload_commitment
from becalm.ledger.merkle import Peaks, append_leaves, root_of_peaks
from becalm.terms import LedgerError, TamperError

CLOCK_TOLERANCE = timedelta(seconds=5)  # a clock that is set by the network may step back by as much
LONGEST_SILENCE = timedelta(days=400)  # between two entries: a clock that says more is asked about
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # of any entry
CLOCK_CORRECTED = "clock_corrected"


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a ledger ends: all that the next entry needs to know."""

    size: int
    last_hash: str  # of the last entry, or the link that the first one follows
    recorded_at: datetime | None  # of the last entry
    peaks: Peaks

    @property
    def head(self) -> ledger.Head:
        """The head that this tail stands for."""
        return ledger.Head(self.size, root_of_peaks(self.peaks).hex(), self.last_hash)


@dataclass(frozen=True, slots=True)
class PreparedEvent:
    """An event written down to be linked, its payload and salt beside it where it has one."""

    draft: EventDraft
    commitment: str = ""
    salt: bytes = b""
    payload: bytes | None = None


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry, as it is read and as it is stored."""

    entry: ledger.Entry
    row: ledger.StoredRow


def read_tail(
    size: int, tree: str, last_seq: int | None, last_hash: str, recorded_at: str, *, identity: str, name: str
) -> Tail:
    """Where the ledger ends, from what it notes of itself and from its last row (None: no row).

    Raises TamperError where the two do not agree.
    """
    # Both are written in one transaction, so they differ only where somebody wrote around the program.
    if (last_seq or 0) != size:
        raise TamperError(
            f"The ledger{name and ' '}{name} was written to entry {size} and ends at entry {last_seq or 0}: "
            f"entry {min(size, last_seq or 0) + 1} is the first that was altered. Run `becalm record verify`."
        )
    if not size:
        return Tail(0, ledger.opening_hash(identity), None, ())
    return Tail(size, last_hash, parse_instant(recorded_at), parse_peaks(tree))


def prepare_event(to_append: ledger.EventToAppend, draw_salt: Callable[[], bytes]) -> PreparedEvent:
    """Do all that can be done for an event before its turn comes to be linked."""
    draft = ledger.draft_event(to_append.event)
    if to_append.payload is None:
        return PreparedEvent(draft)
    salt = draw_salt()
    commitment = payload_commitment(salt, to_append.payload)
    return PreparedEvent(draft, commitment, salt, to_append.payload)


def link_events(
    seq: int, last_hash: str, drafts: Iterable[tuple[EventDraft, str]], recorded_at: datetime
) -> tuple[SealedEntry, ...]:
    """Link these events, each with its commitment, behind entry `seq`, whose hash is `last_hash`."""
    recorded_text = ledger.format_instant(recorded_at)
    sealed_entries = []
    for draft, commitment in drafts:
        seq += 1
        event_row = link_row(draft, seq, recorded_text, commitment, last_hash)
        entry = ledger.Entry(seq, recorded_at, draft.event, commitment, last_hash, event_row[HASH])
        sealed_entries.append(SealedEntry(entry, event_row))
        last_hash = event_row[HASH]
    return tuple(sealed_entries)


def extend_tail(tail: Tail, sealed_entries: Sequence[SealedEntry]) -> Tail:
    """Where the ledger ends with these entries behind the tail."""
    if not sealed_entries:
        return tail
    last_entry = sealed_entries[-1].entry
    leaf_hashes = (bytes.fromhex(sealed_entry.entry.hash) for sealed_entry in sealed_entries)
    return Tail(
        last_entry.seq, last_entry.hash, last_entry.recorded_at, append_leaves(tail.peaks, leaf_hashes)
    )


def recording_time(
    last_recorded_at: datetime | None, now: datetime, *, correction: ledger.Event | None = None
) -> datetime:
    """The time that an entry bears which is recorded now, after one that was recorded before.

    It never runs backwards: a clock that is behind by up to CLOCK_TOLERANCE is taken to stand at the time
    of the last entry. Only a `correction` (the event `clock_corrected`) may set it back, or far ahead. The
    order of entries is that of their numbers, whatever their times.

    Raises LedgerError where the clock cannot be right: set back, or further ahead than anybody would wait.
    """
    if not EARLIEST <= now < LATEST:
        raise LedgerError(f"The clock says {now.isoformat()}. Correct it; nothing was written.")
    if correction is not None:
        named_old_time = correction.facts.get("old_time")
        if last_recorded_at is None or named_old_time != ledger.format_instant(last_recorded_at):
            raise LedgerError("The correction names another time than that of the last entry. Ask again.")
        return now
    if last_recorded_at is None:
        return now
    remedy = (
        "Correct the clock. If it is right and the one before was wrong, record that (becalm record clock); "
        "nothing was written."
    )
    last_text = (
        f"The clock says {now.isoformat()}, but the last entry was recorded at {last_recorded_at.isoformat()}"
    )
    if now > last_recorded_at + LONGEST_SILENCE:
        raise LedgerError(f"{last_text}: more than {LONGEST_SILENCE.days} days before. {remedy}")
    if last_recorded_at - now > CLOCK_TOLERANCE:
        raise LedgerError(f"{last_text}. It was set back, and an entry cannot come before the last. {remedy}")
    return max(now, last_recorded_at)


def format_peaks(peaks: Peaks) -> str:
    """The full subtrees as one line of text.

    >>> format_peaks(((2, b"a"), (1, b"b")))
    '2:61 1:62'
    """
    return " ".join(f"{leaf_count}:{peak_hash.hex()}" for leaf_count, peak_hash in peaks)


def parse_peaks(text: str) -> Peaks:
    """The full subtrees from their line of text."""
    peak_pairs = (peak_text.split(":") for peak_text in text.split())
    try:
        return tuple((int(leaf_count), bytes.fromhex(peak_hash)) for leaf_count, peak_hash in peak_pairs)
    except ValueError as error:
        raise TamperError(
            f"What the ledger notes of its tree is {text!r:.60}, which no ledger writes. "
            "Run `becalm record verify`."
        ) from error
