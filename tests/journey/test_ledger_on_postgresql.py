"""The ledger on a server, as a user meets it: made ready once, then the same commands as with a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Server
from typer.testing import CliRunner

from becalm.app.main import app

runner = CliRunner()
LOG = """arrested_at,place_easting_m,place_northing_m,unit,activity,offence
2020-04-03 22:10,531000,181000,VS1,dedicated patrol,robbery
2020-04-04 23:40,531200,181300,VS2,response,affray
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    assert runner.invoke(app, ["init", str(folder), "--city", "london"]).exit_code == 0
    (folder / "ledger.sqlite").unlink(missing_ok=True)
    (folder / "ledger.head").unlink(missing_ok=True)
    monkeypatch.setenv("BECALM_WORKSPACE", str(folder))
    return folder


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """A database with nothing in it."""
    postgres.sql("CREATE DATABASE empty")
    yield "empty"
    postgres.sql("DROP DATABASE empty WITH (FORCE)")


def name_in_settings(workspace: Path, url: str) -> None:
    settings = workspace / "becalm.toml"
    settings.write_text(settings.read_text().replace("\n[ledger]", f'\n[ledger]\nurl = "{url}"', 1))


def test_a_server_is_made_ready_by_one_command_and_then_used_like_a_file(
    workspace: Path, postgres: Server, database: str
) -> None:
    name_in_settings(workspace, postgres.url(database, "force"))
    made = runner.invoke(app, ["record", "init", "--owner-url", postgres.url(database)])
    assert made.exit_code == 0, made.output
    assert "The program works as 'force'" in made.output
    (workspace / "log.csv").write_text(LOG)
    taken = runner.invoke(app, ["record", "import", str(workspace / "log.csv"), "--kind", "arrest"])
    assert taken.exit_code == 0, taken.output
    assert runner.invoke(app, ["record", "verify"]).exit_code == 0
    shown = runner.invoke(app, ["record", "events", "--format", "json"])
    assert [each["kind"] for each in json.loads(shown.stdout)].count("arrest_made") == 2
    assert not (workspace / "ledger.sqlite").exists()
    again = runner.invoke(app, ["record", "init", "--owner-url", postgres.url(database), "--format", "json"])
    assert json.loads(again.stdout)["can_wipe"] is True


def test_what_a_superuser_altered_on_the_server_is_found_and_named(
    workspace: Path, postgres: Server, database: str
) -> None:
    name_in_settings(workspace, postgres.url(database, "force"))
    assert runner.invoke(app, ["record", "init", "--owner-url", postgres.url(database)]).exit_code == 0
    (workspace / "log.csv").write_text(LOG)
    assert (
        runner.invoke(app, ["record", "import", str(workspace / "log.csv"), "--kind", "arrest"]).exit_code
        == 0
    )
    postgres.sql(
        "ALTER TABLE becalm.event DISABLE TRIGGER ALL",
        "UPDATE becalm.event SET facts = replace(facts, 'robbery', 'affray') WHERE facts LIKE '%robbery%'",
        database=database,
    )
    found = runner.invoke(app, ["record", "verify"])
    assert found.exit_code == 11
    assert "The first bad entry is 3" in found.output


def test_the_environment_names_another_server(
    workspace: Path, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_in_settings(workspace, "postgresql+psycopg://nobody@nowhere.invalid/none")
    monkeypatch.setenv("BECALM_LEDGER", postgres.url(database, "force"))
    refused = runner.invoke(app, ["record", "head"])
    assert refused.exit_code == 10
    assert "becalm record init --owner-url" in refused.output
    assert runner.invoke(app, ["record", "init", "--owner-url", postgres.url(database)]).exit_code == 0
    assert runner.invoke(app, ["record", "head"]).exit_code == 0


@pytest.mark.parametrize(
    ("revision", "words"),
    [("0001", "of the former format 0001"), ("0009", "Use the becalm that made them, or a newer one")],
)
def test_a_server_of_another_format_is_refused_with_what_to_do(
    workspace: Path, postgres: Server, database: str, revision: str, words: str
) -> None:
    name_in_settings(workspace, postgres.url(database, "force"))
    assert runner.invoke(app, ["record", "init", "--owner-url", postgres.url(database)]).exit_code == 0
    postgres.sql(f"UPDATE becalm.alembic_version SET version_num = '{revision}'", database=database)
    refused = runner.invoke(app, ["record", "head"])
    assert refused.exit_code == 10
    assert words in refused.output
    assert ("becalm record init --owner-url" in refused.output) == (revision == "0001")


def test_a_workspace_without_a_server_needs_no_preparation(workspace: Path) -> None:
    refused = runner.invoke(app, ["record", "init", "--owner-url", "postgresql://a@b/c"])
    assert refused.exit_code == 10
    assert "which needs no server" in refused.output


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://u:hunter2@127.0.0.1:9/none", "cannot be reached"),
        ("mysql://u@h/d", "begins with 'mysql'"),
        ("nonsense", "cannot be understood"),
    ],
)
def test_a_server_that_cannot_be_used_is_named_without_its_password(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setenv("BECALM_LEDGER", url)
    refused = runner.invoke(app, ["record", "head"])
    assert refused.exit_code == 10
    assert words in refused.output
    assert "hunter2" not in refused.output


def test_a_superuser_may_not_be_the_programs_user(workspace: Path, postgres: Server, database: str) -> None:
    name_in_settings(workspace, postgres.url(database))
    refused = runner.invoke(app, ["record", "init", "--owner-url", postgres.url(database)])
    assert refused.exit_code == 10
    assert "could alter the ledger" in refused.output
