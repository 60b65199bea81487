"""Ten things that befall a phone: no record that it confirmed is lost, and none is recorded twice."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright
from street_faults import FAULTS, Stage, run
from street_phone import Phone
from street_town import StreetSite, serve_copy, unit_of

RECORDS, MANY = 4, 100


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def site(street_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreetSite]:
    with serve_copy(street_workspace, tmp_path_factory.mktemp("losses") / "town") as site:
        yield site


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_or_doubled(
    playwright: Playwright, site: StreetSite, tmp_path: Path, fault: str
) -> None:
    losses = run(playwright, site, tmp_path / "phone", fault, RECORDS)
    assert losses.written >= RECORDS
    assert (losses.lost, losses.doubled, losses.waiting) == (0, 0, 0)


def test_a_phone_that_was_taken_tells_nothing_of_what_was_written_or_may_be_read(
    playwright: Playwright, site: StreetSite, tmp_path: Path
) -> None:
    folder = tmp_path / "phone"
    stage = Stage.open(playwright, site, folder, role="visiting officer")
    phone = Phone(stage.context, stage.page, site)
    phone.take_pack(unit_of(site.workspace))
    place = stage.page.locator("h1").inner_text().split("\n")[-1]
    phone.touch("Visits", exact=False)
    stage.page.get_by_role("link", name="until").first.click()
    stage.page.wait_for_selector("form")
    person_name = stage.page.locator("dd").first.inner_text()
    stage.page.evaluate("location.hash = ''")
    stage.page.route("**/street/outbox", lambda route: route.abort())
    phone.touch("Arrest")
    stage.page.get_by_label("Or in other words").fill("zebra crossing")
    phone.touch("Keep this arrest")
    phone.says("Arrest: kept")
    stage.page.evaluate("localStorage.setItem('control', 'giraffe crossing')")
    stage.context.close()
    assert found_on_phone(folder, "giraffe crossing"), "the search finds what lies open"
    for secret in ("zebra crossing", place, person_name):
        assert not found_on_phone(folder, secret), secret


def found_on_phone(folder: Path, text: str) -> bool:
    """Does any file of the browser hold this text, in one of the ways in which browsers write text?"""
    spellings = [text.encode(), text.encode("utf-16-le"), base64.b64encode(text.encode()).rstrip(b"=")[:-1]]
    contents = (path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return any(spelling in content for content in contents for spelling in spellings)


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS)
def test_of_a_thousand_records_none_is_lost_or_doubled(
    playwright: Playwright, site: StreetSite, tmp_path: Path, fault: str
) -> None:
    losses = run(playwright, site, tmp_path / "phone", fault, MANY)
    sys.stdout.write(f"{losses}\n")
    assert losses.written >= MANY
    assert (losses.lost, losses.doubled, losses.waiting) == (0, 0, 0)
