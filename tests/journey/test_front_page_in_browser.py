"""The first page in a real Chromium: one screen, three on a telephone, one sheet of paper, light and dark."""

from __future__ import annotations

from pathlib import Path

import briefings
import pytest
from browser import PHONE, opened
from playwright.sync_api import Browser
from pypdf import PdfReader

from becalm.brief.front_page import front_page

SCREEN = (1280, 800)
SUPPORT = Path(__file__).resolve().parents[1] / "support"
CONTRASTS = (SUPPORT / "contrasts.js").read_text("utf-8")
CUT_OFF = (SUPPORT / "cut_off.js").read_text("utf-8")
LARGEST_PAINT_MS = 300
END_OF_FIRST = "document.querySelector('.front-pair').getBoundingClientRect().bottom"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("front") / "index.html"
    path.write_text(front_page(briefings.full_briefing()), "utf-8")
    return path


@pytest.mark.parametrize(("size", "screens"), [(SCREEN, 1), (PHONE, 3)], ids=["desk", "phone"])
def test_the_first_page_fits(browser: Browser, page: Path, size: tuple[int, int], screens: int) -> None:
    with opened(browser, page, size=size) as seen:
        assert seen.page.evaluate(END_OF_FIRST) <= screens * size[1]
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert seen.page.evaluate(CUT_OFF) == []
        assert seen.requests == [page.as_uri()]
        assert seen.complaints == []


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_all_text_stands_out_by_day_and_by_night(browser: Browser, page: Path, is_dark: bool) -> None:
    with opened(browser, page, size=SCREEN, is_dark=is_dark) as seen:
        found = seen.page.evaluate(CONTRASTS)
        assert len(found) > 50
        assert [entry for entry in found if entry["ratio"] < 4.5] == []
        background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") is not is_dark


def test_the_first_sheet_of_paper_holds_the_first_page(browser: Browser, page: Path) -> None:
    out = page.with_name("print.pdf")
    with opened(browser, page, size=SCREEN) as seen:
        seen.page.pdf(path=out, prefer_css_page_size=True)
    sheets = [" ".join(sheet.extract_text().split()) for sheet in PdfReader(out).pages]
    assert "Robbery is rising again in Eastham." in sheets[0]
    assert "Before you use these figures" in sheets[0]
    assert "Expected in 30 days" not in sheets[0]
    assert "Expected in 30 days" in sheets[1]


@pytest.mark.exhaustive  # a time on the clock: only a quiet machine can keep it
def test_it_is_painted_at_once(browser: Browser, page: Path) -> None:
    with opened(browser, page, size=SCREEN) as seen:
        seen.page.reload()
        seen.page.wait_for_function("performance.getEntriesByType('paint').length > 0")
        paints = seen.page.evaluate("performance.getEntriesByType('paint').map(p => p.startTime)")
    assert min(paints) <= LARGEST_PAINT_MS
