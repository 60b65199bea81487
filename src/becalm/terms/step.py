"""A declared step: from this day on, these series stand at another level, and somebody says why."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from becalm.terms.errors import UsageError

StepKind = Literal["lockdown", "programme", "recording", "boundary", "other"]


@dataclass(frozen=True, slots=True)
class Step:
    """The level of some series shifts on `start`, and shifts back on `end` where there is one.

    `groups` and `areas` name the offence groups and areas that it concerns; empty, all of them. `entry` is
    its number in the ledger, `declared_on` the day on which it was written there.

    Raises UsageError where no reason is given, or the end does not come after the start.
    """

    start: date
    kind: StepKind
    reason: str
    groups: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    end: date | None = None
    declared_on: date | None = None
    entry: int | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise UsageError(
                f"The step from {self.start} has no reason. Say with `reason` what changed the level, "
                'for example "first lockdown".'
            )
        if self.end is not None and self.end <= self.start:
            raise UsageError(
                f"The step from {self.start} would end on {self.end}, not after its start. Give a later day."
            )

    def concerns(self, *, group: str | None = None, area: str | None = None) -> bool:
        """Whether it shifts the series of this offence group and area; None stands for all together."""
        return (not self.groups or group in self.groups) and (not self.areas or area in self.areas)
