"""Does the ledger hold, as far as its chain and signed heads show, and which entry is the first bad one?

Where a head that was kept outside contradicts the ledger, it does not hold, whatever the ledger says of
itself. A log ends, and a new one takes its place, only by a statement that is kept outside (`log_ending`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from becalm.ledger import Head
from becalm.ledger.chain import SEQ
from becalm.ledger.chain_check import (
    IN_THE_FUTURE,
    Finding,
    RowSource,
    SenseRules,
    Walk,
    diagnose,
    facts_in,
    walk_rows,
)
from becalm.ledger.head_evidence import (
    IN_LEDGER,
    Anchor,
    HeadEvidence,
    find_flaw,
    read_keys,
    read_logs,
    weigh_heads,
)
from becalm.ledger.log_ending import LogEnding


@dataclass(frozen=True, slots=True)
class LedgerCopy:
    """A ledger as it lies there: what a verification reads. `identity` is that of its first log."""

    identity: str
    rows: RowSource
    anchors: Sequence[Anchor]  # those kept in the ledger and those kept outside of it
    payload_commitments: Iterable[tuple[int, str]] | None = None  # as the payloads give them; None: not read
    noted_heads: Sequence[Head] = ()  # those that the ledger notes of itself, unsigned
    endings: Sequence[LogEnding] = ()  # statements on the end of a log that were kept outside
    inside_endings: Sequence[LogEnding] = ()  # those beside the ledger: they end no head that is outside
    sense_rules: SenseRules | None = None  # None: entries are not asked whether a ledger would take them
    findings: Iterable[Finding] = ()  # what was wrong on reading it; asked for after the rows
    remarks: Sequence[str] = ()  # what the reader should know


@dataclass(frozen=True, slots=True)
class Verdict:
    """Does the ledger hold? Its head, computed again, what is wrong with it, and what was not shown."""

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
    def is_contradicted(self) -> bool:
        """Whether a head that was kept outside says that it is not what it was."""
        return any(finding.is_contradiction for finding in self.findings)

    @property
    def first_bad(self) -> int | None:
        """The first entry that does not hold, where one can be named."""
        return _first_bad(self.findings)


def verify_ledger(copy: LedgerCopy) -> Verdict:
    """Does every entry hash to what it bears, follow the one before, and agree with every signed head?

    A chain alone shows neither that its end was cut off nor that all of it was rewritten: only heads
    kept outside do, and `notes` says how far they reach.
    """
    anchors = sorted(copy.anchors, key=lambda anchor: (anchor.size, anchor.place))
    compared_sizes = {anchor.size for anchor in anchors} | {head.size for head in copy.noted_heads}
    walk = walk_rows(copy.rows(), copy.identity, compared_sizes, copy.sense_rules)
    logs, log_findings = read_logs(walk, copy.identity)
    key_by_id, time_findings = read_keys(walk, logs)
    flaw_by_anchor = {a: flaw for a in anchors if (flaw := find_flaw(a, logs, key_by_id)) is not None}
    sound_anchors = [anchor for anchor in anchors if anchor not in flaw_by_anchor]
    evidence = weigh_heads(
        walk,
        sound_anchors,
        logs=logs,
        key_by_id=key_by_id,
        endings=copy.endings,
        inside_endings=copy.inside_endings,
    )
    shared_flaws = {a: f for a, f in flaw_by_anchor.items() if a.is_shared and not f.is_contradiction}
    findings = [*copy.findings, *log_findings, *time_findings]
    findings += [flaw for anchor, flaw in flaw_by_anchor.items() if anchor not in shared_flaws]
    findings += [*_senseless_entries(walk), *_unknown_keys(walk, evidence), *_unended_logs(evidence)]
    findings += _broken_rows(walk, copy, evidence)
    first_bad = _first_bad(findings)
    findings += _disagreements(walk, evidence, first_bad)
    findings += _lost_checkpoints(walk, anchors)
    findings += _unlike_notes(walk, copy.noted_heads, evidence, first_bad)
    findings += [*_payload_findings(walk, copy.payload_commitments), *_doubled_details(walk)]
    findings = sorted(dict.fromkeys(findings), key=lambda f: (f.first_seq is None, f.first_seq or 0))
    return Verdict(
        head=walk.head,
        size=walk.size,
        findings=tuple(findings),
        proven_size=evidence.proven_size,
        proven_outside_size=evidence.proven_outside_size,
        anchors=tuple(anchor for anchor in anchors if anchor not in shared_flaws),
        notes=(
            *copy.remarks,
            *(f"{flaw.description} It was set aside." for flaw in shared_flaws.values()),
            *_notes(walk, anchors, evidence),
        ),
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


def _senseless_entries(walk: Walk) -> Iterator[Finding]:
    """Entries that no ledger would have taken; of those in the future, only where no correction follows."""
    corrected_size = max((row[SEQ] for row in walk.rows_of_kind("clock_corrected")), default=0)
    for seq, reason in walk.senseless:
        if seq > corrected_size or not reason.endswith(IN_THE_FUTURE):
            yield Finding("sense", seq, f"Entry {seq}: {reason}.")


def _unended_logs(evidence: HeadEvidence) -> Iterator[Finding]:
    """Heads kept outside of a log that another one followed, where no statement beside them says so."""
    if evidence.unended_anchors:
        anchor, log = evidence.unended_anchors[-1], evidence.new_logs[-1]
        people_text = f", as {log.people} would have it" if log.people else ""
        description = (
            f"A new log begins at entry {log.begun_at_seq}{people_text}, and no statement of the "
            "key that signed "
            f"the head of {anchor.size} entries in {anchor.place} says that the old one ended there. Put the "
            "statement beside the head, or name it with `anchor`."
        )
        yield Finding("shorter", log.begun_at_seq, description, is_contradiction=True)


def _unknown_keys(walk: Walk, evidence: HeadEvidence) -> Iterator[Finding]:
    """Heads that somebody else signed. Of one beyond the sound rows, the entry with its key may be lost."""
    for anchor in evidence.unsigned_anchors:
        if anchor.size <= walk.sound_size:
            description = (
                f"The signed head of {anchor.size} entries in {anchor.place} is signed with key "
                f"{anchor.checkpoint.key_id[:16]}, which this ledger does not name."
            )
            yield Finding("key", None, description, is_contradiction=anchor.place != IN_LEDGER)


def _disagreements(walk: Walk, evidence: HeadEvidence, first_bad: int | None) -> Iterator[Finding]:
    """What the signed heads say that do not agree with the rows; once for each kind of disagreement."""
    longer_anchors = [anchor for anchor in evidence.unequal_anchors if anchor.size > walk.size]
    if longer_anchors:
        # The longest; of two, the one outside, which nobody can have altered with the ledger.
        longest_anchor = max(longer_anchors, key=lambda anchor: (anchor.place != IN_LEDGER, anchor.size))
        yield _cut_off(walk, longest_anchor, evidence.proven_size)
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
            f"The ledger was rewritten: its first {anchor.size} entries are not those that were signed "
            f"for (kept in {anchor.place}). {proof_text}",
            any(a.place != IN_LEDGER for a in evidence.unequal_anchors if a.size in walk.root_by_size),
        )


def _first_rewritten(head_size: int, proven_size: int, first_bad: int | None) -> int:
    """Which is the first bad entry, where the first `head_size` are not those that they were?"""
    return first_bad if first_bad is not None and first_bad <= head_size else min(proven_size + 1, head_size)


def _cut_off(walk: Walk, anchor: Anchor, proven_size: int) -> Finding:
    signed_size = anchor.size
    missing_text = (
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
        f"{missing_text} missing. {proof_text}: it is an older copy, or its end was cut off.",
        anchor.place != IN_LEDGER,
    )


def _lost_checkpoints(walk: Walk, anchors: Sequence[Anchor]) -> Iterator[Finding]:
    """Signed heads that the ledger says it made, and does not keep; or keeps more than once."""
    kept_heads = Counter(anchor.checkpoint for anchor in anchors if anchor.place == IN_LEDGER)
    for checkpoint, head_count in kept_heads.items():
        if head_count > 1:
            description = f"The signed head of {checkpoint.head.size} entries stands {head_count} times."
            yield Finding("checkpoint", None, description)
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
        if noted_head.size > walk.size:
            note_text = f"The ledger notes of itself that it had {noted_head.size} entries"
            yield Finding("shorter", walk.size + 1, f"{note_text}, and it has {walk.size}.")
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


def _doubled_details(walk: Walk) -> Iterator[Finding]:
    """Entries that commit to the same details: random bytes are in each, so one was sealed twice."""
    if len(walk.commitments) == len({*walk.commitments.values()}):
        return
    first_by_commitment: dict[str, int] = {}
    for seq, commitment in walk.commitments.items():
        if (first_seq := first_by_commitment.setdefault(commitment, seq)) != seq:
            description = f"Entry {seq} has the details of entry {first_seq}: it was sealed twice."
            yield Finding("receipt", seq, description)


def _name_entries(first_seq: int, last_seq: int) -> str:
    """These entries, and the verb that goes with them."""
    return f"Entry {first_seq} is" if first_seq == last_seq else f"Entries {first_seq} to {last_seq} are"


def _describe_unproven(walk: Walk, proven_outside_size: int) -> str:
    """What the entries are that no head kept outside speaks for, and what follows from that."""
    entries_text = _name_entries(proven_outside_size + 1, walk.sound_size)
    new_checkpoints = [row for row in walk.rows_of_kind("checkpoint_made") if row[SEQ] > proven_outside_size]
    if len(new_checkpoints) == walk.sound_size - proven_outside_size:
        return (
            f"{entries_text} newer than the newest head kept outside: nothing but notes that heads were "
            "sent. That head proves everything before."
        )
    return (
        f"{entries_text} newer than every head kept outside that agrees: if that part were cut off or "
        "rewritten, nothing would show it. Run `becalm record checkpoint`."
    )


def _notes(walk: Walk, anchors: Sequence[Anchor], evidence: HeadEvidence) -> Iterator[str]:
    """What this verification cannot show, in plain words."""
    for ending in evidence.endings:
        people = next(log.people for log in evidence.new_logs if log.identity == ending.new_ledger)
        people_text = f", confirmed by {people}" if people else ""
        lost_text = (
            f"; its entries {ending.old_head.size + 1} to {ending.lost_size} are lost"
            if ending.lost_size > ending.old_head.size
            else ""
        )
        yield (
            f"Log {ending.old_ledger[:8]} ended after {ending.old_head.size} entries, and log "
            f"{ending.new_ledger[:8]} took its place on {ending.made_at.date()}{people_text} (signed with "
            f"key {ending.key_id[:16]}){lost_text}."
        )
    ended_ledgers = {ending.new_ledger for ending in evidence.endings}
    for log in evidence.new_logs:
        if log.identity not in ended_ledgers:
            yield f"A new log begins at entry {log.begun_at_seq}. No head of the one before was compared."
    for row in walk.rows_of_kind("ledger_restored"):
        facts = facts_in(row)
        yield (
            f"Entry {row[SEQ]} says that {facts.get('first_actor')} and {facts.get('second_actor')} put an "
            "older copy in the ledger's place. It cannot give up any head that was kept outside."
        )
    if not any(anchor.is_outside for anchor in anchors):
        yield (
            "No head kept outside was compared. A chain alone cannot show that its end was cut off, or that "
            "its owner wrote all of it again. Name places under [ledger] anchors, or give the file of a head."
        )
    elif evidence.proven_outside_size < walk.sound_size:
        yield _describe_unproven(walk, evidence.proven_outside_size)
    if not anchors:
        yield "The ledger holds no signed head yet. Run `becalm record checkpoint`."
