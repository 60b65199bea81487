"""`becalm record verify`, `head`, `checkpoint`, `export`: can anyone prove that nothing was altered?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of


def verify(
    context: typer.Context,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(
            help="A signed head that was kept outside (may be given again). Those in the folders under "
            "[ledger] anchors are compared anyway.",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Does the ledger hold? Exits with 0 if so, else with 11 and the first entry that does not."""
    from becalm.record.cli.verify_view import print_verdict
    from becalm.record.desk.verify import verify_record

    print_verdict(verify_record(desk_of(context, workspace), anchor_files=tuple(anchor or ())), format)


def head(
    context: typer.Context,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Write a page to print with the briefing: the signed head, and a QR code that holds it.",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """How long is the ledger, what does it hold, and who vouches for that?

    What --format json prints is an anchor, as is what a scan of the sheet's code gives: save it away from
    the ledger, and compare with `becalm record verify --anchor FILE`.
    """
    from becalm.record.cli.verify_view import print_head
    from becalm.record.desk.verify import sign_head, write_sheet

    signed = sign_head(desk_of(context, workspace))
    if sheet is not None:
        write_sheet(signed, sheet)
    print_head(signed, format)


def checkpoint(
    context: typer.Context,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Change the signing key first; the old one vouches for it.")
    ] = False,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Sign the head of the ledger and send it to every place under [ledger] anchors. Let cron run it hourly.

    Exits with 10 where a place could not be reached; the others got theirs.
    """
    from becalm.record.cli.verify_view import print_checkpoint
    from becalm.record.desk.verify import make_checkpoint

    print_checkpoint(make_checkpoint(desk_of(context, workspace), change_key=new_key), format)


def export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Write entries, signed heads and a verifier that needs nothing but Python, for an auditor.

    Pseudonyms of people stand in the entries; personal details do not.
    """
    from becalm.record.cli.verify_view import print_export
    from becalm.record.desk.verify import export_record

    print_export(export_record(desk_of(context, workspace), out), format)
