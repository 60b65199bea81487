"""Is an event fit to be recorded? Its kind, version, facts, purpose and time, all faults together."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from becalm.ledger.event import Event
from becalm.ledger.event_schema import FACT_TYPES, FactField, Kind, fits
from becalm.ledger.kind_list import ALL_KINDS, KINDS, OUTCOMES, PATROL
from becalm.ledger.kind_people import ABOUT_PEOPLE, HELP
from becalm.terms import EventError, Fault

__all__ = ["ABOUT_PEOPLE", "ALL_KINDS", "BY_HAND", "KINDS", "Kind", "check_event", "check_events"]

BY_HAND = tuple(
    kind.name
    for kind in (*PATROL, *OUTCOMES, *HELP)
    if (kind.corrects == "may" and kind.name != "bursts_planned")
    or kind.name in ("allocation_made", "disclosure_made")
)
"""The kinds that a person may record; the others are written by the program that does what they tell of."""


def check_event(event: Event, now: datetime) -> None:
    """Raise EventError with every fault of this event, or return."""
    check_events((event,), now)


def check_events(events: Sequence[Event], now: datetime) -> None:
    """Raise EventError with every fault of all these events, or return.

    `now` is the time by the clock of the ledger: what occurred later is refused.
    """
    faults: list[Fault] = []
    for number, event in enumerate(events, start=1):
        place = event.kind if len(events) == 1 else f"event {number} ({event.kind})"
        faults.extend(Fault(f"{place}: {where}", what, remedy) for where, what, remedy in _faults(event, now))
    if faults:
        many = f"{len(faults)} fault{'s' * (len(faults) > 1)}"
        raise EventError(f"The event cannot be recorded: {many}; nothing was written", tuple(faults))


_Found = tuple[str, str, str]


def _faults(event: Event, now: datetime) -> Iterator[_Found]:
    kind = KINDS.get((event.kind, event.version))
    if event.occurred_at > now.astimezone(UTC):
        yield (
            "occurred_at",
            f"{event.occurred_at.isoformat()} is in the future (it is now {now.isoformat()})",
            "record it when it has happened, or correct the clock",
        )
    yield from _unfit_words(event)
    if kind is None:
        yield _unknown(event)
        return
    yield from _about(event, kind)
    yield from _correction(event, kind)
    yield from _facts(event, kind)


def _unfit_words(event: Event) -> Iterator[_Found]:
    for name in ("actor", "role", "purpose", "programme", "subject"):
        value = getattr(event, name)
        if not fits(value, "text"):
            yield name, f"{value!r:.80} is not one line of text", "write a short line without control signs"


def _unknown(event: Event) -> _Found:
    versions = sorted(version for name, version in KINDS if name == event.kind)
    if versions:
        known = ", ".join(map(str, versions))
        return "version", f"{event.version} is unknown", f"the known ones are {known}; or update becalm"
    near = difflib.get_close_matches(event.kind, [name for name, _ in KINDS], n=1)
    hint = f"did you mean {near[0]!r}?" if near else "docs/reference/event-kinds.md lists them"
    return "kind", f"{event.kind!r} is unknown", hint


def _about(event: Event, kind: Kind) -> Iterator[_Found]:
    if kind.about_person and not event.subject.strip():
        yield "subject", "is missing", "give the pseudonym of the person that it is about"
    if kind.purposes and event.purpose not in kind.purposes:
        yield "purpose", f"{event.purpose!r} is not allowed", f"one of: {', '.join(kind.purposes)}"


def _correction(event: Event, kind: Kind) -> Iterator[_Found]:
    if event.corrects is None:
        if kind.corrects == "must":
            yield "corrects", "is missing", "name the entry that is withdrawn by its number"
    elif kind.corrects == "never":
        yield "corrects", f"{event.corrects} is named", "this kind corrects nothing: leave it out"
    elif not fits(event.corrects, "whole") or event.corrects < 1:
        yield "corrects", f"{event.corrects!r} is no entry", "entries are numbered 1, 2, 3 …"


def _facts(event: Event, kind: Kind) -> Iterator[_Found]:
    known = kind.by_name
    for name, value in event.facts.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            yield f"fact {name}", "is unknown", f"did you mean {near[0]!r}?" if near else _list_of(kind)
        elif value is None and known[name].needed:
            yield _missing(known[name])
        elif value is not None and not fits(value, known[name].type):
            yield f"fact {name}", f"{value!r:.80} does not fit", f"give {FACT_TYPES[known[name].type].holds}"
    yield from (_missing(field) for field in kind.fields if field.needed and field.name not in event.facts)


def _missing(field: FactField) -> _Found:
    return f"fact {field.name}", "is missing", f"give it: {field.meaning}"


def _list_of(kind: Kind) -> str:
    return f"this kind has {', '.join(kind.by_name) or 'none'}"
