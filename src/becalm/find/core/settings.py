"""What the search for hotspots may be told; every default is in this one place."""

import math
from dataclasses import dataclass

from becalm.terms import UsageError


@dataclass(frozen=True, slots=True)
class FindSettings:
    """How hotspots are sought. An empty one is the default.

    `count` places are listed, their centres at least `separation_m` apart. `level` is that of every
    interval of the list. `near_m` and `around_m` are the standard deviations of the two circles of
    neighbours. Their half-life is chosen among `half_lives` (months; infinite is plain counting); a place's
    own memory mixes those of `own_half_lives`, and near repeats fade with `repeat_half_life`. All is fitted
    on the last `training_months` that have `least_history` months before them. A record with a window of at
    most `longest_window_h` hours is spread over it in profiles of the week.
    """

    count: int = 250
    separation_m: float = 0.0
    level: float = 0.8
    draws: int = 1000
    near_m: float = 150.0
    around_m: float = 450.0
    half_lives: tuple[float, ...] = (3.0, 6.0, 12.0, 24.0, 48.0, 96.0, math.inf)
    own_half_lives: tuple[float, ...] = (6.0, 24.0, 96.0)
    repeat_half_life: float = 0.5
    training_months: int = 12
    least_history: int = 3
    least_incidents: int = 100
    longest_window_h: float = 12.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"A list of {self.count} places is empty. Ask for at least 1.")
        if not (math.isfinite(self.separation_m) and self.separation_m >= 0.0):
            raise UsageError(f"A separation of {self.separation_m} m is none. Give 0 or more.")
        if not (math.isfinite(self.longest_window_h) and self.longest_window_h >= 0.0):
            raise UsageError(f"A window of {self.longest_window_h} hours is none. Give 0 or more, e.g. 12.")
        if not 0.0 < self.level < 1.0:
            raise UsageError(f"The level {self.level} is not between 0 and 1. Give 0.8 for 80 %.")
        if self.draws < 100:
            raise UsageError(f"{self.draws} draws are too few to state a probability. Give at least 100.")

    @property
    def least_months(self) -> int:
        """The fewest months with which a list can be made."""
        return self.least_history + 1
