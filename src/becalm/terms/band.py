"""How far a listed place can be trusted, in three words."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

CORE_FROM: Final = 0.8
MARGINAL_FROM: Final = 0.5


class Band(StrEnum):
    """A word for the probability that a listed place belongs to the true top of the list."""

    core = "core"
    marginal = "marginal"
    watch = "watch"


def band_of(p_top: float) -> Band:
    """Which band does this probability fall into?

    Core from 0.8: plan on it. Marginal from 0.5: more likely in than out. Watch below: it is on the
    list because something must be, and another month may well replace it. The limits are a convention
    of the programme, not a result.

    >>> band_of(0.8), band_of(0.79), band_of(0.2)
    (<Band.core: 'core'>, <Band.marginal: 'marginal'>, <Band.watch: 'watch'>)
    """
    if p_top >= CORE_FROM:
        return Band.core
    return Band.marginal if p_top >= MARGINAL_FROM else Band.watch
