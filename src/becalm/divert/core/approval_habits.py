"""Is somebody only stamping? Month by month: decisions, how soon after the evidence, how many overturned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from becalm.ledger import Entry


@dataclass(frozen=True, slots=True)
class ApproverHabit:
    """What one approver did in one month; an approval that was overturned counts in its own month."""

    month: str
    approver: str
    decision_count: int
    approval_share: float
    median_seconds: float | None  # from opening the evidence to the decision; None where it was not opened
    overturn_count: int  # challenges against this approver's cases that were upheld


def describe_approvers(entries: Iterable[Entry]) -> tuple[ApproverHabit, ...]:
    """What did each approver do in each month, from the entries about all cases in their order?"""
    opened_at: dict[tuple[str, str], datetime] = {}
    approval_of: dict[str, tuple[str, str]] = {}
    decisions: dict[tuple[str, str], list[tuple[str, float | None]]] = {}
    overturn_counts: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        event = entry.event
        if event.kind == "evidence_opened":
            opened_at[event.actor, event.subject] = event.occurred_at
        elif event.kind == "decision_made" and event.version > 1:
            start = opened_at.get((event.actor, event.subject))
            seconds = (event.occurred_at - start).total_seconds() if start else None
            decision, key = str(event.facts["decision"]), (f"{event.occurred_at:%Y-%m}", event.actor)
            decisions.setdefault(key, []).append((decision, seconds))
            approval_of |= {event.subject: key} if decision == "approved" else {}
        elif event.kind == "challenge_decided" and event.facts["outcome"] == "upheld":
            overturn_counts[approval_of.get(event.subject, ("", ""))] += 1
    return tuple(
        _describe(*key, their_decisions, overturn_counts[key])
        for key, their_decisions in sorted(decisions.items())
    )


def _describe(
    month: str, approver: str, decisions: list[tuple[str, float | None]], overturn_count: int
) -> ApproverHabit:
    seconds = [duration for _, duration in decisions if duration is not None]
    approval_count = sum(decision == "approved" for decision, _ in decisions)
    return ApproverHabit(
        month,
        approver,
        len(decisions),
        approval_count / len(decisions),
        median(seconds) if seconds else None,
        overturn_count,
    )
