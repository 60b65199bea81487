"""Several questions are asked; all that is wrong with any of them is reported at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from becalm.terms import BecalmError, Fault

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


@overload
def collect_errors(first: Callable[[], A], second: Callable[[], B], /) -> tuple[A, B]: ...
@overload
def collect_errors(
    first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], /
) -> tuple[A, B, C]: ...
@overload
def collect_errors(
    first: Callable[[], A], second: Callable[[], B], third: Callable[[], C], fourth: Callable[[], D], /
) -> tuple[A, B, C, D]: ...
def collect_errors(*questions: Callable[[], Any]) -> Any:
    """Answer two, three or four questions; where some fail, raise one error of the first one's kind.

    It holds the faults of all.
    """
    answers, errors = [], list[BecalmError]()
    for question in questions:
        try:
            answers.append(question())
        except BecalmError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        faults = tuple(fault for error in errors for fault in _faults_in(error))
        raise type(errors[0])(f"{len(faults)} faults in {len(errors)} of the inputs", faults)
    return tuple(answers)


def _faults_in(error: BecalmError) -> tuple[Fault, ...]:
    """What is wrong; a message without faults holds its own place and remedy in its sentences."""
    problem, _, remedy = error.message.partition(". ")
    return error.faults or (Fault("input", problem, remedy.rstrip(".") or "correct it"),)
