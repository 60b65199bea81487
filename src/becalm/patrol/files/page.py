"""The commander's page of a plan: capacity, dosage with intervals, the commitment; no burst is on it."""

from __future__ import annotations

from becalm.patrol.files.plan import PlanDocument
from becalm.patrol.files.plan_view import PlanPage
from becalm.render.shell import self_contained
from becalm.render.spreadsheet import csv_text

FORECAST_COLUMNS = (
    *("hotspot", "name", "area", "target_visits", "expected_visits", "expected_low", "expected_high"),
    *("visits", "target_minutes", "expected_minutes", "minutes", "within_band"),
)


def plan_page(plan: PlanDocument) -> str:
    """The commander's page as HTML."""
    page, entry = PlanPage(plan), plan.commitment.get("entry")
    return self_contained(
        "patrol.html",
        p=page,
        title=f"Patrol plan, {page.days_in_words}",
        subtitle="Patrol plan for commanders",
        version=plan.version,
        colophon=f"Made by {plan.version}; committed to in entry {entry} of the ledger.",
    )


def forecast_csv(plan: PlanDocument) -> str:
    """Every place of the forecast as CSV, worst served first."""
    rows: list[tuple[object, ...]] = []
    for place in PlanPage(plan).forecast.places:
        expected = place.expected_visits
        visits = (place.target_visits, expected.value, expected.low, expected.high)
        minutes = (f"{place.target_minutes:.1f}", f"{place.expected_minutes:.1f}", place.minutes)
        who = (place.hotspot, place.name, place.area)
        in_band = str(place.within_band).lower()
        rows.append((*who, *(f"{v:.2f}" for v in visits), place.visits, *minutes, in_band))
    return csv_text(FORECAST_COLUMNS, rows)
