"""Periods of whole civil days, and the ways in which people write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from becalm.terms.errors import UsageError


@dataclass(frozen=True, slots=True)
class Period:
    """Whole civil days in the city's zone; `start` included, `end` excluded."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise UsageError(
                f"The period ends on {self.end}, not after its start {self.start}. "
                "Give the day after the last day you want counted."
            )

    @property
    def days(self) -> int:
        """How many civil days it holds."""
        return (self.end - self.start).days

    @property
    def is_whole_months(self) -> bool:
        """Whether it starts and ends on the first of a month."""
        return self.start.day == 1 and self.end.day == 1

    @property
    def months(self) -> tuple[str, ...]:
        """Every month it touches, written YYYY-MM."""
        months = []
        first = self.start.replace(day=1)
        while first < self.end:
            months.append(f"{first:%Y-%m}")
            first = (first + timedelta(days=32)).replace(day=1)
        return tuple(months)
