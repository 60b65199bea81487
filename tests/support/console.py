"""Runs the console examples of a page of the manual, and compares what they show.

A page's examples are its fenced blocks marked `console`, run in order in one folder. A line that begins
with `$ ` is run by a shell; a command may go on over lines that end in a backslash. The lines below it, if
any, are what it prints: a line of `...` stands for any lines or none, `...` in a line for any characters.
What a page shows may begin after the first lines that are printed and end before the last, so that a page
can quote. A block marked `console data` needs the public data, found below `$DATA`; one marked
`console not-run` shows what only the reader can do.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```console([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANY_LINES = r"(?:.*\n)*?"


@dataclass(frozen=True)
class Example:
    """One command of a page, the line it stands on, and what the page says it prints."""

    line: int
    command: str
    shown: str
    needs_data: bool


def examples_of(page: str) -> tuple[Example, ...]:
    found: list[Example] = []
    for block in BLOCK.finditer(page):
        words = block[1].split()
        first_line = page.count("\n", 0, block.start()) + 2
        if "not-run" not in words:
            found += examples_of_block(block[2], first_line, "data" in words)
    return tuple(found)


def examples_of_block(block: str, first_line: int, needs_data: bool) -> list[Example]:
    found: list[Example] = []
    lines = iter(enumerate(block.splitlines(), start=first_line))
    for number, line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command = command[:-1] + next(lines)[1].strip()
            found.append(Example(number, command, "", needs_data))
        elif found:
            last = found[-1]
            shown = f"{last.shown}\n{line}" if last.shown else line
            found[-1] = Example(last.line, last.command, shown, needs_data)
    return found


def agrees(shown: str, printed: str) -> bool:
    """Whether a page's quotation stands in what was printed, whatever the spaces at the ends of lines."""
    if not shown.strip():
        return True
    lines = [line.strip() for line in shown.strip().splitlines()]
    wanted = [ANY_LINES if line == "..." else f"{quoted(line)}\n" for line in lines]
    text = "".join(f"{line.strip()}\n" for line in printed.splitlines())
    return re.search(rf"^{''.join(wanted)}", text, re.MULTILINE) is not None


def quoted(line: str) -> str:
    """A pattern for one line in which `...` stands for any characters."""
    return ".*".join(re.escape(part) for part in line.split("..."))


def run(example: Example, folder: Path, data: Path | None = None) -> str:
    """Run one example in this folder and return what it printed, errors too."""
    scripts = str(Path(sys.executable).parent)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BECALM_")}
    environment |= {"PATH": os.pathsep.join([scripts, os.environ["PATH"]]), "COLUMNS": "110", "NO_COLOR": "1"}
    if data:
        environment["DATA"] = str(data)
    done = subprocess.run(
        ["bash", "-c", example.command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = done.stdout
    assert done.returncode == 0, (
        f"line {example.line}: $ {example.command}\nended with {done.returncode}:\n{printed}"
    )
    return printed
