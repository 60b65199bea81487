"""What could the trial see? Stated before it begins, from the counts to be expected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.stats import norm

from becalm.patrol.core.nouns import Arm, PatrolPlace
from becalm.terms import QuestionError

EXPECTED_DAYS = 30.0  # what a place's expected count is of
LEAST_EVENTS = 10.0  # per arm; below, the normal approximation of the log ratio says nothing
GOOD_POWER = 0.8

LEAST_FIRST: Final[tuple[Arm, ...]] = ("off", "low", "", "high")


@dataclass(frozen=True, slots=True)
class Power:
    """The chance to find an effect of this size, and the least effect that is found four times in five.

    Effects are shares that are prevented (0.2: a fifth fewer) in `treated` against `control`.
    """

    control: Arm
    treated: Arm
    days: int
    expected_control: float  # events
    expected_treated: float  # events, were there no effect
    dispersion: float  # variance over mean
    level: float
    effect: float
    power: float
    detectable: float | None  # None where not even a fall to nothing would be found
    days_needed: int | None  # to find `effect` four times in five
    method: str = "log ratio of two overdispersed Poisson counts, normal approximation"


def trial_power(
    places: Sequence[PatrolPlace],
    arms: Sequence[Arm],
    *,
    days: int,
    effect: float,
    dispersion: float = 1.0,
    level: float = 0.95,
) -> Power:
    """How likely is the trial to find an effect, comparing its strongest arm with its weakest?

    With E events expected in each arm, log of the ratio of counts has the variance phi (1 / E + 1 / (E (1 -
    effect))); power = Phi(|log(1 - effect)| / sd - z). Every place is in every arm on some days, so that
    differences between places drop out. `effect` is of being in the strong arm all day; spillover and what
    is not delivered weaken it.

    Sources: Gail, Biometrics 30 (1974) 231-237, on comparing two Poisson counts; McCullagh and Nelder,
    Generalized Linear Models (1989), section 6.2, on dispersion.

    Raises
    ------
    QuestionError
        where an argument makes no sense, or too few events are to be expected to say anything.
    """
    _require(effect, dispersion, level)
    daily = sum(p.harm for p in places) / EXPECTED_DAYS
    ranked = sorted(arms, key=LEAST_FIRST.index)
    if len(ranked) < 2:
        raise QuestionError("A trial compares at least two arms. Name them in the policy's [arms].")
    events = daily * days / len(ranked)
    if events < LEAST_EVENTS:
        raise QuestionError(
            f"Only {events:.1f} events are to be expected in each arm in {days} days: no trial can be read "
            f"from so few. Have at least {LEAST_EVENTS:g}: take more days or more places."
        )
    return Power(
        control=ranked[0],
        treated=ranked[-1],
        days=days,
        expected_control=events,
        expected_treated=events,
        dispersion=dispersion,
        level=level,
        effect=effect,
        power=power_of(events, effect, dispersion, level),
        detectable=_detectable(events, dispersion, level),
        days_needed=_days_needed(daily / len(ranked), effect, dispersion, level),
    )


def power_of(events: float, effect: float, dispersion: float, level: float) -> float:
    """The chance that an effect of this size shows at this level with so many events in each arm.

    >>> round(power_of(100.0, 0.3, 1.0, 0.95), 2)
    0.63
    """
    sd = math.sqrt(dispersion * (1.0 / events + 1.0 / (events * (1.0 - effect))))
    shift = -math.log1p(-effect) / sd
    z = float(norm.isf((1.0 - level) / 2.0))
    return float(norm.sf(z - shift) + norm.cdf(-z - shift))


def _detectable(events: float, dispersion: float, level: float) -> float | None:
    """To a thousandth; near 1 the approximation fails, for nothing is left to count."""
    effects = (n / 1000 for n in range(1, 951))
    return next((e for e in effects if power_of(events, e, dispersion, level) >= GOOD_POWER), None)


def _days_needed(daily: float, effect: float, dispersion: float, level: float) -> int | None:
    if effect == 0.0 or daily == 0.0:
        return None
    z = float(norm.isf((1.0 - level) / 2.0) + norm.isf(1.0 - GOOD_POWER))
    events = dispersion * (1.0 + 1.0 / (1.0 - effect)) * (z / math.log1p(-effect)) ** 2
    return math.ceil(events / daily)


def _require(effect: float, dispersion: float, level: float) -> None:
    if not 0.0 <= effect < 1.0:
        raise QuestionError(f"An effect of {effect} is no share that is prevented. Give 0.2 for a fifth.")
    if dispersion < 1.0 or not 0.0 < level < 1.0:
        raise QuestionError(
            f"Dispersion {dispersion} must be 1 or more and the level {level} between 0 and 1."
        )
