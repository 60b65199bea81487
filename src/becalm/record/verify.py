"""Does the ledger hold, and if not: what was done to it, and which entry is the first bad one?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from becalm.record.chain import instant_text
from becalm.record.checkpoint import handover_bytes, is_signed, key_id, signed_bytes
from becalm.record.diagnose import diagnose
from becalm.record.verdict import IN_LEDGER, Anchor, Finding, Verdict
from becalm.record.walk import Rows, Walk, walk_rows
from becalm.tables.ledger import StoredRow, lost_name
from becalm.terms.event import Checkpoint, Head


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


@dataclass(frozen=True, slots=True)
class Restore:
    """An older copy that two people put in the ledger's place: `size` entries stayed of `lost_size`."""

    seq: int
    at: str
    size: int
    lost_size: int
    people: tuple[str, str]
    lost: tuple[str, ...]  # the heads that were given up, by name

    def accounts_for(self, point: Checkpoint) -> bool:
        """Was this head given up, by name or among the entries that were?"""
        two = len({person.strip().casefold() for person in self.people} - {""}) == 2
        between = self.size < point.head.size <= self.lost_size and instant_text(point.made_at) <= self.at
        return two and (between or lost_name(point.head) in self.lost)


def verify_ledger(copy: LedgerCopy) -> Verdict:
    """Does every entry hash to what it bears, follow the one before, and agree with every signed head?

    A chain alone shows neither that its end was cut off nor that all of it was written anew: only heads
    kept outside do, and `notes` says how far they reach.
    """
    anchors = sorted(copy.anchors, key=lambda anchor: (anchor.checkpoint.head.size, anchor.place))
    sizes = {a.checkpoint.head.size for a in anchors} | {head.size for head in copy.remembered}
    walk = walk_rows(copy.rows(), copy.identity, sizes)
    keys, key_findings = _keys(walk, copy.identity)
    restores = tuple(map(_restore, (row for row in walk.told if row[3] == "ledger_restored")))
    flawed = {a: f for a in anchors if (f := _flaw(a, copy.identity, keys)) is not None}
    fit = [a for a in anchors if a not in flawed or flawed[a].fate == "key"]
    agreeing = [a for a in fit if walk.roots.get(a.checkpoint.head.size) == a.checkpoint.head.root]
    unequal = [a for a in fit if a not in agreeing]
    proof = _proof([a for a in agreeing if a not in flawed], [a for a in unequal if _size(a) in walk.roots])
    proven = max(map(_size, proof), default=0)
    outside = max((_size(a) for a in proof if a.outside), default=0)
    findings = [*copy.amiss, *key_findings, *flawed.values()]
    if walk.broken is not None:
        findings.append(diagnose(walk, copy.rows(), identity=copy.identity, proven=proven))
    if walk.loose is not None:
        findings.append(_loose(walk.loose))
    bad = min((f.first for f in findings if f.first is not None), default=None)
    findings += _disagreements(walk, unequal, restores, proven=proven, bad=bad)
    findings += _lost_checkpoints(walk, anchors)
    findings += _unlike_remembered(walk, copy.remembered, restores, proven=proven, bad=bad)
    findings += _payload_findings(walk, copy.kept)
    findings.sort(key=lambda f: (f.first is None, f.first or 0))
    return Verdict(
        head=walk.head,
        size=walk.size,
        findings=tuple(findings),
        proven=proven,
        proven_outside=outside,
        anchors=tuple(anchors),
        notes=tuple(_notes(walk, anchors, restores, proven=proven, outside=outside)),
    )


def _proof(agreeing: Sequence[Anchor], contradicting: Sequence[Anchor]) -> tuple[Anchor, ...]:
    """The heads that prove entries: those that agree, as far as no other head contradicts them.

    Who rewrites a ledger may sign its heads anew where he holds the key, so where a head kept elsewhere
    contradicts, those in the ledger prove nothing.
    """
    least = min(map(_size, contradicting), default=None)
    elsewhere = any(a.place != IN_LEDGER for a in contradicting)
    return tuple(
        a for a in agreeing if (least is None or _size(a) < least) and (not elsewhere or a.place != IN_LEDGER)
    )


def _size(anchor: Anchor) -> int:
    return anchor.checkpoint.head.size


def _keys(walk: Walk, identity: str) -> tuple[dict[str, str], list[Finding]]:
    """The public keys that the ledger names, by their id; the one before vouches for each but the first."""
    keys: dict[str, str] = {}
    findings = []
    current = ""
    for row in (row for row in walk.told if row[3] == "key_rotated"):
        facts = _facts(row)
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


def _restore(row: StoredRow) -> Restore:
    facts = _facts(row)
    people = (str(facts.get("first_actor", "")), str(facts.get("second_actor", "")))
    size, lost_size = _whole(facts.get("size")), _whole(facts.get("lost_size"))
    lost = facts.get("anchors")
    return Restore(row[0], row[1], size, lost_size, people, tuple(lost) if isinstance(lost, list) else ())


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _facts(row: StoredRow) -> dict[str, Any]:
    """The facts of a row, none where they are no facts (which the walk has noticed)."""
    try:
        facts = json.loads(row[10])
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _flaw(anchor: Anchor, identity: str, keys: dict[str, str]) -> Finding | None:
    """Why a checkpoint says nothing about this ledger, if so."""
    point = anchor.checkpoint
    name = f"The signed head of {point.head.size} entries in {anchor.place}"
    if point.ledger != identity:
        what = f"{name} is of ledger {point.ledger}, and this one is {identity}: another took its place."
        return Finding("rewritten", 1, what)
    if point.key not in keys:
        what = f"{name} is signed with key {point.key[:16]}, which this ledger does not name."
        return Finding("key", None, what)
    if not is_signed(signed_bytes(point), signature=point.signature, public_key=keys[point.key]):
        return Finding("checkpoint", None, f"{name} was altered: its signature does not fit it.")
    return None


def _loose(seq: int) -> Finding:
    return Finding("altered", seq, f"The facts of entry {seq} are written as no ledger writes them.")


def _disagreements(
    walk: Walk, anchors: Sequence[Anchor], restores: Sequence[Restore], *, proven: int, bad: int | None
) -> Iterator[Finding]:
    """What the signed heads say that do not agree with the rows; once for each kind of disagreement.

    `bad` is the first entry of which it is known already that it does not hold.
    """
    longer = [a for a in anchors if a.checkpoint.head.size > walk.size and not _excuse(a, restores)]
    if longer:
        yield _shorter(walk, longer[-1], proven)
    for anchor in anchors:
        size = anchor.checkpoint.head.size
        if size in walk.roots and not _excuse(anchor, restores):
            yield Finding(
                "rewritten",
                bad if bad and bad <= size else min(proven + 1, size),
                f"The ledger was written anew: its first {size} entries are not those that were signed for "
                f"(kept in {anchor.place}). {_since(proven, size)}",
            )
            return


def _lost_checkpoints(walk: Walk, anchors: Sequence[Anchor]) -> Iterator[Finding]:
    """Signed heads that the ledger says it made, and does not keep."""
    held = {(a.checkpoint.head.size, a.checkpoint.head.root) for a in anchors if a.place == IN_LEDGER}
    for row in (row for row in walk.told if row[3] == "checkpoint_made"):
        facts = _facts(row)
        if (facts.get("size"), facts.get("root")) not in held:
            what = f"The signed head of {facts.get('size')} entries, made by entry {row[0]}, was taken out."
            yield Finding("checkpoint", None, what)


def _unlike_remembered(
    walk: Walk, remembered: Sequence[Head], restores: Sequence[Restore], *, proven: int, bad: int | None
) -> Iterator[Finding]:
    """What the ledger notes of itself, and does not hold."""
    for head in remembered:
        if any(lost_name(head) in restore.lost for restore in restores):
            continue
        if head.size > walk.size:
            what = f"The ledger notes of itself that it had {head.size} entries, and it has {walk.size}."
            yield Finding("shorter", walk.size + 1, what)
        elif head.size in walk.roots and not (
            head.root in ("", walk.roots[head.size]) and head.last in ("", walk.lasts[head.size])
        ):
            first = bad if bad and bad <= head.size else min(proven + 1, head.size)
            what = f"The first {head.size} entries are not those that the ledger notes of itself."
            yield Finding("rewritten", first, what)


def _since(proven: int, size: int) -> str:
    if proven >= size:
        return f"Yet another head agrees with the first {proven}."
    if proven:
        return (
            f"Entries 1 to {proven} are proven by a signed head; the first bad one is {proven + 1} to {size}."
        )
    return "No signed head agrees with any of them, so every entry from the first is in doubt."


def _shorter(walk: Walk, anchor: Anchor, proven: int) -> Finding:
    size = anchor.checkpoint.head.size
    missing = f"entry {size} is" if size == walk.size + 1 else f"entries {walk.size + 1} to {size} are"
    agrees = (
        f"Its first {proven} entries are those that were signed for"
        if proven
        else "No signed head reaches the entries that it still has"
    )
    return Finding(
        "shorter",
        walk.size + 1,
        f"The ledger has {walk.size} entries, but had {size} (signed head kept in {anchor.place}): {missing} "
        f"missing. {agrees}: it is an older copy, or its end was cut off.",
    )


def _excuse(anchor: Anchor, restores: Sequence[Restore]) -> Restore | None:
    """The restore, confirmed by two people, that accounts for a head of entries that are gone."""
    point = anchor.checkpoint
    return next((r for r in restores if r.accounts_for(point)), None)


def _payload_findings(walk: Walk, kept: Iterable[tuple[int, str]] | None) -> Iterator[Finding]:
    """Personal details that are not what was committed to, or are gone though nobody recorded an erasure."""
    if kept is None:
        return
    held = dict(kept)
    erased = {
        seq for row in walk.told if row[3] == "payload_erased" for seq in json.loads(row[10])["entries"]
    }
    for seq, commitment in walk.promised:
        if seq in held and held[seq] != commitment:
            yield Finding("payload", seq, f"The details beside entry {seq} are not those that were recorded.")
        elif seq in held and seq in erased:
            yield Finding("payload", seq, f"The details beside entry {seq} are there, though erased.")
        elif seq not in held and seq not in erased:
            yield Finding(
                "payload", seq, f"The details beside entry {seq} are gone, and no erasure is recorded."
            )
    promised = {seq for seq, _ in walk.promised}
    for seq in sorted(held.keys() - promised):
        if seq <= walk.sound:
            yield Finding("payload", seq, f"There are details beside entry {seq}, which recorded none.")


def _notes(
    walk: Walk, anchors: Sequence[Anchor], restores: Sequence[Restore], *, proven: int, outside: int
) -> Iterator[str]:
    """What this verification cannot show, in plain words."""
    for restore in restores:
        yield (
            f"An older copy was restored at entry {restore.seq}, confirmed by {restore.people[0]} and "
            f"{restore.people[1]}: entries {restore.size + 1} to {restore.lost_size} of before are lost."
        )
    if not any(anchor.outside for anchor in anchors):
        yield (
            "No head kept outside was compared. A chain alone cannot show that its end was cut off, or that "
            "its owner wrote all of it anew. Name places under [ledger] anchors, or give --anchor FILE."
        )
    elif outside < walk.sound:
        yield (
            f"Entries {outside + 1} to {walk.sound} are newer than every head kept outside that agrees: were "
            "they cut off or written anew, nothing would show it. Run `becalm record checkpoint`."
        )
    if proven < walk.sound and not anchors:
        yield "The ledger holds no signed head yet. Run `becalm record checkpoint`."
