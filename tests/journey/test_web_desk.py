"""The desk at work in a real Chromium: plans, rosters, alarms, places, protocols and cases."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import axe
import pytest
from browser import DESK, PHONE
from desk_town import DeskTown, make_desk_town
from playwright.sync_api import Browser, BrowserContext, Page
from sites import Served, serve

from becalm.divert.core.screening import CHECKS

CUT_OFF = (Path(__file__).resolve().parents[1] / "support" / "cut_off.js").read_text("utf-8")
SENTENCES = {  # of the nomination and of the approval, with script and without: none like another
    True: (
        "This person was hurt in June and asked a nurse for work.",
        "A workshop has a bench free from Monday.",
    ),
    False: (
        "He lost a flat in spring and spoke to a neighbour.",
        "The housing team can offer her brother's room.",
    ),
}
CHOSEN = re.compile(r"\?unit=|replan|cases$|beside/|/places/|measure")  # one of each kind of page
VIEWS = ((DESK, False), (PHONE, True))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> DeskTown:
    return make_desk_town(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def served(desk: DeskTown) -> Iterator[Served]:
    with serve(desk.workspace) as site:
        yield site


@pytest.fixture(scope="module")
def lists(served: Served) -> tuple[str, str]:
    """Two lists of hotspots, of 8 and of 10 places."""
    client = served.client("analyst")
    first, second = (client.answer_to("/find/ask/hotspots", count=n, target="robbery") for n in ("8", "10"))
    return first, second


Opened = Callable[..., tuple[BrowserContext, Page]]


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Opened]:
    """Browsers of people, closed again; none may ask for anything elsewhere."""
    contexts: list[BrowserContext] = []
    strange: list[str] = []

    def open_as(
        role: str, *, size: tuple[int, int] = DESK, is_dark: bool = False, script: bool = True
    ) -> tuple[BrowserContext, Page]:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if is_dark else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        cookie = {"name": "becalm", "value": served.client(role).cookies["becalm"], "url": served.url}
        context.add_cookies([cookie])
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request", lambda r: None if r.url.startswith((served.url, "data:")) else strange.append(r.url)
        )
        return context, page

    yield open_as
    for context in contexts:
        context.close()
    assert strange == []


def link_to(served: Served, role: str, path: str, pattern: str) -> str:
    found = re.search(pattern, served.client(role).get(path).text)
    assert found, f"{path} has no {pattern}"
    return found[1].replace("&amp;", "&")


def send(page: Page) -> None:
    """Press the button of the form of this page, and wait for what comes."""
    with page.expect_navigation():
        page.locator("main form .actions button").last.click()


def pages_of(served: Served, desk: DeskTown, lists: tuple[str, str]) -> dict[str, tuple[str, ...]]:
    person = desk.programme.person("N110")
    plan = link_to(served, "sergeant", "/patrol", r'href="(/patrol/folders/\w+)"')
    roster = link_to(served, "duty planner", "/staff", r'href="(/staff/folders/\w+)"')
    first, second = lists
    beside = f"{second}/beside"
    place = link_to(served, "analyst", f"{second}/places", rf'href="({second}/places/[^"]+)"')
    return {
        "sergeant": (
            "/patrol",
            plan,
            f"{plan}?unit=Ash+late+1",
            "/patrol/act/replan",
            "/patrol/act/forecast",
        ),
        "duty planner": ("/staff", f"{roster}?command_unit=Ash", "/staff/act/absent", "/staff/act/report"),
        "approver": ("/divert/cases", f"/divert/act/approve?person={person}", "/divert/act/queue"),
        "screener": ("/divert/act/screen",),
        "coordinator": ("/divert/cases", "/divert/act/visit-outcome", "/divert/act/refer"),
        "analyst": (
            *("/sustain", "/sustain/act/review", "/evaluate", "/evaluate/act/register", "/measure?with=2019"),
            *(
                beside,
                f"{beside}/{first.rpartition('/')[2]}",
                f"{second}/places",
                place,
                "/find/act/override",
            ),
        ),
    }


def test_nothing_on_a_page_where_people_act_is_closed_to_anybody(
    opened: Opened, served: Served, desk: DeskTown, lists: tuple[str, str]
) -> None:
    paths_by_role = pages_of(served, desk, lists)
    paths_by_role = {
        role: tuple(filter(CHOSEN.search, role_paths)) for role, role_paths in paths_by_role.items()
    }
    for turn, (size, is_dark) in enumerate(VIEWS):
        own_paths = {role: role_paths[turn::2] for role, role_paths in paths_by_role.items()}
        look_at_pages(opened, served, own_paths, size, is_dark=is_dark)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("size", "is_dark"), [(DESK, True), (PHONE, False)], ids=["desk dark", "phone light"]
)
def test_nor_is_it_in_the_other_light(
    opened: Opened,
    served: Served,
    desk: DeskTown,
    lists: tuple[str, str],
    size: tuple[int, int],
    is_dark: bool,
) -> None:
    look_at_pages(opened, served, pages_of(served, desk, lists), size, is_dark=is_dark)


def look_at_pages(
    opened: Opened, served: Served, paths: dict[str, tuple[str, ...]], size: tuple[int, int], *, is_dark: bool
) -> None:
    faults_by_page: dict[str, object] = {}
    for role, role_paths in paths.items():
        _, page = opened(role, size=size, is_dark=is_dark)
        for path in role_paths:
            page.goto(served.url + path)
            faults = axe.faults(page)
            if page.evaluate("document.documentElement.scrollWidth") > size[0]:
                faults.append("wider than the screen")
            if faults or page.evaluate(CUT_OFF):
                faults_by_page[path] = faults or page.evaluate(CUT_OFF)
            if "/act/" in path:  # sent as it is: with what is wrong beside the fields, or with its answer
                send(page)
                if faults := axe.faults(page):
                    faults_by_page[f"{path}, sent"] = faults
    assert faults_by_page == {}


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_sergeant_reads_the_plan_of_a_unit_and_draws_a_tour_again(
    opened: Opened, served: Served, desk: DeskTown, script: bool
) -> None:
    _, page = opened("sergeant", script=script)
    page.goto(f"{served.url}/patrol")
    page.click("text=patrol/plan-1")
    page.select_option("#unit", "Ash late 1")
    page.click("text=Show these")
    page.locator("section[aria-labelledby=table-2] table").wait_for()
    with (desk.plan / "visits.csv").open(encoding="utf-8") as stream:
        visits = [row for row in csv.DictReader(stream) if row["unit"] == "Ash late 1"]
    assert page.locator("section[aria-labelledby=table-2] tbody tr").count() == len(visits)
    page.click("text=Draw a tour again")
    page.fill("#reason", "The car broke down.")
    send(page)  # which unit?
    assert page.locator(".error-summary").is_visible()
    assert page.input_value("#reason") == "The car broke down."
    page.fill("#unit", "Ash late 1")
    page.fill("#at", "2020-05-05T17:00" if script else "2020-05-05T18:00")
    send(page)
    page.wait_for_url("**/patrol/done/*")
    assert "It is recorded." in page.inner_text("main")
    entries = list(desk.programme_desk().open_ledger().entries(kinds=("patrol_replan_begun",)))
    assert entries[-1].event.actor.startswith("sergeant.")
    assert entries[-1].event.facts["reason"] == "The car broke down."


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_two_people_decide_about_a_case(opened: Opened, served: Served, desk: DeskTown, script: bool) -> None:
    person = desk.programme.person("N101" if script else "N110")
    nominated, approved = SENTENCES[script]
    _, page = opened("nominator", script=script)
    page.goto(f"{served.url}/divert/act/nominate?person={person}")
    page.click("text=The harm is recent")
    page.fill("#sentence", nominated)
    send(page)
    _, page = opened("screener", script=script)
    page.goto(f"{served.url}/divert/act/screen?person={person}")
    for check in CHECKS:
        page.select_option(f'[id="check.{check.name}"]', "no")
    send(page)
    _, page = opened("approver", script=script)
    page.goto(f"{served.url}/divert/cases")
    page.click("text=Cases that wait for you")
    send(page)
    page.click(f"text={person}")
    page.locator("#purpose").wait_for()
    send(page)
    assert "What the rule says" in page.inner_text("main")
    page.click("section[aria-labelledby=next] >> text=Approve")
    page.click("text=The harm is recent")
    page.fill("#sentence", approved)
    send(page)
    page.wait_for_url("**/divert/done/*")
    assert f"{person} is approved" in page.inner_text("main")
    page.go_back()
    assert page.url.partition("?")[0].endswith("/divert/act/approve")
    decisions = list(desk.programme_desk().open_ledger().entries(kinds=("decision_made",), subject=person))
    assert [entry.event.facts["decision"] for entry in decisions] == ["approved"]


def test_a_coordinator_says_what_came_of_a_visit_and_hears_what_is_missing(
    opened: Opened, served: Served, desk: DeskTown
) -> None:
    _, page = opened("coordinator", script=False)
    page.goto(f"{served.url}/divert/act/visit-outcome?person={desk.programme.person('N111')}")
    page.fill("#crew", "crew 1")
    send(page)
    assert page.locator("#result-error").is_visible()
    assert page.input_value("#crew") == "crew 1"


def test_an_overseer_sees_differences_between_groups_and_no_case(
    opened: Opened, served: Served, desk: DeskTown
) -> None:
    _, page = opened("oversight", script=False)
    page.goto(f"{served.url}/divert/cases")
    page.click("text=Differences between groups")
    send(page)
    assert page.locator("main table").first.is_visible()
    page.goto(f"{served.url}/divert/act/explain?person={desk.programme.person('N101')}")
    assert "There is no such page" in page.inner_text("h1")


@pytest.mark.parametrize(
    ("role", "path", "keys", "wanted"),
    [
        ("approver", "/divert/act/queue", (), "as approver"),
        ("coordinator", "/divert/act/visit-due", (), "The answer"),
        ("sergeant", "/patrol/act/forecast?plan=patrol/plan-1", (), "Dosage against target"),
        ("oversight", "/divert/act/disparity", (), "The answer"),
        ("duty planner", "/staff/act/answer", (("officer", "D1001"),), "There is a problem"),
    ],
)
def test_a_core_task_of_each_role_is_done_by_keyboard_alone(
    opened: Opened, served: Served, role: str, path: str, keys: tuple[tuple[str, str], ...], wanted: str
) -> None:
    _, page = opened(role)
    page.goto(served.url + path)
    for name, text in keys:
        tab_to(page, f"document.activeElement.id === {name!r}")
        page.keyboard.type(text)
    tab_to(page, "document.activeElement.matches('main form .actions button')")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert wanted in page.inner_text("main")


def tab_to(page: Page, condition: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    raise AssertionError(f"no key leads to {condition}")


def test_an_alarm_a_place_and_a_protocol_are_decided_on_their_forms(
    served: Served, lists: tuple[str, str]
) -> None:
    client = served.client("analyst")
    place = link_to(served, "analyst", f"{lists[1]}/places", rf'href="{lists[1]}/places/([^"]+)"')
    answer = client.ask_question(
        f"/find/act/override?place={place}", place=place, reason="A market opens there.", include="yes"
    )
    assert answer.status == 303, answer.text
    assert "place_overridden" in client.get(answer.to).text
    draft = client.ask_question("/evaluate/act/draft", design="trial", out="a new draft")
    assert draft.status == 303, draft.text
    assert "protocols/draft-" in client.get("/evaluate/act/register").text
    review = client.ask_question("/sustain/act/review", alarm="none", decision="real", reason="It was.")
    assert review.status == 422
    assert "was never raised" in review.text


def test_who_must_be_asked_is_said_when_somebody_is_away(served: Served, desk: DeskTown) -> None:
    with (desk.roster / "roster.csv").open(encoding="utf-8") as stream:
        worked = next(row for row in csv.DictReader(stream) if row["use"])
    client = served.client("duty planner")
    answer = client.ask_question(
        "/staff/act/absent",
        folder="rosters/week-1",
        out="a new folder",
        officer=worked["staff_number"],
        since=worked["day"],
        reason="sick",
    )
    assert answer.status == 303, answer.text
    assert "asked" in client.get(answer.to).text or "Ask, in this order" in client.get(answer.to).text
    assert "rosters/changed-" in client.get("/staff").text


def test_runs_are_found_by_what_they_were_asked_with(served: Served, lists: tuple[str, str]) -> None:
    client, (first, second) = served.client("analyst"), lists
    found = client.get("/find?question=hotspots&with=count+8").text
    shown = found.partition('id="runs"')[2]
    assert first in shown
    assert second not in shown
