"""`becalm status`: what a workspace holds, and what needs to be looked after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session, command
from becalm.terms import Request

if TYPE_CHECKING:
    from becalm.app.status_desk import WorkspaceStatus

SOURCE_COLUMNS = ("source", "table", "first_month", "last_month", "rows", "as_of", "loads")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest(Request):
    """What does the workspace hold, and what needs to be looked after?"""


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""

    @command(app, "status", StatusRequest)
    def status(session: Session, _request: StatusRequest) -> None:
        """Show what the workspace holds: its records, its ledger, and what needs to be looked after."""
        from becalm.app.status_desk import describe_workspace
        from becalm.console.emit import View

        view: View[WorkspaceStatus] = View(
            data=_data, rows=lambda status: [asdict(source) for source in status.sources], lines=_lines
        )
        session.emit(describe_workspace(session.open_desk()), view)


def _data(status: WorkspaceStatus) -> dict[str, object]:
    return {
        "workspace": str(status.path),
        "city": status.city.key,
        "sources": [asdict(source) for source in status.sources],
        "ledger": asdict(status.ledger) if status.ledger else None,
        "warnings": list(status.warnings),
    }


def _lines(status: WorkspaceStatus) -> Iterable[str]:
    from becalm.console.emit import tabulate

    yield f"{status.path}: {status.city.name}"
    if status.sources:
        yield from tabulate(SOURCE_COLUMNS, [asdict(source) for source in status.sources])
    else:
        yield "No records yet. Next: `becalm ingest PATH`"
    if status.ledger is None:
        yield "No ledger yet."
    else:
        ledger_status = status.ledger
        yield f"Ledger {ledger_status.identity} in {ledger_status.place}: {ledger_status.head.size:,} entries"
        yield f"  root     {ledger_status.head.root}"
        yield f"  outside  {ledger_status.outside_size:,} entries are proved by signed heads kept outside"
    yield from (f"Warning: {warning}" for warning in status.warnings)
