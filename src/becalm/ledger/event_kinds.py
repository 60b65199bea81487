"""What an event of each kind must say, and whether an event is fit to be recorded: all faults together.

Every job declares its own kinds in its `events.py`; where the program is put together they become one
`EventKinds`, which a ledger checks its events against. A released kind never changes: add a version.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Literal

from becalm.ledger.canonical_json import LARGEST_WHOLE
from becalm.ledger.event import Event
from becalm.terms import EventError, Fault

FactType = Literal["text", "whole", "flag", "instant", "day", "hash", "texts", "wholes", "pairs"]
LONGEST_TEXT = 500
_HASH = re.compile(r"[0-9a-f]{64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PSEUDONYM = re.compile(r"[A-Za-z]{0,3}-?(?=[a-f-]*\d)[0-9a-f-]{1,40}")
UNNAMED = "unnamed"  # in the place of the pseudonym, where details belong to nobody by name


@dataclass(frozen=True, slots=True)
class FactField:
    """One fact of a kind: its name, what it may hold, and whether it may be left out."""

    name: str
    type: FactType
    meaning: str
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind of event in one version. Once released it never changes; a new meaning is a new version.

    `about_person`: it must carry the pseudonym of the person. `purposes`: the only ones it may be recorded
    for; empty where any will do. `corrects`: whether an event of this kind must, may or must not correct
    an earlier entry. `by_hand`: whether a person may record it, or only the program that does it.
    """

    name: str
    meaning: str
    fields: tuple[FactField, ...]
    version: int = 1
    about_person: bool = False
    purposes: tuple[str, ...] = ()
    corrects: Literal["may", "must", "never"] = "never"
    by_hand: bool = False

    field_by_name: Mapping[str, FactField] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        field_by_name = MappingProxyType({fact_field.name: fact_field for fact_field in self.fields})
        object.__setattr__(self, "field_by_name", field_by_name)


@dataclass(frozen=True, slots=True)
class EventKinds:
    """Every kind of event that a ledger may hold, in every version.

    Raises ValueError where two have the same name and version: an event could mean either.
    """

    kinds: tuple[EventKind, ...]
    by_key: Mapping[tuple[str, int], EventKind] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        kind_by_key = {(kind.name, kind.version): kind for kind in self.kinds}
        if len(kind_by_key) < len(self.kinds):
            declared_keys = [(kind.name, kind.version) for kind in self.kinds]
            raise ValueError(
                f"declared twice: {sorted({key for key in declared_keys if declared_keys.count(key) > 1})}"
            )
        object.__setattr__(self, "by_key", MappingProxyType(kind_by_key))

    def versions(self, name: str) -> tuple[EventKind, ...]:
        """Every version of the kind with this name, oldest first; none where it is unknown."""
        kind_versions = [kind for kind in self.kinds if kind.name == name]
        return tuple(sorted(kind_versions, key=lambda kind: kind.version))

    @property
    def names_by_hand(self) -> tuple[str, ...]:
        """The kinds whose newest version a person may record; the program writes the others."""
        newest_by_name = {kind.name: self.versions(kind.name)[-1] for kind in self.kinds}
        return tuple(name for name, kind in newest_by_name.items() if kind.by_hand)


def required_fact(name: str, type: FactType, meaning: str) -> FactField:
    """Describe a fact that every event of the kind has."""
    return FactField(name, type, meaning)


def optional_fact(name: str, type: FactType, meaning: str) -> FactField:
    """Describe a fact that may be left out."""
    return FactField(name, type, meaning, is_needed=False)


def fits(value: object, type: FactType) -> bool:
    """May a fact of this type hold this value?

    >>> fits("2020-04-30T22:15:00Z", "instant"), fits(3, "text"), fits(True, "whole")
    (True, False, False)
    """
    return FACT_TYPES[type].fits(value)


@dataclass(frozen=True, slots=True)
class FactTypeRule:
    """What a type of fact holds, in words and as a test."""

    description: str
    fits: Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and (value.isprintable() or not value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_WHOLE


def _is_instant(value: object) -> bool:
    return isinstance(value, str) and bool(_INSTANT.fullmatch(value)) and _is_in_calendar(datetime, value)


def _is_day(value: object) -> bool:
    return isinstance(value, str) and bool(_DAY.fullmatch(value)) and _is_in_calendar(date, value)


def _is_in_calendar(date_type: type[date], value: str) -> bool:
    # The pattern is asked first: fromisoformat takes forms (week numbers, no seconds) that no ledger writes.
    try:
        date_type.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_pairs(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and all(map(_is_text, pair)) for pair in value
    )


FACT_TYPES: Mapping[FactType, FactTypeRule] = MappingProxyType(
    {
        "text": FactTypeRule(f"one line of at most {LONGEST_TEXT} characters", _is_text),
        "whole": FactTypeRule("a whole number", _is_whole),
        "flag": FactTypeRule("true or false", lambda value: isinstance(value, bool)),
        "instant": FactTypeRule("an instant in UTC, e.g. 2020-04-30T22:15:00Z", _is_instant),
        "day": FactTypeRule("a civil day, e.g. 2020-04-30", _is_day),
        "hash": FactTypeRule(
            "a SHA-256 in hex", lambda value: isinstance(value, str) and bool(_HASH.fullmatch(value))
        ),
        "texts": FactTypeRule(
            "lines of text", lambda value: isinstance(value, tuple) and all(map(_is_text, value))
        ),
        "wholes": FactTypeRule(
            "whole numbers", lambda value: isinstance(value, tuple) and all(map(_is_whole, value))
        ),
        "pairs": FactTypeRule("pairs of a name and a text", _is_pairs),
    }
)


PSEUDONYM_REMEDY = "write up to three letters and a number, e.g. P-0071, and keep the list of names elsewhere"


def is_pseudonym(word: str) -> bool:
    """Has it the form of a pseudonym? A name has not, so that none is recorded by mistake.

    >>> is_pseudonym("P-0071"), is_pseudonym("c7f3a-91"), is_pseudonym("Ann Example"), is_pseudonym("Ann")
    (True, True, False, False)
    """
    return word == UNNAMED or bool(_PSEUDONYM.fullmatch(word))


def check_events(events: Sequence[Event], kinds: EventKinds, now: datetime) -> None:
    """Raise EventError with every fault of all these events, or return.

    `now` is the time by the clock of the ledger: what occurred later is refused.
    """
    faults: list[Fault] = []
    for event_number, event in enumerate(events, start=1):
        label = event.kind if len(events) == 1 else f"event {event_number} ({event.kind})"
        event_problems = _event_problems(event, kinds, now)
        faults.extend(
            Fault(f"{label}: {where}", problem, remedy) for where, problem, remedy in event_problems
        )
    if faults:
        count_text = f"{len(faults)} fault{'s' * (len(faults) > 1)}"
        raise EventError(f"The event cannot be recorded: {count_text}; nothing was written", tuple(faults))


_Problem = tuple[str, str, str]  # where, what is wrong, what to do


def _event_problems(event: Event, kinds: EventKinds, now: datetime) -> Iterator[_Problem]:
    event_kind = kinds.by_key.get((event.kind, event.version))
    if event.occurred_at > now.astimezone(UTC):
        yield (
            "occurred_at",
            f"{event.occurred_at.isoformat()} is in the future (it is now {now.isoformat()})",
            "record it when it has happened, or correct the clock",
        )
    for name in ("actor", "role", "purpose", "programme", "subject"):
        if not fits(word := getattr(event, name), "text"):
            yield name, f"{word!r:.80} is not one line of text", "write a short line without control signs"
    if event_kind is None:
        yield _unknown_kind(event, kinds)
        return
    if event_kind.about_person and not event.subject.strip():
        yield "subject", "is missing", "give the pseudonym of the person that it is about"
    if event.subject.strip() and not is_pseudonym(event.subject):
        yield "subject", f"{event.subject!r:.80} is not a pseudonym", PSEUDONYM_REMEDY
    if event_kind.purposes and event.purpose not in event_kind.purposes:
        yield "purpose", f"{event.purpose!r} is not allowed", f"one of: {', '.join(event_kind.purposes)}"
    yield from _correction_problems(event, event_kind)
    yield from _fact_problems(event, event_kind)


def _unknown_kind(event: Event, kinds: EventKinds) -> _Problem:
    known_text = ", ".join(str(kind.version) for kind in kinds.versions(event.kind))
    if known_text:
        return "version", f"{event.version} is unknown", f"the known ones are {known_text}; or update becalm"
    near_kinds = difflib.get_close_matches(event.kind, [kind.name for kind in kinds.kinds], n=1)
    hint_text = (
        f"did you mean {near_kinds[0]!r}?" if near_kinds else "docs/reference/event-kinds.md lists them"
    )
    return "kind", f"{event.kind!r} is unknown", hint_text


def _correction_problems(event: Event, kind: EventKind) -> Iterator[_Problem]:
    if event.corrects is None:
        if kind.corrects == "must":
            yield "corrects", "is missing", "name the entry that is withdrawn by its number"
    elif kind.corrects == "never":
        yield "corrects", f"{event.corrects} is named", "this kind corrects nothing: leave it out"
    elif not fits(event.corrects, "whole") or event.corrects < 1:
        yield "corrects", f"{event.corrects!r} is no entry", "entries are numbered 1, 2, 3 …"


def _fact_problems(event: Event, kind: EventKind) -> Iterator[_Problem]:
    field_by_name = kind.field_by_name
    for fact_name, fact_value in event.facts.items():
        if fact_name not in field_by_name:
            similar_fields = difflib.get_close_matches(fact_name, field_by_name, n=1)
            field_list_text = f"this kind has {', '.join(field_by_name) or 'none'}"
            yield (
                f"fact {fact_name}",
                "is unknown",
                f"did you mean {similar_fields[0]!r}?" if similar_fields else field_list_text,
            )
        elif fact_value is None and field_by_name[fact_name].is_needed:
            yield _missing_fact(field_by_name[fact_name])
        elif fact_value is not None and not fits(fact_value, field_by_name[fact_name].type):
            type_description = FACT_TYPES[field_by_name[fact_name].type].description
            yield f"fact {fact_name}", f"{fact_value!r:.80} does not fit", f"give {type_description}"
    for fact_field in kind.fields:
        if fact_field.is_needed and fact_field.name not in event.facts:
            yield _missing_fact(fact_field)


def _missing_fact(fact_field: FactField) -> _Problem:
    return f"fact {fact_field.name}", "is missing", f"give it: {fact_field.meaning}"
