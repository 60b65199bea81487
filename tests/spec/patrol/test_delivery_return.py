"""A delivery return of two months, counted by hand; and its interval against samples drawn again."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import patrol_requests
import pytest
import python_calamine

from becalm.patrol.core.delivery import DeliveredVisit
from becalm.patrol.core.delivery_return import Outcome, PlanFacts, build_return, estimate_total
from becalm.patrol.core.plan_inputs import Burst, Span
from becalm.patrol.core.policy import DeliveryRule
from becalm.patrol.files.read_delivery import delivered_csv, read_delivered
from becalm.patrol.files.return_page import RETURN_COLUMNS, return_page, return_rows
from becalm.render.spreadsheet import workbook
from becalm.terms import InputError

FIRST = date(2025, 5, 31)  # the last day of May, and the first of June
SHIFTS = tuple(patrol_requests.shift("N", day=FIRST + timedelta(days=n)) for n in range(2))
PLACES = (
    replace(patrol_requests.place("market", 0.0), name="Market Square"),
    patrol_requests.place("pier", 900.0),
)


def at(day: int, minute: int) -> datetime:
    return SHIFTS[day].hours.start + timedelta(minutes=minute)


def visit(day: int, minute: int, minutes: int, hotspot: str = "market", unit: str = "N") -> DeliveredVisit:
    span = Span(at(day, minute), at(day, minute + minutes))
    return DeliveredVisit(unit, hotspot, span, 2, 2.0 * minutes, "trace", None)


PLAN = PlanFacts(
    FIRST,
    2,
    "Europe/London",
    (
        Burst("N", "market", Span(at(0, 60), at(0, 75))),
        Burst("N", "pier", Span(at(0, 120), at(0, 135))),
        Burst("N", "market", Span(at(1, 60), at(1, 80))),
    ),
    PLACES,
    SHIFTS,
)
VISITS = (visit(0, 61, 12), visit(1, 60, 18), visit(1, 300, 30))
OUTCOMES = (
    Outcome("arrests", FIRST, 20.0, 0.0),
    Outcome("stops", FIRST + timedelta(days=1), 5.0, 5.0),
    Outcome("stops", FIRST, 9_999.0, 0.0),
)


def test_months_and_quarters_hold_what_was_planned_delivered_and_seen_beside_it() -> None:
    answer = build_return([PLAN], VISITS, OUTCOMES, DeliveryRule())
    may, june = answer.select("month", of_places=False)
    assert [row.period for row in (may, june)] == ["2025-05", "2025-06"]
    assert (may.planned_visits, june.planned_visits) == (2, 1)
    assert (may.planned_hours, june.planned_hours) == (pytest.approx(0.5), pytest.approx(1 / 3))
    assert may.planned_officer_hours == pytest.approx(1.0)  # crews of two
    assert (may.delivered_hours.value, june.delivered_hours.value) == (0.2, 0.3)
    assert (may.background_hours.value, june.background_hours.value) == (0.0, 0.5)
    assert june.officer_hours.value == pytest.approx(1.6)
    assert [(row.arrests, row.stops, row.seizures) for row in (may, june)] == [(1, 0, 0), (0, 1, 0)]
    (quarter,) = answer.select("quarter", of_places=False)
    assert (quarter.period, quarter.delivered_visits.value) == ("2025 Q2", 2.0)
    assert {row.name for row in answer.select("month", of_places=True)} == {"Market Square", "pier"}
    assert answer.notes == ("1 stops on these days lie at no place of the plan, and are left out.",)


def test_areas_are_the_sums_of_their_places_and_quarters_of_their_months() -> None:
    answer = build_return([PLAN], VISITS, OUTCOMES, DeliveryRule())
    for kind in ("month", "quarter"):
        areas, places = (answer.select(kind, of_places=of_places) for of_places in (False, True))
        for quantity in ("planned_hours", "planned_visits", "arrests", "stops"):
            assert sum(getattr(r, quantity) for r in areas) == pytest.approx(
                sum(getattr(r, quantity) for r in places)
            )


def test_a_sampled_total_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    totals = rng.gamma(4.0, 2.0, 60)
    held = 0
    for _ in range(2_000):
        seen = totals[rng.random(60) < 0.4]
        estimate = estimate_total(float(seen.sum()), seen, 0.4)
        held += estimate.low <= totals.sum() <= estimate.high
    assert 0.92 <= held / 2_000 <= 0.975
    assert estimate_total(3.0, [3.0], 1.0).method == "counted"


def test_the_workbook_is_read_back_with_every_row(tmp_path: Path) -> None:
    answer = build_return([PLAN], VISITS, OUTCOMES, DeliveryRule(), sampled_share=0.5)
    rows = list(return_rows(answer))
    path = tmp_path / "return.xlsx"
    path.write_bytes(workbook(RETURN_COLUMNS, [[row[name] for name in RETURN_COLUMNS] for row in rows]))
    (sheet,) = python_calamine.CalamineWorkbook.from_path(path).sheet_names
    head, *cells = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python()
    assert head == list(RETURN_COLUMNS)
    assert len(cells) == len(rows)
    first = dict(zip(RETURN_COLUMNS, cells[0], strict=True))
    assert first["delivered_hours_low"] <= first["delivered_hours"] <= first["delivered_hours_high"]
    page = return_page(answer, version="becalm 0")
    for text in ("Market Square", "2025 Q2", "50% of the units were traced"):
        assert text in page


def test_delivered_visits_are_read_as_they_were_written_and_faults_all_named(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text(delivered_csv(VISITS), "utf-8")
    assert read_delivered([path, path]) == VISITS
    path.write_text(
        "unit,hotspot,start,end,officers,officer_minutes,source\nN,a,soon,2025-05-31T08:00:00Z,2,3,trace\n"
        "N,a,2025-05-31T08:00:00Z,2025-05-31T08:10:00Z,2,3,rumour\n",
        "utf-8",
    )
    with pytest.raises(InputError) as error:
        read_delivered([path])
    assert len(error.value.faults) == 2


def test_without_visits_nothing_is_said_of_delivery() -> None:
    answer = build_return([PLAN], (), OUTCOMES, DeliveryRule())
    row = next(iter(return_rows(answer)))
    assert (row["planned_visits"], row["delivered_hours"], row["officer_hours_low"]) == (2, None, None)
    assert "nothing is known about delivery" in return_page(answer, version="becalm 0")


def test_where_no_traced_unit_was_the_interval_has_no_end() -> None:
    answer = build_return([PLAN], (VISITS[0],), (), DeliveryRule(), sampled_share=0.5)
    (pier,) = (row for row in answer.select("quarter", of_places=True) if row.hotspot == "pier")
    assert (pier.delivered_hours.low, pier.delivered_hours.high) == (0.0, float("inf"))
    assert "no limit" in return_page(answer, version="becalm 0")
