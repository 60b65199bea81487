"""The ledger from the command line: marks, imports, figures, corrections, people."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
from pathlib import Path
from subprocess import CompletedProcess, run
from typing import Any

import pytest
from police_files import street_row, write_street
from typer.testing import CliRunner, Result

from becalm.app.main import app
from becalm.ledger.merkle import is_included

LOG = """\
arrested_at,place_easting_m,place_northing_m,unit,activity,offence
2020-01-31 23:59,530100,180400,VSU 1,hotspot patrol,robbery
2020-02-01 00:00,530100,180400,VSU 1,hotspot patrol,robbery
2020-04-30 22:15,530120,180410,VSU 2,weapon sweep,knife possession
2020-04-30 22:40,,,ERT 4,response,assault
2020-05-01 01:00,530120,180410,VSU 2,warrant,wounding
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    assert ask(folder, "init", "--city", "london").exit_code == 0
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "arrests.csv"
    path.write_text(LOG, "utf-8")
    return path


def ask(workspace: Path, *words: str, actor: str = "sergeant", code: int = 0) -> Result:
    asked = CliRunner().invoke(
        app, [*words, "--workspace", str(workspace)], env={"BECALM_ACTOR": actor, "BECALM_ROLE": "analyst"}
    )
    assert asked.exit_code == code, asked.output
    return asked


def answer(workspace: Path, *words: str, **more: Any) -> Any:
    return json.loads(ask(workspace, *words, "--format", "json", **more).stdout)


def kinds(workspace: Path) -> list[str]:
    return [entry["kind"] for entry in answer(workspace, "record", "events")]


def test_a_ledger_begins_with_its_workspace(workspace: Path) -> None:
    first, *others = answer(workspace, "record", "events")
    assert [entry["kind"] for entry in others] == ["key_rotated", "checkpoint_made"]
    assert (first["kind"], first["actor"], first["role"]) == ("configuration_changed", "sergeant", "analyst")


def test_a_change_of_the_configuration_is_noticed_by_the_next_command_that_writes(
    workspace: Path, log: Path
) -> None:
    config = workspace / "becalm.toml"
    config.write_text(config.read_text("utf-8").replace("max_reject_share = 0.05", "max_reject_share = 0.1"))
    ask(workspace, "record", "import", str(log), "--kind", "arrest")
    assert kinds(workspace)[3:5] == ["configuration_changed", "import_done"]


def test_a_figure_names_its_rule_and_opens_down_to_entries_that_are_in_the_ledger(
    workspace: Path, log: Path
) -> None:
    ask(workspace, "record", "import", str(log), "--kind", "arrest")
    found = answer(workspace, "record", "arrests", "--since", "2020-02-01", "--until", "2020-04-30")
    assert (found["arrests"], found["outside_the_period"], found["left_out"]) == (2, 2, {"other activity": 1})
    assert len(found["definition"]["sha256"]) == 64
    for arrest in found["entries"]:
        shown = answer(workspace, "record", "show", str(arrest["entry"]))
        proof = shown["inclusion"]
        assert is_included(
            bytes.fromhex(shown["hash"]),
            proof["leaf_index"],
            proof["size"],
            [bytes.fromhex(part) for part in proof["proof"]],
            bytes.fromhex(proof["root"]),
        )
        assert proof["root"] == found["source"]["root"]


def test_the_same_file_is_noticed_whatever_its_name(workspace: Path, log: Path, tmp_path: Path) -> None:
    ask(workspace, "record", "import", str(log), "--kind", "arrest")
    before = kinds(workspace)
    copy = tmp_path / "again.csv"
    copy.write_bytes(log.read_bytes())
    again = answer(workspace, "record", "import", str(copy), "--kind", "arrest")
    assert again["status"] == "already imported"
    assert kinds(workspace) == before


def test_a_log_with_broken_rows_leaves_nothing_behind(workspace: Path, log: Path) -> None:
    log.write_text(f"{LOG}yesterday,,,VSU 1,patrol,robbery\n2020-04-30 22:15,,,,patrol,robbery\n", "utf-8")
    before = kinds(workspace)
    refused = ask(workspace, "record", "import", str(log), "--kind", "arrest", code=4)
    assert "row 7" in refused.stderr
    assert "row 8" in refused.stderr
    assert kinds(workspace) == before


def test_a_reference_that_is_known_is_not_imported_twice(workspace: Path, log: Path) -> None:
    rows = LOG.splitlines()
    header = f"{rows[0]},reference"
    log.write_text("\n".join([header, f"{rows[1]},A1", f"{rows[2]},A2"]) + "\n", "utf-8")
    ask(workspace, "record", "import", str(log), "--kind", "arrest")
    log.write_text("\n".join([header, f"{rows[3]},A3", f"{rows[2]},A2"]) + "\n", "utf-8")
    refused = ask(workspace, "record", "import", str(log), "--kind", "arrest", code=4)
    assert 'reference "A2" is already entry' in refused.stderr


def test_a_correction_is_a_new_entry_and_the_figure_says_so(workspace: Path, log: Path) -> None:
    first = answer(workspace, "record", "import", str(log), "--kind", "arrest")["first_seq"]
    ask(workspace, "record", "correct", str(first + 2), "--set", "activity=response")
    ask(workspace, "record", "correct", str(first + 3), "--set", "unit=VSU 9")
    ask(workspace, "record", "withdraw", str(first + 5), "--reason", "written twice")
    found = answer(workspace, "record", "arrests", "--since", "2020-02-01")
    assert (found["arrests"], found["corrected"]) == (1, 1)
    assert found["left_out"] == {"other activity": 2, "withdrawn": 1}
    shown = answer(workspace, "record", "show", str(first + 2))
    assert shown["facts"]["activity"] == "hotspot patrol"
    assert [later["facts"]["activity"] for later in shown["corrected_by"]] == ["response"]


def test_what_cannot_be_corrected_is_refused(workspace: Path, log: Path) -> None:
    first = answer(workspace, "record", "import", str(log), "--kind", "arrest")["first_seq"]
    ask(workspace, "record", "correct", "1", "--set", "what=x", code=2)
    ask(workspace, "record", "correct", str(first + 1), "--set", "unit=VSU 1", code=2)
    ask(workspace, "record", "correct", str(first + 1), "--set", "place_easting_m=here", code=9)
    ask(workspace, "record", "correct", str(first + 1), "--set", "colour=red", code=9)
    ask(workspace, "record", "show", "999", code=5)


def test_a_rebuild_changes_nothing_and_tells_where_it_does(workspace: Path, log: Path) -> None:
    ask(workspace, "record", "import", str(log), "--kind", "arrest")
    assert "nothing changed" in ask(workspace, "record", "rebuild").stdout
    with sqlite3.connect(workspace / "ledger.sqlite") as ledger:
        ledger.execute("DELETE FROM state WHERE name = 'arrest'")
    ledger.close()
    assert "arrest" in ask(workspace, "record", "rebuild", code=11).stdout
    ask(workspace, "record", "rebuild")


def test_asking_who_saw_whom_is_itself_recorded(workspace: Path) -> None:
    ask(workspace, "record", "access", "--subject", "p1", "--purpose", "breach inquiry", actor="inspector")
    last = answer(workspace, "record", "events")[-1]
    assert (last["kind"], last["actor"], last["facts"]["of"]) == ("access_log_read", "inspector", "p1")
    ask(workspace, "record", "access", "--subject", "p1", "--purpose", "curiosity", code=9)
    ask(workspace, "record", "access", code=2)
    before = answer(workspace, "record", "events")
    named = ask(workspace, "record", "access", "--subject", "Ann Example", code=2)
    assert "is not a pseudonym" in named.stderr
    assert answer(workspace, "record", "events") == before, "else the name stands in an entry for good"


def test_an_unknown_activity_is_told_by_its_name(workspace: Path, log: Path) -> None:
    log.write_text(LOG.replace("warrant", "morris dancing"), "utf-8")
    ask(workspace, "record", "import", str(log), "--kind", "arrest")
    shown = ask(workspace, "record", "arrests", "--since", "2020-02-01").stdout
    assert "does not know the activity 'morris dancing' (1)" in shown


def test_a_definition_of_ones_own_is_named_with_the_figure(workspace: Path, log: Path) -> None:
    from importlib.resources import files

    shipped = (files("becalm.record.files") / "rules" / "dedicated_arrests.toml").read_text("utf-8")
    own = workspace / "definitions" / "dedicated_arrests.toml"
    own.parent.mkdir()
    own.write_text(
        shipped.replace('version = "1"', 'version = "2"').replace("unit_kinds = []", 'unit_kinds = ["VSU 2"]')
    )
    ask(workspace, "record", "import", str(log), "--kind", "arrest")
    found = answer(workspace, "record", "arrests", "--since", "2020-02-01")
    assert (found["arrests"], found["definition"]["version"]) == (2, "2")


def test_a_period_that_ends_before_it_begins_is_refused(workspace: Path) -> None:
    ask(workspace, "record", "arrests", "--since", "2020-02-01", "--until", "2020-01-01", code=2)


def with_visit(workspace: Path) -> int:
    """Record a referral by hand, with personal details beside it; returns its entry."""
    details = workspace.parent / "details.txt"
    details.write_text("Zebedee Quillfeather, 3 Nowhere Lane", "utf-8")
    facts = ("--set", "referral=R-1", "--set", "provider=harbour")
    words = ("referral_sent", *facts, "--subject", "p1")
    made = answer(workspace, "record", "add", *words, "--purpose", "visit", "--details", str(details))
    details.unlink()
    return int(made["seq"])


def holds(folder: Path, words: bytes) -> list[str]:
    """Which files below this folder hold these words?"""
    return [path.name for path in folder.rglob("*") if path.is_file() and words in path.read_bytes()]


def test_an_entry_about_a_person_is_shown_for_a_purpose_only_and_the_look_is_recorded(
    workspace: Path,
) -> None:
    seq = str(with_visit(workspace))
    ask(workspace, "record", "show", seq, code=2)
    ask(workspace, "record", "show", seq, "--purpose", "curiosity", code=9)
    shown = answer(workspace, "record", "show", seq, "--purpose", "visit", "--details", actor="officer")
    assert shown["details"] == "Zebedee Quillfeather, 3 Nowhere Lane"
    found = answer(workspace, "record", "access", "--subject", "p1")["accesses"]
    assert [(a["actor"], a["purpose"], a["facts"]["what"]) for a in found] == [
        ("officer", "visit", "payload")
    ]
    assert answer(workspace, "record", "access", "--actor", "officer")["accesses"] == found


def test_a_list_names_people_for_a_purpose_only_and_each_look_is_recorded(workspace: Path) -> None:
    with_visit(workspace)
    assert "subject" not in answer(workspace, "record", "events")[-1]
    listed = answer(workspace, "record", "events", "--purpose", "audit", "--kind", "referral_sent")
    assert [entry["subject"] for entry in listed] == ["p1"]
    (access,) = answer(workspace, "record", "access", "--subject", "p1")["accesses"]
    assert access["facts"] == {"entries": [listed[0]["seq"]], "what": "list of entries"}


def test_what_is_erased_is_nowhere_and_the_ledger_still_holds(workspace: Path, tmp_path: Path) -> None:
    seq = str(with_visit(workspace))
    ask(workspace, "record", "backup", "--out", str(tmp_path / "copy.sqlite"))
    shown = answer(workspace, "record", "show", seq, "--details", "--purpose", "audit")
    assert "Quillfeather" in shown["details"]
    assert holds(tmp_path, b"Quillfeather") == [], "enciphered, in the ledger and in its copy"
    sealed = sqlite3.connect(tmp_path / "copy.sqlite").execute("SELECT body FROM payload").fetchall()
    assert len(sealed) == 1
    ask(workspace, "record", "erase", "--subject", "p1", code=2)
    erased = answer(workspace, "record", "erase", "--subject", "p1", "--reason", "expired")
    assert erased["erased"] == [int(seq)]
    assert sqlite3.connect(tmp_path / "copy.sqlite").execute("SELECT body FROM payload").fetchall() == []
    assert answer(workspace, "record", "show", seq, "--purpose", "audit")["details"].startswith("erased")
    ask(workspace, "record", "verify")
    ask(workspace, "record", "erase", "--entry", seq, "--reason", "expired", code=5)


def test_where_the_access_cannot_be_recorded_nothing_is_shown(workspace: Path) -> None:
    seq = str(with_visit(workspace))
    with sqlite3.connect(workspace / "ledger.sqlite") as ledger:
        ledger.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    ledger.close()
    for more in ((), ("--details",)):
        refused = ask(workspace, "record", "show", seq, "--purpose", "visit", *more, code=10)
        assert "Quillfeather" not in refused.output
        assert "p1" not in refused.output


def apart(workspace: Path, *words: str, actor: str = "sergeant", code: int = 0) -> CompletedProcess[str]:
    """Ask in a process of its own, so that nobody has the ledger open when it is replaced."""
    done = run(
        [Path(sys.executable).with_name("becalm"), *words, "--workspace", str(workspace)],
        env={**os.environ, "BECALM_ACTOR": actor},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def told(workspace: Path, *words: str, **more: Any) -> Any:
    return json.loads(apart(workspace, *words, "--format", "json", **more).stdout)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    apart(tmp_path / "city", "init", "--city", "london")
    return tmp_path / "city"


def test_an_older_copy_is_refused_until_two_people_confirm_it(city: Path, log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    apart(city, "record", "backup", "--out", str(copy))
    apart(city, "record", "import", str(log), "--kind", "arrest")
    (city / "ledger.sqlite").write_bytes(copy.read_bytes())
    for path in city.glob("ledger.sqlite-*"):
        path.unlink()
    refused = apart(city, "record", "import", str(log), "--kind", "arrest", code=10)
    assert "older copy" in refused.stderr
    assert told(city, "record", "restore", "--reason", "disk died", actor="ann")["status"] == "asked"
    apart(city, "record", "restore", "--reason", "me again", actor="Ann ", code=10)
    apart(city, "record", "restore", actor="bob", code=2)
    done = told(city, "record", "restore", "--reason", "saw the disk", actor="bob")
    assert (done["status"], done["lost_size"]) == ("restored", 10)
    apart(city, "record", "import", str(log), "--kind", "arrest")
    restored = told(city, "record", "events", "--kind", "log_begun")[0]["facts"]
    assert (restored["first_actor"], restored["second_reason"]) == ("ann", "saw the disk")
    apart(city, "record", "verify")


def test_a_copy_is_put_back_by_two_people(city: Path, log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    apart(city, "record", "backup", "--out", str(copy))
    apart(city, "record", "import", str(log), "--kind", "arrest")
    asked = ("record", "restore", str(copy), "--reason", "drill")
    assert told(city, *asked, actor="ann")["status"] == "asked"
    assert len([entry["kind"] for entry in told(city, "record", "events")]) == 10
    assert told(city, *asked, actor="bob")["status"] == "restored"
    assert [entry["kind"] for entry in told(city, "record", "events")] == [
        "configuration_changed",
        "key_rotated",
        "checkpoint_made",
        "log_begun",
    ]
    apart(city, "record", "restore", "--reason", "drill", code=2)


def test_what_becalm_writes_itself_cannot_be_added_by_hand(workspace: Path) -> None:
    ask(workspace, "record", "add", "ledger_restored", "--set", "size=1", code=2)
    ask(workspace, "record", "add", "arrest_mad", code=9)
    ask(workspace, "record", "add", "arrest_made", "--set", "unit=VSU 1", code=9)
    facts = ("--set", "unit=VSU 1", "--set", "activity=warrant")
    ask(workspace, "record", "add", "arrest_made", *facts, "--at", "2020-04-30T22:15", code=2)
    ask(workspace, "record", "add", "arrest_made", *facts, "--at", "2020-04-30T22:15+01:00")
    found = answer(workspace, "record", "arrests", "--since", "2020-04-30", "--until", "2020-04-30")
    assert (found["arrests"], found["recorded_by_hand"]) == (1, 1)


def test_a_load_is_recorded_with_the_hash_of_each_file(workspace: Path, tmp_path: Path) -> None:
    street = write_street(tmp_path, [street_row("a" * 64), street_row("b" * 64)])
    ask(workspace, "ingest", str(street))
    loaded = answer(workspace, "record", "events", "--kind", "records_loaded")[0]["facts"]
    assert loaded["files"] == [[street.name, hashlib.sha256(street.read_bytes()).hexdigest()]]
    assert (loaded["intake"], loaded["rows"], loaded["loaded"]) == ("000001", 2, 2)
    ask(workspace, "ingest", str(street))
    assert kinds(workspace).count("records_loaded") == 1


def test_what_cannot_be_recorded_is_not_loaded(workspace: Path, tmp_path: Path) -> None:
    street = write_street(tmp_path, [street_row("a" * 64)])
    with sqlite3.connect(workspace / "ledger.sqlite") as ledger:
        ledger.execute(
            "CREATE TRIGGER full BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    ask(workspace, "ingest", str(street), code=10)
    with sqlite3.connect(workspace / "ledger.sqlite") as ledger:
        ledger.execute("DROP TRIGGER full")
    ledger.close()
    again = answer(workspace, "ingest", str(street))
    assert [file["status"] for file in again["files"]] == ["loaded"]


def test_a_csv_of_arrests_says_why_each_one_was_left_out(workspace: Path, log: Path) -> None:
    ask(workspace, "record", "import", str(log), "--kind", "arrest")
    words = ("record", "arrests", "--since", "2020-02-01", "--until", "2020-05-31", "--left-out")
    heading, *rows = ask(workspace, *words, "--format", "csv").stdout.splitlines()
    assert heading.endswith(",reason")
    assert {row.count(",") for row in rows} == {heading.count(",")}
    assert any(row.endswith(",other activity") for row in rows)
