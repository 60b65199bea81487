"""What divert asks of a store: the same page on both, steps refused inside it, logins, a store apart."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledgers import open_postgres, open_sqlite
from people import Programme, make_programme
from postgres import Server

from becalm.divert.files.protected_store import ProtectedStore, server_statements
from becalm.divert.files.records_file import RecordsFile
from becalm.ledger import Event, EventToAppend, Ledger
from becalm.terms import CaseError, LedgerError

PERSON = "P-00000000000001"
HASH = "0" * 64
NOMINATION = {
    "rule_key": "rule_2020", "rule_version": 1, "rule_sha256": HASH, "data_sha256": HASH,
    "explanation_sha256": HASH, "as_of": "2020-05-31", "latest_on": "2020-05-01", "points": 100,
    "victim_points": 0, "crimes": 3, "dates": 3, "charged": 1, "recent_days": 180, "adult": True,
    "marginal": False, "overlap": False, "codes": ("recent_harm",),
}  # fmt: skip


def draw_salt() -> bytes:
    return secrets.token_bytes(32)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    store: Ledger
    if request.param == "sqlite":
        store = open_sqlite(tmp_path / "ledger.sqlite", now=lambda: datetime.now(UTC), draw_salt=draw_salt)
        yield store
        store.close()
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.fresh_ledger()
    store = open_postgres(url, draw_salt=draw_salt)
    yield store
    store.close()
    server.drop(url)


@pytest.fixture
def do(ledger: Ledger) -> Callable[..., object]:
    """Record an event as whichever program likes."""

    def record(kind: str, facts: dict[str, object], actor: str = "nora", version: int = 1) -> object:
        event = Event(kind, version, datetime.now(UTC), actor, "any", "decision", facts, subject=PERSON)  # type: ignore[arg-type]
        return ledger.append([EventToAppend(event)])

    return record


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"points": 0}, "no points"),
        ({"crimes": 0}, "no reported crime"),
        ({"charged": 0}, "no reported crime"),
        ({"latest_on": "2019-11-01"}, "too old"),
        ({"latest_on": "2020-06-01"}, "in the future"),
        ({"adult": False}, "a child"),
    ],
)
def test_no_program_can_nominate_whom_the_rule_cannot_select(
    do: Callable[..., object], changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(CaseError, match=problem):
        do("person_nominated", NOMINATION | changes)


def test_no_program_can_skip_a_step_or_decide_alone(do: Callable[..., object], ledger: Ledger) -> None:
    decision = {"decision": "approved", "stage": "nomination", "rule_sha256": HASH, "codes": ("recent_harm",)}
    with pytest.raises(CaseError, match="there is no case"):
        do("decision_made", decision, version=2)
    do("person_nominated", NOMINATION)
    with pytest.raises(CaseError, match="does not follow nominated"):
        do("person_nominated", NOMINATION)
    with pytest.raises(CaseError, match="does not follow nominated"):
        do("decision_made", decision, "abe", version=2)
    do("person_screened", {"result": "clear"}, "sam")
    with pytest.raises(CaseError, match="nominated this person too"):
        do("decision_made", decision, "Nora.", version=2)
    with pytest.raises(CaseError, match="has not opened the evidence"):
        do("decision_made", decision, "abe", version=2)
    do("evidence_opened", {"explanation_sha256": HASH}, "abe")
    do("decision_made", decision, "abe", version=2)
    assert [(row["state"], row["approver"]) for row in ledger.state_rows("case")] == [("approved", "abe")]
    do("programme_left", {"end": "removed_error", "codes": ("error",)}, "cora")
    with pytest.raises(CaseError, match="does not follow removed_error"):
        do("decision_made", decision, "abe", version=2)
    assert ledger.rebuild() == ()


CHILD = {"adult": False, "child": True}


def test_no_program_nominates_a_child_unless_signed_papers_turn_the_route_on(
    do: Callable[..., object], ledger: Ledger
) -> None:
    with pytest.raises(CaseError, match="the route for children is off"):
        do("person_nominated", NOMINATION | CHILD)
    with pytest.raises(CaseError, match="a child"):
        do("person_nominated", NOMINATION | CHILD | {"adult": True})
    papers = {
        "rule_sha256": HASH, "mode": "rehearsal", "settings_sha256": HASH, "legal_basis": "law",
        "papers": (), "review_on": "2099-01-01", "children": True,
    }  # fmt: skip
    event = Event("programme_activated", 1, datetime.now(UTC), "ola", "owner", "decision", papers)
    ledger.append([EventToAppend(event)])
    do("person_nominated", NOMINATION | CHILD)
    do("person_screened", {"result": "clear"}, "sam")
    do("evidence_opened", {"explanation_sha256": HASH}, "abe")
    decision = {"decision": "approved", "stage": "nomination", "rule_sha256": HASH, "codes": ("recent_harm",)}
    with pytest.raises(CaseError, match="nobody from social care agreed"):
        do("decision_made", decision, "abe", version=2)
    with pytest.raises(CaseError, match="only a youth lead agrees"):
        do("decision_made", decision | {"decision": "agreed"}, "yara", version=2)
    assert ledger.rebuild() == ()


@pytest.mark.parametrize(("days", "is_refused"), [(1, False), (90, False), (91, True), (0, True)])
def test_an_approval_ends_as_the_rule_says_and_never_later_than_after_ninety_days(
    do: Callable[..., object], ledger: Ledger, days: int, is_refused: bool
) -> None:
    expires_on = (datetime.now(UTC).date() + timedelta(days=days)).isoformat()
    decision = {"decision": "approved", "stage": "nomination", "rule_sha256": HASH, "codes": ("recent_harm",)}
    do("person_nominated", NOMINATION)
    do("person_screened", {"result": "clear"}, "sam")
    do("evidence_opened", {"explanation_sha256": HASH}, "abe")
    if is_refused:
        with pytest.raises(CaseError, match="it would end on"):
            do("decision_made", decision | {"expires_on": expires_on}, "abe", version=2)
        return
    do("decision_made", decision | {"expires_on": expires_on}, "abe", version=2)
    assert ledger.state_rows("case")[0]["expires_on"] == expires_on


def test_a_hold_for_a_court_is_placed_at_once_and_lifted_by_a_second_person(
    do: Callable[..., object], ledger: Ledger
) -> None:
    hold = {"restricted": True, "ground": "legal_hold", "review_on": "2020-08-01", "code": "order"}
    do("restriction_changed", hold, "rita")
    assert [row["state"] for row in ledger.state_rows("case")] == ["no_case"]
    do("person_nominated", NOMINATION)
    assert ledger.state_rows("case")[0]["has_legal_hold"] is True
    with pytest.raises(CaseError, match="placed the hold"):
        do("restriction_changed", hold | {"restricted": False}, "Rita.")
    assert ledger.state_rows("case")[0]["has_legal_hold"] is True
    do("restriction_changed", hold | {"restricted": False}, "dora")
    assert ledger.state_rows("case")[0]["has_legal_hold"] is False


@pytest.fixture(scope="module")
def programme(tmp_path_factory: pytest.TempPathFactory) -> Programme:
    return make_programme(tmp_path_factory.mktemp("both"))


def test_the_page_of_reasons_has_the_same_bytes_on_both_stores(
    programme: Programme, postgres: Server, tmp_path: Path
) -> None:
    url = postgres.fresh_ledger()
    shutil.copytree(programme.workspace, tmp_path / "w", ignore=shutil.ignore_patterns("ledger.*"))
    on_server = replace(programme, workspace=tmp_path / "w", ledger_url=url)
    for number in ("N101", "N102", "N103", "N106"):
        words = ("explain", programme.person(number), "--purpose", "decision", "--format", "json")
        pages = [p.run("nominator", "nora", *words).stdout for p in (programme, on_server)]
        assert pages[0] == pages[1]
        assert pages[0].startswith('{\n  "person"')
    postgres.drop(url)


def test_on_a_server_the_login_is_the_actor_and_its_groups_are_the_roles(
    programme: Programme, postgres: Server, tmp_path: Path
) -> None:
    url = postgres.fresh_ledger()
    database = url.split("@/")[1].split("?")[0]
    postgres.sql(
        *(f"DROP ROLE IF EXISTS {name}" for name in ("ann", "becalm_role_nominator", "becalm_role_approver")),
        "CREATE ROLE becalm_role_nominator NOLOGIN",
        "CREATE ROLE becalm_role_approver NOLOGIN",
        "CREATE ROLE ann LOGIN",
        "GRANT becalm_app, becalm_role_nominator, becalm_role_approver TO ann",
    )
    shutil.copytree(programme.workspace, tmp_path / "w", ignore=shutil.ignore_patterns("ledger.*"))
    ann = replace(programme, workspace=tmp_path / "w", ledger_url=postgres.url(database, "ann"))
    words = ("explain", programme.person("N101"), "--purpose", "decision")
    ann.run("nominator", "somebody else", *words)
    refused = ann.run("rights officer", "somebody else", *words, code=14)
    assert "is not given to ann by the server" in refused.output
    store = open_postgres(url, draw_salt=draw_salt)
    assert {entry.event.actor for entry in store.entries(kinds=("record_accessed",))} == {"ann"}
    assert store.login() is not None
    store.close()
    postgres.drop(url)


def test_the_role_of_the_program_cannot_read_protected_characteristics(
    programme: Programme, postgres: Server, tmp_path: Path
) -> None:
    url = postgres.fresh_ledger()
    database = url.split("@/")[1].split("?")[0]
    postgres.sql("DROP ROLE IF EXISTS becalm_disparity", "CREATE ROLE becalm_disparity LOGIN")
    postgres.sql(*server_statements("becalm_disparity", "becalm_app"), database=database)
    file = RecordsFile(programme.workspace, draw_salt)
    report = ProtectedStore(tmp_path, file, postgres.url(database, "becalm_disparity"))
    report.write({PERSON: {"sex": "male"}})
    assert report.read() == {PERSON: {"sex": "male"}}
    with pytest.raises(LedgerError, match="permission denied"):
        ProtectedStore(tmp_path, file, url).read()
    assert postgres.sql("SELECT body FROM becalm_protected.characteristic", database=database)[0][0] != "male"
    report.forget({PERSON})
    assert report.read() == {}
    postgres.drop(url)


@pytest.mark.exhaustive
def test_a_thousand_purges_leave_nothing_in_any_file(tmp_path: Path) -> None:
    store = open_sqlite(tmp_path / "ledger.sqlite", now=lambda: datetime.now(UTC), draw_salt=draw_salt)
    secret_words = [secrets.token_hex(12) for _ in range(1_000)]
    facts = {"number_hmac": HASH, "source_sha256": HASH}
    seqs = []
    for n, word in enumerate(secret_words):
        event = Event(
            "person_known",
            1,
            datetime.now(UTC),
            "ana",
            "analyst",
            "offer of help",
            facts,
            subject=f"P-{n:014x}",
        )
        seqs += [entry.seq for entry in store.append([EventToAppend(event, word.encode())])]
    shutil.copy(tmp_path / "ledger.sqlite", tmp_path / "copy.bin")
    for seq in seqs:
        erased = {"entries": (seq,), "reason": "divert retention"}
        event = Event("payload_erased", 1, datetime.now(UTC), "sys", "any", "erasure", erased)
        store.erase((seq,), erasure=event)
    (tmp_path / "copy.bin").unlink()
    contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [word for word in secret_words if any(word.encode() in content for content in contents)]
    assert store.verified_entries(kinds=("payload_erased",))
    assert store.audit() == ()
    store.close()
