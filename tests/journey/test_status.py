"""`becalm status`, and that nobody but the owner may read what holds details, whatever the umask."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from police_files import street_row, write_street
from street_archive import draw_archive
from typer.testing import CliRunner

from becalm.app.main import app


def call(*words: object, code: int = 0, env: Mapping[str, str] | None = None) -> str:
    result = CliRunner().invoke(
        app, [str(word) for word in words], env={"BECALM_ACTOR": "ann", **(env or {})}
    )
    assert result.exit_code == code, result.output
    return result.output


def status(workspace: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(call("status", "--workspace", workspace, "--format", "json"))
    return answer


def wide_paths(folder: Path) -> list[str]:
    """What others than the owner may read, write or enter."""
    return [str(p) for p in (folder, *folder.rglob("*")) if stat.S_IMODE(p.lstat().st_mode) & 0o077]


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Every right that a program does not take away is given."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def workspace(open_umask: None, tmp_path: Path) -> Path:
    """Made, filled and used with an open umask: each kind of file with details is in it."""
    folder = tmp_path / "programme" / "city"
    call("init", folder, "--city", "london")
    call("ingest", "--workspace", folder, write_street(tmp_path / "inbox", [street_row()]))
    draw_archive(folder, seed=3, hour_of=None)
    details = tmp_path / "details.txt"
    details.write_text("Ann Example, 12 Long Road", "utf-8")
    facts = ("--set", "referral=R-1", "--set", "provider=harbour")
    add = ("record", "add", "referral_sent", *facts)
    call(*add, "--subject", "p-0001", "--purpose", "visit", "--details", details, "--workspace", folder)
    call("record", "backup", "--out", folder / "copies" / "copy.sqlite", "--workspace", folder)
    asked = ("--period", "2019-08", "--baseline", "2018-08", "--source", "drawn", "--count", 20)
    call("run", *asked, "--workspace", folder)
    return folder


def test_nobody_else_may_read_what_holds_details_whatever_the_umask(workspace: Path) -> None:
    assert (workspace / "briefing" / "index.html").exists()
    assert (workspace / "ledger.sqlite").exists()
    assert list((workspace / "archive").rglob("*.parquet"))
    assert wide_paths(workspace) == []
    shared = workspace.parent / "city-outside" / "heads"  # heads hold no details, and others compare them
    assert [path for path in wide_paths(workspace.parent) if not path.startswith(str(shared))] == []
    assert not [text for text in status(workspace)["warnings"] if "chmod" in text]


def test_status_warns_of_wider_rights_and_says_what_to_type(workspace: Path) -> None:
    (workspace / "ledger.sqlite").chmod(0o644)
    (workspace / "archive").chmod(0o755)
    (warning,) = [text for text in status(workspace)["warnings"] if "chmod" in text]
    assert "2 files and folders" in warning
    assert "ledger.sqlite (644)" in warning
    assert f"chmod -R go= {workspace}" in warning


def test_status_says_which_records_there_are(workspace: Path) -> None:
    drawn = next(source for source in status(workspace)["sources"] if source["source"] == "drawn")
    assert drawn["table"] == "incidents"
    assert (drawn["first"], drawn["last"], drawn["loads"]) == ("2018-01", "2019-08", 1)
    assert drawn["rows"] > 0


def test_status_says_what_is_due_and_what_to_type(workspace: Path) -> None:
    step = ("sustain", "step", "add", "--from", "2018-06-01", "--kind", "other", "--reason", "a new form")
    call(*step, "--workspace", workspace)
    said = status(workspace)
    (shown_step,) = said["steps"]
    assert (shown_step["start"], shown_step["kind"], shown_step["reason"]) == (
        "2018-06-01",
        "other",
        "a new form",
    )
    (load_task,) = [task for task in said["due"] if "the records of drawn end in 2019-08" in task["why"]]
    assert load_task["task"] == "load newer records"
    assert load_task["due_on"] == "2019-10-30"  # 60 days after the last covered day
    assert said["next"][0] == "becalm ingest PATH"
    assert said["next"][-1] == "becalm run"
    assert (said["plan"], said["roster"]) == (None, None)
    text = call("status", "--workspace", workspace)
    assert "Due (2019-10-30): load newer records" in text
    assert "Step from 2018-06-01 (other): a new form" in text


def test_an_empty_workspace_says_where_to_begin(tmp_path: Path) -> None:
    call("init", tmp_path / "city", "--city", "london")
    said = status(tmp_path / "city")
    assert (said["sources"], said["due"], said["next"]) == ([], [], ["becalm ingest PATH"])


def test_months_that_are_missing_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    call("init", folder, "--city", "london")
    inbox = tmp_path / "inbox"
    for month in ("2019-01", "2019-02", "2019-04"):
        rows = [street_row(f"{month}-{n}", month=month) for n in range(20)]
        call("ingest", "--workspace", folder, write_street(inbox, rows, month=month))
    (source,) = status(folder)["sources"]
    assert (source["first"], source["last"], source["missing"]) == ("2019-01", "2019-04", ["2019-03"])


def test_status_says_how_far_heads_outside_reach_and_what_is_missing(workspace: Path) -> None:
    said = status(workspace)
    assert said["ledger"]["outside_size"] == 2  # the head that init signed and sent
    assert not [text for text in said["warnings"] if "outside the workspace" in text]
    call("record", "checkpoint", "--workspace", workspace)
    said = status(workspace)
    assert said["ledger"]["outside_size"] == said["ledger"]["head"]["size"] - 1  # all but the note of it
    shutil.rmtree(workspace.parent / "city-outside")
    warnings = status(workspace)["warnings"]
    assert [text for text in warnings if "signing key" in text]
    assert [text for text in warnings if "outside the workspace" in text]


def test_a_ledger_that_is_gone_is_missed_by_status_and_by_every_command(workspace: Path) -> None:
    for path in workspace.glob("ledger*"):
        path.unlink()
    (warning,) = [text for text in status(workspace)["warnings"] if "is gone" in text]
    assert "the workspace says that it had" in warning
    assert "is gone" in call("record", "events", "--workspace", workspace, code=11)
    assert not list(workspace.glob("ledger*")), "else a new ledger had begun without a word"


def test_the_ledger_of_another_workspace_is_refused(workspace: Path, tmp_path: Path) -> None:
    call("init", tmp_path / "other", "--city", "london")
    for path in workspace.glob("ledger.*"):
        path.unlink()
    for path in (tmp_path / "other").glob("ledger.*"):
        shutil.copy2(path, workspace / path.name)
    for words in (("record", "events"), ("record", "verify"), ("record", "checkpoint")):
        assert "another ledger was put in its place" in call(*words, "--workspace", workspace, code=15)


def test_an_older_copy_is_refused_by_what_the_workspace_remembers(
    workspace: Path,
) -> None:
    held = {path: path.read_bytes() for path in workspace.glob("ledger.*")}
    call("record", "add", "arrest_made", "--set", "unit=A", "--set", "activity=b", "--workspace", workspace)
    for path in workspace.glob("ledger.*"):
        path.unlink()
    for path, content in held.items():
        path.write_bytes(content)
    add = ("record", "add", "arrest_made", "--set", "unit=C", "--set", "activity=d")
    assert [text for text in status(workspace)["warnings"] if "an older copy is in" in text]
    assert "older copy" in call(*add, "--workspace", workspace, code=10)


def test_an_outside_that_cannot_be_written_is_said_loudly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    said = call("init", tmp_path / "city", "--city", "london", "--outside", tmp_path / "file" / "away")
    assert "MISSING: no signed head of the ledger is kept outside the workspace" in said
    assert "becalm record checkpoint" in said


@pytest.fixture
def with_details(tmp_path: Path) -> Path:
    folder, details = tmp_path / "city", tmp_path / "details.txt"
    call("init", folder, "--city", "london")
    details.write_text("Ann Example, 12 Long Road", "utf-8")
    facts = ("--set", "referral=R-1", "--set", "provider=harbour")
    add = ("record", "add", "referral_sent", *facts)
    call(*add, "--subject", "p-0001", "--purpose", "visit", "--details", details, "--workspace", folder)
    return folder


SHOW = ("record", "show", 4, "--details", "--purpose", "visit", "--workspace")


def test_a_file_of_an_answer_about_a_person_is_for_its_owner_alone(
    open_umask: None, with_details: Path, tmp_path: Path
) -> None:
    call(*SHOW, with_details, "--out", tmp_path / "entry.json")
    call("record", "events", "--out", tmp_path / "events.csv", "--workspace", with_details)
    assert stat.S_IMODE((tmp_path / "entry.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "events.csv").stat().st_mode) == 0o666


def test_details_are_enciphered_in_the_file_and_the_key_is_elsewhere(with_details: Path) -> None:
    held = b"".join(path.read_bytes() for path in with_details.glob("ledger.*"))
    assert b"Ann Example" not in held
    assert "Ann Example" in call(*SHOW, with_details)
    key = with_details.parent / "city-outside" / "details.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.rename(key.with_name("lost"))
    lost = call(*SHOW, with_details, code=10)
    assert "without it nobody can ever read the details" in lost
    verified = call("record", "verify", "--workspace", with_details)
    assert "The ledger holds" in verified
    assert "Personal details were not checked" in verified


def test_the_key_of_details_may_come_from_a_command_or_the_environment(with_details: Path) -> None:
    key = with_details.parent / "city-outside" / "details.key"
    key = key.rename(key.with_name("vault"))
    shown = call(*SHOW, with_details, env={"BECALM_DETAILS_KEY": key.read_text("ascii").strip()})
    assert "Ann Example" in shown
    assert "gave no key" in call(*SHOW, with_details, env={"BECALM_DETAILS_KEY": "not hex"}, code=10)
    config = with_details / "becalm.toml"
    text = config.read_text("utf-8")
    config.write_text(text.replace("[ledger]", f'[ledger]\ndetails_key_command = "cat {key}"'), "utf-8")
    assert "Ann Example" in call(*SHOW, with_details)
    config.write_text(text.replace("[ledger]", '[ledger]\ndetails_key_command = "false"'), "utf-8")
    assert "The command 'false'" in call(*SHOW, with_details, code=10)


def test_status_begins_no_ledger(tmp_path: Path) -> None:
    call("init", tmp_path / "city", "--city", "london")
    for path in (tmp_path / "city").glob("*"):
        if path.name != "becalm.toml":
            path.unlink()
    assert "No ledger yet" in call("status", "--workspace", tmp_path / "city")
    assert not list((tmp_path / "city").glob("ledger*"))
