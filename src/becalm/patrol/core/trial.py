"""Which place is in which arm of the trial on which day, and what could the trial see?

Arms come from a blocked draw, and power from the counts to be expected: both before anything is done.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import combinations
from typing import Final

from scipy.stats import norm

from becalm.methods.routes.bit_exact import derive_key
from becalm.patrol.core.arm_law import ARMS_LABEL, ClusterDay, keyed_numbers, learn_arm_law
from becalm.patrol.core.plan_inputs import Arm, PatrolPlace
from becalm.patrol.core.policy import ArmRule
from becalm.terms import Fault, PlanError, QuestionError

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXPECTED_DAYS = 30.0  # what a place's expected count is of
LEAST_EVENTS = 10.0  # per arm; below, the normal approximation of the log ratio says nothing
GOOD_POWER = 0.8
LEAST_FIRST: Final[tuple[Arm, ...]] = ("off", "low", "", "high")


@dataclass(frozen=True, slots=True)
class ArmDay:
    """The arm of one place on one day. `propensity` is the chance that it had of this arm before the draw."""

    hotspot: str
    day: date
    arm: Arm
    block: str  # area, tercile of harm and weekday: arms are equal within it
    cluster: str  # neighbours that are drawn together, by the one in their middle
    propensity: float


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody did otherwise than the draw said. The place-day stays in its arm for every analysis."""

    hotspot: str
    day: date
    gave: Arm
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ArmDraw:
    """The whole draw, and what limits it."""

    days: tuple[ArmDay, ...]  # by day and hotspot
    clusters: int
    split_neighbours: int  # pairs of near places that could not be drawn together
    notes: tuple[str, ...] = field(default=())


def draw_arms(places: Sequence[PatrolPlace], rule: ArmRule, *, first: date, days: int, key: bytes) -> ArmDraw:
    """Which arm does each place get on each of these days?

    Places within `neighbour_m` of one with more harm are drawn together with it. Within each block of area,
    tercile of harm and weekday the arms are as equal as whole numbers allow, in an order that `key` decides;
    then arms are exchanged within blocks until nobody keeps one for more than `longest_run` days.

    Raises PlanError where runs cannot be kept that short.
    """
    clusters = cluster_places(places, rule.neighbour_m)
    block_by_cluster_day = assign_blocks(clusters, rule, first, days)
    law = learn_arm_law(block_by_cluster_day, rule, days=days)
    arm_numbers = law.deal(keyed_numbers(derive_key(key, ARMS_LABEL), law.most_numbers))
    if arm_numbers is None:
        raise PlanError(
            f"Runs of at most {rule.longest_run} days in one arm cannot be kept with {len(rule.arms)} arms "
            "and these places. Raise longest_run in the policy, or take more places or fewer arms."
        )
    # Dealing and exchanging treat the arms alike, so that each has the same chance everywhere; a step that
    # favoured one would need its own propensities, and every later analysis with them.
    chance, dates = 1.0 / len(rule.arms), [first + timedelta(days=d) for d in range(days)]
    arm_days = [
        ArmDay(
            place.hotspot,
            dates[d],
            rule.arms[arm_numbers[c, d]],
            block_by_cluster_day[c, d],
            clusters[c][0].hotspot,
            chance,
        )
        for c, d in block_by_cluster_day
        for place in clusters[c]
    ]
    split_pair_count = _count_split_neighbours(clusters, rule.neighbour_m)
    return ArmDraw(
        days=tuple(sorted(arm_days, key=lambda row: (row.day, row.hotspot))),
        clusters=len(clusters),
        split_neighbours=split_pair_count,
        notes=_draw_notes(clusters, split_pair_count, rule, block_by_cluster_day),
    )


def cluster_places(places: Sequence[PatrolPlace], neighbour_m: float) -> tuple[tuple[PatrolPlace, ...], ...]:
    """Which places are drawn together? The worst one first, then its free neighbours, and so on."""
    # Clusters are stars, not chains: in a crowded centre a chain of neighbours would be one cluster.
    free_places = sorted(places, key=lambda p: (-p.harm, p.hotspot))
    clusters = []
    while free_places:
        centre_place = free_places[0]
        neighbours = (p for p in free_places if _distance_m(p, centre_place) <= neighbour_m)
        new_cluster = [place for place in neighbours if place.area == centre_place.area]
        clusters.append(tuple(new_cluster))
        free_places = [p for p in free_places if p not in new_cluster]
    return tuple(clusters)


def check_overrides(draw: ArmDraw, overrides: Sequence[Override]) -> float:
    """Which share of the place-days was overridden? Each stays in its arm.

    Raises PlanError with every override that names no place-day of the draw, nobody, or no reason.
    """
    place_days = {(row.hotspot, row.day) for row in draw.days}
    faults = [fault for override in overrides for fault in _override_faults(override, place_days)]
    if faults:
        raise PlanError(f"{len(faults)} overrides cannot be recorded", tuple(faults))
    return len({(o.hotspot, o.day) for o in overrides}) / len(place_days) if place_days else 0.0


def _override_faults(override: Override, place_days: set[tuple[str, date]]) -> Iterator[Fault]:
    where_text = f"{override.hotspot} on {override.day}"
    if (override.hotspot, override.day) not in place_days:
        yield Fault(where_text, "is not a place-day of the trial", "name one that was drawn")
    if len(override.reason.split()) < 2:
        yield Fault(where_text, f"gives the reason {override.reason!r}", "write down why, in a sentence")
    if not override.by.strip():
        yield Fault(where_text, "does not name who decided it", "say who did")


def _distance_m(a: PatrolPlace, b: PatrolPlace) -> float:
    return math.hypot(a.easting_m - b.easting_m, a.northing_m - b.northing_m)


def assign_blocks(
    clusters: Sequence[Sequence[PatrolPlace]], rule: ArmRule, first: date, days: int
) -> dict[ClusterDay, str]:
    """The block of each cluster and day: its area, tercile of harm and weekday."""
    clusters_by_area: dict[str, list[int]] = defaultdict(list)
    for c, cluster in enumerate(clusters):
        clusters_by_area[cluster[0].area].append(c)
    block_by_day = {}
    for area, area_clusters in clusters_by_area.items():
        for n, c in enumerate(sorted(area_clusters, key=lambda c: -sum(p.harm for p in clusters[c]))):
            tercile_number = n * rule.terciles // len(area_clusters) + 1
            for d in range(days):
                block_by_day[c, d] = (
                    f"{area}/{tercile_number}/{WEEKDAYS[(first + timedelta(days=d)).weekday()]}"
                )
    return dict(sorted(block_by_day.items()))


def _count_split_neighbours(clusters: Sequence[Sequence[PatrolPlace]], neighbour_m: float) -> int:
    """Pairs of places that lie near each other and were not drawn together."""
    places_with_cluster = [(place, c) for c, cluster in enumerate(clusters) for place in cluster]
    return sum(
        c != other_c and _distance_m(place, other_place) <= neighbour_m
        for (place, c), (other_place, other_c) in combinations(places_with_cluster, 2)
    )


def _draw_notes(
    clusters: Sequence[Sequence[PatrolPlace]], split_pairs: int, rule: ArmRule, blocks: dict[ClusterDay, str]
) -> tuple[str, ...]:
    small_count = sum(block_size < len(rule.arms) for block_size in Counter(blocks.values()).values())
    draw_notes = [
        f"{sum(map(len, clusters))} places in {len(clusters)} clusters; every place-day had the chance "
        f"1/{len(rule.arms)} of each arm."
    ]
    if split_pairs:
        draw_notes.append(
            f"{split_pairs} pairs of places within {rule.neighbour_m:g} m lie in different clusters: "
            "look for spillover there."
        )
    if small_count:
        draw_notes.append(
            f"{small_count} blocks hold fewer place-days than arms, so their arms cannot be equal."
        )
    return tuple(draw_notes)


@dataclass(frozen=True, slots=True)
class TrialPower:
    """The chance to find an effect of this size, and the least effect that is found four times in five.

    Effects are shares that are prevented (0.2: a fifth fewer) in `treated` against `control`.
    """

    control: Arm
    treated: Arm
    days: int
    expected_control: float  # events
    expected_treated: float  # events, were there no effect
    dispersion: float  # variance over mean
    level: float
    effect: float
    power: float
    detectable: float | None  # None where not even a fall to nothing would be found
    days_needed: int | None  # to find `effect` four times in five
    method: str = "log ratio of two overdispersed Poisson counts, normal approximation"


def assess_trial_power(
    places: Sequence[PatrolPlace],
    arms: Sequence[Arm],
    *,
    days: int,
    effect: float,
    dispersion: float = 1.0,
    level: float = 0.95,
) -> TrialPower:
    """How likely is the trial to find an effect, comparing its strongest arm with its weakest?

    With E events expected in each arm, log of the ratio of counts has the variance phi (1 / E + 1 / (E (1 -
    effect))); power = Phi(|log(1 - effect)| / sd - z). Every place is in every arm on some days, so that
    differences between places drop out. `effect` is of being in the strong arm all day; spillover and what
    is not delivered weaken it.

    Sources: Gail, Biometrics 30 (1974) 231-237, on comparing two Poisson counts; McCullagh and Nelder,
    Generalized Linear Models (1989), section 6.2, on dispersion.

    Raises QuestionError where an argument makes no sense, or too few events are to be expected to say
    anything.
    """
    if not 0.0 <= effect < 1.0:
        raise QuestionError(
            f"An effect of {effect} is not a share from 0 to 1. Give 0.2 for a fifth prevented."
        )
    if dispersion < 1.0 or not 0.0 < level < 1.0:
        raise QuestionError(
            f"Dispersion {dispersion} must be 1 or more and the level {level} between 0 and 1."
        )
    if len(arms) < 2:
        raise QuestionError("A trial compares at least two arms. Name them in the policy's [arms].")
    events_per_day = sum(place.harm for place in places) / EXPECTED_DAYS
    arm_events = events_per_day * days / len(arms)
    if arm_events < LEAST_EVENTS:
        raise QuestionError(
            f"Only {arm_events:.1f} events are expected in each arm in {days} days: too few "
            f"for a trial. Have at least {LEAST_EVENTS:g}: take more days or more places."
        )
    # To a thousandth; near 1 the approximation fails, for nothing is left to count.
    effect_sizes = (n / 1000 for n in range(1, 951))
    return TrialPower(
        control=min(arms, key=LEAST_FIRST.index),
        treated=max(arms, key=LEAST_FIRST.index),
        days=days,
        expected_control=arm_events,
        expected_treated=arm_events,
        dispersion=dispersion,
        level=level,
        effect=effect,
        power=compute_power(arm_events, effect, dispersion, level),
        detectable=next(
            (e for e in effect_sizes if compute_power(arm_events, e, dispersion, level) >= GOOD_POWER), None
        ),
        days_needed=_days_needed(events_per_day / len(arms), effect, dispersion, level),
    )


def compute_power(events: float, effect: float, dispersion: float, level: float) -> float:
    """The chance that an effect of this size shows at this level with so many events in each arm.

    >>> round(compute_power(100.0, 0.3, 1.0, 0.95), 2)
    0.63
    """
    sd_log_ratio = math.sqrt(dispersion * (1.0 / events + 1.0 / (events * (1.0 - effect))))
    effect_in_sd = -math.log1p(-effect) / sd_log_ratio
    z = float(norm.isf((1.0 - level) / 2.0))
    return float(norm.sf(z - effect_in_sd) + norm.cdf(-z - effect_in_sd))


def _days_needed(events_per_day: float, effect: float, dispersion: float, level: float) -> int | None:
    if effect == 0.0 or events_per_day == 0.0:
        return None
    z = float(norm.isf((1.0 - level) / 2.0) + norm.isf(1.0 - GOOD_POWER))
    needed_events = dispersion * (1.0 + 1.0 / (1.0 - effect)) * (z / math.log1p(-effect)) ** 2
    return math.ceil(needed_events / events_per_day)


def select_arms(
    arms: Mapping[tuple[str, date], Arm], hotspots: Sequence[str], *, first_day: date, days: int
) -> dict[tuple[str, date], Arm]:
    """The arms of these places on these days; a place or day that the trial leaves out has none."""
    hotspot_set, end_day = set(hotspots), first_day + timedelta(days=days)
    arms_by_days = {k: arm for k, arm in arms.items() if k[0] in hotspot_set and first_day <= k[1] < end_day}
    if arms and not arms_by_days:
        raise PlanError(
            f"`arms`: none of its {len(arms)} place-days is among these places from {first_day} until "
            f"before {end_day}. Give the arms of these days, or leave out `arms`."
        )
    return arms_by_days
