"""People's own keys: drawn by their holders, published by two people, withdrawn by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from becalm.desk import Desk, make_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import ROLES, may, step_refusal
from becalm.divert.core.request import KeysRequest
from becalm.divert.core.signatures import holder_bytes
from becalm.divert.desk.context import identify, require_role, sign_event
from becalm.ledger import EventToAppend, Fact, Row
from becalm.ledger.signing import draw_key, key_id, write_key
from becalm.terms import UsageError, are_two_people, suggest_word


@dataclass(frozen=True, slots=True)
class KeysAnswer:
    """The keys that were published; the card of a new one, or what was recorded about one."""

    keys: tuple[Row, ...]
    card: str = ""
    stage: str = ""
    key: str = ""


def show_keys(desk: Desk, request: KeysRequest) -> KeysAnswer:
    """Which keys may sign? Or draw one, publish one as one of two people, withdraw one.

    Raises UsageError where more than one of these is asked for, or a card is none.
    """
    asked_count = sum(value is not None for value in (request.draw, request.publish, request.withdraw))
    if asked_count > 1:
        raise UsageError("Ask for one thing at a time: `draw`, `publish` or `withdraw`.")
    if request.draw is not None:
        desk = identify(desk)
        return KeysAnswer((), card=_draw(Path(request.draw), request.holder or desk.actor))
    if request.publish is not None:
        return _publish(require_role(desk, "publish_key"), request, request.publish)
    if request.withdraw is not None:
        return _withdraw(identify(desk), request, request.withdraw)
    return KeysAnswer(_key_rows(require_role(desk, "keys")))


def _key_rows(desk: Desk) -> tuple[Row, ...]:
    return desk.open_ledger().state_rows("signing_key")


def _draw(path: Path, holder: str) -> str:
    """Write a new key where there is none, and say its card: the public half, and proof that it is held."""
    if path.exists():
        raise step_refusal("draw", f"{path} is there already", "name a new file; a key is never written over")
    key = draw_key()
    write_key(path, key)
    return f"{key.public_key}.{key.sign(holder_bytes(key.public_key, holder))}"


def _publish(desk: Desk, request: KeysRequest, card: str) -> KeysAnswer:
    public_key, _, proof = card.strip().partition(".")
    if len(public_key) != 64 or len(proof) != 128 or set(card.strip()) - set("0123456789abcdef."):
        raise UsageError("`publish` is no card. Take it whole from what `becalm divert keys --draw` printed.")
    if not request.key_role or request.expires_on is None:
        raise UsageError("Say in which `key_role` it signs, and when it ends: `expires_on`.")
    if unknown_roles := [role for role in request.key_role if role not in ROLES]:
        raise step_refusal(
            "key_role", f"{unknown_roles[0]!r} is no role", suggest_word(unknown_roles[0], ROLES)
        )
    holder, key = request.holder or desk.actor, key_id(public_key)
    row = next((row for row in _key_rows(desk) if row["key"] == key), None)
    is_proposed = row is not None and row["state"] == "proposed"
    is_second = is_proposed and row is not None and are_two_people(str(row["proposed_by"]), desk.actor)
    facts: dict[str, Fact] = {
        "key": key,
        "holder": holder,
        "public_key": public_key,
        "proof": proof,
        "roles": tuple(sorted(set(request.key_role))),
        "expires_on": request.expires_on.isoformat(),
    }
    return _record(desk, request, facts, "confirmed" if is_second else "proposed")


def _withdraw(desk: Desk, request: KeysRequest, name: str) -> KeysAnswer:
    rows = [row for row in _key_rows(desk) if name and str(row["key"]).startswith(name)]
    if len(rows) != 1:
        raise step_refusal(
            "withdraw", f"{name!r} names {len(rows)} keys", "look at the list: becalm divert keys"
        )
    if not may(desk.role, "publish_key") and are_two_people(str(rows[0]["holder"]), desk.actor):
        desk = require_role(desk, "publish_key")
    return _record(desk, request, {"key": rows[0]["key"]}, "withdrawn")


def _record(desk: Desk, request: KeysRequest, facts: dict[str, Fact], stage: str) -> KeysAnswer:
    event = make_event(desk, kinds.KEY, purpose="decision", facts={**facts, "stage": stage})
    desk.open_ledger().append([EventToAppend(sign_event(desk, event, request.signing_key))])
    return KeysAnswer(_key_rows(desk), stage=stage, key=str(facts["key"]))
