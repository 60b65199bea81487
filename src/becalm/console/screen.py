"""How wide the answer may be. Imported only when a command has something to show."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from becalm.terms.progress import Advance

RowT = TypeVar("RowT")
DEFAULT_WIDTH_CHARS = 160  # of a table that goes into a file or a pipe
NARROW_WIDTH_CHARS = 120  # below it, wide tables would lose figures; the widest need DEFAULT_WIDTH_CHARS
TWO_LINE_HEADINGS = {
    "log score": "log\nscore",
    "rank interval": "rank\ninterval",
    "busiest hours": "busiest\nhours",
    "of the week": "of the\nweek",
    "hit rate": "hit\nrate",
}


def console() -> Console:
    """A console as wide as the terminal (or as COLUMNS says), else wide enough for every table."""
    return Console(width=shutil.get_terminal_size((DEFAULT_WIDTH_CHARS, 24)).columns)


def is_narrow(screen: Console, *, needed_chars: int = NARROW_WIDTH_CHARS) -> bool:
    """Is there too little room for a table of many columns, which needs so many characters?"""
    return screen.width < needed_chars


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """One column of a table: its heading, and how a row's cell reads."""

    heading: str
    cell: Callable[[RowT], str]
    is_text: bool = False  # set left, and folded where there is too little room


def table(columns: Sequence[Column[RowT]], rows: Iterable[RowT]) -> Table:
    """Rows below their headings, figures set right."""
    rich_table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "left" if column.is_text else "right"
        rich_table.add_column(column.heading, justify=justify, overflow="fold", no_wrap=not column.is_text)
    for row in rows:
        rich_table.add_row(*(Text(column.cell(row)) for column in columns))
    return rich_table


def string_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[str] = ()
) -> Table:
    """Cells that are written already below their headings, those of `left` set left."""

    def column(index: int, heading: str) -> Column[Sequence[str]]:
        return Column(heading, lambda row: row[index], is_text=heading in left)

    return table([column(i, heading) for i, heading in enumerate(headings)], rows)


def figure_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Sequence[str] = (),
    hidden: Sequence[str] = (),
    folded: Sequence[str] | None = None,
) -> Table:
    """A table of figures, its columns set right but for those of `left`.

    It fits 80 columns: those of `hidden` are not shown, and the cells of `folded` (all, where it is None)
    may take several lines.
    """
    visible_column_indices = [i for i, heading in enumerate(headings) if heading not in hidden]
    rich_table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for heading in (headings[i] for i in visible_column_indices):
        rich_table.add_column(
            TWO_LINE_HEADINGS.get(heading, heading),
            justify="left" if heading in left else "right",
            no_wrap=folded is not None and heading not in folded,
            overflow="fold",
        )
    for row in rows:
        rich_table.add_row(*(row[i] for i in visible_column_indices))
    return rich_table


class _RateColumn(ProgressColumn):
    """How much is done of how much, and how much a second."""

    def render(self, task: Task) -> Text:
        unit_name = task.fields["unit"]
        total_text = "" if task.total is None else f" of {task.total:,.0f}"
        rate_text = f", {task.speed:,.1f} {unit_name}/s" if task.speed else ""
        return Text(f"{task.completed:,.0f}{total_text} {unit_name}{rate_text}")


_OPEN_BARS: list[Progress] = []  # a screen holds one live display: a task within a task is a line of its bar


@contextmanager
def progress_bar(task: str, *, total: float | None, unit: str) -> Iterator[Advance]:
    """A bar for this task while the context lasts; nothing is left of it afterwards."""
    if _OPEN_BARS:
        open_bar = _OPEN_BARS[0]
        task_id = open_bar.add_task(task, total=total, unit=unit)
        try:
            yield lambda amount: open_bar.advance(task_id, amount)
        finally:
            open_bar.remove_task(task_id)
        return
    console = Console(stderr=True)
    progress_columns = (TextColumn("{task.description}"), BarColumn(), _RateColumn(), TimeRemainingColumn())
    with Progress(
        *progress_columns, console=console, transient=True, disable=not console.is_terminal
    ) as open_bar:
        _OPEN_BARS.append(open_bar)
        try:
            task_id = open_bar.add_task(task, total=total, unit=unit)
            yield lambda amount: open_bar.advance(task_id, amount)
        finally:
            _OPEN_BARS.remove(open_bar)
