"""The briefing in a real Chromium: on a desk, on a telephone, on paper, without colour, without script."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import briefings
import numpy as np
import pytest
from browser import DESK, PHONE, grey, opened
from playwright.sync_api import Browser
from pypdf import PdfReader

from becalm.brief.annex_page import annex_page

SIZES = [pytest.param(DESK, id="desk"), pytest.param(PHONE, id="phone")]

SUPPORT = Path(__file__).resolve().parents[1] / "support"
CONTRASTS = (SUPPORT / "contrasts.js").read_text("utf-8")
CUT_OFF = (SUPPORT / "cut_off.js").read_text("utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A briefing with a crowd to enlarge and 250 places in all."""
    crowd = tuple(
        briefings.hotspot(i + 1, 3400 + i % 12, 1190 + i // 12, p_top=1 - i / 120) for i in range(100)
    )
    rest = tuple(
        briefings.hotspot(i + 101, 3340 + (i * 37) % 120, 1140 + (i * 53) % 120, p_top=0.4)
        for i in range(150)
    )
    path = tmp_path_factory.mktemp("briefing") / "index.html"
    listed = briefings.hotspot_list(crowd + rest)
    whole = replace(briefings.full_briefing(), hotspots=listed, history=briefings.place_history(listed))
    path.write_text(annex_page(whole), "utf-8")
    return path


@pytest.fixture(scope="module")
def pdf(browser: Browser, page: Path) -> Path:
    out = page.with_name("print.pdf")
    with opened(browser, page) as seen:
        seen.page.pdf(path=out, prefer_css_page_size=True)
    return out


@pytest.fixture(scope="module")
def printed(pdf: Path) -> list[str]:
    return [" ".join(sheet.extract_text().split()) for sheet in PdfReader(pdf).pages]


@pytest.mark.parametrize("size", SIZES)
def test_nothing_but_the_file_is_asked_for(browser: Browser, page: Path, size: tuple[int, int]) -> None:
    with opened(browser, page, size=size) as seen:
        seen.page.wait_for_timeout(300)
        assert seen.requests == [page.as_uri()]
        assert seen.complaints == []


def test_the_style_sheet_is_let_through_by_the_policy(browser: Browser, page: Path) -> None:
    with opened(browser, page) as seen:
        background = seen.page.evaluate(
            "getComputedStyle(document.querySelector('.masthead')).backgroundColor"
        )
        assert background == "rgb(11, 12, 12)"


@pytest.mark.parametrize("size", SIZES)
def test_it_works_without_script(browser: Browser, page: Path, size: tuple[int, int]) -> None:
    with (
        opened(browser, page, size=size) as scripted,
        opened(browser, page, size=size, script=False) as plain,
    ):
        assert plain.page.inner_text("main") == scripted.page.inner_text("main")
        plain.page.click("a[href='#table-a1'] >> visible=true")
        assert plain.page.url.endswith("#table-a1")


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_and_nothing_scrolls_sideways(
    browser: Browser, page: Path, size: tuple[int, int]
) -> None:
    with opened(browser, page, size=size) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert seen.page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("size", SIZES)
def test_each_picture_is_shown_once(browser: Browser, page: Path, size: tuple[int, int]) -> None:
    with opened(browser, page, size=size) as seen:
        shown = seen.page.evaluate(
            "[...document.querySelectorAll('figure')].map(f => [...f.querySelectorAll('svg[role=img]')]"
            ".filter(s => s.checkVisibility()).length)"
        )
        assert shown == [1] * 12


@pytest.mark.parametrize("size", SIZES)
def test_words_in_pictures_are_large_enough_to_read(
    browser: Browser, page: Path, size: tuple[int, int]
) -> None:
    with opened(browser, page, size=size) as seen:
        sizes = seen.page.evaluate(
            "[...document.querySelectorAll('svg.chart text, svg.map text')].filter(e => e.checkVisibility())"
            ".map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a)"
        )
        assert min(sizes) >= 8


@pytest.mark.parametrize("size", SIZES)
def test_all_text_stands_out_from_its_ground(browser: Browser, page: Path, size: tuple[int, int]) -> None:
    with opened(browser, page, size=size) as seen:
        found = seen.page.evaluate(CONTRASTS)
        assert len(found) > 1000
        assert [entry for entry in found if entry["ratio"] < 4.5] == []


def test_the_keyboard_skips_to_the_findings(browser: Browser, page: Path) -> None:
    with opened(browser, page) as seen:
        seen.page.keyboard.press("Tab")
        focused = "document.activeElement.textContent"
        assert seen.page.evaluate(focused) == "Skip to the findings"
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("document.activeElement.id") == "main"


def test_the_page_reads_at_twice_the_size(browser: Browser, page: Path) -> None:
    with opened(browser, page, size=(640, 450)) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 640
        assert seen.page.evaluate(CUT_OFF) == []


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core, fetched through npm where that can be; the checks above hold with or without it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here, so axe-core cannot be fetched; this page's own checks have run")
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "axe-core@4", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        fetched = subprocess.run(command, cwd=folder, capture_output=True, timeout=90, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not answer within 90 seconds; this page's own checks have run")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if fetched.returncode or not script.is_file():
        pytest.skip("npm could not fetch axe-core; this page's own checks have run")
    return script.read_text("utf-8")


@pytest.fixture(scope="module")
def short_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same page with fewer places, for a checker that looks at every cell."""
    path = tmp_path_factory.mktemp("short") / "index.html"
    path.write_text(annex_page(briefings.full_briefing()), "utf-8")
    return path


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_no_violation(browser: Browser, short_page: Path, axe: str, size: tuple[int, int]) -> None:
    with opened(browser, short_page, size=size) as seen:
        seen.page.evaluate(axe)
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = seen.page.evaluate("tags => axe.run({ runOnly: tags })", tags)
        assert {rule["id"]: rule["nodes"][0]["html"][:200] for rule in found["violations"]} == {}
        assert len(found["passes"]) > 20
        undecided = [node["html"] for rule in found["incomplete"] for node in rule["nodes"]]
        assert [html for html in undecided if not html.startswith("<text")] == []  # ours are measured above


MARKS = ("fall", "rise", "unclear", "core", "marginal", "watch")


def test_marks_differ_in_shape_when_colour_is_gone(browser: Browser, page: Path) -> None:
    with opened(browser, page) as seen:
        client = seen.page.context.new_cdp_session(seen.page)
        client.send("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia"})
        client.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 1})
        dark = {}
        for name in MARKS:
            mark = seen.page.locator(f".legend svg.inline:has(.{name})").first
            mark.evaluate("e => { e.setAttribute('width', 64); e.setAttribute('height', 64) }")
            dark[name] = grey(mark.screenshot()) < 0.6
    smallest = min(picture.shape for picture in dark.values())
    cropped = {name: picture[: smallest[0], : smallest[1]] for name, picture in dark.items()}
    for one, other in itertools.combinations(MARKS, 2):
        both = np.logical_and(cropped[one], cropped[other]).sum()
        either = np.logical_or(cropped[one], cropped[other]).sum()
        assert both / either < 0.75, f"{one} and {other} look alike without colour"


def test_paper_begins_with_the_finding_and_numbers_its_pages(printed: list[str]) -> None:
    assert "Recorded offences fell by 35.0%" in printed[0]
    assert "Before you use these figures" in printed[0]
    for number, sheet in enumerate(printed, start=1):
        assert f"{number} of {len(printed)}" in sheet
    assert 8 <= len(printed) <= 20


def test_paper_repeats_the_headings_of_a_table_on_every_page_it_covers(printed: list[str]) -> None:
    place = re.compile(r"c150-\d+-\d+")
    sheets = [sheet for sheet in printed if place.search(sheet)]
    assert len(sheets) >= 5
    assert all("Expected in 30 days" in sheet for sheet in sheets)


def test_paper_holds_every_place_once_in_the_annex(printed: list[str]) -> None:
    text = " ".join(printed)
    annex = text[text.index("Table A2. All 250 hotspots") :]
    ids = re.findall(r"c150-\d+-\d+", annex)
    assert len(ids) == 250


def test_paper_cuts_no_row_in_two(printed: list[str]) -> None:
    row = re.compile(
        r"c150-\d+-\d+ Eastham \d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\) [<>]?\d\.\d\d (core|marginal|watch)"
    )
    for sheet in printed:
        assert len(re.findall(r"c150-\d+-\d+", sheet)) == len(row.findall(sheet))


def test_paper_is_a4_and_shows_no_link_to_skip(pdf: Path, printed: list[str]) -> None:
    width, height = (float(v) for v in PdfReader(pdf).pages[0].mediabox[2:])
    assert (round(width), round(height)) == (595, 842)
    assert "Skip to the findings" not in printed[0]
