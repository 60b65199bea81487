"""One pass over the stored rows: how far do they hold, and what was done at the first that does not?

The pass hashes what is stored, as it is stored, and never reads an event: 100,000 rows a second are the aim.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from json import JSONEncoder
from typing import Any, Final, Literal

from becalm.ledger import Head, StoredRow, hash_row, opening_hash
from becalm.ledger.canonical import canonical_json
from becalm.ledger.chain import COMMITMENT, ENTRY_TAG, FACTS, HASH, KIND, PREVIOUS, SEQ
from becalm.ledger.merkle import NO_PEAKS, append_leaves, root_of_peaks
from becalm.terms import EventError

CHUNK: Final = 500
SEARCH_REACH: Final = 1_000  # numbers beyond the end that a moved entry may have been written under
ARRAY_START: Final = f'["{ENTRY_TAG}",'.encode()  # of what a row is hashed over
PROOF_KINDS: Final = frozenset({"checkpoint_made", "key_rotated", "ledger_restored", "payload_erased"})

_encode: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_encode_sorted: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode

RowSource = Callable[[], Iterable[StoredRow]]  # gives the rows from the first, as often as it is called
FindingKind = Literal[
    "altered",  # an entry is not what was written
    "missing",  # an entry was taken out
    "inserted",  # an entry was put in between
    "moved",  # an entry stands in another's place
    "shorter",  # the end is gone: an older copy, or a cut tail
    "rewritten",  # a consistent ledger, but another one than the anchored
    "checkpoint",  # a signed head was altered, or signed by somebody else
    "key",  # the keys that signed are not those of this ledger
    "payload",  # a personal detail is not what was committed to, or went without an erasure
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a ledger does not hold. `first_seq`: the first entry that it touches, if any."""

    kind: FindingKind
    first_seq: int | None
    description: str


@dataclass(frozen=True, slots=True)
class Walk:
    """What one pass shows. Only the first `sound_size` rows are in their place and hash to what they bear."""

    size: int  # the number of the last row
    sound_size: int
    last_hash: str  # of the last sound row
    broken_row: StoredRow | None  # the first row that is not sound
    loose_seq: int | None  # the first sound row whose facts are not written canonically
    root_by_size: Mapping[int, str]  # at each anchored size, as far as the rows are sound
    hash_by_size: Mapping[int, str]  # of the last row there
    proof_rows: tuple[StoredRow, ...]  # the sound rows of PROOF_KINDS
    commitments: Mapping[int, str]  # of the sound rows that have a payload, by their number

    @property
    def head(self) -> Head:
        """The head of the sound beginning."""
        return Head(self.sound_size, self.root_by_size[self.sound_size], self.last_hash)

    def rows_of_kind(self, kind: str) -> Iterator[StoredRow]:
        """The sound rows of one of PROOF_KINDS."""
        return (row for row in self.proof_rows if row[KIND] == kind)


def walk_rows(rows: Iterable[StoredRow], identity: str, sizes: Collection[int]) -> Walk:
    """How far do these rows hold, and which roots do they have at these sizes?"""
    last_hash, sound_size, loose_seq = opening_hash(identity), 0, None
    peaks, root_by_size, hash_by_size = NO_PEAKS, {0: root_of_peaks(NO_PEAKS).hex()}, {0: last_hash}
    proof_rows: list[StoredRow] = []
    commitments: dict[int, str] = {}
    size: int | None = None
    broken_row: StoredRow | None = None
    row_stream = iter(rows)
    for chunk in _cut_chunks(row_stream, sorted({size for size in sizes if size > 0}, reverse=True)):
        sound_rows = chunk[: _count_sound(chunk, sound_size, last_hash)]
        if sound_rows:
            peaks = append_leaves(peaks, [bytes.fromhex(row[HASH]) for row in sound_rows])
            loose_seq = loose_seq or _first_loose(sound_rows)
            proof_rows.extend(row for row in sound_rows if row[KIND] in PROOF_KINDS)
            commitments.update((row[SEQ], row[COMMITMENT]) for row in sound_rows if row[COMMITMENT])
            sound_size, last_hash = sound_size + len(sound_rows), sound_rows[-1][HASH]
            root_by_size[sound_size], hash_by_size[sound_size] = root_of_peaks(peaks).hex(), last_hash
        if len(sound_rows) < len(chunk):
            broken_row = chunk[len(sound_rows)]
            (last_row,) = deque(chain(chunk[len(sound_rows) :], row_stream), maxlen=1)
            size = last_row[SEQ]
            break
    size = sound_size if size is None else size
    hashes = (root_by_size, hash_by_size)
    return Walk(size, sound_size, last_hash, broken_row, loose_seq, *hashes, tuple(proof_rows), commitments)


def _cut_chunks(rows: Iterator[StoredRow], stop_sizes: list[int]) -> Iterator[Sequence[StoredRow]]:
    """The rows in chunks that end at every anchored size, so that its root can be taken there."""
    count = 0
    while True:
        while stop_sizes and stop_sizes[-1] <= count:
            stop_sizes.pop()
        chunk = list(islice(rows, min(CHUNK, stop_sizes[-1] - count) if stop_sizes else CHUNK))
        if not chunk:
            return
        yield chunk
        count += len(chunk)


def _count_sound(chunk: Sequence[StoredRow], sound_size: int, last_hash: str) -> int:
    """How many of these rows follow on and hash to what they bear?"""
    for index, (row, array) in enumerate(zip(chunk, _hashed_arrays(chunk), strict=False)):
        own_hash = sha256(array).hexdigest() if array is not None else None
        is_linked = row[PREVIOUS] == last_hash and row[SEQ] == sound_size + index + 1
        if own_hash is None or row[HASH] != own_hash or not is_linked:
            return index
        last_hash = own_hash
    return len(chunk)


def _hashed_arrays(chunk: Sequence[StoredRow]) -> Sequence[bytes | None]:
    """What each row is hashed over. All are written at once, and cut where one row ends and the next begins.

    Nothing inside a row can look like such a cut: there, a quotation mark always follows a backslash.
    """
    # One call of the encoder for 500 rows: calling it for each row was most of the time of a verification.
    try:
        arrays = _encode([(ENTRY_TAG, *row[:HASH]) for row in chunk]).encode()
    except (TypeError, ValueError):
        return [_hashed_array(row) for row in chunk]
    parts = arrays[len(ARRAY_START) + 1 : -2].split(b"]," + ARRAY_START)
    return [ARRAY_START + part + b"]" for part in parts]


def _hashed_array(row: StoredRow) -> bytes | None:
    """The same for one row; None where it holds what no ledger writes."""
    try:
        return _encode((ENTRY_TAG, *row[:HASH])).encode()
    except (TypeError, ValueError):
        return None


def _first_loose(rows: Sequence[StoredRow]) -> int | None:
    """The first row whose facts are not the one text that stands for them; whole chunks are tried first."""
    if _are_canonical([row[FACTS] for row in rows]):
        return None
    return next((row[SEQ] for row in rows if not _is_canonical(row[FACTS])), None)


def _is_canonical(facts: str) -> bool:
    try:
        return canonical_json(json.loads(facts)) == facts
    except (EventError, ValueError, RecursionError):
        return False


def _are_canonical(facts: Sequence[str]) -> bool:
    text = f"[{','.join(facts)}]"
    try:
        objects = json.loads(text, parse_float=_refuse_number, parse_constant=_refuse_number)
    except (ValueError, RecursionError):
        return False
    # The lengths are compared, for a text that holds "},{" would pass for two sets of facts.
    are_objects = len(objects) == len(facts) and all(type(part) is dict for part in objects)
    return are_objects and _encode_sorted(objects) == text


def _refuse_number(text: str) -> object:
    raise ValueError(text)


def facts_in(row: StoredRow) -> dict[str, Any]:
    """The facts of a row, none where they are no facts (which the walk has noticed)."""
    try:
        facts = json.loads(row[FACTS])
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def diagnose(walk: Walk, rows: Iterable[StoredRow], *, identity: str, proven_size: int) -> Finding:
    """What happened at the first row that is not sound, and which entry is the first bad one?

    `proven_size` is how many entries a signed head covers: they are what they were. Of an entry that was
    written anew with a hash of its own, only the entry after it tells: it follows another one.
    """
    row, place = walk.broken_row, walk.sound_size + 1
    assert row is not None, "only a broken ledger is diagnosed"
    if row[SEQ] != place:
        return _diagnose_number(row, place)
    if _own_hash(row) != row[HASH]:
        return _diagnose_hash(row, walk, rows, identity)
    if place > 1 and proven_size < place - 1:
        description = (
            f"Entry {place - 1} is not the one that entry {place} was written after: it was altered and "
            "given a new hash"
        )
        if proven_size + 1 < place - 1:
            description += f" (or the rewriting began before it, at entry {proven_size + 1} the earliest)"
        return Finding("altered", place - 1, f"{description}.")
    predecessor = f"entry {place - 1}" if place > 1 else f"the opening of ledger {identity}"
    return Finding("altered", place, f"Entry {place} does not follow {predecessor}: it was written anew.")


def _diagnose_number(row: StoredRow, place: int) -> Finding:
    if isinstance(row[SEQ], int) and row[SEQ] > place:
        gap = f"Entry {place} is" if row[SEQ] == place + 1 else f"Entries {place} to {row[SEQ] - 1} are"
        return Finding("missing", place, f"{gap} missing: entry {row[SEQ]} comes next.")
    description = f"A row with the number {row[SEQ]!r} stands where entry {place} belongs."
    return Finding("inserted", place, description)


def _diagnose_hash(row: StoredRow, walk: Walk, rows: Iterable[StoredRow], identity: str) -> Finding:
    """A row whose hash is not its own: edited, or an entry of another place that was given a new number."""
    place = walk.sound_size + 1
    if _own_hash((*row[:PREVIOUS], walk.last_hash, row[HASH])) == row[HASH]:
        return Finding("altered", place, f"Entry {place} was altered: its link to the entry before it was.")
    number, is_copy = _find_link(row, islice(rows, walk.sound_size), identity)
    if number is not None and number < place and _own_hash((number, *row[1:])) == row[HASH]:
        origin = (
            f"the row that stands there is a copy of entry {number}."
            if is_copy
            else f"the row numbered {place} was written as entry {number}."
        )
        first_seq = place if is_copy else number
        return Finding("inserted", first_seq, f"Entry {first_seq} was put in: {origin}")
    written_seq = _find_number(row, walk.size + SEARCH_REACH) if row[PREVIOUS] != walk.last_hash else None
    if written_seq is not None:
        return Finding(
            "moved",
            place,
            f"Entry {place} is not what stood there: the row was written as entry {written_seq}, so that "
            "entries were taken out or put in another order.",
        )
    return Finding("altered", place, f"Entry {place} was altered: what it says does not give its hash.")


def _find_link(row: StoredRow, rows: Iterable[StoredRow], identity: str) -> tuple[int | None, bool]:
    """Under which number was a row with this link written, and does it still stand there as well?"""
    number: int | None = 1 if row[PREVIOUS] == opening_hash(identity) else None
    for sound_row in rows:
        if sound_row[SEQ] == number:
            return number, sound_row[HASH] == row[HASH]
        if sound_row[HASH] == row[PREVIOUS]:
            number = sound_row[SEQ] + 1
    return number, False


def _find_number(row: StoredRow, highest_number: int) -> int | None:
    """Under which number does this row hash to what it bears?"""
    return next((n for n in range(1, highest_number + 1) if _own_hash((n, *row[1:])) == row[HASH]), None)


def _own_hash(row: StoredRow) -> str | None:
    try:
        return hash_row(row)
    except (TypeError, ValueError):
        return None
