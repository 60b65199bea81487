"""The true rates: how many of each offence are to be expected at every place on every day.

The rate of offence o at place i on day d is

    base[o] * ((1 - r) * w[o, i] * drift[e(d), i] * f[o, kind(i), d] + r * repeats of the fortnight before)

with w the shares, e(d) the half-year, f the level of the day and r the share of near repeats. Weekly shocks
multiply it with mean 1 and are not part of the true rate; they stand beside it in the truth.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.places import KINDS, Places
from becalm.simulate.settings import OFFENCES, Effect, Settings
from becalm.simulate.time_profiles import day_factors, epochs, every_day

BURN_IN_DAYS: Final = 14  # events before the start, which only have near repeats after it
REPEAT_REACH_M: Final = 200.0
REPEAT_FADE_M: Final = 80.0
REPEAT_HERE: Final = 0.4  # share of near repeats at the very same place
REPEAT_FADE_DAYS: Final = 6.0
DRIFT_SD: Final = 0.30  # of the logarithm
DRIFT_MEMORY: Final = 0.9  # from one half-year to the next


@dataclass(frozen=True, slots=True)
class Intensity:
    """Everything that the true rates are made of. `days` begin with the burn-in."""

    days: tuple[date, ...]
    epoch: Ints  # of each day
    base: Floats  # (offences,) events a day
    repeat_share: Floats  # (offences,)
    factors: Floats  # (offences, kinds, days)
    drift: Floats  # (epochs, places)
    nearby: csr_array  # (places, places): where a near repeat of an event at the row's place happens
    lag_share: Floats  # (BURN_IN_DAYS,) share of near repeats by days after

    def levels(self, offence: int, epoch: int) -> tuple[Floats, Floats]:
        """Daily levels by kind of place, of first events and of near repeats, rooted in this epoch."""
        first_levels = np.where(self.epoch == epoch, self.factors[offence], 0.0)
        repeat_levels = np.zeros_like(first_levels)
        for lag_days, lag_share in enumerate(self.lag_share):
            repeat_levels[:, lag_days:] += lag_share * first_levels[:, : first_levels.shape[1] - lag_days]
        return first_levels, repeat_levels


def build_intensity(places: Places, settings: Settings, rng: np.random.Generator) -> Intensity:
    """What is the true rate of every offence at every place on every day?"""
    all_days = every_day(settings.start - timedelta(days=BURN_IN_DAYS), settings.end)
    epoch_of_day = epochs(all_days)
    kind_shares = np.stack(
        [np.bincount(places.kind, w, len(KINDS)).astype(np.float64) for w in places.weight]
    )
    kind_factors = day_factors(settings, kind_shares, all_days)
    repeat_shares = np.array([o.repeat_share if settings.near_repeats else 0.0 for o in OFFENCES])
    lag_weights = np.exp(-np.arange(BURN_IN_DAYS) / REPEAT_FADE_DAYS)
    return Intensity(
        days=all_days,
        epoch=epoch_of_day,
        base=_base_rates(settings, kind_shares, kind_factors),
        repeat_share=repeat_shares,
        factors=kind_factors,
        drift=_draw_drift(int(epoch_of_day.max()) + 1, len(places.kind), settings, rng),
        nearby=_build_nearby(places.position),
        lag_share=lag_weights / lag_weights.sum(),
    )


def expected_counts(
    intensity: Intensity, places: Places, offence: int, bins: Ints, count: int, place_rows: Ints | None = None
) -> Floats:
    """The expected number of one offence at each place in each bin of days: (places, bins).

    `bins[d]` is the bin of day d (counted from the burn-in) or -1 for none. `place_rows` picks places.
    """
    row_places = np.arange(len(places.kind)) if place_rows is None else place_rows
    nearby_shares = csr_array(intensity.nearby.T)[row_places] if intensity.repeat_share[offence] > 0 else None
    expected_totals = np.zeros((len(row_places), count))
    repeat_share = intensity.repeat_share[offence]
    for epoch_index in range(len(intensity.drift)):
        first_levels, repeat_levels = intensity.levels(offence, epoch_index)
        first_rates = intensity.base[offence] * places.weight[offence] * intensity.drift[epoch_index]
        expected_totals += (
            (1 - repeat_share)
            * first_rates[row_places, None]
            * _sum_into_bins(first_levels, bins, count)[places.kind[row_places]]
        )
        if nearby_shares is not None:
            expected_totals += repeat_share * (
                nearby_shares
                @ (first_rates[:, None] * _sum_into_bins(repeat_levels, bins, count)[places.kind])
            )
    return expected_totals


def expected_by_area(
    intensity: Intensity, places: Places, offence: int, bins: Ints, count: int, area: Ints, areas: int
) -> Floats:
    """The expected number of one offence in each area in each bin of days: (areas, bins).

    `area[i]` is the area of place i.
    """
    area_members = csr_array((np.ones(len(area)), (area, np.arange(len(area)))), shape=(areas, len(area)))
    kind_indicators_by_place = np.eye(len(KINDS))[places.kind]
    repeat_share = intensity.repeat_share[offence]
    repeat_reach = area_members @ intensity.nearby.T if repeat_share > 0 else None
    expected_totals = np.zeros((areas, count))
    for epoch in range(len(intensity.drift)):
        first_levels, repeat_levels = intensity.levels(offence, epoch)
        first_rates = (intensity.base[offence] * places.weight[offence] * intensity.drift[epoch])[
            :, None
        ] * kind_indicators_by_place
        expected_totals += (1 - repeat_share) * np.einsum(
            "ak,kt->at", area_members @ first_rates, _sum_into_bins(first_levels, bins, count)
        )
        if repeat_reach is not None:
            expected_totals += repeat_share * np.einsum(
                "ak,kt->at", repeat_reach @ first_rates, _sum_into_bins(repeat_levels, bins, count)
            )
    return expected_totals


def _sum_into_bins(levels: Floats, bins: Ints, count: int) -> Floats:
    """Daily levels added up in their bins of days: (kinds, bins)."""
    has_bin = bins >= 0
    return np.stack([np.bincount(bins[has_bin], row[has_bin], count).astype(np.float64) for row in levels])


def _base_rates(settings: Settings, kind_shares: Floats, factors: Floats) -> Floats:
    """Events a day of each offence, so that the whole city has the wanted number over the period."""
    yearly_counts = np.array([o.yearly for o in OFFENCES])
    unscaled_counts = np.einsum("ok,okd->o", kind_shares, factors[:, :, BURN_IN_DAYS:])
    return yearly_counts * (settings.incidents / float((yearly_counts * unscaled_counts).sum()))


def _draw_drift(epoch_count: int, places: int, settings: Settings, rng: np.random.Generator) -> Floats:
    """A slow walk of each place's risk from half-year to half-year, with mean 1."""
    log_risk = rng.normal(0, DRIFT_SD, places)
    risk_of_epoch = []
    for _ in range(epoch_count):
        risk_of_epoch.append(np.exp(log_risk - DRIFT_SD**2 / 2) if settings.drift else np.ones(places))
        log_risk = DRIFT_MEMORY * log_risk + np.sqrt(1 - DRIFT_MEMORY**2) * rng.normal(0, DRIFT_SD, places)
    return np.stack(risk_of_epoch)


def _build_nearby(place_xy_m: Floats) -> csr_array:
    """Where a near repeat happens: here, or at a place within reach, the nearer the likelier."""
    place_count = len(place_xy_m)
    near_pairs = cKDTree(place_xy_m).query_pairs(REPEAT_REACH_M, output_type="ndarray").astype(np.int64)
    near_pairs = near_pairs[np.lexsort((near_pairs[:, 1], near_pairs[:, 0]))]
    closeness_of_pair = np.exp(
        -np.hypot(*(place_xy_m[near_pairs[:, 0]] - place_xy_m[near_pairs[:, 1]]).T) / REPEAT_FADE_M
    )
    from_id, to_place = (
        np.concatenate([near_pairs[:, 0], near_pairs[:, 1]]),
        np.concatenate([near_pairs[:, 1], near_pairs[:, 0]]),
    )
    pair_weights = np.concatenate([closeness_of_pair, closeness_of_pair])
    outside_weights = np.bincount(from_id, pair_weights, place_count)
    pair_weights = (1 - REPEAT_HERE) * pair_weights / outside_weights[from_id]
    same_place_shares = np.where(outside_weights > 0, REPEAT_HERE, 1.0)
    own_index = np.arange(place_count)
    matrix_entries = (
        np.concatenate([pair_weights, same_place_shares]),
        (np.concatenate([from_id, own_index]), np.concatenate([to_place, own_index])),
    )
    nearby_matrix = coo_array(matrix_entries, shape=(place_count, place_count)).tocsr()
    nearby_matrix.sort_indices()
    return nearby_matrix


@dataclass(frozen=True, slots=True)
class Treatment:
    """Which hotspots are treated on which days of the city's life."""

    hotspot_of_place: Ints  # (places,), -1 outside every hotspot
    centre: Ints  # (hotspots,) the place in the middle of each
    is_treated: Bools  # (hotspots, days from settings.start)
    outlet: (
        Ints  # outlets[outlet_start[h]:outlet_start[h + 1]] are the places that take what is displaced from h
    )
    outlet_start: Ints

    def outlets(self, hotspot: int) -> Ints:
        """The places, in no hotspot, that take what is displaced from this one."""
        return self.outlet[self.outlet_start[hotspot] : self.outlet_start[hotspot + 1]]


def treatable_offences() -> Bools:
    """Which offences does a planted effect act on? Street violence found by victims."""
    return np.array([o.street_violence and o.found_by == "victim" for o in OFFENCES])


def choose_treatment(
    places: Places, intensity: Intensity, settings: Settings, rng: np.random.Generator
) -> Treatment:
    """Take the hotspots with the highest true rate of street violence, and draw their treated days."""
    planted_effect = settings.effect
    place_rate = (intensity.base[:, None] * places.weight)[treatable_offences()].sum(axis=0)
    # Circles of the highest rate that do not overlap, and the circle that each place lies in
    place_tree = cKDTree(places.position)
    near_pairs = place_tree.sparse_distance_matrix(
        place_tree, planted_effect.radius_m, output_type="coo_matrix"
    )
    near_rates = np.bincount(near_pairs.row, place_rate[near_pairs.col], len(place_rate))
    hotspot_of_place = np.full(len(place_rate), -1)
    is_blocked_place = np.zeros(len(place_rate), dtype=bool)
    centre_list: list[int] = []
    for place in np.argsort(-near_rates, kind="stable"):
        if len(centre_list) == planted_effect.hotspots:
            break
        if not is_blocked_place[place]:
            centre_m = places.position[place]
            hotspot_of_place[place_tree.query_ball_point(centre_m, planted_effect.radius_m)] = len(
                centre_list
            )
            is_blocked_place[place_tree.query_ball_point(centre_m, 2 * planted_effect.radius_m)] = True
            centre_list.append(int(place))
    centre_ids = np.array(centre_list, dtype=np.int64)
    is_treated_by_day = np.zeros((len(centre_ids), settings.days), dtype=bool)
    first_day = max((planted_effect.start - settings.start).days, 0)
    end_day = max(min((planted_effect.end - settings.start).days, settings.days), first_day)
    is_treated_by_day[:, first_day:end_day] = (
        rng.random((len(centre_ids), end_day - first_day)) < planted_effect.day_share
    )
    return build_treatment(places, hotspot_of_place, centre_ids, is_treated_by_day, planted_effect.reach_m)


def build_treatment(
    places: Places, hotspot_of_place: Ints, centres: Ints, is_treated: Bools, reach_m: float
) -> Treatment:
    """A treatment of hotspots that somebody else has chosen."""
    outlet_ids = np.flatnonzero(hotspot_of_place < 0)
    near_indices = cKDTree(places.position[outlet_ids]).query_ball_point(places.position[centres], reach_m)
    outlets_of_hotspot = [outlet_ids[np.sort(np.array(n, dtype=np.int64))] for n in near_indices]
    outlet_starts = np.concatenate([[0], np.cumsum([len(o) for o in outlets_of_hotspot], dtype=np.int64)])
    outlet_places = np.concatenate(outlets_of_hotspot) if outlets_of_hotspot else np.zeros(0, dtype=np.int64)
    return Treatment(hotspot_of_place, centres, is_treated, outlet_places, outlet_starts.astype(np.int64))


def apply_effect(
    effect: Effect,
    treatment: Treatment,
    offence: Ints,
    place: Ints,
    day: Ints,
    rng: np.random.Generator,
) -> tuple[Bools, Ints]:
    """Which events still happen, and at which place? `day` counts from the city's start.

    Each event at a treated place and day is taken out with the chance `size`; with displacement the
    share `displaced` of those goes to an outlet of the hotspot instead. Untouched events stay as they are.
    """
    random_numbers = rng.random((len(place), 3))
    hotspot_of_event = treatment.hotspot_of_place[place]
    is_prevented = (
        (hotspot_of_event >= 0)
        & (day >= 0)
        & treatable_offences()[offence]
        & (random_numbers[:, 0] < effect.size)
    )
    is_prevented[is_prevented] = treatment.is_treated[hotspot_of_event[is_prevented], day[is_prevented]]
    outlet_counts = np.diff(treatment.outlet_start)[hotspot_of_event]
    has_moved = (
        is_prevented
        & (effect.kind == "displacement")
        & (random_numbers[:, 1] < effect.displaced)
        & (outlet_counts > 0)
    )
    new_place_of_event = place.copy()
    outlet_indices = treatment.outlet_start[hotspot_of_event[has_moved]] + np.floor(
        random_numbers[has_moved, 2] * outlet_counts[has_moved]
    ).astype(np.int64)
    new_place_of_event[has_moved] = treatment.outlet[outlet_indices]
    return ~is_prevented | has_moved, new_place_of_event


def expected_effect(
    effect: Effect, treatment: Treatment, before: Floats, first_day: int, end_day: int
) -> tuple[Floats, Floats]:
    """Expected events of the treatable offences on the days from `first_day` until before `end_day`.

    `before` is (hotspots, days): the true rate of each hotspot without the effect. Returns what is
    left at each hotspot, and what each hotspot's outlets gain together.
    """
    effect_share = 0.0 if effect.kind == "none" else effect.size
    prevented_counts = before * treatment.is_treated[:, first_day:end_day] * effect_share
    has_outlet = np.diff(treatment.outlet_start)[:, None] > 0
    displaced_share = effect.displaced if effect.kind == "displacement" else 0.0
    return before - prevented_counts, prevented_counts * displaced_share * has_outlet
