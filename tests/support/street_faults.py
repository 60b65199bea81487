"""Ten faults that befall a phone with records on it; what is lost or doubled is counted in the ledger."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from browser import chromium
from playwright.sync_api import BrowserContext, Error, Page, Playwright, Route
from street_town import StreetSite

from becalm.app.main import open_desk
from becalm.record.files.street_keys import StreetKeys

SIZE = {"width": 360, "height": 740}
WRITE = """async (marks) => {
  const page = document.querySelector("script[type=module]").src;
  const { Outbox } = await import(page.replace("street.mjs", "street-outbox.mjs"));
  const outbox = window.outbox ??= await new Outbox("/street/outbox", () => {}).start();
  const key = window.key ??= (await (await fetch("/street/state")).json()).key;
  const kept = [];
  for (const mark of marks) {
    const fields = { unit: "U", offence: mark };
    kept.push(await outbox.write("arrest", "1", fields, key).catch(() => null));
  }
  return kept;
}"""
MID_WRITE = (
    "() => { window.outbox.write('arrest', '1', { unit: 'U', offence: 'in the middle' }, window.key); }"
)
UPDATE = """async () => {
  window.registration = await navigator.serviceWorker.getRegistration("/street");
  await window.registration.update();
}"""
HAS_WAITING = "() => window.registration.waiting !== null"
FILL_UP = """() => {
  window.add = IDBObjectStore.prototype.add;
  IDBObjectStore.prototype.add = () => { throw new DOMException("full", "QuotaExceededError"); };
}"""
MAKE_ROOM = "() => { IDBObjectStore.prototype.add = window.add; }"
CACHE_NAMES = "() => caches.keys()"
SEND = "async () => { await window.outbox?.send(); }"
COUNT = """() => new Promise((resolve) => {
  const request = indexedDB.open("becalm-street");
  request.onsuccess = () => {
    const all = request.result.transaction("records").objectStore("records").count();
    all.onsuccess = () => { request.result.close(); resolve(all.result); };
  };
})"""


def wait_until(page: Page, condition: str) -> None:
    """Until this is true; the pages' own policy forbids the way that Playwright has for it."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{condition} did not come true")


@dataclass
class Stage:
    """A phone whose storage outlives its browser, the site, and the marks of what it confirmed."""

    playwright: Playwright
    site: StreetSite
    folder: Path
    context: BrowserContext
    page: Page
    marks: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, playwright: Playwright, site: StreetSite, folder: Path, *, role: str = "officer") -> Stage:
        context = launch(playwright, folder)
        context.add_cookies([{"name": "becalm", "value": site.cookie(role), "url": site.url}])
        stage = cls(playwright, site, folder, context, context.new_page())
        stage.visit()
        return stage

    def visit(self) -> None:
        self.page.goto(f"{self.site.url}/street")
        self.page.wait_for_selector("body[data-ready]")
        self.page.evaluate("async () => { await navigator.serviceWorker.ready; }")

    def write(self, count: int) -> list[str]:
        """Write so many; those that the phone confirmed must come to the ledger, once."""
        marks = [secrets.token_hex(6) for _ in range(count)]
        kept = self.page.evaluate(WRITE, marks)
        confirmed = [mark for mark, record_id in zip(marks, kept, strict=True) if record_id]
        self.marks += confirmed
        return confirmed

    def settle(self) -> int:
        """Send until nothing waits; what still waits."""
        for _ in range(40):
            self.page.evaluate("window.dispatchEvent(new Event('focus'))")
            self.page.wait_for_timeout(250)
            if not (waiting := int(self.page.evaluate(COUNT))):
                break
        return waiting

    def kill_browser(self) -> None:
        """As a phone whose battery falls out."""
        kill_browser_of(self.folder)
        self.context = launch(self.playwright, self.folder)
        self.page = self.context.new_page()
        self.context.add_cookies(
            [{"name": "becalm", "value": self.site.cookie("officer"), "url": self.site.url}]
        )
        self.visit()


def launch(playwright: Playwright, folder: Path) -> BrowserContext:
    (folder / "SingletonLock").unlink(missing_ok=True)
    context: BrowserContext = playwright.chromium.launch_persistent_context(
        folder,
        executable_path=chromium(),
        args=["--no-sandbox"],
        viewport=SIZE,  # type: ignore[arg-type]  # it is a size
    )
    context.set_default_timeout(15_000)
    return context


def kill_browser_of(folder: Path) -> None:
    """Kill the browser that was started with this folder, which is ours alone; its children end with it."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if f"--user-data-dir={folder}".encode() in (path / "cmdline").read_bytes().split(b"\0"):
                os.kill(int(path.name), signal.SIGKILL)


def server_killed(stage: Stage, count: int) -> None:
    stage.write(count // 2)
    stage.site.kill()
    stage.write(count - count // 2)
    stage.page.evaluate(SEND)
    stage.site.start()


def tab_killed(stage: Stage, count: int) -> None:
    stage.write(1)
    stage.context.set_offline(True)
    stage.write(count - 1)
    stage.page.close()
    stage.context.set_offline(False)
    stage.page = stage.context.new_page()
    stage.visit()


def phone_killed(stage: Stage, count: int) -> None:
    """In the middle of writing: what was confirmed must be there; what was not may be, once."""
    stage.write(count // 2)
    stage.page.evaluate(MID_WRITE)
    stage.kill_browser()
    stage.write(count - count // 2)


def acknowledgement_lost(stage: Stage, count: int) -> None:
    def swallow(route: Route) -> None:
        with contextlib.suppress(Error):  # the line is cut after the server has taken them
            route.fetch()
            route.abort()

    stage.page.route("**/street/outbox", swallow)
    stage.write(count)
    stage.page.evaluate(SEND)
    stage.page.wait_for_timeout(500)
    stage.page.unroute_all(behavior="wait")


def two_tabs(stage: Stage, count: int) -> None:
    other = stage.context.new_page()
    first_page = stage.page
    stage.page = other
    stage.visit()
    stage.write(count // 2)
    stage.page = first_page
    stage.write(count - count // 2)
    for page in (other, first_page):
        page.evaluate("window.dispatchEvent(new Event('focus'))")


def worker_updated(stage: Stage, count: int) -> None:
    """Newer pages come while records wait: they wait too, and take over when all is sent."""
    page, old_names = stage.page, stage.page.evaluate(CACHE_NAMES)
    page.route("**/street/outbox", lambda route: route.abort())
    stage.write(count)
    stage.site.kill()
    stage.site.start(release=secrets.token_hex(8))
    page.evaluate(UPDATE)
    wait_until(page, f"({HAS_WAITING})()")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_timeout(1_000)
    assert page.evaluate(HAS_WAITING), "the newer pages did not wait for the records"
    assert set(old_names) < set(page.evaluate(CACHE_NAMES)), "the pages that are in use went"
    page.unroute("**/street/outbox")
    stage.settle()
    wait_until(page, f"!({HAS_WAITING})()")
    old = json.dumps(old_names)
    wait_until(page, f"caches.keys().then((names) => !names.some((name) => {old}.includes(name)))")
    stage.site.kill()
    stage.site.start()


def storage_full(stage: Stage, count: int) -> None:
    """The browser refuses to keep more, as it does when the phone is full; here it is told to."""
    stage.write(count // 2)
    stage.page.evaluate(FILL_UP)
    assert not stage.write(2), "a phone that is full must say so"
    stage.page.evaluate(MAKE_ROOM)
    stage.write(count - count // 2)


def clock_wrong(stage: Stage, count: int) -> None:
    stage.page.clock.install()
    stage.page.clock.set_system_time(datetime.now(UTC) - timedelta(days=366))
    stage.write(count)


def key_rotated(stage: Stage, count: int) -> None:
    stage.write(1)
    folder = stage.site.workspace / "street" / "keys"
    newest = max(folder.glob("*.json"), key=lambda path: int(path.stem))
    newest.write_text(newest.read_text("utf-8").replace("2020-05", "2020-03"), "utf-8")  # it is old now
    desk = open_desk(stage.site.workspace)
    assert StreetKeys(desk.workspace.path).current(stage.site.at).number == int(newest.stem) + 1
    stage.write(count - 1)  # still to the old key


def user_changed(stage: Stage, count: int) -> None:
    stage.page.route("**/street/outbox", lambda route: route.abort())
    stage.write(count)
    stage.page.unroute("**/street/outbox")
    stage.context.add_cookies(
        [{"name": "becalm", "value": stage.site.cookie("sergeant"), "url": stage.site.url}]
    )


FAULTS: dict[str, Callable[[Stage, int], None]] = {
    "server killed": server_killed,
    "tab killed": tab_killed,
    "phone killed in mid-write": phone_killed,
    "acknowledgement lost": acknowledgement_lost,
    "two tabs": two_tabs,
    "worker updated": worker_updated,
    "storage full": storage_full,
    "clock wrong": clock_wrong,
    "key rotated": key_rotated,
    "user changed": user_changed,
}


@dataclass(frozen=True)
class Losses:
    """What came of the records that a phone confirmed."""

    fault: str
    written: int
    lost: int
    doubled: int
    waiting: int


def run(playwright: Playwright, site: StreetSite, folder: Path, fault: str, count: int) -> Losses:
    """Have this fault befall a phone that writes so many records, and count."""
    stage = Stage.open(playwright, site, folder)
    FAULTS[fault](stage, count)
    waiting = stage.settle()
    stage.context.close()
    shutil.rmtree(folder, ignore_errors=True)
    entries = open_desk(site.workspace).open_ledger().entries(kinds=("arrest_made",))
    counts = dict.fromkeys(stage.marks, 0)
    for entry in entries:
        mark = str(entry.event.facts["offence"])
        if mark in counts:
            counts[mark] += 1
    lost = sum(count == 0 for count in counts.values())
    doubled = sum(count > 1 for count in counts.values())
    return Losses(fault, len(counts), lost, doubled, waiting)
