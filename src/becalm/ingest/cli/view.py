"""How a load and its rejects are shown. Imported only when a command has something to show."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from becalm.console.options import Format
from becalm.console.screen import console as on_screen
from becalm.console.screen import is_narrow
from becalm.ingest.desk.load import IngestReport, Progress, Rejects
from becalm.render.spreadsheet import csv_text
from becalm.terms import FileIntake, Gap, RowFault

COUNTS = ("rows", "loaded", "repaired", "rejected")
LONG = ("file", "value", "reason", "remedy")  # columns that may be broken
GAPS_SHOWN = 12


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


def print_report(report: IngestReport, format: Format) -> None:
    """Print what was loaded, as asked."""
    if format is Format.json:
        sys.stdout.write(json.dumps(asdict(report), default=str, indent=2, ensure_ascii=False) + "\n")
    elif format is Format.csv:
        _print_csv(report)
    else:
        _print_table(report)


def print_rejects(rejects: Rejects, format: Format) -> None:
    """Print the rows that were rejected or repaired, as asked."""
    if format is Format.json:
        sys.stdout.write(json.dumps(asdict(rejects), indent=2, ensure_ascii=False) + "\n")
    elif format is Format.csv:
        rows = (asdict(row).values() for row in rejects.rows)
        sys.stdout.write(csv_text(RowFault.__dataclass_fields__, rows))
    else:
        _print_rejects(rejects)


def _print_rejects(rejects: Rejects) -> None:
    console = on_screen()
    if not rejects.counts:
        console.print("No row was rejected or repaired.")
        return
    counts = _table(("fate", "reason", "rows", "files"), right=("rows", "files"))
    for count in rejects.counts:
        counts.add_row(count.fate, _plain(count.reason), f"{count.rows:,}", f"{count.files:,}")
    console.print(counts)
    if is_narrow(console):
        _stack_rows(console, rejects.rows)
    else:
        _tabulate_rows(console, rejects.rows)
    total = sum(count.rows for count in rejects.counts)
    if total > len(rejects.rows):
        console.print(f"The first {len(rejects.rows)} of {total:,}; --limit or --format csv shows more.")


def _tabulate_rows(console: Console, faults: Sequence[RowFault]) -> None:
    rows = _table(("file", "row", "column", "value", "fate", "reason", "remedy"), right=("row",))
    for fault in faults:
        rows.add_row(*(_plain(str(v)) for v in asdict(fault).values()))
    console.print(rows)


def _stack_rows(console: Console, faults: Sequence[RowFault]) -> None:
    """One row below the other, each under the name of its file, where a table has no room."""
    for file, group in groupby(faults, key=lambda fault: fault.file):
        console.print()
        _say(console, file)
        for fault in group:
            _say(console, f'row {fault.row}  {fault.column or "line"} "{fault.value}"', indent=2)
            _say(console, f"{fault.fate}: {fault.reason} -> {fault.remedy}", indent=4)


def _print_csv(report: IngestReport) -> None:
    rows = (
        ["; ".join(v) if isinstance(v, tuple) else v for v in asdict(file).values()] for file in report.files
    )
    sys.stdout.write(csv_text(FileIntake.__dataclass_fields__, rows))


def _print_table(report: IngestReport) -> None:
    console = on_screen()
    if is_narrow(console):
        _stack_files(console, report.summary)
    else:
        _tabulate_files(console, report.summary)
    lines = (
        *(f"note: {file.file}: {note}" for file in report.summary for note in file.notes),
        *(f"note: {note}" for note in report.notes),
        *(f"skipped: {s.name}: {s.reason}" for s in report.skipped),
        *_first("coverage", _runs(report.gaps)),
    )
    for line in lines:
        _say(console, line, hanging=2)


def _tabulate_files(console: Console, files: Sequence[FileIntake]) -> None:
    table = _table(("file", "source", "recipe", "months", *COUNTS, "as of", "status"), right=COUNTS)
    for file in files:
        table.add_row(*map(_plain, _cells(file)))
    console.print(table)


def _stack_files(console: Console, files: Sequence[FileIntake]) -> None:
    """One file below the other, where a table has no room: no figure is ever cut."""
    for file in files:
        name, source, recipe, months, rows, loaded, repaired, rejected, as_of, status = _cells(file)
        _say(console, name)
        _say(console, f"{recipe}; {source}, {months}, as of {as_of}", indent=2, hanging=2)
        counts = f"{rows} rows: {loaded} loaded, {repaired} repaired, {rejected} rejected"
        _say(console, status if status == "already loaded" else f"{status}; {counts}", indent=2)


def _say(console: Console, line: str, *, indent: int = 0, hanging: int = 0) -> None:
    """One line of words, broken between them on a narrow screen and left whole for a file or a pipe."""
    plain = " " * indent + "".join(c if c.isprintable() else " " for c in line)
    if is_narrow(console):
        plain = textwrap.fill(
            plain, console.width, subsequent_indent=" " * (indent + hanging), break_on_hyphens=False
        )
    console.print(escape(plain), highlight=False, soft_wrap=True)


def _runs(gaps: Sequence[Gap]) -> list[str]:
    """A line for each gap; months of which the same is said, one after the other, share one."""
    lines = []
    for (source, detail), group in groupby(gaps, key=lambda gap: (gap.source, gap.detail)):
        months = [gap.month for gap in group]
        span = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]} ({len(months)} months)"
        lines.append(f"{source} {span}: {detail}")
    return lines


def _first(kind: str, lines: list[str]) -> list[str]:
    more = (
        [f"{kind}: and {len(lines) - GAPS_SHOWN} more, see --format json"] if len(lines) > GAPS_SHOWN else []
    )
    return [f"{kind}: {line}" for line in lines[:GAPS_SHOWN]] + more


def _table(headings: tuple[str, ...], *, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in headings:
        justify: Literal["right", "left"] = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold", no_wrap=heading not in LONG)
    return table


def _plain(text: str) -> str:
    """Text that rich prints as it stands, brackets and all, without control characters."""
    return escape("".join(c if c.isprintable() else " " for c in text))


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
    )
