"""How splits by hand are shown. Imported only when there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from becalm.console.emit import emit
from becalm.console.options import Format
from becalm.find.core.place_splits import Split
from becalm.find.desk.split import SplitMade


def print_split(made: SplitMade, format: Format) -> None:
    """Print a split that was just made."""
    told = {"decision": "split", **_told(made.split), "places": ", ".join(made.names)}
    words = f"{_in_words(made.split)} In every list from now on: {', '.join(made.names)}."
    emit(format, lines=[words], told=told, rows=[told])


def print_undone(split: Split, format: Format) -> None:
    """Print a split that was just undone."""
    told = {"decision": "undo", **_told(split)}
    emit(format, lines=[f"{split.place_id} is whole again."], told=told, rows=[told])


def print_splits(splits: Sequence[Split], format: Format) -> None:
    """Print the splits that the workspace keeps, as asked."""
    rows = [_told(split) for split in splits]
    lines = [_in_words(split) for split in splits] or ["No place is split by hand."]
    emit(format, lines=lines, told=rows, rows=rows)


def _told(split: Split) -> dict[str, Any]:
    return {
        "place": split.place_id,
        "how": "line" if split.line is not None else "parts",
        "parts": ", ".join(name for name, _ in split.parts) or None,
        "by": split.by,
        "on": split.on.isoformat(),
        "reason": split.reason,
    }


def _in_words(split: Split) -> str:
    drawn = ", ".join(name for name, _ in split.parts)
    how = f"in {drawn} and what they leave" if drawn else "along a line"
    return f"{split.place_id} is split {how}, by {split.by} on {split.on}: {split.reason}."
