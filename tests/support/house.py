"""The source files of the package, read once for the tests that look at the house itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Source:
    """One Python file of the package: its path below src, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder below becalm/ that it lies in, or its own name for a file at the top."""
        return self.path.split("/")[1].removesuffix(".py")

    @property
    def roles(self) -> tuple[str, ...]:
        """The folders and the module below the room, as `("desk", "inputs")` of `find/desk/inputs.py`."""
        return tuple(self.path.removesuffix(".py").split("/")[2:])


def read_source(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text))


def read_sources(folder: Path) -> tuple[Source, ...]:
    return tuple(
        read_source(str(path.relative_to(folder)), path.read_text("utf-8"))
        for path in sorted((folder / "becalm").rglob("*.py"))
    )


def public_functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions and methods of a file whose names, and whose classes' names, are public."""

    def walk(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from walk(node.body)
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and not node.name.startswith("_")
                and not is_overload(node)
            ):
                yield node

    return walk(source.tree.body)


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it only says of which types a function that follows is; that one has the docstring."""
    return any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)
