"""One pass over the stored rows: how far do they hold, and what is known at each size that was anchored?

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
from typing import Any, Final

from becalm.ledger.canonical import canonical_json
from becalm.ledger.chain import ENTRY_TAG, first_link
from becalm.ledger.event import Head
from becalm.ledger.merkle import NO_PEAKS, grow, peaks_root
from becalm.ledger.protocol import StoredRow
from becalm.terms import EventError

CHUNK: Final = 500
OPENING: Final = f'["{ENTRY_TAG}",'.encode()  # of what a row is hashed over
KEPT_KINDS: Final = frozenset({"checkpoint_made", "key_rotated", "ledger_restored", "payload_erased"})

_encode: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_sorted: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode

Rows = Callable[[], Iterable[StoredRow]]


@dataclass(frozen=True, slots=True)
class Walk:
    """What one pass found. Only the first `sound` rows are in their place and hash to what they bear."""

    size: int  # the number of the last row
    sound: int
    last: str  # hash of the last sound row
    broken: StoredRow | None  # the first row that is not sound
    loose: int | None  # the first sound row whose facts are not written canonically
    roots: Mapping[int, str]  # root at each anchored size, as far as the rows are sound
    lasts: Mapping[int, str]  # hash of the last row there
    told: tuple[StoredRow, ...]  # the sound rows of KEPT_KINDS
    promised: tuple[tuple[int, str], ...]  # the sound rows with a commitment

    @property
    def head(self) -> Head:
        """The head of the sound beginning."""
        return Head(self.sound, self.roots[self.sound], self.last)


def walk_rows(rows: Iterable[StoredRow], identity: str, sizes: Collection[int]) -> Walk:
    """How far do these rows hold, and which roots do they have at these sizes?"""
    last, sound, loose = first_link(identity), 0, None
    peaks, roots, lasts = NO_PEAKS, {0: peaks_root(NO_PEAKS).hex()}, {0: last}
    told: list[StoredRow] = []
    promised: list[tuple[int, str]] = []
    stops = sorted({size for size in sizes if size > 0}, reverse=True)
    stream = iter(rows)
    for chunk in _chunks(stream, stops):
        held = _held(chunk, sound, last)
        if held:
            part = chunk[:held]
            peaks = grow(peaks, [bytes.fromhex(row[14]) for row in part])
            loose = loose or _first_loose(part)
            told.extend(row for row in part if row[3] in KEPT_KINDS)
            promised.extend((row[0], row[12]) for row in part if row[12])
            sound, last = sound + held, part[-1][14]
            roots[sound], lasts[sound] = peaks_root(peaks).hex(), last
        if held < len(chunk):
            size = _end(chain(chunk[held:], stream))
            return Walk(size, sound, last, chunk[held], loose, roots, lasts, tuple(told), tuple(promised))
    return Walk(sound, sound, last, None, loose, roots, lasts, tuple(told), tuple(promised))


def _chunks(stream: Iterator[StoredRow], stops: list[int]) -> Iterator[Sequence[StoredRow]]:
    """The rows in chunks that end at every anchored size, so that its root can be taken there."""
    done = 0
    while True:
        while stops and stops[-1] <= done:
            stops.pop()
        chunk = list(islice(stream, min(CHUNK, stops[-1] - done) if stops else CHUNK))
        if not chunk:
            return
        yield chunk
        done += len(chunk)


def _end(rows: Iterable[StoredRow]) -> int:
    """The number of the last row."""
    last = next(iter(deque(rows, maxlen=1)))
    return last[0]


def _held(chunk: Sequence[StoredRow], sound: int, last: str) -> int:
    """How many of these rows follow on and hash to what they bear?"""
    for held, (row, hashed) in enumerate(zip(chunk, _hashed(chunk), strict=False)):
        own = sha256(hashed).hexdigest() if hashed is not None else None
        if own is None or row[14] != own or row[13] != last or row[0] != sound + held + 1:
            return held
        last = own
    return len(chunk)


def _hashed(chunk: Sequence[StoredRow]) -> Sequence[bytes | None]:
    """What each row is hashed over. All are written at once, and cut where one row ends and the next begins.

    Nothing inside a row can look like such a cut: there, a quotation mark always follows a backslash.
    """
    try:
        whole = _encode([(ENTRY_TAG, *row[:14]) for row in chunk]).encode()
    except (TypeError, ValueError):
        return [_hashed_alone(row) for row in chunk]
    return [OPENING + part + b"]" for part in whole[len(OPENING) + 1 : -2].split(b"]," + OPENING)]


def _hashed_alone(row: StoredRow) -> bytes | None:
    """The same for one row; None where it holds what no ledger writes."""
    try:
        return _encode((ENTRY_TAG, *row[:14])).encode()
    except (TypeError, ValueError):
        return None


def _first_loose(rows: Sequence[StoredRow]) -> int | None:
    """The first row whose facts are not the one text that stands for them; whole chunks are tried first."""
    if _is_canonical([row[10] for row in rows]):
        return None
    return next((row[0] for row in rows if not _is_written_so(row[10])), None)


def _is_written_so(facts: str) -> bool:
    try:
        return canonical_json(json.loads(facts)) == facts
    except (EventError, ValueError, RecursionError):
        return False


def _is_canonical(facts: Sequence[str]) -> bool:
    text = f"[{','.join(facts)}]"
    try:
        read = json.loads(text, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    objects = len(read) == len(facts) and all(type(part) is dict for part in read)
    return objects and _sorted(read) == text


def _refuse(text: str) -> object:
    raise ValueError(text)


def facts_of(row: StoredRow) -> dict[str, Any]:
    """The facts of a row, none where they are no facts (which the walk has noticed)."""
    try:
        facts = json.loads(row[10])
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
