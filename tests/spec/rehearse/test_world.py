"""The rehearsed city reacts to delivered patrols by its laws; its force writes down what it learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from becalm.rehearse.delivery import PlannedVisit, deliver, replace_by_most_overdue, visit_log
from becalm.rehearse.laws import VisitLog, sort_visits
from becalm.rehearse.records import write_extract
from becalm.rehearse.scenario import PatrolLaws, RecordLaws, Scenario
from becalm.rehearse.truth import expected_prevention, ring_ratio
from becalm.rehearse.world import SCALES, Course, World, live_week, make_world
from becalm.simulate.intensity import treatable_offences
from becalm.simulate.time_profiles import DAY_MINUTES, to_utc

WEEKS = 4
NOTHING = sort_visits(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
SMALL_TOWN = replace(SCALES["tiny"], city=replace(SCALES["tiny"].city, incidents=60_000), history_days=120)


def world_with(patrol: PatrolLaws, records: RecordLaws | None = None) -> tuple[World, Course]:
    scenario = Scenario(
        title="A test", note="A test.", patrol=patrol, records=records or RecordLaws(found_per_visit=0.0)
    )
    return make_world(scenario, SMALL_TOWN, weeks=WEEKS, seed=3)


def visits_everywhere(world: World, course: Course, week: int) -> VisitLog:
    """Half an hour at the place of each offence that patrols act on, around its very minute."""
    first_day, end_day = world.week_days(week)
    incidents = course.incidents
    days = incidents.minute // DAY_MINUTES
    rows = (days >= first_day) & (days < end_day) & treatable_offences()[incidents.offence] & course.is_real
    start = to_utc(incidents.minute[rows]) - 15
    return sort_visits(world.cells(course)[rows], start, start + 30)


def street_violence(world: World, course: Course, week: int) -> int:
    first_day, end_day = world.week_days(week)
    days = course.incidents.minute // DAY_MINUTES
    mask = (days >= first_day) & (days < end_day) & treatable_offences()[course.incidents.offence]
    return int((mask & course.is_real).sum())


def test_without_an_effect_patrols_change_nothing() -> None:
    world, course = world_with(PatrolLaws())
    lived = live_week(world, course, 0, visits_everywhere(world, course, 0), NOTHING)
    assert street_violence(world, lived, 0) == street_violence(world, course, 0)


def test_a_crew_at_every_offence_prevents_the_planted_share() -> None:
    world, course = world_with(PatrolLaws(effect=0.5))
    before = street_violence(world, course, 0)
    lived = live_week(world, course, 0, visits_everywhere(world, course, 0), NOTHING)
    prevented = before - street_violence(world, lived, 0)
    assert abs(prevented - before / 2) < 4 * (before / 4) ** 0.5
    expected = expected_prevention(
        world, course, 0, visits_everywhere(world, course, 0), NOTHING, watchful_share=0.0
    )
    assert expected.sum() == pytest.approx(before / 2)


def test_what_is_displaced_happens_elsewhere_and_is_not_lost() -> None:
    world, course = world_with(PatrolLaws(effect=1.0, displaced=1.0, reach_m=5_000.0))
    few = visits_everywhere(world, course, 0)
    one_cell = few.cell == few.cell[0]
    visits = VisitLog(few.cell[one_cell], few.start[one_cell], few.end[one_cell])
    lived = live_week(world, course, 0, visits, NOTHING)
    assert street_violence(world, lived, 0) == street_violence(world, course, 0)
    moved = lived.incidents.is_displaced
    assert moved.any()
    assert not np.isin(world.cells(lived)[moved], visits.cell).any()


def test_the_same_seed_gives_the_same_records(tmp_path: Path) -> None:
    for name in ("first", "second"):
        world, course = world_with(PatrolLaws(effect=0.5))
        course = live_week(world, course, 0, visits_everywhere(world, course, 0), NOTHING)
        write_extract(world, course, tmp_path / name / "i.parquet", day=world.monday(2), is_whole=False)
    first, second = (pq.read_table(tmp_path / name / "i.parquet") for name in ("first", "second"))
    assert first.equals(second)


def test_records_of_a_lost_week_never_arrive(tmp_path: Path) -> None:
    whole, course = world_with(PatrolLaws())
    gapped, _ = world_with(PatrolLaws(), RecordLaws(found_per_visit=0.0, lost_weeks=(2,)))
    counts = [
        write_extract(world, course, tmp_path / f"{index}.parquet", day=world.monday(3), is_whole=True)
        for index, world in enumerate((whole, gapped))
    ]
    dates = [set(pq.read_table(tmp_path / f"{i}.parquet")["recorded_on"].to_pylist()) for i in range(2)]
    lost = {str(whole.monday(1).fromordinal(whole.monday(1).toordinal() + day)) for day in range(7)}
    assert counts[1] < counts[0]
    assert dates[0] - dates[1] == lost


def test_some_records_are_put_right_later(tmp_path: Path) -> None:
    world, course = world_with(PatrolLaws(), RecordLaws(found_per_visit=0.0, revised_share=1.0))
    words = []
    for week in (0, WEEKS):
        path = tmp_path / f"{week}.parquet"
        write_extract(world, course, path, day=world.monday(week), is_whole=True)
        table = pq.read_table(path)
        words.append(dict(zip(table["crime_ref"].to_pylist(), table["offence"].to_pylist(), strict=True)))
    changed = [ref for ref, word in words[0].items() if words[1][ref] != word]
    assert {words[0][ref] for ref in changed} == {"Violence without injury", "Theft from the person"}
    assert {words[1][ref] for ref in changed} == {"Violence with injury", "Robbery of personal property"}


def tour(unit: str, starts: list[int], hotspots: list[str]) -> list[PlannedVisit]:
    return [PlannedVisit(unit, h, "Ash", s, s + 15) for s, h in zip(starts, hotspots, strict=True)]


def test_the_rival_makes_as_many_visits_and_goes_where_nobody_was_for_longest() -> None:
    day = world_day = 18_303 * DAY_MINUTES + 600
    planned = tour("Ash 1", [day, day + 100, day + 130, day + 240], [f"150m_{c}_1" for c in (1, 1, 2, 3)])
    rival = replace_by_most_overdue(planned, {"150m_1_1": world_day, "150m_2_1": 0, "150m_3_1": 60})
    assert len(rival) == len(planned)
    assert [v.hotspot for v in rival[:2]] == ["150m_2_1", "150m_3_1"]
    assert [b.start - a.start for a, b in pairwise(rival)] == [80, 80, 80]


def test_a_crew_is_never_at_two_places_and_nothing_is_added() -> None:
    world, _ = world_with(PatrolLaws())
    first_day, _ = world.week_days(0)
    starts = [first_day * DAY_MINUTES + 600 + 18 * i for i in range(20)]
    planned = tour("Ash 1", starts, ["150m_1_1"] * 20)
    done = deliver(world, 0, planned)
    assert len(done) <= len(planned)
    assert all(a.end < b.start for a, b in pairwise(done))
    assert len(visit_log(done)) == len(done)


def test_what_moves_next_door_raises_the_ring_and_nothing_else_does() -> None:
    """Half of the offences at some cells are prevented on every other day: their ring is strong then."""
    for displaced, is_raised in ((0.0, False), (1.0, True)):
        world, course = world_with(PatrolLaws(effect=0.5, displaced=displaced))
        first_day, end_day = world.week_days(0)
        cells, counts = np.unique(
            world.cells(course)[treatable_offences()[course.incidents.offence]], return_counts=True
        )
        busiest = cells[np.argsort(counts)[-3:]].tolist()
        arm_of = {
            (cell, day): "high" if day % 2 else "off" for cell in busiest for day in range(first_day, end_day)
        }
        days = course.incidents.minute // DAY_MINUTES
        is_hit = (
            np.isin(world.cells(course), busiest) & (days % 2 == 1) & (days >= first_day) & (days < end_day)
        )
        prevention = np.where(is_hit & treatable_offences()[course.incidents.offence], 0.5, 0.0)
        ratio = ring_ratio(world, course, prevention, arm_of, reach_m=275.0)
        assert ratio is not None
        assert (ratio > 1.0) is is_raised
        assert ratio == pytest.approx(1.0) or is_raised
