"""How a trial's place-days are drawn into arms, and what it could see."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from patrols import first_day, place, policy
from trial_reference import reference_arms

from becalm.patrol.core.redraw_arms import build_trial
from becalm.patrol.core.trial import (
    Override,
    assess_trial_power,
    assign_blocks,
    check_overrides,
    cluster_places,
    compute_power,
    draw_arms,
)
from becalm.terms import PlanError, QuestionError

RULE = policy().arms
KEY = bytes(range(32))


def town(count: int = 24, apart_m: float = 900.0):
    return [place(f"h{i}", east=apart_m * i, harm=float(count - i)) for i in range(count)]


def draw(places=None, rule=RULE, days: int = 14, key: bytes = KEY):
    return draw_arms(places or town(), rule, first=first_day(), days=days, key=key)


def test_every_place_has_one_arm_on_every_day_with_a_known_chance() -> None:
    rows = draw().days
    assert len({(r.hotspot, r.day) for r in rows}) == len(rows) == 24 * 14
    assert {r.propensity for r in rows} == {1 / 3}


def test_arms_are_equal_within_each_block_of_area_tercile_and_weekday() -> None:
    blocks = defaultdict(Counter)
    for row in draw().days:
        blocks[row.block][row.arm] += 1
    assert len(blocks) == 3 * 7
    for arms in blocks.values():
        assert max(arms.values()) - min(arms[a] for a in RULE.arms) <= 1


def test_nobody_stays_in_one_arm_for_more_than_three_days() -> None:
    arms = defaultdict(str)
    for row in draw(days=28).days:
        arms[row.hotspot] += row.arm[0]
    assert all(run not in days for days in arms.values() for run in ("oooo", "llll", "hhhh"))


def test_neighbours_are_drawn_together() -> None:
    places = [*town(6), place("near", east=120.0, harm=0.1)]
    by_place = defaultdict(list)
    for row in draw(places).days:
        by_place[row.hotspot].append(row.arm)
    assert by_place["near"] == by_place["h0"]


def test_a_chain_of_neighbours_is_cut_into_stars_and_the_cuts_are_told() -> None:
    chain = town(12, apart_m=200.0)
    assert max(map(len, cluster_places(chain, 250.0))) <= 3
    arm_draw = draw(chain, rule=replace(RULE, terciles=1))
    assert arm_draw.split_neighbours == 12 - 1 - (12 - arm_draw.clusters)
    assert any("look for spillover" in note for note in arm_draw.notes)


def test_the_same_key_gives_the_same_draw_and_another_key_another() -> None:
    assert draw() == draw()
    assert draw().days != draw(key=b"another key of the same length!!").days


def test_each_arm_comes_up_equally_often_at_each_place_over_many_draws() -> None:
    counts = Counter()
    for n in range(120):
        for row in draw(town(7), days=7, key=n.to_bytes(16, "big")).days:
            counts[row.hotspot, row.arm] += 1
    shares = np.array([counts[h, a] for h in (f"h{i}" for i in range(7)) for a in RULE.arms]) / (120 * 7)
    assert np.abs(shares - 1 / 3).max() < 0.07


def test_runs_that_cannot_be_kept_short_are_refused_with_what_would_help() -> None:
    rule = replace(RULE, arms=("off", "high"), longest_run=1, terciles=1)
    with pytest.raises(PlanError, match="Raise longest_run"):
        draw(town(1), rule=rule, days=13)


def test_an_override_keeps_its_arm_and_needs_somebody_and_a_reason() -> None:
    arm_draw = draw()
    one = arm_draw.days[0]
    sound_override = Override(one.hotspot, one.day, "high", "Insp. Example", "funeral of a victim nearby")
    assert check_overrides(arm_draw, [sound_override]) == pytest.approx(1 / len(arm_draw.days))
    faulty_overrides = [
        replace(sound_override, reason="busy"),
        replace(sound_override, by=" "),
        replace(sound_override, day=one.day - timedelta(days=1)),
    ]
    with pytest.raises(PlanError) as refused:
        check_overrides(arm_draw, faulty_overrides)
    assert len(refused.value.faults) == 3


def test_the_stated_power_is_what_simulated_trials_show() -> None:
    rng = np.random.default_rng(8)
    events, effect, dispersion = 150.0, 0.25, 1.5
    shape = 1 / (dispersion - 1)  # so that each count varies `dispersion` times as much as a Poisson one

    def counts(mean: float) -> np.ndarray:
        return rng.negative_binomial(shape * mean, shape / (shape + 1), 20_000)

    off, high = counts(events), counts(events * (1 - effect))
    z = np.log(high / off) / np.sqrt(dispersion * (1 / off + 1 / high))
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(
        compute_power(events, effect, dispersion, 0.95), abs=0.02
    )


def test_power_says_how_many_days_are_needed_and_the_least_effect_that_shows() -> None:
    stated = assess_trial_power(town(), RULE.arms, days=84, effect=0.2)
    assert (stated.control, stated.treated) == ("off", "high")
    assert 0 < stated.power < 1
    power_again = assess_trial_power(town(), RULE.arms, days=stated.days_needed or 0, effect=0.2)
    assert power_again.power == pytest.approx(0.8, abs=0.01)
    assert compute_power(stated.expected_control, stated.detectable or 0, 1.0, 0.95) == pytest.approx(
        0.8, abs=0.001
    )


def test_no_effect_shows_as_often_as_the_level_allows() -> None:
    assert compute_power(500.0, 0.0, 1.0, 0.95) == pytest.approx(0.05)


def test_a_trial_with_next_to_no_events_is_refused() -> None:
    with pytest.raises(QuestionError, match="too few for a trial"):
        assess_trial_power([place("h0", harm=1.0)], RULE.arms, days=14, effect=0.2)
    with pytest.raises(QuestionError, match="is not a share"):
        assess_trial_power(town(), RULE.arms, days=14, effect=1.2)


@pytest.mark.parametrize(("arms", "longest_run"), [(("off", "high"), 3), (("off", "low", "high"), 2)])
def test_the_compiled_draw_gives_the_arms_of_the_plain_one(arms, longest_run) -> None:
    rule = replace(RULE, arms=arms, longest_run=longest_run)
    places = town(30, apart_m=200.0)
    clusters = cluster_places(places, rule.neighbour_m)
    blocks = assign_blocks(clusters, rule, first_day(), 28)
    expected = reference_arms(blocks, rule, days=28, key=KEY)
    drawn = {(r.hotspot, r.day): r.arm for r in draw(places, rule, days=28).days}
    for (cluster, day), arm in expected.items():
        for member in clusters[cluster]:
            assert drawn[member.hotspot, first_day() + timedelta(days=day)] == arm


def test_a_trial_can_be_drawn_again_and_keeps_its_blocks_and_runs() -> None:
    places = town(24)
    drawn = draw(places, days=28)
    arm_by_day = {(r.hotspot, r.day): r.arm for r in drawn.days}
    trial = build_trial(places, RULE, arm_by_day, (), first=first_day(), days=28, key=KEY)
    redraws = trial.redraw(np.random.default_rng(1), draws=200)
    assert [trial.arm_names[n] for n in trial.arms[0]] == [
        arm_by_day[places[0].hotspot, first_day() + timedelta(days=d)] for d in range(28)
    ]
    assert np.abs((redraws == 2).mean(axis=0) - 1 / 3).max() < 0.15
    runs = np.stack([redraws[..., d : 28 - 3 + d] for d in range(4)])
    assert not (runs == runs[0]).all(axis=0).any()  # nobody stays four days in one arm
    with pytest.raises(PlanError, match="not those that the trial's key draws"):
        build_trial(places, RULE, arm_by_day, (), first=first_day(), days=28, key=bytes(32))
