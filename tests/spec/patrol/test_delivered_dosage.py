"""What counts as a visit, whose minutes are counted, and how a plan compares with what was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from patrols import T0, both, place, policy, stand, walk

from becalm.patrol.core.delivery import (
    CheckIn,
    compare_delivery,
    union_minutes,
    visits_from_check_ins,
    visits_from_traces,
)
from becalm.patrol.core.plan_inputs import Burst, Span

RULE = policy().delivered
START = datetime.fromtimestamp(T0, UTC)


def joined(*legs):
    return np.concatenate([leg[0] for leg in legs]), np.concatenate([leg[1] for leg in legs])


def span(start_minute: float, end_minute: float) -> Span:
    return Span(START + timedelta(minutes=start_minute), START + timedelta(minutes=end_minute))


def test_a_stay_inside_the_fence_is_a_visit_as_long_as_the_stay() -> None:
    legs = joined(
        stand(5, away_m=900), stand(15, start_minute=5 + 1 / 6), stand(5, away_m=900, start_minute=20.5)
    )
    (visit,) = visits_from_traces(walk(*legs), [place("h1")], RULE).visits
    assert visit.span.minutes == pytest.approx(15, abs=0.5)
    assert (visit.unit, visit.hotspot, visit.source, visit.officers) == ("N 1", "h1", "trace", 1)
    assert visit.accuracy_m == 8.0


def test_one_fix_inside_is_no_entering_and_one_fix_outside_is_no_leaving() -> None:
    at, xy = stand(30, away_m=900)
    xy[60] = [0, 0]
    assert visits_from_traces(walk(at, xy), [place("h1")], RULE).visits == ()
    at, xy = stand(30)
    xy[90] = [900, 0]
    (visit,) = visits_from_traces(walk(at, xy), [place("h1")], RULE).visits
    assert visit.span.minutes == pytest.approx(30)


def test_who_passes_by_in_less_than_three_minutes_has_not_visited() -> None:
    legs = joined(stand(5, away_m=900), stand(2, start_minute=5.5), stand(5, away_m=900, start_minute=8.5))
    assert visits_from_traces(walk(*legs), [place("h1")], RULE).visits == ()


@pytest.mark.parametrize(("gap", "visits"), [(2.0, 1), (6.0, 2)])
def test_stays_that_lie_three_minutes_apart_at_most_are_one_visit(gap: float, visits: int) -> None:
    legs = joined(
        stand(10), stand(gap, away_m=900, start_minute=10 + 1 / 6), stand(10, start_minute=10.5 + gap)
    )
    assert len(visits_from_traces(walk(*legs), [place("h1")], RULE).visits) == visits


def test_just_outside_the_edge_is_within_the_buffer_and_farther_off_is_not() -> None:
    inside = visits_from_traces(walk(*stand(10, away_m=85 + 20)), [place("h1")], RULE)
    outside = visits_from_traces(walk(*stand(10, away_m=85 + 30)), [place("h1")], RULE)
    assert (len(inside.visits), len(outside.visits)) == (1, 0)


def test_the_buffer_lengthens_no_visit_of_someone_who_comes_inside() -> None:
    minute = np.arange(0, 30 * 60 + 1, 10.0)
    east = np.abs(minute - 900) - 400  # one metre a second, at the middle for 13 minutes
    xy = np.column_stack([np.maximum(east, 0), np.zeros(len(east))])
    (visit,) = visits_from_traces(walk(T0 + minute, xy), [place("h1")], RULE).visits
    assert visit.span.minutes == pytest.approx((2 * 400 + 2 * 85) / 60, abs=0.4)


def test_two_officers_of_a_unit_make_one_visit_whose_officer_minutes_add_up() -> None:
    one = walk(*stand(20), officer=0)
    two = walk(*stand(10, start_minute=5), officer=1)
    (visit,) = visits_from_traces(both(one, two), [place("h1")], RULE).visits
    assert visit.span.minutes == pytest.approx(20)
    assert visit.officers == 2
    assert visit.officer_minutes == pytest.approx(30)


def test_of_two_hotspots_side_by_side_the_one_that_is_deeper_gets_the_visit() -> None:
    places = [place("h1"), place("h2", east=150)]
    (visit,) = visits_from_traces(walk(*stand(10, away_m=90)), places, RULE).visits
    assert visit.hotspot == "h2"


def test_an_outline_is_followed_where_there_is_one() -> None:
    from shapely import box

    hotspot = place("h1")
    square = box(
        hotspot.easting_m - 75, hotspot.northing_m - 75, hotspot.easting_m + 75, hotspot.northing_m + 75
    )
    assert visits_from_traces(walk(*stand(10, away_m=105)), [hotspot], RULE).visits
    assert not visits_from_traces(
        walk(*stand(10, away_m=105)), [hotspot], RULE, outlines={"h1": square}
    ).visits


def test_a_silence_in_the_traces_is_not_counted_and_is_told_without_a_name() -> None:
    legs = joined(stand(10), stand(10, start_minute=40))
    delivered = visits_from_traces(walk(*legs), [place("h1")], RULE)
    assert [round(v.span.minutes) for v in delivered.visits] == [10, 10]
    assert delivered.notes == (
        "1 gaps of more than 3 minutes in the traces, 0.5 hours in all: what was delivered then is not "
        "known, and not counted.",
    )


def test_poor_fixes_are_left_out_and_counted() -> None:
    good, poor = walk(*stand(10)), walk(*stand(10, start_minute=20), accuracy_m=400.0)
    delivered = visits_from_traces(both(good, poor), [place("h1")], RULE)
    assert len(delivered.visits) == 1
    assert "61 fixes left out: less accurate than 100 m." in delivered.notes


def test_no_fixes_are_no_visits() -> None:
    assert visits_from_traces(walk(np.zeros(0), np.zeros((0, 2))), [place("h1")], RULE).visits == ()


def test_planned_delivered_and_background_are_told_apart() -> None:
    planned = [
        Burst("N 1", "h1", span(0, 15)),
        Burst("N 1", "h1", span(60, 75)),
        Burst("N 1", "h1", span(400, 415)),
    ]
    legs = joined(stand(14), stand(10, start_minute=70), stand(20, start_minute=200))
    visits = visits_from_traces(walk(*legs), [place("h1")], RULE).visits
    (row,) = compare_delivery(planned, visits, [place("h1")], RULE, span=span(-60, 600)).places
    assert (row.planned_visits, row.delivered_visits, row.missed_visits) == (3, 2, 1)
    assert row.planned_minutes == 45
    assert row.patrol_minutes == pytest.approx(24)
    assert (row.background_visits, row.background_minutes) == (1, pytest.approx(20))
    assert row.delivered_share == pytest.approx(24 / 45)


def test_two_units_at_once_count_once_as_patrol_and_twice_as_officers() -> None:
    units = ("N 1", "N 2")
    traces = both(
        walk(*stand(20), officer=0, unit=0, units=units), walk(*stand(20), officer=1, unit=1, units=units)
    )
    visits = visits_from_traces(traces, [place("h1")], RULE).visits
    (row,) = compare_delivery([], visits, [place("h1")], RULE, span=span(-60, 600)).places
    assert len(visits) == 2
    assert row.background_minutes == pytest.approx(20)
    assert row.officer_minutes == pytest.approx(40)


def test_a_check_in_stays_an_officers_word_and_is_told_where_no_trace_bears_it_out() -> None:
    words = [
        CheckIn("N 1", "h1", span(2, 12).start, span(2, 12).end, 2),
        CheckIn("N 1", "h1", span(300, 310).start, span(300, 310).end),
    ]
    visits = (
        *visits_from_traces(walk(*stand(15)), [place("h1")], RULE).visits,
        *visits_from_check_ins(words),
    )
    (row,) = compare_delivery([], visits, [place("h1")], RULE, span=span(-60, 600)).places
    assert row.check_in_visits == 2
    assert row.check_in_minutes == pytest.approx(20)
    assert row.check_in_only_visits == 1
    assert row.background_minutes == pytest.approx(15)


def test_a_union_counts_each_moment_once() -> None:
    assert union_minutes([span(0, 10), span(5, 20), span(30, 31), span(6, 7)]) == 21
    assert union_minutes([]) == 0
