"""A phone as an officer holds it: the street pages in Chromium, touched, with each touch counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, BrowserContext, Page, expect
from street_town import StreetSite

SIZE = {"width": 360, "height": 740}


@dataclass
class Phone:
    """The page, and how often it was touched."""

    context: BrowserContext
    page: Page
    site: StreetSite
    touches: int = 0

    def open(self) -> None:
        self.page.goto(f"{self.site.url}/street")
        self.wait()

    def wait(self) -> None:
        self.page.wait_for_selector("body[data-ready]")

    def touch(self, name: str, *, exact: bool = True) -> None:
        """Touch what is called so: a button, a link or a choice."""
        page = self.page
        target = (
            page.get_by_role("button", name=name, exact=exact)
            .or_(page.get_by_role("link", name=name, exact=exact))
            .or_(page.get_by_label(name, exact=exact))
        )
        target.first.click()
        self.touches += 1

    def take_pack(self, unit: str) -> None:
        self.touch(unit)
        self.touch("Take the pack for this shift")
        expect(self.page.locator("main")).to_contain_text("The pack is on this phone until")

    def wait_for_worker(self) -> None:
        """Until the pages are kept, so that they open without signal."""
        self.page.evaluate("async () => { await navigator.serviceWorker.ready; }")

    @property
    def pending(self) -> str:
        return self.page.inner_text("#pending")

    def says(self, text: str) -> None:
        expect(self.page.locator("body")).to_contain_text(text)


@contextmanager
def phone_at(
    browser: Browser, site: StreetSite, role: str = "visiting officer", *, is_dark: bool = False
) -> Iterator[Phone]:
    """A phone with somebody signed in."""
    context = browser.new_context(
        viewport=SIZE,  # type: ignore[arg-type]  # it is a size
        device_scale_factor=2,
        has_touch=True,
        color_scheme="dark" if is_dark else "light",
    )
    context.add_cookies([{"name": "becalm", "value": site.cookie(role), "url": site.url}])
    page = context.new_page()
    page.set_default_timeout(15_000)
    try:
        yield Phone(context, page, site)
    finally:
        context.close()
