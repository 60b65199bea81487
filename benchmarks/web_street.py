"""The street pages on a phone: weight, opening on 3G, touches and seconds, and ten faults with records.

Chromium runs at 360 px on the same two cores as the site. The 3G profile is 400 kbit/s with 400 ms; the next
burst is taken over loopback.
"""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from _measure import report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import street_town
from browser import open_browser
from playwright.sync_api import Page, sync_playwright
from street_faults import FAULTS, run
from street_phone import Phone, phone_at
from street_town import StreetSite

from becalm.app.site import street_assets

OPENINGS, RECORDS = 5, 100
PROFILE = {"offline": False, "downloadThroughput": 50_000, "uploadThroughput": 50_000, "latency": 400}
DRAWN = "body[data-drawn]"
NOW = "performance.now()"


def slow_down(page: Page) -> None:
    """The line of a 3G phone."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", PROFILE)


def open_on_3g(phone: Phone) -> float:
    """Seconds until the page can be touched."""
    phone.page.goto(f"{phone.site.url}/street")
    phone.page.wait_for_selector(DRAWN)
    seconds = float(phone.page.evaluate(NOW)) / 1000
    phone.wait()
    return seconds


def measure_pages(site: StreetSite) -> None:
    """Weight, opening on 3G, the next burst, and the way of an arrest and of a visit's outcome."""
    texts = [street_assets.shell_text(), street_assets.worker_text()]
    texts += [street_assets.asset_text(name) for name in street_assets.NAMES]
    weight_kb = sum(len(gzip.compress(text.encode())) for text in texts) / 1024
    report("street page with all its scripts, gzip", weight_kb, unit="KB", most=80)
    unit = street_town.unit_of(site.workspace)
    first_s, later_s, burst_ms = [], [], []
    with open_browser() as browser:
        for _ in range(OPENINGS):
            with phone_at(browser, site) as phone:
                slow_down(phone.page)
                first_s.append(open_on_3g(phone))
                phone.take_pack(unit)
                phone.wait_for_worker()
                phone.page.wait_for_timeout(3_000)
                later_s.append(open_on_3g(phone))
        with phone_at(browser, site) as phone:
            phone.open()
            phone.take_pack(unit)
            for _ in range(4):
                phone.touch("Check in")
                burst_ms.append(time_touch(phone, "Check out"))
            report_way(phone, "an arrest", ("Arrest", "Knife possession", "Keep this arrest"), 10, 45)
            begun = time.perf_counter(), phone.touches
            phone.touch("Visits", exact=False)
            phone.page.get_by_role("link", name="until").first.click()
            phone.touches += 1
            way = ("We met the person", "Interested", "Keep this outcome")
            report_way(phone, "a visit's outcome", way, 12, 60, begun)
    report("street page on 3G, first, to interactive, median", median(first_s), most=4)
    report("street page on 3G, later, to interactive, median", median(later_s), most=0.5)
    report("next burst, from touch to screen, worst of 4", max(burst_ms), unit="ms", most=300)


TIMED_TOUCH = """(name) => new Promise((resolve) => {
  const button = [...document.querySelectorAll("button")].find((own) => own.textContent === name);
  const main = document.getElementById("main");
  const begun = performance.now();
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - begun)));
  }).observe(main, { childList: true });
  button.click();
})"""


def time_touch(phone: Phone, name: str) -> float:
    """Milliseconds from a touch until the next screen is painted; the record is on the disk before that."""
    phone.page.get_by_role("button", name=name, exact=True).wait_for()
    return float(phone.page.evaluate(TIMED_TOUCH, name))


def report_way(
    phone: Phone,
    what: str,
    way: tuple[str, ...],
    most_touches: int,
    most_s: int,
    begun: tuple[float, int] | None = None,
) -> None:
    """Touches and seconds of a way through the page, without a person's thinking."""
    start_s, touches = begun or (time.perf_counter(), phone.touches)
    for name in way:
        phone.touch(name)
    report(f"{what}: touches", phone.touches - touches, unit="touches", most=most_touches)
    report(f"{what}: seconds of the page", time.perf_counter() - start_s, most=most_s)


def measure_losses(site: StreetSite, folder: Path) -> None:
    """A hundred records to each of ten faults."""
    with sync_playwright() as playwright:
        for fault in FAULTS:
            losses = run(playwright, site, folder / "phone", fault, RECORDS)
            report(f"{fault}: records lost of {losses.written}", losses.lost, unit="records", most=0)
            report(f"{fault}: records doubled", losses.doubled, unit="records", most=0)


def main() -> None:
    """All of it, or `pages` or `losses` alone, on a simulated town."""
    words = sys.argv[1:] or ["pages", "losses"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        town = street_town.build(folder / "made")
        for word in words:
            copied_folder = Path(shutil.copytree(town.parent, folder / word))
            site = StreetSite(copied_folder / town.name)
            site.start()
            try:
                measure_pages(site) if word == "pages" else measure_losses(site, folder)
            finally:
                site.kill()


if __name__ == "__main__":
    main()
