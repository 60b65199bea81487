"""The first page for the commander, the office documents, and the page for the public."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import briefings
import docx
import pytest
from python_calamine import CalamineWorkbook

from becalm.brief.briefing import Briefing
from becalm.brief.front_page import NO_WATCH, front_page
from becalm.brief.office_files import briefing_docx, briefing_xlsx

LARGEST_BYTES = 150_000


@pytest.fixture(scope="module")
def briefing() -> Briefing:
    return briefings.full_briefing()


def test_the_first_page_says_whether_numbers_come_back_and_what_to_decide(briefing: Briefing) -> None:
    page = front_page(briefing)
    head = page[: page.index('id="places"')]
    assert "Robbery is rising again in Eastham." in head
    for figure in briefing.key_figures.figures:
        assert f"<h2>{figure.label}</h2>" in head
    assert '<a href="#due">Load newer records: the records of drawn end in 2020-04</a>' in head
    assert '<a href="#sustain">Review an alarm: robbery &lt;Eastham&gt; rose</a>' in head
    assert "Left out: Offences with a gun, because the records do not say which weapon was used." in head
    assert "becalm ingest" not in head, "a commander's page holds no command"
    assert len(page.encode()) < LARGEST_BYTES


def test_every_link_of_the_first_page_leads_somewhere(briefing: Briefing) -> None:
    page = front_page(briefing)
    for section in ("due", "sustain", "main"):
        assert f'id="{section}"' in page
    assert NO_WATCH in front_page(replace(briefing, parts=()))


def test_the_document_and_the_workbook_hold_what_the_page_says(briefing: Briefing) -> None:
    content = briefing_docx(briefing)
    assert content == briefing_docx(briefing), "the same briefing gives the same bytes"
    document = docx.Document(io.BytesIO(content))
    words = [paragraph.text for paragraph in document.paragraphs]
    assert "Robbery is rising again in Eastham." in words
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert {"Robbery", "review an alarm", "becalm sustain review A1"} <= set(cells)
    book = CalamineWorkbook.from_filelike(io.BytesIO(briefing_xlsx(briefing)))
    assert book.sheet_names == ["key figures", "comparison", "hotspots", "due"]
    assert book.get_sheet_by_name("due").to_python()[2] == list(briefings.TASKS[1])
    first = briefing.key_figures.figures[0]
    heads, cells, *_ = book.get_sheet_by_name("key figures").to_python()
    held = dict(zip(heads, cells, strict=True))
    assert (held["new"], held["old"]) == (first.row.new, first.row.old)


def test_a_document_is_an_archive_without_the_time_of_day(briefing: Briefing) -> None:
    with zipfile.ZipFile(io.BytesIO(briefing_docx(briefing))) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
