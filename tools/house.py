"""Measures the house: how large its files and functions are, what they are made of, beside four peers.

`make house` prints it; tests/house/test_figures.py holds what was agreed.
"""

from __future__ import annotations

import ast
import io
import json
import re
import statistics
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONG_FUNCTION = 40
WITH_COMMENTS = ("methods", "patrol/core", "ledger/store")

# Peers, counted in November 2026 with the same definitions (decision 0006).
PEERS = {
    "ehrql": ("97", "24,960", "151 / 472", "5 / 21", "3.9 %", "8.9 %", "3.3 %"),
    "PyVRP": ("36", "4,020 + C++", "55 / 285", "6 / 36", "8.8 %", "3.1 %", "6.8 %"),
    "splink": ("110", "26,455", "154 / 585", "7 / 33", "7.7 %", "3.1 %", "5.0 %"),
    "httpx": ("23", "8,827", "248 / 641", "6 / 31", "4.0 %", "3.9 %", "3.9 %"),
}
HEADINGS = (
    "modules",
    "lines",
    "lines a file, p50 / p90",
    "lines a function, p50 / p90",
    "functions over 40 lines",
    "comment lines",
    "import lines",
)
OPTION = re.compile(r"(?<![\w-])--[a-z]")
COMMAND = re.compile(r"becalm(?: [a-z]+)+(?: [A-Z]\w*)?(?: --[a-z-]+(?: [A-Z{]\w*}?)?)+")  # a command to type


@dataclass(frozen=True)
class File:
    """One Python file of the package."""

    path: str  # below src/becalm
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """How many there are."""
        return self.text.count("\n")


@dataclass(frozen=True)
class House:
    """The figures of the whole package."""

    files: tuple[File, ...]

    @property
    def modules(self) -> tuple[File, ...]:
        """The files with content: more than a docstring on one line."""
        return tuple(file for file in self.files if file.lines > 1)

    @property
    def lines(self) -> int:
        """How many there are in all files."""
        return sum(file.lines for file in self.files)

    @property
    def functions(self) -> list[tuple[int, str]]:
        """The length of every function's body, its docstring not counted, with its place."""
        return sorted(
            (body_lines(node), f"{file.path}::{node.name}")
            for file in self.files
            for node in ast.walk(file.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )

    @property
    def long_share(self) -> float:
        """Which share of the functions is longer than LONG_FUNCTION?"""
        lengths = [length for length, _ in self.functions]
        return sum(length > LONG_FUNCTION for length in lengths) / len(lengths)

    @property
    def import_share(self) -> float:
        """Which share of the lines belongs to imports?"""
        return sum(import_lines(file) for file in self.files) / self.lines

    def comment_share(self, *folders: str) -> float:
        """Which share of the lines (of these folders, or of all) holds a comment?"""
        files = [f for f in self.files if not folders or f.path.startswith(tuple(f"{x}/" for x in folders))]
        return sum(map(comment_lines, files)) / max(sum(file.lines for file in files), 1)


def read_house(source: Path = ROOT / "src" / "becalm") -> House:
    """Every Python file of the package."""
    paths = sorted(source.rglob("*.py"))
    texts = [(str(path.relative_to(source)), path.read_text("utf-8")) for path in paths]
    return House(tuple(File(path, text, ast.parse(text)) for path, text in texts))


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function's body has, its docstring not counted."""
    first = node.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if has_docstring else first.lineno - 1
    return (node.end_lineno or 0) - (start or 0)


def import_lines(file: File) -> int:
    """How many lines the imports of a file take."""
    nodes = [node for node in ast.walk(file.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in nodes)


def comment_lines(file: File) -> int:
    """How many lines of a file hold a comment, alone or behind code."""
    tokens = tokenize.generate_tokens(io.StringIO(file.text).readline)
    return len({token.start[0] for token in tokens if token.type == tokenize.COMMENT})


def percentile(values: Sequence[int], share: float) -> int:
    """The value below which this share of them lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def figures(house: House) -> tuple[str, ...]:
    """The row of becalm, under HEADINGS."""
    files = [file.lines for file in house.modules]
    functions = [length for length, _ in house.functions]
    return (
        str(len(house.modules)),
        f"{house.lines:,}",
        f"{statistics.median(files):.0f} / {percentile(files, 0.9)}",
        f"{statistics.median(functions):.0f} / {percentile(functions, 0.9)}",
        f"{house.long_share:.1%}".replace("%", " %"),
        f"{house.comment_share():.1%}".replace("%", " %"),
        f"{house.import_share:.1%}".replace("%", " %"),
    )


def strings(file: File) -> Iterator[tuple[int, str]]:
    """Every text of a file that is no docstring, with its line."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def options_below_console(house: House) -> list[str]:
    """Texts that name an option of the command line where only fields are known."""
    doors = ("console/", "app/", "rehearse/")  # a rehearsal types commands as a force does
    return [
        f"{file.path}:{line} {text[:60]!r}"
        for file in house.files
        if not file.path.startswith(doors) and not is_cli(file) and "standalone" not in file.path
        for line, text in strings(file)
        if OPTION.search(COMMAND.sub("", text))
    ]


def is_cli(file: File) -> bool:
    """Whether a file belongs to the command line."""
    return "cli" in file.path.removesuffix(".py").split("/")


def numpy_at_desks(house: House) -> list[str]:
    """Desk modules that import NumPy: what computes belongs to the core."""
    return [
        file.path
        for file in house.files
        if "desk" in file.path.removesuffix(".py").split("/")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "numpy" in {(getattr(node, "module", None) or alias.name).split(".")[0] for alias in node.names}
    ]


def report(house: House) -> Iterator[str]:
    """All that `make house` prints."""
    rows = {"becalm": figures(house), **PEERS}
    widths = [
        max(len(heading), *(len(row[i]) for row in rows.values())) for i, heading in enumerate(HEADINGS)
    ]
    yield "        " + "  ".join(
        heading.ljust(width) for heading, width in zip(HEADINGS, widths, strict=True)
    )
    for name, row in rows.items():
        yield (
            f"{name:<8}"
            + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    yield ""
    yield "comments: " + ", ".join(f"{folder} {house.comment_share(folder):.1%}" for folder in WITH_COMMENTS)
    yield f"texts below the console that name an option: {len(options_below_console(house))}"
    yield f"desk modules that import NumPy: {len(numpy_at_desks(house))}"
    yield from planted_faults()
    yield ""
    yield from ranking("largest files", ((file.lines, file.path) for file in house.modules))
    yield from ranking("longest functions", house.functions)
    yield "lines by room:"
    rooms: dict[str, list[int]] = {}
    for file in house.modules:
        rooms.setdefault(file.path.split("/")[0], []).append(file.lines)
    for room, lines in sorted(rooms.items(), key=lambda pair: -sum(pair[1])):
        yield f"  {sum(lines):>6,} in {len(lines):>3} files  {room}"


def planted_faults(score_file: Path = ROOT / "tools" / "mutants" / "score.json") -> Iterator[str]:
    """Which share of planted faults the tests saw, when that was last kept (`make mutants`)."""
    if not score_file.exists():
        yield "planted faults: no score is kept yet"
        return
    score = json.loads(score_file.read_text("utf-8"))
    yield f"planted faults: {score['seen']:.1%} of {score['faults']} seen (seed {score['seed']})"
    yield from (
        f"  {seen:>6.1%} of {count:>4}  {folder}" for folder, (count, seen) in score["folders"].items()
    )


def ranking(title: str, sizes: Iterable[tuple[int, str]]) -> Iterator[str]:
    """The ten largest, below a title."""
    yield f"{title}:"
    yield from (f"  {size:>4}  {place}" for size, place in sorted(sizes, reverse=True)[:10])


if __name__ == "__main__":
    sys.stdout.write("\n".join(report(read_house())) + "\n")
