"""Rights that the server enforces: real logins, and statements of their own that no program stands before."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ledgers import open_postgres
from people import Programme, make_programme
from postgres import Server
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from becalm.divert.core.access import ROLES
from becalm.divert.core.events import KINDS
from becalm.divert.core.server_rights import ACTS_BY_KIND, opening_roles, recording_roles
from becalm.ledger import Event, EventToAppend, Ledger
from becalm.ledger.store.postgres_rights import group_of
from becalm.terms import BecalmError, LedgerError

LOGIN_BY_ROLE = {role: f"{role.replace(' ', '_')}_login" for role in ROLES}
PERSON = "P-00000000000001"
KNOWN = {"number_hmac": "0" * 64, "source_sha256": "0" * 64}


def draw_salt() -> bytes:
    return secrets.token_bytes(32)


@pytest.fixture(scope="module")
def programme(tmp_path_factory: pytest.TempPathFactory) -> Programme:
    return make_programme(tmp_path_factory.mktemp("rights"))


@pytest.fixture(scope="module")
def database(
    programme: Programme, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A ledger whose server enforces rights, with a login for each role and one that has none."""
    url = postgres.fresh_ledger()
    name = url.split("@/")[1].split("?")[0]
    workspace = tmp_path_factory.mktemp("server") / "w"
    shutil.copytree(programme.workspace, workspace, ignore=shutil.ignore_patterns("ledger.*"))
    served = replace(programme, workspace=workspace, ledger_url=url)
    owner_url = postgres.url(name, "keeper")
    answer = served.run("programme owner", "ola", "rights", "--owner-url", owner_url, "--format", "json")
    assert '"becalm_role_approver"' in answer.stdout
    for role, login in {**LOGIN_BY_ROLE, "": "no_role_login"}.items():
        group = f", {group_of(role)}" if role else ""
        postgres.sql(f"DROP ROLE IF EXISTS {login}", f"CREATE ROLE {login} LOGIN")
        postgres.sql(f"GRANT becalm_app{group} TO {login}")
    yield name
    postgres.drop(url)


def ledger_of(postgres: Server, database: str, role: str) -> Ledger:
    """The ledger as this role's login opens it; "" is a login of the program in no group."""
    return open_postgres(
        postgres.url(database, LOGIN_BY_ROLE.get(role, "no_role_login")), draw_salt=draw_salt
    )


def event_of(kind: str, facts: dict[str, object], role: str, actor: str = "", subject: str = PERSON) -> Event:
    """An event that a role's login hands in, under its own name unless another is given."""
    name = actor or LOGIN_BY_ROLE.get(role, "no_role_login")
    return Event(kind, 1, datetime.now(UTC), name, role or "any", "offer of help", facts, subject=subject)  # type: ignore[arg-type]


def refused_statement(postgres: Server, database: str, login: str, statement: str) -> str:
    """What the server says to a statement that a login sends by itself."""
    engine = create_engine(postgres.url(database, login))
    try:
        with engine.connect() as connection:
            connection.execute(text("SET search_path = becalm"))
            with pytest.raises(DBAPIError) as refusal:
                connection.execute(text(statement)).all()
        return str(refusal.value.orig)
    finally:
        engine.dispose()


def test_every_kind_of_divert_has_roles_that_record_it_and_roles_that_open_it() -> None:
    about_person = {kind.name for kind in KINDS if kind.about_person}
    assert about_person <= set(recording_roles())
    assert all(recording_roles().values())
    assert all(roles and "oversight" not in roles for roles in opening_roles().values())
    assert all("system administrator" not in roles for roles in opening_roles().values())
    assert set(ACTS_BY_KIND) <= set(opening_roles())


@pytest.mark.parametrize("role", [*ROLES, ""])
def test_the_server_takes_a_record_of_a_person_from_roles_that_may_and_no_other(
    postgres: Server, database: str, role: str
) -> None:
    store = ledger_of(postgres, database, role)
    event = event_of("person_known", dict(KNOWN), role)
    size = store.head().size
    if role in recording_roles()["person_known"]:
        store.append([EventToAppend(event, b"{}")])
        assert store.head().size == size + 1
    else:
        with pytest.raises(BecalmError, match="may not record person_known"):
            store.append([EventToAppend(event, b"{}")])
        with pytest.raises(BecalmError, match="may not record person_known"):
            store.submit([EventToAppend(event, b"{}")])
        assert store.head().size == size
    store.close()


def test_nobody_records_under_another_name_or_in_a_role_that_is_not_theirs(
    postgres: Server, database: str
) -> None:
    store = ledger_of(postgres, database, "analyst")
    for event in (
        event_of("person_known", dict(KNOWN), "analyst", actor="somebody else"),
        event_of("person_known", dict(KNOWN), "screener", actor=LOGIN_BY_ROLE["analyst"]),
    ):
        with pytest.raises(BecalmError, match="may not record person_known"):
            store.append([EventToAppend(event, b"{}")])
    store.close()


@pytest.mark.parametrize("role", [*ROLES, ""])
def test_the_server_opens_details_to_roles_that_may_and_no_other(
    postgres: Server, database: str, role: str
) -> None:
    writer = ledger_of(postgres, database, "analyst")
    details = b'{"name": "secret"}'
    (entry,) = writer.append([EventToAppend(event_of("person_known", dict(KNOWN), "analyst"), details)])
    writer.close()
    store, login = ledger_of(postgres, database, role), LOGIN_BY_ROLE.get(role, "no_role_login")
    access = event_of("record_accessed", {"what": "details"}, role)
    direct = f"SELECT read_payload_key(commitment) FROM event WHERE seq = {entry.seq}"
    if role in opening_roles()["person_known"]:
        assert store.payload(entry.seq, access=access) == details
    else:
        with pytest.raises(LedgerError, match="may not open the details of person_known"):
            store.payload(entry.seq, access=access)
        assert "may not open" in refused_statement(postgres, database, login, direct)
    assert "permission denied" in refused_statement(postgres, database, login, "SELECT key FROM payload_key")
    store.close()


def test_no_login_of_the_program_changes_the_rights_or_turns_them_off(
    postgres: Server, database: str
) -> None:
    login = LOGIN_BY_ROLE["approver"]
    for statement in (
        "DELETE FROM kind_right RETURNING kind",
        "INSERT INTO kind_right VALUES ('person_known', 'approver', 'record') RETURNING kind",
        "ALTER TABLE event DISABLE TRIGGER event_keeps_rights",
        "DROP FUNCTION read_payload_key(text)",
        "GRANT becalm_role_analyst TO approver_login",
        "SET SESSION AUTHORIZATION analyst_login",
    ):
        said = refused_statement(postgres, database, login, statement)
        assert "permission denied" in said or "must be owner" in said or "admin option" in said, said


def test_an_emergency_opens_one_person_for_an_hour_and_records_no_decision(
    postgres: Server, database: str
) -> None:
    writer = ledger_of(postgres, database, "analyst")
    people = ("P-00000000000002", "P-00000000000003")
    entries = [
        writer.append([EventToAppend(event_of("person_known", dict(KNOWN), "analyst", subject=p), b"{}")])[0]
        for p in people
    ]
    writer.close()
    store = ledger_of(postgres, database, "oversight")
    for until, is_open in (("2020-01-01T00:00:00.000000Z", False), ("2999-01-01T00:00:00.000000Z", True)):
        forced = event_of("access_forced", {"act": "explain", "until": until}, "oversight", subject=people[0])
        store.append([EventToAppend(forced, b"{}")])
        access = event_of("record_accessed", {"what": "details"}, "oversight", subject=people[0])
        if is_open:
            assert store.payload(entries[0].seq, access=access) == b"{}"
        else:
            with pytest.raises(LedgerError, match="may not open"):
                store.payload(entries[0].seq, access=access)
    other_access = event_of("record_accessed", {"what": "details"}, "oversight", subject=people[1])
    with pytest.raises(LedgerError, match="may not open"):
        store.payload(entries[1].seq, access=other_access)
    wrong = event_of("person_known", dict(KNOWN), "oversight", subject=people[0])
    with pytest.raises(BecalmError, match="may not record"):
        store.append([EventToAppend(wrong, b"{}")])
    store.close()


def test_others_seal_what_a_role_handed_in_and_an_audit_finds_nothing_amiss(
    postgres: Server, database: str
) -> None:
    analyst, oversight = (ledger_of(postgres, database, role) for role in ("analyst", "oversight"))
    size = analyst.head().size
    analyst.submit([EventToAppend(event_of("person_known", dict(KNOWN), "analyst"), b"{}")])
    oversight.append([EventToAppend(event_of("record_accessed", {"what": "a count"}, "oversight"))])
    assert oversight.head().size >= size + 1
    analyst.close()
    assert oversight.audit() == ()
    assert oversight.rebuild() == ()
    oversight.close()
