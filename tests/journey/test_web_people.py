"""People at the pages: they sign in and out, forms are theirs alone, and what goes wrong has its page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fastapi import Request, Response
from sites import FORM, FORM_KEY, PASSWORD, Answer, InProcess, person
from sqlalchemy import select, update
from town import becalm
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.app.site.context import SentForm, check_form, require_proof
from becalm.app.store import sessions, tasks
from becalm.app.store.accounts import account_table, add_account, find_account
from becalm.app.store.database import session_table


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "city"
    becalm("init", folder)
    return folder


@pytest.fixture
def site(workspace: Path) -> Iterator[InProcess]:
    opened = InProcess(workspace)
    yield opened
    opened.close()


def post(site: InProcess, path: str, headers: dict[str, str], *, address: str = "", **fields: str) -> Answer:
    sent = {**headers, "content-type": FORM}
    return site.ask("POST", path, urlencode(fields).encode(), sent, address)


def form_key(site: InProcess, path: str, headers: dict[str, str]) -> str:
    found = FORM_KEY.search(site.ask("GET", path, headers=headers).text)
    assert found
    return found[1]


def sign_in(
    site: InProcess, name: str, password: str, *, cookie: str = "", address: str = "10.9.9.9"
) -> Answer:
    page = site.ask("GET", "/sign-in")
    found = FORM_KEY.search(page.text)
    assert found
    sent = {"cookie": f"becalm-sign-in={found[1]}" + (f"; becalm={cookie}" if cookie else "")}
    return post(
        site,
        "/sign-in",
        sent,
        address=address,
        form_key=found[1],
        name=name,
        password=password,
        next="/measure",
    )


def token_in(answer: Answer) -> str:
    found = re.search(r"^becalm=([^;]+)", answer.headers["set-cookie"], re.MULTILINE)
    return found[1] if found else ""


def refusals(site: InProcess) -> list[tuple[object, object]]:
    ledger = site.site.desk.open_ledger()
    facts = [entry.event.facts for entry in ledger.entries(kinds=("sign_in_refused",))]
    return [(fact["reason"], fact.get("account")) for fact in facts]


def test_whoever_signs_in_gets_to_the_page_that_was_asked_for_in_a_new_session(site: InProcess) -> None:
    name = person(site.store, "commander")
    first = sign_in(site, name, PASSWORD)
    assert (first.status, first.to) == (303, "/measure")
    token = token_in(first)
    assert "HttpOnly" in first.headers["set-cookie"]
    assert site.ask("GET", "/measure", headers={"cookie": f"becalm={token}"}).status == 200
    second = sign_in(site, name, PASSWORD, cookie=token)
    assert token_in(second) != token
    assert site.ask("GET", "/measure", headers={"cookie": f"becalm={token}"}).status == 303


def test_a_wrong_name_and_a_wrong_password_are_told_alike_and_recorded(site: InProcess) -> None:
    name = person(site.store, "auditor")
    before = len(refusals(site))
    pages = [sign_in(site, name, "not the password"), sign_in(site, "nobody", "not the password")]
    assert [answer.status for answer in pages] == [401, 401]
    assert all("The name or the password is wrong." in answer.text for answer in pages)
    assert refusals(site)[before:] == [("refused", name), ("refused", None)]


def test_after_five_failures_an_account_is_closed_for_a_quarter_of_an_hour(site: InProcess) -> None:
    name = person(site.store, "screener")
    statuses = [sign_in(site, name, "wrong", address="10.8.0.1").status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert sign_in(site, name, PASSWORD, address="10.8.0.2").status == 429
    later = datetime.now(UTC) + timedelta(minutes=16)
    assert sessions.sign_in(site.store, name, PASSWORD, "10.8.0.2", now=later).token


def test_a_drawn_password_must_be_changed_first(site: InProcess) -> None:
    add_account(site.store, "newcomer", ["analyst"], "drawn password", now=datetime.now(UTC))
    token = token_in(sign_in(site, "newcomer", "drawn password"))
    headers = {"cookie": f"becalm={token}"}
    for path in ("/", "/measure", "/record"):
        led = site.ask("GET", path, headers=headers)
        assert (led.status, led.to) == (303, "/account")
    key = form_key(site, "/account", headers)
    fields = {"form_key": key, "old": "drawn password"}
    short = post(site, "/account/password", headers, **fields, password="short", again="shorter")
    assert short.status == 422
    assert "it has 5 characters" in short.text
    assert "the two differ" in short.text
    done = post(site, "/account/password", headers, **fields, password=PASSWORD, again=PASSWORD)
    assert done.status == 303
    fresh = {"cookie": f"becalm={token_in(done)}"}
    assert site.ask("GET", "/measure", headers=fresh).status == 200
    assert site.ask("GET", "/measure", headers=headers).status == 303, "the old session must have ended"


def test_a_form_that_another_site_sends_does_nothing(site: InProcess) -> None:
    headers = site.session("analyst")
    key = form_key(site, "/account", headers)
    foreign = {**headers, "origin": "https://evil.example"}
    assert post(site, "/sign-out", foreign, form_key=key).status == 403
    assert post(site, "/sign-out", {**headers, "sec-fetch-site": "cross-site"}, form_key=key).status == 403
    assert post(site, "/sign-out", headers, form_key="guessed").status == 403
    assert site.ask("GET", "/", headers=headers).status == 200
    assert post(site, "/sign-out", headers, form_key=key).to == "/sign-in"
    assert site.ask("GET", "/", headers=headers).status == 303


def test_an_old_tab_is_told_so(site: InProcess) -> None:
    old = site.session("analyst")
    old_key = form_key(site, "/account", old)
    new = site.session("analyst")
    answer = post(site, "/measure/ask/compare", new, form_key=old_key, period="2020-04")
    assert answer.status == 403
    assert "This form is old" in answer.text


def run_out(site: InProcess, headers: dict[str, str]) -> None:
    past = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    is_this = session_table.c.token_sha256 == sessions.hash_token(headers["cookie"][7:])
    site.store.write(update(session_table).where(is_this).values(made_at=past, seen_at=past))


def test_a_session_that_runs_out_keeps_the_form_for_that_person_alone(site: InProcess) -> None:
    page, headers = "/measure/ask/compare", site.session("analyst")
    key = form_key(site, page, headers)
    run_out(site, headers)
    answer = post(site, page, headers, form_key=key, period="2020-04-07..2020-05-13", form_id="f1")
    assert answer.status == 303
    assert answer.to == f"/sign-in?next={page}&draft=kept"
    again = site.ask("GET", page, headers=site.session("analyst")).text
    assert "2020-04-07..2020-05-13" in again
    assert "nothing was sent" in again
    assert "2020-04-07..2020-05-13" not in site.ask("GET", page, headers=site.session("commander")).text
    assert tasks.list_tasks(site.store, person(site.store, "analyst")) == ()


def test_a_form_sent_twice_starts_one_task(site: InProcess) -> None:
    page, headers = "/measure/ask/compare", site.session("commander")
    key = form_key(site, page, headers)
    answers = [post(site, page, headers, form_key=key, form_id="twice", period="2020-04") for _ in range(2)]
    assert answers[0].to == answers[1].to != ""
    assert len(tasks.list_tasks(site.store, person(site.store, "commander"))) == 1


def test_what_is_wrong_stands_beside_its_field_and_in_a_summary_and_the_rest_is_kept(site: InProcess) -> None:
    page, headers = "/measure/ask/compare", site.session("analyst")
    key = form_key(site, page, headers)
    answer = post(
        site, page, headers, form_key=key, period="2020-04", level="2", suppress_below="many", by="moon"
    )
    assert answer.status == 422
    errors = [node.text for node in answer.page.every("p") if node.get("class") == "error"]
    assert len(errors) == 2
    assert "none of the choices" in " ".join(errors)
    links = [node.get("href") for node in answer.page.every("a") if (node.get("href") or "").startswith("#")]
    assert {"#by", "#suppress_below"} <= set(links)
    inputs = {node.get("id"): node.get("value") for node in answer.page.every("input")}
    assert inputs["period"] == "2020-04"
    assert inputs["suppress_below"] == "many"


def test_an_administrator_ends_sessions_at_once_after_giving_the_password(site: InProcess) -> None:
    victim = site.session("approver")
    administrator = site.session("system administrator")
    key = form_key(site, "/account", administrator)
    path = f"/account/sessions/{person(site.store, 'approver')}/end"
    long_ago = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    site.store.write(update(session_table).values(proven_at=long_ago))
    assert post(site, path, administrator, form_key=key).to == "/prove?next=/account"
    assert site.ask("GET", "/", headers=victim).status == 200
    assert post(site, "/prove", administrator, form_key=key, password="wrong", next="/account").status == 401
    assert post(site, "/prove", administrator, form_key=key, password=PASSWORD, next="/account").status == 303
    assert post(site, path, administrator, form_key=key).status == 303
    assert site.ask("GET", "/", headers=victim).status == 303
    entries = list(site.site.desk.open_ledger().entries(kinds=("account_changed",)))
    assert entries[-1].event.facts["what"] == "sessions ended"
    assert entries[-1].event.actor == person(site.store, "system administrator")


def test_a_form_whose_act_is_grave_is_kept_while_the_password_is_asked_for(site: InProcess) -> None:
    @site.app.post("/test/grave")
    def grave(request: Request, fields: SentForm) -> Response:
        visitor = check_form(request, fields)
        require_proof(request, visitor, fields, draft_page="/measure/ask/compare")
        return Response("done")

    site.app.router.routes.insert(0, site.app.router.routes.pop())
    headers = site.session("commander")
    key = form_key(site, "/account", headers)
    sent = {"form_key": key, "period": "2020-05-01..2020-05-09", "password": "secret words"}
    assert post(site, "/test/grave", headers, **sent).text == "done"
    long_ago = (datetime.now(UTC) - timedelta(minutes=11)).isoformat()
    site.store.write(update(session_table).values(proven_at=long_ago))
    assert post(site, "/test/grave", headers, **sent).to == "/prove?next=/measure/ask/compare"
    proof = post(site, "/prove", headers, form_key=key, password=PASSWORD, next="/measure/ask/compare")
    assert proof.to == "/measure/ask/compare"
    kept = site.ask("GET", "/measure/ask/compare", headers=headers).text
    assert "2020-05-01..2020-05-09" in kept
    assert "secret words" not in kept
    assert post(site, "/test/grave", headers, **sent).text == "done"


def test_nobody_else_can_end_sessions(site: InProcess) -> None:
    headers = site.session("commander")
    key = form_key(site, "/account", headers)
    path = f"/account/sessions/{person(site.store, 'analyst')}/end"
    assert post(site, path, headers, form_key=key).status == 404


def test_a_ledger_that_cannot_be_written_refuses_what_must_be_recorded(
    site: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    from becalm.terms import LedgerError

    def fail(*_args: object, **_values: object) -> None:
        raise LedgerError("The disk is full.")

    victim, administrator = site.session("approver"), site.session("system administrator")
    key = form_key(site, "/account", administrator)
    monkeypatch.setattr(type(site.site.desk.open_ledger()), "append", fail)
    path = f"/account/sessions/{person(site.store, 'approver')}/end"
    answer = post(site, path, administrator, form_key=key)
    assert answer.status == 503
    assert "Tell your administrator" in answer.text
    assert site.ask("GET", "/", headers=victim).status == 200


def test_a_form_that_is_too_large_or_carries_a_file_is_refused(site: InProcess) -> None:
    headers = {**site.session("analyst"), "content-type": FORM}
    answer = site.ask("POST", "/measure/ask/compare", b"x" * 300_000, headers)
    assert answer.status == 422
    assert "too large" in answer.text


def test_no_page_shows_what_somebody_else_typed_as_markup(site: InProcess) -> None:
    page, headers = "/measure/ask/compare", site.session("analyst")
    evil = '"><script>alert(1)</script>'
    answer = site.ask("GET", f"{page}?{urlencode({'period': evil})}", headers=headers)
    assert "<script" not in answer.text
    failed = sign_in(site, evil, evil)
    assert "<script" not in failed.text


@pytest.mark.parametrize("way_on", ["https://evil.example", "//evil.example", "/\\evil.example", "/sign-out"])
def test_signing_in_leads_nowhere_else(site: InProcess, way_on: str) -> None:
    page = site.ask("GET", f"/sign-in?{urlencode({'next': way_on})}")
    values = [node.get("value") for node in page.page.every("input") if node.get("name") == "next"]
    assert values == ["/"]


def test_whoever_has_an_account_may_not_say_who_they_are(workspace: Path, site: InProcess) -> None:
    person(site.store, "analyst")
    runner = CliRunner(env={"BECALM_ACTOR": "somebody"})
    result = runner.invoke(app, ["status", "--workspace", str(workspace)])
    assert result.exit_code == 2
    assert "must prove who they are" in " ".join(result.output.split())


def test_sign_ins_of_past_days_are_sealed_by_their_hash_once(site: InProcess) -> None:
    from becalm.app.worker import Worker

    yesterday = datetime.now(UTC) - timedelta(days=1)
    for _ in range(3):
        sessions.sign_in(site.store, "nobody", "x", "10.7.0.1", now=yesterday)
    worker = Worker(site.store, site.site.desk, site.site.questions, site.site.pages)
    worker.seal_sign_ins()
    worker.seal_sign_ins()
    entries = list(site.site.desk.open_ledger().entries(kinds=("sign_ins_sealed",)))
    assert [(e.event.facts["day"], e.event.facts["count"]) for e in entries] == [(f"{yesterday:%Y-%m-%d}", 3)]


def test_passwords_are_kept_at_the_cost_that_owasp_asks(site: InProcess) -> None:
    name = person(site.store, "analyst")
    row = site.store.first(select(account_table.c.password).where(account_table.c.name == name))
    assert row[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert find_account(site.store, name)


def test_accounts_are_made_changed_and_ended_at_the_command_line(workspace: Path, site: InProcess) -> None:
    made = becalm("account", "add", "bea", "--role", "sergeant", "--workspace", workspace)
    assert "Password for the first sign-in" in made.output
    assert "sergeant" in becalm("account", "roles", "bea", "--workspace", workspace).output
    becalm("account", "roles", "bea", "--role", "commander", "--workspace", workspace)
    becalm("account", "end", "bea", "--workspace", workspace)
    assert "bea: commander (ended)" in becalm("account", "roles", "--workspace", workspace).output
    entries = list(site.site.desk.open_ledger().entries(kinds=("account_changed",)))
    whats = [e.event.facts["what"] for e in entries if e.event.facts["account"] == "bea"]
    assert whats == ["made", "roles", "ended"]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("add", "Ann Smith", "--role", "analyst"), "cannot be the name of an account"),
        (("add", "cyd"), "no role is named"),
        (("add", "cyd", "--role", "king"), "is no role"),
        (("end", "nobody-here"), "There is no account"),
    ],
)
def test_an_account_that_cannot_be_is_refused_in_words(
    workspace: Path, words: tuple[str, ...], problem: str
) -> None:
    result = CliRunner().invoke(app, ["account", *words, "--workspace", str(workspace)])
    assert result.exit_code == 2
    assert problem in " ".join(result.output.split())
