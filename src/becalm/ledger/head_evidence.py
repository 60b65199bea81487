"""What signed heads show of a ledger: through which logs it went, whose keys signed, what they prove.

Where a head that was kept outside contradicts the ledger, it does not hold, whatever the ledger says of
itself. A log ends, and a new one takes its place, only by a statement that is kept outside (`log_ending`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from becalm.ledger import Checkpoint, signing
from becalm.ledger.chain import HASH, KIND, PREVIOUS, SEQ
from becalm.ledger.chain_check import Finding, Walk, facts_in
from becalm.ledger.log_ending import LOG_BEGUN, LogEnding
from becalm.ledger.signed_heads import is_head_signed, is_self_signed

IN_LEDGER: Final = "the ledger"  # the place of the heads that the ledger keeps itself


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint with the place that it was kept in: the ledger itself, or somewhere outside."""

    checkpoint: Checkpoint
    place: str
    is_outside: bool
    is_shared: bool = False  # in a folder into which others write: what is not signed there is set aside

    @property
    def size(self) -> int:
        """How many entries it speaks of."""
        return self.checkpoint.head.size


@dataclass(frozen=True, slots=True)
class Log:
    """One of the logs that the entries went through: its heads have `first_size` to `last_size` entries."""

    identity: str
    first_size: int
    last_size: int | None = None  # None: it goes on
    begun_at_seq: int | None = None  # the entry with which it begins; None for the first
    begun_hash: str = ""  # of that entry
    people: str = ""  # who asked for it and confirmed it, where entries were lost

    def is_size_of(self, size: int) -> bool:
        """May a head of this log have so many entries?"""
        return self.first_size <= size and (self.last_size is None or size <= self.last_size)


def read_logs(walk: Walk, identity: str) -> tuple[dict[str, Log], list[Finding]]:
    """The logs by their identity, oldest first; each but the first names the head of the one before."""
    logs, findings = [Log(identity, 0)], []
    for row in walk.rows_of_kind(LOG_BEGUN):
        facts, old_size = facts_in(row), row[SEQ] - 1
        named_head = tuple(facts.get(name) for name in ("old_ledger", "old_size", "old_root", "old_last"))
        own_head = (logs[-1].identity, old_size, walk.root_by_size[old_size], row[PREVIOUS])
        new_identity = str(facts.get("new_ledger", ""))
        if named_head == own_head and new_identity not in {"", *(log.identity for log in logs)}:
            people_text = " and ".join(
                str(facts[who]) for who in ("first_actor", "second_actor") if facts.get(who)
            )
            logs[-1] = replace(logs[-1], last_size=old_size)
            logs.append(Log(new_identity, row[SEQ], None, row[SEQ], row[HASH], people_text))
        else:
            description = (
                f"Entry {row[SEQ]} begins a new log, and does not name the head of the entries before it."
            )
            findings.append(Finding("rewritten", row[SEQ], description))
    return {log.identity: log for log in logs}, findings


def read_keys(walk: Walk, logs: Mapping[str, Log]) -> tuple[dict[str, str], list[Finding]]:
    """The public keys that the ledger names, by their id; the one before vouches for each but the first.

    The corrections of the clock are looked at on the way: the key of their time signed them.
    """
    key_by_id: dict[str, str] = {}
    time_findings = []
    current_id = ""
    for row in walk.proof_rows:
        row_facts = facts_in(row)
        identity = next(log.identity for log in logs.values() if log.is_size_of(row[SEQ]))
        if row[KIND] == "clock_corrected" and current_id:
            time_texts = (str(row_facts.get("old_time")), str(row_facts.get("new_time")))
            message, signature = (
                signing.clock_bytes(identity, row[PREVIOUS], *time_texts),
                str(row_facts.get("signature")),
            )
            if not signing.is_signed(message, signature=signature, public_key=key_by_id[current_id]):
                description = (
                    f"Entry {row[SEQ]} sets the clock right, and the key of the ledger did not sign it."
                )
                time_findings.append(Finding("sense", row[SEQ], description))
        if row[KIND] != "key_rotated":
            continue
        public_key, signature = (
            str(row_facts.get("new_public_key", "")),
            str(row_facts.get("old_signature", "")),
        )
        handover_message = signing.handover_bytes(identity, current_id, public_key)
        is_signed_by_old_key = not current_id or signing.is_signed(
            handover_message, signature=signature, public_key=key_by_id[current_id]
        )
        is_named = row_facts.get("old_key") == current_id and signing.is_key(
            public_key, str(row_facts.get("new_key"))
        )
        if is_named and is_signed_by_old_key:
            current_id = signing.key_id(public_key)
            key_by_id[current_id] = public_key
        else:
            description = "names a new signing key, but the key before it did not sign that."
            time_findings.append(Finding("key", row[SEQ], f"Entry {row[SEQ]} {description}"))
    return key_by_id, time_findings


def find_flaw(anchor: Anchor, logs: Mapping[str, Log], key_by_id: Mapping[str, str]) -> Finding | None:
    """Why a checkpoint says nothing about this ledger, if so.

    Whoever may write into the ledger or into a shared folder can put an unsigned head there: it proves
    nothing and contradicts nothing.
    """
    checkpoint = anchor.checkpoint
    anchor_label = f"The signed head of {anchor.size} entries in {anchor.place}"
    public_key = key_by_id.get(checkpoint.key_id)
    if public_key and not is_head_signed(checkpoint, public_key):
        return Finding("checkpoint", None, f"{anchor_label} was altered: its signature does not fit it.")
    if not public_key and anchor.place == IN_LEDGER:
        description = (
            f"{anchor_label} is signed with key {checkpoint.key_id[:16]}, which the ledger does not name."
        )
        return Finding("key", None, description)
    if not public_key and not is_self_signed(checkpoint):
        return Finding("checkpoint", None, f"{anchor_label} is not signed by the key that it names.")
    if checkpoint.ledger_id not in logs:
        identity = [*logs][-1]
        difference_text = f"is of ledger {checkpoint.ledger_id}, and this one is {identity}"
        is_contradiction = anchor.place != IN_LEDGER
        return Finding(
            "rewritten", 1, f"{anchor_label} {difference_text}: another took its place.", is_contradiction
        )
    return None


@dataclass(frozen=True, slots=True)
class HeadEvidence:
    """The heads that speak of this ledger: what they prove, and which of them do not agree with its rows."""

    proven_size: int
    proven_outside_size: int
    unequal_anchors: tuple[Anchor, ...]
    unsigned_anchors: tuple[Anchor, ...]  # they only contradict, for nobody known vouches for them
    unended_anchors: tuple[Anchor, ...]  # kept outside, of a log that another followed without a statement
    endings: tuple[LogEnding, ...]  # the statements that end the logs of such heads
    new_logs: tuple[Log, ...]  # every one but the first


def weigh_heads(
    walk: Walk,
    anchors: Sequence[Anchor],
    *,
    logs: Mapping[str, Log],
    key_by_id: Mapping[str, str],
    endings: Sequence[LogEnding],
    inside_endings: Sequence[LogEnding],
) -> HeadEvidence:
    """Which entries do these heads prove? Those whose key the ledger does not name prove nothing.

    Who rewrites a ledger may sign its heads again where he holds the key. So a head that contradicts ends
    what the others prove, and where it was kept elsewhere, those in the ledger prove nothing.
    """
    outside_endings = [
        matching_ending for matching_ending in endings if _is_ending_of(matching_ending, walk, logs)
    ]
    inside_endings = [
        matching_ending for matching_ending in inside_endings if _is_ending_of(matching_ending, walk, logs)
    ]
    agreeing_anchors, unequal_anchors, unended_anchors = [], [], []
    used_endings: dict[LogEnding, None] = {}
    for anchor in anchors:
        log = logs[anchor.checkpoint.ledger_id]
        candidate_endings = outside_endings if anchor.is_outside else [*outside_endings, *inside_endings]
        matching_ending = next((e for e in candidate_endings if e.ends_head(anchor.checkpoint)), None)
        if log.last_size is not None and anchor.place != IN_LEDGER:
            used_endings.update({matching_ending: None} if matching_ending else {})
            unended_anchors.extend([] if matching_ending else [anchor])
        if log.is_size_of(anchor.size) and walk.root_by_size.get(anchor.size) == anchor.checkpoint.head.root:
            agreeing_anchors.append(anchor)
        elif log.last_size is None or anchor.size <= log.last_size or not matching_ending:
            unequal_anchors.append(anchor)
    contradicting_anchors = [anchor for anchor in unequal_anchors if anchor.size in walk.root_by_size]
    first_bad_size = min((anchor.size for anchor in contradicting_anchors), default=walk.sound_size + 1)
    is_contradicted_elsewhere = any(anchor.place != IN_LEDGER for anchor in contradicting_anchors)
    unsigned_anchors = tuple(anchor for anchor in anchors if anchor.checkpoint.key_id not in key_by_id)
    proving_anchors = [
        anchor
        for anchor in agreeing_anchors
        if anchor not in unsigned_anchors
        and anchor.size < first_bad_size
        and (not is_contradicted_elsewhere or anchor.place != IN_LEDGER)
    ]
    return HeadEvidence(
        max((anchor.size for anchor in proving_anchors), default=0),
        max((anchor.size for anchor in proving_anchors if anchor.is_outside), default=0),
        tuple(unequal_anchors),
        unsigned_anchors,
        tuple(unended_anchors),
        tuple(used_endings),
        tuple(logs.values())[1:],
    )


def _is_ending_of(ending: LogEnding, walk: Walk, logs: Mapping[str, Log]) -> bool:
    """Does this statement name two logs of this ledger as they follow one another, with their heads?"""
    old_log, new_log = logs.get(ending.old_ledger), logs.get(ending.new_ledger)
    return (
        old_log is not None
        and new_log is not None
        and (old_log.last_size, new_log.first_size) == (ending.old_head.size, ending.new_head.size)
        and walk.root_by_size[ending.old_head.size] == ending.old_head.root
        and new_log.begun_hash == ending.new_head.last_hash
    )
