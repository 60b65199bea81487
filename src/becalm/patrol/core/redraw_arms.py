"""A trial whose arms can be drawn again and again, by the very law that drew them: for its analysis."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.routes.bit_exact import derive_key
from becalm.patrol.core.arm_law import ARMS_LABEL, ArmLaw, Arms, keyed_numbers, learn_arm_law
from becalm.patrol.core.plan_inputs import Arm, PatrolPlace
from becalm.patrol.core.policy import ArmRule
from becalm.patrol.core.trial import EXPECTED_DAYS, LEAST_FIRST, Override, assign_blocks, cluster_places
from becalm.terms import Period, PlanError
from becalm.terms.progress import Advance, ignore_progress

MOST_FAILURES = 100  # draws in a row that keep no run short; the real draw would have been refused


def redraw_arms(law: ArmLaw, rng: np.random.Generator) -> Arms:
    """The arms of every cluster and day, drawn once more. Raises PlanError where the rule can't be kept."""
    for _ in range(MOST_FAILURES):
        arms = law.deal(rng.integers(0, 2**64, size=law.most_numbers, dtype=np.uint64))
        if arms is not None:
            return arms
    raise PlanError(f"Runs of at most {law.longest_run} days in one arm cannot be kept by drawing again.")


@dataclass(frozen=True, slots=True, eq=False)
class DrawnTrial:
    """A trial whose arms can be drawn again: its places (metres of the city), days, and arms of each day.

    `arms` (places x days) are numbers in `arm_names`, which run from the weakest to the strongest arm;
    `is_overridden` (places x days) where somebody did otherwise. An override changes no arm.
    """

    hotspots: tuple[str, ...]
    easting_m: Floats
    northing_m: Floats
    first_day: date
    arm_names: tuple[str, ...]
    arms: Arms
    is_overridden: Bools
    cluster_of_place: Ints  # which places were drawn together
    daily_harm: Floats  # what was expected of each place, a day
    dispersion: float  # variance over mean of counts, as the trial was planned
    neighbour_m: float  # within which places were drawn together
    law: ArmLaw
    number_by_rule: Arms  # the number in `arm_names` of each arm of the rule

    @property
    def period(self) -> Period:
        """The days of the trial."""
        return Period(self.first_day, self.first_day + timedelta(days=self.arms.shape[1]))

    def redraw(self, rng: np.random.Generator, *, draws: int, advance: Advance = ignore_progress) -> Arms:
        """The arms of every place and day (draws x places x days), drawn again by the same law."""
        arm_redraws = np.empty((draws, len(self.hotspots), self.period.days), dtype=np.int8)
        for draw in range(draws):
            arm_redraws[draw] = self.number_by_rule[redraw_arms(self.law, rng)[self.cluster_of_place]]
            advance(1)
        return arm_redraws


def build_trial(
    places: Sequence[PatrolPlace],
    rule: ArmRule,
    arm_by_day: Mapping[tuple[str, date], Arm],
    overrides: Sequence[Override],
    *,
    first: date,
    days: int,
    key: bytes,
    dispersion: float = 1.0,
) -> DrawnTrial:
    """The trial that this key drew. Raises PlanError where the arms are not those that it draws."""
    cluster_of_place, law = _learn_law(places, rule, first=first, days=days)
    arm_names = sorted(rule.arms, key=LEAST_FIRST.index)
    number_by_rule = np.array([arm_names.index(arm) for arm in rule.arms], dtype=np.int8)
    key_arms = law.deal(keyed_numbers(derive_key(key, ARMS_LABEL), law.most_numbers))
    dates = [first + timedelta(days=d) for d in range(days)]
    recorded_arms = [[arm_by_day.get((place.hotspot, day)) for day in dates] for place in places]
    drawn_arms = None if key_arms is None else key_arms[cluster_of_place]
    if drawn_arms is None or [[rule.arms[n] for n in row] for row in drawn_arms.tolist()] != recorded_arms:
        raise PlanError(
            "The arms are not those that the trial's key draws. Use the folder as `becalm patrol trial` "
            "wrote it."
        )
    overridden_days = {(override.hotspot, override.day) for override in overrides}
    return DrawnTrial(
        hotspots=tuple(place.hotspot for place in places),
        easting_m=np.array([place.easting_m for place in places]),
        northing_m=np.array([place.northing_m for place in places]),
        first_day=first,
        arm_names=tuple(arm_names),
        arms=number_by_rule[drawn_arms],
        is_overridden=np.array([[(p.hotspot, day) in overridden_days for day in dates] for p in places]),
        cluster_of_place=cluster_of_place,
        daily_harm=np.array([place.harm for place in places]) / EXPECTED_DAYS,
        dispersion=dispersion,
        neighbour_m=rule.neighbour_m,
        law=law,
        number_by_rule=number_by_rule,
    )


def _learn_law(
    places: Sequence[PatrolPlace], rule: ArmRule, *, first: date, days: int
) -> tuple[Ints, ArmLaw]:
    """The cluster of each place, and the law by which clusters get their arms."""
    clusters = cluster_places(places, rule.neighbour_m)
    cluster_by_hotspot = {place.hotspot: c for c, cluster in enumerate(clusters) for place in cluster}
    cluster_of_place = np.array([cluster_by_hotspot[place.hotspot] for place in places], dtype=np.int64)
    return cluster_of_place, learn_arm_law(assign_blocks(clusters, rule, first, days), rule, days=days)


def sum_by_day(trial: DrawnTrial, minutes_by_visit: Iterable[tuple[str, date, float]]) -> Floats:
    """Hours by place and day of the trial; visits elsewhere, or on other days, are left out."""
    row_by_hotspot = {hotspot: row for row, hotspot in enumerate(trial.hotspots)}
    hours = np.zeros(trial.arms.shape)
    for hotspot, day, minutes in minutes_by_visit:
        day_number = (day - trial.first_day).days
        if hotspot in row_by_hotspot and 0 <= day_number < trial.period.days:
            hours[row_by_hotspot[hotspot], day_number] += minutes / 60.0
    return hours
