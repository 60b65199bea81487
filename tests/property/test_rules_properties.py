"""True of every list under every set of rules that can be kept."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.find import Candidates, Rules, choose_places
from becalm.terms import PlaceDecision, QuestionError

NAMES = ("A", "B")
SEEDS = st.integers(0, 2**31)


def ground(seed: int, *, size: int = 24) -> Candidates:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 8, (2, size)) * 100.0
    areas = rng.integers(-1, 2, size)
    return Candidates(rng.gamma(1.0, 1.0, size), x, y, areas, NAMES, {f"p{i}": i for i in range(size)}, 100.0)


RULES = st.builds(
    lambda count, separation, floor, cap, place, include: Rules(
        count=count + 2,
        separation_m=separation,
        floors={"A": floor},
        caps={"B": cap},
        decisions=(PlaceDecision(f"p{place}", include=include, reason="decided"),),
    ),
    st.integers(1, 8),
    st.sampled_from([0.0, 150.0, 300.0]),
    st.integers(0, 2),
    st.integers(0, 4),
    st.integers(0, 23),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(SEEDS, RULES)
def test_a_list_keeps_its_rules_and_no_price_is_negative(seed, rules):
    places = ground(seed)
    try:
        choice = choose_places(places, rules)
    except QuestionError:
        return
    listed = choice.listed_index
    assert len(set(listed.tolist())) == len(listed) <= rules.count
    assert (places.area_index[listed] == 0).sum() >= rules.floors["A"]
    assert (places.area_index[listed] == 1).sum() <= rules.caps["B"]
    (decision,) = rules.decisions
    assert (places.number_by_id[decision.place_id] in listed) == decision.include or not decision.include
    assert decision.include or places.number_by_id[decision.place_id] not in listed
    x, y = places.x_m[listed], places.y_m[listed]
    apart = np.hypot(x[:, None] - x, y[:, None] - y)[np.triu_indices(len(listed), 1)]
    assert (apart >= rules.separation_m).all()
    assert (np.diff(places.expected_values[listed]) <= 0).all()
    for price in choice.selection.prices:
        assert all(gain is None or gain >= 0 for gain in (price.relaxation_gain, price.removal_gain))
        if price.relaxation_gain is not None and price.removal_gain is not None:
            assert price.relaxation_gain <= price.removal_gain + 1e-9


@settings(max_examples=40, deadline=None)
@given(SEEDS, RULES, st.floats(0.1, 10.0))
def test_scaling_what_is_expected_scales_every_price_and_moves_no_place(seed, rules, factor):
    places = ground(seed)
    scaled = Candidates(
        places.expected_values * factor,
        places.x_m,
        places.y_m,
        places.area_index,
        NAMES,
        places.number_by_id,
        places.width_m,
    )
    try:
        one = choose_places(places, rules).selection
    except QuestionError:
        return
    two = choose_places(scaled, rules).selection
    assert np.isclose(two.expected_total, factor * one.expected_total)
    for a, b in zip(one.prices, two.prices, strict=True):
        assert (a.removal_gain is None and b.removal_gain is None) or np.isclose(
            b.removal_gain, factor * a.removal_gain, atol=1e-6
        )
