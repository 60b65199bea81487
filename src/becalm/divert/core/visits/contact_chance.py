"""How likely is somebody met in each part of the day, after the calls that were made so far?

Assumed, not learned: the households of the drawn city, and what a closed door says about them. Everybody with
the same calls has the same chance. In words: whoever was missed by day is tried in the evening or at the
weekend first, and a door that stayed closed often counts a little less while crews are short.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from becalm.divert.core.visits.doors import DoorSettings, daypart_effects, scale_chances
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.methods.arrays import Floats, Ints

NODES = 9  # of the person effect, by Gauss and Hermite
AT_ANOTHER_ADDRESS = 1e-9  # the chance of contact there: above zero, so that its logarithm exists


class HouseholdMix(NamedTuple):
    """Kinds of household: the chance of contact in each daypart [K, D], and how common each is [K]."""

    chance: Floats
    share: Floats


@lru_cache(maxsize=32)
def mix_households(settings: DoorSettings, protocol: VisitProtocol) -> HouseholdMix:
    """The households of the drawn city, by kind and person; the last are not at their address."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    deviation = np.hypot(settings.area_deviation, settings.person_deviation)
    log_odds = (daypart_effects(protocol)[:, None, :] + deviation * nodes[None, :, None]).reshape(
        2 * NODES, -1
    )
    kind_shares = (settings.away_share, 1.0 - settings.away_share)
    share = np.concatenate([part * weights / weights.sum() for part in kind_shares])
    chance = scale_chances(log_odds, settings.mean_chance, share)
    elsewhere = np.full((1, chance.shape[1]), AT_ANOTHER_ADDRESS)
    is_there = 1.0 - settings.wrong_address_share
    return HouseholdMix(
        np.vstack([chance, elsewhere]), np.append(share * is_there, settings.wrong_address_share)
    )


def expected_chances(mix: HouseholdMix, misses: Ints, contacts: Ints) -> Floats:
    """The chance of contact in each daypart [V, D], after so many misses and contacts in each [V, D].

    By Bayes' rule over the kinds of household. Times that were agreed say nothing of usual hours: leave them
    out of both.
    """
    log_weight = misses @ np.log1p(-mix.chance).T + contacts @ np.log(mix.chance).T + np.log(mix.share)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return np.asarray(weight @ mix.chance / weight.sum(axis=1, keepdims=True))
