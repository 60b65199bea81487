"""Record, Oversight and Today: entries opened, people looked at for a purpose alone, what waits for whom."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sites import FORM, FORM_KEY, Answer, InProcess, person
from town import becalm

from becalm.console.run_folder import write_run
from becalm.desk.audit_events import record_event
from becalm.formats.durable_files import sha256_of_text
from becalm.terms import LedgerError

ARREST = ("record", "add", "arrest_made", "--set", "activity=violence")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("entries") / "city"
    becalm("init", folder)
    for unit in ("VSU 1", "VSU 2"):
        becalm(*ARREST, "--set", f"unit={unit}", "--workspace", folder)
    becalm("record", "correct", first_arrest(folder), "--set", "unit=VSU 3", "--workspace", folder)
    facts = (
        "--set",
        "referral=R-1",
        "--set",
        "provider=charity",
        "--subject",
        "P-00000000000000000001",
        "--purpose",
        "referral",
    )
    becalm("record", "add", "referral_sent", *facts, "--workspace", folder)
    return folder


def first_arrest(workspace: Path, kind: str = "arrest_made") -> int:
    answer = becalm("record", "events", "--kind", kind, "--format", "json", "--workspace", workspace)
    return int(json.loads(answer.stdout)[0]["seq"])


@pytest.fixture
def site(workspace: Path) -> Iterator[InProcess]:
    opened = InProcess(workspace)
    yield opened
    opened.close()


def post(site: InProcess, path: str, headers: dict[str, str], **fields: str) -> Answer:
    page = site.ask("GET", "/account", headers=headers).text
    found = FORM_KEY.search(page)
    assert found
    sent = {**headers, "content-type": FORM}
    return site.ask("POST", path, urlencode({"form_key": found[1], **fields}).encode(), sent)


def reads(site: InProcess) -> list[tuple[str, str, str]]:
    ledger = site.site.desk.open_ledger()
    entries = ledger.entries(kinds=("record_accessed", "access_log_read"))
    return [(entry.event.kind, entry.event.actor, entry.event.purpose) for entry in entries]


def test_entries_are_found_by_kind_and_day_and_the_filters_stand_in_the_address(site: InProcess) -> None:
    headers = site.session("auditor")
    found = site.ask("GET", "/record/entries?kind=arrest_made", headers=headers)
    rows = [node for node in found.page.every("th") if node.get("scope") == "row"]
    assert len(rows) == 3
    assert (
        "no entry fits"
        in site.ask("GET", "/record/entries?kind=arrest_made&since=2099-01-01", headers=headers).text.lower()
    )
    wrong = site.ask("GET", "/record/entries?since=tomorrow", headers=headers)
    assert wrong.status == 422
    assert "2020-04-01" in wrong.text
    assert site.ask("GET", "/record/entries?kind=unheard_of", headers=headers).status == 422


def test_an_entry_leads_to_what_corrected_it_and_back(site: InProcess, workspace: Path) -> None:
    headers, seq = site.session("auditor"), first_arrest(workspace)
    page = site.ask("GET", f"/record/entries/{seq}", headers=headers)
    assert "VSU 1" in page.text
    links = {node.get("href") for node in page.page.every("a")}
    correction = next(link for link in links if re.fullmatch(r"/record/entries/\d+", str(link)))
    corrected = site.ask("GET", str(correction), headers=headers)
    assert "VSU 3" in corrected.text
    assert f'href="/record/entries/{seq}"' in corrected.text
    assert site.site.desk.open_ledger().head().root in page.text
    for unknown in ("/record/entries/999999", "/record/entries/0"):
        assert site.ask("GET", unknown, headers=headers).status == 404


def test_an_entry_about_a_person_opens_for_a_purpose_alone_and_that_is_recorded(
    site: InProcess, workspace: Path
) -> None:
    headers, path = site.session("auditor"), f"/record/entries/{first_arrest(workspace, 'referral_sent')}"
    before = reads(site)
    closed = site.ask("GET", path, headers=headers)
    assert "P-00000000000000000001" not in closed.text
    assert "charity" not in closed.text
    refused = post(site, path, headers, purpose="curiosity")
    assert refused.status == 422
    assert reads(site) == before
    opened = post(site, path, headers, purpose="audit")
    assert "charity" in opened.text
    assert reads(site)[len(before) :] == [("record_accessed", person(site.store, "auditor"), "audit")]


def test_who_may_not_look_at_people_is_told_whom_to_ask(site: InProcess, workspace: Path) -> None:
    headers, path = site.session("analyst"), f"/record/entries/{first_arrest(workspace, 'referral_sent')}"
    page = site.ask("GET", path, headers=headers)
    assert "auditor" in page.text
    assert "charity" not in page.text
    assert post(site, path, headers, purpose="audit").status == 404


def test_nobody_sees_a_person_where_the_look_cannot_be_recorded(
    site: InProcess, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_values: object) -> None:
        raise LedgerError("The disk is full.")

    headers, path = site.session("auditor"), f"/record/entries/{first_arrest(workspace, 'referral_sent')}"
    monkeypatch.setattr(type(site.site.desk.open_ledger()), "append", fail)
    answer = post(site, path, headers, purpose="audit")
    assert answer.status == 503
    assert "charity" not in answer.text
    assert "Nothing was changed" in answer.text
    assert site.ask("GET", "/record/entries", headers=headers).status == 200, "the rest can still be read"


def test_the_list_of_accesses_is_itself_recorded_and_small_counts_are_not_told(site: InProcess) -> None:
    headers = site.session("auditor")
    faults = post(site, "/oversight/accesses", headers, subject="Ann Smith", purpose="")
    assert faults.status == 422
    assert "is no pseudonym" in faults.text
    before = reads(site)
    found = post(
        site, "/oversight/accesses", headers, actor=person(site.store, "auditor"), purpose="breach inquiry"
    )
    assert found.status == 200
    assert reads(site)[len(before) :][0][0] == "access_log_read"
    overseer = site.session("oversight")
    page = site.ask("GET", "/oversight", headers=overseer).text
    assert "under 10" in page
    assert post(site, "/oversight/accesses", overseer, actor="x", purpose="audit").status == 404


def test_heads_say_how_much_is_proved(site: InProcess) -> None:
    page = site.ask("GET", "/record/heads", headers=site.session("oversight"))
    assert page.status == 200
    assert f"{site.site.desk.open_ledger().head().size:,} entries" in page.text
    assert "Heads kept outside prove" in page.text


def test_papers_of_governance_are_read_from_their_folder_alone(site: InProcess, workspace: Path) -> None:
    folder = workspace / "governance"
    folder.mkdir(exist_ok=True)
    (folder / "papers.json").write_text(json.dumps({"sha256": {"privacy-notice": "0"}}))
    (folder / "privacy-notice.html").write_text("<p>What we hold</p>")
    (folder / "secret.html").write_text("no paper")
    headers = site.session("oversight")
    assert "Privacy notice" in site.ask("GET", "/oversight", headers=headers).text
    assert "What we hold" in site.ask("GET", "/oversight/papers/privacy-notice.html", headers=headers).text
    for path in ("secret.html", "papers.json", "..%2fbecalm.toml"):
        assert site.ask("GET", f"/oversight/papers/{path}", headers=headers).status == 404
    sergeant = site.session("sergeant")
    assert site.ask("GET", "/oversight/papers/privacy-notice.html", headers=sergeant).status == 404


def frozen(workspace: Path, key: str, made_at: datetime, opening: str, answer: str = "{}") -> None:
    shown = {
        "files": {"answer.json": sha256_of_text(answer)},
        "request": {"since": "2020-01-01"},
        "blocks": [{"text": opening}],
    }
    record = {"question": "record arrests", "version": "0", "seed": 0, "made_at": made_at.isoformat()}
    record |= {"as_of": None, "parameters": {}, "data": {}}
    texts = {"answer.json": answer, "page.json": json.dumps(shown), "run.json": json.dumps(record)}
    write_run(workspace, "record", key, texts)


def test_today_says_what_changed_since_last_week(site: InProcess, workspace: Path) -> None:
    now = datetime.now(UTC)
    for days, opening in ((8, "2 arrests so far"), (0, "5 arrests so far")):
        at = now - timedelta(days=days)
        frozen(workspace, f"{at:%Y%m%d-%H%M%S}-aaaaaaaa", at, opening)
    text = site.ask("GET", "/", headers=site.session("auditor")).page.text
    changed = text[text.index("Changed since last week") :]
    assert changed.index("5 arrests so far") < changed.index("2 arrests so far")
    unrelated = site.ask("GET", "/", headers=site.session("duty planner")).text
    assert "arrests so far" not in unrelated


def test_a_figure_is_opened_to_its_entries(site: InProcess, workspace: Path) -> None:
    seq = first_arrest(workspace)
    row = {"entry": seq, "occurred_at": "2020-04-01T10:00:00Z", "unit": "VSU 3", "activity": "violence"}
    answer = {"arrests": 1, "first_day": "2020-01-01", "last_day": "2020-05-01", "entries": [row]}
    answer["definition"] = {"title": "Arrests from dedicated activity"}
    key = "20260101-000000-cccccccc"
    frozen(workspace, key, datetime(2026, 1, 1, tzinfo=UTC), "1 arrest", json.dumps(answer))
    headers = site.session("auditor")
    assert f"/record/runs/{key}/entries" in site.ask("GET", f"/record/runs/{key}", headers=headers).text
    page = site.ask("GET", f"/record/runs/{key}/entries", headers=headers).text
    assert f'href="/record/entries/{seq}"' in page


def test_today_says_what_waits_for_the_role_that_decides(site: InProcess) -> None:
    facts = {"alarm": "2020-W20 robbery", "series": "robbery", "detector": "ramp", "week": "2020-W20"}
    record_event(
        site.site.desk, "alarm_raised", purpose="measurement", facts={**facts, "run_sha256": "0" * 64}
    )
    pages = {
        role: site.ask("GET", "/", headers=site.session(role)).page.text
        for role in ("analyst", "commander", "provider worker")
    }
    assert "Review an alarm" in pages["analyst"], "the analyst may answer it"
    assert "Review an alarm" not in pages["commander"]
    assert "robbery 2020-W20" in " ".join(pages["commander"].split()), "but may see that it was raised"
    assert "robbery" not in pages["provider worker"]
