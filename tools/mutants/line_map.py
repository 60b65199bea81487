"""Which tests can see a fault in this line? Read from the map that tracing.py wrote."""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from changes import Mutant
from tracing import BUILD, SOURCE, digest_of

WORD = re.compile(r"[A-Za-z_]\w+")
DEEPEST = 6  # calls from a compiled function up to a line that is traced


@dataclass(frozen=True)
class TracedTest:
    """One test, and the processor seconds that it takes alone."""

    name: str
    seconds: float


@dataclass
class LineMap:
    """All that was traced."""

    tests: dict[str, TracedTest] = field(default_factory=dict)
    old_lines: dict[tuple[str, str], dict[int, set[str]]] = field(
        default_factory=dict
    )  # by file and its digest

    @classmethod
    def read(cls, folder: Path = BUILD / "map") -> LineMap:
        """Read every file of the map."""
        line_map = cls()
        for path in sorted(folder.glob("*.json")):
            line_map.add(json.loads(path.read_text("utf-8")))
        return line_map

    def add(self, content: dict) -> None:  # type: ignore[type-arg]  # as tracing.py wrote it
        """Add what one file of tests runs."""
        users: dict[str, list[str]] = defaultdict(list)
        for name, test in content["tests"].items():
            # One that failed while it was traced is kept: a trial asks whether it passes without a fault.
            shared = sum(content["fixtures"].get(key, 0.0) for key in test["shared"])
            self.tests[name] = TracedTest(name, test["seconds"] + shared)
            users[name].append(name)
            for key in test["shared"]:
                users[f"fixture {key}"].append(name)
        for file, by_context in content["lines"].items():
            lines = self.old_lines.setdefault((file, content["sources"][file]), defaultdict(set))
            for context, numbers in by_context.items():
                for number in numbers:
                    lines[number].update(users.get(context, ()))

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """The lines of every file of the package, as it is now."""
        paths = sorted(SOURCE.rglob("*.py"))
        return {str(p.relative_to(SOURCE)): p.read_text("utf-8").splitlines() for p in paths}

    @cached_property
    def lines(self) -> dict[str, dict[int, set[str]]]:
        """Which tests run each line of each file, as it is now."""
        current: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for (file, digest), old in self.old_lines.items():
            if file in self.texts:
                for new_number, old_number in self.same_lines(file, digest):
                    current[file][new_number] |= old.get(old_number, set())
        return current

    def same_lines(self, file: str, digest: str) -> list[tuple[int, int]]:
        """The numbers of the lines that stand in a file now and when it was traced."""
        text = self.texts[file]
        if digest_of("\n".join(text) + "\n") == digest:
            return [(number, number) for number in range(1, len(text) + 1)]
        old = (BUILD / "texts" / digest).read_text("utf-8").splitlines()
        blocks = difflib.SequenceMatcher(None, text, old, autojunk=False).get_matching_blocks()
        return [(b.a + i + 1, b.b + i + 1) for b in blocks for i in range(b.size)]

    @cached_property
    def mentions(self) -> dict[str, set[tuple[str, int]]]:
        """Where each word stands."""
        places: dict[str, set[tuple[str, int]]] = defaultdict(set)
        for file, text in self.texts.items():
            for number, line in enumerate(text, start=1):
                for word in WORD.findall(line):
                    places[word].add((file, number))
        return places

    @cached_property
    def kernels(self) -> dict[tuple[str, int], str]:
        """The compiled function that a line belongs to."""
        owners = {}
        for file, text in self.texts.items():
            name, is_kernel = "", False
            for number, line in enumerate(text, start=1):
                if line.startswith("@"):
                    is_kernel = is_kernel or "njit" in line
                elif line.startswith("def "):
                    name = line[4:].split("(")[0] if is_kernel else ""
                    is_kernel = False
                elif line and not line.startswith((" ", ")", "#")):
                    name, is_kernel = "", False
                if name:
                    owners[file, number] = name
        return owners

    def tests_of(self, mutant: Mutant) -> list[TracedTest]:
        """The tests that run a mutant's line, cheapest first; where none is known, users of its name."""
        names: set[str] = set()
        if mutant.function:
            first, last = mutant.lines
            by_line = self.lines[mutant.file]
            names = {name for number in range(first, last + 1) for name in by_line[number]}
        if not names or not mutant.function:
            names = self.tests_that_use(mutant.names, set(), DEEPEST)
        return sorted((self.tests[name] for name in names), key=lambda test: (test.seconds, test.name))

    def tests_that_use(self, words: tuple[str, ...], seen: set[str], depth: int) -> set[str]:
        """The tests that run a line in which one of these names stands."""
        seen.update(words)
        tests: set[str] = set()
        callers = set()
        for place in {place for word in words for place in self.mentions[word]}:
            kernel = self.kernels.get(place)
            if kernel and kernel not in seen:
                callers.add(kernel)
            elif place[1] in self.lines[place[0]] and not self.is_module_level(place):
                tests |= self.lines[place[0]][place[1]]
        return tests | (self.tests_that_use(tuple(callers), seen, depth - 1) if callers and depth else set())

    def is_module_level(self, place: tuple[str, int]) -> bool:
        """Whether a line runs while its module is imported, so that whoever came first ran it."""
        line = self.texts[place[0]][place[1] - 1]
        return not line.startswith(" ") or line.lstrip().startswith(("def ", "class ", "@"))
