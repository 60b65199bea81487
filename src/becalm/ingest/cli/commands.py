"""`becalm ingest`: load records; `becalm ingest rejects`: see what was not loaded."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.ingest.cli import map as ingest_map

LOAD = "load"
ROWS_ON_SCREEN = 50


class Fate(StrEnum):
    """What became of a faulty row."""

    rejected = "rejected"
    repaired = "repaired"


class PathsFirst(TyperGroup):
    """A group whose first word is a path, unless it is exactly the name of a sub-command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the sub-command in front of its options, and `load` where none is named."""
        place = _first_word(args)
        if place is not None and args[place] in self.commands:
            args = [args[place], *args[:place], *args[place + 1 :]]
        elif args:
            args = [LOAD, *args]
        return super().parse_args(ctx, args)


def _first_word(args: list[str]) -> int | None:
    """Where the first word stands that is neither an option nor its value.

    >>> _first_word(["--workspace", "force", "rejects", "--limit", "5"])
    2
    """
    place = 0
    while place < len(args) and args[place].startswith("-"):
        option = args[place]
        if option == "--":
            return None
        alone = option == "--help" or "=" in option or (option[1] != "-" and len(option) > 2)
        place += 1 if alone else 2
    return place if place < len(args) else None


app = typer.Typer(
    cls=PathsFirst,
    no_args_is_help=True,
    subcommand_metavar="PATH... | COMMAND",
    help="Load records, and see which rows were not loaded. `becalm ingest PATH...` is short for "
    "`becalm ingest load PATH...`; write a path that is named like a command as ./load, ./map or ./rejects.",
)


@app.command(
    LOAD,
    epilog="Also: `becalm ingest map FILE` proposes a mapping for an extract; "
    "`becalm ingest rejects` lists the rows that were rejected or repaired, and why.",
)
def load(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Files, folders or zips.", show_default=False)
    ],
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The day on which the records were published. Without it: the newest date in a zip, "
            "or the day on which a file was last changed.",
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="The mapping to read an extract with (see `becalm ingest map`).")
    ] = None,
    max_reject_share: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Refuse a file with a greater share of faulty rows (else becalm.toml's)."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Load records from files, folders and zips.

    Files of data.police.uk and of the London Datastore, and any extract with a mapping.

    One command loads all of its files, or none. What was loaded before is skipped.
    """
    from becalm.ingest.cli.view import print_report, progress_bar
    from becalm.ingest.desk.load import ingest

    desk = desk_of(context, workspace)
    with progress_bar() as progress:
        report = ingest(
            desk,
            paths,
            as_of=as_of.date() if as_of else None,
            mapping=mapping,
            max_reject_share=max_reject_share,
            progress=progress,
        )
    print_report(report, format)


@app.command("rejects")
def rejects(
    context: typer.Context,
    file: Annotated[str | None, typer.Option(help="Only files whose name contains this.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only reasons that contain this.")] = None,
    fate: Annotated[Fate | None, typer.Option(help="Only rows that met this fate.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"Show so many rows (else {ROWS_ON_SCREEN} in a table, and all as csv or json)."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Which rows were rejected or repaired, why, and what to do about it?"""
    from becalm.ingest.cli.view import print_rejects
    from becalm.ingest.desk.load import list_rejects

    shown = limit or (ROWS_ON_SCREEN if format is Format.table else None)
    found = list_rejects(
        desk_of(context, workspace), file=file, reason=reason, fate=fate.value if fate else None, limit=shown
    )
    print_rejects(found, format)


app.command("map")(ingest_map.propose)
