"""The commands of the program, as the program itself knows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from becalm.app.main import app


@dataclass(frozen=True)
class Command:
    """One command that can be run: the words that call it, and its options and arguments."""

    words: tuple[str, ...]
    help: str
    parameters: tuple[Any, ...]

    @property
    def name(self) -> str:
        return " ".join(("becalm", *self.words))


def every_command() -> tuple[Command, ...]:
    return tuple(_below(typer.main.get_command(app), ()))


def _below(command: Any, words: tuple[str, ...]) -> Iterator[Command]:
    groups = getattr(command, "commands", {})
    if words and not groups:
        yield Command(words, command.help or "", tuple(command.params))
    for name, child in groups.items():
        yield from _below(child, (*words, name))
