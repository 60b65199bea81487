"""`becalm record arrests`, `events` and `show`: a figure, opened down to its entries."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of

DAY = ["%Y-%m-%d"]
ON_SCREEN = 50
PurposeOption = Annotated[
    str,
    typer.Option(
        help="What for, where people are concerned, e.g. audit; it is recorded with your name.",
        show_default=False,
    ),
]


def arrests(
    context: typer.Context,
    since: Annotated[datetime, typer.Option(formats=DAY, help="The first day, e.g. 2020-02-01.")],
    until: Annotated[
        datetime | None, typer.Option(formats=DAY, help="The last day, included.", show_default="today")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="List every arrest that counts.")] = False,
    left_out: Annotated[
        bool, typer.Option("--left-out", help="List every arrest that does not count, and why.")
    ] = False,
    definition: Annotated[
        Path | None,
        typer.Option(
            help="Another definition (TOML).",
            show_default="definitions/ of the workspace, else the shipped one",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """How many arrests came from dedicated activity, by the published definition?

    The figure names its definition, what was left out and why, and every arrest can be opened.
    """
    from becalm.record.cli.arrests_view import print_arrests
    from becalm.record.desk.answers import find_arrests

    found = find_arrests(
        desk_of(context, workspace),
        since=since.date(),
        until=until.date() if until else None,
        definition=definition,
    )
    print_arrests(found, format, opened=open_, left_out=left_out)


def events(
    context: typer.Context,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only this kind; may be given again.", show_default=False)
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Only entries after this one.")] = 0,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"So many at most (else {ON_SCREEN} in a table, and all as csv or json)."),
    ] = None,
    purpose: PurposeOption = "",
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """List the entries of the ledger. Whom they are about is shown with --purpose only."""
    from becalm.record.cli.view import print_events
    from becalm.record.desk.answers import list_entries

    shown = limit or (ON_SCREEN if format is Format.table else None)
    desk = desk_of(context, workspace)
    found = list_entries(desk, kinds=tuple(kind or ()), after=after, limit=shown, purpose=purpose)
    print_events(found, format, with_subjects=bool(purpose))


def show(
    context: typer.Context,
    entry: Annotated[int, typer.Argument(min=1, help="The number of the entry.")],
    purpose: PurposeOption = "",
    details: Annotated[
        bool, typer.Option("--details", help="Show the personal details too, while they are there.")
    ] = False,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Show one entry, what corrects it, and the proof that it stands in the ledger."""
    from becalm.record.cli.view import print_entry
    from becalm.record.desk.answers import show_entry

    print_entry(show_entry(desk_of(context, workspace), entry, purpose=purpose, details=details), format)
