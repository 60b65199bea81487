"""What an evaluation answers: estimates with intervals, checks, refusals, other choices."""

from dataclasses import dataclass
from typing import Literal

from becalm.terms import Estimate

Scale = Literal["ratio", "difference"]


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

    @property
    def main(self) -> NamedEstimate | None:
        """The estimate that the question is answered with."""
        return self.estimates[0] if self.estimates else None
