"""Where a value falls on a picture, and which values deserve a mark on the axis."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to positions; `start` may lie right of or below `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where is this value, held inside the picture?"""
        held = min(max(value, self.low), self.high)
        return self.start + (held - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether the value lies on the axis without being held back."""
        return self.low <= value <= self.high


def round_ticks(low: float, high: float, *, about: int = 5) -> tuple[float, ...]:
    """Round values from at or below `low` to at or above `high`, about so many of them.

    >>> round_ticks(0, 74_885, about=4)
    (0.0, 20000.0, 40000.0, 60000.0, 80000.0)
    """
    span = max(high - low, 1e-9)
    step = _round_step(span / max(about, 1))
    first, last = math.floor(low / step), math.ceil(high / step)
    return tuple(round(i * step, 10) for i in range(first, max(last, first + 1) + 1))


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= rough * 0.999_999)
