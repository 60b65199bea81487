"""`becalm ingest map`: propose a mapping for an extract that no mapping reads yet."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of

if TYPE_CHECKING:
    from becalm.ingest.desk.mapping import MappingProposed


def propose(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A csv, csv.gz, parquet or xlsx file.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write the mapping. Without it: the workspace's mappings folder."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call the mapping and its source. Without it: the file's name.")
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Look at a new file and write a proposed mapping, with every doubt marked.

    A mapping is used when its doubts are settled and removed.
    """
    from becalm.ingest.desk.mapping import propose_mapping

    found = propose_mapping(desk_of(context, workspace), file, name=name, out=out)
    _show(found, format, _next_command(file, found.path if out else None, workspace))


def _next_command(file: Path, mapping: Path | None, workspace: Path | None) -> str:
    """The command that loads the file, as it can be pasted."""
    words = ["becalm", "ingest", str(file)]
    words += ["--mapping", str(mapping)] if mapping else []
    words += ["--workspace", str(workspace)] if workspace else []
    return shlex.join(words)


def _show(found: MappingProposed, format: Format, command: str) -> None:
    if format is Format.json:
        answer = {
            "file": found.file,
            "mapping": str(found.path),
            "fits": found.fits,
            "doubts": list(found.proposal.doubts),
        }
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    elif format is Format.csv:
        from becalm.render.spreadsheet import csv_text

        doubts = ((str(found.path), doubt) for doubt in found.proposal.doubts)
        typer.echo(csv_text(("mapping", "doubt"), doubts), nl=False)
    else:
        _print(found, command)


def _print(found: MappingProposed, command: str) -> None:
    typer.echo(f"Proposed a mapping of {len(found.proposal.looks)} columns: {found.path}")
    if found.fits:
        typer.echo(f"Note: {found.fits} has exactly these columns already; `becalm ingest` would use it.")
    typer.echo(f"To settle before it is used ({len(found.proposal.doubts)} doubts):")
    for number, doubt in enumerate(found.proposal.doubts, 1):
        typer.echo(f"  {number}. {doubt}")
    typer.echo("Next: correct the mapping, remove each doubt that is settled, then")
    typer.echo(f"  {command}")
