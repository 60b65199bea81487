"""What the sheet of a unit says when chance left its tour without a burst."""

from __future__ import annotations

from dataclasses import replace

from becalm.patrol.files.unit_sheets import Sheet
from becalm.patrol.files.unit_tours import Stop
from becalm.render.pages import self_contained

STOP = Stop("15:11", "15:31", "High Street", "p1", "53.62978, 1.16957", "85", task="Be seen, on foot.")
SHEET = Sheet(
    unit="Ash late 1",
    day_in_words="Monday 4 May 2020",
    tour_in_words="14:00 to 22:00",
    base="base Ash",
    mode="by vehicle",
    crew=2,
    meal="",
    stops=(STOP,),
    is_sealed=False,
)


def page_of(sheet: Sheet) -> str:
    """The page of one sheet."""
    page_texts = {"title": "t", "subtitle": "s", "version": "v", "colophon": "c"}
    return self_contained("patrol_sheet.html", sheets=[sheet], **page_texts)


def test_a_tour_with_bursts_says_how_to_be_there() -> None:
    assert "Be seen, on foot" in page_of(SHEET)


def test_a_tour_without_a_burst_asks_nobody_to_be_seen() -> None:
    page = page_of(replace(SHEET, stops=()))
    assert "No bursts on this tour." in page
    assert "The random draw gave this tour none." in page
    assert "Be seen, on foot" not in page
