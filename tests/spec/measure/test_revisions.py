"""What was this figure on each as-of day, and why did it move?"""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import ibis
import pytest
from records import drawn, incidents

from becalm.measure.core.revisions import RevisionReport, list_revisions
from becalm.tables import count_changes, count_incidents
from becalm.terms import Period

MARCH = Period(date(2020, 3, 1), date(2020, 4, 1))
FORMER, NEWER = date(2020, 4, 2), date(2020, 5, 4)
IN_APRIL = """
    incident_id | day        | offence_group | recorded_on
    stays       | 2020-03-05 | robbery       | 2020-03-05
    goes        | 2020-03-06 | robbery       | 2020-03-06
    is_moved    | 2020-03-31 | robbery       | 2020-03-31
    regrouped   | 2020-03-08 | robbery       | 2020-03-08
    """
IN_MAY = """
    incident_id | day        | offence_group | recorded_on
    stays       | 2020-03-05 | robbery       | 2020-03-05
    is_moved    | 2020-04-01 | robbery       | 2020-03-31
    regrouped   | 2020-03-08 | burglary      | 2020-03-08
    is_late     | 2020-03-09 | robbery       | 2020-04-20
    next_day    | 2020-03-09 | robbery       | 2020-04-03
    much_later  | 2020-03-09 | robbery       | 2020-05-01
    is_found    | 2020-03-10 | robbery       | 2020-03-11
    same_day    | 2020-03-10 | robbery       | 2020-04-02
    """


@pytest.fixture
def report() -> RevisionReport:
    return revisions_of(2)


def revisions_of(version_count: int) -> RevisionReport:
    versions = [
        ibis.memtable(incidents([dict(row) for row in _typed(rows)], as_of=as_of))
        for rows, as_of in ((IN_APRIL, FORMER), (IN_MAY, NEWER))[:version_count]
    ]
    counts = [count_incidents(v, by="offence_group", unit="month", period=MARCH) for v in versions]
    changes = [
        count_changes(former, newer, period=MARCH, by="offence_group", former_as_of=FORMER)
        for former, newer in pairwise(versions)
    ]
    return list_revisions(counts, changes, by="offence_group", period=MARCH, groups={})


def _typed(drawn_rows: str) -> list[dict[str, object]]:
    """The drawn rows, their days of recording as days."""
    return [{**row, "recorded_on": date.fromisoformat(row["recorded_on"])} for row in drawn(drawn_rows)]


def test_each_version_has_its_count_and_the_next_says_why_it_differs(report: RevisionReport) -> None:
    robbery = [row for row in report.rows if row.group == "robbery"]
    assert [(row.as_of, row.count, row.change) for row in robbery] == [(FORMER, 4, None), (NEWER, 6, 2)]
    assert dict(robbery[1].reasons) == {
        "added": 2,
        "late": 3,
        "moved out": 1,
        "regrouped out": 1,
        "removed": 1,
    }
    burglary = [row for row in report.rows if row.group == "burglary"]
    assert [(row.count, row.change, row.reasons) for row in burglary] == [
        (0, None, ()),
        (1, 1, (("regrouped in", 1),)),
    ]


def test_of_one_version_it_is_said_that_nothing_can_have_been_revised(report: RevisionReport) -> None:
    (warning,) = revisions_of(1).warnings
    assert "holds one version of these records" in warning
    assert report.warnings == ()


def test_the_reasons_of_every_row_add_up_to_its_change(report: RevisionReport) -> None:
    for row in report.rows:
        raised = sum(n for kind, n in row.reasons if kind in ("late", "added", "moved in", "regrouped in"))
        lowered = sum(n for kind, n in row.reasons if kind in ("removed", "moved out", "regrouped out"))
        assert row.change is None or row.change == raised - lowered


def test_a_regrouped_record_leaves_the_sum_as_it_is(report: RevisionReport) -> None:
    total = [row for row in report.rows if row.group == "total"]
    assert [row.count for row in total] == [4, 7]
    assert all(not kind.startswith("regrouped") for kind, _ in total[1].reasons)
