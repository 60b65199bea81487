"""`becalm record verify`, `head`, `checkpoint` and `export`, as an auditor uses them."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from becalm.app.main import app, open_desk
from becalm.desk import make_event
from becalm.ledger import EventToAppend, Fact, draw_key, format_anchor, parse_anchor, sign_checkpoint
from becalm.ledger.anchors import draw_qr_code
from becalm.record.core.request import BackupRequest
from becalm.record.desk.upkeep import make_backup
from becalm.terms import FileName

LOG = """\
arrested_at,place_easting_m,place_northing_m,unit,activity,offence
2020-04-30 22:15,530120,180410,VSU 2,weapon sweep,knife possession
2020-05-01 01:00,530120,180410,VSU 2,warrant,wounding
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    ask(folder, "init", "--city", "london")
    log = tmp_path / "arrests.csv"
    log.write_text(LOG, "utf-8")
    ask(folder, "record", "import", str(log), "--kind", "arrest")
    return folder


def ask(workspace: Path, *words: str, actor: str = "sergeant", code: int = 0) -> Result:
    asked = CliRunner().invoke(app, [*words, "--workspace", str(workspace)], env={"BECALM_ACTOR": actor})
    assert asked.exit_code == code, asked.output
    return asked


def answer(workspace: Path, *words: str, **more: Any) -> Any:
    return json.loads(ask(workspace, *words, "--format", "json", **more).stdout)


def tamper(workspace: Path, *statements: str) -> None:
    with sqlite3.connect(workspace / "ledger.sqlite") as ledger:
        for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            ledger.execute(statement)
    ledger.close()


def configure(workspace: Path, setting: str) -> None:
    """Say this in [ledger], in the place of what is said there."""
    config, name = workspace / "becalm.toml", setting.partition(" = ")[0]
    config.write_text(re.sub(rf"(?m)^{name} = .*$", lambda _: setting, config.read_text("utf-8")), "utf-8")


def test_an_honest_ledger_holds_and_says_what_was_not_shown(workspace: Path) -> None:
    told = answer(workspace, "record", "verify")
    assert (told["holds"], told["findings"], told["proven_outside"]) == (True, [], 2)
    assert any("newer than every head kept outside" in note for note in told["notes"])
    ask(workspace, "record", "checkpoint")
    fresh = answer(workspace, "record", "verify")
    assert not any("newer than every head kept outside" in note for note in fresh["notes"])
    assert any("nothing but notes that heads were sent" in note for note in fresh["notes"])
    configure(workspace, 'anchors = ["elsewhere"]')
    alone = answer(workspace, "record", "verify")
    assert any("No head kept outside was compared" in note for note in alone["notes"])
    assert "The ledger holds" in ask(workspace, "record", "verify").output


def test_heads_that_were_sent_outside_and_are_gone_are_missed(workspace: Path) -> None:
    for head in (workspace.parent / "city-outside" / "heads").iterdir():
        head.unlink()
    missed = ask(workspace, "record", "verify", code=11).stderr
    assert "The signed head of 2 entries was sent to ../city-outside/heads and is no longer there" in missed
    ask(workspace, "record", "checkpoint")
    assert answer(workspace, "record", "verify")["holds"]


def test_a_changed_entry_is_named_with_an_exit_code_of_its_own(workspace: Path) -> None:
    tamper(workspace, "UPDATE event SET actor = 'somebody else' WHERE seq = 2")
    asked = ask(workspace, "record", "verify", code=11)
    assert "The first bad entry is 2." in asked.stderr
    told = json.loads(ask(workspace, "record", "verify", "--format", "json", code=11).stdout)
    assert (told["holds"], told["first_bad"], told["findings"][0]["fate"]) == (False, 2, "altered")


def test_the_head_printed_as_json_is_an_anchor(workspace: Path, tmp_path: Path) -> None:
    anchor = tmp_path / "head.json"
    anchor.write_text(ask(workspace, "record", "head", "--format", "json").stdout, "utf-8")
    size = json.loads(anchor.read_text())["size"]
    told = answer(workspace, "record", "verify", "--anchor", str(anchor))
    assert told["proven_outside"] == size
    assert told["notes"] == []
    tamper(workspace, f"DELETE FROM event WHERE seq = {size}")
    cut = json.loads(
        ask(workspace, "record", "verify", "--anchor", str(anchor), "--format", "json", code=15).stdout
    )
    fates = {f["fate"] for f in cut["findings"]} - {
        "schema",
        "state",
    }  # guards and a state row are not as they were
    assert (cut["first_bad"], fates) == (size, {"shorter"})


def test_a_printed_sheet_gives_back_an_anchor(workspace: Path, tmp_path: Path) -> None:
    sheet, scanned = tmp_path / "head.html", tmp_path / "scanned.txt"
    answer_text = ask(workspace, "record", "head", "--sheet", str(sheet), "--format", "json").stdout
    told, size = json.loads(answer_text)["note"], json.loads(answer_text)["size"]
    assert draw_qr_code(told, label=f"QR code: the signed head of {size} entries") in sheet.read_text("utf-8")
    scanned.write_text(told, "utf-8")
    assert answer(workspace, "record", "verify", "--anchor", str(scanned))["holds"]
    nowhere = str(tmp_path / "nowhere" / "head.html")
    assert "cannot be written" in ask(workspace, "record", "head", "--sheet", nowhere, code=2).stderr


def test_the_head_names_size_root_and_signature(workspace: Path) -> None:
    lines = ask(workspace, "record", "head").stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["size", "root", "signature"]
    assert len(ask(workspace, "record", "head", "--format", "csv").stdout.splitlines()) == 2


def test_the_key_is_for_its_owner_alone_and_a_swapped_one_signs_nothing(workspace: Path) -> None:
    ask(workspace, "record", "head")
    key = workspace.parent / "city-outside" / "ledger.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    assert "chmod 600" in ask(workspace, "record", "checkpoint", code=10).stderr
    other = workspace.parent / "other"
    ask(other, "init")
    ask(other, "record", "head")
    shutil.copy2(workspace.parent / "other-outside" / "ledger.key", key)
    assert "it was swapped" in ask(workspace, "record", "checkpoint", code=11).stderr
    key.unlink()
    assert "Put it back there" in ask(workspace, "record", "checkpoint", code=10).stderr


def test_a_changed_key_is_vouched_for_by_the_one_before(workspace: Path) -> None:
    first = answer(workspace, "record", "checkpoint")
    second = answer(workspace, "record", "checkpoint", "--new-key")
    assert first["key"] != second["key"]
    told = answer(workspace, "record", "verify")
    assert (told["holds"], told["proven"]) == (True, second["size"])


def test_a_checkpoint_goes_to_every_place_and_a_failing_one_is_named(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    places = [
        str(tmp_path / "away"),
        "mailto:overseer@example.org",
        "qr:sheets",
        str(tmp_path / "file" / "in"),
    ]
    configure(workspace, f"anchors = {json.dumps(places)}")
    asked = ask(workspace, "record", "checkpoint", code=10)
    assert "did not reach 1 of 4 places" in asked.stderr
    assert str(tmp_path / "file" / "in") in asked.stderr
    (away,) = (tmp_path / "away").glob("*.note")
    (letter,) = (workspace / "anchors" / "outbox").glob("*.eml")
    (sheet,) = (workspace / "sheets").glob("*.html")
    assert "overseer@example.org" in letter.read_text()
    head = parse_anchor(away.read_text(), "away").head
    assert head.root in sheet.read_text()
    assert "<svg" in sheet.read_text()
    told = answer(workspace, "record", "verify")
    assert told["proven_outside"] == head.size


def test_an_older_copy_put_back_is_noticed_and_holds_once_two_have_confirmed(
    workspace: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    configure(workspace, f"anchors = [{json.dumps(str(away))}]")
    copy = tmp_path / "older.sqlite"
    ask(workspace, "record", "backup", "--out", str(copy))
    size = answer(workspace, "record", "head")["size"]
    ask(workspace, "record", "checkpoint")
    ask(workspace, "record", "checkpoint")
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.head"):
        (workspace / name).unlink(missing_ok=True)
    shutil.copy2(copy, workspace / "ledger.sqlite")
    noticed = json.loads(ask(workspace, "record", "verify", "--format", "json", code=15).stdout)
    assert {f["fate"] for f in noticed["findings"]} == {"shorter"}
    assert noticed["first_bad"] <= size
    assert "older copy" in ask(workspace, "record", "checkpoint", code=10).stderr
    ask(workspace, "record", "restore", "--reason", "the disk failed", actor="inspector")
    ask(workspace, "record", "restore", "--reason", "I saw the disk", actor="auditor")
    told = answer(workspace, "record", "verify")
    assert told["holds"]
    assert any("confirmed by inspector and auditor" in note for note in told["notes"])


def test_what_was_erased_after_the_copy_stays_gone_and_the_restored_ledger_holds(
    workspace: Path, tmp_path: Path
) -> None:
    desk = open_desk(workspace)
    about = make_event(
        desk, "arrest_made", purpose="arrest log", facts={"unit": "VSU 1", "activity": "warrant"}
    )
    (entry,) = desk.open_ledger().append([EventToAppend(about, b"a name")])
    copy = tmp_path / "older.sqlite"
    make_backup(desk, BackupRequest(out=FileName(str(copy))))
    facts: dict[str, Fact] = {"entries": (entry.seq,), "reason": "expired"}
    desk.open_ledger().erase(
        (entry.seq,), erasure=make_event(desk, "payload_erased", purpose="retention", facts=facts)
    )
    desk.open_ledger().close()
    moved = tmp_path / "moved"  # for this very process still holds on to the other
    shutil.copytree(workspace, moved)
    for actor in ("inspector", "auditor"):
        ask(moved, "record", "restore", str(copy), "--reason", "the disk failed", actor=actor)
    assert answer(moved, "record", "verify")["holds"]
    assert b"a name" not in (moved / "ledger.sqlite").read_bytes()


def test_an_export_is_verified_by_a_stranger_and_never_written_over(workspace: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = answer(workspace, "record", "export", str(out), "--purpose", "audit")
    anchor = tmp_path / "head.json"
    anchor.write_text(ask(workspace, "record", "head", "--format", "json").stdout, "utf-8")
    assert sorted(path.name for path in out.iterdir()) == sorted(Path(f).name for f in told["files"])
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(out / "verify_ledger.py"), str(out), "--anchor", str(anchor)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "It holds." in done.stdout
    assert (
        "is not empty" in ask(workspace, "record", "export", str(out), "--purpose", "audit", code=10).stderr
    )


def test_an_export_asks_what_for_and_leaves_an_entry_that_is_in_it(workspace: Path, tmp_path: Path) -> None:
    before = answer(workspace, "record", "events")
    assert "--purpose" in ask(workspace, "record", "export", str(tmp_path / "out"), code=2).stderr
    assert not (tmp_path / "out").exists()
    assert answer(workspace, "record", "events") == before
    ask(workspace, "record", "export", str(tmp_path / "out"), "--purpose", "audit", actor="auditor")
    (entry,) = answer(workspace, "record", "events", "--kind", "record_exported")
    assert (entry["actor"], entry["purpose"], entry["facts"]["folder"]) == ("auditor", "audit", "out")
    lines = (tmp_path / "out" / "entries.jsonl").read_text("utf-8").splitlines()
    assert any(json.loads(line)[0] == entry["seq"] for line in lines)


def test_what_is_no_anchor_is_refused(workspace: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    for text in ("", "[]", "{}", '{"format": "becalm.checkpoint.1"}'):
        wrong.write_text(text)
        assert "is no anchor" in ask(workspace, "record", "verify", "--anchor", str(wrong), code=4).stderr
    missing = str(tmp_path / "none.json")
    assert "cannot be read" in ask(workspace, "record", "verify", "--anchor", missing, code=4).stderr


# --- the folder of heads, and the files beside the ledger --------------------------------------------------


def heads_of(workspace: Path) -> list[Path]:
    return sorted((workspace.parent / "city-outside" / "heads").glob("*.note"))


def test_an_older_head_under_the_name_of_the_newest_is_noticed(workspace: Path) -> None:
    ask(workspace, "record", "checkpoint")
    older, newest = heads_of(workspace)
    newest.write_text(older.read_text())
    assert "and is no longer there" in ask(workspace, "record", "verify", code=11).stderr


def test_an_older_head_under_a_greater_number_opens_no_door_to_an_older_copy(workspace: Path) -> None:
    older_copy = workspace.with_name("older")  # beside it, so that the heads are where they are for it
    shutil.copytree(workspace, older_copy)
    added = ("record", "add", "arrest_made", "--set", "unit=V", "--set", "activity=x")
    ask(workspace, *added)
    ask(workspace, "record", "checkpoint")
    older, newest = heads_of(workspace)
    newest.with_name(newest.name.replace("-00000000", "-99999999")).write_text(older.read_text())
    refused = ask(older_copy, *added, code=10)
    assert "an older copy was put in its place" in refused.stderr


def test_a_folder_of_heads_that_leads_into_the_workspace_is_not_outside(workspace: Path) -> None:
    outside = workspace.parent / "city-outside" / "heads"
    outside.rename(workspace / "own-heads")
    outside.symlink_to(workspace / "own-heads")
    assert answer(workspace, "record", "verify")["proven_outside"] == 0


def test_a_write_ahead_log_from_before_takes_nothing_back(workspace: Path, tmp_path: Path) -> None:
    """The file of today beside the log of yesterday, with every note beside them as it was yesterday."""
    older, mixed = workspace.with_name("older"), workspace.with_name("mixed")
    with closing(sqlite3.connect(workspace / "ledger.sqlite")) as holding:
        holding.execute("SELECT count(*) FROM event").fetchone()  # so that the log is not emptied
        ask(workspace, "record", "add", "arrest_made", "--set", "unit=V", "--set", "activity=x")
        shutil.copytree(workspace, older)
        ask(workspace, "record", "checkpoint")
        newest_head = ask(workspace, "record", "head", "--format", "json").stdout
        shutil.copytree(older, mixed)
        shutil.copyfile(workspace / "ledger.sqlite", mixed / "ledger.sqlite")
    head = tmp_path / "mine.json"
    head.write_text(newest_head)
    for folder in (older, mixed):
        (folder / "ledger.sqlite-shm").unlink(missing_ok=True)
        cut_off = ask(folder, "record", "verify", "--anchor", str(head), code=15)
        assert "it is an older copy, or its end was cut off" in cut_off.stderr


def test_a_note_that_was_altered_or_signed_by_a_stranger_is_named(workspace: Path, tmp_path: Path) -> None:
    note, altered, foreign = (tmp_path / f"{name}.note" for name in ("mine", "altered", "foreign"))
    ask(workspace, "record", "head", "--out", str(note))
    head = parse_anchor(note.read_text("utf-8"), "mine")
    assert answer(workspace, "record", "verify", "--anchor", str(note))["proven_outside"] == head.head.size
    altered.write_text(note.read_text("utf-8").replace(f"\n{head.head.size}\n", "\n1\n", 1), "utf-8")
    refused = ask(workspace, "record", "verify", "--anchor", str(altered), code=11).stderr
    assert "its signature does not fit it" in " ".join(refused.split())
    foreign_head = sign_checkpoint(head, draw_key())
    foreign.write_text(format_anchor(foreign_head, foreign_head.public_key), "utf-8")
    refused = ask(workspace, "record", "verify", "--anchor", str(foreign), code=15).stderr
    assert "which this ledger does not name" in " ".join(refused.split())
    foreign.write_text(note.read_text("utf-8").partition("\n\n")[0] + "\n", "utf-8")
    assert "is no anchor" in ask(workspace, "record", "verify", "--anchor", str(foreign), code=4).stderr
