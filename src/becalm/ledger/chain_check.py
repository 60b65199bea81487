"""One pass over the stored rows: how far do they hold, and what was done at the first that does not?

The pass hashes what is stored, as it is stored, and never reads an event: 100,000 rows a second are the aim.
"""

import json
import operator
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from json import JSONEncoder
from types import NoneType
from typing import Any, Final, Literal

import orjson

from becalm.ledger import Head, StoredRow, hash_row, opening_hash
from becalm.ledger.canonical_json import canonical_json
from becalm.ledger.chain import (
    ACTOR,
    COMMITMENT,
    ENTRY_TAG,
    FACTS,
    HASH,
    KIND,
    OCCURRED_AT,
    PREVIOUS,
    PURPOSE,
    RECORDED_AT,
    SEQ,
)
from becalm.ledger.log_ending import LOG_BEGUN
from becalm.ledger.merkle import NO_PEAKS, Peaks, append_leaves, root_of_peaks
from becalm.terms import EventError, TamperError

CHUNK_ROWS: Final = 500
IN_THE_FUTURE: Final = "which is in the future"
SEARCH_REACH: Final = 1_000  # numbers beyond the end that a moved entry may have been written under
ARRAY_START: Final = f'["{ENTRY_TAG}",'.encode()  # of what a row is hashed over
PROOF_KINDS: Final = frozenset(
    {"checkpoint_made", "clock_corrected", "key_rotated", "ledger_restored", "log_begun", "payload_erased"}
)
INSTANTS: Final = re.compile(r"(\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z)*")
INSTANT_SHAPE: Final = b"0000-00-00T00:00:00.000000Z"
DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
INSTANT_TENS: Final = {  # of month, day, hour, minute and second: where, and which digits
    position: frozenset(digits)
    for position, digits in ((5, b"01"), (8, b"0123"), (11, b"012"), (14, b"012345"), (17, b"012345"))
}
MOST_SENSELESS: Final = 20  # entries that are named; more say nothing new

DECIMAL: Final = re.compile(r"[\[:,]-?\d+[.eE]")
PLAIN_TYPES: Final = frozenset({str, int, bool, NoneType})

_encode: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

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
    "sense",  # an entry that no ledger would have taken: an unknown kind, no purpose, a time out of order
    "schema",  # the tables, or what guards them, are not as becalm makes them
    "state",  # a state table is not what the entries say
    "receipt",  # what an append was promised is not there, or stands otherwise or twice
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a ledger does not hold. `first_seq`: the first entry that it touches, if any.

    `is_contradiction`: a head that was kept outside says so, whatever the ledger says of itself.
    """

    kind: FindingKind
    first_seq: int | None
    description: str
    is_contradiction: bool = False


@dataclass(frozen=True, slots=True)
class SenseRules:
    """What an entry must be for a ledger to have taken it."""

    kinds: Set[tuple[object, ...]]  # every known kind and version
    latest_instant: str  # nothing was recorded after it


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
    senseless: tuple[tuple[int, str], ...]  # sound rows that no ledger would have taken, and why

    @property
    def head(self) -> Head:
        """The head of the sound beginning."""
        return Head(self.sound_size, self.root_by_size[self.sound_size], self.last_hash)

    def rows_of_kind(self, kind: str) -> Iterator[StoredRow]:
        """The sound rows of one of PROOF_KINDS."""
        return (row for row in self.proof_rows if row[KIND] == kind)


def walk_rows(
    rows: Iterable[StoredRow], identity: str, sizes: Collection[int], sense_rules: SenseRules | None = None
) -> Walk:
    """How far do these rows hold, and which roots do they have at these sizes?

    `identity` is that of the first log, which entry 1 follows. Without `sense_rules` no entry is asked
    whether a ledger would have taken it.
    """
    last_hash, sound_size, loose_seq = opening_hash(identity), 0, None
    peaks, root_by_size, hash_by_size = NO_PEAKS, {0: root_of_peaks(NO_PEAKS).hex()}, {0: last_hash}
    proof_rows: list[StoredRow] = []
    senseless: list[tuple[int, str]] = []
    commitments: dict[int, str] = {}
    last_row_seq: int | None = None
    last_recorded_at, broken_row = "", None
    row_stream = iter(rows)
    for chunk in _cut_chunks(row_stream, sorted({size for size in sizes if size > 0}, reverse=True)):
        sound_rows = chunk[: _count_sound(chunk, sound_size, last_hash)]
        proofs = [row for row in sound_rows if row[KIND] in PROOF_KINDS]
        # The root before each first entry of a new log is needed too: it must be the head that it names.
        cut_sizes = [row[SEQ] - 1 for row in proofs if row[KIND] == LOG_BEGUN and row[SEQ] > sound_size + 1]
        if sound_rows:
            end_sizes = (*cut_sizes, sound_size + len(sound_rows))
            peaks = _add_leaves(peaks, sound_rows, end_sizes, (root_by_size, hash_by_size))
            loose_seq = loose_seq or _first_loose(sound_rows)
            if sense_rules is not None and len(senseless) < MOST_SENSELESS:
                senseless.extend(_find_senseless(sound_rows, sense_rules, last_recorded_at))
            proof_rows.extend(proofs)
            commitments.update((row[SEQ], row[COMMITMENT]) for row in sound_rows if row[COMMITMENT])
            sound_size, last_hash = sound_size + len(sound_rows), sound_rows[-1][HASH]
            last_recorded_at = sound_rows[-1][RECORDED_AT]
        if len(sound_rows) < len(chunk):
            broken_row = chunk[len(sound_rows)]
            (last_row,) = deque(chain(chunk[len(sound_rows) :], row_stream), maxlen=1)
            last_row_seq = last_row[SEQ]
            break
    size = sound_size if last_row_seq is None else last_row_seq
    by_size = (root_by_size, hash_by_size)
    first_flaws = (broken_row, loose_seq)
    return Walk(
        size, sound_size, last_hash, *first_flaws, *by_size, tuple(proof_rows), commitments, tuple(senseless)
    )


def _add_leaves(
    peaks: Peaks,
    sound_rows: Sequence[StoredRow],
    end_sizes: Iterable[int],
    noted_hashes: tuple[dict[int, str], dict[int, str]],
) -> Peaks:
    """Add these rows to the tree, and note root and last hash at each of these sizes."""
    root_by_size, hash_by_size = noted_hashes
    row_index = 0
    for end_size in end_sizes:
        new_rows = sound_rows[row_index : end_size - sound_rows[0][SEQ] + 1]
        peaks = append_leaves(peaks, [bytes.fromhex(row[HASH]) for row in new_rows])
        root_by_size[end_size], hash_by_size[end_size] = root_of_peaks(peaks).hex(), new_rows[-1][HASH]
        row_index += len(new_rows)
    return peaks


def iterate_sound(rows: Iterable[StoredRow], size: int, last_hash: str) -> Iterator[StoredRow]:
    """These rows, which follow entry `size` with its hash, as far as each hashes to what it bears.

    Raises TamperError at the first that does not.
    """
    for chunk in _cut_chunks(iter(rows), []):
        sound_count = _count_sound(chunk, size, last_hash)
        yield from chunk[:sound_count]
        size += sound_count
        if sound_count < len(chunk):
            raise TamperError(
                f"Entry {size + 1} is not what was written, so nothing can be counted over it. Run "
                "`becalm record verify`, and keep the ledger as evidence."
            )
        last_hash = chunk[-1][HASH]


def _find_senseless(
    rows: Sequence[StoredRow], rules: SenseRules, last_recorded_at: str
) -> Iterator[tuple[int, str]]:
    """The rows that no ledger would have taken, and why; whole chunks are tried first."""
    try:
        recording_times, event_times = (
            [row[RECORDED_AT] for row in rows],
            [row[OCCURRED_AT] for row in rows],
        )
        recording_times_so_far = [last_recorded_at, *recording_times]
        if (
            recording_times_so_far == sorted(recording_times_so_far)
            and recording_times_so_far[-1] <= rules.latest_instant
            and all(map(operator.le, event_times, recording_times))
            and _are_instants(recording_times + event_times)
            and {row[KIND : KIND + 2] for row in rows} <= rules.kinds
            and all(text.strip() for text in {*(row[ACTOR] for row in rows), *(row[PURPOSE] for row in rows)})
        ):
            return
    except (TypeError, AttributeError, ValueError):
        pass  # a value of another type: the single rows show which
    for row in rows:
        try:
            senseless_reasons = _senseless_reasons(row, rules, last_recorded_at)
        except (TypeError, AttributeError):
            senseless_reasons = ["it holds a value of another type"]
        yield from ((row[SEQ], reason) for reason in senseless_reasons)
        last_recorded_at = row[RECORDED_AT]


def _are_instants(texts: Sequence[str]) -> bool:
    """Are these all written as a ledger writes an instant? As INSTANTS says it, many at once."""
    all_bytes = "".join(texts).encode()
    if len(all_bytes) != len(texts) * len(INSTANT_SHAPE) or {*map(len, texts)} != {len(INSTANT_SHAPE)}:
        return not texts
    return all_bytes.translate(DIGITS_TO_ZERO) == INSTANT_SHAPE * len(texts) and all(
        {*all_bytes[position :: len(INSTANT_SHAPE)]} <= allowed for position, allowed in INSTANT_TENS.items()
    )


def _senseless_reasons(row: StoredRow, rules: SenseRules, last_recorded_at: str) -> list[str]:
    recorded_at, occurred_at = row[RECORDED_AT], row[OCCURRED_AT]
    is_in_order = recorded_at >= last_recorded_at or row[KIND] == "clock_corrected"
    reason_by_check = {
        f"no ledger knows version {row[KIND + 1]} of kind {row[KIND]!r}": row[KIND : KIND + 2] in rules.kinds,
        "it does not say who did it": bool(row[ACTOR].strip()),
        "it does not say what for": bool(row[PURPOSE].strip()),
        f"its times ({recorded_at!r}, {occurred_at!r}) are not written as a ledger writes them": bool(
            INSTANTS.fullmatch(recorded_at + occurred_at) and len(recorded_at) == len(occurred_at) == 27
        ),
        f"it was recorded at {recorded_at}, {IN_THE_FUTURE}": recorded_at <= rules.latest_instant,
        f"it was recorded at {recorded_at}, before the entry that it follows": is_in_order,
        f"it occurred at {occurred_at}, after it was recorded": occurred_at <= recorded_at,
    }
    return [reason for reason, holds in reason_by_check.items() if not holds]


def _cut_chunks(rows: Iterator[StoredRow], stop_sizes: list[int]) -> Iterator[Sequence[StoredRow]]:
    """The rows in chunks that end at every anchored size, so that its root can be taken there."""
    row_count = 0
    while True:
        while stop_sizes and stop_sizes[-1] <= row_count:
            stop_sizes.pop()
        chunk_rows = list(
            islice(rows, min(CHUNK_ROWS, stop_sizes[-1] - row_count) if stop_sizes else CHUNK_ROWS)
        )
        if not chunk_rows:
            return
        yield chunk_rows
        row_count += len(chunk_rows)


def _count_sound(chunk: Sequence[StoredRow], sound_size: int, last_hash: str) -> int:
    """How many of these rows follow on and hash to what they bear? Whole chunks are tried first."""
    hashed_arrays = _hashed_arrays(chunk)
    own_hashes = [
        sha256(hashed_array).hexdigest() for hashed_array in hashed_arrays if hashed_array is not None
    ]
    if (
        own_hashes == [row[HASH] for row in chunk]
        and [last_hash, *own_hashes[:-1]] == [row[PREVIOUS] for row in chunk]
        and [row[SEQ] for row in chunk] == [*range(sound_size + 1, sound_size + len(chunk) + 1)]
    ):
        return len(chunk)
    for row_index, (row, hashed_array) in enumerate(zip(chunk, hashed_arrays, strict=False)):
        own_hash = sha256(hashed_array).hexdigest() if hashed_array is not None else None
        is_linked = row[PREVIOUS] == last_hash and row[SEQ] == sound_size + row_index + 1
        if own_hash is None or row[HASH] != own_hash or not is_linked:
            return row_index
        last_hash = own_hash
    return len(chunk)


def _hashed_arrays(chunk: Sequence[StoredRow]) -> Sequence[bytes | None]:
    """What each row is hashed over. All are written at once, and cut where one row ends and the next begins.

    Nothing inside a row can look like such a cut: there, a quotation mark always follows a backslash.
    """
    # One call of the encoder for 500 rows: calling it for each row was most of the time of a verification.
    # orjson writes the same bytes (a test compares every character); what it refuses goes row by row.
    try:
        arrays_json = orjson.dumps([(ENTRY_TAG, *row[:HASH]) for row in chunk])
    except TypeError:
        return [_hashed_array(row) for row in chunk]
    array_bodies = arrays_json[len(ARRAY_START) + 1 : -2].split(b"]," + ARRAY_START)
    return [ARRAY_START + array_bytes + b"]" for array_bytes in array_bodies]


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


def _is_canonical(facts_json: str) -> bool:
    try:
        return canonical_json(json.loads(facts_json)) == facts_json
    except (EventError, ValueError, RecursionError):
        return False


def _are_canonical(facts: Sequence[str]) -> bool:
    array_json = f"[{','.join(facts)}]"
    try:
        parsed_objects = orjson.loads(array_json)
        sorted_json = orjson.dumps(parsed_objects, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
    except (ValueError, TypeError):
        return False
    # The lengths are compared, for a text that holds "},{" would pass for two sets of facts.
    are_objects = len(parsed_objects) == len(facts) and {*map(type, parsed_objects)} <= {dict}
    if not are_objects or sorted_json != array_json.encode():
        return False
    # A decimal is written as it was read, so it is looked for: in plain values by type, else in the text.
    value_types = {*map(type, chain.from_iterable(map(dict.values, parsed_objects)))}
    return value_types <= PLAIN_TYPES or DECIMAL.search(array_json) is None


def facts_in(row: StoredRow) -> dict[str, Any]:
    """The facts of a row, none where they are no facts (which the walk has noticed)."""
    try:
        row_facts = json.loads(row[FACTS])
    except ValueError:
        return {}
    return row_facts if isinstance(row_facts, dict) else {}


def diagnose(walk: Walk, rows: Iterable[StoredRow], *, identity: str, proven_size: int) -> Finding:
    """What happened at the first row that is not sound, and which entry is the first bad one?

    `proven_size` is how many entries a signed head covers: they are what they were. Of an entry that was
    rewritten with a hash of its own, only the entry after it tells: it follows another one.
    """
    broken_row, due_seq = walk.broken_row, walk.sound_size + 1
    assert broken_row is not None, "only a broken ledger is diagnosed"
    if broken_row[SEQ] != due_seq:
        return _diagnose_number(broken_row, due_seq)
    if _own_hash(broken_row) != broken_row[HASH]:
        return _diagnose_hash(broken_row, walk, rows, identity)
    if due_seq > 1 and proven_size < due_seq - 1:
        description = (
            f"Entry {due_seq - 1} is not the one that entry {due_seq} was written after: it was altered and "
            "given a new hash"
        )
        if proven_size + 1 < due_seq - 1:
            description += f" (or the rewriting began before it, at entry {proven_size + 1} the earliest)"
        return Finding("altered", due_seq - 1, f"{description}.")
    predecessor_text = f"entry {due_seq - 1}" if due_seq > 1 else f"the opening of ledger {identity}"
    return Finding(
        "altered", due_seq, f"Entry {due_seq} does not follow {predecessor_text}: it was rewritten."
    )


def _diagnose_number(row: StoredRow, due_seq: int) -> Finding:
    if isinstance(row[SEQ], int) and row[SEQ] > due_seq:
        gap_text = (
            f"Entry {due_seq} is" if row[SEQ] == due_seq + 1 else f"Entries {due_seq} to {row[SEQ] - 1} are"
        )
        return Finding("missing", due_seq, f"{gap_text} missing: entry {row[SEQ]} comes next.")
    description = f"A row with the number {row[SEQ]!r} stands where entry {due_seq} belongs."
    return Finding("inserted", due_seq, description)


def _diagnose_hash(row: StoredRow, walk: Walk, rows: Iterable[StoredRow], identity: str) -> Finding:
    """A row whose hash is not its own: edited, or an entry of another place that was given a new number."""
    due_seq = walk.sound_size + 1
    if _own_hash((*row[:PREVIOUS], walk.last_hash, row[HASH])) == row[HASH]:
        return Finding(
            "altered", due_seq, f"Entry {due_seq} was altered: its link to the entry before it was."
        )
    origin_seq, is_copy = _find_link(row, islice(rows, walk.sound_size), identity)
    if origin_seq is not None and origin_seq < due_seq and _own_hash((origin_seq, *row[1:])) == row[HASH]:
        origin_text = (
            f"the row that stands there is a copy of entry {origin_seq}."
            if is_copy
            else f"the row numbered {due_seq} was written as entry {origin_seq}."
        )
        first_seq = due_seq if is_copy else origin_seq
        return Finding("inserted", first_seq, f"Entry {first_seq} was put in: {origin_text}")
    # Under which number does this row hash to what it bears?
    candidate_seqs = range(1, walk.size + SEARCH_REACH + 1) if row[PREVIOUS] != walk.last_hash else ()
    written_seq = next((seq for seq in candidate_seqs if _own_hash((seq, *row[1:])) == row[HASH]), None)
    if written_seq is not None:
        return Finding(
            "moved",
            due_seq,
            f"Entry {due_seq} is not what stood there: the row was written as entry {written_seq}, so that "
            "entries were taken out or put in another order.",
        )
    return Finding("altered", due_seq, f"Entry {due_seq} was altered: what it says does not give its hash.")


def _find_link(row: StoredRow, rows: Iterable[StoredRow], identity: str) -> tuple[int | None, bool]:
    """Under which number was a row with this link written, and does it still stand there as well?"""
    origin_seq: int | None = 1 if row[PREVIOUS] == opening_hash(identity) else None
    for sound_row in rows:
        if sound_row[SEQ] == origin_seq:
            return origin_seq, sound_row[HASH] == row[HASH]
        if sound_row[HASH] == row[PREVIOUS]:
            origin_seq = sound_row[SEQ] + 1
    return origin_seq, False


def _own_hash(row: StoredRow) -> str | None:
    try:
        return hash_row(row)
    except (TypeError, ValueError):
        return None
