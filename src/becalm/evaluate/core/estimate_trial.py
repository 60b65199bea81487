"""The recipe of a trial: its effect, by the law that drew it; the ring around it; and what was delivered."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from becalm.evaluate.core.finding import ArmTotals, Check, Finding, NamedEstimate, Refusal
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import LEAST_EVENTS, LEAST_PLACES
from becalm.evaluate.core.trial_study import Arms, TrialArms, TrialCounts, expose_zones
from becalm.methods import randomisation_test as randomisation
from becalm.methods.arrays import Bools, Floats
from becalm.terms import Estimate

LEAST_CONTRAST = 1.0 / 3.0  # delivered over planned: below, little of the treatment was given
MOST_OVERRIDDEN = 0.10  # of place-days
HOURS = 100.0  # officer-hours that an effect is given per
HARDLY_EXPECTED = 0.5  # events, added to every place's own: a place without any yet may have some later


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """Units of one comparison (places or zones by day, flat): where draws put them, and what they had."""

    is_treated_by_draw: Bools
    is_control_by_draw: Bools | None
    observed: randomisation.ObservedDraw
    counts: Floats
    expected: Floats


def evaluate_trial(protocol: Protocol, counts: TrialCounts) -> Finding:
    """What did the drawn patrols do, and did the offences move next door? Or why is there no answer?"""
    refusals = (*_refuse_few(counts), *refuse_contrast(counts.arms))
    totals = _sum_arms(counts)
    if refusals:
        return Finding(refusals=refusals, totals=totals)
    all_places = _compare_places(counts, is_apart=False)
    estimates = list(_estimate("places", all_places, protocol, counts))
    displacement: list[NamedEstimate] = []
    checks = [_check_overrides(counts), _check_delivery(counts)]
    if protocol.places.ring_m:
        places_apart = _compare_places(counts, is_apart=True)
        estimates += list(_estimate("places with no patrol near", places_apart, protocol, None))
        rings = _compare_zones(counts)
        displacement = list(_estimate("rings", rings, protocol, None)) if rings is not None else []
        checks.append(_check_zones(counts, rings))
    if not estimates:
        reason = "all offences after the start lie in one arm, so every effect on one side is possible"
        no_interval_refusal = Refusal(
            "an interval that does not exist", reason, "count a wider group of offences or more days"
        )
        return Finding(refusals=(no_interval_refusal,), totals=totals)
    return Finding(
        estimates=tuple(estimates), displacement=tuple(displacement), checks=tuple(checks), totals=totals
    )


def _compare_places(counts: TrialCounts, *, is_apart: bool) -> _Comparison:
    """Place-days in the strongest arm against those in the weakest.

    With `is_apart` only those count that are known not to be reached from a patrolled place that was drawn
    apart from them: there an offence that moved would be counted as a change of the place itself.
    """
    arms = counts.arms
    is_reached, is_reached_by_draw = (
        _reach(arm_days, counts.neighbours) if is_apart else False for arm_days in (arms.arms, arms.redraws)
    )
    day_count = arms.arms.shape[1]
    daily_counts = (counts.before + HARDLY_EXPECTED) / counts.before_days
    has_two_arms = arms.strongest == 1 and not is_apart
    return _Comparison(
        _flat((arms.redraws == arms.strongest) & ~np.asarray(is_reached_by_draw)),
        None if has_two_arms else _flat((arms.redraws == 0) & ~np.asarray(is_reached_by_draw)),
        _observe(arms.arms, arms.strongest, is_reached),
        counts.counts.ravel(),
        np.repeat(daily_counts, day_count),
    )


def _observe(arms: Arms, strongest: int, is_reached: Bools | bool) -> randomisation.ObservedDraw:
    is_free = ~np.broadcast_to(np.asarray(is_reached), arms.shape)
    is_treated, is_control = (arms == strongest) & is_free, (arms == 0) & is_free
    return randomisation.ObservedDraw(is_treated.ravel(), is_control.ravel(), arms.ravel() / strongest)


def _reach(arms: Arms, neighbours: Bools) -> Bools:
    """Which place-days have a patrolled neighbour (arms: ... places x days)?"""
    return np.asarray(neighbours.astype(np.float32) @ (arms > 0).astype(np.float32) > 0)


def _flat(by_place_and_day: Bools) -> Bools:
    return by_place_and_day.reshape(len(by_place_and_day), -1)


def _compare_zones(counts: TrialCounts) -> _Comparison | None:
    """Ring ground near a place in the strongest arm against ground whose places are all in the weakest."""
    if not counts.zone_places:
        return None
    arms = counts.arms
    exposed, exposed_by_draw = (expose_zones(counts.zone_places, a) for a in (arms.arms, arms.redraws))
    return _Comparison(
        _flat(exposed_by_draw == arms.strongest),
        _flat(exposed_by_draw == 0),
        _observe(exposed, arms.strongest, False),
        counts.zone_counts.ravel(),
        np.repeat((counts.zone_before + HARDLY_EXPECTED) / counts.before_days, arms.arms.shape[1]),
    )


def _estimate(
    name: str, comparison: _Comparison, protocol: Protocol, counts: TrialCounts | None
) -> Iterator[NamedEstimate]:
    """The ratio; how many offences that is in all; and where hours are known, for each hundred of them."""
    try:
        law = randomisation.learn_law(comparison.is_treated_by_draw, comparison.is_control_by_draw)
        effect = randomisation.randomisation_effect(
            comparison.counts,
            comparison.observed,
            law,
            expected=comparison.expected,
            level=protocol.analysis.level,
        )
    except ValueError:  # nothing to compare: the check of zones, or a refusal, says so
        return
    if not np.isfinite([effect.value, effect.low, effect.high]).all() or effect.low <= 0.0:
        return
    level, method = protocol.analysis.level, f"randomisation test, {effect.draws:,} draws of the same law"
    yield NamedEstimate(
        name, "ratio", Estimate(effect.value, effect.low, effect.high, level, method), effect.p_value
    )
    treated_incident_count = float(
        comparison.counts[comparison.observed.is_treated & law.is_comparable].sum()
    )
    low, value, high = (
        treated_incident_count * (1.0 - 1.0 / ratio) for ratio in (effect.low, effect.value, effect.high)
    )
    difference = Estimate(value, low, high, level, f"{method}; effect on those treated")
    yield NamedEstimate(name, "difference", difference, effect.p_value)
    delivered_hours = None if counts is None else contrast_hours(counts.arms, counts.arms.delivered_hours)
    if delivered_hours is not None and delivered_hours > 0.0:
        per_low, per_value, per_high = (bound * HOURS / delivered_hours for bound in (low, value, high))
        per_method = f"{method}; over {delivered_hours:,.0f} officer-hours more than the weakest arm had"
        yield NamedEstimate(
            name,
            "per 100 officer-hours",
            Estimate(per_value, per_low, per_high, level, per_method),
            effect.p_value,
        )


def contrast_hours(arms: TrialArms, hours: Floats | None) -> float | None:
    """How many officer-hours did the strongest arm get beyond what the weakest got in as many place-days?"""
    if hours is None:
        return None
    is_treated, is_control = arms.arms == arms.strongest, arms.arms == 0
    return float(hours[is_treated].sum() - hours[is_control].mean() * is_treated.sum())


def _sum_arms(counts: TrialCounts) -> tuple[ArmTotals, ...]:
    """What each arm had: place-days, offences, officer-hours."""
    arms = counts.arms
    totals = []
    for number, name in enumerate(arms.arm_names):
        is_in_arm = arms.arms == number
        expected = float((counts.before / counts.before_days * is_in_arm.sum(axis=1)).sum())
        planned_hours, delivered_hours = (
            None if hours is None else float(hours[is_in_arm].sum())
            for hours in (arms.planned_hours, arms.delivered_hours)
        )
        totals.append(
            ArmTotals(
                name,
                int(is_in_arm.sum()),
                expected,
                float(counts.counts[is_in_arm].sum()),
                planned_hours,
                delivered_hours,
            )
        )
    return tuple(totals)


def _refuse_few(counts: TrialCounts) -> Iterator[Refusal]:
    arms = counts.arms
    if len(arms.places) < LEAST_PLACES:
        yield Refusal(
            f"a trial of {len(arms.places)} places",
            "nothing says how places vary by themselves",
            f"draw a trial of {LEAST_PLACES} places or more",
        )
    event_count = float(counts.counts.sum())
    if event_count < LEAST_EVENTS:
        yield Refusal(
            f"an estimate on {event_count:g} offences in the days of the trial",
            "an interval would hold almost everything",
            "count a wider group of offences, or more days: `becalm evaluate power` says how many",
        )


def refuse_contrast(arms: TrialArms) -> Iterator[Refusal]:
    """Patrols of which less than a third was delivered are not what the protocol asks about."""
    planned_hours, delivered_hours = (
        contrast_hours(arms, hours) for hours in (arms.planned_hours, arms.delivered_hours)
    )
    if planned_hours is None or delivered_hours is None or planned_hours <= 0.0:
        return
    if delivered_hours < LEAST_CONTRAST * planned_hours:
        yield Refusal(
            "an effect of patrols that were hardly delivered",
            f"the strongest arm got {delivered_hours:,.0f} officer-hours more than the weakest, and "
            f"{planned_hours:,.0f} were planned: what was compared is not what the plan says",
            "evaluate days on which a third or more of the contrast was delivered, and say so beforehand; "
            "`becalm evaluate power` says how many such days are needed",
        )


def _check_overrides(counts: TrialCounts) -> Check:
    overridden_share = float(counts.arms.is_overridden.mean())
    return Check(
        "the draw was followed",
        overridden_share <= MOST_OVERRIDDEN,
        f"{overridden_share:.1%} of place-days were overridden; each counts in the arm that was drawn",
    )


def _check_delivery(counts: TrialCounts) -> Check:
    delivered_hours = contrast_hours(counts.arms, counts.arms.delivered_hours)
    planned_hours = contrast_hours(counts.arms, counts.arms.planned_hours)
    name = "the arms differ in what was delivered"
    if delivered_hours is None:
        return Check(name, False, "no delivered visits are named, so that nobody can tell")
    planned_text = "" if not planned_hours else f" of {planned_hours:,.0f} planned"
    return Check(
        name,
        delivered_hours > 0.0,
        f"{delivered_hours:,.0f} officer-hours{planned_text} between strongest and weakest",
    )


def _check_zones(counts: TrialCounts, rings: _Comparison | None) -> Check:
    """Which ground around the places could never be compared, and is left out?"""
    name = "the rings can be compared"
    if rings is None:
        return Check(name, False, "no offence lies in a ring")
    treated_share = rings.is_treated_by_draw.mean(axis=0)
    control_share = (
        1.0 - treated_share if rings.is_control_by_draw is None else rings.is_control_by_draw.mean(axis=0)
    )
    is_comparable = ((treated_share > 0) & (control_share > 0)).reshape(len(counts.zone_places), -1)
    never = [places for places, row in zip(counts.zone_places, is_comparable, strict=True) if not row.any()]
    if not never:
        return Check(name, True, f"all {len(counts.zone_places)} zones could be near patrols or not")
    zone_names = "; ".join(" and ".join(counts.arms.places[p] for p in places) for places in never[:3])
    rest_text = f" and {len(never) - 3} more" if len(never) > 3 else ""
    lost_count = float(counts.zone_counts.sum(axis=1)[~is_comparable.any(axis=1)].sum())
    zone_text = (
        f"{len(never)} of {len(counts.zone_places)} zones are always or never near patrols and are left out, "
        f"with {lost_count:,.0f} offences: near {zone_names}{rest_text}"
    )
    return Check(name, bool(is_comparable.any()), zone_text)
