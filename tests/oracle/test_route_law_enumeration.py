"""The law over routes against every single route of a small graph, written out one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import route_reference
from route_reference import Step

from becalm.methods.routes import draw_walkers as kernel
from becalm.methods.routes.route_types import (
    CellChances,
    Feedback,
    LinksByMode,
    RouteLattice,
    Walker,
    Walkers,
)

LENGTHS, FIRST_SLOT, SLOTS = np.array([1, 2], dtype=np.int64), 3, 30
WALKS = [
    Walker(slots=8, node=2, pause_done=1, pause_slots=0, pause_first=0, pause_last=-1),
    Walker(slots=8, node=2, pause_done=0, pause_slots=2, pause_first=2, pause_last=4),
    Walker(slots=7, node=0, pause_done=0, pause_slots=3, pause_first=0, pause_last=3),
]


def small_links(seed: int) -> LinksByMode:
    rng = np.random.default_rng(seed)
    slots = rng.integers(1, 3, (1, 3, 2))
    weight = rng.uniform(0.3, 1.5, (1, 3, 2))
    return LinksByMode(slots, weight, slots * 5.0, np.array([[1, 2, 0]]), np.zeros((1, 3)))


def small_lattice(seed: int, *, hard_gap: int = 0) -> RouteLattice:
    rng = np.random.default_rng(seed + 100)
    length_weight = rng.uniform(0.2, 1.0, (2, 2))
    length_weight /= length_weight.sum(axis=1, keepdims=True)
    fits = np.arange(3)[:, None] >= LENGTHS
    fitting = (length_weight[:, None, :] * fits).sum(axis=2)
    shares = length_weight[:, None, :] * fits / np.maximum(fitting, 1e-9)[:, :, None]
    free_slots = np.full((SLOTS, 2), 3, dtype=np.uint8)
    lattice = RouteLattice(
        weight=rng.uniform(0.2, 2.0, (4, 2)),
        row=np.arange(SLOTS) // 3 % 4,
        hour=np.arange(SLOTS) % 5,
        bins=5,
        lengths=LENGTHS,
        length_minutes=LENGTHS * 5,
        length_weight=length_weight,
        fitting_weight=fitting,
        length_entropy=-np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-9)), 0.0).sum(axis=2),
        free_slots=free_slots,
        occupant=np.zeros((1, 1), dtype=np.int64),
        is_near=np.zeros((1, 1), dtype=np.uint8),
        near_weight=np.ones(2),
        gap=np.zeros(2, dtype=np.int64),
        hard_gap=np.array([hard_gap, 0]),
        slot_minutes=1,
        first_minute=0,
    )
    kernel.mark_visit(lattice._replace(hard_gap=np.zeros(2, dtype=np.int64)), 1, 7, 8, 0)
    return lattice


def walkers_of(walk: Walker) -> Walkers:
    return Walkers(
        first_slot=np.array([FIRST_SLOT]),
        fields=np.array([walk], dtype=np.int64),
        mode=np.zeros(1, dtype=np.int64),
        pair=np.zeros(1, dtype=np.int64),
        is_open=np.ones((1, walk.slots + 2), dtype=np.uint8),
    )


def cells_of(count: int) -> CellChances:
    sums, marks = np.zeros((2, count)), np.zeros((2, count), dtype=np.uint8)
    return CellChances(sums, sums.copy(), marks, marks.copy(), np.array([count]), 1)


Case = tuple[Walker, RouteLattice, LinksByMode]


@pytest.fixture(params=[(walk, seed) for walk in WALKS for seed in range(3)])
def case(request: pytest.FixtureRequest) -> Case:
    walk, seed = request.param
    return walk, small_lattice(seed), small_links(seed)


def listed(case: Case) -> dict[tuple[Step, ...], float]:
    walk, lattice, links = case
    chance_of_route: dict[tuple[Step, ...], float] = {}
    routes = route_reference.list_routes(walk, lattice, kernel.select_links(links, 0), FIRST_SLOT)
    for chance, steps in routes:
        chance_of_route[steps] = chance_of_route.get(steps, 0.0) + chance
    return chance_of_route


def test_the_chances_of_all_routes_add_up_to_1(case: Case) -> None:
    assert sum(listed(case).values()) == pytest.approx(1.0, abs=1e-12)


def test_expected_starts_and_entropy_are_those_of_the_list(case: Case) -> None:
    walk, lattice, links = case
    starts, entropy, cells = np.zeros((2, SLOTS)), 0.0, cells_of(SLOTS)
    presence = np.zeros((2, SLOTS + 20))
    for steps, chance in listed(case).items():
        entropy -= chance * np.log(chance)
        for kind, slot, place, number in steps:
            if kind == "visit":
                starts[place, slot] += chance
                presence[place, slot : slot + 5 * int(LENGTHS[number])] += chance
    given = kernel.expect_route(
        lattice, walkers_of(walk), 0, kernel.select_links(links, 0), np.ones(2), cells
    )
    np.testing.assert_allclose(cells.start, starts, atol=1e-12)
    assert given == pytest.approx(entropy, abs=1e-10)
    # A visit of one slot lasts five minutes here, so that presence reaches beyond the slots that it takes.
    np.testing.assert_allclose(cells.presence, presence[:, :SLOTS], atol=1e-12)


def drawn(
    case: Case, draws: np.ndarray, *, with_entropy: bool = True
) -> tuple[tuple[Step, ...], float, np.ndarray]:
    walk, lattice, links = case
    own = lattice._replace(free_slots=lattice.free_slots.copy())
    feedback = Feedback(np.zeros((1, 2)), np.zeros(2), 0.0, np.ones(1))
    routes, count = kernel.draw_routes(
        own, walkers_of(walk), links, feedback, draws[None, :], cells_of(0), with_entropy
    )
    steps = [("visit", *(int(x) for x in row[1:4])) for row in routes.visits[:count]]
    if routes.pause[0, 0] >= 0:
        steps = sorted([*steps, ("pause", int(routes.pause[0, 0]), 0, 0)], key=lambda step: step[1])
    return tuple(steps), float(routes.surprise[0]) if with_entropy else 0.0, routes.expected_visits[0]


@pytest.mark.parametrize("with_entropy", [True, False])
def test_routes_are_drawn_as_often_as_their_chances_say(with_entropy: bool) -> None:
    case = (WALKS[1], small_lattice(1), small_links(1))
    chances, rng, times = listed(case), np.random.default_rng(7), 6_000
    route_counts: dict[tuple[Step, ...], int] = {}
    expected_visits = np.zeros(2)
    for _ in range(times):
        draws = rng.integers(0, 2**64, 80, dtype=np.uint64)
        steps, surprise, expected = drawn(case, draws, with_entropy=with_entropy)
        if with_entropy:
            assert surprise == pytest.approx(-np.log(chances[steps]), abs=1e-9)
        route_counts[steps] = route_counts.get(steps, 0) + 1
        expected_visits += expected / times
    common = [steps for steps, chance in chances.items() if chance * times > 10]
    expected_counts = np.array([chances[steps] * times for steps in common])
    observed_counts = np.array([route_counts.get(steps, 0) for steps in common])
    assert len(common) > 20
    chi2 = float(((observed_counts - expected_counts) ** 2 / expected_counts).sum())
    assert abs(chi2 - len(common)) < 5 * np.sqrt(2 * len(common))
    true_visits = [
        sum(chance * sum(s[0] == "visit" and s[2] == j for s in steps) for steps, chance in chances.items())
        for j in range(2)
    ]
    assert expected_visits == pytest.approx(true_visits, rel=0.05)


def test_a_walk_keeps_its_own_visits_to_a_place_apart() -> None:
    case = (WALKS[0], small_lattice(2, hard_gap=4), small_links(2))
    rng = np.random.default_rng(3)
    for _ in range(300):
        steps, _, _ = drawn(case, rng.integers(0, 2**64, 80, dtype=np.uint64))
        own_visits = [(slot, slot + int(LENGTHS[number])) for _, slot, place, number in steps if place == 0]
        assert all(later[0] - earlier[1] >= 4 for earlier, later in pairwise(own_visits))
