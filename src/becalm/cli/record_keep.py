"""`becalm record rebuild`: are the state tables what the events say?"""

from __future__ import annotations

import typer

from becalm.cli.options import Format, FormatOption, WorkspaceOption, desk_of


def rebuild(
    context: typer.Context, workspace: WorkspaceOption = None, format: FormatOption = Format.table
) -> None:
    """Fold every state table anew from the events. It must change nothing, and says what it changed."""
    from becalm.cli.record_view import print_rebuilt
    from becalm.desk.record_keep import rebuild_states

    print_rebuilt(rebuild_states(desk_of(context, workspace)), format)
