"""The doors for people: make, its pre-flight check, and what the continuous integration runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TARGETS = (
    *(
        "demo",
        "house",
        "mutants",
        "test",
        "check",
        "test-exhaustive",
        "bench",
        "docs",
        "site",
        "dist",
        "pins",
    ),
    *("pictures", "clean", "rehearse", "rehearse-coverage"),
)


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "BECALM_VENV"}}
    return subprocess.run(
        command, cwd=cwd, env={**clean, **environment}, capture_output=True, text=True, check=False
    )


def folder_of_programs(folder: Path, *names: str) -> Path:
    """A folder that holds only these programs of the system."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


@pytest.fixture
def elsewhere(root: Path, tmp_path: Path) -> Path:
    """A copy of the pre-flight check in a folder without a virtual environment."""
    shutil.copytree(root / "tools", tmp_path / "checkout" / "tools")
    return tmp_path / "checkout"


def test_the_continuous_integration_runs_exactly_make_test(root: Path) -> None:
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in script.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]


@pytest.mark.parametrize("target", TARGETS)
def test_make_lists_every_target_with_what_it_does(root: Path, target: str) -> None:
    listed = run("make", "--no-print-directory", "help", cwd=root).stdout.splitlines()
    assert any(line.split()[0] == target and len(line.split()) > 3 for line in listed)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_and_each_script_it_calls_exists(root: Path, target: str) -> None:
    planned = run("make", "--dry-run", target, cwd=root)
    assert planned.returncode == 0, planned.stderr
    for word in planned.stdout.split():
        if word.startswith(("tools/", "benchmarks/", "docs/")):
            assert (root / word).is_file(), f"make {target} calls {word}, which does not exist"


def test_without_python_the_check_says_what_to_install(elsewhere: Path, tmp_path: Path) -> None:
    programs = folder_of_programs(tmp_path / "bin", "bash", "dirname", "df", "awk")
    done = run("bash", "tools/preflight.sh", cwd=elsewhere, PATH=str(programs))
    assert done.returncode == 1
    assert "sudo apt-get install python3.11 python3.11-venv" in done.stderr


def test_with_a_python_that_cannot_make_environments_the_check_says_what_to_install(
    elsewhere: Path, tmp_path: Path
) -> None:
    programs = folder_of_programs(tmp_path / "bin", "bash", "dirname", "df", "awk")
    python = programs / "python3.11"
    python.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.11 ;; esac\n')
    python.chmod(0o755)
    done = run("bash", "tools/preflight.sh", cwd=elsewhere, PATH=str(programs))
    assert done.returncode == 1
    assert "sudo apt-get install python3.11-venv" in done.stderr


def test_an_environment_that_does_not_work_is_left_alone_and_reported(elsewhere: Path) -> None:
    (elsewhere / ".venv").mkdir()
    done = run("bash", "tools/preflight.sh", cwd=elsewhere)
    assert done.returncode == 1
    assert "Move that folder away" in done.stderr
    assert (elsewhere / ".venv").is_dir()


def test_without_root_the_missing_programs_are_named_and_nothing_is_installed(
    elsewhere: Path, tmp_path: Path
) -> None:
    programs = folder_of_programs(tmp_path / "bin", "bash", "grep", "head")
    (programs / "id").write_text("#!/bin/sh\necho 1000\n")
    (programs / "id").chmod(0o755)
    done = run("bash", "tools/provision.sh", cwd=elsewhere, PATH=str(programs))
    assert done.returncode == 1
    assert "sudo apt-get install chromium" in done.stderr
    assert "poppler-utils openjdk-17-jre-headless" in done.stderr
