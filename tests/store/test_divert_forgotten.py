"""Whom the programme has forgotten is nowhere: in no file, log, copy or export, on both stores."""

from __future__ import annotations

import mmap
import sqlite3
from pathlib import Path

import pytest
from people import TODAY, Programme, event, write_csv
from postgres import throw_away_server
from town import becalm

MARK = "Zqmark"  # begins every name, address and phone number that this test makes up
RITA, SYSTEM = ("rights officer", "rita"), ("system administrator", "sys")


def write_people(folder: Path, count: int) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    persons = [
        {
            "person_number": f"{MARK}{n}",
            "name": f"{MARK} {'abcdefghij'[n % 10] * 3}{n}",
            "born_on": f"19{50 + n % 40}-01-{1 + n % 28:02d}",
            "address": f"{MARK} Row {n}",
            "phone": f"{MARK}{n:05d}",
        }
        for n in range(count)
    ]
    events = [event(f"{MARK}{n}", days) for n in range(count) for days in (20, 60, 100)]
    return write_csv(folder / "persons.csv", persons), write_csv(folder / "events.csv", events)


def files_with_mark(*folders: Path) -> list[Path]:
    """Every file in which the mark stands, as text of one or two bytes a letter."""
    needles = (MARK.encode(), MARK.encode("utf-16-le"))
    marked_files = []
    for path in (path for folder in folders for path in folder.rglob("*")):
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if any(content.find(needle) >= 0 for needle in needles):
                    marked_files.append(path)
    return marked_files


def record(programme: Programme, *words: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BECALM_WORKSPACE", str(programme.workspace))
        if programme.ledger_url:
            patch.setenv("BECALM_LEDGER", programme.ledger_url)
        becalm("record", *words)


def forget_all(programme: Programme, count: int, at_request: int, *server_folders: Path) -> None:
    """Take people in, make copies and exports, erase some one by one and the others by the nightly purge."""
    persons, events = write_people(programme.files / "in", count)
    programme.run("analyst", "ana", "load", persons, events)
    person = programme.person(f"{MARK}0")
    pack = programme.files / "pack"
    programme.run(*RITA, "sar", person, "--out", pack)
    assert MARK in (pack / "pack.json").read_text("utf-8"), "the details were there to be read"
    kept = programme.workspace.parent / "kept"
    kept.mkdir()
    if not programme.ledger_url:
        record(programme, "backup", "--out", kept / "copy.sqlite")
    record(programme, "events", "--out", kept / "events.csv", "--out", kept / "events.json")
    programme.ask("analyst", "ana", "list")
    for n in range(at_request):
        programme.run(*RITA, "purge", "--person", programme.person(f"{MARK}{n}"))
    left = [{"person_number": "N1", "name": "Una Vale", "born_on": "1990-01-01"}]
    files = (
        write_csv(programme.files / "p.csv", left),
        write_csv(programme.files / "e.csv", [event("N1", 9)]),
    )
    programme.run("analyst", "ana", "load", *files)
    purged = programme.ask(*SYSTEM, "purge")
    assert purged["erased_count"] == purged["due_count"] == count - at_request
    assert programme.ask(*SYSTEM, "purge")["due_count"] == 0
    record(programme, "verify")
    assert files_with_mark(programme.workspace, kept, *server_folders) == []


@pytest.fixture(params=[(24, 2), pytest.param((1_000, 20), marks=pytest.mark.exhaustive)], ids=["24", "1000"])
def counts(request: pytest.FixtureRequest) -> tuple[int, int]:
    sizes: tuple[int, int] = request.param
    return sizes


@pytest.fixture
def programme(tmp_path: Path) -> Programme:
    becalm("init", tmp_path / "w", "--city", "london")
    return Programme(tmp_path / "w", tmp_path / "files")


def test_whom_a_file_forgot_is_in_no_file_copy_or_export(
    programme: Programme, counts: tuple[int, int]
) -> None:
    forget_all(programme, *counts)
    copy = programme.workspace.parent / "kept" / "copy.sqlite"
    with sqlite3.connect(copy) as connection:
        (payload_count,) = connection.execute("SELECT count(*) FROM payload").fetchone()
    assert payload_count == 0, "nothing is left in the copy that a key could open"


def test_whom_a_server_forgot_is_in_no_file_or_log_of_it(
    programme: Programme, counts: tuple[int, int]
) -> None:
    with throw_away_server(log_statement="all", log_min_duration_statement="0") as server:
        programme.ledger_url = server.fresh_ledger()
        forget_all(programme, *counts, server.data, server.log.parent)
        server.drop(programme.ledger_url)


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"x{MARK}", "utf-16-le")
    (tmp_path / "b").write_text(str(TODAY))
    assert files_with_mark(tmp_path) == [tmp_path / "a"]
