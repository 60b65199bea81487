"""A whole shift on a phone without signal, in a real Chromium, until every record has its receipt."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import street_town
from playwright.sync_api import Browser, expect
from street_phone import Phone, phone_at
from street_town import StreetSite

from becalm.app.main import open_desk


@pytest.fixture
def site(street_workspace: Path, tmp_path: Path) -> Iterator[StreetSite]:
    with street_town.serve_copy(street_workspace, tmp_path / "town") as site:
        yield site


@pytest.fixture
def phone(browser: Browser, site: StreetSite) -> Iterator[Phone]:
    with phone_at(browser, site) as phone:
        phone.open()
        phone.take_pack(street_town.unit_of(site.workspace))
        phone.wait_for_worker()
        phone.touches = 0
        yield phone


KEPT_TEXTS = """async () => {
  const cache = await caches.open((await caches.keys())[0]);
  return Promise.all((await cache.keys()).map(async (key) => (await cache.match(key)).text()));
}"""


def kinds(site: StreetSite) -> list[str]:
    entries = open_desk(site.workspace).open_ledger().entries()
    return [entry.event.kind for entry in entries]


def test_a_whole_shift_without_signal_until_the_receipts(phone: Phone, site: StreetSite) -> None:
    site.kill()
    phone.page.close()  # the tab too: what follows is opened from the phone alone
    phone.page = phone.context.new_page()
    phone.open()
    for number in range(6):
        phone.touch("Check in")
        if number == 2:
            began, before = time.monotonic(), phone.touches
            phone.touch("Arrest")
            phone.touch("Knife possession")
            phone.touch("Keep this arrest")
            phone.says("Arrest: kept")
            assert phone.touches - before <= 10
            assert time.monotonic() - began <= 45
        if number == 4:
            phone.touch("Seizure")
            phone.touch("Other blade")
            phone.touch("Keep this seizure")
        phone.touch("Check out")
    began, before = time.monotonic(), phone.touches
    phone.touch("Visits", exact=False)
    phone.page.get_by_role("link", name="until").first.click()
    phone.touches += 1
    phone.says("What came of it")
    phone.touch("We met the person")
    phone.touch("Interested")
    phone.touch("Keep this outcome")
    phone.says("The outcome is kept")
    assert phone.touches - before <= 12
    assert time.monotonic() - began <= 60
    assert "15 waiting to be sent" in phone.pending

    site.start()
    phone.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(phone.page.locator("#pending")).to_have_text("Nothing waits to be sent", timeout=20_000)
    seen = kinds(site)
    assert seen.count("record_received") == 15
    assert seen.count("burst_done") == 6
    assert seen.count("arrest_made") == seen.count("seizure_made") == seen.count("visit_made") == 1
    notes = open_desk(site.workspace).open_ledger().state_rows("street_record")
    assert {str(note["id"]) for note in notes if note["kind"] == "visit"}
    assert not any(note.get("written_by") for note in notes)


def test_the_pages_are_light(phone: Phone, site: StreetSite) -> None:
    texts = phone.page.evaluate(KEPT_TEXTS)
    total = sum(len(gzip.compress(text.encode())) for text in texts)
    assert len(texts) == 7
    assert total <= 80 * 1024, total
