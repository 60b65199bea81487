"""What an evaluation answers: estimates with intervals, checks, refusals, other choices."""

from dataclasses import dataclass, replace
from typing import Literal

from becalm.terms import Estimate

Scale = Literal["ratio", "difference", "per 100 officer-hours"]


@dataclass(frozen=True, slots=True)
class NamedEstimate:
    """One estimate of the effect: on a ratio 1 is no effect, on a difference 0 is."""

    name: str
    scale: Scale
    estimate: Estimate
    p_value: float

    @property
    def shows_effect(self) -> bool:
        """Whether its interval leaves out no effect."""
        no_effect = 1.0 if self.scale == "ratio" else 0.0
        return not self.estimate.low <= no_effect <= self.estimate.high


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold for the answer to mean what it says, and what was seen."""

    check: str
    holds: bool
    says: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What cannot be answered, why, and what could be instead."""

    what: str
    why: str
    instead: str


@dataclass(frozen=True, slots=True)
class IdentifiedRange:
    """How far the counts decide: the effective number of controls, the expected count over all fits."""

    effective_controls: float
    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """The answer under other choices than the registered ones. `estimate` is None where it was refused."""

    choices: str
    estimate: Estimate | None
    is_registered: bool
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class StepEffect:
    """One time before or after the start (-1 is the last before it): treated to control, against that one."""

    step: int
    ratio: Estimate


@dataclass(frozen=True, slots=True)
class ArmTotals:
    """One arm: its units, offences before and after (as its outcome weighs them), and hours where known.

    `before` is for as many days as `after`. A count is None where it is withheld from the public.
    """

    arm: str
    unit_count: int
    before: float | None
    after: float | None
    planned_hours: float | None = None
    delivered_hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The whole answer of one run. Without estimates it is a refusal, and says why."""

    estimates: tuple[NamedEstimate, ...] = ()
    displacement: tuple[NamedEstimate, ...] = ()
    identified: IdentifiedRange | None = None
    breakdown: Estimate | None = None
    expected_by_selection: Estimate | None = None
    checks: tuple[Check, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    choices: tuple[ChoiceRow, ...] = ()
    totals: tuple[ArmTotals, ...] = ()
    steps: tuple[StepEffect, ...] = ()

    @property
    def main(self) -> NamedEstimate | None:
        """The estimate that the question is answered with."""
        return self.estimates[0] if self.estimates else None


def withhold_small(finding: Finding, *, below: int) -> Finding:
    """The finding as the public may see it: no count below `below`, and nothing that gives one away."""
    is_small = [
        [value is not None and value < below for value in (arm.before, arm.after)] for arm in finding.totals
    ]
    if not any(map(any, is_small)):
        return finding
    totals = tuple(
        replace(arm, before=None if small_before else arm.before, after=None if small_after else arm.after)
        for arm, (small_before, small_after) in zip(finding.totals, is_small, strict=True)
    )
    # A difference, with the counts beside it, would give the one that is withheld.
    return replace(
        finding,
        totals=totals,
        estimates=tuple(e for e in finding.estimates if e.scale == "ratio"),
        displacement=tuple(e for e in finding.displacement if e.scale == "ratio"),
        identified=None,
    )
