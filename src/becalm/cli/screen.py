"""How wide the answer may be. Imported only when a command has something to show."""

from __future__ import annotations

import shutil

from rich.console import Console

WIDTH = 160  # of a table that goes into a file or a pipe
NARROW = 120  # below it, wide tables would lose figures


def console() -> Console:
    """A console as wide as the terminal (or as COLUMNS says), else wide enough for every table."""
    return Console(width=shutil.get_terminal_size((WIDTH, 24)).columns)


def is_narrow(screen: Console) -> bool:
    """Is there too little room for a table of many columns?"""
    return screen.width < NARROW
