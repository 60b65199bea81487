"""Planted faults: which are made; one is seen or listed, one that hangs is ended (`make mutants`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType

import pytest

TRACED = "tests/spec/record/test_chain_of_entries.py"
SOURCE = '''"""A module."""

LIMIT = 20
type_of_it = int | None


def is_busy(counts: list[int], *, limit: int | None = None) -> bool:
    """Is it?"""
    if not counts:
        raise ValueError("nothing to count")
    return any(count > LIMIT for count in counts)
'''


@pytest.fixture(scope="module")
def tools(root: Path) -> Iterator[Path]:
    folder = root / "tools" / "mutants"
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def changes(tools: Path) -> ModuleType:
    return pytest.importorskip("changes", reason="mutmut is not installed")


def environment(build: Path, tools: Path, **more: str) -> dict[str, str]:
    paths = os.pathsep.join([str(tools.parents[1] / "src"), str(tools)])
    return {**os.environ, "BECALM_MUTANTS": str(build), "PYTHONPATH": paths, **more}


@pytest.fixture(scope="module")
def build(changes: ModuleType, tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the map of one file of tests."""
    folder = tmp_path_factory.mktemp("mutants")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tracing", TRACED]
    done = subprocess.run(
        words,
        cwd=tools.parents[1],
        env=environment(folder, tools),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder


def run(build: Path, tools: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(tools / "run.py"), "--trace", "none", "--workers", "1", *words],
        env=environment(build, tools),
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_change_is_made_once_and_types_and_checks_are_left_alone(
    changes: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "busy.py").write_text(SOURCE, "utf-8")
    changed = changes.ChangedFile(tmp_path, "busy.py")
    made = {(m.operator, m.line, m.before, m.after) for m in changed.sample(None, None)}
    raised, answer = 'raise ValueError("nothing to count")', "return any(count > LIMIT for count in counts)"
    assert made == {
        ("number", 3, "LIMIT = 20", "LIMIT = 21"),
        ("turn_condition", 9, "if not counts:", "if not (not counts):"),
        ("remove_unary_ops", 9, "if not counts:", "if counts:"),
        ("remove_statement", 10, raised, "pass"),
        ("swap_name", 11, answer, answer.replace("any", "all")),
        ("swap_op", 11, answer, answer.replace(">", ">=")),
    }


def test_the_same_seed_draws_the_same_faults(changes: ModuleType, root: Path) -> None:
    from random import Random

    changed = changes.ChangedFile(root / "src" / "becalm", "ledger/chain.py")
    assert changed.sample(5, Random(7)) == changed.sample(5, Random(7)) != changed.sample(5, Random(8))


def test_a_fault_is_seen_by_a_named_test_or_listed(build: Path, tools: Path) -> None:
    out = build / "results.jsonl"
    done = run(build, tools, "ledger/chain.py", "--sample", "6", "--seed", "3", "--results", str(out))
    assert done.returncode in {0, 1}, done.stderr
    results = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    seen = [r for r in results if r["outcome"] == "seen"]
    assert len(results) == 6
    assert seen
    assert all(r["seen_by"].startswith(TRACED) or r["how"] in {"import", "died"} for r in seen)
    for result in results:
        listed = f"src/becalm/ledger/chain.py:{result['line']} {result['operator']}"
        assert (listed in done.stdout) == (result["outcome"] in {"survived", "untested"})


def test_a_fault_that_hangs_is_ended_and_counted(
    changes: ModuleType, build: Path, tools: Path, tmp_path: Path
) -> None:
    changed = changes.ChangedFile(tools.parents[1] / "src" / "becalm", "ledger/chain.py")
    text = changed.text.replace("    iso_text =", "    while True:\n        pass\n    iso_text =", 1)
    assert text != changed.text
    mutant = asdict(replace(changed.mutant(0), function="format_instant", text=text))
    test = f"{TRACED}::test_an_entry_survives_its_row"
    work = tmp_path / "0.jobs"
    work.write_text(json.dumps({"key": {}, "mutant": mutant, "tests": {test: 0.01}}), "utf-8")
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "trial",
        "--capture=sys",
        TRACED,
    ]
    more = {"BECALM_TRIAL": str(work), "BECALM_MUTANT_SECONDS": "1"}
    subprocess.run(words, cwd=tools.parents[1], env=environment(build, tools, **more), check=False)
    result = json.loads(work.with_suffix(".results").read_text("utf-8"))
    assert (result["outcome"], result["seen_by"]) == ("hang", test)


def test_a_file_that_is_not_there_is_said(build: Path, tools: Path) -> None:
    done = run(build, tools, "measure/core/no_such_file.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "There is no file or folder 'measure/core/no_such_file.py' below src/becalm.\n"


def test_a_tool_that_is_not_installed_is_said(changes: ModuleType) -> None:
    tool = pytest.importorskip("run")
    with pytest.raises(
        tool.UnusableRequestError, match=r"no_such_tool is not installed: run `make install-test`"
    ):
        tool.check_tools(("no_such_tool",))


def test_every_equivalent_change_has_a_reason_and_still_stands_in_its_file(
    changes: ModuleType, root: Path
) -> None:
    tool = pytest.importorskip("run")
    reasons = tool.equivalent_reasons()
    for (file, before, after), reason in reasons.items():
        made = changes.ChangedFile(root / "src" / "becalm", file)
        assert len(reason) > 20, (file, before)
        assert before in {line.strip() for line in made.text.splitlines()}, (file, before)
        assert before != after


@pytest.mark.exhaustive
def test_each_fault_that_once_passed_is_seen_by_its_test(build: Path, tools: Path) -> None:
    done = run(build, tools, "--known")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.exhaustive
def test_of_sixty_faults_nine_in_ten_are_seen(tools: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(tools / "run.py"), "--sample", "1", "--total", "60", "--seed", "60"],
        capture_output=True,
        text=True,
        check=False,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("all "))
    assert float(line.split("%")[0].split()[-1]) >= 90.0, done.stdout
