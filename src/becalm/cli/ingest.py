"""`becalm ingest`: load records; `becalm ingest rejects`: see what was not loaded."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from becalm.cli.options import Format, FormatOption, WorkspaceOption, desk_of

LOAD = "load"


class PathsFirst(TyperGroup):
    """A group whose first argument is a path, unless it is exactly the name of a sub-command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the hidden command `load` in front of paths and their options."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [LOAD, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=PathsFirst,
    no_args_is_help=True,
    help="Load records from files, folders and zips: becalm ingest PATH...",
)


@app.command(LOAD, hidden=True)
def load(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files, folders or zips.", show_default=False)
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
            min=0, max=1, help="Refuse a file with a greater share of faulty rows [default: becalm.toml]."
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,  # noqa: A002 - the option's name
) -> None:
    """Load records from files, folders and zips. One command loads all of its files, or nothing."""
    from becalm.cli.ingest_view import print_report, progress_bar
    from becalm.desk.ingest import ingest

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
