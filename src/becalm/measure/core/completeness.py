"""How much of a period is on record by now? Learned from former periods at the same age.

The newest month seems to have fallen where offences are reported late. What former months held at the same
age, divided by what they hold now, says by how much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.measure.core.group_series import TOTAL
from becalm.methods.arrays import Floats, Ints
from becalm.tables import KnownCounts

LEAST_WINDOWS: Final = 4
LEAST_RECORDS: Final = 30  # of a group in all former periods together
WHOLE_SHARE: Final = 0.99  # above which nothing is allowed for
LEAST_SHARE: Final = 0.2  # below which nobody can tell
LEAST_DATED_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class KnownShare:
    """The share of a group's records that is on record by now, and the standard error of its logarithm.

    The error holds what former periods differ from one another beyond chance, and the doubt of their mean.
    """

    share: float
    log_error: float


def estimate_known_shares(counts: KnownCounts, *, left_out: tuple[str, ...] = ()) -> dict[str, KnownShare]:
    """Which groups, and which total of them, are known in part only; groups that are whole are not named.

    A group with few records takes the share of the total.

    >>> by_now = np.array([[80, 82, 78, 80], [100, 100, 100, 100]])
    >>> shares = estimate_known_shares(KnownCounts(("late", "prompt"), (), by_now, np.full((2, 4), 100), 0))
    >>> {group: round(share.share, 2) for group, share in shares.items()}
    {'total': 0.9, 'late': 0.8}
    """
    is_kept = np.array([group not in left_out for group in counts.groups], dtype=bool)
    if counts.final_counts.shape[1] < LEAST_WINDOWS or not is_kept.any():
        return {}
    if counts.undated_count > (1 - LEAST_DATED_SHARE) * counts.final_counts.sum():
        return {}
    total = _share_of(counts.known_counts[is_kept].sum(axis=0), counts.final_counts[is_kept].sum(axis=0))
    share_by_group = {TOTAL: total}
    for g, group in enumerate(counts.groups):
        has_enough = counts.final_counts[g].sum() >= LEAST_RECORDS
        share_by_group[group] = (
            _share_of(counts.known_counts[g], counts.final_counts[g]) if has_enough else total
        )
    return {g: share for g, share in share_by_group.items() if LEAST_SHARE <= share.share < WHOLE_SHARE}


def _share_of(known_counts: Ints, final_counts: Ints) -> KnownShare:
    all_count = float(final_counts.sum())
    if not all_count:
        return KnownShare(1.0, 0.0)
    share = float(known_counts.sum()) / all_count
    chance_variance = final_counts * share * (1 - share)
    has_chance = chance_variance > 0
    if not has_chance.any():
        return KnownShare(share, 0.0)
    squares = ((known_counts - share * final_counts)[has_chance] ** 2 / chance_variance[has_chance]).sum()
    phi = max(1.0, float(squares) / max(1, int(has_chance.sum()) - 1))
    usual_count = all_count / len(final_counts)
    # Chance of a single period is in the interval of its count already; only what goes beyond it is added.
    variance = share * (1 - share) * ((phi - 1) / usual_count + phi / all_count)
    return KnownShare(share, float(np.sqrt(variance)) / share if share else 0.0)


def allow_for_late_records(
    known_shares: Mapping[str, KnownShare], groups: tuple[str, ...], new: Ints, old: Ints, dispersion: Floats
) -> tuple[Floats, Floats]:
    """The share of its exposure that each group's new count is of, and the dispersion with the doubt of that.

    Groups that are not named are whole. The variance of the log ratio is dispersion x (1/new + 1/old); the
    doubt of the share is added to it.
    """
    shares = np.array([known_shares[g].share if g in known_shares else 1.0 for g in groups])
    errors = np.array([known_shares[g].log_error if g in known_shares else 0.0 for g in groups])
    with np.errstate(divide="ignore", invalid="ignore"):
        added_dispersion = np.where((new > 0) & (old > 0), errors**2 / (1 / new + 1 / old), 0.0)
    return shares, np.asarray(dispersion + np.where(np.isfinite(added_dispersion), added_dispersion, 0.0))


def describe_late_records(known_shares: Mapping[str, KnownShare], labels: Mapping[str, str]) -> str:
    """What must be said of groups that are still being written down; "" where none is."""
    share_and_label = sorted((k.share, labels[g]) for g, k in known_shares.items() if g in labels)
    if not share_and_label:
        return ""
    group_text = ", ".join(f"{label} {100 * share:.0f}%" for share, label in share_and_label)
    return (
        "Late records: changes allow for what is still to be written down; counts are as recorded. On record "
        f"by now, judged by former periods: {group_text}."
    )
