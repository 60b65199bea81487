"""Rosters and judgements as names and values, for JSON, csv and workbooks."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from becalm.staff.core.allocate import Allocation
from becalm.staff.core.judge import Judgement, Violation
from becalm.staff.core.replans import Replan
from becalm.staff.core.roster_problem import RosterProblem
from becalm.staff.core.rule_book import REST_DAY
from becalm.staff.files.roster_folder import RosterDocument


@dataclass(frozen=True, slots=True)
class RosterAnswer:
    """A roster that was made, with what is to be said of it."""

    document: RosterDocument
    allocation: Allocation
    problem: RosterProblem
    folder: Path
    notes: tuple[str, ...]
    roster_sha256: str
    replans: tuple[Replan, ...] = ()  # tours of patrol to draw again, at short notice
    equal_files: tuple[str, ...] = ()  # of an original that was made again, byte for byte


def roster_record(answer: RosterAnswer) -> dict[str, Any]:
    """A roster as JSON says it."""
    document, lines, problem = answer.document, answer.allocation.lines, answer.problem
    needed_count = int(problem.cells.need[..., 1:].sum())
    short = sum(tour.missing for tour in document.short_tours)
    allocation = answer.allocation
    return {
        "first_day": str(document.first_day),
        "days": document.days,
        "officers": len(problem.officers),
        "available": int(problem.possible[:, :, 1:].any(axis=2).sum()),
        "needed": needed_count,
        "filled": needed_count - short,
        "short": short,
        "changes": len(document.moves),
        "rest_days_cancelled": sum(move.old == REST_DAY != move.new for move in document.moves),
        "cost": round(lines.cost, 2),
        "bound": round(allocation.bound, 2) if allocation.bound else None,
        "gap": round(allocation.gap, 5) if allocation.bound else None,
        "work": allocation.work,
        "roster_sha256": answer.roster_sha256,
        "command_units": list(_unit_rows(answer)),
        "moves": list(move_rows(answer)),
        "short_tours": [
            {
                "command_unit": s.command_unit,
                "day": str(s.day),
                "tour": s.tour,
                "missing": s.missing,
                "why": s.why,
            }
            for s in document.short_tours
        ],
        **({"equal_files": list(answer.equal_files)} if answer.equal_files else {}),
        **({"replans": [asdict(replan) for replan in answer.replans]} if answer.replans else {}),
        **_further_parts(document),
    }


def _further_parts(document: RosterDocument) -> dict[str, Any]:
    """Administration, wishes and donors, where there are any."""
    parts: dict[str, Any] = {}
    if document.administration:
        days = document.administration.days
        parts["administration"] = {
            "needed_hours": sum(day.needed_hours for day in days),
            "admin_only_hours": sum(day.admin_only_hours for day in days),
            "crew_hours": sum(day.crew_hours for day in days),
            "hours_left": sum(day.hours_left for day in days),
            "street_tours_freed": document.administration.freed_tours,
        }
    if document.donor_lacks:
        parts["donors"] = [
            {**asdict(lack), "day": str(lack.day), "recall_on": str(lack.recall_on or "")}
            for lack in document.donor_lacks
        ]
    if document.wishes:
        parts["wishes"] = [{**asdict(wish), "day": str(wish.day)} for wish in document.wishes]
    return parts


def _unit_rows(answer: RosterAnswer) -> Iterator[dict[str, Any]]:
    lines, problem, document = answer.allocation.lines, answer.problem, answer.document
    homes = problem.people.units[:, 0]
    missing = Counter[str]()
    for tour in document.short_tours:
        missing[tour.command_unit] += tour.missing
    changes = Counter(move.command_unit for move in document.moves)
    for number, unit in enumerate(problem.command_units):
        bound = float(answer.allocation.bound_of_unit[number])
        yield {
            "command_unit": unit,
            "short": missing[unit],
            "changes": changes[unit],
            "cost": round(float(lines.cell_prices[number] + np.sum(lines.line_prices[homes == number])), 2),
            "bound": round(bound, 2) if bound else None,
        }


def move_rows(answer: RosterAnswer) -> Iterator[dict[str, str]]:
    """Each change: who, when, from what to what, with which notice and why."""
    for move in answer.document.moves:
        yield {
            "officer": move.staff_number,
            "day": str(move.day),
            "from": move.old,
            "to": move.new,
            "notice": move.notice.notice_class,
            "why": move.why,
        }


def judgement_record(judgement: Judgement) -> dict[str, Any]:
    """A judgement as JSON says it."""
    broken_count = Counter(violation.rule for violation in judgement.violations)
    rules: list[Mapping[str, Any]] = [
        {"rule": rule, "checked": count, "broken": broken_count[rule]}
        for rule, count in judgement.checked_count.items()
    ]
    return {
        "rules": rules,
        "violations": [_violation_row(violation) for violation in judgement.violations],
        "set_aside": [_violation_row(violation) for violation in judgement.set_aside],
        "not_judged": list(judgement.unjudged),
    }


def violation_rows(judgement: Judgement) -> Iterator[dict[str, str]]:
    """Each rule that is broken."""
    return map(_violation_row, judgement.violations)


def _violation_row(violation: Violation) -> dict[str, str]:
    return {
        "rule": violation.rule,
        "officer": violation.staff_number,
        "day": str(violation.day),
        "what": violation.problem,
    }
