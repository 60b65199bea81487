"""The rule for all people: nothing but its inputs changes the answer, and less is never more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.divert.core.crime_events import (
    BASES,
    EPOCH,
    OUTCOMES,
    ROLES,
    SOURCES,
    STATUSES,
    EventRow,
    encode_rows,
)
from becalm.divert.core.explanation import explain_person, explanation_data
from becalm.divert.core.rule import FORMAL, Rule
from becalm.divert.core.score import AGE_UNKNOWN, NO_CUT, score_people, select_people
from becalm.divert.files.read_rule import read_rule

RULE = read_rule()
AS_OF = date(2020, 5, 31)
BORN = date(1990, 1, 1)
OFFENCES = ("34B", "8N", "105A", "1", "Possession of drugs")

event_rows = st.builds(
    EventRow,
    crime_ref=st.sampled_from([f"C{n}" for n in range(8)]),
    occurred_on=st.integers(-20, 420).map(lambda days: AS_OF - timedelta(days=days)),
    offence=st.sampled_from(OFFENCES),
    role=st.sampled_from(ROLES),
    status=st.sampled_from(STATUSES),
    basis=st.sampled_from(BASES),
    found_by=st.sampled_from(SOURCES),
    outcome=st.sampled_from(OUTCOMES),
    owner=st.sampled_from(["", "D1", "D2"]),
    is_live=st.booleans(),
)
lists_of_events = st.lists(event_rows, max_size=12)


def by_hand(rows: Sequence[EventRow], rule: Rule = RULE, born_on: date | None = BORN) -> tuple[int, bool]:
    """The points and the answer, written again from the page and without an array."""
    bands = rule.bands()
    best: dict[str, tuple[int, date]] = {}
    counted: list[EventRow] = []
    for row in rows:
        age = (AS_OF - row.occurred_on).days
        may_count = (
            row.role in ("suspect", "charged", "convicted")
            and row.offence in bands
            and row.outcome == ""
            and row.status not in ("", "eliminated")
            and row.found_by in ("victim", "witness")
            and row.basis == "fact"
            and 0 <= age <= rule.window_days
        )
        if may_count:
            points = bands[row.offence] * rule.points.for_age(age) * rule.points.by_status[row.status]
            counted.append(row)
            best[row.crime_ref] = max(best.get(row.crime_ref, (0, date.min)), (points, row.occurred_on))
    points = sum(sorted((points for points, _ in best.values()), reverse=True)[: rule.points.most_events])
    is_adult = born_on is not None and (AS_OF.year - born_on.year) >= 18
    newest = max((row.occurred_on for row in counted), default=date.min)
    passes = (
        is_adult
        and len(best) >= rule.gate.crimes
        and len({row.occurred_on for row in counted}) >= rule.gate.dates
        and len({row.crime_ref for row in counted if row.status in FORMAL}) >= rule.gate.charged
        and (AS_OF - newest).days <= rule.gate.recent_days
    )
    return points, bool(passes and points >= 1)


def explain(rows: Sequence[EventRow]) -> dict[str, object]:
    return explanation_data(
        explain_person("P-1", rows, BORN, RULE, as_of=AS_OF, cut=NO_CUT, other_cut=NO_CUT)
    )


def check(rows: list[EventRow], seed: int) -> None:
    points, is_selected = by_hand(rows)
    answer = explain(rows)
    assert (answer["points"], answer["selected"]) == (points, is_selected)
    shuffled = random.Random(seed).sample(rows, len(rows))
    others = [replace(row, owner="D9", is_live=not row.is_live) for row in shuffled]  # no inputs of the rule
    assert explain(others) == answer
    for row in rows[:1]:
        fewer = list(rows)
        fewer.remove(row)
        assert by_hand(fewer)[0] <= points
        assert int(str(explain(fewer)["points"])) <= points


@settings(max_examples=60)
@given(lists_of_events, st.integers(0, 9))
def test_points_are_those_added_by_hand_and_only_inputs_count(rows: list[EventRow], seed: int) -> None:
    check(rows, seed)


@pytest.mark.exhaustive
def test_a_hundred_thousand_people_permuted_and_with_one_event_fewer() -> None:
    count = 100_000
    rng = random.Random(7)
    people = [[draw_event(rng) for _ in range(rng.randint(0, 9))] for _ in range(count)]
    points, is_selected = score_together(people)
    for rows, person_points, answer in zip(people, points.tolist(), is_selected.tolist(), strict=True):
        assert by_hand(rows) == (person_points, answer)
    shuffled = [rng.sample(rows, len(rows)) for rows in people]
    others = [[replace(row, owner="D9", is_live=not row.is_live) for row in rows] for rows in shuffled]
    same_points, same_answers = score_together(others)
    assert np.array_equal(same_points, points)
    assert np.array_equal(same_answers, is_selected)
    fewer_points, _ = score_together([rows[1:] for rows in shuffled])
    assert (fewer_points <= points).all()
    assert 0 < is_selected.sum() < count


def draw_event(rng: random.Random) -> EventRow:
    """An event that counts more often than not."""
    return EventRow(
        crime_ref=f"C{rng.randint(0, 6)}",
        occurred_on=AS_OF - timedelta(days=rng.randint(-5, 400)),
        offence=rng.choice(OFFENCES),
        role=rng.choice(("suspect", "charged", "convicted", *ROLES)),
        status=rng.choice(STATUSES[1:]),
        basis="assessment" if rng.random() < 0.05 else "fact",
        found_by=rng.choice(("victim", "victim", "victim", *SOURCES)),
        outcome="" if rng.random() < 0.9 else rng.choice(OUTCOMES),
    )


def score_together(people: Sequence[Sequence[EventRow]]) -> tuple[np.ndarray, np.ndarray]:
    """Points of each person, and who is selected, all at once and without a limit."""
    rows = [replace(row, crime_ref=f"{p}-{row.crime_ref}") for p, rows in enumerate(people) for row in rows]
    person = np.array([p for p, rows in enumerate(people) for _ in rows], np.int64)
    events = encode_rows(rows).take(np.arange(len(rows)), person)
    adult_day = np.full(len(people), (BORN.replace(year=2008) - EPOCH).days, np.int64)
    scores = score_people(events, adult_day, RULE, as_of_day=(AS_OF - EPOCH).days)
    return scores.points, scores.passes


@settings(max_examples=40)
@given(st.lists(lists_of_events, min_size=1, max_size=6))
def test_many_people_at_once_are_scored_as_each_alone(people: list[list[EventRow]]) -> None:
    rows = [replace(row, crime_ref=f"{p}-{row.crime_ref}") for p, rows in enumerate(people) for row in rows]
    person = np.array([p for p, rows in enumerate(people) for _ in rows], np.int64)
    events = encode_rows(rows).take(np.arange(len(rows)), person)
    adult_day = np.full(len(people), (BORN.replace(year=2008) - EPOCH).days, np.int64)
    adult_day[::4] = AGE_UNKNOWN
    selection = select_people(events, adult_day, RULE, as_of_day=(AS_OF - EPOCH).days)
    for p, rows in enumerate(people):
        points, is_selected = by_hand(rows, born_on=None if p % 4 == 0 else BORN)
        assert selection.scores.points[p] == points
        assert (p in selection.rows) == is_selected
    marginal = dict(zip(selection.rows.tolist(), selection.is_marginal.tolist(), strict=True))
    for p, is_marginal in marginal.items():
        assert is_marginal == explain(people[p])["marginal"]


@settings(max_examples=50)
@given(st.integers(1, 5), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_a_tie_at_the_limit_is_wholly_in_or_wholly_out(limit: int, kinds: list[int]) -> None:
    rule = replace(RULE, limit=limit)
    rows, person = [], []
    for p, kind in enumerate(kinds):
        for n in range(4 + kind % 2):
            rows.append(
                EventRow(
                    f"{p}-{n}",
                    AS_OF - timedelta(days=10 * n + kind // 2),
                    "34B",
                    "charged",
                    "charged",
                    "fact",
                    "victim",
                    "",
                )
            )
            person.append(p)
    events = encode_rows(rows).take(np.arange(len(rows)), np.array(person))
    adult_day = np.zeros(len(kinds), np.int64)
    selection = select_people(events, adult_day, rule, as_of_day=(AS_OF - EPOCH).days)
    chosen = set(selection.rows.tolist())
    assert len(chosen) <= limit
    for kind in set(kinds):
        same = {p for p, other in enumerate(kinds) if other == kind}
        assert same <= chosen or not same & chosen
