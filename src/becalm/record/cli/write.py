"""`becalm record add`, `import`, `correct` and `withdraw`: new entries, never a change of old ones."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.terms import UsageError

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="fact=value; may be given again. An empty value takes it away."),
]
AtOption = Annotated[
    str | None, typer.Option(help="When it happened, with its offset, e.g. 2020-04-30T22:15+01:00.")
]


def import_log(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The log, a csv file.", show_default=False)],
    kind: Annotated[str, typer.Option(help="What its rows are: arrest, burst_done, seizure, stop …")],
    mapping: Annotated[
        Path | None,
        typer.Option(help="How its columns are read (TOML).", show_default="the shipped one that fits"),
    ] = None,
    purpose: Annotated[str, typer.Option(help="What for.")] = "record",
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Bring a log into the ledger: every row as an event, or none.

    All broken rows are named at once. A file that was imported before is noticed, whatever its name.
    """
    from becalm.record.cli.view import print_import
    from becalm.record.desk.import_log import import_log as bring

    print_import(
        bring(desk_of(context, workspace), file, kind=kind, mapping=mapping, purpose=purpose), format
    )


def add(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="What happened, e.g. arrest_made, visit_made.")],
    facts: SetOption = None,
    at: AtOption = None,
    subject: Annotated[str, typer.Option(help="The pseudonym of the person that it is about.")] = "",
    details: Annotated[
        Path | None,
        typer.Option(
            help="A file of personal details, kept beside the entry and erasable.", show_default=False
        ),
    ] = None,
    purpose: Annotated[str, typer.Option(help="What for.")] = "record",
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Record by hand what happened. No personal detail belongs in a fact: put it into --details."""
    from becalm.console.emit import print_receipt
    from becalm.record.desk.add import add_event

    made = add_event(
        desk_of(context, workspace),
        kind,
        facts=_pairs(facts or []),
        purpose=purpose,
        occurred_at=_instant(at) if at else None,
        subject=subject,
        details=_bytes(details) if details else None,
    )
    print_receipt(made, format)


def correct(
    context: typer.Context,
    entry: Annotated[int, typer.Argument(min=1, help="The first entry, not one that corrects it.")],
    facts: SetOption = None,
    at: AtOption = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Put an entry right by a new one. The old one stays, and every figure says how many were corrected."""
    from becalm.console.emit import print_receipt
    from becalm.record.desk.correct import correct_entry

    made = correct_entry(
        desk_of(context, workspace),
        entry,
        facts=_pairs(facts or []),
        occurred_at=_instant(at) if at else None,
    )
    print_receipt(made, format)


def withdraw(
    context: typer.Context,
    entry: Annotated[int, typer.Argument(min=1, help="The entry that is wrong.")],
    reason: Annotated[str, typer.Option(help="Why, without names of people.")],
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Record that an entry is wrong and that nothing takes its place."""
    from becalm.console.emit import print_receipt
    from becalm.record.desk.correct import withdraw_entry

    print_receipt(withdraw_entry(desk_of(context, workspace), entry, reason=reason), format)


def _pairs(given: list[str]) -> dict[str, str]:
    faulty = [text for text in given if "=" not in text]
    if faulty:
        raise UsageError(
            f"--set {faulty[0]!r} names no value. Write it as fact=value, e.g. --set unit='VSU 2'."
        )
    return {name.strip(): value.strip() for name, _, value in (text.partition("=") for text in given)}


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f"--at {text!r} is no instant. Write it with its offset: 2020-04-30T22:15+01:00.")
    return moment


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"--details {path} cannot be read ({error.strerror}). Name a file.") from error
