"""Is somebody only stamping? How many decisions, how soon after opening the evidence, how many overturned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from becalm.ledger import Entry


@dataclass(frozen=True, slots=True)
class ApproverHabit:
    """What one approver did."""

    approver: str
    decision_count: int
    approval_share: float
    median_seconds: float | None  # from opening the evidence to the decision; None where it was not opened
    overturn_count: int  # challenges against this approver's cases that were upheld


def describe_approvers(entries: Iterable[Entry]) -> tuple[ApproverHabit, ...]:
    """What did each approver do, from the entries about all cases in their order?"""
    opened_at: dict[tuple[str, str], datetime] = {}
    approver_of: dict[str, str] = {}
    decisions: dict[str, list[tuple[str, float | None]]] = {}
    overturn_counts: dict[str, int] = {}
    for entry in entries:
        event = entry.event
        if event.kind == "evidence_opened":
            opened_at[event.actor, event.subject] = event.occurred_at
        elif event.kind == "decision_made" and event.version > 1:
            start = opened_at.get((event.actor, event.subject))
            seconds = (event.occurred_at - start).total_seconds() if start else None
            decisions.setdefault(event.actor, []).append((str(event.facts["decision"]), seconds))
            approver_of[event.subject] = event.actor
        elif event.kind == "challenge_decided" and event.facts["outcome"] == "upheld":
            approver = approver_of.get(event.subject, "")
            overturn_counts[approver] = overturn_counts.get(approver, 0) + 1
    return tuple(
        _describe(approver, their_decisions, overturn_counts.get(approver, 0))
        for approver, their_decisions in sorted(decisions.items())
    )


def _describe(approver: str, decisions: list[tuple[str, float | None]], overturn_count: int) -> ApproverHabit:
    seconds = [duration for _, duration in decisions if duration is not None]
    approval_count = sum(decision == "approved" for decision, _ in decisions)
    return ApproverHabit(
        approver,
        len(decisions),
        approval_count / len(decisions),
        median(seconds) if seconds else None,
        overturn_count,
    )
