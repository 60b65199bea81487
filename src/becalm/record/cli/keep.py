"""`becalm record rebuild`, `backup` and `restore`: keeping the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of


def rebuild(
    context: typer.Context, workspace: WorkspaceOption = None, format: FormatOption = Format.table
) -> None:
    """Fold every state table anew from the events. It must change nothing, and says what it changed."""
    from becalm.record.cli.view import print_rebuilt
    from becalm.record.desk.keep import rebuild_states

    print_rebuilt(rebuild_states(desk_of(context, workspace)), format)


def backup(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Copy the ledger into a file while others write to it.

    The copy holds the personal details that were there: keep it as safe as the ledger. What is erased later
    is erased in the copy too, as long as it lies where it was made.

    The seeds of patrols are not in it, on purpose: copy the folder patrol/sealed of the workspace apart.
    """
    from becalm.record.cli.keep_view import print_backup
    from becalm.record.desk.restore import make_backup

    print_backup(make_backup(desk_of(context, workspace), out), format)


def restore(
    context: typer.Context,
    copy: Annotated[
        Path | None,
        typer.Argument(help="A copy; without one, the ledger as it stands, although it lacks entries."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded with your name.")] = "",
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Put a copy in the place of the ledger. Two people run this, each with a reason of their own.

    Nothing happens until the second has confirmed what the first asked for. What was replaced is kept
    beside the ledger; personal details that were erased since the copy was made do not come back with it.
    """
    from becalm.record.cli.keep_view import print_restore
    from becalm.record.desk.restore import ask_or_confirm_restore

    print_restore(ask_or_confirm_restore(desk_of(context, workspace), copy, reason=reason), format)
