"""Files and functions stay small enough to be read in one sitting."""

from __future__ import annotations

import ast

from house import Source, read_source

FILE_LINES = 500
FUNCTION_LINES = 40
ARGUMENTS = 10
BY_POSITION = 7

# path or path::function -> why it may be longer. An entry that is no longer needed fails the test.
ALLOWED: dict[str, str] = {
    "becalm/ledger/standalone/verify_ledger.py": "handed to strangers, who read and run one file alone",
}


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
    """Functions that take more than a reader can hold; commands, whose options are many, are exempt."""
    functions = [node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef)]
    return [
        f"{source.path}::{node.name}"
        for node in functions
        if source.room != "app" and "cli" not in source.roles and is_wide(node.args)
    ]


def is_wide(arguments: ast.arguments) -> bool:
    by_position = len(arguments.posonlyargs + arguments.args)
    return by_position > BY_POSITION or by_position + len(arguments.kwonlyargs) > ARGUMENTS


def test_files_and_functions_are_short_or_say_why_not(sources: tuple[Source, ...]) -> None:
    found = {place: size for source in sources for place, size in too_long(source).items()}
    assert {place: size for place, size in found.items() if place not in ALLOWED} == {}
    assert set(ALLOWED) - set(found) == set(), "these exceptions are no longer needed"


def test_functions_take_few_arguments(sources: tuple[Source, ...]) -> None:
    assert [place for source in sources for place in too_wide(source)] == []


def test_no_file_is_named_for_nothing(sources: tuple[Source, ...]) -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    assert [s.path for s in sources if vague & set(s.path.removesuffix(".py").split("/"))] == []


def test_planted_excess_is_seen() -> None:
    statements = "\n".join(f"    step_{n} = {n}" for n in range(FUNCTION_LINES + 1))
    arguments = ", ".join(f"a{n}" for n in range(ARGUMENTS + 1))
    long = read_source("becalm/find/long.py", f'def f():\n    """Far."""\n{statements}\n')
    assert too_long(long) == {"becalm/find/long.py::f": FUNCTION_LINES + 1}
    assert too_long(read_source("becalm/find/huge.py", "x = 1\n" * (FILE_LINES + 1)))
    assert too_wide(read_source("becalm/find/wide.py", f"def f({arguments}): ...")) == [
        "becalm/find/wide.py::f"
    ]
