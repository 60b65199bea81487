"""How many incidents fell in each group in each day or month?"""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from records import incidents, published

from becalm.tables import CountTable, count_incidents, count_places, count_published, count_week_hours
from becalm.tables.counts import has_days
from becalm.terms import Period, QuestionError, UsageError

APRIL = Period(date(2020, 4, 1), date(2020, 5, 1))


def counted(rows: str, **asked: Any) -> CountTable:
    asked = {"by": "offence_group", "unit": "month", **asked}
    return count_incidents(ibis.memtable(incidents(rows)), **asked)


def answer(table: CountTable) -> dict[str, list[int]]:
    return dict(zip(table.groups, table.counts.tolist(), strict=True))


def test_each_month_between_the_first_and_the_last_is_there_even_without_an_incident() -> None:
    found = counted("""
        month   | offence_group
        2020-02 | robbery
        2020-04 | robbery
        2020-04 | burglary
        """)
    assert answer(found) == {"burglary": [0, 0, 1], "robbery": [1, 0, 1]}
    assert found.times == (date(2020, 2, 1), date(2020, 3, 1), date(2020, 4, 1))


def test_a_period_is_counted_whole_and_nothing_outside_it() -> None:
    found = counted(
        """
        day        | offence_group
        2020-03-31 | robbery
        2020-04-01 | robbery
        2020-04-30 | robbery
        2020-05-01 | robbery
        """,
        unit="day",
        period=APRIL,
    )
    assert len(found.times) == 30
    assert answer(found)["robbery"] == [1] + [0] * 28 + [1]


def test_a_period_before_the_first_record_is_counted_as_nothing() -> None:
    found = counted("day\n2020-04-01", period=Period(date(2019, 4, 1), date(2019, 5, 1)))
    assert found.groups == ()
    assert found.counts.shape == (0, 1)


def test_what_has_no_group_is_counted_as_unknown() -> None:
    assert answer(counted("month | offence_group\n2020-04 | robbery\n2020-04 |")) == {
        "robbery": [1],
        "unknown": [1],
    }


def test_a_group_says_who_found_its_offences() -> None:
    found = counted(
        """
        month   | borough | found_by
        2020-04 | Brent   | victim
        2020-04 | Camden  | victim
        2020-04 | Camden  | police
        2020-04 | Ealing  | police
        """,
        by="borough",
    )
    assert found.found_by == ("victim", "mixed", "police")


def test_groups_that_are_left_out_are_named_with_their_number() -> None:
    found = counted(
        """
        month   | offence_group
        2020-04 | robbery
        2020-04 | fraud
        2020-04 | fraud
        """,
        exclude_groups=("fraud", "treason"),
    )
    assert answer(found) == {"robbery": [1]}
    assert found.excluded_counts == (("fraud", 2),)


def test_days_are_refused_where_records_carry_only_a_month() -> None:
    rows = "month | day\n2020-04 |\n2020-04 |"
    with pytest.raises(QuestionError, match=r"2 of 2 records .* no day .*whole months"):
        counted(rows, unit="day")
    assert answer(counted(rows)) == {"robbery": [2]}


@pytest.mark.parametrize(("dated", "is_counted"), [(19, True), (18, False)])
def test_one_record_in_twenty_may_lack_its_day_and_no_more(dated: int, is_counted: bool) -> None:
    rows = "day | month\n" + "2020-04-02 | 2020-04\n" * dated + "| 2020-04"
    assert has_days(ibis.memtable(incidents(rows))) is is_counted
    if is_counted:
        assert counted(rows, unit="day").counts.sum() == dated
    else:
        with pytest.raises(QuestionError, match=r"1 of 19 records .* no day"):
            counted(rows, unit="day")


def test_a_few_records_without_a_day_are_counted_apart() -> None:
    rows = "day | month\n" + "2020-04-02 | 2020-04\n" * 39 + "| 2020-04"
    found = counted(rows, unit="day", period=APRIL)
    assert found.without_day == 1
    assert found.counts.sum() == 39


def test_only_the_asked_months_must_have_days() -> None:
    found = counted("month | day\n2019-04 |\n2019-04 |\n2020-04 | 2020-04-02", unit="day", period=APRIL)
    assert found.counts.sum() == 1


def test_months_are_refused_for_a_period_of_days() -> None:
    with pytest.raises(QuestionError, match="whole months"):
        counted("day\n2020-04-01", period=Period(date(2020, 4, 1), date(2020, 4, 15)))


def test_a_week_runs_from_monday_to_sunday_and_only_whole_ones_are_counted() -> None:
    found = counted(
        """
        day        | offence_group
        2019-12-01 | robbery
        2019-12-02 | robbery
        2019-12-30 | robbery
        2020-01-05 | robbery
        2020-01-06 | burglary
        2020-01-31 | robbery
        """,
        unit="week",
    )
    assert (found.times[0], found.times[-1]) == (date(2019, 12, 2), date(2020, 1, 20))
    assert answer(found) == {"burglary": [0, 0, 0, 0, 0, 1, 0, 0], "robbery": [1, 0, 0, 0, 2, 0, 0, 0]}


def test_a_week_that_had_not_ended_when_the_records_were_made_is_not_counted() -> None:
    rows = ibis.memtable(incidents("day\n2020-01-06\n2020-01-14", as_of=date(2020, 1, 19)))
    assert count_incidents(rows, by="offence_group", unit="week").times == (date(2020, 1, 6),)
    rows = ibis.memtable(incidents("day\n2020-01-06\n2020-01-14", as_of=date(2020, 1, 20)))
    assert count_incidents(rows, by="offence_group", unit="week").times[-1] == date(2020, 1, 13)


@pytest.mark.parametrize(
    "days", [(date(2020, 1, 7), date(2020, 1, 20)), (date(2020, 1, 6), date(2020, 1, 19))]
)
def test_a_period_that_ends_in_mid_week_is_refused(days: tuple[date, date]) -> None:
    with pytest.raises(QuestionError, match=r"whole weeks.*Monday.*Sunday"):
        counted("day\n2020-01-10", unit="week", period=Period(*days))


def test_weeks_are_refused_where_records_carry_only_a_month() -> None:
    with pytest.raises(QuestionError, match=r"no day .*whole months"):
        counted("month | day\n2020-04 |\n2020-04 |", unit="week")


def test_two_groupings_are_counted_at_once() -> None:
    found = counted(
        """
        month   | borough | offence_group
        2020-04 | Brent   | robbery
        2020-04 | Brent   | burglary
        2020-05 | Brent   | robbery
        2020-05 |         | robbery
        """,
        by=("borough", "offence_group"),
    )
    assert found.keys == (("Brent", "burglary"), ("Brent", "robbery"), ("unknown", "robbery"))
    assert answer(found) == {"Brent, burglary": [1, 0], "Brent, robbery": [1, 1], "unknown, robbery": [0, 1]}


def test_sources_and_the_newest_as_of_date_are_named() -> None:
    rows = pa.concat_tables(
        [
            incidents("month\n2020-04", source="toronto", as_of=date(2020, 6, 1)),
            incidents("month\n2020-04", source="chicago", as_of=date(2020, 7, 1)),
        ]
    )
    found = count_incidents(ibis.memtable(rows), by="offence_group", unit="month")
    assert (found.source, found.as_of) == ("chicago, toronto", date(2020, 7, 1))


def test_a_place_is_the_cell_that_holds_the_point_and_its_western_and_southern_edge() -> None:
    rows = incidents(
        [
            {"easting_m": 0.0, "northing_m": 0.0},
            {"easting_m": 149.999, "northing_m": 0.0},
            {"easting_m": 150.0, "northing_m": 0.0},
            {"easting_m": -0.001, "northing_m": 300.0},
            {"easting_m": None},
        ]
    )
    places = count_places(ibis.memtable(rows), cell_m=150)
    found = list(zip(places.columns.tolist(), places.rows.tolist(), places.counts.tolist(), strict=True))
    assert found == [(-1, 2, 1), (0, 0, 2), (1, 0, 1)]
    assert places.without_location == 1
    assert places.location_quality == (("exact", 4),)


def test_a_place_has_its_hours_of_the_week_and_says_how_many_are_not_known() -> None:
    rows = incidents("""
        cell | hour_of_week
        3,4  | 0
        3,4  | 167
        3,4  | 167
        3,4  |
        5,5  | 9
        """)
    hours = count_week_hours(ibis.memtable(rows), cell_m=100, columns=np.array([3, 7]), rows=np.array([4, 7]))
    assert hours.counts[0, [0, 167]].tolist() == [1, 2]
    assert hours.without_hour.tolist() == [1, 0]
    assert hours.counts.sum() == 3


@pytest.mark.parametrize("cell_m", [0, -5, float("nan"), float("inf")])
def test_a_cell_without_a_size_is_refused(cell_m: float) -> None:
    with pytest.raises(UsageError, match="Give its side in metres"):
        count_places(ibis.memtable(incidents("cell\n3,4")), cell_m=cell_m)


COUNTS = published("""
    borough | month   | offence | offence_group | count
    Brent   | 2020-03 | Robbery | robbery       | 3
    Camden  | 2020-04 | Robbery | robbery       | 5
    """)


def test_published_counts_are_added_up() -> None:
    found = count_published(ibis.memtable(COUNTS), by="offence_group", source="drawn")
    assert answer(found) == {"robbery": [3, 5]}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"source": "mps"}, "no published counts of mps"),
        ({"by": "weapon"}, "do not state the weapon"),
        ({"by": "ward"}, "no area_kind ward; they have borough"),
        ({"measure": "victims"}, "no measure victims; they have offences"),
        ({"period": Period(date(2020, 4, 1), date(2020, 4, 8))}, "whole months"),
    ],
)
def test_published_counts_that_cannot_answer_say_what_they_hold(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        count_published(ibis.memtable(COUNTS), **{"by": "offence_group", "source": "drawn", **asked})
