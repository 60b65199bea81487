"""How a load and its rejects are shown. Imported only when a command has something to show."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from becalm.cli.options import Format
from becalm.desk.ingest import IngestReport, Progress
from becalm.terms.intake import FileIntake


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on the terminal; silence where there is none."""
    console = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        yield Progress(
            start=lambda total: bar.update(task, total=total),
            advance=lambda done: bar.advance(task, done),
        )


def print_report(report: IngestReport, format: Format) -> None:  # noqa: A002 - the option's name
    """Print what was loaded, as asked."""
    if format is Format.json:
        sys.stdout.write(json.dumps(asdict(report), default=str, indent=2, ensure_ascii=False) + "\n")
    elif format is Format.csv:
        _print_csv(report)
    else:
        _print_table(report)


def _print_csv(report: IngestReport) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(FileIntake.__dataclass_fields__)
    for file in report.files:
        rows.writerow(" ".join(v) if isinstance(v, tuple) else v for v in asdict(file).values())


def _print_table(report: IngestReport) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table(box=None, header_style="bold")
    for heading in ("file", "source", "recipe", "months"):
        table.add_column(heading, overflow="fold")
    for heading in ("rows", "loaded", "repaired", "rejected"):
        table.add_column(heading, justify="right")
    for heading in ("as of", "status", "notes"):
        table.add_column(heading, overflow="fold")
    for file in report.files:
        table.add_row(*_cells(file))
    console.print(table)
    for line in (*report.notes, *(f"skipped {s.name}: {s.reason}" for s in report.skipped)):
        console.print(line, markup=False, highlight=False)
    for gap in report.gaps:
        console.print(f"coverage: {gap}", markup=False, highlight=False)


def _cells(file: FileIntake) -> tuple[str, ...]:
    months = file.months if len(file.months) < 3 else (file.months[0], "to", file.months[-1])
    counts = (f"{n:,}" for n in (file.rows, file.loaded, file.repaired, file.rejected))
    return (
        file.file,
        file.source,
        file.mapping,
        " ".join(months),
        *counts,
        str(file.as_of),
        file.status,
        "; ".join(file.notes),
    )
