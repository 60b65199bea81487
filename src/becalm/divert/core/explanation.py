"""One person's own page: every event, its points or why it earns none, and how firm the answer is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from becalm.divert.core.crime_events import (
    EPOCH,
    SUSPECT_ROLES,
    WHY_NOT,
    CrimeEvents,
    EventRow,
    encode_rows,
    sort_rows,
)
from becalm.divert.core.rule import Rule
from becalm.divert.core.score import (
    AGE_UNKNOWN,
    Cut,
    PersonScores,
    Stability,
    drop_each_crime,
    judge_stability,
    score_people,
)
from becalm.methods.arrays import Ints


@dataclass(frozen=True, slots=True)
class GateLine:
    """One condition of the gate: what it asks for, and what is there."""

    name: str
    needed_text: str
    found_text: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event with its points, or why it earns none."""

    event: EventRow
    harm_band: int
    recency: int
    points: int
    why_not: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the rule selects a person, or does not."""

    person: str
    rule: Rule
    as_of: date
    data_sha256: str
    gate: tuple[GateLine, ...]
    events: tuple[EventLine, ...]
    points: int
    victim_points: int
    is_selected: bool
    near_miss: tuple[tuple[str, bool], ...]  # without this crime: selected?
    is_selected_by_other_weights: bool
    is_selected_without_any_one: bool
    is_selected_by_shorter_window: bool
    is_selected_by_longer_window: bool
    is_adult: bool
    crimes: int
    dates: int
    charged: int
    latest_on: date | None
    is_child_route: bool = False

    @property
    def hides_points(self) -> bool:
        """Are no points shown, because it is about a child, or somebody whose age is not known?"""
        return not self.is_adult

    @property
    def is_marginal(self) -> bool:
        """Does the answer change with one event, 30 days or the other weights?"""
        answers = (
            *(self.is_selected_by_other_weights, self.is_selected_without_any_one),
            *(self.is_selected_by_shorter_window, self.is_selected_by_longer_window),
        )
        return any(answer != self.is_selected for answer in answers)

    @property
    def has_overlap(self) -> bool:
        """Was the person a victim too, so that support comes first?"""
        return self.victim_points > 0


def digest_events(born_on: date | None, rows: Sequence[EventRow]) -> str:
    """One hash for all that the rule looked at about a person.

    >>> digest_events(None, [])[:8]
    'aa5598c6'
    """
    field_names = ("crime_ref", "occurred_on", "offence", "role", "status", "basis", "found_by", "outcome")
    lines = sorted([str(getattr(row, name)) for name in field_names] for row in rows)
    text = json.dumps([str(born_on or ""), lines], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def majority_day(born_on: date | None, adult_age: int) -> int:
    """The day since 1970 on which somebody comes of age; far away where the birth date is unknown.

    >>> majority_day(date(2004, 2, 29), 18) == (date(2022, 3, 1) - EPOCH).days
    True
    """
    if born_on is None:
        return AGE_UNKNOWN
    year = born_on.year + adult_age
    is_leap_birthday = (born_on.month, born_on.day) == (2, 29)
    try:
        birthday = born_on.replace(year=year)
    except ValueError:
        assert is_leap_birthday
        birthday = date(year, 3, 1)
    return (birthday - EPOCH).days


def eligible_day(born_on: date | None, rule: Rule, as_of: date, *, is_child_route: bool) -> int:
    """From which day on the age is right: that of majority, or for children that of the least age until then.

    Unknown is never right, and without a route for children no child is of the right age.
    """
    majority = majority_day(born_on, rule.adult_age)
    if not is_child_route:
        return majority
    is_child = (as_of - EPOCH).days < majority < AGE_UNKNOWN
    return majority_day(born_on, rule.child_age) if is_child and rule.child_age else AGE_UNKNOWN


def explain_person(
    person: str,
    rows: Sequence[EventRow],
    born_on: date | None,
    rule: Rule,
    *,
    as_of: date,
    cut: Cut,
    other_cut: Cut,
    is_child_route: bool = False,
) -> Explanation:
    """Why does the rule select this person, or not?

    The same events, rule and day give the same answer, in the order of the newest event first.
    """
    as_of_day = (as_of - EPOCH).days
    adult_day = np.array([eligible_day(born_on, rule, as_of, is_child_route=is_child_route)], np.int64)
    sorted_rows = sort_rows(rows)
    events = encode_rows(sorted_rows)
    scores = score_people(events, adult_day, rule, as_of_day=as_of_day)
    is_selected = bool((scores.passes & cut.admits(scores))[0])
    stability = judge_stability(events, adult_day, rule, as_of_day=as_of_day, cut=cut, other_cut=other_cut)
    latest_day = int(scores.latest_day[0])
    return Explanation(
        person=person,
        rule=rule,
        as_of=as_of,
        data_sha256=digest_events(born_on, rows),
        gate=(
            _age_line(scores, rule, is_age_known=born_on is not None, is_child_route=is_child_route),
            *_gate_lines(scores, rule, as_of_day=as_of_day),
        ),
        events=_event_lines(sorted_rows, scores, rule),
        points=int(scores.points[0]),
        victim_points=int(scores.victim_points[0]),
        is_selected=is_selected,
        near_miss=_near_misses(sorted_rows, events, scores, rule, adult_day[0], as_of_day, cut),
        **_answers(stability),
        is_adult=majority_day(born_on, rule.adult_age) <= as_of_day,
        crimes=int(scores.crimes[0]),
        dates=int(scores.dates[0]),
        charged=int(scores.charged[0]),
        latest_on=None if latest_day < 0 else date.fromordinal(EPOCH.toordinal() + latest_day),
        is_child_route=is_child_route,
    )


def _answers(stability: Stability) -> dict[str, bool]:
    return {
        "is_selected_by_other_weights": bool(stability.other_weights[0]),
        "is_selected_without_any_one": bool(stability.dropped[0]),
        "is_selected_by_shorter_window": bool(stability.window_shorter[0]),
        "is_selected_by_longer_window": bool(stability.window_longer[0]),
    }


def _age_line(scores: PersonScores, rule: Rule, *, is_age_known: bool, is_child_route: bool) -> GateLine:
    is_right = bool(scores.is_adult[0])
    found_text = ("yes" if is_right else "no") if is_age_known else "age unknown, so treated as a child"
    child_text = (
        f"{rule.child_age} to {rule.adult_age - 1}" if rule.child_age else "a child (the route is off)"
    )
    return GateLine(
        child_text if is_child_route else f"{rule.adult_age} or older", "yes", found_text, is_right
    )


def _gate_lines(scores: PersonScores, rule: Rule, *, as_of_day: int) -> tuple[GateLine, ...]:
    gate, latest = rule.gate, int(scores.latest_day[0])
    age_days = as_of_day - latest
    latest_age_text = "none" if latest < 0 else f"{age_days} days"
    return (
        _count_line("different crimes as suspect", gate.crimes, scores.crimes),
        _count_line("on different days", gate.dates, scores.dates),
        GateLine(
            "age of the newest",
            f"{gate.recent_days} days or less",
            latest_age_text,
            latest >= 0 and age_days <= gate.recent_days,
        ),
        _count_line("with a formal outcome", gate.charged, scores.charged),
    )


def _count_line(name: str, needed_count: int, counts: Ints) -> GateLine:
    return GateLine(name, str(needed_count), str(counts[0]), bool(counts[0] >= needed_count))


def _event_lines(rows: Sequence[EventRow], scores: PersonScores, rule: Rule) -> tuple[EventLine, ...]:
    bands = rule.bands()
    lines = []
    for row, points, why, recency in zip(
        rows,
        scores.event_points.tolist(),
        scores.event_why_not.tolist(),
        scores.recency.tolist(),
        strict=True,
    ):
        is_suspect = row.role in SUSPECT_ROLES
        reason_text = WHY_NOT[why] or ("" if points else "a victim's events are added up apart")
        if is_suspect and not reason_text and not points:
            reason_text = "its status earns no points"
        lines.append(EventLine(row, bands.get(row.offence, 0), recency, points, reason_text))
    return tuple(lines)


def _near_misses(
    rows: Sequence[EventRow],
    events: CrimeEvents,
    scores: PersonScores,
    rule: Rule,
    adult_day: int,
    as_of_day: int,
    cut: Cut,
) -> tuple[tuple[str, bool], ...]:
    """Without each crime that earns points in turn: still selected?"""
    variants = drop_each_crime(events, np.array([adult_day]), rule, as_of_day=as_of_day, cut=cut)
    ref_of_crime = {int(crime): row.crime_ref for crime, row in zip(events.crime, rows, strict=True)}
    counting_crimes = {int(crime) for crime in events.crime[scores.event_points > 0]}
    return tuple(
        (ref_of_crime[crime], is_selected)
        for crime, is_selected in sorted(
            zip(variants.crime.tolist(), variants.is_selected.tolist(), strict=True)
        )
        if crime in counting_crimes
    )


def explanation_data(explanation: Explanation) -> dict[str, object]:
    """The page as other programs read it; the same bytes on every store. No points of a child are in it."""
    rule, is_hidden = explanation.rule, explanation.hides_points
    return {
        "person": explanation.person,
        "rule": {"key": rule.key, "version": rule.version, "sha256": rule.sha256},
        "as_of": explanation.as_of.isoformat(),
        "data_sha256": explanation.data_sha256,
        "gate": [
            {"name": line.name, "needed": line.needed_text, "found": line.found_text, "met": line.is_met}
            for line in explanation.gate
        ],
        "events": [
            {
                "crime_ref": line.event.crime_ref,
                "occurred_on": line.event.occurred_on.isoformat(),
                "role": line.event.role,
                "harm_band": None if is_hidden else line.harm_band,
                "recency": None if is_hidden else line.recency,
                "status": line.event.status,
                "points": None if is_hidden else line.points,
                "why_not": line.why_not,
            }
            for line in explanation.events
        ],
        "points": None if is_hidden else explanation.points,
        "victim_points": None if is_hidden else explanation.victim_points,
        "selected": explanation.is_selected,
        "near_miss": [
            {"without": ref, "selected": is_selected} for ref, is_selected in explanation.near_miss
        ],
        "stability": {
            "other_weights": explanation.is_selected_by_other_weights,
            "dropped": explanation.is_selected_without_any_one,
            "window_shorter": explanation.is_selected_by_shorter_window,
            "window_longer": explanation.is_selected_by_longer_window,
        },
        "marginal": explanation.is_marginal,
    }


def digest_explanation(explanation: Explanation) -> str:
    """The hash of the page, under which a nomination and the opening of its evidence name it."""
    text = json.dumps(explanation_data(explanation), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
