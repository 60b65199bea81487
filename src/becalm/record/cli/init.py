"""`becalm record init`: what the owner of a PostgreSQL server does once for the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of


def init(
    context: typer.Context,
    owner_url: Annotated[
        str,
        typer.Option(
            "--owner-url",
            help="The ledger's database, as somebody who may make roles and owns it: "
            "postgresql://postgres@host/becalm. A password is better kept in ~/.pgpass.",
            show_default=False,
        ),
    ],
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Make the roles, tables and rights of a ledger on PostgreSQL, or bring them up to date.

    Which database and which user the program will use stands in becalm.toml ([ledger] url) or BECALM_LEDGER;
    that user is made if there is none. A ledger on SQLite needs none of this.
    """
    from becalm.record.cli.init_view import print_prepared
    from becalm.record.desk.server import prepare_ledger

    print_prepared(prepare_ledger(desk_of(context, workspace), owner_url), format)
