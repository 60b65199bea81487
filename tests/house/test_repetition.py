"""No block of code stands in two files: what is shared moves down a floor."""

from __future__ import annotations

import ast
from collections import defaultdict

from house import Source, read_source

WINDOW = 8  # equal lines in a row that make a copy


def meaningful_lines(source: Source) -> list[tuple[int, str]]:
    """The lines of code with their numbers: no blanks, comments, docstrings, imports or lone brackets."""
    skipped: set[int] = set()
    for node in ast.walk(source.tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Import | ast.ImportFrom) or is_text:
            skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(source.text.splitlines(), start=1)
    cleaned = ((number, " ".join(line.split("#")[0].split())) for number, line in lines)
    return [(number, line) for number, line in cleaned if number not in skipped and len(line) > 2]


def copies(sources: tuple[Source, ...]) -> list[str]:
    """Every run of `WINDOW` equal lines that occurs in two files, named once by its first place."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for source in sources:
        lines = meaningful_lines(source)
        for start in range(len(lines) - WINDOW + 1):
            window = tuple(line for _, line in lines[start : start + WINDOW])
            places[window].append((source.path, lines[start][0]))
    pairs: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for found in places.values():
        files = tuple(sorted({path for path, _ in found}))
        if len(files) > 1 and files not in pairs:
            pairs[files] = found
    return [" = ".join(f"{path}:{line}" for path, line in found) for found in pairs.values()]


def test_no_block_stands_in_two_files(sources: tuple[Source, ...]) -> None:
    assert copies(sources) == []


def test_a_planted_copy_is_found_through_other_spacing_and_comments() -> None:
    body = "\n".join(f"value_{n} = compute({n})" for n in range(WINDOW))
    spaced = "\n".join(f"value_{n}  =  compute({n})  # step {n}\n" for n in range(WINDOW))
    one = read_source("becalm/find/one.py", f"import a\n{body}\n")
    two = read_source("becalm/measure/two.py", f'"""Two."""\nimport b\n\n{spaced}\n')
    assert copies((one, two)) == ["becalm/find/one.py:2 = becalm/measure/two.py:4"]


def test_a_shorter_likeness_is_no_copy() -> None:
    body = "\n".join(f"value_{n} = compute({n})" for n in range(WINDOW - 1))
    one = read_source("becalm/find/one.py", f"{body}\nleft = 1\n")
    two = read_source("becalm/measure/two.py", f"{body}\nright = 2\n")
    assert copies((one, two)) == []
