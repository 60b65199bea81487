"""What was done: an event as the desk hands it in, and the entry that a ledger makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from becalm.terms import EventError

if TYPE_CHECKING:
    from becalm.ledger.signed_note import NoteSignature

Fact = str | int | bool | None | tuple["Fact", ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done: who did it, when, what for, and the facts that its kind names.

    Facts hold no decimals (metres, seconds and hundredths are whole numbers) and no personal detail: that
    goes into the payload, of which the ledger holds a salted commitment only. A correction is a new
    event that names the entry it `corrects`.
    """

    kind: str  # in the past tense, e.g. "arrest_made"
    version: int  # of the kind; a new meaning is a new version
    occurred_at: datetime
    actor: str  # who did it, or on whose behalf a program did
    role: str
    purpose: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    programme: str = ""
    subject: str = ""  # the pseudonym of the person it is about, if any
    corrects: int | None = None

    def __post_init__(self) -> None:
        if not (self.kind.strip() and self.actor.strip() and self.role.strip() and self.purpose.strip()):
            needed_names = ("kind", "actor", "role", "purpose")
            empty_fields = [name for name in needed_names if not getattr(self, name).strip()]
            raise EventError(
                f"An event {self.kind!r} came without {' and '.join(empty_fields)}. "
                "Say who did it, in which role and what for; nothing was written."
            )
        if self.occurred_at.utcoffset() is None:
            raise EventError(
                f"The event {self.kind!r} occurred at {self.occurred_at}, which names no time zone. "
                "Give an instant with its zone."
            )
        if self.occurred_at.tzinfo is not UTC:
            object.__setattr__(self, "occurred_at", self.occurred_at.astimezone(UTC))
        object.__setattr__(self, "facts", MappingProxyType(dict(sorted(self.facts.items()))))


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place in the ledger: its number, when it was recorded, the link to the one before."""

    seq: int  # 1, 2, 3 …, without a gap
    recorded_at: datetime
    event: Event
    commitment: str  # SHA-256 of salt and payload, in hex; empty where there is no payload
    previous: str  # hash of the entry before, in hex
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """How long the ledger is and what it holds, in two hashes."""

    size: int
    root: str  # of the Merkle tree over the entries' hashes (RFC 6962)
    last_hash: str  # of the last entry


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed head: what leaves the building, so that nobody can rewrite what came before."""

    ledger_id: str  # that the ledger was given when it was made
    head: Head
    made_at: datetime
    key_id: str  # SHA-256 of the public key, in hex
    signature: str  # Ed25519 over the canonical bytes of all before it, in hex
    public_key: str = field(default="", compare=False)  # in hex, where it came with the head
    cosignatures: tuple[NoteSignature, ...] = field(default=(), compare=False)  # of witnesses
