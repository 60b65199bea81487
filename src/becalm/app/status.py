"""`becalm status`: where the programme stands, and what needs to be looked after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session, command
from becalm.terms import Request

if TYPE_CHECKING:
    from becalm.app.status_desk import LedgerStatus, WorkspaceStatus

SOURCE_COLUMNS = ("source", "table", "first", "last", "rows", "as_of", "loads")
MONTHS_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest(Request):
    """What does the workspace hold, and what needs to be looked after?"""


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""

    @command(app, "status", StatusRequest)
    def status(session: Session, _request: StatusRequest) -> None:
        """Show where the programme stands: records, steps, ledger, plan, roster, and what is due."""
        from becalm.app.status_desk import describe_workspace
        from becalm.console.emit import View

        view: View[WorkspaceStatus] = View(
            data=_data, rows=lambda status: list(map(asdict, status.programme.sources)), lines=_lines
        )
        session.emit(describe_workspace(session.open_desk()), view)


def _data(status: WorkspaceStatus) -> dict[str, object]:
    programme = status.programme
    return {
        "workspace": str(status.path),
        "city": status.city.key,
        "sources": list(map(asdict, programme.sources)),
        "steps": list(map(asdict, programme.steps)),
        "ledger": asdict(status.ledger) if status.ledger else None,
        "plan": asdict(programme.plan) if programme.plan else None,
        "roster": asdict(programme.roster) if programme.roster else None,
        "due": list(map(asdict, programme.due)),
        "next": list(programme.next_commands),
        "warnings": list(status.warnings),
    }


def _lines(status: WorkspaceStatus) -> Iterable[str]:
    from becalm.console.emit import tabulate

    programme = status.programme
    yield f"{status.path}: {status.city.name}"
    if programme.sources:
        yield from tabulate(SOURCE_COLUMNS, [asdict(source) for source in programme.sources])
    else:
        yield "No records yet."
    for source in programme.sources:
        for word, months in (("missing", source.missing), ("low or cut short", source.low)):
            if months:
                yield f"  {source.source} ({source.table}), {word}: {_shorten(months)}"
    for step in programme.steps:
        yield f"Step from {step.start}{f' to {step.end}' if step.end else ''} ({step.kind}): {step.reason}"
    yield from _ledger_lines(status.ledger)
    for word, document in (("Plan", programme.plan), ("Roster", programme.roster)):
        if document:
            yield f"{word} {document.sha256[:12]}: {document.first_day} to {document.last_day}"
    yield from (f"Due ({task.due_on}): {task.task}, because {task.why}." for task in programme.due)
    yield from (f"Warning: {warning}" for warning in status.warnings)
    yield from (f"{'Next: ' if n == 0 else '      '}{word}" for n, word in enumerate(programme.next_commands))


def _ledger_lines(ledger: LedgerStatus | None) -> Iterable[str]:
    if ledger is None:
        yield "No ledger yet."
        return
    yield f"Ledger {ledger.identity} in {ledger.place}: {ledger.head.size:,} entries"
    yield f"  root     {ledger.head.root}"
    yield f"  outside  {ledger.outside_size:,} entries are proved by signed heads kept outside"


def _shorten(months: Sequence[str]) -> str:
    """The months, the last ones alone where there are many."""
    months_text = ", ".join(months[-MONTHS_SHOWN:])
    return months_text if len(months) <= MONTHS_SHOWN else f"{len(months)} months, the last {months_text}"
