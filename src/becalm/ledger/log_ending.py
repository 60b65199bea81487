"""The end of a log, and the log that took its place: a statement that is kept outside, beside the old heads.

Nothing inside of a ledger can give up a head of it, for whoever rewrites a ledger can write that into it
too. So a ledger that was put back from a copy goes on as a **new log** with an identity of its own: its first
entry (`log_begun`) names the head of the old one. What ends the old log is this statement, signed by the key
that signed the old heads, and kept where they are kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from becalm.ledger import Checkpoint, Entry, Fact, Head, format_instant, parse_instant
from becalm.ledger.canonical_json import canonical_json
from becalm.ledger.signing import SigningKey, is_key, is_signed
from becalm.terms import InputError

ENDING_TAG: Final = "becalm.ending.1"
ENDING_SUFFIX: Final = ".ended.json"
LOG_BEGUN: Final = "log_begun"


@dataclass(frozen=True, slots=True)
class LogEnding:
    """Which log ended with which head, and which one took its place: with its head after its first entry."""

    old_ledger: str
    old_head: Head  # of the entries that stayed
    new_ledger: str
    new_head: Head
    lost_size: int  # entries that the old log is known to have had; those after the old head are lost
    made_at: datetime
    key_id: str
    public_key: str  # in hex
    signature: str = ""  # Ed25519 over the canonical bytes of all the rest, in hex

    @property
    def is_signed(self) -> bool:
        """Whether the key that it names signed it. Whose key it is, is not asked."""
        signed_bytes = canonical_json(_unsigned_fields(self)).encode()
        return is_key(self.public_key, self.key_id) and is_signed(
            signed_bytes, signature=self.signature, public_key=self.public_key
        )

    def ends_head(self, checkpoint: Checkpoint) -> bool:
        """Does this end the log of a signed head? Only the key that signed that head can say so.

        A head that was signed later than this statement shows that the old log went on: it is not ended.
        """
        is_of_old_log = (self.old_ledger, self.key_id) == (checkpoint.ledger_id, checkpoint.key_id)
        return is_of_old_log and checkpoint.made_at <= self.made_at and self.is_signed


def sign_ending(ending: LogEnding, signing_key: SigningKey) -> LogEnding:
    """The same statement, signed with this key."""
    unsigned_ending = replace(ending, key_id=signing_key.id, public_key=signing_key.public_key)
    signed_bytes = canonical_json(_unsigned_fields(unsigned_ending)).encode()
    return replace(unsigned_ending, signature=signing_key.sign(signed_bytes))


def format_ending(ending: LogEnding) -> str:
    """A statement as it is kept: one line of canonical JSON."""
    signature_fields = {"signature": ending.signature, "public_key": ending.public_key}
    return canonical_json({**_unsigned_fields(ending), **signature_fields}) + "\n"


def parse_ending(text: str, place: str) -> LogEnding | None:
    """The statement in this text; None where it is something else (an anchor, for one).

    Raises InputError where it calls itself a statement, and is none.
    """
    try:
        fields: Mapping[str, object] = json.loads(text)
        if not isinstance(fields, dict) or fields.get("format") != ENDING_TAG:
            return None
        text_by_field = {name: str(fields[name]) for name in ("key", "public_key", "signature", "made_at")}
        old_ledger, old_head = _parse_side(fields, "old")
        new_ledger, new_head = _parse_side(fields, "new")
        lost_size, made_at = int(str(fields["lost_size"])), parse_instant(text_by_field["made_at"])
        signature_fields = (text_by_field["key"], text_by_field["public_key"], text_by_field["signature"])
        return LogEnding(old_ledger, old_head, new_ledger, new_head, lost_size, made_at, *signature_fields)
    except (ValueError, KeyError) as error:
        if not text.lstrip().startswith("{") or ENDING_TAG not in text:
            return None
        raise InputError(
            f"{place} is no statement on the end of a log ({error!r}). Give the file that was kept "
            "beside the old head."
        ) from error


def ending_of(entry: Entry, *, new_head: Head, lost_size: int, made_at: datetime) -> LogEnding:
    """The unsigned statement that belongs to an entry `log_begun`, after which the ledger has `new_head`."""
    facts = entry.event.facts
    old_head = Head(int(str(facts["old_size"])), str(facts["old_root"]), str(facts["old_last"]))
    ledger_ids = (str(facts["old_ledger"]), str(facts["new_ledger"]))
    return LogEnding(ledger_ids[0], old_head, ledger_ids[1], new_head, lost_size, made_at, "", "")


def log_begun_facts(old_ledger: str, old_head: Head, new_ledger: str, **reasons: Fact) -> dict[str, Fact]:
    """The facts of the entry with which a new log begins behind this head of the old one.

    `reasons`: why (`reason`), and where entries are lost who asked for it and who confirmed it
    (`first_actor`, `second_actor`, `second_reason`, `lost_size`).
    """
    head_facts: dict[str, Fact] = {
        "old_size": old_head.size,
        "old_root": old_head.root,
        "old_last": old_head.last_hash,
    }
    return {"old_ledger": old_ledger, **head_facts, "new_ledger": new_ledger, **reasons}


def ending_name(ending: LogEnding) -> str:
    """What the file of a statement is named after its ledger: by both logs and the key that signed it."""
    return f"{ending.old_ledger[:8]}-{ending.new_ledger[:8]}-{ending.key_id[:8]}{ENDING_SUFFIX}"


def _parse_side(fields: Mapping[str, object], side: str) -> tuple[str, Head]:
    side_size = int(str(fields[f"{side}_size"]))
    return str(fields[f"{side}_ledger"]), Head(
        side_size, str(fields[f"{side}_root"]), str(fields[f"{side}_last"])
    )


def _unsigned_fields(ending: LogEnding) -> dict[str, str | int]:
    log_heads = (("old", ending.old_ledger, ending.old_head), ("new", ending.new_ledger, ending.new_head))
    fields: dict[str, str | int] = {"format": ENDING_TAG, "lost_size": ending.lost_size}
    for side, ledger, head in log_heads:
        sizes_and_hashes: dict[str, str | int] = {
            "ledger": ledger,
            "size": head.size,
            "root": head.root,
            "last": head.last_hash,
        }
        fields |= {f"{side}_{name}": value for name, value in sizes_and_hashes.items()}
    return {**fields, "made_at": format_instant(ending.made_at), "key": ending.key_id}
