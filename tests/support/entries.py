"""Entries as a ledger would hold them, without one: numbered, in order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from becalm.ledger import Entry, Event

EVENING = datetime(2020, 4, 30, 21, 15, tzinfo=UTC)
A_HASH = "ab" * 32


def event(kind: str = "arrest_made", facts: Mapping[str, Any] | None = None, **more: Any) -> Event:
    """An event that is fit to be recorded, but for what is said."""
    given = {"unit": "VSU 1", "activity": "hotspot patrol"} if facts is None else facts
    usual = {"occurred_at": EVENING, "actor": "sergeant", "role": "user", "purpose": "record"}
    return Event(kind=kind, version=1, facts=given, **{**usual, **more})


def numbered(*events: Event) -> list[Entry]:
    """These events as entries 1, 2, 3 …"""
    return [Entry(seq, EVENING, each, "", "", "") for seq, each in enumerate(events, start=1)]
