"""Was each period planned once, from the one seed sealed for it, and is every other draw explained?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import combinations
from typing import Final

from becalm.ledger import Entry
from becalm.patrol.core import seed_history
from becalm.patrol.core.policy import SealRule
from becalm.patrol.core.seal import compute_commitment, hash_seed

LONGEST_SHIFT: Final = timedelta(hours=14)  # re-plans of a unit within this time are of one shift


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """Something an auditor should know. A grave one is a broken rule; the others are declared or due."""

    grave: bool
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class SeedAudit:
    """Every sealed seed, share and trial, oldest first, and what is to be said about them."""

    records: seed_history.SealRecords
    findings: tuple[AuditFinding, ...]
    rule: SealRule  # the limits that it was held to

    @property
    def histories(self) -> tuple[seed_history.SeedHistory, ...]:
        """Every sealed seed, oldest first."""
        return self.records.histories


def audit_seeds(entries: Iterable[Entry], *, now: datetime, rule: SealRule | None = None) -> SeedAudit:
    """What became of every sealed seed, share and trial, and was a rule broken? `rule` has the limits."""
    records, rule = seed_history.gather_records(entries), rule or SealRule()
    histories = records.histories
    unsealed_text = "a plan was made without a seed sealed before it"
    findings = [
        *(finding for history in histories for finding in _audit_history(history, now)),
        *(finding for history in histories for finding in _audit_limits(history, rule)),
        *(finding for history in histories for finding in _audit_replans(history, rule)),
        *(finding for history_pair in combinations(histories, 2) for finding in _audit_pair(*history_pair)),
        *(AuditFinding(True, f"entry {plan.seq}", unsealed_text) for plan in records.unsealed_plans),
        *_audit_shares(records),
        *(
            finding
            for trial_pair in combinations(records.trials, 2)
            for finding in _audit_trials(*trial_pair)
        ),
    ]
    return SeedAudit(records, tuple(findings), rule)


def count_replans(notes: Iterable[seed_history.ReplanNote], unit: str, begins_at: datetime) -> int:
    """How often was the shift that this unit is on at this time re-planned before?"""
    return sum(
        unit in note.units and note.begins_at is not None and abs(note.begins_at - begins_at) < LONGEST_SHIFT
        for note in notes
    )


def name_seed(history: seed_history.SeedHistory) -> str:
    """A seed by the first digits of its commitment and its days."""
    return f"seed {history.commitment[:12]}, {history.first_day} to {history.last_day}"


def _audit_history(history: seed_history.SeedHistory, now: datetime) -> Iterator[AuditFinding]:
    seed_name = name_seed(history)
    first_plans = [plan for plan in history.plans if plan.replan == 0]
    if not first_plans:
        yield AuditFinding(False, seed_name, "was sealed, but no plan was made from it")
    if len({plan.plan_sha256 for plan in first_plans}) > 1:
        yield AuditFinding(
            True, seed_name, f"{len(first_plans)} plans were made from it; one seed makes one plan"
        )
    replan_indices = [plan.replan for plan in history.plans if plan.replan]
    announced_indices = {note.index for note in history.announced_replans}
    lost_indices = sorted(announced_indices - set(replan_indices))
    if lost_indices:
        finding_text = (
            f"re-plan {', '.join(map(str, lost_indices))} was begun and never kept: its result is not known"
        )
        yield AuditFinding(True, seed_name, finding_text)
    unannounced_indices = sorted(set(replan_indices) - announced_indices)
    if unannounced_indices:
        finding_text = f"re-plan {', '.join(map(str, unannounced_indices))} was not noted before it was drawn"
        yield AuditFinding(True, seed_name, finding_text)
    if len(replan_indices) > len(set(replan_indices)):
        yield AuditFinding(True, seed_name, "two re-plans have the same number")
    if history.revealed_seq is not None:
        yield from _audit_opening(history, seed_name)
    elif history.reveal_after is not None and history.reveal_after < now:
        finding_text = f"was to be opened after {history.reveal_after:%Y-%m-%d} and is still sealed"
        yield AuditFinding(False, seed_name, finding_text)


def _audit_opening(history: seed_history.SeedHistory, seed_name: str) -> Iterator[AuditFinding]:
    opened_secret = history.secret
    if opened_secret is None:
        yield AuditFinding(True, seed_name, "what was opened is not a seed")
        return
    commitment = compute_commitment(
        opened_secret, inputs_sha256=history.inputs_sha256, version=history.version
    )
    if commitment != history.commitment:
        yield AuditFinding(True, seed_name, "the opened seed is not the one that was sealed")
    if history.seed_mark and hash_seed(opened_secret.seed) != history.seed_mark:
        yield AuditFinding(True, seed_name, "its mark does not match the seed that was opened")
    if any(plan.seq > (history.revealed_seq or 0) for plan in history.plans):
        yield AuditFinding(True, seed_name, "a plan was made from it after it was opened")


def _audit_limits(history: seed_history.SeedHistory, rule: SealRule) -> Iterator[AuditFinding]:
    """Is it opened in the time that the policy allows?"""
    end_of_days = datetime.combine(history.last_day, time(), UTC)
    latest_opening = end_of_days + timedelta(days=rule.most_reveal_days + 1)
    if history.reveal_after is not None and history.reveal_after > latest_opening:
        allowed_text = f"the policy allows {rule.most_reveal_days} days"
        finding_text = f"stays sealed until {history.reveal_after:%Y-%m-%d}; {allowed_text}"
        yield AuditFinding(True, name_seed(history), finding_text)


def _audit_replans(history: seed_history.SeedHistory, rule: SealRule) -> Iterator[AuditFinding]:
    """Was no shift re-planned by one person more often than the policy allows?"""
    units_by_replans: dict[tuple[seed_history.ReplanNote, ...], list[str]] = defaultdict(list)
    for (unit, _), notes in _group_by_shift(history).items():
        if len(notes) > rule.most_replans_per_shift:
            units_by_replans[tuple(notes)].append(unit)
    for replans, units in units_by_replans.items():
        unagreed_notes = [note for note in replans[rule.most_replans_per_shift :] if not note.second]
        numbers, seconds = ", ".join(str(note.index) for note in replans), {note.second for note in replans}
        agreed_text = f"agreed by {', '.join(sorted(seconds - {''}))}" if any(seconds) else "nobody agreed"
        finding_text = (
            f"one shift of {', '.join(units)} was re-planned {len(replans)} times (re-plans {numbers}); the "
            f"policy asks for a second person after {rule.most_replans_per_shift}: {agreed_text}"
        )
        yield AuditFinding(bool(unagreed_notes), name_seed(history), finding_text)


def _group_by_shift(
    history: seed_history.SeedHistory,
) -> dict[tuple[str, datetime], list[seed_history.ReplanNote]]:
    """The re-plans of each shift, by its unit and the first time that one of them begins."""
    notes_by_shift: dict[tuple[str, datetime], list[seed_history.ReplanNote]] = defaultdict(list)
    for note in sorted(history.announced_replans, key=lambda note: note.index):
        begins_at = note.begins_at or note.recorded_at
        for unit in note.units:
            start_times = (at for name, at in notes_by_shift if name == unit)
            first_at = next((at for at in start_times if abs(begins_at - at) < LONGEST_SHIFT), begins_at)
            notes_by_shift[unit, first_at].append(note)
    return notes_by_shift


def _audit_pair(earlier: seed_history.SeedHistory, later: seed_history.SeedHistory) -> Iterator[AuditFinding]:
    seed_name = name_seed(later)
    if earlier.seed_mark and earlier.seed_mark == later.seed_mark:
        finding_text = f"is the seed of {earlier.commitment[:12]} again: a seed is used once"
        yield AuditFinding(True, seed_name, finding_text)
    if later.overlaps(earlier.first_day, earlier.days, earlier.area, earlier.ground):
        reason_text = f"the reason given: {later.reason}" if later.reason else "no reason was given"
        finding_text = (
            f"is a re-roll: {earlier.commitment[:12]} had already been sealed for some of these days; "
            f"{reason_text}"
        )
        yield AuditFinding(not later.reason, seed_name, finding_text)


def _audit_shares(records: seed_history.SealRecords) -> Iterator[AuditFinding]:
    """Does every share count? Its maker, and not who sealed the seed, must have committed to it before."""
    used_by: dict[str, seed_history.SeedHistory] = {}
    for history in records.histories:
        for share_sha256 in sorted({plan.share_sha256 for plan in history.plans} - {""}):
            seed_name, share_name = name_seed(history), f"the overseer's share {share_sha256[:12]}"
            refusal = explain_share(share_sha256, records, sealed_seq=history.seq, actor=history.actor)
            if refusal:
                yield AuditFinding(True, seed_name, f"{share_name} does not count: {refusal}")
            if share_sha256 in used_by:
                first_name = name_seed(used_by[share_sha256])
                yield AuditFinding(True, seed_name, f"{share_name} was used before, for {first_name}")
            used_by.setdefault(share_sha256, history)
    last_use = max((history.seq for history in used_by.values()), default=0)
    for share in records.shares:
        if share.share_sha256 not in used_by and share.seq < last_use:
            finding_text = "was committed to, and a seed that was sealed later used another share"
            yield AuditFinding(True, f"share {share.share_sha256[:12]}, entry {share.seq}", finding_text)


def explain_share(
    share_sha256: str, records: seed_history.SealRecords, *, sealed_seq: int | None, actor: str
) -> str:
    """Why does a share not count for a seed sealed by `actor` in entry `sealed_seq`? "" where it counts."""
    share_record = next((share for share in records.shares if share.share_sha256 == share_sha256), None)
    if share_record is None:
        return "nobody committed to it before the seed was sealed"
    if sealed_seq is not None and share_record.seq > sealed_seq:
        return (
            f"it was committed to in entry {share_record.seq}, after the seed was sealed in "
            f"entry {sealed_seq}"
        )
    if share_record.actor == actor:
        return f"{actor} committed to it, and sealed the seed as well"
    return ""


def _audit_trials(
    earlier: seed_history.TrialRecord, later: seed_history.TrialRecord
) -> Iterator[AuditFinding]:
    if later.overlaps(earlier.first_day, earlier.days, earlier.ground):
        reason_text = f"the reason given: {later.reason}" if later.reason else "no reason was given"
        finding_text = (
            f"arms were drawn again for days and places of the trial in entry {earlier.seq}; {reason_text}"
        )
        yield AuditFinding(not later.reason, f"trial of {later.first_day}, entry {later.seq}", finding_text)
