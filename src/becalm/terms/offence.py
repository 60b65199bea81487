"""Offence groups: the reviewed table from the source's words to the groups we compare."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from becalm.terms.errors import suggest_word

FoundBy = Literal["victim", "police", "unknown"]
WEAPON_WORDS = frozenset(
    {"blade", "firearm", "firearms", "gun", "guns", "knife", "knives", "weapon", "weapons"}
)


def plain_word(word: str) -> str:
    """The word as it is compared: without regard to case or to surrounding and repeated space."""
    return " ".join(word.split()).casefold()


@dataclass(frozen=True, slots=True)
class OffenceGroup:
    """A group of offences that are counted together.

    Hotspots of `street_violence` are listed, and such groups lend to each other; a group that is not
    violence but `shares_places` with it lends as well. What `found_by` the
    police measures police work and never feeds where to look next. A group that is not `in_total`
    is left out of totals, for the reason in `why_not_in_total`.
    """

    key: str
    label: str
    street_violence: bool = False
    found_by: FoundBy = "victim"
    in_total: bool = True
    why_not_in_total: str = ""
    shares_places: bool = False


@dataclass(frozen=True, slots=True)
class OffenceTable:
    """A versioned, reviewed table of groups and of the words that fall into each.

    `words` maps the source's offence words to a group key, compared without regard to
    case or surrounding space.
    """

    key: str
    version: str
    author: str
    reviewed_on: date
    origin: str
    groups: tuple[OffenceGroup, ...]
    words: tuple[tuple[str, str], ...]

    def group(self, key: str) -> OffenceGroup | None:
        """Which group has this key?"""
        return next((g for g in self.groups if g.key == key), None)

    def by_word(self) -> dict[str, str]:
        """Group keys by `plain_word`, for looking up many words at once."""
        return {plain_word(word): key for word, key in self.words}


def groups_by_key(tables: Iterable[OffenceTable], *, source: str) -> dict[str, OffenceGroup]:
    """Which group does each key name, for the records of this source?

    Keys mean the same in every table; where two describe one, the table whose key begins the
    source's name wins (mps_knife over mps for the source mps_knife).
    """

    def nearness(table: OffenceTable) -> tuple[bool, int, str]:
        return source.startswith(table.key), len(table.key), table.key

    return {group.key: group for table in sorted(tables, key=nearness) for group in table.groups}


def suggest_group(group_key: str, known_keys: Iterable[str]) -> str:
    """What to ask instead of an offence group that the records do not have.

    >>> suggest_group("robery", ["burglary", "robbery"])
    "Did you mean 'robbery'?"
    >>> suggest_group("knife", ["burglary", "robbery"])
    "'knife' is a weapon, not an offence group. `becalm measure compare` compares weapons with `by weapon`."
    """
    if group_key.casefold() in WEAPON_WORDS:
        return (
            f"{group_key!r} is a weapon, not an offence group. "
            "`becalm measure compare` compares weapons with `by weapon`."
        )
    return suggest_word(group_key, known_keys)
