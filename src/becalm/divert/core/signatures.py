"""Steps that are signed with a person's own key: what a signature is over, and which steps need one.

Where no server says who is logged in, an actor is only declared. A signature by a key that two people have
published for its holder proves who took a step: the key is in a file of the holder's, never in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from becalm.ledger import Event, format_instant
from becalm.ledger.canonical_json import canonical_json

if TYPE_CHECKING:
    from becalm.ledger.signing import SigningKey

STEP_TAG: Final = "becalm.step.1"
HOLDER_TAG: Final = "becalm.holder.1"
SIGNED_KINDS: Final = (
    *("person_nominated", "decision_made", "challenge_decided"),
    *("records_joined", "records_parted", "programme_activated"),
)
"""Steps that take two people, or begin the programme: each needs a signature where keys prove who acts."""


def step_bytes(event: Event) -> bytes:
    """The bytes that a person signs: the step without its erasable details and without the signature."""
    facts = [(name, value) for name, value in event.facts.items() if name != "signature"]
    parts = (
        *(STEP_TAG, event.kind, event.version, format_instant(event.occurred_at), event.actor),
        *(event.role, event.purpose, event.subject, facts),
    )
    return canonical_json(parts).encode()


def holder_bytes(public_key: str, holder: str) -> bytes:
    """The bytes with which the holder of a new key proves to have it."""
    return canonical_json((HOLDER_TAG, public_key, holder)).encode()


def sign_step(event: Event, key: SigningKey, log: str) -> Event:
    """The same step with the signature of this key, for this log."""
    signed_event = replace(event, facts={**event.facts, "signing_key": key.id, "log": log})
    signature = key.sign(step_bytes(signed_event))
    return replace(signed_event, facts={**signed_event.facts, "signature": signature})


def needs_signature(event: Event) -> bool:
    """Is this one of the steps that need a signature? Decisions of before divert are none."""
    return event.kind in SIGNED_KINDS and not (event.kind == "decision_made" and event.version == 1)


def signing_key_ids(event: Event) -> Iterable[str]:
    """The key that signs this step; none where nobody does."""
    key = event.facts.get("signing_key")
    return (str(key),) if key else ()
