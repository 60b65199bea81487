"""Signing in by way of a provider that runs beside the tests, and everything that it may say wrongly."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from provider import CLIENT, FAULTS, SECRET, Provider, run_provider
from sites import Answer, InProcess, person
from sqlalchemy import update
from town import becalm
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.app.store.accounts import end_account, find_account
from becalm.app.store.database import session_table
from becalm.terms import UsageError

GROUPS = (
    '\n[web.oidc.roles]\nanalysts = ["analyst", "commander"]\nadministrators = ["system administrator"]\n'
)
HOST = "http://testserver"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider() as running:
        yield running


@pytest.fixture
def workspace(tmp_path: Path, provider: Provider) -> Path:
    folder = tmp_path / "city"
    becalm("init", folder)
    entry = f'[web.oidc]\nissuer = "{provider.issuer}"\nclient = "{CLIENT}"\nsecret_file = "oidc.secret"\n'
    with (folder / "becalm.toml").open("a") as file:
        file.write(f'\n{entry}name = "the force"\n{GROUPS}')
    (folder / "oidc.secret").write_text(SECRET)
    (folder / "oidc.secret").chmod(0o600)
    return folder


@pytest.fixture
def site(workspace: Path, provider: Provider) -> Iterator[InProcess]:
    provider.plan()
    opened = InProcess(workspace)
    yield opened
    opened.close()


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_values: object) -> None:
        return None


def at_provider(address: str) -> str:
    """Where the provider sends the browser back to."""
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.build_opener(NoRedirects).open(address)
    assert answer.value.code == 303
    return str(answer.value.headers["location"]).removeprefix(HOST)


def cookie_of(answer: Answer, name: str) -> str:
    found = re.search(rf"^{name}=([^;]+)", answer.headers.get("set-cookie", ""), re.MULTILINE)
    return found[1] if found else ""


def go(
    site: InProcess, path: str = "/sign-in/provider?next=/measure", cookie: str = ""
) -> tuple[str, dict[str, str]]:
    """Go to the provider and sign in there: the address of the way back, and the browser's cookies."""
    answer = site.ask("GET", path, headers={"cookie": cookie})
    assert answer.status == 303
    browser = f"becalm-provider={cookie_of(answer, 'becalm-provider')}"
    return at_provider(answer.to), {"cookie": "; ".join(filter(None, [browser, cookie]))}


def sign_in(site: InProcess) -> Answer:
    back, headers = go(site)
    return site.ask("GET", back, headers=headers)


def changes(site: InProcess) -> list[tuple[object, object]]:
    entries = site.site.desk.open_ledger().entries(kinds=("account_changed",))
    return [(entry.event.facts["what"], entry.event.facts["account"]) for entry in entries]


def test_whoever_the_provider_knows_gets_an_account_with_the_roles_of_their_groups(site: InProcess) -> None:
    assert "Sign in with the force" in site.ask("GET", "/sign-in").text
    answer = sign_in(site)
    assert (answer.status, answer.to) == (303, "/measure")
    headers = {"cookie": f"becalm={cookie_of(answer, 'becalm')}"}
    page = site.ask("GET", "/measure", headers=headers)
    assert page.status == 200
    assert "ann.oakley, analyst" in page.text
    assert changes(site) == [("made", "ann.oakley")]
    account = find_account(site.store, "ann.oakley")
    assert account
    assert account.roles == ("analyst", "commander")
    assert sign_in(site).status == 303
    assert len(changes(site)) == 1, "the second time nothing is made"


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_does_not_fit_leads_to_the_sign_in_page(
    site: InProcess, provider: Provider, fault: str
) -> None:
    provider.plan(fault=fault)
    answer = sign_in(site)
    assert answer.status == 401, fault
    assert "did not come to its end" in answer.text
    assert "Sign in with the force" in answer.text
    assert cookie_of(answer, "becalm") == ""
    assert find_account(site.store, "ann.oakley") is None
    provider.plan()
    assert sign_in(site).status == 303, "afterwards it works again"


def test_an_address_of_return_counts_once_and_in_the_browser_that_began(site: InProcess) -> None:
    back, headers = go(site)
    stolen = site.ask("GET", back, headers={"cookie": "becalm-provider=another"})
    assert stolen.status == 401
    assert site.ask("GET", back).status == 401
    assert site.ask("GET", back, headers=headers).status == 303
    assert site.ask("GET", back, headers=headers).status == 401
    for odd in ("", "?state=", "?code=1", "?state=%00&code=1", "?error=x&error_description=%3Cscript%3E"):
        answer = site.ask("GET", f"/sign-in/return{odd}", headers=headers)
        assert answer.status == 401
        assert "<script" not in answer.text


def test_a_refusal_is_recorded_without_a_name(site: InProcess, provider: Provider) -> None:
    provider.plan(fault="nonce")
    sign_in(site)
    entries = site.site.desk.open_ledger().entries(kinds=("sign_in_refused",))
    assert [dict(entry.event.facts) for entry in entries] == [{"reason": "provider"}]


@pytest.mark.parametrize("name", ["bob", "odd"])
def test_whoever_has_no_role_or_no_name_that_can_be_is_told_so(
    site: InProcess, provider: Provider, name: str
) -> None:
    provider.plan(person=name)
    answer = sign_in(site)
    assert answer.status == 403
    assert "<b>" not in answer.text
    assert changes(site) == []


def test_nobody_gets_the_account_of_another_by_having_its_name(site: InProcess, provider: Provider) -> None:
    becalm("account", "add", "ann.oakley", "--role", "approver", "--workspace", site.site.desk.workspace.path)
    assert sign_in(site).status == 403
    account = find_account(site.store, "ann.oakley")
    assert account
    assert account.roles == ("approver",)


def test_an_account_that_was_ended_stays_ended(site: InProcess) -> None:
    assert sign_in(site).status == 303
    end_account(site.store, "ann.oakley", now=datetime.now(UTC))
    answer = sign_in(site)
    assert answer.status == 403
    assert "was ended" in answer.text


def test_a_grave_act_needs_a_fresh_sign_in_at_the_provider(site: InProcess, provider: Provider) -> None:
    provider.plan(person="sam")
    session = f"becalm={cookie_of(sign_in(site), 'becalm')}"
    long_ago = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    site.store.write(update(session_table).values(proven_at=long_ago))
    page = site.ask("GET", "/prove?next=/account", headers={"cookie": session})
    assert "/sign-in/provider?prove=yes&amp;next=/account" in page.text
    assert 'type="password"' not in page.text

    def prove(**plan: str) -> Answer:
        provider.plan(**plan)
        back, headers = go(site, "/sign-in/provider?prove=yes&next=/account", session)
        return site.ask("GET", back, headers=headers)

    assert prove(person="ann").status == 401, "somebody else signed in there"
    assert prove(person="sam", fault="old sign-in").status == 401
    assert (prove(person="sam").status, prove(person="sam").to) == (303, "/account")


def test_a_provider_that_is_away_has_its_page(workspace: Path) -> None:
    text = (workspace / "becalm.toml").read_text()
    (workspace / "becalm.toml").write_text(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", text))
    site = InProcess(workspace)
    answer = site.ask("GET", "/sign-in/provider")
    assert answer.status == 503
    assert "cannot be reached" in answer.text
    name = person(site.store, "analyst")
    assert name in site.ask("GET", "/", headers=site.session("analyst")).text, "others still get in"
    site.close()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("http://127.0.0.1", "http://login.example", "not reached over TLS"),
        ('"commander"', '"king"', "which is no role"),
        ('client = "becalm"', 'client = ""', "names no `client`"),
        ("oidc.secret", "nothing.secret", "cannot be read"),
    ],
)
def test_a_provider_that_cannot_be_used_stops_the_start(
    workspace: Path, old: str, new: str, problem: str
) -> None:
    text = (workspace / "becalm.toml").read_text()
    (workspace / "becalm.toml").write_text(text.replace(old, new))
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--workspace", str(workspace)])
    assert result.exit_code == 2
    assert problem in " ".join(result.output.split())


def test_a_secret_that_others_may_read_is_refused(workspace: Path) -> None:
    (workspace / "oidc.secret").chmod(0o640)
    with pytest.raises(UsageError, match="Others may read the secret"):
        InProcess(workspace)
