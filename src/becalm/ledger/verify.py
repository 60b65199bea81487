"""Does the ledger hold, as far as its chain and signed heads show, and which entry is the first bad one?

Where a head that was kept outside contradicts the ledger, it does not hold, whatever the ledger says of
itself. A log ends, and a new one takes its place, only by a statement that is kept outside (`log_ending`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from becalm.ledger import Checkpoint, Head
from becalm.ledger.chain import HASH, KIND, PREVIOUS, SEQ
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
from becalm.ledger.log_ending import LOG_BEGUN, LogEnding
from becalm.ledger.signing import (
    clock_bytes,
    handover_bytes,
    is_key,
    is_self_signed,
    is_signed,
    key_id,
    signed_bytes,
)

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
    logs, log_findings = _read_logs(walk, copy.identity)
    key_by_id, time_findings = _read_keys(walk, logs)
    flaw_by_anchor = {a: flaw for a in anchors if (flaw := _find_flaw(a, logs, key_by_id)) is not None}
    sound_anchors = [anchor for anchor in anchors if anchor not in flaw_by_anchor]
    evidence = weigh_heads(walk, sound_anchors, logs=logs, key_by_id=key_by_id, copy=copy)
    set_aside = {a: flaw for a, flaw in flaw_by_anchor.items() if a.is_shared and not flaw.is_contradiction}
    findings = [*copy.findings, *log_findings, *time_findings]
    findings += [flaw for anchor, flaw in flaw_by_anchor.items() if anchor not in set_aside]
    findings += _senseless_entries(walk)
    findings += [
        *_unknown_keys(walk, evidence),
        *_unended_logs(evidence),
        *_broken_rows(walk, copy, evidence),
    ]
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
        anchors=tuple(anchor for anchor in anchors if anchor not in set_aside),
        notes=(
            *copy.remarks,
            *(f"{flaw.description} It was set aside." for flaw in set_aside.values()),
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


def _read_logs(walk: Walk, identity: str) -> tuple[dict[str, Log], list[Finding]]:
    """The logs by their identity, oldest first; each but the first names the head of the one before."""
    logs, findings = [Log(identity, 0)], []
    for row in walk.rows_of_kind(LOG_BEGUN):
        facts, old_size = facts_in(row), row[SEQ] - 1
        named_head = tuple(facts.get(name) for name in ("old_ledger", "old_size", "old_root", "old_last"))
        own_head = (logs[-1].identity, old_size, walk.root_by_size[old_size], row[PREVIOUS])
        new_identity = str(facts.get("new_ledger", ""))
        if named_head == own_head and new_identity not in {"", *(log.identity for log in logs)}:
            people = " and ".join(
                str(facts[who]) for who in ("first_actor", "second_actor") if facts.get(who)
            )
            logs[-1] = replace(logs[-1], last_size=old_size)
            logs.append(Log(new_identity, row[SEQ], None, row[SEQ], row[HASH], people))
        else:
            description = (
                f"Entry {row[SEQ]} begins a new log, and does not name the head of the entries before it."
            )
            findings.append(Finding("rewritten", row[SEQ], description))
    return {log.identity: log for log in logs}, findings


def _senseless_entries(walk: Walk) -> Iterator[Finding]:
    """Entries that no ledger would have taken; of those in the future, only where no correction follows."""
    corrected_size = max((row[SEQ] for row in walk.rows_of_kind("clock_corrected")), default=0)
    for seq, reason in walk.senseless:
        if seq > corrected_size or not reason.endswith(IN_THE_FUTURE):
            yield Finding("sense", seq, f"Entry {seq}: {reason}.")


def _read_keys(walk: Walk, logs: Mapping[str, Log]) -> tuple[dict[str, str], list[Finding]]:
    """The public keys that the ledger names, by their id; the one before vouches for each but the first.

    The corrections of the clock are looked at on the way: the key of their time signed them.
    """
    key_by_id: dict[str, str] = {}
    findings = []
    current_id = ""
    for row in walk.proof_rows:
        facts = facts_in(row)
        identity = next(log.identity for log in logs.values() if log.is_size_of(row[SEQ]))
        if row[KIND] == "clock_corrected" and current_id:
            times = (str(facts.get("old_time")), str(facts.get("new_time")))
            message, signature = clock_bytes(identity, row[PREVIOUS], *times), str(facts.get("signature"))
            if not is_signed(message, signature=signature, public_key=key_by_id[current_id]):
                description = (
                    f"Entry {row[SEQ]} sets the clock right, and the key of the ledger did not sign it."
                )
                findings.append(Finding("sense", row[SEQ], description))
        if row[KIND] != "key_rotated":
            continue
        public_key, signature = str(facts.get("new_public_key", "")), str(facts.get("old_signature", ""))
        handover_message = handover_bytes(identity, current_id, public_key)
        is_signed_by_old_key = not current_id or is_signed(
            handover_message, signature=signature, public_key=key_by_id[current_id]
        )
        is_named = facts.get("old_key") == current_id and is_key(public_key, str(facts.get("new_key")))
        if is_named and is_signed_by_old_key:
            current_id = key_id(public_key)
            key_by_id[current_id] = public_key
        else:
            description = "names a new signing key, but the key before it did not sign that."
            findings.append(Finding("key", row[SEQ], f"Entry {row[SEQ]} {description}"))
    return key_by_id, findings


def _find_flaw(anchor: Anchor, logs: Mapping[str, Log], key_by_id: Mapping[str, str]) -> Finding | None:
    """Why a checkpoint says nothing about this ledger, if so.

    Whoever may write into the ledger or into a shared folder can put an unsigned head there: it proves
    nothing and contradicts nothing.
    """
    checkpoint = anchor.checkpoint
    anchor_label = f"The signed head of {anchor.size} entries in {anchor.place}"
    public_key, signature = key_by_id.get(checkpoint.key_id), checkpoint.signature
    if public_key and not is_signed(signed_bytes(checkpoint), signature=signature, public_key=public_key):
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
        difference = f"is of ledger {checkpoint.ledger_id}, and this one is {identity}"
        is_contradiction = anchor.place != IN_LEDGER
        return Finding(
            "rewritten", 1, f"{anchor_label} {difference}: another took its place.", is_contradiction
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
    copy: LedgerCopy,
) -> HeadEvidence:
    """Which entries do these heads prove? Those whose key the ledger does not name prove nothing.

    Who rewrites a ledger may sign its heads again where he holds the key. So a head that contradicts ends
    what the others prove, and where it was kept elsewhere, those in the ledger prove nothing.
    """
    endings = [ending for ending in copy.endings if _is_ending_of(ending, walk, logs)]
    inside_endings = [ending for ending in copy.inside_endings if _is_ending_of(ending, walk, logs)]
    agreeing_anchors, unequal_anchors, unended_anchors = [], [], []
    used_endings: dict[LogEnding, None] = {}
    for anchor in anchors:
        log = logs[anchor.checkpoint.ledger_id]
        candidates = endings if anchor.is_outside else [*endings, *inside_endings]
        ending = next((e for e in candidates if e.ends_head(anchor.checkpoint)), None)
        if log.last_size is not None and anchor.place != IN_LEDGER:
            used_endings.update({ending: None} if ending else {})
            unended_anchors.extend([] if ending else [anchor])
        if log.is_size_of(anchor.size) and walk.root_by_size.get(anchor.size) == anchor.checkpoint.head.root:
            agreeing_anchors.append(anchor)
        elif log.last_size is None or anchor.size <= log.last_size or not ending:
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


def _unended_logs(evidence: HeadEvidence) -> Iterator[Finding]:
    """Heads kept outside of a log that another one followed, where no statement beside them says so."""
    if evidence.unended_anchors:
        anchor, log = evidence.unended_anchors[-1], evidence.new_logs[-1]
        people = f", as {log.people} would have it" if log.people else ""
        description = (
            f"A new log begins at entry {log.begun_at_seq}{people}, and no statement of the key that signed "
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
        anchor.place != IN_LEDGER,
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
        yield (
            f"Entries {evidence.proven_outside_size + 1} to {walk.sound_size} are newer than every head kept "
            "outside that agrees: were they cut off or rewritten, nothing would show it. "
            "Run `becalm record checkpoint`."
        )
    if not anchors:
        yield "The ledger holds no signed head yet. Run `becalm record checkpoint`."
