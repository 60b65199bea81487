"""Loading at the command line: what is printed, what it ends with, and what a kill leaves behind."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from police_files import STREET, desk_on, make_workspace, street_row, write_csv, write_inbox, write_street
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.terms import InputError

BECALM = Path(sys.executable).with_name("becalm")


def becalm(*words: object, workspace: Path) -> Any:
    return CliRunner().invoke(app, [*map(str, words), "--workspace", str(workspace)])


def becalm_process(*words: object, workspace: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BECALM), *map(str, words), "--workspace", str(workspace)]
    wide = {**os.environ, "COLUMNS": "160"}  # readline may have told children of pytest another width
    return subprocess.run(command, capture_output=True, text=True, check=False, env=wide)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "workspace")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    odd_rows = (street_row("odd", crime_type="=cmd|' /C calc'!A0"), street_row("lost", place="0,0"))
    return write_inbox(tmp_path / "inbox", *odd_rows)


def test_the_summary_names_recipe_months_counts_date_and_status(workspace: Path, inbox: Path) -> None:
    done = becalm_process("ingest", inbox, "--as-of", "2020-06-01", workspace=workspace)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "street" in line)
    for word in (
        "police_uk/city-of-london",
        "data.police.uk street",
        "2020-04",
        "62",
        "61",
        "2020-06-01",
        "loaded",
    ):
        assert word in line
    assert done.stderr == "", "no bar where there is no terminal"


def test_the_same_in_json_and_csv(workspace: Path, inbox: Path) -> None:
    done = becalm("ingest", inbox, "--format", "json", workspace=workspace)
    report = json.loads(done.stdout)
    [file] = report["files"]
    counts = {name: file[name] for name in ("rows", "loaded", "repaired", "rejected")}
    assert counts == {"rows": 62, "loaded": 61, "repaired": 1, "rejected": 1}
    assert file["months"] == ["2020-04"]
    again = becalm("ingest", "load", inbox, "--format", "csv", workspace=workspace)
    [row] = csv.DictReader(io.StringIO(again.stdout))
    assert (row["status"], row["source"]) == ("already loaded", "police_uk/city-of-london")


def test_rejects_are_listed_with_file_row_column_value_reason_and_remedy(
    workspace: Path, inbox: Path
) -> None:
    becalm("ingest", inbox, workspace=workspace)
    done = becalm("ingest", "rejects", "--format", "json", workspace=workspace)
    found = json.loads(done.stdout)
    assert [(c["fate"], c["rows"]) for c in found["counts"]] == [("rejected", 1), ("repaired", 1)]
    assert [(r["row"], r["column"], r["value"]) for r in found["rows"]] == [
        (62, "Crime type", "=cmd|' /C calc'!A0"),
        (63, "Longitude, Latitude", "0, 0"),
    ]
    assert all(r["reason"] and r["remedy"] and r["file"].endswith("street.csv") for r in found["rows"])


def test_rejects_can_be_narrowed_down(workspace: Path, inbox: Path) -> None:
    becalm("ingest", inbox, workspace=workspace)
    for option, value in (("--fate", "repaired"), ("--reason", "NO LOCATION")):
        done = becalm("ingest", "rejects", option, value, "--format", "json", workspace=workspace)
        assert [r["fate"] for r in json.loads(done.stdout)["rows"]] == ["repaired"]
    none = becalm("ingest", "rejects", "--file", "elsewhere", workspace=workspace)
    assert none.stdout == "No row was rejected or repaired.\n"


def test_formulas_in_rejects_cannot_run_in_a_spreadsheet(workspace: Path, inbox: Path) -> None:
    becalm("ingest", inbox, workspace=workspace)
    done = becalm("ingest", "rejects", "--format", "csv", workspace=workspace)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert rows[0]["value"] == "'=cmd|' /C calc'!A0"


def test_a_refusal_ends_with_its_exit_code_and_a_clear_text(workspace: Path, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "2020-04-city-of-london-street.csv", STREET.replace(",", ";"), ["x"])
    done = becalm_process("ingest", path, workspace=workspace)
    assert done.returncode == InputError.exit_code
    assert "is separated by semicolons" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_path_that_is_named_like_a_command_is_written_with_its_folder(
    workspace: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inbox.rename(inbox.with_name("rejects")).parent)
    done = becalm("ingest", "./rejects", workspace=workspace)
    assert done.exit_code == 0, done.output


def test_options_may_come_before_the_paths(workspace: Path, inbox: Path) -> None:
    done = becalm("ingest", "--max-reject-share", "0.5", inbox, workspace=workspace)
    assert done.exit_code == 0, done.output


def test_help_shows_how_to_load_and_the_other_commands() -> None:
    done = CliRunner().invoke(app, ["ingest", "--help"])
    for words in ("PATH", "--as-of", "--mapping", "--max-reject-share", "becalm ingest map", "rejects"):
        assert words in done.stdout


def test_a_terminal_sees_a_bar(workspace: Path, inbox: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    command = [str(BECALM), "ingest", str(inbox), "--workspace", str(workspace)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while chunk := os.read(ours, 4_096):
            seen += chunk
    os.close(ours)
    assert process.wait() == 0
    assert b"reading" in seen


# --- killed at any instant ------------------------------------------------------------------------------


def state(workspace: Path) -> tuple[Any, ...]:
    """What the archive shows: which files, and how many rows of each table."""
    archive = desk_on(workspace).archive
    tables = {name: archive.table(name).count().to_pyarrow().as_py() for name in ("incidents", "row_faults")}
    return (sorted((f.source, f.month, f.as_of, f.rows) for f in archive.files("incidents")), tables)


def two_months(folder: Path, *, late: int = 0) -> Path:
    for month in ("2020-04", "2020-05"):
        rows = [street_row(f"{month}-{n}", month=month) for n in range(2_000 + late)]
        write_street(folder, [*rows, street_row("odd", month=month, crime_type="?")], month=month)
    return folder


def kill_at_random_moments(tmp_path: Path, kills: int) -> None:
    """Load a second edition again and again, killed each time; the archive is as before or as after."""
    workspace = make_workspace(tmp_path / "workspace")
    first, second = two_months(tmp_path / "first"), two_months(tmp_path / "second", late=500)
    assert becalm_process("ingest", first, "--as-of", "2020-06-01", workspace=workspace).returncode == 0
    before = state(workspace)
    words = [str(BECALM), "ingest", str(second), "--as-of", "2020-07-01", "--workspace", str(workspace)]
    rng, seen = random.Random(7), {"before": 0, "after": 0}
    longest = 2.0
    for _ in range(kills):
        started = time.monotonic()
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=rng.uniform(0.25, longest))
            longest = max(0.8, min(longest, 1.2 * (time.monotonic() - started)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        now = state(workspace)
        assert now[1]["incidents"] in (4_000, 5_000)
        if now == before:
            seen["before"] += 1
        else:
            assert now[0] == [(s, m, now[0][0][2], 2_500) for s, m, _, _ in before[0]]
            seen["after"] += 1
            workspace = fresh(tmp_path, workspace, first)
            words[-1] = str(workspace)
    assert seen["before"] > 0
    assert becalm_process("ingest", second, "--as-of", "2020-07-01", workspace=workspace).returncode == 0
    assert state(workspace)[1]["incidents"] == 5_000


def fresh(tmp_path: Path, used: Path, first: Path) -> Path:
    """Another workspace in the state from which the kills start."""
    workspace = make_workspace(tmp_path / f"{used.name}+")
    assert becalm_process("ingest", first, "--as-of", "2020-06-01", workspace=workspace).returncode == 0
    return workspace


def test_a_load_that_is_killed_leaves_the_archive_as_before_or_as_after(tmp_path: Path) -> None:
    kill_at_random_moments(tmp_path, kills=16)


@pytest.mark.exhaustive
def test_a_load_that_is_killed_a_hundred_times_leaves_the_archive_as_before_or_as_after(
    tmp_path: Path,
) -> None:
    kill_at_random_moments(tmp_path, kills=100)


@pytest.mark.exhaustive
def test_a_field_of_a_gigabyte_is_refused_in_little_memory(tmp_path: Path, workspace: Path) -> None:
    path = tmp_path / "2020-04-city-of-london-street.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{STREET}\n{street_row('a')[:-1]}")
        for _ in range(1024):
            file.write("x" * (1 << 20))
        file.write("\n")
    probe = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.stderr)\n"
    )
    command = [sys.executable, "-c", probe, str(BECALM), "ingest", str(path), "--workspace", str(workspace)]
    code, peak_kb, told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(
        maxsplit=2
    )
    assert (int(code), int(peak_kb) < 600_000) == (InputError.exit_code, True)
    assert "line 2  is longer than 1,048,576 bytes" in told
