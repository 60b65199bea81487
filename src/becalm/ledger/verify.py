"""Does the ledger hold, and if not: what was done to it, and which entry is the first bad one?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from becalm.ledger.anchored import (
    Heads,
    disagreements,
    lost_checkpoints,
    unknown_keys,
    unlike_remembered,
    weigh_heads,
)
from becalm.ledger.checkpoint import handover_bytes, is_signed, key_id, signed_bytes
from becalm.ledger.diagnose import diagnose
from becalm.ledger.event import Head
from becalm.ledger.verdict import Anchor, Finding, Verdict
from becalm.ledger.walk import Rows, Walk, facts_of, walk_rows


@dataclass(frozen=True, slots=True)
class LedgerCopy:
    """A ledger as it lies there: what a verification reads. `rows` can be read more than once.

    `kept` is what each payload that is still there hashes to with its salt (None: not looked at).
    """

    identity: str
    rows: Rows
    anchors: Sequence[Anchor]  # those kept in the ledger and those kept outside of it
    kept: Iterable[tuple[int, str]] | None = None
    remembered: Sequence[Head] = ()  # the heads that the ledger notes of itself, unsigned
    amiss: Sequence[Finding] = ()  # what was found on reading it
    remarks: Sequence[str] = ()  # what the reader should know


def verify_ledger(copy: LedgerCopy) -> Verdict:
    """Does every entry hash to what it bears, follow the one before, and agree with every signed head?

    A chain alone shows neither that its end was cut off nor that all of it was written anew: only heads
    kept outside do, and `notes` says how far they reach.
    """
    anchors = sorted(copy.anchors, key=lambda anchor: (anchor.size, anchor.place))
    sizes = {anchor.size for anchor in anchors} | {head.size for head in copy.remembered}
    walk = walk_rows(copy.rows(), copy.identity, sizes)
    keys, key_findings = _keys(walk, copy.identity)
    flawed = {a: flaw for a in anchors if (flaw := _flaw(a, copy.identity, keys)) is not None}
    fit = [a for a in anchors if a not in flawed]
    heads = weigh_heads(walk, fit, unsigned=[a for a in fit if a.checkpoint.key not in keys])
    findings = [*copy.amiss, *key_findings, *flawed.values(), *unknown_keys(walk, heads)]
    findings += _broken(walk, copy, heads)
    bad = min((f.first for f in findings if f.first is not None), default=None)
    findings += disagreements(walk, heads, bad=bad)
    findings += lost_checkpoints(walk, anchors)
    findings += unlike_remembered(walk, copy.remembered, heads, bad=bad)
    findings += _payload_findings(walk, copy.kept)
    return Verdict(
        head=walk.head,
        size=walk.size,
        findings=tuple(sorted(dict.fromkeys(findings), key=lambda f: (f.first is None, f.first or 0))),
        proven=heads.proven,
        proven_outside=heads.proven_outside,
        anchors=tuple(anchors),
        notes=(*copy.remarks, *_notes(walk, anchors, heads)),
    )


def _broken(walk: Walk, copy: LedgerCopy, heads: Heads) -> Iterator[Finding]:
    """What the rows alone show."""
    if walk.broken is not None:
        yield diagnose(walk, copy.rows(), identity=copy.identity, proven=heads.proven)
    if walk.loose is not None:
        what = f"The facts of entry {walk.loose} are written as no ledger writes them."
        yield Finding("altered", walk.loose, what)


def _keys(walk: Walk, identity: str) -> tuple[dict[str, str], list[Finding]]:
    """The public keys that the ledger names, by their id; the one before vouches for each but the first."""
    keys: dict[str, str] = {}
    findings = []
    current = ""
    for row in (row for row in walk.told if row[3] == "key_rotated"):
        facts = facts_of(row)
        public, signature = str(facts.get("new_public_key", "")), str(facts.get("old_signature", ""))
        message = handover_bytes(identity, current, public)
        vouched = not current or is_signed(message, signature=signature, public_key=keys[current])
        if not _is_key(public, str(facts.get("new_key"))) or facts.get("old_key") != current or not vouched:
            what = f"Entry {row[0]} names a new signing key, but the key before it did not sign that."
            findings.append(Finding("key", row[0], what))
            continue
        current = key_id(public)
        keys[current] = public
    return keys, findings


def _is_key(public: str, known_as: str) -> bool:
    try:
        return key_id(public) == known_as
    except ValueError:
        return False


def _flaw(anchor: Anchor, identity: str, keys: dict[str, str]) -> Finding | None:
    """Why a checkpoint says nothing about this ledger, if so."""
    point = anchor.checkpoint
    name = f"The signed head of {point.head.size} entries in {anchor.place}"
    if point.ledger != identity:
        what = f"{name} is of ledger {point.ledger}, and this one is {identity}: another took its place."
        return Finding("rewritten", 1, what)
    known = keys.get(point.key)
    if known and not is_signed(signed_bytes(point), signature=point.signature, public_key=known):
        return Finding("checkpoint", None, f"{name} was altered: its signature does not fit it.")
    return None


def _payload_findings(walk: Walk, kept: Iterable[tuple[int, str]] | None) -> Iterator[Finding]:
    """Personal details that are not what was committed to, or are gone though nobody recorded an erasure."""
    if kept is None:
        return
    held, promised = dict(kept), dict(walk.promised)
    erasures = [facts_of(row).get("entries") for row in walk.told if row[3] == "payload_erased"]
    erased = {seq for seqs in erasures if isinstance(seqs, list) for seq in seqs}
    for seq, commitment in promised.items():
        if seq in held and held[seq] != commitment:
            yield Finding("payload", seq, f"The details beside entry {seq} are not those that were recorded.")
        elif (seq in held) == (seq in erased):
            state = "there, though erased" if seq in held else "gone, and no erasure is recorded"
            yield Finding("payload", seq, f"The details beside entry {seq} are {state}.")
    for seq in sorted(held.keys() - promised.keys()):
        if seq <= walk.sound:
            yield Finding("payload", seq, f"There are details beside entry {seq}, which recorded none.")


def _notes(walk: Walk, anchors: Sequence[Anchor], heads: Heads) -> Iterator[str]:
    """What this verification cannot show, in plain words."""
    for restore in heads.restores:
        yield (
            f"An older copy was restored at entry {restore.seq}, confirmed by {restore.people[0]} and "
            f"{restore.people[1]}: entries {restore.size + 1} to {restore.lost_size} of before are lost."
        )
    if not any(anchor.outside for anchor in anchors):
        yield (
            "No head kept outside was compared. A chain alone cannot show that its end was cut off, or that "
            "its owner wrote all of it anew. Name places under [ledger] anchors, or give --anchor FILE."
        )
    elif heads.proven_outside < walk.sound:
        yield (
            f"Entries {heads.proven_outside + 1} to {walk.sound} are newer than every head kept outside that "
            "agrees: were they cut off or written anew, nothing would show it. "
            "Run `becalm record checkpoint`."
        )
    if not anchors:
        yield "The ledger holds no signed head yet. Run `becalm record checkpoint`."
