"""Sisters: the evidence of a climb added over the series of a group, where not all of them need rise.

Each series of the group takes part in a climb with chance RISING_CHANCE; all that do begin together, with
one duration and size. With the likelihood ratio of series s being r_s, the group's is the product of
1 - p + p r_s; these are summed over climbs as in `ramp`. Groups may share series: a table's rows and its
columns.

Source: Xie and Siegmund, Annals of Statistics 41 (2013) 670-692, equation 2.4.
"""

import math
from typing import Final

import numpy as np
from numba import njit, prange

from becalm.methods.alarms.ramp import log_likelihood_ratios, sum_evidence
from becalm.methods.alarms.watched_counts import WatchedCounts
from becalm.methods.arrays import Bools, Floats, Singles

RISING_CHANCE: Final = 0.3


def sisters(watched: WatchedCounts) -> Floats:
    """The logarithm of the summed likelihood ratios of all climbs, for each group and time.

    Raises ValueError where `members` does not say which series make a group.
    """
    if watched.members is None:
        raise ValueError("No groups: say in `members` which series belong to which.")
    log_ratios = log_likelihood_ratios(watched.filled_counts, watched.filled_expected, watched.excess)
    return group_scores(log_ratios, watched.members)


sisters.watches_groups = True  # type: ignore[attr-defined]  # what a loader of alarms reads


def group_scores(log_ratios: Singles, members: Bools) -> Floats:
    """The score of each group (row of `members`) at each time, from the evidence of each series."""
    likelihood_shares = np.empty_like(log_ratios)
    _mix(log_ratios.reshape(-1), likelihood_shares.reshape(-1))
    scores = np.empty((len(members), log_ratios.shape[1]))
    for group, is_member in enumerate(members):
        summed_ratios = likelihood_shares[is_member].sum(axis=0)
        summed_ratios[np.isneginf(log_ratios[is_member][0])] = -np.inf  # climbs that have not begun
        scores[group] = sum_evidence(summed_ratios)
    return scores


@njit(cache=True, nogil=True, parallel=True)
def _mix(log_ratios, shares):  # type: ignore[no-untyped-def]  # a kernel
    """log(1 - p + p r) of each likelihood ratio r, without overflow."""
    log_chance, log_rest = math.log(RISING_CHANCE), math.log(1.0 - RISING_CHANCE)
    for i in prange(log_ratios.shape[0]):
        if log_ratios[i] > 30.0:
            shares[i] = log_ratios[i] + log_chance
        elif log_ratios[i] < -17.0:  # adds less than a number of this precision holds
            shares[i] = log_rest
        else:
            shares[i] = math.log(1.0 - RISING_CHANCE + RISING_CHANCE * math.exp(log_ratios[i]))
