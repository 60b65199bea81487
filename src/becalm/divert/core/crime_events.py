"""The dated, recorded events that the rule looks at, and nothing else; each with why it may not count.

An event is one person's part in one crime. There is no field for text, a place, an association, a group that
somebody belongs to, or anything that the police found by looking: the rule cannot reach what is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Final

import numpy as np

from becalm.divert.core.rule import FORMAL, Rule
from becalm.methods.arrays import Bools, Ints

EPOCH: Final = date(1970, 1, 1)
SUSPECT_ROLES: Final = ("suspect", "charged", "convicted")
ROLES: Final = (*SUSPECT_ROLES, "victim", "witness")
STATUSES: Final = ("", "named", "interviewed", "upheld", "out_of_court", "charged", "convicted", "eliminated")
BASES: Final = ("fact", "assessment")
SOURCES: Final = ("victim", "witness", "police", "programme", "unknown")
OUTCOMES: Final = ("", "no_crime", "transferred")
COUNTS: Final = 0
WHY_NOT: Final = (
    "",
    "it has another role",
    "the offence is not in the rule",
    "the crime was cancelled",
    "the crime was transferred",
    "the person was ruled out",
    "the police found it by looking",
    "a crew of the programme caused it",
    "nobody reported it as far as is known",
    "it is an assessment, not a fact",
    "it is older than the window",
    "it is after the day of the list",
    "another event of the same crime counts",
    "only the highest ones count",
)
OLD, FUTURE, SAME_CRIME, BEYOND = 10, 11, 12, 13


@dataclass(frozen=True, slots=True)
class CrimeEvents:
    """Events of many people (parallel arrays). Words are codes into the tuples above.

    `person` and `crime` are indexes; `offence` indexes `offence_words`.
    """

    person: Ints
    crime: Ints
    day: Ints  # since 1970-01-01
    offence: Ints
    role: Ints
    status: Ints
    basis: Ints
    found_by: Ints
    outcome: Ints
    offence_words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: Ints | Bools, person: Ints | None = None) -> CrimeEvents:
        """These rows alone, if need be as events of other people."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "offence_words"}
        chosen_events = replace(self, **arrays)
        return chosen_events if person is None else replace(chosen_events, person=person)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as it was chosen_events in: what a person is shown of it."""

    crime_ref: str
    occurred_on: date
    offence: str
    role: str
    status: str
    basis: str
    found_by: str
    outcome: str
    owner: str = ""
    is_live: bool = False


def sort_rows(rows: Iterable[EventRow]) -> list[EventRow]:
    """The newest first, and otherwise always in one order, however they came in."""
    return sorted(
        rows,
        key=lambda row: (
            -(row.occurred_on - EPOCH).days,
            *(row.crime_ref, row.role, row.status, row.offence, row.basis, row.found_by, row.outcome),
        ),
    )


def encode_rows(rows: Sequence[EventRow]) -> CrimeEvents:
    """The events of one person as arrays."""
    code_by_crime = {ref: code for code, ref in enumerate(sorted({row.crime_ref for row in rows}))}
    offence_words = tuple(sorted({row.offence for row in rows}))

    def codes(words: Sequence[str], name: str) -> Ints:
        code_by_word = {word: code for code, word in enumerate(words)}
        return np.array([code_by_word[getattr(row, name)] for row in rows], np.int64)

    return CrimeEvents(
        person=np.zeros(len(rows), np.int64),
        crime=np.array([code_by_crime[row.crime_ref] for row in rows], np.int64),
        day=np.array([(row.occurred_on - EPOCH).days for row in rows], np.int64),
        offence=codes(offence_words, "offence"),
        role=codes(ROLES, "role"),
        status=codes(STATUSES, "status"),
        basis=codes(BASES, "basis"),
        found_by=codes(SOURCES, "found_by"),
        outcome=codes(OUTCOMES, "outcome"),
        offence_words=offence_words,
    )


@dataclass(frozen=True, slots=True)
class EventWeights:
    """What each event could earn, and why one earns nothing, whenever it happened (parallel arrays)."""

    suspect_weight: Ints  # band times status points; 0 where it may not count
    victim_weight: Ints
    band: Ints  # 0 where the offence is not in the rule
    is_formal: Bools
    why_not: Ints  # index into WHY_NOT


def weigh_events(events: CrimeEvents, rule: Rule, *, by_other_weights: bool = False) -> EventWeights:
    """Which of these events may count as suspect or victim, and with which weight?"""
    bands: Mapping[str, int] = rule.bands(by_other_weights=by_other_weights)
    band_of_word = np.array([bands.get(word, 0) for word in events.offence_words] or [0], np.int64)
    status_points = np.array([rule.points.by_status.get(word, 0) for word in STATUSES], np.int64)
    band_of_event = band_of_word[events.offence]
    is_suspect = events.role < len(SUSPECT_ROLES)
    is_victim = events.role == ROLES.index("victim")
    why_not = np.select(
        [
            ~(is_suspect | is_victim),
            band_of_event == 0,
            events.outcome == OUTCOMES.index("no_crime"),
            events.outcome == OUTCOMES.index("transferred"),
            is_suspect & (events.status == STATUSES.index("eliminated")),
            events.found_by == SOURCES.index("police"),
            events.found_by == SOURCES.index("programme"),
            events.found_by == SOURCES.index("unknown"),
            events.basis != BASES.index("fact"),
        ],
        range(1, OLD),
        COUNTS,
    )
    may_count = why_not == COUNTS
    return EventWeights(
        suspect_weight=np.where(may_count & is_suspect, band_of_event * status_points[events.status], 0),
        victim_weight=np.where(may_count & is_victim, band_of_event, 0),
        band=band_of_event,
        is_formal=np.isin(events.status, [STATUSES.index(word) for word in FORMAL]),
        why_not=why_not,
    )
