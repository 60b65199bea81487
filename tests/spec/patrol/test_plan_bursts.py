"""What a plan gives, refuses and says, on a street with a station at one end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from patrol_requests import KEY, broken_rules, overlap, place, request, shift

from becalm.patrol.core.plan import build_price_list, fit_distribution, plan_bursts
from becalm.patrol.core.plan_inputs import Burst, Dosage, PatrolPolicy, PlanInputs, Span
from becalm.patrol.core.plan_result import PatrolPlan, RouteDistribution
from becalm.patrol.core.replan import ReplanMoment, UnitState, find_unit_state, replan_bursts
from becalm.patrol.core.roster import advise_staggered_starts
from becalm.terms import PlanError

WEEK = [date(2025, 6, 2) + timedelta(days=d) for d in range(7)]


def street(*, visits: float = 3.0, units: int = 2, **more: object) -> PlanInputs:
    """Four places in a row and some units on duty on every day of a week."""
    places = [place(f"p{n}", 400.0 * (n + 1), visits=visits + n) for n in range(4)]
    shifts = [shift(f"u{n}", day=day, hour=7 + n) for day in WEEK for n in range(units)]
    return request(places, shifts, days=7, **more)


def reasons(inputs: PlanInputs) -> str:
    with pytest.raises(PlanError) as caught:
        plan_bursts(inputs, key=KEY)
    return str(caught.value)


def test_every_place_is_expected_to_get_what_it_is_due() -> None:
    plan = plan_bursts(street(), key=KEY)
    due = sum(row.target_visits for row in plan.dosage)
    assert sum(abs(row.expected_visits - row.target_visits) for row in plan.dosage) < 0.01 * due
    assert sum(abs(row.expected_minutes - row.target_minutes) for row in plan.dosage) < 0.02 * due * 15
    assert plan.shortfalls == ()


def test_drawing_many_times_gives_the_visits_that_were_expected() -> None:
    inputs = street()
    distribution = fit_distribution(inputs)
    plans = [plan_bursts(inputs, key=KEY + bytes([n]), distribution=distribution) for n in range(60)]
    for j, row in enumerate(plans[0].dosage):
        mean = np.mean([plan.dosage[j].visits for plan in plans])
        assert abs(mean - row.target_visits) < 4 * row.sd_visits / np.sqrt(60) + 0.01 * row.target_visits


def test_the_same_key_gives_the_same_plan_and_another_key_another() -> None:
    inputs = street()
    plan = plan_bursts(inputs, key=KEY)
    distribution = RouteDistribution.from_json(plan.distribution.as_json())
    assert plan_bursts(inputs, key=KEY, distribution=distribution).bursts == plan.bursts
    assert plan_bursts(inputs, key=KEY + b"!", distribution=distribution).bursts != plan.bursts


def test_the_law_of_another_request_is_refused() -> None:
    distribution = fit_distribution(street())
    other = request([place("elsewhere", 400.0)], [shift("u")])
    with pytest.raises(PlanError, match="has no entry for elsewhere"):
        plan_bursts(other, key=KEY, distribution=distribution)


@pytest.mark.parametrize("slot_minutes", [1, 5])
def test_bursts_start_on_every_minute_alike_and_last_as_the_policy_allows(slot_minutes: int) -> None:
    inputs = street(policy=PatrolPolicy(slot_minutes=slot_minutes))
    distribution = fit_distribution(inputs)
    plans = [plan_bursts(inputs, key=KEY + bytes([n]), distribution=distribution) for n in range(20)]
    bursts = [burst for plan in plans for burst in plan.bursts]
    counts = np.bincount([burst.span.start.minute % 5 for burst in bursts], minlength=5)
    assert np.abs(counts - counts.mean()).max() < 4 * np.sqrt(counts.mean())
    assert {burst.span.minutes for burst in bursts} == {10.0, 15.0, 20.0}


def test_the_entropy_stays_below_its_bound_and_near_it() -> None:
    plan = plan_bursts(street(), key=KEY, bound=True)
    assert 0.9 < plan.entropy_ratio <= 1.0 + 1e-9
    surprise = sum(route.surprise_bits for route in plan.routes)
    assert surprise == pytest.approx(plan.bits, rel=0.1)


def test_a_dearer_way_saves_travel_and_costs_bits() -> None:
    places = [place(f"p{n}", 3_000.0 * (n + 1)) for n in range(5)]
    inputs = request(places, [shift("u", day=day) for day in WEEK], days=7)
    free = plan_bursts(inputs, key=KEY)
    dear = plan_bursts(replace(inputs, policy=PatrolPolicy(travel_weight=0.2)), key=KEY)
    assert dear.travel_share < free.travel_share
    assert dear.bits < free.bits


def test_a_weight_below_zero_makes_going_next_door_rarer() -> None:
    places = [place(f"p{n}", 400.0 * n + 6_000.0 * (n % 2)) for n in range(6)]
    inputs = request(places, [shift("u", day=day) for day in WEEK], days=7)
    flat = plan_bursts(inputs, key=KEY)
    wide = plan_bursts(replace(inputs, policy=PatrolPolicy(travel_weight=-0.2, far_minutes=15)), key=KEY)
    assert next_door(wide) < 0.7 * next_door(flat)
    assert [row.target_visits for row in wide.dosage] == pytest.approx(
        [row.expected_visits for row in wide.dosage], rel=0.02
    )


def next_door(plan: PatrolPlan) -> float:
    """The share of moves between places on the same side of the street's gap."""
    pairs = [pair for route in plan.routes for pair in pairwise(route.bursts)]
    return sum(int(a.hotspot[1]) % 2 == int(b.hotspot[1]) % 2 for a, b in pairs) / len(pairs)


def test_a_plan_is_the_same_on_one_thread_and_on_many(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [place(f"{area}{n}", 400.0 * (n + 1), area=area) for area in ("east", "west") for n in range(3)]
    tours = [shift(f"u {area}", area=area, day=day) for area in ("east", "west") for day in WEEK]
    inputs, plans = request(places, tours, days=7), []
    for workers in (1, 2, 5):
        monkeypatch.setattr("becalm.patrol.core.plan.WORKERS", workers)
        plans.append(plan_bursts(inputs, key=KEY))
    assert plans[0].bursts == plans[1].bursts == plans[2].bursts
    assert plans[0].distribution == plans[1].distribution == plans[2].distribution


def test_no_burst_is_planned_at_a_place_that_is_off_or_in_its_blackout() -> None:
    inputs = street()
    noon = inputs.shifts[0].hours.start + timedelta(hours=3)
    shut = Span(noon, noon + timedelta(hours=2))
    places = (replace(inputs.places[0], blackouts=(shut,)), *inputs.places[1:])
    plan = plan_bursts(replace(inputs, places=places, arms={("p1", WEEK[1]): "off"}), key=KEY)
    assert not [b for b in plan.bursts if b.hotspot == "p0" and overlap(b.span, shut)]
    assert not [b for b in plan.bursts if b.hotspot == "p1" and b.span.start.date() == WEEK[1]]
    assert [b for b in plan.bursts if b.hotspot == "p1" and b.span.start.date() == WEEK[2]]


def test_arms_scale_what_a_place_is_due() -> None:
    arms = {("p0", day): arm for day, arm in zip(WEEK, ["low", "high", "off"], strict=False)}
    plan = plan_bursts(street(arms=arms), key=KEY)
    assert plan.dosage[0].target_visits == pytest.approx(3.0 * (0.5 + 1.5 + 0.0 + 4.0))
    assert plan.dosage[0].expected_visits == pytest.approx(plan.dosage[0].target_visits, rel=0.05)


def test_two_units_meet_at_a_place_only_as_a_pair() -> None:
    places = [place("only", 400.0, visits=20.0, gap_weight=1.0)]
    shifts = [shift("a", pair="both"), shift("b", pair="both")]
    plan_alone = plan_bursts(request(places, shifts), key=KEY)
    assert broken_rules(request(places, shifts), plan_alone) == []
    paired = request(places, shifts, policy=PatrolPolicy(pairing=True))
    meetings = [
        one
        for n in range(10)
        for one, other in _pairs(plan_bursts(paired, key=KEY + bytes([n])).bursts)
        if overlap(one.span, other.span)
    ]
    assert meetings


def _pairs(bursts: tuple[Burst, ...]) -> list[tuple[Burst, Burst]]:
    return [(one, other) for one in bursts for other in bursts if one.unit < other.unit]


def test_a_night_of_23_hours_is_planned_in_utc() -> None:
    night = date(2025, 3, 29)  # the clocks go forward at 01:00 on the 30th
    inputs = request([place("p", 400.0, visits=4.0)], [shift("u", day=night, hour=22, hours=8.0)], days=1)
    plan = plan_bursts(inputs, key=KEY)
    assert broken_rules(inputs, plan) == []
    assert plan.bursts[0].span.start.utcoffset() == timedelta(0)


def test_what_stands_from_before_is_kept_clear_of() -> None:
    inputs = request([place("p", 400.0, visits=6.0, gap_weight=0.0, gap_minutes=60)], [shift("u")])
    start = inputs.shifts[0].hours.start + timedelta(hours=3)
    before = Burst("other", "p", Span(start, start + timedelta(minutes=15)))
    plan = plan_bursts(replace(inputs, earlier=(before,)), key=KEY)
    hour = timedelta(minutes=60)
    assert plan.bursts
    assert all(b.span.end + hour <= start or b.span.start >= before.span.end + hour for b in plan.bursts)


def test_bursts_of_the_period_before_weigh_only_at_its_end() -> None:
    inputs = request([place("p", 400.0, visits=3.0)], [shift("u")])
    midnight = inputs.shifts[0].hours.start - timedelta(hours=8)
    late_burst = Burst("other", "p", Span(midnight - timedelta(minutes=30), midnight - timedelta(minutes=15)))
    plan = plan_bursts(inputs, key=KEY)
    assert (
        plan_bursts(replace(inputs, earlier=(late_burst,)), key=KEY, distribution=plan.distribution).bursts
        == plan.bursts
    )
    assert plan.bursts


def test_every_reason_is_named_at_once() -> None:
    places = [place("far", 90_000.0), place("orphan", 400.0, area="south"), place("near", 400.0)]
    message = reasons(request(places, [shift("u"), shift("v", hours=0.5, meal_minutes=45)]))
    for words in (
        "hotspot far",
        "area south has no unit",
        "lasts 30 minutes and is shorter than its meal of 45",
    ):
        assert words in message
    assert "near" not in message.replace("nearer", "")
    assert "nothing was planned" in message


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (request([place("p", 400.0)], []), "no unit is on duty"),
        (request([], [shift("u")]), "there is no hotspot"),
        (
            request([place("p", 400.0)], [shift("u"), shift("v", area="west")]),
            "has 1 unit-shifts and no hotspot",
        ),
        (request([place("p", 400.0, visits=80.0)], [shift("u")]), "wants 1,200 minutes of bursts in 1 days"),
        (request([place("p", 400.0)], [shift("u"), shift("u", hour=9)]), "begins before the previous one"),
        (request([place("p", 400.0)], [shift("u", base="nowhere")]), "its base 'nowhere' is not known"),
        (request([place("p", 400.0)], [shift("u", mode="cycle")]), "no table for units that travel by cycle"),
        (request([place("p", 400.0)], [shift("u")], zone="Europe/Nowhere"), "no time zone"),
        (request([place("p", 400.0)] * 2, [shift("u")]), "is listed 2 times"),
        (
            request([place("p", 400.0)], [shift("u", day=date(2025, 6, 9))], first_day=WEEK[0]),
            "does not begin",
        ),
        (request([place("p", 400.0, gap_weight=2.0)], [shift("u")]), "with weight 2.0"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_its_reason(inputs: PlanInputs, words: str) -> None:
    assert words in reasons(inputs)


def test_a_target_beyond_what_units_can_give_is_a_shortfall_with_a_remedy() -> None:
    inputs = street(visits=1.0)
    greedy = replace(inputs.places[0], dosage=Dosage(30.0, 300.0), gap_weight=0.0, gap_minutes=45)
    plan = plan_bursts(replace(inputs, places=(greedy, *inputs.places[1:])), key=KEY)
    (short,) = [s for s in plan.shortfalls if s.hotspot == "p0"]
    assert short.expected_visits < short.target_visits
    assert "visits a day, or about" in short.remedy
    assert broken_rules(inputs, plan) == []


def test_no_area_gets_more_than_its_share_of_all_minutes() -> None:
    places = [place("n", 400.0, visits=9.0), place("s", 800.0, visits=3.0, area="south")]
    shifts = [shift("u"), shift("v", area="south")]
    capped = request(places, shifts, policy=PatrolPolicy(area_share_cap=0.6))
    plan = plan_bursts(capped, key=KEY)
    expected = {row.hotspot: row.expected_minutes for row in plan.dosage}
    assert expected["n"] / (expected["n"] + expected["s"]) == pytest.approx(0.6, abs=0.02)
    assert [s.hotspot for s in plan.shortfalls] == ["n"]


def test_a_sick_unit_keeps_what_it_has_done_and_others_stay_as_they_are() -> None:
    inputs = street()
    plan = plan_bursts(inputs, key=KEY)
    at = inputs.shifts[0].hours.start + timedelta(hours=4)
    now = ReplanMoment(plan.distribution, plan.routes, at, 1, KEY)
    (route,) = replan_bursts(inputs, now, (UnitState("u0", at, "station", on_duty=False),))
    old = next(r for r in plan.routes if r.unit == "u0" and r.day == WEEK[0])
    assert route.bursts == tuple(b for b in old.bursts if b.span.start <= at)
    assert route.replan == 1


def test_a_replan_with_another_number_is_another_draw() -> None:
    inputs = street()
    plan = plan_bursts(inputs, key=KEY)
    at = inputs.shifts[0].hours.start + timedelta(hours=1)
    old = next(r for r in plan.routes if r.unit == "u0" and r.day == WEEK[0])
    state = (find_unit_state(inputs, old, at),)
    redrawn_routes = [
        replan_bursts(inputs, ReplanMoment(plan.distribution, plan.routes, at, n, KEY), state)[0]
        for n in (1, 1, 2)
    ]
    assert redrawn_routes[0] == redrawn_routes[1]
    assert redrawn_routes[0].bursts != redrawn_routes[2].bursts
    with pytest.raises(PlanError, match="not on tour"):
        replan_bursts(
            inputs,
            ReplanMoment(plan.distribution, plan.routes, at, 1, KEY),
            (UnitState("nobody", at, "station"),),
        )


def test_the_price_list_shows_what_a_hard_gap_and_dear_travel_cost() -> None:
    places = [place(f"p{n}", 1_500.0 * (n + 1), visits=3.0) for n in range(4)]
    inputs = request(places, [shift(f"u{n}", day=day) for day in WEEK for n in range(2)], days=7)
    prices = {
        price.rule: price for price in build_price_list(inputs, key=KEY, area="north", attack=lambda _: 0.0)
    }
    policy_price = prices["the policy as it is"]
    assert prices["a hard gap of 45 minutes"].entropy_ratio < policy_price.entropy_ratio
    assert prices["one burst length"].bits_per_tour < policy_price.bits_per_tour
    assert prices["travel at 0.12 nats a minute"].travel_share < policy_price.travel_share
    quota, no_catch_up = (
        prices[f"{rule} of visits owed{end}"]
        for rule, end in (("almost a quota: catch-up", " at 0.5"), ("no catch-up", ""))
    )
    assert quota.dosage_error < no_catch_up.dosage_error
    assert policy_price.gain == 0.0


def test_units_that_all_start_at_once_are_advised_to_stagger() -> None:
    together = tuple(shift(f"u{n}", day=day) for day in WEEK for n in range(4))
    (advice,) = advise_staggered_starts(together)
    assert advice.units_together == 4
    assert advice.later_minutes == (0, 15, 30, 45)
    spread = tuple(shift(f"u{n}", day=day, hour=7 + n) for day in WEEK for n in range(4))
    assert advise_staggered_starts(spread) == ()
