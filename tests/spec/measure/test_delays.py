"""How complete are the newest weeks, and what will they hold in the end?"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
import pytest
from records import incidents

from becalm.measure.core.delay import DelayReport, is_dated, report_recorded, report_versions
from becalm.measure.core.request import DelayRequest
from becalm.tables import CountTable, count_delays
from becalm.terms import QuestionError

AS_OF = date(2020, 6, 3)  # a Wednesday: the newest whole week is that of 25 May
FIRST = date(2018, 1, 1)


def records(*, late_share: float, weekly: int = 20, until: date = AS_OF) -> Any:
    """So many a week since 2018; this share of them is written a week and a half after its week."""
    rows = []
    for monday in (FIRST + timedelta(weeks=n) for n in range((until - FIRST).days // 7)):
        for n in range(weekly):
            written = monday + timedelta(days=16 if n < late_share * weekly else 2)
            if written <= AS_OF:
                rows.append({"day": monday + timedelta(days=1), "recorded_on": written, "as_of": AS_OF})
    return ibis.memtable(incidents(rows))


def report(rows: Any, **asked: Any) -> DelayReport:
    request = DelayRequest(**{"weeks": 3, "longest_delay": 8, **asked})
    delays = count_delays(rows, by="offence_group", longest_delay=request.longest_delay)
    assert is_dated(delays)
    return report_recorded(delays, request)


def test_what_is_usually_written_late_is_expected_on_top_of_what_is_known() -> None:
    answer = report(records(late_share=0.25))
    assert [row.start for row in answer.rows] == [date(2020, 5, 11), date(2020, 5, 18), date(2020, 5, 25)]
    assert [row.known_count for row in answer.rows] == [20, 20, 15]
    newest = answer.rows[-1]
    assert newest.completeness is not None
    assert newest.final is not None
    assert newest.completeness.value == pytest.approx(0.75)
    assert newest.final.value == pytest.approx(20.0, abs=0.2)
    assert newest.final.low <= 20 <= newest.final.high
    assert newest.completeness.low == pytest.approx(min(15 / newest.final.high, 0.75))
    assert newest.completeness.high == pytest.approx(max(15 / newest.final.low, 0.75))
    assert answer.warnings == ()
    assert answer.rows[0].final is not None
    assert answer.rows[0].final.value == pytest.approx(20.0)


@pytest.mark.parametrize("weekly", [1, 20])
def test_weeks_run_to_the_as_of_day_though_the_newest_hold_nothing(weekly: int) -> None:
    answer = report(records(late_share=0.0, weekly=weekly, until=date(2020, 5, 18)))
    assert [row.known_count for row in answer.rows] == [weekly, 0, 0]
    assert "newest 2 weeks hold nothing" in " ".join(answer.warnings)
    assert "cut short" in " ".join(answer.warnings)


def test_a_delay_longer_than_the_history_is_refused() -> None:
    with pytest.raises(QuestionError, match=r"up to 200 weeks .* 126 weeks .*`longest_delay`"):
        count_delays(records(late_share=0.25), by="offence_group", longest_delay=200)


def test_how_often_past_nowcasts_held_stands_beside_the_interval() -> None:
    answer = report(records(late_share=0.25))
    assert answer.past_nowcast_count == 52
    assert answer.past_held_share == 1.0


def table(as_of: date, newest: list[int]) -> CountTable:
    """Twenty weeks of 100, with these in the newest."""
    values = np.array([[100] * (20 - len(newest)) + newest])
    last_monday = as_of - timedelta(days=7 + as_of.weekday())
    times = tuple(last_monday - timedelta(weeks=19 - t) for t in range(20))
    return CountTable("offence_group", "week", ("robbery",), times, values, ("victim",), "drawn", as_of)


def test_without_days_of_recording_former_versions_tell_how_complete_a_week_is() -> None:
    former = [table(AS_OF - timedelta(weeks=weeks), [90, 60]) for weeks in (9, 10, 11)]
    answer = report_versions(table(AS_OF, [90, 60]), former, DelayRequest(weeks=2, longest_delay=6))
    assert answer.basis == "former versions"
    shares = [row.completeness.value for row in answer.rows if row.completeness]
    assert shares == pytest.approx([0.9, 0.6])
    assert [row.final.value for row in answer.rows if row.final] == pytest.approx([100, 100], rel=0.02)


def test_where_nothing_can_tell_completeness_is_unknown() -> None:
    answer = report_versions(table(AS_OF, [90, 60]), [], DelayRequest(weeks=2))
    assert answer.basis == "unknown"
    assert {row.completeness for row in answer.rows} == {None}
    assert "Completeness unknown" in answer.warnings[0]
