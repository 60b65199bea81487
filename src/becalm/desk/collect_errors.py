"""Several things are asked; all that is wrong with any of them is told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, overload

from becalm.terms import BecalmError, Fault

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


class _Together(Protocol):
    @overload
    def __call__(self, first: Callable[[], A], second: Callable[[], B], /) -> tuple[A, B]: ...
    @overload
    def __call__(
        self, first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], /
    ) -> tuple[A, B, C]: ...
    @overload
    def __call__(
        self,
        first: Callable[[], A],
        second: Callable[[], B],
        third: Callable[[], C],
        fourth: Callable[[], D],
        /,
    ) -> tuple[A, B, C, D]: ...


def _together(*asks: Callable[[], Any]) -> Any:
    answers, errors = [], list[BecalmError]()
    for ask in asks:
        try:
            answers.append(ask())
        except BecalmError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        faults = tuple(fault for error in errors for fault in _faults(error))
        raise type(errors[0])(f"{len(faults)} faults in {len(errors)} of the inputs", faults)
    return tuple(answers)


together: _Together = _together
"""The answers to two, three or four questions; where some fail, one error of the first one's kind with the
faults of all."""


def _faults(error: BecalmError) -> tuple[Fault, ...]:
    """What is wrong; a message without faults holds its own place and remedy in its sentences."""
    what, _, remedy = error.message.partition(". ")
    return error.faults or (Fault("input", what, remedy.rstrip(".") or "correct it"),)
