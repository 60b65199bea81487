"""How good are forecast chances of events that happen or do not?

The area under the curve as the chance that an event outranks a non-event: J. A. Hanley and B. J. McNeil, "The
meaning and use of the area under a receiver operating characteristic (ROC) curve", Radiology 143 (1982).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from becalm.methods.arrays import Bools, Floats, Ints

LEAST_CHANCE = 1e-6
RANK_CLASSES = 4096


@dataclass(frozen=True, slots=True)
class Calibration:
    """Groups of equally many forecasts, lowest first: the mean chance in each, and what share happened."""

    chance: Floats
    happened: Floats
    group: Ints  # of every forecast


def area_under_curve(chance: Floats, happened: Bools) -> float:
    """How likely is an event to have had a higher chance than a non-event? Ties count half; 0.5 is no skill.

    >>> area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    events = int(happened.sum())
    others = len(happened) - events
    if not events or not others:
        return 0.5
    return float((rankdata(chance)[happened].sum() - events * (events + 1) / 2) / (events * others))


def log_losses(chance: Floats, happened: Bools) -> Floats:
    """The surprise of each outcome, in nats."""
    held = np.clip(chance, LEAST_CHANCE, 1.0 - LEAST_CHANCE)
    return -np.log(np.where(happened, held, 1.0 - held))


def calibrate(chance: Floats, happened: Bools, *, groups: int = 10) -> Calibration:
    """Do events happen as often as was said, from the lowest forecasts to the highest?

    Groups are equal in size but for rounding; equal chances are split in the order given.
    """
    order = np.argsort(chance, kind="stable")
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.arange(len(order)) * groups // max(len(order), 1)
    sizes = np.maximum(np.bincount(group, minlength=groups), 1)
    return Calibration(
        chance=np.bincount(group, chance, groups) / sizes,
        happened=np.bincount(group, happened, groups) / sizes,
        group=group,
    )


def curve_areas_resampled(chance: Floats, happened: Bools, block: Ints, weights: Floats) -> Floats:
    """The area under the curve where block b counts `weights[r, b]` times, for every round r.

    Forecasts are put into 4,096 classes of equal size by rank, ties within a class counting half: the areas
    are right to about 1e-4, and differences between rounds to far less.
    """
    classes = (rankdata(chance) - 1.0) * RANK_CLASSES // max(len(chance), 1)
    place = block * RANK_CLASSES + classes.astype(np.int64)
    shape = (weights.shape[1], RANK_CLASSES)
    size = shape[0] * shape[1]
    events = weights @ np.bincount(place[happened], minlength=size).reshape(shape)
    others = weights @ np.bincount(place[~happened], minlength=size).reshape(shape)
    below = np.cumsum(others, axis=1) - others / 2
    pairs = events.sum(axis=1) * others.sum(axis=1)
    return np.where(pairs > 0, (events * below).sum(axis=1) / np.maximum(pairs, 1e-300), 0.5)
