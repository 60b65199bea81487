"""Whom does the rule select, and with how many points? Whole numbers all the way, for many people at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.divert.core.crime_events import (
    BEYOND,
    COUNTS,
    FUTURE,
    OLD,
    SAME_CRIME,
    CrimeEvents,
    EventWeights,
    weigh_events,
)
from becalm.divert.core.rule import Rule
from becalm.methods.arrays import Bools, Ints

AGE_UNKNOWN: Final = 2**40  # the day of majority of somebody whose age nobody knows
SHIFT_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class PersonScores:
    """One entry for each person (parallel arrays), and what each event came to."""

    points: Ints
    victim_points: Ints
    crimes: Ints
    dates: Ints
    charged: Ints
    latest_day: Ints  # of the events that count; -1 where there is none
    is_adult: Bools
    passes: Bools  # the gate, with at least one point
    event_points: Ints
    event_why_not: Ints  # index into WHY_NOT
    recency: Ints  # points of each event's age


def score_people(
    events: CrimeEvents,
    adult_day: Ints,
    rule: Rule,
    *,
    as_of_day: int,
    by_other_weights: bool = False,
    window_days: Ints | int | None = None,
) -> PersonScores:
    """Score the events of people who reach 18 on `adult_day` (since 1970), as of a day.

    `window_days` may differ by person; days beyond the last step of recency earn what that step earns.
    """
    count = len(adult_day)
    window_days_of_person = np.broadcast_to(rule.window_days if window_days is None else window_days, count)
    weights = weigh_events(events, rule, by_other_weights=by_other_weights)
    age_days = as_of_day - events.day
    recency_points = _recency_points(rule, age_days, window_days_of_person[events.person])
    why_not = np.where(
        weights.why_not != COUNTS,
        weights.why_not,
        np.where(age_days < 0, FUTURE, np.where(recency_points == 0, OLD, COUNTS)),
    )
    suspect_points = np.where(why_not == COUNTS, weights.suspect_weight * recency_points, 0)
    is_suspect = suspect_points > 0
    event_points, why_not = _keep_highest(events, suspect_points, why_not, rule)
    victim_points, _ = _keep_highest(
        events, weights.victim_weight * recency_points * (why_not == COUNTS), why_not, rule
    )
    first_of_crime = _first_rows(events, suspect_points, is_suspect)
    charged_counts = _count(events, _formal_crimes(events, weights, is_suspect), count)
    latest_day = np.full(count, -1, np.int64)
    np.maximum.at(latest_day, events.person[is_suspect], events.day[is_suspect])
    crime_counts = _count(events, first_of_crime, count)
    date_counts = _count_distinct(events.person[is_suspect], events.day[is_suspect], count)
    points = np.bincount(events.person, event_points, count).astype(np.int64)
    is_adult = adult_day <= as_of_day
    gate = rule.gate
    is_selected = is_adult & (points >= 1) & (crime_counts >= gate.crimes) & (date_counts >= gate.dates)
    is_selected &= (charged_counts >= gate.charged) & (as_of_day - latest_day <= gate.recent_days)
    return PersonScores(
        points=points,
        victim_points=np.bincount(events.person, victim_points, count).astype(np.int64),
        crimes=crime_counts,
        dates=date_counts,
        charged=charged_counts,
        latest_day=latest_day,
        is_adult=is_adult,
        passes=is_selected,
        event_points=event_points,
        event_why_not=why_not,
        recency=recency_points,
    )


def _recency_points(rule: Rule, age_days: Ints, window_days: Ints) -> Ints:
    most_days = np.array([days for days, _ in rule.points.recency], np.int64)
    points = np.array([points for _, points in rule.points.recency], np.int64)
    step_of_event = np.minimum(np.searchsorted(most_days, age_days), len(points) - 1)
    return np.where((age_days >= 0) & (age_days <= window_days), points[step_of_event], 0)


def _keep_highest(events: CrimeEvents, points: Ints, why_not: Ints, rule: Rule) -> tuple[Ints, Ints]:
    """One event for each crime, and the highest few of each person; why the others earn nothing."""
    is_first = _first_rows(events, points, points > 0)
    why_not = np.where((points > 0) & ~is_first, SAME_CRIME, why_not)
    rows = np.flatnonzero(is_first)
    rows = rows[np.lexsort((events.crime[rows], -events.day[rows], -points[rows], events.person[rows]))]
    person = events.person[rows]
    person_starts = np.flatnonzero(np.r_[True, person[1:] != person[:-1]]) if len(rows) else rows
    rank_of_event = np.arange(len(rows)) - np.repeat(person_starts, np.diff(np.r_[person_starts, len(rows)]))
    rows_beyond = rows[rank_of_event >= rule.points.most_events]
    is_first[rows_beyond] = False
    why_not[rows_beyond] = BEYOND
    return np.where(is_first, points, 0), why_not


def _first_rows(events: CrimeEvents, points: Ints, is_counted: Bools) -> Bools:
    """Of each person and crime, the row with most points; of equal ones the newest, then the first."""
    rows = np.flatnonzero(is_counted)
    rows = rows[np.lexsort((-events.day[rows], -points[rows], events.crime[rows], events.person[rows]))]
    key = np.stack([events.person[rows], events.crime[rows]])
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
    is_first = np.zeros(len(events), np.bool_)
    is_first[rows[is_new]] = True
    return is_first


def _formal_crimes(events: CrimeEvents, weights: EventWeights, is_suspect: Bools) -> Bools:
    return _first_rows(events, weights.suspect_weight, is_suspect & weights.is_formal)


def _count(events: CrimeEvents, is_counted: Bools, count: int) -> Ints:
    return np.bincount(events.person[is_counted], minlength=count).astype(np.int64)


def _count_distinct(person: Ints, value: Ints, count: int) -> Ints:
    if not len(person):
        return np.zeros(count, np.int64)
    low = int(value.min())
    keys = np.unique(person * (int(value.max()) - low + 1) + (value - low))
    return np.bincount(keys // (int(value.max()) - low + 1), minlength=count).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a list that is too long ends: the least points and, at these, the oldest newest day."""

    points: int = 0
    latest_day: int = -1

    def admits(self, scores: PersonScores) -> Bools:
        """Who is above or at the cut?"""
        is_above = scores.points > self.points
        is_at = (scores.points == self.points) & (scores.latest_day >= self.latest_day)
        return np.asarray(is_above | is_at)


NO_CUT: Final = Cut()


def find_cut(scores: PersonScores, limit: int) -> Cut:
    """Where does the list end? People with equal points and newest day are wholly in or wholly out."""
    rows = np.flatnonzero(scores.passes)
    if len(rows) <= limit:
        return NO_CUT
    order = rows[np.lexsort((-scores.latest_day[rows], -scores.points[rows]))]
    keys = [
        (int(scores.points[row]), int(scores.latest_day[row])) for row in (order[limit - 1], order[limit])
    ]
    if keys[0] != keys[1]:
        return Cut(*keys[0])
    is_better = (scores.points > keys[0][0]) | (
        (scores.points == keys[0][0]) & (scores.latest_day > keys[0][1])
    )
    better_rows = rows[is_better[rows]]
    if not len(better_rows):
        return Cut(int(scores.points.max()) + 1, 0)
    points = int(scores.points[better_rows].min())
    return Cut(points, int(scores.latest_day[better_rows[scores.points[better_rows] == points]].min()))


@dataclass(frozen=True, slots=True)
class Stability:
    """Selected under other weights, without any one crime, by a window of 30 days less or more?"""

    other_weights: Bools
    dropped: Bools
    window_shorter: Bools
    window_longer: Bools

    def marginal(self, is_selected: Bools) -> Bools:
        """Whose answer changes under any of these?"""
        answers = np.stack([self.other_weights, self.dropped, self.window_shorter, self.window_longer])
        return np.asarray((answers != is_selected).any(axis=0))


@dataclass(frozen=True, slots=True)
class Variants:
    """Whether each person is selected without one crime (parallel arrays, a row for each pair)."""

    person: Ints
    crime: Ints
    is_selected: Bools


def drop_each_crime(
    events: CrimeEvents, adult_day: Ints, rule: Rule, *, as_of_day: int, cut: Cut
) -> Variants:
    """Who is selected still, without each crime in turn that earns or could earn points?"""
    scores = score_people(events, adult_day, rule, as_of_day=as_of_day)
    is_kept = (scores.event_points > 0) | np.isin(scores.event_why_not, (SAME_CRIME, BEYOND))
    pairs = np.unique(np.stack([events.person[is_kept], events.crime[is_kept]], axis=1), axis=0)
    pairs = pairs.reshape(-1, 2)
    order = np.argsort(events.person, kind="stable")
    starts = np.searchsorted(events.person[order], pairs[:, 0])
    lengths = np.searchsorted(events.person[order], pairs[:, 0], side="right") - starts
    variant_of_row = np.repeat(np.arange(len(pairs)), lengths)
    offsets = np.arange(len(variant_of_row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    rows = order[starts[variant_of_row] + offsets]
    is_kept_event = events.crime[rows] != pairs[variant_of_row, 1]
    scores = score_people(
        events.take(rows[is_kept_event], variant_of_row[is_kept_event]),
        adult_day[pairs[:, 0]],
        rule,
        as_of_day=as_of_day,
    )
    return Variants(pairs[:, 0], pairs[:, 1], scores.passes & cut.admits(scores))


def judge_stability(
    events: CrimeEvents, adult_day: Ints, rule: Rule, *, as_of_day: int, cut: Cut, other_cut: Cut
) -> Stability:
    """How firm is the answer about each of these people?"""

    def select(chosen_cut: Cut, *, by_other_weights: bool = False, window_days: int | None = None) -> Bools:
        scores = score_people(
            events,
            adult_day,
            rule,
            as_of_day=as_of_day,
            by_other_weights=by_other_weights,
            window_days=window_days,
        )
        return scores.passes & chosen_cut.admits(scores)

    variants = drop_each_crime(events, adult_day, rule, as_of_day=as_of_day, cut=cut)
    is_selected_when_dropped = select(cut)
    is_selected_when_dropped[variants.person[~variants.is_selected]] = False
    return Stability(
        other_weights=select(other_cut, by_other_weights=True),
        dropped=is_selected_when_dropped,
        window_shorter=select(cut, window_days=rule.window_days - SHIFT_DAYS),
        window_longer=select(cut, window_days=rule.window_days + SHIFT_DAYS),
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom the rule selects out of many people."""

    rows: Ints  # of the people who are selected
    scores: PersonScores  # of all people, from what may count against a suspect alone
    victim_points: Ints  # of those selected
    is_marginal: Bools  # of those selected
    cut: Cut
    other_cut: Cut


def select_people(events: CrimeEvents, adult_day: Ints, rule: Rule, *, as_of_day: int) -> Selection:
    """Whom does the rule select, and whose answer is marginal?"""
    earning_events = _take_earning(events, rule, as_of_day)
    scores, cut, other_cut = _score_both_ways(earning_events, adult_day, rule, as_of_day)
    is_selected = scores.passes & cut.admits(scores)
    rows = np.flatnonzero(is_selected)
    stability = judge_stability(
        _events_of(earning_events, is_selected),
        adult_day[rows],
        rule,
        as_of_day=as_of_day,
        cut=cut,
        other_cut=other_cut,
    )
    all_theirs = score_people(_events_of(events, is_selected), adult_day[rows], rule, as_of_day=as_of_day)
    is_marginal = stability.marginal(np.ones(len(rows), np.bool_))
    return Selection(rows, scores, all_theirs.victim_points, is_marginal, cut, other_cut)


def find_cuts(events: CrimeEvents, adult_day: Ints, rule: Rule, *, as_of_day: int) -> tuple[Cut, Cut]:
    """Where the list ends by the weights in force, and by the other ones."""
    _, cut, other_cut = _score_both_ways(_take_earning(events, rule, as_of_day), adult_day, rule, as_of_day)
    return cut, other_cut


def _take_earning(events: CrimeEvents, rule: Rule, as_of_day: int) -> CrimeEvents:
    """The events that can earn points as suspect: to sort the others too would take most of the time."""
    age_days = as_of_day - events.day
    may_earn = weigh_events(events, rule).suspect_weight > 0
    return events.take(may_earn & (age_days >= 0) & (age_days <= rule.window_days + SHIFT_DAYS))


def _score_both_ways(
    events: CrimeEvents, adult_day: Ints, rule: Rule, as_of_day: int
) -> tuple[PersonScores, Cut, Cut]:
    scores, other_scores = (
        score_people(events, adult_day, rule, as_of_day=as_of_day, by_other_weights=by_other_weights)
        for by_other_weights in (False, True)
    )
    return scores, find_cut(scores, rule.limit), find_cut(other_scores, rule.limit)


def _events_of(events: CrimeEvents, is_selected: Bools) -> CrimeEvents:
    """The events of these people alone, who are numbered from 0."""
    new_index = np.cumsum(is_selected) - 1
    is_theirs = is_selected[events.person]
    return events.take(is_theirs, new_index[events.person[is_theirs]])
