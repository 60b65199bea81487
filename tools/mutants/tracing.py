"""Which tests run which lines? A pytest plugin that writes the map, one file for each file of tests.

    pytest -p tracing tests/spec/measure

What a fixture of a whole module or session does is kept apart and counts for every test that uses it; what
a module does while it is imported is nobody's. A file of the map names the texts it was made from, by digest,
so that lines can be followed when a source changes, and a changed file of tests is traced anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "becalm"
BUILD = Path(os.environ.get("BECALM_MUTANTS", ROOT / "build" / "mutants"))


def digest_of(text: str) -> str:
    """A short name of this very text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def map_file(test_file: str) -> Path:
    """Where the map keeps what this file of tests runs."""
    return BUILD / "map" / (test_file.replace("/", "__") + ".json")


def keep_text(path: Path) -> str:
    """Keep a source as it was traced, and return its digest."""
    text = path.read_text("utf-8")
    kept = BUILD / "texts" / digest_of(text)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(text, "utf-8")
    return digest_of(text)


def processor_seconds() -> float:
    """What this process and those it waited for have used of the processor."""
    return sum(os.times()[:4])


class Tracer:
    """Follows one session of pytest."""

    def __init__(self) -> None:
        self.coverage = coverage.Coverage(data_file=None, source=[str(SOURCE)], config_file=False)
        self.context = ""
        self.tests: dict[str, dict[str, Any]] = {}
        self.fixtures: dict[str, float] = {}
        self.fixture_files: dict[str, str] = {}

    def switch(self, context: str) -> str:
        """Count what runs from now on for this context; answers with the one before."""
        before, self.context = self.context, context
        self.coverage.switch_context(context)
        return before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        """Count what runs for this test; write the map as its file ends."""
        self.tests[item.nodeid] = {"seconds": 0.0, "passed": True, "shared": []}
        self.switch(item.nodeid)
        result = yield
        self.switch("")
        if nextitem is None or nextitem.path != item.path:
            self.write(item.nodeid.split("::")[0])
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Iterator[None]:
        """Count what a shared fixture does for the fixture."""
        if fixturedef.scope == "function":
            return (yield)
        key = f"{fixturedef.baseid}::{fixturedef.argname}::{getattr(request, 'param', '')}"[:200]
        before, start = self.switch(f"fixture {key}"), processor_seconds()
        try:
            return (yield)
        finally:
            self.fixtures[key] = processor_seconds() - start
            fixturedef.traced_key = key  # type: ignore[attr-defined]  # read below, by the tests that share it
            self.switch(before)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """Time what is set up for this test alone."""
        start, shared = processor_seconds(), sum(self.fixtures.values())
        result = yield
        new = sum(self.fixtures.values()) - shared
        self.tests[item.nodeid]["seconds"] += max(processor_seconds() - start - new, 0.0)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Time the test, and note which shared fixtures it uses."""
        start = processor_seconds()
        try:
            return (yield)
        finally:
            test = self.tests[item.nodeid]
            test["seconds"] += processor_seconds() - start
            active = getattr(getattr(item, "_request", None), "_fixture_defs", {})
            test["shared"] = sorted({d.traced_key for d in active.values() if hasattr(d, "traced_key")})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that does not pass sees nothing."""
        if report.outcome != "passed" and report.nodeid in self.tests:
            self.tests[report.nodeid]["passed"] = False

    def write(self, test_file: str) -> None:
        """Write the map of one file of tests."""
        tests = {name: test for name, test in self.tests.items() if name.split("::")[0] == test_file}
        wanted = {*tests, *(f"fixture {key}" for test in tests.values() for key in test["shared"])}
        self.coverage.stop()
        data = self.coverage.get_data()
        lines: dict[str, dict[str, list[int]]] = {}
        digests = {}
        for path in map(Path, data.measured_files()):
            by_context: dict[str, list[int]] = {}
            for line, contexts in data.contexts_by_lineno(str(path)).items():
                for context in wanted.intersection(contexts):
                    by_context.setdefault(context, []).append(line)
            if by_context:
                name = str(path.relative_to(SOURCE))
                lines[name], digests[name] = by_context, keep_text(path)
        content = {
            "digest": digest_of((ROOT / test_file).read_text("utf-8")),
            "tests": tests,
            "fixtures": {k: s for k, s in self.fixtures.items() if f"fixture {k}" in wanted},
            "lines": lines,
            "sources": digests,
        }
        map_file(test_file).parent.mkdir(parents=True, exist_ok=True)
        map_file(test_file).write_text(json.dumps(content), "utf-8")
        self.coverage.start()
        self.switch("")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to trace, before anything of becalm is imported."""
    tracer = Tracer()
    tracer.coverage.start()
    tracer.switch("")
    config.pluginmanager.register(tracer, "becalm-tracer")
