"""A design before any outcome is read: its arms, balance, gaps, overlaps, and what must be refused."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from becalm.evaluate.core import estimate_trial, study
from becalm.evaluate.core.cohorts import find_start_times
from becalm.evaluate.core.count_study import DatedPoints, count_around
from becalm.evaluate.core.finding import Refusal
from becalm.evaluate.core.past_days import as_places
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts
from becalm.evaluate.core.trial_study import TrialArms
from becalm.methods import randomisation_test as randomisation
from becalm.methods.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class ArmBalance:
    """One arm before the start: its units, and offences before, each unit and day."""

    arm: str
    unit_count: int
    before_per_day: float


@dataclass(frozen=True, slots=True, eq=False)
class DesignView:
    """The design without its outcome.

    `grid` (places x times) is the number of each place's arm, `overlapping_pairs` how many pairs of places
    have rings that share ground; `contrast_hours` are planned and delivered officer-hours between the arms.
    """

    protocol: Protocol
    arm_names: tuple[str, ...]
    grid: Ints
    balance: tuple[ArmBalance, ...]
    balance_p_value: float | None
    missing_months: tuple[str, ...]
    overlapping_pairs: int
    contrast_hours: tuple[float | None, float | None]
    refusals: tuple[Refusal, ...]


def look_at_trial(
    protocol: Protocol, arms: TrialArms, points: DatedPoints, missing_months: tuple[str, ...]
) -> DesignView:
    """A trial before its outcome is read. `points` are of the window before alone."""
    totals = count_around(as_places(arms), points, radius_m=protocol.places.radius_m, ring_m=0.0)
    counts_before = np.tensordot(np.asarray(protocol.outcome.weights), totals.within, axes=1).sum(axis=1)
    daily_counts = counts_before / protocol.windows.before.days
    by_day = np.repeat(daily_counts, arms.arms.shape[1])
    balance = tuple(
        ArmBalance(name, int(is_in_arm.sum()), float(by_day[is_in_arm.ravel()].mean()))
        for number, name in enumerate(arms.arm_names)
        for is_in_arm in (arms.arms == number,)
    )
    hours = tuple(estimate_trial.contrast_hours(arms, h) for h in (arms.planned_hours, arms.delivered_hours))
    return DesignView(
        protocol=protocol,
        arm_names=arms.arm_names,
        grid=arms.arms.astype(np.int64),
        balance=balance,
        balance_p_value=_test_balance(arms, by_day),
        missing_months=missing_months,
        overlapping_pairs=count_overlaps(np.column_stack([arms.easting_m, arms.northing_m]), protocol),
        contrast_hours=(hours[0], hours[1]),
        refusals=tuple(estimate_trial.refuse_contrast(arms)),
    )


def _test_balance(arms: TrialArms, by_day: Floats) -> float | None:
    """Are the arms as alike before as the law makes them?"""
    is_treated = (arms.redraws == arms.strongest).reshape(len(arms.redraws), -1)
    is_control = (arms.redraws == 0).reshape(len(arms.redraws), -1)
    of_day = arms.arms.ravel()
    observed = randomisation.ObservedDraw(of_day == arms.strongest, of_day == 0, of_day / arms.strongest)
    try:
        law = randomisation.learn_law(is_treated, is_control)
        test = randomisation.RandomisationTest(law).observe(by_day, observed)
    except ValueError:
        return None
    return test.p_value(1.0)


def look_at_places(protocol: Protocol, counts: StudyCounts, missing_months: tuple[str, ...]) -> DesignView:
    """A comparison of places before its outcome is read: `counts` hold nothing from the start on."""
    places = counts.places
    balance = tuple(
        ArmBalance(name, int(is_in_arm.sum()), float(counts.before[is_in_arm].mean()) / counts.before_days)
        for name, is_in_arm in (("control", ~places.is_treated), ("treated", places.is_treated))
    )
    time_count = max(counts.panel.shape[1], 2)
    starts = find_start_times(protocol, counts)
    is_after_by_time = (np.arange(time_count) >= starts[:, None]).astype(np.int64)
    order = np.argsort(starts, kind="stable")
    return DesignView(
        protocol=protocol,
        arm_names=("control or before", "treated"),
        grid=is_after_by_time[order],
        balance=balance,
        balance_p_value=None,
        missing_months=missing_months,
        overlapping_pairs=count_overlaps(np.column_stack([places.easting_m, places.northing_m]), protocol),
        contrast_hours=(None, None),
        refusals=study.find_refusals(protocol, counts),
    )


def count_overlaps(xy_m: Floats, protocol: Protocol) -> int:
    """How many pairs of places lie so near that their ground, rings included, overlaps?"""
    reach_m = 2.0 * (protocol.places.radius_m + protocol.places.ring_m)
    return len(cKDTree(xy_m).query_pairs(reach_m))


def blind_protocol(protocol: Protocol) -> Protocol:
    """The protocol with the window before in the place of the one after: so no outcome can be read."""
    windows = replace(protocol.windows, after=protocol.windows.before)
    return replace(protocol, windows=windows)
