"""How unpredictable could any plan be that gives each place its visits by hour, and its minutes?

No distribution over plans has more entropy than the sum over units of the largest that each unit by itself
can have, and the dual of that is a bound at whatever multipliers it is taken
(`methods/routes/route_sums`). The bound knows tours, meals, travel and dosage; it knows no gaps, no
closures, no feedback of visits owed and no dearer travel, which is why these have a price. In an area of
many places, near ones are taken together and the shortest way between two groups for all of it, which can
only raise the bound.
"""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import minimize

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.bit_exact import GRID
from becalm.methods.routes.draw_walkers import select_walker
from becalm.methods.routes.route_sums import LANES, expect_visits
from becalm.methods.routes.route_types import RouteDraws
from becalm.patrol.core.area_arrays import AreaArrays
from becalm.patrol.core.draw_tours import expected_minutes_by_room, select_weights
from becalm.patrol.core.fit_distribution import length_steps
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK
from becalm.patrol.core.plan_result import RouteDistribution

BOUND_ROUNDS = 8
MOST_GROUPS = 24  # of places; the work grows with their square
MOST_NATS = 12.0
OVERFLOWN = 1e12  # a dual that doubles cannot hold; far above that of any other


def bound_bits(area: AreaArrays, tours: RouteDraws, distribution: RouteDistribution) -> float:
    """The most bits that any distribution could have which is expected to give what these tours were."""
    hour_weights, length_weights, _ = select_weights(distribution, area)
    mean_minutes = (tours.visits_by_room * expected_minutes_by_room(area, length_weights)).sum(axis=1)
    mean_minutes /= np.maximum(tours.visits_by_room.sum(axis=1), 1e-9)
    due_visits = tours.expected_by_hour.sum(axis=1)
    dual = build_dual(area, hour_weights / GRID, tours.expected_by_hour, due_visits * mean_minutes)
    steps, n = length_steps(area.policy.burst_minutes), len(area.places)
    start_lengths = length_weights @ steps / (steps @ steps) / GRID if steps.any() else np.zeros(n)
    start_point = np.concatenate([np.full(n, 1.0), np.zeros(HOURS_OF_WEEK), start_lengths])
    expected_hours = np.maximum(dual.due_by_hour.sum(axis=0), 1e-2)
    parameter_scales = np.sqrt(
        np.concatenate([np.maximum(due_visits, 1e-2), expected_hours, np.maximum(due_visits, 1e-2)])
    )
    dual_optimum = minimize(
        lambda x: dual.value(x / parameter_scales, parameter_scales),
        start_point * parameter_scales,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-MOST_NATS * scale, MOST_NATS * scale) for scale in parameter_scales],
        options={"maxiter": BOUND_ROUNDS, "maxfun": BOUND_ROUNDS + 4, "maxcor": 12},
    )
    # Every value of the dual is a bound: a fit that went astray makes it looser, never wrong.
    return float(dual_optimum.fun) / float(np.log(2.0))


@dataclass(frozen=True)
class Dual:
    """The dual of one area: tours of each kind, groups of places, and what is due."""

    area: AreaArrays
    hour_nats: Floats  # [n, 168] weights to start from
    due_by_hour: Floats  # [n, 168]
    due_minutes: Floats  # [n]
    group_of_place: Ints
    slots: Ints  # [W, groups + 1, groups] of the shortest way
    home_slots: Ints  # [W, groups + 1]
    kinds: tuple[tuple[int, Ints, Floats], ...]  # mode, tours of up to eight kinds, how many of each
    hour_of_slot: Ints

    def value(self, x: Floats, scales: Floats) -> tuple[float, Floats]:
        """The dual with its gradient by place, by hour and by place for lengths, over `scales`."""
        n, steps = len(self.area.places), length_steps(self.area.policy.burst_minutes)
        place_nats, extra_hour_nats, length_nats = x[:n], x[n : n + HOURS_OF_WEEK], x[n + HOURS_OF_WEEK :]
        hour_nats = self.hour_nats + place_nats[:, None] + extra_hour_nats
        weights = np.exp(hour_nats)[:, :, None] * np.exp(length_nats[:, None] * steps)[:, None, :]
        group_weights = np.zeros((self.slots.shape[2], HOURS_OF_WEEK, len(steps)))
        np.add.at(group_weights, self.group_of_place, weights)
        group_visits, log_z = np.zeros_like(group_weights), 0.0
        for mode, tours, counts in self.kinds:
            visits, kind_log_z = self._expect(mode, tours, counts, group_weights)
            group_visits += visits
            log_z += kind_log_z
        if not np.isfinite(log_z):
            # Too long a step overflows: a huge value with no slope lets the line search come back by itself.
            return OVERFLOWN, np.zeros(x.size)
        expected_visits = weights * (group_visits / np.maximum(group_weights, 1e-300))[self.group_of_place]
        excess_visits = expected_visits.sum(axis=2) - self.due_by_hour
        due_steps = (self.due_minutes - self.due_by_hour.sum(axis=1) * self._middle_minutes) / 5.0
        gradient_parts = (
            excess_visits.sum(axis=1),
            excess_visits.sum(axis=0),
            expected_visits.sum(axis=1) @ steps - due_steps,
        )
        dual_value = log_z - float((hour_nats * self.due_by_hour).sum()) - float(length_nats @ due_steps)
        return dual_value, np.asarray(np.concatenate(gradient_parts) / scales)

    @property
    def _middle_minutes(self) -> float:
        return float(np.mean(self.area.policy.burst_minutes))

    def _expect(self, mode: int, tours: Ints, counts: Floats, group_weights: Floats) -> tuple[Floats, float]:
        """Expected visits by group, hour and length of some tours that set out alike, and their log Z."""
        walkers, walker = self.area.walkers, select_walker(self.area.walkers, int(tours[0]))
        walker = walker._replace(node=min(walker.node, self.slots.shape[2]))
        hour_of_slots = self.hour_of_slot[walkers.first_slot[tours, None] + np.arange(walker.slots + 1)]
        visit_weights = np.zeros((walker.slots + 1, *group_weights.shape[::2], LANES))
        visit_weights[..., : len(tours)] = group_weights[:, hour_of_slots].transpose(2, 0, 3, 1)
        length_slots = self.area.length_slots
        expected, log_z = expect_visits(
            walker, self.slots[mode], self.home_slots[mode], visit_weights, length_slots
        )
        group_visits = np.zeros((HOURS_OF_WEEK, *group_weights.shape[::2]))
        np.add.at(group_visits, hour_of_slots.T, (expected[..., : len(tours)] * counts).transpose(0, 3, 1, 2))
        is_possible = np.isfinite(log_z[: len(tours)]) | (log_z[: len(tours)] > 0)
        return group_visits.transpose(1, 0, 2), float(counts[is_possible] @ log_z[: len(tours)][is_possible])


def build_dual(area: AreaArrays, hour_nats: Floats, due_by_hour: Floats, due_minutes: Floats) -> Dual:
    """The dual of an area, with its tours sorted into kinds."""
    group_of_place = group_places(area)
    group_count, links = int(group_of_place.max()) + 1, area.links
    group_of_node = np.append(group_of_place, group_count)
    slots_between_groups = np.full((len(links.slots), group_count + 1, group_count), links.slots.max())
    home_slots = np.full((len(links.slots), group_count + 1), links.home_slots.max())
    for mode in range(len(links.slots)):
        np.minimum.at(
            slots_between_groups[mode], (group_of_node[:, None], group_of_place[None, :]), links.slots[mode]
        )
        np.minimum.at(home_slots[mode], group_of_node, links.home_slots[mode])
    slot_numbers = np.arange(area.grid.count + 1) * area.grid.slot_minutes // 15
    hour_of_slot = area.grid.hour_of_cell[np.minimum(slot_numbers, len(area.grid.hour_of_cell) - 1)]
    return Dual(
        area=area,
        hour_nats=hour_nats,
        due_by_hour=due_by_hour,
        due_minutes=due_minutes,
        group_of_place=group_of_place,
        slots=slots_between_groups,
        home_slots=home_slots,
        kinds=tuple(_group_kinds(area, hour_of_slot)),
        hour_of_slot=hour_of_slot,
    )


def group_places(area: AreaArrays) -> Ints:
    """The group of each place: near ones together where there are many, else each by itself."""
    if len(area.places) <= MOST_GROUPS:
        return np.arange(len(area.places))
    place_points = np.array([(place.easting_m, place.northing_m) for place in area.places])
    group_numbers = fcluster(linkage(place_points, "complete"), MOST_GROUPS, criterion="maxclust")
    return np.unique(group_numbers, return_inverse=True)[1].astype(np.int64)


def _group_kinds(area: AreaArrays, hour_of_slot: Ints) -> list[tuple[int, Ints, Floats]]:
    """Tours of one kind have one log Z; up to eight kinds that set out alike are summed together."""
    walkers, tours_of_kind = area.walkers, dict[bytes, list[int]]()
    kinds_alike: dict[bytes, list[list[int]]] = {}
    for u in range(len(area.shifts)):
        start, slot_count = int(walkers.first_slot[u]), int(walkers.fields[u, 0])
        alike_key = walkers.fields[u].tobytes() + bytes([int(walkers.mode[u]) % 256])
        kind_key = alike_key + hour_of_slot[start : start + slot_count + 1].tobytes()
        if kind_key not in tours_of_kind:
            tours_of_kind[kind_key] = []
            kinds_alike.setdefault(alike_key, []).append(tours_of_kind[kind_key])
        tours_of_kind[kind_key].append(u)
    return [
        (
            int(walkers.mode[kinds[first][0]]),
            np.array([tours[0] for tours in kinds[first : first + LANES]]),
            np.array([float(len(tours)) for tours in kinds[first : first + LANES]]),
        )
        for kinds in kinds_alike.values()
        for first in range(0, len(kinds), LANES)
    ]
