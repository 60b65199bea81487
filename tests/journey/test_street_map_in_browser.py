"""The street map of a list in a real Chromium: drawn from this server alone, used by keys, done without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import axe
import pytest
import town
from browser import DESK, PHONE
from playwright.sync_api import Browser, Page, Request
from sites import Client, Served, serve

MOST_BYTES = 600_000  # of a page with its map, as it goes over the line
HOTSPOTS = {"count": "20", "target": "robbery"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("map")
    workspace = town.workspace_of(town.simulate(folder / "town"), folder / "city")
    with serve(workspace) as site:
        yield site


@pytest.fixture(scope="module")
def analyst(served: Served) -> Client:
    return served.client("analyst")


@pytest.fixture(scope="module")
def run(analyst: Client) -> str:
    """The address of a list of hotspots."""
    return analyst.answer_to("/find/ask/hotspots", **HOTSPOTS)


def open_map(
    browser: Browser,
    served: Served,
    analyst: Client,
    path: str,
    *,
    size: tuple[int, int] = DESK,
    dark: bool = False,
) -> tuple[Page, list[Request], list[str]]:
    """The page with its map drawn, all that it asked for, and what the browser complained of."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
    )
    context.add_cookies([{"name": "becalm", "value": analyst.cookies["becalm"], "url": served.url}])
    page, requests, complaints = context.new_page(), list[Request](), list[str]()
    page.on("request", lambda request: requests.append(request))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{served.url}{path}")
    page.wait_for_selector('[data-state="idle"], [data-state="failed"]', timeout=60_000)
    assert page.get_attribute("[data-street-map]", "data-state") == "idle", complaints
    return page, requests, [text for text in complaints if "GPU stall" not in text]


@pytest.mark.parametrize(("size", "dark"), [(DESK, False), (PHONE, True)])
def test_the_map_is_drawn_from_this_server_alone_and_nobody_is_shut_out(
    browser: Browser, served: Served, analyst: Client, run: str, size: tuple[int, int], dark: bool
) -> None:
    page, requests, complaints = open_map(browser, served, analyst, run, size=size, dark=dark)
    hosts = {
        urlsplit(request.url).netloc for request in requests if not request.url.startswith(("data", "blob"))
    }
    assert hosts == {served.address}
    assert not complaints
    assert any("/map/city.pmtiles" in request.url for request in requests)
    assert sum(request.sizes()["responseBodySize"] for request in requests) <= MOST_BYTES
    assert axe.faults(page) == []
    page.context.close()


def test_the_buttons_move_the_map_by_keyboard(
    browser: Browser, served: Served, analyst: Client, run: str
) -> None:
    page, *_ = open_map(browser, served, analyst, run)
    before = page.locator("[data-map-canvas]").screenshot()
    page.focus('[data-map-move="in"]')
    page.keyboard.press("Enter")
    page.wait_for_timeout(1_500)
    assert page.locator("[data-map-canvas]").screenshot() != before
    page.context.close()


def test_without_a_script_the_table_stands_and_the_page_says_so(
    browser: Browser, served: Served, analyst: Client, run: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "becalm", "value": analyst.cookies["becalm"], "url": served.url}])
    page = context.new_page()
    page.goto(f"{served.url}{run}")
    assert "The map needs JavaScript" in page.inner_text("main")
    assert " --" not in page.inner_text("main").replace("becalm run --again", "")
    assert page.locator("main table").count() >= 1
    assert not page.locator("[data-street-map]").is_visible()
    context.close()


def test_tiles_come_in_parts_and_only_to_those_who_may_see_find(
    served: Served, analyst: Client, run: str
) -> None:
    part = analyst.ask("GET", "/map/city.pmtiles", Range="bytes=0-6")
    assert (part.status, part.body) == (206, b"PMTiles")
    assert served.client("provider worker").get("/map/city.pmtiles").status == 404
    assert served.client().get("/map/city.pmtiles").status in (303, 401)
    page = analyst.get(run)
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "script-src" not in analyst.get("/measure").headers["content-security-policy"]
    (script,) = set(re.findall(r'src="([^"]+\.mjs)"', page.text))
    assert analyst.get(script).headers["cache-control"].endswith("immutable")
    assert analyst.get(script.replace("street-map.mjs", "assets.json")).status == 404
