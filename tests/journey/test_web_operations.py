"""Running the pages: figures and logs without names, a full disk, a wrong clock, limits, checks, copies."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sites import FORM, FORM_KEY, PASSWORD, Answer, InProcess, person
from town import becalm
from typer.testing import CliRunner

from becalm.app import web
from becalm.app.main import app, open_ledger
from becalm.app.store.accounts import list_accounts
from becalm.app.store.database import AppStore
from becalm.desk.audit_events import record_event


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    becalm("init", folder)
    return folder


@pytest.fixture
def site(workspace: Path) -> Iterator[InProcess]:
    opened = InProcess(workspace)
    yield opened
    opened.close()


def try_password(site: InProcess, name: str, password: str) -> Answer:
    found = FORM_KEY.search(site.ask("GET", "/sign-in").text)
    assert found
    body = urlencode({"form_key": found[1], "name": name, "password": password, "next": "/"}).encode()
    headers = {"cookie": f"becalm-sign-in={found[1]}", "content-type": FORM}
    return site.ask("POST", "/sign-in", body, headers)


def test_figures_are_for_programs_of_this_machine_and_name_nobody(site: InProcess) -> None:
    site.ask("GET", "/measure?secret=word", headers=site.session("analyst"))
    assert site.ask("GET", "/metrics").status == 404
    text = site.ask("GET", "/metrics", address="127.0.0.1").text
    assert 'becalm_requests_total{method="GET",page="/{job}",status="200"} 1' in text
    assert 'becalm_tasks{state="failed"} 0' in text
    assert "secret" not in text
    assert person(site.store, "analyst") not in text
    assert all(re.fullmatch(r"# TYPE \S+ \w+|\S+(\{.*\})? [\d.]+", line) for line in text.splitlines())


def test_the_log_holds_no_name_no_query_and_nothing_that_somebody_wrote(
    site: InProcess, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("becalm").propagate = True
    with caplog.at_level(logging.INFO, "becalm"):
        headers = site.session("analyst")
        site.ask("GET", "/record/entries?actor=Ann+Smith&since=Ann", headers=headers)
        site.ask("GET", "/measure/ask/compare?period=Ann+Smith", headers=headers)
        try_password(site, "ann.smith", "hunter2 hunter2")
        body = json.dumps({"period": "Ann Smith"}).encode()
        site.ask("POST", "/api/v1/measure/compare", body, {**headers, "content-type": "application/json"})
    lines = [record.getMessage() for record in caplog.records if record.name == "becalm.web"]
    assert len(lines) >= 4
    assert not re.search(r"smith|hunter|period=|actor=|10\.\d+\.\d+\.\d+", " ".join(lines), re.IGNORECASE)
    parsed = [json.loads(line) for line in lines if line.startswith("{")]
    assert all(set(line) == {"method", "page", "status", "ms"} for line in parsed)


def test_an_address_that_asks_too_fast_is_held_back_and_others_are_not(
    site: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "REQUESTS_A_MINUTE", 5)
    statuses = [site.ask("GET", "/healthz", address="10.77.0.1").status for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    assert site.ask("GET", "/healthz", address="10.77.0.2").status == 200


def fill_disk(store: AppStore) -> None:
    """SQLite's own way to have no page left."""
    with store.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    @sa.event.listens_for(store._engine, "begin")
    def limit(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_has_its_page_and_what_is_there_can_be_read(site: InProcess) -> None:
    headers = site.session("analyst")
    key = FORM_KEY.search(site.ask("GET", "/account", headers=headers).text)
    assert key
    fill_disk(site.store)
    statuses = set()
    for number in range(40):
        fields = {"form_key": key[1], "form_id": f"f{number}", "period": f"2020-04 {'x' * 400}"[:480]}
        body = urlencode(fields).encode()
        sent = {**headers, "content-type": FORM}
        answer = site.ask("POST", "/measure/ask/compare", body, sent)
        statuses.add(answer.status)
        if answer.status == 503:
            break
    assert answer.status == 503, statuses
    assert "Tell your administrator" in answer.text
    assert "Nothing was changed" in answer.text
    assert site.ask("GET", "/measure", headers=headers).status == 200


def at_hour(site: InProcess, hours: float) -> None:
    """Put the clock of the site off by so much."""
    shifted = replace(site.site.desk, now=lambda: datetime.now(UTC) + timedelta(hours=hours))
    site.app.state.site = replace(site.site, desk=shifted, now=shifted.now)


def test_a_clock_that_is_an_hour_behind_writes_nothing_and_says_so(site: InProcess, workspace: Path) -> None:
    ahead = open_ledger(site.site.desk.workspace, now=lambda: datetime.now(UTC) + timedelta(hours=1))
    record_event(
        replace(site.site.desk, open_ledger=lambda: ahead),
        "sign_in_refused",
        purpose="access",
        facts={"reason": "refused"},
    )
    name, size = person(site.store, "analyst"), ahead.head().size
    wrong = try_password(site, name, "not the password")
    assert wrong.status == 503, "the refusal cannot be recorded"
    assert "clock" in wrong.text
    assert ahead.head().size == size
    assert try_password(site, name, PASSWORD).status == 303, "nobody is shut out by it"
    words = ["serve", "--check", "--workspace", str(workspace)]
    assert "s behind the ledger's last entry" in CliRunner().invoke(app, words).output


def test_a_clock_that_is_an_hour_ahead_ends_sessions_and_harms_nothing(site: InProcess) -> None:
    headers = site.session("analyst")
    at_hour(site, 1)
    assert site.ask("GET", "/", headers=headers).status == 303
    assert try_password(site, person(site.store, "analyst"), PASSWORD).status == 303
    at_hour(site, 0)
    assert site.ask("GET", "/healthz").status == 200


def test_the_check_says_what_is_missing(workspace: Path, site: InProcess) -> None:
    def check() -> tuple[int, dict[str, tuple[bool, str]]]:
        words = ["serve", "--check", "--format", "json", "--workspace", str(workspace)]
        result = CliRunner().invoke(app, words)
        checks = json.loads(result.stdout)["checks"]
        return result.exit_code, {entry["part"]: (entry["is_well"], entry["note"]) for entry in checks}

    code, parts = check()
    assert code == 1
    assert not parts["accounts"][0]
    assert {"packages", "assets", "ledger", "key", "anchors", "clock", "address", "disk"} <= parts.keys()
    person(site.store, "analyst")
    code, parts = check()
    assert parts["accounts"][0]
    with (workspace / "becalm.toml").open("a") as file:
        file.write('\n[web.oidc]\nissuer = "http://login.example"\nclient = "x"\n')
    code, parts = check()
    assert parts["provider"] == (
        False,
        "[web.oidc] issuer 'http://login.example' is not reached over TLS. Give an https address.",
    )


def test_accounts_are_copied_while_the_pages_are_in_use(
    workspace: Path, site: InProcess, tmp_path: Path
) -> None:
    name, copy = person(site.store, "analyst"), tmp_path / "copy.sqlite"
    becalm("account", "backup", "--out", copy, "--workspace", workspace)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(copy) as connection:
        assert (name,) in connection.execute("SELECT name FROM account").fetchall()
    result = CliRunner().invoke(app, ["account", "backup", "--out", str(copy), "--workspace", str(workspace)])
    assert result.exit_code == 2
    assert "is there already" in " ".join(result.output.split())
    copy.replace(workspace / "app.sqlite")
    restored = InProcess(workspace)
    assert [account.name for account in list_accounts(restored.store)] == [name]
    assert try_password(restored, name, PASSWORD).status == 303
    restored.close()
