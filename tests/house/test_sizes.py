"""Files and functions stay small enough to be read in one sitting."""

from __future__ import annotations

import ast

from house import Source

FILE_LINES = 300
FUNCTION_LINES = 40
ARGUMENTS = 8

# path or path::function -> why it may be longer. An entry that is no longer needed fails the test.
ALLOWED: dict[str, str] = {}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function's body has, its docstring not counted."""
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if is_docstring else first.lineno - 1
    return (node.end_lineno or 0) - (start or 0)


def too_long(source: Source) -> dict[str, int]:
    lines = source.text.count("\n")
    found = {source.path: lines} if lines > FILE_LINES else {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > FUNCTION_LINES:
            found[f"{source.path}::{node.name}"] = body_lines(node)
    return found


def too_wide(source: Source) -> list[str]:
    """Functions with more arguments than a reader can hold; commands (their options are many) are exempt."""
    if source.room == "cli":
        return []
    return [
        f"{source.path}::{node.name}"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef)
        and len(node.args.posonlyargs + node.args.args + node.args.kwonlyargs) > ARGUMENTS
    ]


def test_files_and_functions_are_short_or_say_why_not(sources: tuple[Source, ...]) -> None:
    found = {place: size for source in sources for place, size in too_long(source).items()}
    assert {place: size for place, size in found.items() if place not in ALLOWED} == {}
    assert set(ALLOWED) - set(found) == set(), "these exceptions are no longer needed"


def test_functions_take_few_arguments(sources: tuple[Source, ...]) -> None:
    assert [place for source in sources for place in too_wide(source)] == []


def test_no_file_is_named_for_nothing(sources: tuple[Source, ...]) -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    assert [s.path for s in sources if vague & set(s.path.removesuffix(".py").split("/"))] == []
