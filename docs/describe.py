"""Turns parts of the program into Markdown: tables, docstrings, nouns and functions."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

EXAMPLE = re.compile(r"(?:^(?:>>>|\.\.\.) .*\n?(?:^(?!>>>)\S.*\n?)*)+", re.MULTILINE)


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    cells = [list(headings)]
    cells += [
        ["---"] * len(cells[0]),
        *([" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def nouns(*roots: str) -> str:
    """Every public class below these packages, in order of their names."""
    modules = [module for root in roots for module in modules_of(root)]
    kinds = {name: kind for module in modules for name, kind in classes_of(module)}
    return "\n\n".join(term_section(name, kinds[name]) for name in sorted(kinds))


def classes_of(module: ModuleType) -> Iterator[tuple[str, type]]:
    """The public classes that a module defines, errors apart."""
    for name, kind in inspect.getmembers(module, inspect.isclass):
        own = kind.__module__ == module.__name__ and not name.startswith("_")
        if own and not issubclass(kind, Exception):
            yield name, kind


def term_section(name: str, kind: type) -> str:
    """One noun."""
    text = f"## {name}\n\n{prose(kind)}"
    if not dataclasses.is_dataclass(kind):
        return text
    beside = dict(re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(kind), flags=re.MULTILINE))
    rows = [
        (f"`{f.name}`", f"`{type_text(f.type)}`", beside.get(f.name, "")) for f in dataclasses.fields(kind)
    ]
    return f"{text}\n\n{table(('field', 'type', ''), rows)}"


def type_text(kind: Any) -> str:
    """A type as it is written in the source."""
    return kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def prose(thing: Any) -> str:
    """A docstring as Markdown: its underlined headings become bold words, its examples code."""
    text = inspect.cleandoc(thing.__doc__ or "")
    text = re.sub(r"^(\w[\w ]*)\n-{3,}$", r"**\1**\n", text, flags=re.MULTILINE)
    return EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", text).strip()


def functions(*roots: str) -> str:
    """The public functions of these packages, with their signatures and docstrings."""
    sections = []
    for module in (module for root in roots for module in modules_of(root)):
        found = list(functions_of(module))
        if found:
            sections.append(f"## `{module.__name__}`\n\n{prose(module)}")
            sections += [function_section(name, function) for name, function in found]
    return "\n\n".join(sections)


def functions_of(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public functions that a module defines, in the order of its lines."""
    members = inspect.getmembers(module, inspect.isfunction)
    own = [(n, f) for n, f in members if f.__module__ == module.__name__ and not n.startswith("_")]
    return iter(sorted(own, key=lambda pair: pair[1].__code__.co_firstlineno))


def function_section(name: str, function: Callable[..., Any]) -> str:
    """One function."""
    return f"### `{name}`\n\n```python\n{name}{signature_text(function)}\n```\n\n{prose(function)}"


def signature_text(function: Callable[..., Any]) -> str:
    """The signature on one line, or one argument a line where it would be long."""
    signature = inspect.signature(function)
    plain = str(signature).replace("'", "")
    if len(plain) < 90:
        return plain
    returns = plain.rpartition(" -> ")[2]
    arguments = ",\n    ".join(split_arguments(signature))
    return f"(\n    {arguments},\n) -> {returns}"


def split_arguments(signature: inspect.Signature) -> Iterator[str]:
    """The arguments one by one, with the star that makes the rest keyword-only."""
    starred = False
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        # a function's own text holds its address, which differs from run to run
        yield re.sub(r"<function (\w+) at \w+>", r"\1", str(parameter).replace("'", ""))


def modules_of(root: str) -> list[ModuleType]:
    """A module and, where it is a package, all modules below it, in order of their names."""
    first = importlib.import_module(root)
    names = [m.name for m in pkgutil.walk_packages(getattr(first, "__path__", []), f"{root}.")]
    return [first, *(importlib.import_module(name) for name in sorted(names))]
