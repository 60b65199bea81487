"""Does the ledger hold, as far as its chain and signed heads show, and which entry is the first bad one?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from becalm.ledger import Checkpoint, Head, head_name
from becalm.ledger.chain import RECORDED_AT, SEQ, StoredRow, format_instant
from becalm.ledger.chain_check import Finding, RowSource, Walk, diagnose, facts_in, walk_rows
from becalm.ledger.signing import handover_bytes, is_signed, key_id, signed_bytes

IN_LEDGER: Final = "the ledger"  # the place of the heads that the ledger keeps itself


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint with the place that it was kept in: the ledger itself, or somewhere outside."""

    checkpoint: Checkpoint
    place: str
    is_outside: bool

    @property
    def size(self) -> int:
        """How many entries it speaks of."""
        return self.checkpoint.head.size


@dataclass(frozen=True, slots=True)
class LedgerCopy:
    """A ledger as it lies there: what a verification reads."""

    identity: str
    rows: RowSource
    anchors: Sequence[Anchor]  # those kept in the ledger and those kept outside of it
    payload_commitments: Iterable[tuple[int, str]] | None = None  # as the payloads give them; None: not read
    noted_heads: Sequence[Head] = ()  # those that the ledger notes of itself, unsigned
    findings: Sequence[Finding] = ()  # what was wrong already on reading it
    remarks: Sequence[str] = ()  # what the reader should know


@dataclass(frozen=True, slots=True)
class Verdict:
    """Does the ledger hold? Its head, computed anew, what is wrong with it, and what was not shown."""

    head: Head  # of the entries that are sound: all of them, or those before the first broken one
    size: int  # entries that there are
    findings: tuple[Finding, ...]
    proven_size: int  # entries 1 to this one agree with a signed head
    proven_outside_size: int  # entries 1 to this one agree with a head kept outside of the ledger
    anchors: tuple[Anchor, ...]  # every one that was compared
    notes: tuple[str, ...]  # what this verification cannot show

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.findings

    @property
    def first_bad(self) -> int | None:
        """The first entry that does not hold, where one can be named."""
        return _first_bad(self.findings)


def verify_ledger(copy: LedgerCopy) -> Verdict:
    """Does every entry hash to what it bears, follow the one before, and agree with every signed head?

    A chain alone shows neither that its end was cut off nor that all of it was written anew: only heads
    kept outside do, and `notes` says how far they reach.
    """
    anchors = sorted(copy.anchors, key=lambda anchor: (anchor.size, anchor.place))
    compared_sizes = {anchor.size for anchor in anchors} | {head.size for head in copy.noted_heads}
    walk = walk_rows(copy.rows(), copy.identity, compared_sizes)
    key_by_id, key_findings = _read_keys(walk, copy.identity)
    flaw_by_anchor = {
        a: flaw_finding
        for a in anchors
        if (flaw_finding := _find_flaw(a, copy.identity, key_by_id)) is not None
    }
    sound_anchors = [anchor for anchor in anchors if anchor not in flaw_by_anchor]
    unsigned_anchors = [anchor for anchor in sound_anchors if anchor.checkpoint.key_id not in key_by_id]
    evidence = weigh_heads(walk, sound_anchors, unsigned_anchors=unsigned_anchors)
    findings = [*copy.findings, *key_findings, *flaw_by_anchor.values(), *_unknown_keys(walk, evidence)]
    findings += _broken_rows(walk, copy, evidence)
    first_bad = _first_bad(findings)
    findings += _disagreements(walk, evidence, first_bad)
    findings += _lost_checkpoints(walk, anchors)
    findings += _unlike_notes(walk, copy.noted_heads, evidence, first_bad)
    findings += _payload_findings(walk, copy.payload_commitments)
    findings = sorted(dict.fromkeys(findings), key=lambda f: (f.first_seq is None, f.first_seq or 0))
    return Verdict(
        head=walk.head,
        size=walk.size,
        findings=tuple(findings),
        proven_size=evidence.proven_size,
        proven_outside_size=evidence.proven_outside_size,
        anchors=tuple(anchors),
        notes=(*copy.remarks, *_notes(walk, anchors, evidence)),
    )


def _first_bad(findings: Iterable[Finding]) -> int | None:
    return min((finding.first_seq for finding in findings if finding.first_seq is not None), default=None)


def _broken_rows(walk: Walk, copy: LedgerCopy, evidence: HeadEvidence) -> Iterator[Finding]:
    """What the rows alone show."""
    if walk.broken_row is not None:
        yield diagnose(walk, copy.rows(), identity=copy.identity, proven_size=evidence.proven_size)
    if walk.loose_seq is not None:
        description = f"The facts of entry {walk.loose_seq} are written as no ledger writes them."
        yield Finding("altered", walk.loose_seq, description)


def _read_keys(walk: Walk, identity: str) -> tuple[dict[str, str], list[Finding]]:
    """The public keys that the ledger names, by their id; the one before vouches for each but the first."""
    key_by_id: dict[str, str] = {}
    findings = []
    current_id = ""
    for row in walk.rows_of_kind("key_rotated"):
        facts = facts_in(row)
        public_key, signature = str(facts.get("new_public_key", "")), str(facts.get("old_signature", ""))
        handover_message = handover_bytes(identity, current_id, public_key)
        is_signed_by_old_key = not current_id or is_signed(
            handover_message, signature=signature, public_key=key_by_id[current_id]
        )
        try:
            is_named = key_id(public_key) == facts.get("new_key") and facts.get("old_key") == current_id
        except ValueError:
            is_named = False
        if is_named and is_signed_by_old_key:
            current_id = key_id(public_key)
            key_by_id[current_id] = public_key
        else:
            description = "names a new signing key, but the key before it did not sign that."
            findings.append(Finding("key", row[SEQ], f"Entry {row[SEQ]} {description}"))
    return key_by_id, findings


def _find_flaw(anchor: Anchor, identity: str, key_by_id: dict[str, str]) -> Finding | None:
    """Why a checkpoint says nothing about this ledger, if so."""
    checkpoint = anchor.checkpoint
    anchor_label = f"The signed head of {anchor.size} entries in {anchor.place}"
    if checkpoint.ledger_id != identity:
        difference = f"is of ledger {checkpoint.ledger_id}, and this one is {identity}"
        return Finding("rewritten", 1, f"{anchor_label} {difference}: another took its place.")
    public_key, signature = key_by_id.get(checkpoint.key_id), checkpoint.signature
    if public_key and not is_signed(signed_bytes(checkpoint), signature=signature, public_key=public_key):
        return Finding("checkpoint", None, f"{anchor_label} was altered: its signature does not fit it.")
    return None


@dataclass(frozen=True, slots=True)
class Restore:
    """An older copy that two people put in the ledger's place: `size` entries stayed of `lost_size`."""

    seq: int
    recorded_at: str
    size: int
    lost_size: int
    people: tuple[str, str]
    head_names: tuple[str, ...]  # of the heads that were given up

    @classmethod
    def from_row(cls, row: StoredRow) -> Restore:
        """What an entry of kind `ledger_restored` says, as far as it can be read."""
        facts = facts_in(row)
        actor_names = (str(facts.get("first_actor", "")), str(facts.get("second_actor", "")))
        size, lost_size = (v if isinstance(v := facts.get(n), int) else 0 for n in ("size", "lost_size"))
        lost_head_names = facts.get("anchors")
        head_names = tuple(lost_head_names) if isinstance(lost_head_names, list) else ()
        return cls(row[SEQ], row[RECORDED_AT], size, lost_size, actor_names, head_names)

    def gives_up(self, checkpoint: Checkpoint) -> bool:
        """Was this head given up, by name or among the entries that were?"""
        has_two_people = len({person.strip().casefold() for person in self.people} - {""}) == 2
        head_size, made_at = checkpoint.head.size, format_instant(checkpoint.made_at)
        is_size_between = self.size < head_size <= self.lost_size and made_at <= self.recorded_at
        return has_two_people and (is_size_between or head_name(checkpoint.head) in self.head_names)


@dataclass(frozen=True, slots=True)
class HeadEvidence:
    """The heads that speak of this ledger: what they prove, and which of them do not agree with its rows."""

    proven_size: int
    proven_outside_size: int
    unequal_anchors: tuple[Anchor, ...]  # and not given up in a restore
    unsigned_anchors: tuple[Anchor, ...]  # likewise; they only contradict, for nobody known vouches for them
    restores: tuple[Restore, ...]


def weigh_heads(walk: Walk, anchors: Sequence[Anchor], *, unsigned_anchors: Sequence[Anchor]) -> HeadEvidence:
    """Which entries do these heads prove? The ledger does not name the keys of `unsigned_anchors`.

    Who rewrites a ledger may sign its heads anew where he holds the key. So a head that contradicts ends what
    the others prove, and where it was kept elsewhere, those in the ledger prove nothing.
    """
    restores = tuple(map(Restore.from_row, walk.rows_of_kind("ledger_restored")))
    agreeing_anchors = [a for a in anchors if walk.root_by_size.get(a.size) == a.checkpoint.head.root]
    valid_anchors = [a for a in anchors if not any(restore.gives_up(a.checkpoint) for restore in restores)]
    unequal_anchors = tuple(anchor for anchor in valid_anchors if anchor not in agreeing_anchors)
    contradicting_anchors = [anchor for anchor in unequal_anchors if anchor.size in walk.root_by_size]
    first_bad_size = min((anchor.size for anchor in contradicting_anchors), default=walk.sound_size + 1)
    is_contradicted_elsewhere = any(anchor.place != IN_LEDGER for anchor in contradicting_anchors)
    proving_anchors = [
        anchor
        for anchor in agreeing_anchors
        if anchor not in unsigned_anchors
        and anchor.size < first_bad_size
        and (not is_contradicted_elsewhere or anchor.place != IN_LEDGER)
    ]
    proven_size = max((anchor.size for anchor in proving_anchors), default=0)
    proven_outside_size = max((anchor.size for anchor in proving_anchors if anchor.is_outside), default=0)
    valid_unsigned = tuple(anchor for anchor in valid_anchors if anchor in unsigned_anchors)
    return HeadEvidence(proven_size, proven_outside_size, unequal_anchors, valid_unsigned, restores)


def _unknown_keys(walk: Walk, evidence: HeadEvidence) -> Iterator[Finding]:
    """Heads that somebody else signed. Of one beyond the sound rows, the entry with its key may be lost."""
    for anchor in evidence.unsigned_anchors:
        if anchor.size <= walk.sound_size:
            description = (
                f"The signed head of {anchor.size} entries in {anchor.place} is signed with key "
                f"{anchor.checkpoint.key_id[:16]}, which this ledger does not name."
            )
            yield Finding("key", None, description)


def _disagreements(walk: Walk, evidence: HeadEvidence, first_bad: int | None) -> Iterator[Finding]:
    """What the signed heads say that do not agree with the rows; once for each kind of disagreement."""
    longer_anchors = [anchor for anchor in evidence.unequal_anchors if anchor.size > walk.size]
    if longer_anchors:
        yield _cut_off(walk, longer_anchors[-1], evidence.proven_size)
    anchor = next((anchor for anchor in evidence.unequal_anchors if anchor.size in walk.root_by_size), None)
    if anchor is not None:
        proof_text = (
            f"Entries 1 to {evidence.proven_size} are proven by a signed head; the first bad one is "
            f"{evidence.proven_size + 1} to {anchor.size}."
            if evidence.proven_size
            else "No signed head agrees with any of them, so every entry from the first is in doubt."
        )
        yield Finding(
            "rewritten",
            _first_rewritten(anchor.size, evidence.proven_size, first_bad),
            f"The ledger was written anew: its first {anchor.size} entries are not those that were signed "
            f"for (kept in {anchor.place}). {proof_text}",
        )


def _first_rewritten(head_size: int, proven_size: int, first_bad: int | None) -> int:
    """Which is the first bad entry, where the first `head_size` are not those that they were?"""
    return first_bad if first_bad is not None and first_bad <= head_size else min(proven_size + 1, head_size)


def _cut_off(walk: Walk, anchor: Anchor, proven_size: int) -> Finding:
    signed_size = anchor.size
    missing = (
        f"entry {signed_size} is"
        if signed_size == walk.size + 1
        else f"entries {walk.size + 1} to {signed_size} are"
    )
    proof_text = (
        f"Its first {proven_size} entries are those that were signed for"
        if proven_size
        else "No signed head reaches the entries that it still has"
    )
    return Finding(
        "shorter",
        walk.size + 1,
        f"The ledger has {walk.size} entries, but had {signed_size} (signed head kept in {anchor.place}): "
        f"{missing} missing. {proof_text}: it is an older copy, or its end was cut off.",
    )


def _lost_checkpoints(walk: Walk, anchors: Sequence[Anchor]) -> Iterator[Finding]:
    """Signed heads that the ledger says it made, and does not keep."""
    size_roots = {
        (anchor.size, anchor.checkpoint.head.root) for anchor in anchors if anchor.place == IN_LEDGER
    }
    for row in walk.rows_of_kind("checkpoint_made"):
        facts = facts_in(row)
        if (facts.get("size"), facts.get("root")) not in size_roots:
            head_label = f"The signed head of {facts.get('size')} entries, made by entry {row[SEQ]},"
            yield Finding("checkpoint", None, f"{head_label} was taken out.")


def _unlike_notes(
    walk: Walk, noted_heads: Sequence[Head], evidence: HeadEvidence, first_bad: int | None
) -> Iterator[Finding]:
    """What the ledger notes of itself, and does not hold."""
    for noted_head in noted_heads:
        if any(head_name(noted_head) in restore.head_names for restore in evidence.restores):
            continue
        if noted_head.size > walk.size:
            note = f"The ledger notes of itself that it had {noted_head.size} entries"
            yield Finding("shorter", walk.size + 1, f"{note}, and it has {walk.size}.")
        elif noted_head.size in walk.root_by_size and not (
            noted_head.root in ("", walk.root_by_size[noted_head.size])
            and noted_head.last_hash in ("", walk.hash_by_size[noted_head.size])
        ):
            first_seq = _first_rewritten(noted_head.size, evidence.proven_size, first_bad)
            description = (
                f"The first {noted_head.size} entries are not those that the ledger notes of itself."
            )
            yield Finding("rewritten", first_seq, description)


def _payload_findings(walk: Walk, payloads: Iterable[tuple[int, str]] | None) -> Iterator[Finding]:
    """Personal details that are not what was committed to, or are gone though nobody recorded an erasure."""
    if payloads is None:
        return
    recomputed_by_seq = dict(payloads)
    erased_seq_lists = [facts_in(row).get("entries") for row in walk.rows_of_kind("payload_erased")]
    erased_seqs = {seq for seq_list in erased_seq_lists if isinstance(seq_list, list) for seq in seq_list}
    for seq, commitment in walk.commitments.items():
        if seq in recomputed_by_seq and recomputed_by_seq[seq] != commitment:
            yield Finding("payload", seq, f"The details beside entry {seq} are not those that were recorded.")
        elif (seq in recomputed_by_seq) == (seq in erased_seqs):
            state_text = (
                "there, though erased" if seq in recomputed_by_seq else "gone, and no erasure is recorded"
            )
            yield Finding("payload", seq, f"The details beside entry {seq} are {state_text}.")
    for seq in sorted(recomputed_by_seq.keys() - walk.commitments.keys()):
        if seq <= walk.sound_size:
            yield Finding("payload", seq, f"There are details beside entry {seq}, which recorded none.")


def _notes(walk: Walk, anchors: Sequence[Anchor], evidence: HeadEvidence) -> Iterator[str]:
    """What this verification cannot show, in plain words."""
    for restore in evidence.restores:
        yield (
            f"An older copy was restored at entry {restore.seq}, confirmed by {restore.people[0]} and "
            f"{restore.people[1]}: entries {restore.size + 1} to {restore.lost_size} of before are lost."
        )
    if not any(anchor.is_outside for anchor in anchors):
        yield (
            "No head kept outside was compared. A chain alone cannot show that its end was cut off, or that "
            "its owner wrote all of it anew. Name places under [ledger] anchors, or give the file of a head."
        )
    elif evidence.proven_outside_size < walk.sound_size:
        yield (
            f"Entries {evidence.proven_outside_size + 1} to {walk.sound_size} are newer than every head kept "
            "outside that agrees: were they cut off or written anew, nothing would show it. "
            "Run `becalm record checkpoint`."
        )
    if not anchors:
        yield "The ledger holds no signed head yet. Run `becalm record checkpoint`."
