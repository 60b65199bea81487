"""One bar for all long work: on standard error, with rate and remaining time; silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from becalm.terms import Advance


class _RateColumn(ProgressColumn):
    """How much is done of how much, and how much a second."""

    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        total = "" if task.total is None else f" of {task.total:,.0f}"
        rate = f", {task.speed:,.1f} {unit}/s" if task.speed else ""
        return Text(f"{task.completed:,.0f}{total} {unit}{rate}")


@contextmanager
def progress_bar(task: str, *, total: float | None, unit: str) -> Iterator[Advance]:
    """A bar for this task while the context lasts; nothing is left of it afterwards."""
    console = Console(stderr=True)
    columns = (TextColumn(task), BarColumn(), _RateColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task(task, total=total, unit=unit)
        yield lambda amount: bar.advance(shown, amount)
