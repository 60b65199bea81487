"""Who would come and go under another rule: counts by why, never names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from becalm.divert.core.score import PersonScores, Selection
from becalm.methods.arrays import Bools


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """How many come, go and stay, of those with one property."""

    name: str
    coming_count: int
    going_count: int
    staying_count: int


@dataclass(frozen=True, slots=True)
class RuleChange:
    """The table of who would come and go."""

    rows: tuple[ChangeRow, ...]

    @property
    def coming_count(self) -> int:
        """How many the other rule selects and the present one does not."""
        return self.rows[0].coming_count

    @property
    def going_count(self) -> int:
        """How many the present rule selects and the other one does not."""
        return self.rows[0].going_count


def compare_selections(before: Selection, after: Selection) -> RuleChange:
    """Who is selected before, after, and both times, in all and by property?"""
    count = len(before.scores.points)
    is_before, is_after = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    is_before[before.rows], is_after[after.rows] = True, True
    properties = {
        "all": np.ones(count, np.bool_),
        "also victims": _victims(before, count) | _victims(after, count),
        "marginal": _marginal(before, count) | _marginal(after, count),
        "fewer crimes count by the present rule": _is_below(before.scores, after.scores, "crimes"),
        "fewer days count": _is_below(before.scores, after.scores, "dates"),
        "fewer formal outcomes count": _is_below(before.scores, after.scores, "charged"),
    }
    rows = tuple(
        ChangeRow(
            name,
            int((is_after & ~is_before & has_it).sum()),
            int((is_before & ~is_after & has_it).sum()),
            int((is_before & is_after & has_it).sum()),
        )
        for name, has_it in properties.items()
    )
    return RuleChange(rows)


def _victims(selection: Selection, count: int) -> Bools:
    is_victim = np.zeros(count, np.bool_)
    is_victim[selection.rows[selection.victim_points > 0]] = True
    return is_victim


def _marginal(selection: Selection, count: int) -> Bools:
    is_marginal = np.zeros(count, np.bool_)
    is_marginal[selection.rows[selection.is_marginal]] = True
    return is_marginal


def _is_below(before: PersonScores, after: PersonScores, name: str) -> Bools:
    """Those who have fewer by the present rule than by the other one."""
    return np.asarray(getattr(before, name) < getattr(after, name))
