"""`becalm ingest`: load records, see which rows were not loaded, propose a mapping for a new file."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from becalm.console.command import Format, Session, command
from becalm.console.emit import View
from becalm.ingest import request as requests
from becalm.terms import FileIntake, RowFault

if TYPE_CHECKING:
    from rich.table import Table

    from becalm.ingest.desk import IngestReport, ProposedMapping, Rejects
    from becalm.ingest.past_loads import Load
    from becalm.terms import Gap

LOAD = "load"
FLAGS = ("--help", "-h", "--quiet", "-q")  # options without a value
ROWS_ON_SCREEN = 50
GAPS_SHOWN = 12
FILES_SHOWN = 3
COUNTS = ("rows", "loaded", "repaired", "rejected")
FOLDED_COLUMNS = ("file", "value", "reason", "remedy")  # columns that may be broken


class PathsFirst(TyperGroup):
    """A group whose first word is a path, unless it is exactly the name of a sub-command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the sub-command in front of its options, and `load` where none is named."""
        path_index = _first_word(args)
        if path_index is not None and args[path_index] in self.commands:
            args = [args[path_index], *args[:path_index], *args[path_index + 1 :]]
        elif args:
            args = [LOAD, *args]
        return super().parse_args(ctx, args)


def _first_word(args: list[str]) -> int | None:
    """Where the first word stands that is neither an option nor its value.

    >>> _first_word(["--workspace", "force", "rejects", "--limit", "5"])
    2
    """
    arg_index = 0
    while arg_index < len(args) and args[arg_index].startswith("-"):
        option_text = args[arg_index]
        if option_text == "--":
            return None
        takes_next_arg = (
            option_text not in FLAGS
            and "=" not in option_text
            and (option_text[1] == "-" or len(option_text) == 2)
        )
        arg_index += 2 if takes_next_arg else 1
    return arg_index if arg_index < len(args) else None


app = typer.Typer(
    cls=PathsFirst,
    no_args_is_help=True,
    subcommand_metavar="PATH... | COMMAND",
    help="Load records, and see which rows were not loaded. `becalm ingest PATH...` is short for "
    "`becalm ingest load PATH...`; write a path that is named like a command as ./load or ./list.",
)


@command(app, LOAD, requests.LoadRequest)
def load(session: Session, request: requests.LoadRequest) -> None:
    """Load records from files, folders and zips.

    Files of data.police.uk and of the London Datastore, and any extract with a mapping.

    One command loads all of its files, or none. What was loaded before is skipped.

    Also: `becalm ingest map FILE` proposes a mapping for an extract; `becalm ingest rejects` lists the rows
    that were rejected or repaired, and why.
    """
    from becalm.ingest.desk import load_records

    report_view = View(asdict, _file_rows, _report_lines, columns=_names(FileIntake))
    session.emit(load_records(session.open_desk(), request), report_view)


@command(app, "rejects", requests.RejectsRequest)
def rejects(session: Session, request: requests.RejectsRequest) -> None:
    """Which rows were rejected or repaired, why, and what to do about it?"""
    from becalm.ingest.desk import list_rejects

    if request.limit is None and session.format is Format.table:
        request = replace(request, limit=ROWS_ON_SCREEN)
    view = View(asdict, lambda answer: map(asdict, answer.rows), _reject_lines, columns=_names(RowFault))
    session.emit(list_rejects(session.open_desk(), request), view)


@command(app, "list", requests.LoadsRequest)
def show_loads(session: Session, request: requests.LoadsRequest) -> None:
    """Which loads are there, and do they still count?"""
    from becalm.ingest.past_loads import Load, list_loads

    view = View(lambda loads: list(map(asdict, loads)), _load_rows, _load_lines, columns=_names(Load))
    session.emit(list_loads(session.open_desk(), request), view)


@command(app, "withdraw", requests.WithdrawRequest, has_files=False)
def withdraw(session: Session, request: requests.WithdrawRequest) -> None:
    """Take a load back: its records count no more, and what they replaced counts again.

    Nothing is deleted; the ledger keeps who took it back and why.
    """
    from becalm.ingest.past_loads import Load, take_back_load

    def rows(load: Load) -> Iterator[dict[str, object]]:
        return _load_rows([load])

    view = View(asdict, rows, lambda load: _load_lines([load]), columns=_names(Load))
    session.emit(take_back_load(session.open_desk(), request), view)


@command(app, "purge", requests.PurgeRequest, has_files=False)
def purge(session: Session, request: requests.PurgeRequest) -> None:
    """Destroy records past retention for good. Their hashes stay, and the ledger says that they are gone."""
    from becalm.ingest.past_loads import Purge, purge_records

    def lines(purged: Purge) -> Iterable[str]:
        month_span_text = f"{purged.first_month} to {purged.last_month}"
        yield f"Destroyed {purged.rows:,} rows in {purged.files:,} files, {month_span_text}."
        yield "Their hashes are kept. Runs that read them cannot be repeated any more."

    view = View(asdict, lambda purged: [asdict(purged)], lines, columns=_names(Purge))
    session.emit(purge_records(session.open_desk(), request), view)


@command(app, "map", requests.MappingRequest, has_files=False)
def propose(session: Session, request: requests.MappingRequest) -> None:
    """Look at a new file and write a proposed mapping, with every doubt marked.

    A mapping is used when its doubts are settled and removed.
    """
    from becalm.ingest.desk import propose_mapping

    def lines(proposed_mapping: ProposedMapping) -> Iterable[object]:
        yield from _proposal_lines(proposed_mapping)
        yield f"  {_next_command(proposed_mapping, request, session)}"

    view = View(_proposal_data, _doubt_rows, lines, columns=("mapping", "doubt"))
    session.emit(propose_mapping(session.open_desk(), request), view)


def _names(record_class: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record_class))


# --- a load -------------------------------------------------------------------------------------------


def _file_rows(report: IngestReport) -> Iterator[dict[str, object]]:
    for file in report.files:
        yield {
            field_name: "; ".join(field_value) if isinstance(field_value, tuple) else field_value
            for field_name, field_value in asdict(file).items()
        }


def _report_lines(report: IngestReport) -> Iterator[object]:
    from becalm.console.screen import DEFAULT_WIDTH_CHARS, console, is_narrow

    column_titles = ("file", "source", "recipe", "months", *COUNTS, "as of", "status")
    table_cells = [_file_cells(file) for file in report.summary]
    if is_narrow(console(), needed_chars=DEFAULT_WIDTH_CHARS):
        yield from _stack_files(table_cells)
    else:
        yield _grid(column_titles, table_cells, right=COUNTS)
    gap_lines = _gap_lines(report.gaps)
    hidden_count = len(gap_lines) - GAPS_SHOWN
    for note_line in (
        *(f"note: {file.file}: {note}" for file in report.summary for note in file.notes),
        *(f"note: {note}" for note in report.notes),
        *(f"skipped: {skipped_file.name}: {skipped_file.reason}" for skipped_file in report.skipped),
        *(f"coverage: {note_line}" for note_line in gap_lines[:GAPS_SHOWN]),
        *((f"coverage: and {hidden_count} more, see --format json",) if hidden_count > 0 else ()),
    ):
        yield from _fold(note_line, hanging=2)


def _file_cells(file: FileIntake) -> tuple[str, ...]:
    month_texts = file.months if len(file.months) < 3 else (file.months[0], "to", file.months[-1])
    count_texts = (f"{count:,}" for count in (file.rows, file.loaded, file.repaired, file.rejected))
    return (
        file.file,
        file.source,
        file.mapping,
        " ".join(month_texts),
        *count_texts,
        str(file.as_of),
        file.status,
    )


def _stack_files(file_cells: Iterable[Sequence[str]]) -> Iterator[str]:
    """One file below the other, where a table has no room: no figure is ever cut."""
    for (
        file_name,
        source_name,
        recipe_name,
        months_text,
        row_count,
        loaded_count,
        repaired_count,
        rejected_count,
        as_of,
        status,
    ) in file_cells:
        yield from _fold(file_name)
        yield from _fold(f"{recipe_name}; {source_name}, {months_text}, as of {as_of}", indent=2, hanging=2)
        counts_sentence = (
            f"{row_count} rows: {loaded_count} loaded, {repaired_count} repaired, {rejected_count} rejected"
        )
        yield from _fold(status if status == "already loaded" else f"{status}; {counts_sentence}", indent=2)


def _gap_lines(gaps: Sequence[Gap]) -> list[str]:
    """A line for each gap; months of which the same is said, one after the other, share one."""
    gap_lines = []
    for (source_name, gap_detail), similar_gaps in groupby(gaps, key=lambda gap: (gap.source, gap.detail)):
        gap_months = [gap.month for gap in similar_gaps]
        months_text = (
            gap_months[0]
            if len(gap_months) == 1
            else f"{gap_months[0]} to {gap_months[-1]} ({len(gap_months)} months)"
        )
        gap_lines.append(f"{source_name} {months_text}: {gap_detail}")
    return gap_lines


# --- rejects ------------------------------------------------------------------------------------------


def _reject_lines(rejects: Rejects) -> Iterator[object]:
    if not rejects.counts:
        yield "No row was rejected or repaired."
        return
    column_titles = ("fate", "reason", "rows", "files")
    count_rows = [
        (count.fate, count.reason, f"{count.rows:,}", f"{count.files:,}") for count in rejects.counts
    ]
    yield _grid(column_titles, count_rows, right=("rows", "files"))
    if _is_narrow():
        yield from _stack_faults(rejects.rows)
    else:
        fault_cells = [tuple(map(str, asdict(fault).values())) for fault in rejects.rows]
        yield _grid(_names(RowFault), fault_cells, right=("row",))
    rejected_row_count = sum(count.rows for count in rejects.counts)
    if rejected_row_count > len(rejects.rows):
        yield f"The first {len(rejects.rows)} of {rejected_row_count:,}; --limit or --format csv shows more."


def _stack_faults(faults: Sequence[RowFault]) -> Iterator[str]:
    """One row below the other, each under the name of its file, where a table has no room."""
    for file_name, file_faults in groupby(faults, key=lambda fault: fault.file):
        yield ""
        yield from _fold(file_name)
        for fault in file_faults:
            yield from _fold(f'row {fault.row}  {fault.column or "line"} "{fault.value}"', indent=2)
            yield from _fold(f"{fault.fate}: {fault.reason} -> {fault.remedy}", indent=4)


# --- loads --------------------------------------------------------------------------------------------


def _load_rows(loads: Iterable[Load]) -> Iterator[dict[str, object]]:
    return ({**asdict(load), "files": "; ".join(load.files)} for load in loads)


def _load_lines(loads: Sequence[Load]) -> Iterator[str]:
    if not loads:
        yield "Nothing was loaded yet."
    for load in loads:
        status_text = f"{load.status}: {load.reason}" if load.reason else load.status
        counts_text = f"{load.current_rows:,} of {load.rows:,} rows count"
        yield from _fold(f"{load.load}  {status_text}; {counts_text}; as of {load.as_of}", hanging=8)
        hidden_count = len(load.files) - FILES_SHOWN
        file_names_text = ", ".join(load.files[:FILES_SHOWN]) + (
            f" and {hidden_count} more" if hidden_count > 0 else ""
        )
        month_span_text = " to ".join(dict.fromkeys((load.first_month, load.last_month)))
        yield from _fold(f"{load.source}, {load.table}, {month_span_text}: {file_names_text}", indent=8)
        if load.loaded_on:
            yield from _fold(f"loaded on {load.loaded_on} by {load.loaded_by}", indent=8)


# --- a proposal ---------------------------------------------------------------------------------------


def _proposal_data(answer: ProposedMapping) -> dict[str, object]:
    doubts = list(answer.proposal.doubts)
    return {"file": answer.file, "mapping": str(answer.path), "fits": answer.fits, "doubts": doubts}


def _doubt_rows(answer: ProposedMapping) -> Iterator[dict[str, object]]:
    return ({"mapping": str(answer.path), "doubt": doubt} for doubt in answer.proposal.doubts)


def _proposal_lines(answer: ProposedMapping) -> Iterator[str]:
    doubts = answer.proposal.doubts
    yield f"Proposed a mapping of {len(answer.proposal.profiles)} columns: {answer.path}"
    if answer.fits:
        yield f"Note: {answer.fits} has exactly these columns already; `becalm ingest` would use it."
    yield from (f"Note: {note}" for note in answer.notes)
    yield f"To settle before it is used ({len(doubts)} doubts):"
    yield from (f"  {doubt_number}. {doubt}" for doubt_number, doubt in enumerate(doubts, 1))
    yield "Next: correct the mapping, remove each doubt that is settled, then"


def _next_command(answer: ProposedMapping, request: requests.MappingRequest, session: Session) -> str:
    """The command that loads the file, as it can be pasted."""
    command_words = ["becalm", "ingest", request.file]
    command_words += ["--mapping", str(answer.path)] if request.out else []
    command_words += ["--workspace", str(session.workspace)] if session.workspace else []
    return shlex.join(command_words)


# --- a screen -----------------------------------------------------------------------------------------


def _is_narrow() -> bool:
    from becalm.console.screen import console, is_narrow

    return is_narrow(console())


def _fold(line: str, *, indent: int = 0, hanging: int = 0) -> list[str]:
    """A line of words, broken between them on a narrow screen and left whole for a file or a pipe."""
    from becalm.console.screen import console

    printable_line = " " * indent + "".join(char if char.isprintable() else " " for char in line)
    if not _is_narrow():
        return [printable_line]
    console_width, line_margin = console().width, " " * (indent + hanging)
    return textwrap.wrap(printable_line, console_width, subsequent_indent=line_margin, break_on_hyphens=False)


def _grid(titles: Sequence[str], text_rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> Table:
    """Rows below their headings; only names and sentences may be broken."""
    from rich.table import Table
    from rich.text import Text

    text_grid = Table(box=None, header_style="bold")
    for heading in titles:
        text_grid.add_column(
            heading,
            justify="right" if heading in right else "left",
            overflow="fold",
            no_wrap=heading not in FOLDED_COLUMNS,
        )
    for row_cells in text_rows:
        text_grid.add_row(*(Text("".join(s if s.isprintable() else " " for s in cell)) for cell in row_cells))
    return text_grid
