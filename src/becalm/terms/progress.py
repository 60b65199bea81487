"""How long work says how far it has come, without knowing who listens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[float], None]
"""Called with how much more is done, in the unit of the task."""


def ignore_progress(_amount: float) -> None:
    """Tell nobody: where the one who asks does not listen."""


class Progress(Protocol):
    """Where tasks are shown; a door makes one, the desk carries it."""

    def __call__(self, task: str, *, total: float | None, unit: str) -> AbstractContextManager[Advance]:
        """Show a task of this size while the context lasts."""


@contextmanager
def silent_progress(task: str, *, total: float | None, unit: str) -> Iterator[Advance]:  # noqa: ARG001 - the shape of Progress
    """Show nothing: for programs, tests and files."""
    yield lambda _amount: None
