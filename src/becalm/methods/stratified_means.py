"""Do two arms of a draw within strata differ, by sums alone? For groups whose members must not be listed.

Within each stratum n1 of n1 + n0 members were drawn into the first arm. From each arm's number, sum and sum
of squares the difference of means has the unbiased (or too large) variance s1^2 / n1 + s0^2 / n0. Strata are
joined with weights n1 n0 / (n1 + n0), which are best where the effect is the same everywhere. The ratio of
the joined means has its interval on the log scale, by the delta method.

Sources: Neyman (1923), translated in Statistical Science 5 (1990) 465-472; Mantel and Haenszel, J. of the
National Cancer Institute 22 (1959) 719-748, on the weights; Imbens and Rubin, Causal Inference (2015) ch. 9.
"""

from dataclasses import dataclass

import numpy as np

from becalm.methods.arrays import Floats
from becalm.methods.displacement import Difference, normal_difference


@dataclass(frozen=True, slots=True, eq=False)
class ArmSums:
    """One arm in each stratum: how many members, the sum of their outcomes, and of the squares of these."""

    members: Floats
    sums: Floats
    squares: Floats

    @property
    def means(self) -> Floats:
        """The mean outcome in each stratum."""
        return np.asarray(self.sums / self.members)

    @property
    def mean_variances(self) -> Floats:
        """The variance of that mean, were the members a sample."""
        squared_deviations = np.maximum(self.squares - self.sums**2 / self.members, 0.0)
        return np.asarray(squared_deviations / (self.members - 1.0) / self.members)


def stratified_difference(first: ArmSums, second: ArmSums, *, level: float = 0.95) -> Difference:
    """By how much does the mean of the first arm differ from that of the second?

    Raises ValueError where an arm has fewer than two members in a stratum.
    """
    weights = _weigh(first, second)
    value = float(weights @ (first.means - second.means))
    variance = float(weights**2 @ (first.mean_variances + second.mean_variances))
    return normal_difference(value, variance**0.5, level)


def stratified_log_ratio(first: ArmSums, second: ArmSums, *, level: float = 0.95) -> Difference:
    """The log of the first arm's joined mean over the second's.

    Raises ValueError where an arm has no event at all: such a ratio has no interval.
    """
    weights = _weigh(first, second)
    means = [float(weights @ arm.means) for arm in (first, second)]
    if min(means) <= 0.0:
        raise ValueError("An arm has no event at all, so a ratio has no interval. Use the difference.")
    variance = sum(
        float(weights**2 @ arm.mean_variances) / mean**2
        for arm, mean in zip((first, second), means, strict=True)
    )
    return normal_difference(float(np.log(means[0] / means[1])), variance**0.5, level)


def _weigh(first: ArmSums, second: ArmSums) -> Floats:
    if min(first.members.min(initial=2.0), second.members.min(initial=2.0)) < 2.0 or not len(first.members):
        raise ValueError("Each arm needs two members or more in each stratum, to say how they vary.")
    weights = first.members * second.members / (first.members + second.members)
    return np.asarray(weights / weights.sum())
