"""The pages in a real Chromium: asked on, read, taken home, with a keyboard alone and without a script."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import axe
import pytest
import town
from browser import DESK, PHONE
from page import read_page
from playwright.sync_api import Browser, BrowserContext, Page
from pypdf import PdfReader
from sites import PASSWORD, Client, Served, person, serve

from becalm.console.run_folder import list_runs, run_folder

SUPPORT = Path(__file__).resolve().parents[1] / "support"
CUT_OFF = (SUPPORT / "cut_off.js").read_text("utf-8")
FOCUS = """() => {
  const e = document.activeElement
  const style = getComputedStyle(e)
  const look = () => style.outlineColor + style.boxShadow + style.backgroundColor
  const focused = look()
  e.blur()
  const blurred = look()
  e.focus()
  return [focused, blurred]
}"""
QUIET = r"status of 4\d\d|GPU stall"  # a page that is refused; the map drawn without a graphics card
QUESTIONS = {
    "/measure/ask/compare": {"period": "2020-04", "baseline": "2019", "by": "offence_group"},
    "/find/ask/hotspots": {"count": "20", "target": "robbery"},
    "/sustain/ask/step-list": {},
}
PATHS = (
    "/",
    "/measure",
    "/measure/ask/compare",
    "/find",
    "/find/ask/hotspots",
    "/patrol",
    "/record",
    "/sustain",
)
PATHS += ("/record/entries", "/record/entries/1", "/record/entries?since=x", "/record/heads")
PATHS += ("/evaluate", "/oversight", "/account", "/prove", "/staff", "/stay", "/nothing")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("pages")
    workspace = town.workspace_of(town.simulate(folder / "town"), folder / "city")
    with serve(workspace) as site:
        yield site


@pytest.fixture(scope="module")
def runs(served: Served) -> dict[str, str]:
    """The answers, each asked through its form: path of the form to path of the run."""
    client, found = served.client("analyst"), {}
    for path, fields in QUESTIONS.items():
        found[path] = client.answer_to(path, **fields)
    return found


def open_context(
    browser: Browser,
    served: Served,
    role: str = "",
    *,
    size: tuple[int, int] = DESK,
    is_dark: bool = False,
    script: bool = True,
) -> tuple[BrowserContext, Page, list[str]]:
    """A browser of one person, and what it should not have: requests to elsewhere, complaints."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if is_dark else "light",
        java_script_enabled=script,
        reduced_motion="reduce",
    )
    if role:
        context.add_cookies(
            [{"name": "becalm", "value": served.client(role).cookies["becalm"], "url": served.url}]
        )
    page, strange = context.new_page(), []
    page.on("request", lambda r: None if r.url.startswith((served.url, "data:")) else strange.append(r.url))
    page.on("console", lambda m: None if re.search(QUIET, m.text) else strange.append(m.text))
    page.on("pageerror", lambda error: strange.append(str(error)))
    return context, page, strange


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_nothing_on_any_page_is_closed_to_anybody(
    browser: Browser, served: Served, runs: dict[str, str], size: tuple[int, int], is_dark: bool
) -> None:
    context, page, strange = open_context(browser, served, "analyst", size=size, is_dark=is_dark)
    found: dict[str, object] = {}
    for path in (*PATHS, *runs.values()):
        page.goto(served.url + path)
        faults = axe.faults(page)
        if page.evaluate("document.documentElement.scrollWidth") > size[0]:
            faults.append("wider than the screen")
        if faults or page.evaluate(CUT_OFF):
            found[path] = faults or page.evaluate(CUT_OFF)
    context.close()
    signed_out, page, more = open_context(browser, served, size=size, is_dark=is_dark)
    page.goto(f"{served.url}/sign-in")
    assert axe.faults(page) == []
    signed_out.close()
    assert found == {}
    assert strange + more == []


def test_a_planted_fault_is_seen(browser: Browser, served: Served) -> None:
    context, page, _ = open_context(browser, served, "analyst")
    page.goto(served.url)
    page.evaluate("document.querySelector('h1').outerHTML = '<img src=data:,><p id=pale>Pale words</p>'")
    page.evaluate("document.querySelector('#pale').style.color = '#eee'")  # a style in the text is refused
    assert {"image-alt", "color-contrast"} <= {fault.partition(":")[0] for fault in axe.faults(page)}
    context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_an_analyst_signs_in_asks_and_reads_the_answer(
    browser: Browser, served: Served, script: bool
) -> None:
    context, page, strange = open_context(browser, served, script=script)
    page.goto(f"{served.url}/measure")
    page.fill("#name", person(served.store, "analyst"))
    page.fill("#password", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{served.url}/measure")
    page.click("section[aria-labelledby=ask] >> text=Key figures of violence")
    page.fill("#period", "2020-04")
    page.click("main button")
    page.wait_for_url(re.compile("/(tasks|runs)/"))
    while "/tasks/" in page.url:
        page.click("text=Wait for the answer")
    page.wait_for_url("**/measure/runs/*")
    page.locator("table").first.wait_for()
    page.click("text=Sign out")
    page.wait_for_url(f"{served.url}/sign-in")
    page.goto(f"{served.url}/measure")
    assert "/sign-in?next=/measure" in page.url
    assert strange == []
    context.close()


def test_it_can_all_be_done_with_the_keyboard(browser: Browser, served: Served) -> None:
    context, page, _ = open_context(browser, served)
    page.goto(f"{served.url}/sustain")

    def tab_to(text: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            here = page.evaluate("document.activeElement.innerText || document.activeElement.id || ''")
            if here.strip() == text:
                focused, blurred = page.evaluate(FOCUS)
                assert focused != blurred, f"nobody can see that {text} has the focus"
                return
        raise AssertionError(f"no key leads to {text}")

    tab_to("Skip to the content")
    tab_to("name")
    page.keyboard.type(person(served.store, "analyst"))
    tab_to("password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served.url}/sustain", wait_until="load")
    tab_to("Alarms so far")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ask/history", wait_until="load")
    tab_to("Ask")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*", timeout=60_000)
    context.close()


def test_the_figure_is_the_same_on_the_page_in_the_file_in_the_api_and_at_the_command_line(
    served: Served, runs: dict[str, str]
) -> None:
    path, client = runs["/measure/ask/compare"], served.client("analyst")
    words = [
        "measure",
        "compare",
        "--period",
        "2020-04",
        "--baseline",
        "2019",
        "--workspace",
        served.workspace,
    ]
    printed = town.becalm(*words, "--format", "json").stdout
    total = next(csv.DictReader(io.StringIO(town.becalm(*words, "--format", "csv").stdout)))
    assert client.get(f"{path}.json").text == printed
    key = path.rpartition("/")[2]
    assert client.get(f"/api/v1/measure/runs/{key}").text == printed
    assert town.becalm(*words, "--format", "csv").stdout == client.get(f"{path}.csv").text
    cells = [
        node.text for node in read_page(client.get(path).text.replace("<!doctype html>", "")).every("td")
    ]
    assert f"{int(total['new']):,}" in cells
    assert client.get(f"{path}.xlsx").body[:2] == b"PK"
    answer = client.get(f"{path}.csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="measure-compare-{key}.csv"'


def test_a_run_is_printed_and_taken_home_in_every_format_that_it_has(
    served: Served, runs: dict[str, str]
) -> None:
    client = served.client("analyst")
    path = runs["/find/ask/hotspots"]
    links = [node.get("href") for node in client.get(path).page.every("a")]
    beginnings = {
        ".json": b"{",
        ".csv": b"rank",
        ".xlsx": b"PK",
        ".geojson": b"{",
        ".gpkg": b"SQLite format 3",
    }
    for ending, beginning in {**beginnings, ".pdf": b"%PDF"}.items():
        assert f"{path}{ending}" in links
        answer = client.get(f"{path}{ending}")
        assert answer.body.startswith(beginning), ending
        assert answer.headers["content-disposition"].startswith("attachment")
    comparison = runs["/measure/ask/compare"]
    once, again = (client.get(f"{comparison}.pdf").body for _ in range(2))
    assert once == again
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(once)).pages)
    total = next(csv.DictReader(io.StringIO(client.get(f"{comparison}.csv").text)))
    assert f"{int(total['new']):,}" in text
    assert comparison.rpartition("/")[2] in text
    assert client.get(f"{comparison}.ics").status == 404


def test_a_run_that_a_page_shows_is_repeated_byte_for_byte(served: Served, runs: dict[str, str]) -> None:
    for path in (runs["/measure/ask/compare"], runs["/find/ask/hotspots"]):
        _, job, _, key = path.split("/")
        record = run_folder(served.workspace, job, key) / "run.json"
        result = town.becalm("run", "--again", record, "--workspace", served.workspace)
        assert "byte for byte" in result.output


def test_a_run_that_was_altered_says_so_and_is_not_repeated(served: Served, runs: dict[str, str]) -> None:
    key = runs["/measure/ask/compare"].rpartition("/")[2]
    folder = run_folder(served.workspace, "measure", key)
    copied_key = f"{key[:-8]}ffffffff"
    copied = Path(shutil.copytree(folder, folder.with_name(copied_key)))
    (copied / "answer.json").write_text((copied / "answer.json").read_text().replace("2", "3", 1))
    answer = served.client("analyst").get(f"/measure/runs/{copied_key}.json")
    assert answer.status == 409
    assert "was altered" in answer.text
    town.becalm("run", "--again", copied / "run.json", "--workspace", served.workspace, code=8)
    shutil.rmtree(copied)


def test_a_page_says_what_went_wrong_and_keeps_the_question(served: Served) -> None:
    client: Client = served.client("analyst")
    answer = client.ask_question("/measure/ask/compare", period="1999-04")
    page = client.get(answer.to)
    assert page.status == 200
    assert "It could not be answered" in page.text
    assert "--" not in page.page.text, "a page names fields, not options"
    back = next(node.get("href") for node in page.page.every("a") if "from=" in (node.get("href") or ""))
    assert 'value="1999-04"' in client.get(str(back)).text
    assert "Could not be answered" in client.get("/").text


def test_two_runs_asked_the_same_lead_from_one_to_the_other(served: Served, runs: dict[str, str]) -> None:
    client = served.client("analyst")
    again = client.answer_to("/sustain/ask/step-list")
    assert "The run before, asked the same" in client.get(again).text
    assert len(list_runs(served.workspace, "sustain")) >= 2
    assert runs


def test_the_warning_before_a_session_ends_needs_no_script(browser: Browser, served: Served) -> None:
    context, page, _ = open_context(browser, served, "analyst", script=True)
    page.goto(served.url)
    assert not page.locator(".time-out p").is_visible()
    delay = page.evaluate("getComputedStyle(document.querySelector('.time-out')).animationDelay")
    assert delay == f"{28 * 60}s"
    page.evaluate("document.querySelector('.time-out').getAnimations()[0].currentTime = 29 * 60 * 1000")
    page.wait_for_selector(".time-out p", state="visible")
    assert axe.faults(page) == []
    context.close()


def test_at_four_times_the_size_nothing_must_be_scrolled_sideways(
    browser: Browser, served: Served, runs: dict[str, str]
) -> None:
    context, page, _ = open_context(browser, served, "analyst", size=(320, 256))  # 1280 x 1024 at 400 %
    for path in ("/", "/measure/ask/compare", "/account", runs["/measure/ask/compare"]):
        page.goto(served.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    context.close()
