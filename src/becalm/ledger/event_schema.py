"""The shape of an event kind: which facts it names, of which type, and for which purposes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Literal

FactType = Literal["text", "whole", "flag", "instant", "day", "hash", "texts", "wholes", "pairs"]
LONGEST_TEXT = 500
LARGEST_WHOLE = 2**53 - 1  # the largest that every reader of JSON keeps exactly
_HASH = re.compile(r"[0-9a-f]{64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class FactField:
    """One fact of a kind: its name, what it may hold, and whether it may be left out."""

    name: str
    type: FactType
    meaning: str
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event in one version. Once released it never changes; a new meaning is a new version.

    `about_person`: it must carry the pseudonym of the person. `purposes`: the only ones it may be recorded
    for; empty where any will do. `corrects`: whether an event of this kind must, may or must not correct
    an earlier entry.
    """

    name: str
    meaning: str
    fields: tuple[FactField, ...]
    version: int = 1
    about_person: bool = False
    purposes: tuple[str, ...] = ()
    corrects: Literal["may", "must", "never"] = "never"

    by_name: Mapping[str, FactField] = field(init=False, compare=False, repr=False)  # its facts

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({each.name: each for each in self.fields}))


def need(name: str, type: FactType, meaning: str) -> FactField:
    """Describe a fact that every event of the kind has."""
    return FactField(name, type, meaning)


def may(name: str, type: FactType, meaning: str) -> FactField:
    """Describe a fact that may be left out."""
    return FactField(name, type, meaning, needed=False)


def fits(value: object, type: FactType) -> bool:
    """May a fact of this type hold this value?

    >>> fits("2020-04-30T22:15:00Z", "instant"), fits(3, "text"), fits(True, "whole")
    (True, False, False)
    """
    return FACT_TYPES[type].fits(value)


@dataclass(frozen=True, slots=True)
class TypeOfFact:
    """What a type of fact holds, in words and as a test."""

    holds: str
    fits: Callable[[object], bool]


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and (value.isprintable() or not value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_WHOLE


def _instant(value: object) -> bool:
    return isinstance(value, str) and bool(_INSTANT.fullmatch(value)) and _reads(datetime, value)


def _day(value: object) -> bool:
    return isinstance(value, str) and bool(_DAY.fullmatch(value)) and _reads(date, value)


def _reads(kind: type[date], value: str) -> bool:
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True


def _pairs(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and all(map(_text, pair)) for pair in value
    )


FACT_TYPES: Mapping[FactType, TypeOfFact] = MappingProxyType(
    {
        "text": TypeOfFact(f"one line of at most {LONGEST_TEXT} characters", _text),
        "whole": TypeOfFact("a whole number", _whole),
        "flag": TypeOfFact("true or false", lambda value: isinstance(value, bool)),
        "instant": TypeOfFact("an instant in UTC, e.g. 2020-04-30T22:15:00Z", _instant),
        "day": TypeOfFact("a civil day, e.g. 2020-04-30", _day),
        "hash": TypeOfFact(
            "a SHA-256 in hex", lambda value: isinstance(value, str) and bool(_HASH.fullmatch(value))
        ),
        "texts": TypeOfFact(
            "lines of text", lambda value: isinstance(value, tuple) and all(map(_text, value))
        ),
        "wholes": TypeOfFact(
            "whole numbers", lambda value: isinstance(value, tuple) and all(map(_whole, value))
        ),
        "pairs": TypeOfFact("pairs of a name and a text", _pairs),
    }
)
