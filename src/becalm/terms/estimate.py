"""A number that says how sure it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, its confidence level and the method that gave them."""

    value: float
    low: float
    high: float
    level: float
    method: str

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"The level {self.level} is not between 0 and 1. Give 0.95 for 95 %.")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"The interval {self.low} to {self.high} does not hold the value {self.value}.")
