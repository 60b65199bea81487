"""Who may see and ask what: every role on every page, run, form, file and address of the API.

The matrix is made from the one table of rights. What a cell should be is said here in a few rules, which know
nothing of how the pages are put together.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sites import FORM, InProcess
from town import becalm

from becalm.app import rights
from becalm.app.site.act_pages import address_of_act
from becalm.app.site.folder_pages import KEY_DIGITS
from becalm.app.store import sessions, tasks
from becalm.app.store.accounts import end_account, find_account
from becalm.brief.pages import JOB_PAGES
from becalm.console.run_folder import write_run
from becalm.divert.core.access import ROLES as PEOPLE_ROLES
from becalm.formats.durable_files import sha256_of_text

RUN, UNKNOWN = "20260101-000000-aaaaaaaa", "20260101-000000-bbbbbbbb"
ENDINGS = (".json", ".csv", ".xlsx", ".pdf", ".gpkg")
WRITTEN = (".json", ".csv")
OPEN_PAGES = ("/sign-in", "/healthz")
BRIEFING_FILES = ("index.html", "annex.html", "comparison.csv", "run.json", "nothing.html", "../becalm.toml")
LEAST_CELLS = 5_000


@dataclass(frozen=True)
class Cell:
    """One request, and what must come back for a role that is signed in."""

    method: str
    path: str
    job: str
    what: str
    is_api: bool = False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    workspace = tmp_path_factory.mktemp("rights") / "city"
    becalm("init", workspace)
    for job, page in JOB_PAGES.items():
        texts = {f"answer{ending}": f'{{"job": "{job}"}}' for ending in WRITTEN}
        shown = {"files": {n: sha256_of_text(t) for n, t in texts.items()}, "request": {}, "blocks": []}
        record = {
            "question": page.questions[0],
            "version": "0",
            "seed": 0,
            "made_at": "2026-01-01T00:00:00+00:00",
        }
        record |= {"as_of": None, "parameters": {}, "data": {}}
        write_run(
            workspace, job, RUN, {**texts, "page.json": json.dumps(shown), "run.json": json.dumps(record)}
        )
        for folder_list in page.folders:
            for name in (folder_list.record, folder_list.mark, f"auditor/{folder_list.record}"):
                (workspace / f"{job}-folder" / name).parent.mkdir(parents=True, exist_ok=True)
                (workspace / f"{job}-folder" / name).write_text("{}")
    (workspace / "briefing").mkdir()
    for name in ("index.html", "run.json"):
        (workspace / "briefing" / name).write_text("{}")
    opened = InProcess(workspace)
    yield opened
    opened.close()


def folder_key(job: str) -> str:
    return sha256_of_text(f"{job}-folder")[:KEY_DIGITS]


def cells(site: InProcess, stranger_task: str) -> Iterator[Cell]:
    for job, page in JOB_PAGES.items():
        yield Cell("GET", f"/{job}", job, "page")
        yield Cell("GET", f"/{job}/runs/{RUN}", job, "run")
        yield Cell("GET", f"/{job}/runs/{UNKNOWN}", job, "nothing")
        yield Cell("GET", f"/{job}/runs/..%2F..%2Fbecalm", job, "nothing")
        for ending in ENDINGS:
            yield Cell(
                "GET", f"/{job}/runs/{RUN}{ending}", job, "run" if ending in (*WRITTEN, ".pdf") else "nothing"
            )
        yield Cell("GET", f"/api/v1/{job}/runs", job, "run", is_api=True)
        yield Cell("GET", f"/api/v1/{job}/runs/{RUN}", job, "run", is_api=True)
        yield Cell("GET", f"/api/v1/{job}/runs/{UNKNOWN}", job, "nothing", is_api=True)
        yield Cell("GET", f"/{job}/ask/nothing", job, "no form")
        for words in page.questions:
            name = site.site.questions[words].name
            yield Cell("GET", f"/{job}/ask/{name}", job, "form")
            yield Cell("POST", f"/{job}/ask/{name}", job, "old form")
            yield Cell("POST", f"/api/v1/{job}/{name}", job, "no token", is_api=True)
        for words, act in page.acts.items():
            about = "person" if act.subject else "thing"
            yield Cell("GET", address_of_act(words), words, f"act about a {about}")
            yield Cell("POST", address_of_act(words), words, "old form")
        yield Cell("GET", f"/{job}/runs/{RUN}/beside", job, "run")
        yield Cell("GET", f"/{job}/runs/{RUN}/beside/{RUN}", job, "run")
        yield Cell("GET", f"/{job}/runs/{RUN}/beside/{UNKNOWN}", job, "nothing")
        for folder_list in page.folders:
            folder = f"/{job}/folders/{folder_key(job)}"
            yield Cell("GET", folder, folder_list.page, "run")
            yield Cell("GET", f"{folder}/{folder_list.record}", folder_list.page, "run")
            yield Cell("GET", f"{folder}/auditor/{folder_list.record}", folder_list.page, "nothing")
            yield Cell("GET", f"{folder}/..%2F..%2Fbecalm.toml", folder_list.page, "nothing")
        yield Cell("GET", f"/{job}/folders/nothing", job, "nothing")
        yield Cell("GET", f"/{job}/act/nothing", job, "nothing")
        yield Cell("GET", f"/{job}/done/nothing", job, "nothing")
    for name in BRIEFING_FILES:
        yield Cell(
            "GET", f"/briefing/{name}", "briefing", "run" if name in ("index.html", "run.json") else "nothing"
        )
    yield Cell("GET", "/", "today", "page")
    yield Cell("GET", "/account", "account", "page")
    yield Cell("GET", "/divert/cases", "cases", "page")
    yield Cell("GET", "/oversight", "oversight", "page")
    for path in ("/record/entries", "/record/entries?kind=arrest_made", "/record/heads"):
        yield Cell("GET", path, "record", "page")
    yield Cell("GET", "/record/entries/1", "record", "run")
    yield Cell("GET", "/record/entries/999999", "record", "nothing")
    yield Cell("GET", f"/record/runs/{UNKNOWN}/entries", "record", "nothing")
    yield Cell("POST", "/record/entries/1", "record", "old form")
    yield Cell("GET", "/oversight/papers/nothing.html", "oversight", "nothing")
    yield Cell("POST", "/oversight/accesses", "oversight", "old form")
    yield Cell("GET", "/street", "street", "page")
    yield Cell("GET", "/street/state", "street", "page", is_api=True)
    yield Cell("GET", "/street/pack?unit=Nobody", "street", "no shift", is_api=True)
    yield Cell("POST", "/street/outbox", "street", "no outbox", is_api=True)
    yield Cell("GET", "/street/hand-in", "street", "page")
    yield Cell("POST", "/street/hand-in", "", "old form")
    yield Cell("GET", "/street/board", "board", "page")
    yield Cell("GET", "/street/aside", "board", "page")
    yield Cell("POST", "/street/board/replan", "", "old form")
    yield Cell("GET", "/street/worker.js", "", "open")
    yield Cell("GET", "/street/assets/0000000000000000/street.mjs", "", "nothing")
    yield Cell("GET", f"/tasks/{stranger_task}", "", "nothing")
    yield Cell("GET", "/tasks/nothing", "", "nothing")
    yield Cell("POST", f"/tasks/{stranger_task}/cancel", "", "old form")
    yield Cell("POST", "/account/sessions/analyst.tsylan/end", "", "old form")
    yield Cell("GET", "/nothing", "", "nothing")
    yield Cell("GET", "/app.sqlite", "", "nothing")


def expected(cell: Cell, role: str) -> int:
    """What somebody signed in with this role must be answered."""
    jobs_of_briefing = ("measure", "find", "patrol")
    sees = (
        all(rights.may_see(role, job) for job in jobs_of_briefing)
        if cell.job == "briefing"
        else rights.may_see(role, cell.job)
    )
    if cell.what == "page":
        return 200 if sees else 403
    if cell.what == "run":
        return 200 if sees else 404
    if cell.what == "form":
        return 200 if sees and rights.may_ask(role, cell.job) else 403
    if cell.what.startswith("act about"):  # what is about people is, for others, as if it were not there
        others = 404 if cell.what.endswith("person") else 403
        return 200 if rights.may_act(role, cell.job) else others
    if cell.what in ("no shift", "no outbox"):
        return {"no shift": 409, "no outbox": 422}[cell.what] if sees else 403
    if cell.what == "no form":
        return 404 if sees else 403
    return {"open": 200, "old form": 403, "no token": 401, "nothing": 404}[cell.what]


def headers_of(cell: Cell, headers: dict[str, str]) -> dict[str, str]:
    kind = "application/json" if cell.is_api else FORM
    return {**headers, "content-type": kind}


def ask(site: InProcess, cell: Cell, headers: dict[str, str]) -> int:
    body = b"{}" if cell.method == "POST" and cell.is_api else b""
    answer = site.ask(cell.method, cell.path, body, headers_of(cell, headers))
    assert b"Traceback" not in answer.body
    return answer.status


def test_every_role_gets_what_the_table_gives_it_and_nothing_else(
    site: InProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    stranger = tasks.start_task(
        site.store, "measure compare", {}, account="nobody", role="analyst", form_id="", now=now
    )
    matrix = list(cells(site, stranger.key))
    surprises: list[tuple[str, str, str, int, int]] = []
    counts: Counter[int] = Counter()
    for role in rights.ROLES:
        current, ended = site.session(role), site.session(role)
        sessions.end_session(site.store, sessions.hash_token(ended["cookie"][7:]), "test", now=now)
        expired = expire(site, site.session(role))
        for cell in matrix:
            signed_out = 401 if cell.is_api else 404 if cell.what == "nothing" and not cell.job else 303
            signed_out = 200 if cell.what == "open" else signed_out
            states = {"current": (current, expected(cell, role)), "ended": (ended, signed_out)}
            if cell.method == "GET":
                states["expired"] = (expired, signed_out)
            for state, (headers, wanted) in states.items():
                # A form is looked at before the session: it must be of that session, ended or not.
                is_form = cell.what == "old form"
                if cell.path.startswith("/tasks/") and state != "current" and not is_form:
                    wanted = 303
                status = ask(site, cell, headers)
                counts[status] += 1
                if status != (403 if is_form else wanted):
                    surprises.append((role, state, f"{cell.method} {cell.path}", status, wanted))
    with capsys.disabled():
        sys.stdout.write(
            f"\nauthorisation: {counts.total():,} cells, {dict(counts)}, {len(surprises)} surprises"
        )
    assert surprises == []
    assert counts.total() >= LEAST_CELLS
    assert min(counts[200], counts[303], counts[403], counts[404], counts[401]) > 50


def expire(site: InProcess, headers: dict[str, str]) -> dict[str, str]:
    from sqlalchemy import update

    from becalm.app.store.database import session_table

    past = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    token = sessions.hash_token(headers["cookie"][7:])
    values = {"made_at": past, "seen_at": past, "proven_at": past}
    site.store.write(update(session_table).where(session_table.c.token_sha256 == token).values(values))
    return headers


def test_a_program_may_do_what_its_role_may_and_only_until_its_token_ends(site: InProcess) -> None:
    now = datetime.now(UTC)
    surprises = []
    for role in rights.ROLES:
        visitor = sessions.find_session(
            site.store, site.session(role)["cookie"][7:], site.site.times, now=now
        )
        assert visitor
        token = sessions.make_token(site.store, visitor, "audit", 1, now=now)
        old = sessions.make_token(site.store, visitor, "audit", 1, now=now - timedelta(days=2))
        for job, page in JOB_PAGES.items():
            for words in page.questions:
                path = f"/api/v1/{job}/{site.site.questions[words].name}"
                wanted = 422 if rights.may_ask(role, job) else 403 if rights.may_see(role, job) else 404
                for bearer, status in ((token, wanted), (old, 401), ("nothing", 401)):
                    sent = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
                    answer = site.ask("POST", path, b'{"no such field": 1}', sent)
                    if answer.status != status:
                        surprises.append((role, path, answer.status, status))
    assert surprises == []


def test_an_account_that_was_ended_is_nobody_at_the_next_request(site: InProcess) -> None:
    headers = site.session("programme owner")
    name = next(a for a in ("programme-owner.renwoe",) if find_account(site.store, a))
    assert site.ask("GET", "/", headers=headers).status == 200
    end_account(site.store, name, now=datetime.now(UTC))
    assert site.ask("GET", "/", headers=headers).status == 303


def test_what_may_be_done_with_people_is_what_the_table_of_divert_says() -> None:
    for role in rights.ROLES:
        assert rights.may_ask(role, "divert") is ("funnel" in PEOPLE_ROLES.get(role, ()))
    for words, act in rights.PEOPLE_ACTS.items():
        acts = {act, *rights.ALSO.get(words, ())}
        assert set(rights.ACTORS[words]) == {r for r, may in PEOPLE_ROLES.items() if acts & set(may)}
    for words, roles in rights.ACTORS.items():
        page = "cases" if words.startswith("divert ") else words.partition(" ")[0]
        assert set(roles) <= set(rights.roles_for(page)), f"who does {words} must see its page"
    for job in rights.ASKERS:
        assert set(rights.ASKERS[job]) <= set(rights.roles_for(job)), f"who asks on {job} must see it"
    for role in rights.ROLES:
        assert all(role in rights.roles_for(page) for page in rights.pages_for(role))


@pytest.mark.parametrize("path", OPEN_PAGES)
def test_some_pages_need_nobody(site: InProcess, path: str) -> None:
    answer = site.ask("GET", path)
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_planted_hole_is_seen(site: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = site.session("provider worker")
    cell = Cell("GET", "/find", "find", "page")
    assert ask(site, cell, headers) == expected(cell, "provider worker") == 403
    monkeypatch.setattr("becalm.app.site.context.rights.may_see", lambda *_: True)
    assert ask(site, cell, headers) == 200


def test_the_site_is_reached_under_its_own_name_alone(site: InProcess) -> None:
    assert site.ask("GET", "/healthz", headers={"host": "evil.example"}).status == 400


def test_the_workspace_is_nowhere_to_be_had(site: InProcess) -> None:
    headers = site.session("commander")
    for path in (
        "/briefing/../ledger.sqlite",
        "/measure/runs/..%2f..%2f..%2fledger",
        "/assets/..%2fapp.sqlite",
    ):
        assert site.ask("GET", path, headers=headers).status == 404
    assert Path(site.site.desk.workspace.path, "app.sqlite").is_file()
