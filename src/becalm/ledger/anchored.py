"""What do the signed heads say about the rows: which entries do they prove, and where do they contradict?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from becalm.ledger.chain import instant_text
from becalm.ledger.event import Checkpoint, Head
from becalm.ledger.protocol import StoredRow, lost_name
from becalm.ledger.verdict import IN_LEDGER, Anchor, Finding
from becalm.ledger.walk import Walk, facts_of


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


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads that speak of this ledger: what they prove, and which of them do not agree with its rows."""

    proven: int
    proven_outside: int
    unequal: tuple[Anchor, ...]  # and not given up in a restore
    unsigned: tuple[Anchor, ...]  # likewise; they only contradict, for nobody known vouches for them
    restores: tuple[Restore, ...]


def weigh_heads(walk: Walk, anchors: Sequence[Anchor], *, unsigned: Sequence[Anchor]) -> Heads:
    """Which entries do these heads prove? `unsigned` are those of a key that the ledger does not name.

    Who rewrites a ledger may sign its heads anew where he holds the key. So a head that contradicts ends what
    the others prove, and where it was kept elsewhere, those in the ledger prove nothing.
    """
    restores = tuple(_restore(row) for row in walk.told if row[3] == "ledger_restored")
    agreeing = [a for a in anchors if walk.roots.get(a.size) == a.checkpoint.head.root]
    standing = [a for a in anchors if not any(r.accounts_for(a.checkpoint) for r in restores)]
    unequal = tuple(a for a in standing if a not in agreeing)
    contradicting = [a for a in unequal if a.size in walk.roots]
    least = min((a.size for a in contradicting), default=walk.sound + 1)
    elsewhere = any(a.place != IN_LEDGER for a in contradicting)
    proof = [
        a
        for a in agreeing
        if a not in unsigned and a.size < least and (not elsewhere or a.place != IN_LEDGER)
    ]
    proven = max((a.size for a in proof), default=0)
    outside = max((a.size for a in proof if a.outside), default=0)
    return Heads(proven, outside, unequal, tuple(a for a in standing if a in unsigned), restores)


def unknown_keys(walk: Walk, heads: Heads) -> Iterator[Finding]:
    """Heads that somebody else signed. Of one beyond the sound rows, the entry with its key may be lost."""
    for anchor in heads.unsigned:
        if anchor.size <= walk.sound:
            what = (
                f"The signed head of {anchor.size} entries in {anchor.place} is signed with key "
                f"{anchor.checkpoint.key[:16]}, which this ledger does not name."
            )
            yield Finding("key", None, what)


def disagreements(walk: Walk, heads: Heads, *, bad: int | None) -> Iterator[Finding]:
    """What the signed heads say that do not agree with the rows; once for each kind of disagreement.

    `bad` is the first entry of which it is known already that it does not hold.
    """
    longer = [a for a in heads.unequal if a.size > walk.size]
    if longer:
        yield _shorter(walk, longer[-1], heads.proven)
    anchor = next((a for a in heads.unequal if a.size in walk.roots), None)
    if anchor is not None:
        yield Finding(
            "rewritten",
            _first_of(anchor.size, heads.proven, bad),
            f"The ledger was written anew: its first {anchor.size} entries are not those that were signed "
            f"for (kept in {anchor.place}). {_since(heads.proven, anchor.size)}",
        )


def _first_of(size: int, proven: int, bad: int | None) -> int:
    """Which is the first bad entry, where the first `size` are not those that they were?"""
    return bad if bad is not None and bad <= size else min(proven + 1, size)


def lost_checkpoints(walk: Walk, anchors: Sequence[Anchor]) -> Iterator[Finding]:
    """Signed heads that the ledger says it made, and does not keep."""
    held = {(a.checkpoint.head.size, a.checkpoint.head.root) for a in anchors if a.place == IN_LEDGER}
    for row in (row for row in walk.told if row[3] == "checkpoint_made"):
        facts = facts_of(row)
        if (facts.get("size"), facts.get("root")) not in held:
            what = f"The signed head of {facts.get('size')} entries, made by entry {row[0]}, was taken out."
            yield Finding("checkpoint", None, what)


def unlike_remembered(
    walk: Walk, remembered: Sequence[Head], heads: Heads, *, bad: int | None
) -> Iterator[Finding]:
    """What the ledger notes of itself, and does not hold."""
    for head in remembered:
        if any(lost_name(head) in restore.lost for restore in heads.restores):
            continue
        if head.size > walk.size:
            what = f"The ledger notes of itself that it had {head.size} entries, and it has {walk.size}."
            yield Finding("shorter", walk.size + 1, what)
        elif head.size in walk.roots and not (
            head.root in ("", walk.roots[head.size]) and head.last in ("", walk.lasts[head.size])
        ):
            first = _first_of(head.size, heads.proven, bad)
            what = f"The first {head.size} entries are not those that the ledger notes of itself."
            yield Finding("rewritten", first, what)


def _since(proven: int, size: int) -> str:
    if proven:
        return (
            f"Entries 1 to {proven} are proven by a signed head; the first bad one is {proven + 1} to {size}."
        )
    return "No signed head agrees with any of them, so every entry from the first is in doubt."


def _shorter(walk: Walk, anchor: Anchor, proven: int) -> Finding:
    size = anchor.size
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


def _restore(row: StoredRow) -> Restore:
    facts = facts_of(row)
    people = (str(facts.get("first_actor", "")), str(facts.get("second_actor", "")))
    size, lost_size = _whole(facts.get("size")), _whole(facts.get("lost_size"))
    lost = facts.get("anchors")
    return Restore(row[0], row[1], size, lost_size, people, tuple(lost) if isinstance(lost, list) else ())


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
