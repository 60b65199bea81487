"""How answers are shown: lines and tables on a screen, one JSON text, or the rows of a csv or a workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from zoneinfo import ZoneInfo

import typer

from becalm.console.command import Format
from becalm.formats.durable_files import open_private
from becalm.terms import DependencyError, UsageError

if TYPE_CHECKING:
    from becalm.ledger import Entry
    from becalm.render.document import Document

AnswerT = TypeVar("AnswerT")
RowT = TypeVar("RowT")
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class View(Generic[AnswerT]):
    """How the answers to one question are shown, whatever the format.

    `data` is what JSON says, `rows` are those of a csv or a workbook under the names of `columns` (without
    these, the keys of the first row), `lines` what a reader sees: text, or tables made by `screen.table`.
    `files` are further endings of --out, with what is written; `document` is the answer as a page shows it,
    where its lines are not enough.
    """

    data: Callable[[AnswerT], object]
    rows: Callable[[AnswerT], Iterable[Row]]
    lines: Callable[[AnswerT], Iterable[object]]
    columns: tuple[str, ...] = ()
    is_private: bool = False  # it may hold details: a file that is written is for its owner alone
    files: Mapping[str, Callable[[AnswerT], str | bytes]] = field(default_factory=dict)
    document: Callable[[AnswerT], Document] | None = None

    def lines_off_screen(self, answer: AnswerT) -> Iterator[object]:
        """What a reader sees who has no command line: without the lines that name its options."""
        return (line for line in self.lines(answer) if " --" not in str(line))


def emit_answer(answer: AnswerT, view: View[AnswerT], format: Format, files: Sequence[Path] = ()) -> None:
    """Write the answer to these files, by their endings, then print it in this format."""
    writer_by_ending = _writers(view)
    for out_file in files:
        check_ending(out_file, writer_by_ending)
    for out_file in files:
        file_content = writer_by_ending[out_file.suffix.lower()](answer)
        try:
            with open(out_file, "wb", opener=open_private if view.is_private else None) as byte_stream:
                byte_stream.write(file_content.encode() if isinstance(file_content, str) else file_content)
        except OSError as error:
            raise UsageError(f"{out_file} cannot be written: {error.strerror}. Name another file.") from error
    if format is Format.table:
        print_lines(view.lines(answer))
    else:
        typer.echo(writer_by_ending[f".{format.value}"](answer), nl=False)


def check_ending(file: Path, endings: Iterable[str]) -> None:
    """Refuse a file whose ending names no format in which this answer can be written."""
    if file.suffix.lower() not in endings:
        raise UsageError(
            f"The ending of {file} names no format. End the name in {', '.join(sorted(endings))}."
        )


def _writers(view: View[Any]) -> Mapping[str, Callable[[Any], str | bytes]]:
    from becalm.formats.json_text import json_text
    from becalm.render.spreadsheet import csv_text, workbook

    def cell(value: object) -> object:
        return fact_text(value) if isinstance(value, tuple | list) else value

    def cells(answer: Any) -> tuple[Sequence[str], list[list[object]]]:
        view_rows = list(view.rows(answer))
        column_names = view.columns or tuple(view_rows[0] if view_rows else ())
        return column_names, [[cell(row.get(name)) for name in column_names] for row in view_rows]

    def as_csv(answer: Any) -> str:
        column_names, cell_rows = cells(answer)
        return csv_text(column_names, cell_rows) if column_names else ""

    return {
        ".json": lambda answer: json_text(view.data(answer)),
        ".csv": as_csv,
        ".xlsx": lambda answer: workbook(*cells(answer)),
        **view.files,
    }


def write_formats(answer: AnswerT, view: View[AnswerT]) -> Iterator[tuple[str, str | bytes]]:
    """The answer in every format of its view, by ending; one whose extra is not installed is left out."""
    for ending, write in _writers(view).items():
        with suppress(DependencyError):
            yield ending, write(answer)


def print_lines(lines: Iterable[object]) -> None:
    """Print lines of text and tables for people."""
    for line in lines:
        if isinstance(line, str):
            typer.echo("".join(character if character.isprintable() else " " for character in line))
        else:
            from becalm.console.screen import console

            console().print(line)


def tabulate(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Iterable[str]:
    """Rows below their headings, each column as wide as its widest cell but the last."""
    cell_texts = [[fact_text(row.get(name)) for name in columns] for row in rows]
    width_chars_of_column = [
        max(len(name), *(len(row[i]) for row in cell_texts), 0) for i, name in enumerate(columns)
    ]
    for row in ([*columns], *cell_texts):
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(row, width_chars_of_column, strict=True)
        ).rstrip()


def instant(moment: datetime) -> str:
    """An instant as people and programs read it."""
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def _receipt(entry: Entry) -> Iterable[str]:
    receipt_text = f"Entry {entry.seq}: {entry.event.kind}"
    yield receipt_text + (f", corrects entry {entry.event.corrects}" if entry.event.corrects else "")


RECEIPT: View[Entry] = View(
    data=lambda entry: entry_data(entry, with_subject=False),
    rows=lambda entry: [
        {**(row := entry_data(entry, with_subject=False)), "facts": facts_text(row["facts"])}
    ],
    lines=_receipt,
)
"""How an entry that was just written is shown."""


def entry_data(entry: Entry, *, with_subject: bool) -> dict[str, object]:
    """An entry as names and values; whom it is about only where that was asked for."""
    event = entry.event
    return {
        "seq": entry.seq,
        "recorded_at": instant(entry.recorded_at),
        "occurred_at": instant(event.occurred_at),
        "kind": event.kind,
        "version": event.version,
        "actor": event.actor,
        "role": event.role,
        "purpose": event.purpose,
        **({"subject": event.subject} if with_subject else {}),
        "corrects": event.corrects,
        "facts": dict(event.facts),
        "hash": entry.hash,
    }


def facts_text(facts: object) -> str:
    """The facts of an entry in one line."""
    assert isinstance(facts, Mapping)
    return "; ".join(f"{fact_name}={fact_text(value)}" for fact_name, value in facts.items())


def fact_text(value: object) -> str:
    """One value in a line; of a long list its beginning and its length."""
    if isinstance(value, tuple | list):
        list_text = ", ".join(fact_text(element) for element in value[:8])
        return f"[{list_text}, … {len(value)} in all]" if len(value) > 8 else f"[{list_text}]"
    return "" if value is None else str(value)
