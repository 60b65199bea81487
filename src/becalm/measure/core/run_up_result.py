"""The months before and through a period, beside the same months of the baseline year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class RunUpMonth:
    """The total of one month and of its like in the baseline year; None where the records do not reach.

    `compared` is True for the months that the comparison itself is about.
    """

    start: date
    old_start: date
    new: int | None
    old: int | None
    compared: bool


@dataclass(frozen=True, slots=True)
class RunUp:
    """The total, month by month, up to and through the period.

    `left_out` are offence groups that are in no total.
    """

    months: tuple[RunUpMonth, ...]
    source: str
    as_of: date
    left_out: tuple[str, ...] = ()
