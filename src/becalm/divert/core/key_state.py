"""Which keys may sign, and what proves who acts: two state tables, folded from events.

The folds refuse what is not in order, on every store: a key that one person published alone, a signature by a
key that is unknown, withdrawn, expired or somebody else's, one that was used before, and a step without any
signature where keys prove who acts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from becalm.divert.core.signatures import (
    SIGNED_KINDS,
    holder_bytes,
    needs_signature,
    signing_key_ids,
    step_bytes,
)
from becalm.ledger import Entry, Fold, Row, occurrence, parse_instant
from becalm.terms import CaseError, Fault, are_two_people

KEY_PUBLISHED: Final = "key_published"
MOST_KEY_DAYS: Final = 366
LEAST_KEYS: Final = 2  # with fewer nobody can vouch for another key, so that keys prove nothing
PROGRAMME: Final = "programme"  # the one row of the table of that name
KEY_FACTS: Final = ("holder", "public_key", "roles", "expires_on")


def _refuse(entry: Entry, problem: str, remedy: str) -> CaseError:
    fault = Fault(f"{entry.event.kind} by {entry.event.actor}", problem, remedy)
    return CaseError("The step is not allowed; nothing was recorded", (fault,))


def _key_row_keys(entry: Entry) -> Iterable[str]:
    ids = signing_key_ids(entry.event)
    return {str(entry.event.facts["key"]), *ids} if entry.event.kind == KEY_PUBLISHED else ids


def _step_key(key: str, row: Row | None, entry: Entry) -> Row:
    event = entry.event
    if event.kind == KEY_PUBLISHED and event.facts["key"] == key:
        if key in signing_key_ids(event):
            raise _refuse(entry, "no key vouches for itself", "sign with another key, or with none")
        step = _PUBLISHED.get(str(event.facts["stage"]))
        if step is None:
            raise _refuse(entry, "has an unknown stage", f"one of {', '.join(_PUBLISHED)}")
        return step(row, entry)
    return _use_key(row, entry)


def _propose_key(row: Row | None, entry: Entry) -> Row:
    from becalm.ledger.signing import is_key, is_signed

    facts = entry.event.facts
    public_key, holder = str(facts.get("public_key")), str(facts.get("holder"))
    if row is not None and row["state"] != "proposed":
        raise _refuse(entry, f"the key is {row['state']} already", "let the holder draw another one")
    has_valid_proof = is_signed(
        holder_bytes(public_key, holder), signature=str(facts.get("proof")), public_key=public_key
    )
    if not (has_valid_proof and is_key(public_key, str(facts["key"])) and facts.get("roles")):
        raise _refuse(
            entry, f"the card is not that of a key of {holder}", "ask the holder for the card again"
        )
    if not facts.get("expires_on"):
        raise _refuse(entry, "has no end", f"let it end within {MOST_KEY_DAYS} days")
    days = (date.fromisoformat(str(facts["expires_on"])) - entry.event.occurred_at.date()).days
    if not 0 < days <= MOST_KEY_DAYS:
        raise _refuse(entry, f"it would end in {days} days", f"let it end within {MOST_KEY_DAYS} days")
    return {
        **{name: facts[name] for name in ("key", *KEY_FACTS)},
        "state": "proposed",
        "proposed_by": entry.event.actor,
        "confirmed_by": "",
        "last_used_at": "",
    }


def _confirm_key(row: Row | None, entry: Entry) -> Row:
    facts, actor = entry.event.facts, entry.event.actor
    if row is None or row["state"] != "proposed":
        state = "unknown" if row is None else row["state"]
        raise _refuse(entry, f"the key is {state}", "let somebody propose it first")
    if any(row[name] != facts.get(name) for name in KEY_FACTS):
        raise _refuse(
            entry, "something else was proposed about this key", "agree on it, then propose it again"
        )
    if not are_two_people(str(row["proposed_by"]), actor):
        raise _refuse(entry, f"{actor} proposed this key", "let a second person confirm it")
    if not are_two_people(str(row["holder"]), actor):
        raise _refuse(entry, f"it is the key of {actor}", "let somebody else confirm it")
    return {**row, "state": "confirmed", "confirmed_by": actor}


def _withdraw_key(row: Row | None, entry: Entry) -> Row:
    """At once and by one person: a key that may be in wrong hands must not wait for a second."""
    if row is None or row["state"] == "withdrawn":
        raise _refuse(entry, "there is no such key in force", "look at the list: becalm divert keys")
    return {**row, "state": "withdrawn"}


_PUBLISHED: Final = {"proposed": _propose_key, "confirmed": _confirm_key, "withdrawn": _withdraw_key}


def _use_key(row: Row | None, entry: Entry) -> Row:
    """Refuse a signature that proves nothing; note when the key was used, so that none counts twice."""
    from becalm.ledger.signing import is_signed

    event = entry.event
    remedy = "sign with a key of your own that is in force: becalm divert keys"
    if row is None or row["state"] != "confirmed":
        state = "unknown" if row is None else str(row["state"])
        raise _refuse(entry, f"the key is {state}, so it signs for nobody", remedy)
    if date.fromisoformat(str(row["expires_on"])) <= max(entry.recorded_at, event.occurred_at).date():
        raise _refuse(entry, f"the key ended on {row['expires_on']}", remedy)
    if are_two_people(str(row["holder"]), event.actor):
        raise _refuse(entry, f"it is the key of {row['holder']}", remedy)
    roles = row["roles"]
    assert isinstance(roles, tuple)
    if event.role not in roles:
        raise _refuse(entry, f"the key is not for the role {event.role!r}", remedy)
    signature = str(event.facts.get("signature"))
    if not is_signed(step_bytes(event), signature=signature, public_key=str(row["public_key"])):
        raise _refuse(entry, "the signature is not over this step", remedy)
    last_used_text = str(row["last_used_at"])
    if last_used_text and event.occurred_at <= parse_instant(last_used_text):
        raise _refuse(entry, "a later step was signed with this key", "sign the step again, now")
    return {**row, "last_used_at": occurrence(entry)}


def _step_programme(_key: str, row: Row | None, entry: Entry) -> Row:
    before: Row = row or {"proof": "", "keys": (), "children": False}
    event, facts = entry.event, entry.event.facts
    is_signed = bool(facts.get("signature"))
    if before["proof"] == "signatures" and not is_signed and needs_signature(event):
        raise _refuse(entry, "is not signed, and signatures prove who acts", "give your own key: signing_key")
    if event.kind == "programme_activated":
        proof = ("signatures" if is_signed else "logins") if facts["mode"] == "live" else ""
        return {**before, "proof": proof, "children": bool(facts.get("children"))}
    if event.kind == KEY_PUBLISHED:
        return _count_key(before, entry, is_signed=is_signed)
    if event.kind == "person_nominated" and facts.get("child") and not before["children"]:
        raise _refuse(
            entry, "is about a child, and the route for children is off", "the rule must turn it on"
        )
    return before


def _count_key(before: Row, entry: Entry, *, is_signed: bool) -> Row:
    """The keys in force after this; with fewer than two, signatures prove nothing any more."""
    keys, facts = before["keys"], entry.event.facts
    assert isinstance(keys, tuple)
    if len(keys) >= LEAST_KEYS and facts["stage"] != "withdrawn" and not is_signed:
        raise _refuse(entry, "is not signed", "sign it with your own key: who has one vouches for the next")
    left_keys = tuple(key for key in keys if key != facts["key"])
    new_keys = (*left_keys, facts["key"]) if facts["stage"] == "confirmed" else left_keys
    is_broken = before["proof"] == "signatures" and len(new_keys) < LEAST_KEYS
    return {**before, "proof": "" if is_broken else before["proof"], "keys": new_keys}


KEY_FOLDS: Final = (
    Fold("signing_key", 1, (KEY_PUBLISHED, *SIGNED_KINDS), _key_row_keys, _step_key),
    Fold("programme", 1, (KEY_PUBLISHED, *SIGNED_KINDS), lambda _entry: (PROGRAMME,), _step_programme),
)
