"""An overseer and an administrator at the pages, with a script, without, and with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import axe
import pytest
from browser import DESK
from playwright.sync_api import Browser, Page
from sites import PASSWORD, Served, person, serve
from sqlalchemy import update
from town import becalm

from becalm.app.store.database import session_table

WAYS = ("with script", "without script", "by keyboard")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    workspace = tmp_path_factory.mktemp("overseers") / "city"
    becalm("init", workspace)
    arrest = ("record", "add", "arrest_made", "--set", "activity=violence", "--set", "unit=VSU 1")
    becalm(*arrest, "--workspace", workspace)
    facts = ("--set", "referral=R-1", "--set", "provider=charity", "--subject", "P-00000000000000000001")
    becalm("record", "add", "referral_sent", *facts, "--purpose", "referral", "--workspace", workspace)
    with serve(workspace) as site:
        yield site


class Hand:
    """A person at the page: by mouse, or by the keyboard alone."""

    def __init__(self, page: Page, way: str) -> None:
        self.page, self.has_mouse = page, way != "by keyboard"
        self.has_script = way != "without script"

    def check(self) -> None:
        """Nothing on the page is closed to anybody; axe itself is a script."""
        if self.has_script:
            assert axe.faults(self.page) == []

    def use(self, selector: str) -> None:
        """Follow a link or press a button."""
        if self.has_mouse:
            self.page.click(selector)
            return
        self.reach(selector)
        self.page.keyboard.press("Enter")
        self.page.wait_for_load_state("load")

    def reach(self, selector: str) -> None:
        """Go there with the tab key."""
        wanted = self.page.locator(selector).first
        for _ in range(120):
            self.page.keyboard.press("Tab")
            if wanted.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError(f"no key leads to {selector}")

    def write(self, selector: str, text: str) -> None:
        """Fill in a field."""
        if self.has_mouse:
            self.page.fill(selector, text)
            return
        self.reach(selector)
        self.page.keyboard.type(text)

    def choose(self, selector: str, label: str) -> None:
        """Choose from a list."""
        if self.has_mouse:
            self.page.select_option(selector, label=label)
            return
        self.reach(selector)
        self.page.keyboard.type(label)


@pytest.fixture(params=WAYS)
def hand(request: pytest.FixtureRequest, browser: Browser, served: Served) -> Iterator[Hand]:
    context = browser.new_context(
        viewport={"width": DESK[0], "height": DESK[1]},
        java_script_enabled=request.param != "without script",
        reduced_motion="reduce",
    )
    page = context.new_page()
    strange: list[str] = []
    page.on("request", lambda r: None if r.url.startswith((served.url, "data:")) else strange.append(r.url))
    yield Hand(page, request.param)
    context.close()
    assert strange == []


def sign_in(hand: Hand, served: Served, role: str, path: str) -> None:
    hand.page.goto(f"{served.url}{path}")
    hand.write("#name", person(served.store, role))
    hand.write("#password", PASSWORD)
    hand.use("main form button")
    hand.page.wait_for_url(f"{served.url}{path}")


def test_an_overseer_reads_what_is_published_and_follows_an_entry_to_its_proof(
    hand: Hand, served: Served
) -> None:
    sign_in(hand, served, "oversight", "/oversight")
    main = hand.page.locator("main")
    assert "What becalm never does" in main.inner_text()
    assert "Nothing was published yet" in main.inner_text()
    hand.use('nav a[href="/record"]')
    hand.page.wait_for_url("**/record")
    hand.use('main a[href="/record/entries"]')
    hand.page.wait_for_url("**/record/entries")
    hand.choose("#kind", "arrest made")
    hand.use("main form button")
    hand.page.wait_for_url("**kind=arrest_made**")
    hand.use("main tbody a")
    hand.page.wait_for_url("**/record/entries/*")
    assert "VSU 1" in main.inner_text()
    assert served.client("oversight").get("/record/entries?kind=referral_sent").status == 200
    hand.page.goto(f"{served.url}/record/heads")
    assert "Heads kept outside prove" in main.inner_text()
    hand.check()


def test_an_auditor_opens_an_entry_about_a_person_for_a_purpose(hand: Hand, served: Served) -> None:
    path = "/record/entries?kind=referral_sent"
    sign_in(hand, served, "auditor", path)
    hand.use("main tbody a")
    hand.page.wait_for_url("**/record/entries/*")
    main = hand.page.locator("main")
    assert "charity" not in main.inner_text()
    hand.choose("#purpose", "audit")
    hand.use("main form button")
    hand.page.wait_for_selector("text=that you looked is recorded")
    assert "charity" in main.inner_text()
    hand.check()


def test_an_administrator_ends_the_sessions_of_somebody_after_the_password_once_more(
    hand: Hand, served: Served
) -> None:
    victim = served.client("sergeant")
    assert victim.get("/").status == 200
    sign_in(hand, served, "system administrator", "/account")
    long_ago = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    served.store.write(update(session_table).values(proven_at=long_ago))
    name = person(served.store, "sergeant")
    button = f'form[action="/account/sessions/{name}/end"] button'
    hand.use(button)
    hand.page.wait_for_url("**/prove**")
    assert victim.get("/").status == 200, "nothing is done before"
    hand.check()
    hand.write("#password", PASSWORD)
    hand.use("main form button")
    hand.page.wait_for_url("**/account")
    hand.use(button)
    hand.page.wait_for_selector(button, state="detached")
    assert victim.get("/").status == 303


def test_the_way_to_stay_signed_in_needs_no_script(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False)
    cookie = served.client("oversight").cookies["becalm"]
    context.add_cookies([{"name": "becalm", "value": cookie, "url": served.url}])
    page = context.new_page()
    page.goto(f"{served.url}/record/entries")
    nearly_out = (datetime.now(UTC) - timedelta(minutes=29)).isoformat()
    served.store.write(update(session_table).values(seen_at=nearly_out))
    page.goto(f"{served.url}/stay")
    assert "You are still signed in" in page.inner_text("main")
    row = served.store.first(session_table.select().order_by(session_table.c.seen_at.desc()))
    assert datetime.now(UTC) - datetime.fromisoformat(row.seen_at) < timedelta(minutes=1)
    context.close()
