"""Runs the tests of a mutant in a fork of one warm pytest, and says what became of it.

    pytest -p trial tests     with BECALM_TRIAL naming the work: one mutant and its tests on each line

The modules and the tests are imported once; each mutant costs a fork, its planting and its tests, until the
first that sees it. A child that uses more processor time than its tests ever did is ended and counted.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from changes import Mutant
from plant import Planting

PATIENCE = 6  # times as long as the test took when it was traced
GRACE_SECONDS = float(os.environ.get("BECALM_MUTANT_SECONDS", "8"))  # and this, for a slow moment
ANEW_SECONDS = 40.0  # instead, where modules are imported or kernels compiled anew
LAST_SECONDS = 900  # of the processor, after which a child ends by itself
LAST_WORDS = {"failed": "untested", "how": "seen"}  # of a child, and what became of its mutant
WALL_FACTOR = 8  # the clock runs faster than the processor time on a busy machine


class Outcome:
    """What the child says of each test."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe
        self.how = ""

    def say(self, **words: Any) -> None:
        """One line to the parent."""
        os.write(self.pipe, (json.dumps(words) + "\n").encode())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Tell of the first failure."""
        report = yield
        if report.failed and not self.how:
            self.how = cause_of(call.excinfo.value) if call.excinfo else "failed"
            self.say(seen_by=item.nodeid, how=self.how)
        return report


def cause_of(error: BaseException) -> str:
    """Whether a test saw a wrong answer, or something broke."""
    leaves = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
    if any(isinstance(leaf, AssertionError | pytest.fail.Exception) for leaf in leaves):
        return "assertion"
    return type(leaves[0]).__name__


def run_tests(items: Sequence[pytest.Item], outcome: Outcome, has_kernels: bool) -> None:
    """Run tests until one fails."""
    plugins = items[0].config.pluginmanager
    plugins.register(outcome)
    for number, item in enumerate(items):
        outcome.say(start=item.nodeid, compiled=has_kernels)
        following = items[number + 1] if number + 1 < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if outcome.how:
            return


def run_anew(names: Sequence[str], outcome: Outcome, scratch: Path) -> None:
    """Collect and run tests in a session of their own, after everything of ours was forgotten."""
    outcome.say(start=names[0], anew=True)
    options = [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "-p",
        "no:unraisableexception",
        "-o",
        "addopts=--import-mode=importlib",
        "-x",
    ]
    result = pytest.main([*options, f"--basetemp={scratch / 'again'}", *names], plugins=[outcome])
    if result in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERNAL_ERROR}:
        outcome.say(seen_by="collection", how="import")


def child(mutant: Mutant | None, items: Sequence[pytest.Item], pipe: int, scratch: Path) -> None:
    """What the fork does; it never returns."""
    try:
        os.setsid()
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (LAST_SECONDS, LAST_SECONDS))  # if the parent is killed
        tempfile.tempdir = str(scratch)
        items[0].config._tmp_path_factory._given_basetemp = scratch / "tmp"  # type: ignore[attr-defined]
        outcome = Outcome(pipe)
        planting = Planting(mutant) if mutant else None
        if planting:
            planting.plant(scratch)
        if planting and planting.shows_on_import:
            run_anew([item.nodeid for item in items], outcome, scratch)
        else:
            run_tests(items, outcome, bool(planting and planting.kernels))
        outcome.say(end=True)
    except BaseException as error:  # noqa: BLE001  # whatever it is, the parent is to know of it
        os.write(pipe, (json.dumps({"failed": f"{type(error).__name__}: {error}"[:200]}) + "\n").encode())
    os._exit(0)


def used_seconds(process: int) -> float:
    """Processor seconds of a process and of its children that ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def watch(process: int, pipe: int, seconds: dict[str, float]) -> dict[str, Any]:
    """Listen to a child until it is done, or end it."""
    verdict: dict[str, Any] = {"outcome": "survived", "tests": 0}
    allowed, processor_start, clock_start = GRACE_SECONDS, 0.0, time.monotonic()
    rest = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], 1.0)
        if not ready:
            used, passed = used_seconds(process) - processor_start, time.monotonic() - clock_start
            if used > allowed or passed > WALL_FACTOR * allowed:
                return verdict | {"outcome": "hang", "how": "time"}
            continue
        block = os.read(pipe, 65_536)
        if not block:
            return verdict if verdict.get("end") else verdict | {"outcome": "seen", "how": "died"}
        *lines, rest = (rest + block).split(b"\n")
        for line in map(json.loads, lines):
            final = next((outcome for word, outcome in LAST_WORDS.items() if word in line), None)
            if final:
                return verdict | {"outcome": final} | line
            verdict |= line
            if "start" in line:
                verdict |= {"tests": verdict["tests"] + 1, "seen_by": line["start"]}
                allowed = allowed_seconds(line, seconds)
                processor_start, clock_start = used_seconds(process), time.monotonic()


def allowed_seconds(line: dict[str, Any], seconds: dict[str, float]) -> float:
    """How long a test may take: so many times as long as ever, and what is compiled or imported before."""
    test_seconds = sum(seconds.values()) if "anew" in line else seconds.get(line["start"], 0.0)
    grace = ANEW_SECONDS if line.get("anew") or line.get("compiled") else GRACE_SECONDS
    return grace + PATIENCE * test_seconds


def try_mutant(
    mutant: Mutant | None, items: Sequence[pytest.Item], seconds: dict[str, float]
) -> dict[str, Any]:
    """Fork, plant, test; the answer names the test that saw the fault."""
    scratch = Path(tempfile.mkdtemp(prefix="mutant-"))
    start = time.monotonic()
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        child(mutant, items, writing, scratch)
    os.close(writing)
    try:
        verdict = watch(process, reading, seconds)
    finally:
        end_group(process)
        os.close(reading)
        _, _, used = os.wait4(process, 0)
        shutil.rmtree(scratch, ignore_errors=True)
    if verdict["outcome"] == "survived":
        verdict.pop("seen_by", None)
    return verdict | {
        "seconds": round(used.ru_utime + used.ru_stime, 2),
        "clock": round(time.monotonic() - start, 2),
    }


def end_group(process: int) -> None:
    """End a child and whatever it started."""
    for end in (lambda: os.killpg(process, signal.SIGKILL), lambda: os.kill(process, signal.SIGKILL)):
        try:
            end()
        except ProcessLookupError:
            continue


class Trials:
    """Takes the place of pytest's own loop."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.sound: dict[str, bool] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every mutant of the work."""
        items = {item.nodeid: item for item in session.items}
        jobs = [json.loads(line) for line in self.work.read_text("utf-8").splitlines()]
        import_modules({job["mutant"]["file"] for job in jobs})
        gc.collect()
        with self.work.with_suffix(".results").open("a", encoding="utf-8") as results:
            for job in jobs:
                results.write(json.dumps(job["key"] | self.verdict(job, items)) + "\n")
                results.flush()
        return True

    def verdict(self, job: dict[str, Any], items: dict[str, pytest.Item]) -> dict[str, Any]:
        """What becomes of one mutant; a test that fails without it does not count."""
        mutant = Mutant(**{name: tuple(v) if isinstance(v, list) else v for name, v in job["mutant"].items()})
        seconds = {name: cost for name, cost in job["tests"].items() if name in items}
        while True:
            names = [name for name in seconds if self.sound.get(name, True)]
            if not names:
                return {"outcome": "untested", "tests": 0, "seconds": 0.0}
            verdict = try_mutant(mutant, [items[name] for name in names], seconds)
            witness = verdict.get("seen_by", "")
            if witness not in items or self.is_sound(items[witness], seconds):
                return verdict

    def is_sound(self, item: pytest.Item, seconds: dict[str, float]) -> bool:
        """Whether a test passes in a fork without any fault."""
        if item.nodeid not in self.sound:
            self.sound[item.nodeid] = try_mutant(None, [item], seconds)["outcome"] == "survived"
        return self.sound[item.nodeid]


def import_modules(files: set[str]) -> None:
    """Have the functions at hand that are to be changed."""
    for file in sorted(files):
        name = "becalm." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  # a migration runs within its own program alone
            sys.stderr.write(f"{name} is not imported: {error}\n")


def pytest_configure(config: pytest.Config) -> None:
    """Take over the loop."""
    config.pluginmanager.register(Trials(Path(os.environ["BECALM_TRIAL"])), "becalm-trials")
