"""`becalm record access` and `erase`: who saw whom, and forgetting with a proof."""

from __future__ import annotations

from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of


def access(
    context: typer.Context,
    subject: Annotated[
        str | None, typer.Option(help="Who saw this person (a pseudonym)?", show_default=False)
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Whom did this actor see?", show_default=False)] = None,
    purpose: Annotated[str, typer.Option(help="What for; it is recorded with your name.")] = "audit",
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Who saw whom, when and what for? Asking is recorded too."""
    from becalm.record.cli.people_view import print_accesses
    from becalm.record.desk.people import find_accesses

    desk = desk_of(context, workspace)
    print_accesses(find_accesses(desk, subject=subject, actor=actor, purpose=purpose), format)


def erase(
    context: typer.Context,
    entry: Annotated[
        list[int] | None, typer.Option(min=1, help="This entry; may be given again.", show_default=False)
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Every entry about this person (a pseudonym).", show_default=False)
    ] = None,
    reason: Annotated[str, typer.Option(help="The rule or code, without names of people.")] = "",
    purpose: Annotated[str, typer.Option(help="retention, erasure, subject request …")] = "erasure",
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Destroy personal details for good, and show that the ledger still holds.

    The entries stay, and so do their commitments, which tell nothing without the details and their salts.
    """
    from becalm.record.cli.people_view import print_erasure
    from becalm.record.desk.people import erase_details

    desk = desk_of(context, workspace)
    erased = erase_details(desk, entries=tuple(entry or ()), subject=subject, reason=reason, purpose=purpose)
    print_erasure(erased, format)
