"""Recording by hand what no program knows: an arrest, a visit, a decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from becalm.desk import Desk
from becalm.desk.audit import make_event, note_configuration
from becalm.ledger.event import Entry, Fact
from becalm.ledger.event_kinds import FactField
from becalm.ledger.protocol import EventToAppend
from becalm.terms import EventError, Fault, UsageError

WORDS = {"true": True, "yes": True, "false": False, "no": False}


def add_event(
    desk: Desk,
    kind: str,
    *,
    facts: Mapping[str, str],
    purpose: str,
    occurred_at: datetime | None = None,
    subject: str = "",
    details: bytes | None = None,
) -> Entry:
    """Record one event by hand, with personal details beside it that can be erased again.

    Raises
    ------
    UsageError
        where the kind is one that becalm writes itself.
    EventError
        with everything that does not fit its kind.
    """
    ledger = desk.open_ledger()
    versions, names_by_hand = ledger.kinds.versions(kind), ledger.kinds.names_by_hand
    if versions and kind not in names_by_hand:
        raise UsageError(f"{kind} is written by becalm itself. By hand: {', '.join(names_by_hand)}.")
    fields = {name: field for version in versions for name, field in version.field_by_name.items()}
    event = make_event(
        desk,
        kind,
        purpose=purpose,
        facts={name: read_fact(fields.get(name), name, text) for name, text in facts.items()},
        occurred_at=occurred_at,
        subject=subject,
    )
    note_configuration(desk)
    return ledger.append([EventToAppend(event, details)])[0]


def read_fact(field: FactField | None, name: str, text: str) -> Fact:
    """The fact that this text stands for; an empty one stands for none where it may be missing.

    Raises EventError where a number is none.
    """
    if field is None or (not text and field.is_needed):
        return text  # the check of the event names what is wrong
    if not text:
        return None
    if field.type == "flag":
        return WORDS.get(text.casefold(), text)
    if field.type == "whole":
        try:
            return int(text)
        except ValueError as error:
            fault = Fault(f"fact {name}", f"{text!r} is not a whole number", "write it in figures")
            raise EventError("The event cannot be recorded; nothing was written", (fault,)) from error
    return text
