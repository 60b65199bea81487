"""How floating boxes were laid, and what of their catch lasts."""

from __future__ import annotations

from dataclasses import dataclass

from becalm.terms.estimate import Estimate


@dataclass(frozen=True, slots=True)
class BoxTrial:
    """What boxes laid earlier held, promised and then caught; all are shares of the target's incidents.

    Boxes lie where records are densest, so some of what they hold is luck that will not come again. To see
    how much, boxes were laid on the months up to `laid_to` alone and watched from `first_month` to
    `last_month`. The best `count` of them `held` one share in the months that they were laid on, the score
    `promised` another, and they caught `later` (with its interval). `kept` is later over promised, at most 1;
    all that a list expects of boxes is multiplied by it.
    """

    side_m: float
    count: int
    laid_to: str
    first_month: str
    last_month: str
    held: float
    promised: float
    later: Estimate
    kept: float
