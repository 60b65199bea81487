"""The tables that were made for the public, kept in the workspace, so that later ones give nothing away."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from becalm.formats.durable_files import make_private_folder, write_durably
from becalm.formats.json_text import json_text
from becalm.measure.core.public import PublicFigure
from becalm.terms import Period, WorkspaceError


def read_public_tables(folder: Path, scope: str) -> tuple[PublicFigure, ...]:
    """Every figure of this scope (source and what is counted) that was made for the public.

    Raises WorkspaceError where a file cannot be read.
    """
    figures = []
    for file in sorted(folder.glob("*.json")):
        try:
            table = json.loads(file.read_text("utf-8"))
            if table["scope"] == scope:
                figures += [_read_figure(entry) for entry in table["figures"]]
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(
                f"{file} is no public table that becalm wrote. Restore it from a backup: without it, a new "
                "table could give away what that one withheld."
            ) from error
    return tuple(figures)


def write_public_table(folder: Path, scope: str, figures: Sequence[PublicFigure], *, made_on: date) -> Path:
    """Keep the figures as they are published; the same table twice is one file."""
    table_text = json_text({"scope": scope, "figures": [_figure_entry(figure) for figure in figures]})
    make_private_folder(folder)
    digest = hashlib.sha256(table_text.encode()).hexdigest()[:12]
    known_file = next(folder.glob(f"*-{digest}.json"), None)
    table_path = known_file or folder / f"{made_on}-{digest}.json"
    write_durably(table_path, table_text)
    return table_path


def _figure_entry(figure: PublicFigure) -> dict[str, object]:
    return {
        "by": figure.by,
        "key": figure.key,
        "windows": [(str(window.start), str(window.end)) for window in figure.windows],
        "count": figure.count,
    }


def _read_figure(entry: dict[str, list[str]]) -> PublicFigure:
    windows = tuple(Period(*map(date.fromisoformat, window)) for window in entry["windows"])
    count = entry["count"]
    return PublicFigure(
        tuple(entry["by"]), tuple(entry["key"]), windows, count if isinstance(count, int) else None
    )
