"""Chance itself: events drawn from the true rates, and what is written down about each, and when."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.geography import Land
from becalm.simulate.intensity import BURN_IN_DAYS, Intensity
from becalm.simulate.names import AGE_BANDS, WEAPONS
from becalm.simulate.places import KINDS, Places
from becalm.simulate.settings import OFFENCES, Offence, Settings
from becalm.simulate.time_profiles import hour_profiles, rhythm_index

# Standard deviation of the logarithm of weekly shocks: of the whole city, a borough, an offence in a borough.
# Together they make counts of 20 to 100 a week vary 1.3 to 2.5 times as much as Poisson counts.
SHOCK_CITY: Final = 0.025
SHOCK_BOROUGH: Final = 0.065
SHOCK_OWN: Final = 0.10


@dataclass(frozen=True, slots=True)
class Events:
    """What happened, in no order. `day` counts from the burn-in; `minute` from the day's midnight."""

    offence: Ints
    address: Ints
    day: Ints
    minute: Ints
    is_repeat: Bools  # a near repeat of an event shortly before


def draw_shocks(intensity: Intensity, boroughs: int, settings: Settings, rng: np.random.Generator) -> Floats:
    """How much better or worse than expected each week is: (offences, boroughs, weeks), mean 1."""
    week_count = int(weeks(intensity).max()) + 1
    shock_shape = (len(OFFENCES), boroughs, week_count)
    log_shock = (
        SHOCK_CITY * rng.standard_normal((1, 1, week_count))
        + SHOCK_BOROUGH * rng.standard_normal((1, boroughs, week_count))
        + SHOCK_OWN * rng.standard_normal(shock_shape)
    )
    log_variance = SHOCK_CITY**2 + SHOCK_BOROUGH**2 + SHOCK_OWN**2
    return np.exp(log_shock - log_variance / 2) if settings.shocks else np.ones(shock_shape)


def weeks(intensity: Intensity) -> Ints:
    """The week of each day, Monday to Sunday, counted from the first."""
    week_ordinals = np.array([(d.toordinal() - 1) // 7 for d in intensity.days])
    return np.asarray(week_ordinals - week_ordinals[0])


def draw_events(
    land: Land,
    places: Places,
    intensity: Intensity,
    shocks: Floats,
    settings: Settings,
    rng: np.random.Generator,
) -> Events:
    """What happens in the city, before any planted effect?"""
    block_of_place = land.borough_of_lsoa[places.lsoa] * len(KINDS) + places.kind
    address_order = np.argsort(block_of_place[places.address_place], kind="stable")
    offence_rngs = rng.spawn(len(OFFENCES) + 1)
    event_offences, address, event_days, repeat_masks = [], [], [], []
    for index in range(len(OFFENCES)):
        first_addresses, first_days = _draw_first_events(
            index, block_of_place, address_order, places, intensity, shocks, offence_rngs[index]
        )
        repeat_address, repeat_days = _draw_near_repeats(
            first_addresses, first_days, index, places, intensity, offence_rngs[index]
        )
        address += [first_addresses, repeat_address]
        event_days += [first_days, repeat_days]
        repeat_masks += [np.zeros(len(first_addresses), dtype=bool), np.ones(len(repeat_address), dtype=bool)]
        event_offences.append(np.full(len(first_addresses) + len(repeat_address), index))
    day_indices = np.concatenate(event_days)
    is_inside = (day_indices >= BURN_IN_DAYS) & (day_indices < len(intensity.days))
    offence_indices, addresses = np.concatenate(event_offences)[is_inside], np.concatenate(address)[is_inside]
    days, zero_minutes = day_indices[is_inside], np.zeros(int(is_inside.sum()), dtype=np.int64)
    events = Events(offence_indices, addresses, days, zero_minutes, np.concatenate(repeat_masks)[is_inside])
    return replace(events, minute=draw_minutes(events, places, intensity, settings, offence_rngs[-1]))


def _draw_first_events(
    offence: int,
    block_of_place: Ints,
    order: Ints,
    places: Places,
    intensity: Intensity,
    shocks: Floats,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Events that follow from no other: counts for each day, borough and kind, then an address for each."""
    block_count = shocks.shape[1] * len(KINDS)
    week_of_day = weeks(intensity)
    first_rate = intensity.base[offence] * (1 - intensity.repeat_share[offence])
    sorted_block = block_of_place[places.address_place][order]
    addresses, day_parts = [], []
    for epoch_index in range(len(intensity.drift)):
        epoch_days = np.flatnonzero(intensity.epoch == epoch_index)
        place_risk = places.weight[offence] * intensity.drift[epoch_index]
        weight_of_address = (place_risk[places.address_place] * places.address_share)[order]
        block_mass = (
            np.bincount(sorted_block, weight_of_address, block_count)
            .astype(np.float64)
            .reshape(-1, len(KINDS))
        )
        expected_counts = (
            first_rate * block_mass[None] * intensity.factors[offence][:, epoch_days].T[:, None, :]
        )
        expected_counts = (
            expected_counts * shocks[offence][:, week_of_day[epoch_days]].T[:, :, None]
        ).reshape(len(epoch_days), block_count)
        event_counts = rng.poisson(expected_counts)
        cell_of_event = np.repeat(np.arange(event_counts.size), event_counts.ravel())
        day_parts.append(epoch_days[cell_of_event // block_count])
        addresses.append(
            order[
                _pick_in_block(
                    weight_of_address, sorted_block, cell_of_event % block_count, block_mass.ravel(), rng
                )
            ]
        )
    return np.concatenate(addresses), np.concatenate(day_parts)


def _pick_in_block(
    weights: Floats, block_of_weight: Ints, event_blocks: Ints, block_mass: Floats, rng: np.random.Generator
) -> Ints:
    """One entry of the wanted block for each event, with chances as the weights (entries sorted by block)."""
    cumulative_weights = np.cumsum(weights)
    first_of_block = np.searchsorted(block_of_weight, np.arange(len(block_mass)), side="left")
    last_of_block = np.searchsorted(block_of_weight, np.arange(len(block_mass)), side="right") - 1
    cumulative_before_block = np.concatenate([[0.0], cumulative_weights])[first_of_block]
    target_weight = (
        cumulative_before_block[event_blocks] + rng.random(len(event_blocks)) * block_mass[event_blocks]
    )
    return np.asarray(
        np.clip(
            np.searchsorted(cumulative_weights, target_weight, side="right"),
            first_of_block[event_blocks],
            last_of_block[event_blocks],
        )
    )


def _draw_near_repeats(
    first_addresses: Ints,
    first_days: Ints,
    offence_index: int,
    places: Places,
    intensity: Intensity,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Near repeats of these events: at the same place or nearby, within the fortnight after."""
    repeat_share = float(intensity.repeat_share[offence_index])
    if repeat_share <= 0.0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    repeat_counts = rng.poisson(repeat_share / (1 - repeat_share), len(first_addresses))
    root_places = np.repeat(places.address_place[first_addresses], repeat_counts)
    lag_days = np.searchsorted(
        np.cumsum(intensity.lag_share)[:-1], rng.random(len(root_places)), side="right"
    )
    nearby_shares = intensity.nearby
    entry_index = _pick_in_row(nearby_shares.data, nearby_shares.indptr, root_places, rng)
    repeat_place = nearby_shares.indices[entry_index].astype(np.int64)
    return pick_address(places, repeat_place, rng), np.repeat(first_days, repeat_counts) + lag_days


def pick_address(places: Places, place: Ints, rng: np.random.Generator) -> Ints:
    """One address at each of these places."""
    first_address = np.searchsorted(places.address_place, np.arange(len(places.kind) + 1))
    return _pick_in_row(places.address_share, first_address, place, rng)


def _pick_in_row(shares: Floats, start: Ints, row: Ints, rng: np.random.Generator) -> Ints:
    """An entry of each wanted row; the shares of each row sum to 1, row i spans start[i]:start[i + 1]."""
    cumulative_shares = np.cumsum(shares)
    cumulative_before_row = np.concatenate([[0.0], cumulative_shares])
    target_share = cumulative_before_row[start[row]] + rng.random(len(row)) * (
        cumulative_before_row[start[row + 1]] - cumulative_before_row[start[row]]
    )
    return np.asarray(
        np.clip(
            np.searchsorted(cumulative_shares, target_share, side="right"), start[row], start[row + 1] - 1
        )
    )


def draw_minutes(
    events: Events, places: Places, intensity: Intensity, settings: Settings, rng: np.random.Generator
) -> Ints:
    """The minute of the day of each event, from the hours that its offence and place keep on that weekday."""
    hour_profile = hour_profiles(settings).reshape(-1, 7, 24)
    hour_shares = hour_profile / hour_profile.sum(axis=2, keepdims=True)
    cumulative_shares = (np.cumsum(hour_shares, axis=2)[:, :, :-1]).reshape(-1, 23)
    weekday_of_event = np.array([d.weekday() for d in intensity.days])[events.day]
    rhythm_of_event = np.array([rhythm_index(o) for o in OFFENCES])[events.offence]
    kind_of_event = places.kind[places.address_place[events.address]]
    profile_row = (rhythm_of_event * len(KINDS) + kind_of_event) * 7 + weekday_of_event
    flat_cumulative = (cumulative_shares + np.arange(len(cumulative_shares))[:, None]).ravel()
    cumulative_target_of_event = profile_row + rng.random(len(profile_row))
    hour_of_event = np.clip(
        np.searchsorted(flat_cumulative, cumulative_target_of_event, side="right") - 23 * profile_row, 0, 23
    )
    return np.asarray(hour_of_event * 60 + rng.integers(0, 60, len(profile_row)))


UNKNOWN: Final = -1
YOUNG_AT_KNIFEPOINT: Final = 0.42  # share of injured knife victims under 25 in normal times
YOUNG_LOCKDOWN_RATIO: Final = 0.49  # what is left of that share on the floor of the lockdown
YOUNG: Final = (0.01, 0.37, 0.62)  # how the young are shared out over the first three bands
ADULT: Final = (0.36, 0.25, 0.19, 0.12, 0.08)
AGES: Final = {  # share of victims under 25, by group; groups not named have no single victim
    "robbery": 0.42,
    "homicide": 0.30,
    "violence_with_injury": 0.30,
    "violence_without_injury": 0.24,
    "stalking_and_harassment": 0.20,
    "sexual_offences": 0.55,
    "theft_from_the_person": 0.30,
    "bicycle_theft": 0.22,
    "other_theft": 0.22,
}
OUTCOMES: Final = (
    "Investigation complete; no suspect identified",
    "Unable to prosecute suspect",
    "Awaiting court outcome",
    "Offender given a caution",
    "Local resolution",
    "Under investigation",
)
OUTCOME_SHARES: Final = {
    "violence": (0.34, 0.42, 0.08, 0.03, 0.02, 0.11),
    "police": (0.06, 0.10, 0.30, 0.18, 0.28, 0.08),
    "property": (0.76, 0.10, 0.04, 0.01, 0.01, 0.08),
}


@dataclass(frozen=True, slots=True)
class Details:
    """Indices into WEAPONS, AGE_BANDS and OUTCOMES; -1 where there is none. `injury` is 1, 0 or -1."""

    weapon: NDArray[np.int8]
    injury: NDArray[np.int8]
    age: NDArray[np.int8]
    outcome: NDArray[np.int8]


def draw_details(offence: Ints, depth: Floats, rng: np.random.Generator) -> Details:
    """Weapon, injury, age and outcome of each event; `depth` is how deep in the lockdown it lies."""
    weapon_index = _draw_weapons(offence, rng)
    injury_code = _draw_injuries(offence, rng)
    is_at_knifepoint = (weapon_index == WEAPONS.index("knife")) & (injury_code == 1)
    usual_shares = np.array([AGES.get(o.group, np.nan) for o in OFFENCES])[offence]
    knifepoint_share = YOUNG_AT_KNIFEPOINT * (1 - (1 - YOUNG_LOCKDOWN_RATIO) * depth)
    young_shares = np.where(is_at_knifepoint, knifepoint_share, usual_shares)
    random_pairs = rng.random((len(offence), 2))
    young_bands = np.searchsorted(np.cumsum(YOUNG)[:-1], random_pairs[:, 1], side="right")
    adult_band = len(YOUNG) + np.searchsorted(np.cumsum(ADULT)[:-1], random_pairs[:, 1], side="right")
    age_bands = np.where(random_pairs[:, 0] < young_shares, young_bands, adult_band)
    age_band_index = np.where(
        np.isnan(usual_shares), UNKNOWN, np.minimum(age_bands, len(AGE_BANDS) - 1)
    ).astype(np.int8)
    return Details(weapon_index, injury_code, age_band_index, _draw_outcomes(offence, rng))


def young_knife_share(offence_index: int, depth: Floats) -> Floats:
    """The chance that an event of this offence is a young person injured by a knife."""
    one_offence = OFFENCES[offence_index]
    injured_share = one_offence.injury_share or 0.0
    young_share = YOUNG_AT_KNIFEPOINT * (1 - (1 - YOUNG_LOCKDOWN_RATIO) * depth)
    return np.asarray(one_offence.knife_share * injured_share * young_share)


def _draw_weapons(offence_index: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    knife_shares = np.array([o.knife_share for o in OFFENCES])[offence_index]
    gun_shares = np.array([o.gun_share for o in OFFENCES])[offence_index]
    is_armed_offence = np.array([o.knife_share > 0 for o in OFFENCES])[offence_index]
    random_numbers = rng.random(len(offence_index))
    share_limits = np.stack(
        [
            knife_shares,
            knife_shares + gun_shares,
            knife_shares + gun_shares + 0.07 * is_armed_offence,
            knife_shares + gun_shares + 0.11 * is_armed_offence,
        ]
    )
    return np.asarray(np.array([1, 2, 3, 4, 0], dtype=np.int8)[(random_numbers >= share_limits).sum(axis=0)])


def _draw_injuries(offence: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    injury_shares = np.array([np.nan if o.injury_share is None else o.injury_share for o in OFFENCES])[
        offence
    ]
    is_injured = rng.random(len(offence)) < injury_shares
    return np.where(np.isnan(injury_shares), UNKNOWN, is_injured).astype(np.int8)


def _draw_outcomes(offence_index: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    sum_shares = np.cumsum(np.array([OUTCOME_SHARES[_outcome_kind(i)] for i in range(len(OFFENCES))]), axis=1)
    outcome_index = (rng.random(len(offence_index))[:, None] >= sum_shares[offence_index][:, :-1]).sum(axis=1)
    is_recorded = np.array([o.recorded for o in OFFENCES])[offence_index]
    return np.where(is_recorded, outcome_index, UNKNOWN).astype(np.int8)


def _outcome_kind(offence_index: int) -> str:
    one_offence = OFFENCES[offence_index]
    if one_offence.found_by == "police":
        return "police"
    return "violence" if one_offence.police_uk in ("Violence and sexual offences", "Robbery") else "property"


@dataclass(frozen=True, slots=True)
class Delay:
    """Days from the (end of the) crime to its record: none, some days, or long after.

    With the chance `same_day` there is none; with the chance `late` it is 1 + a geometric number
    with mean `late_days`; otherwise 1 + a geometric number with mean `soon_days`.
    """

    same_day: float
    soon_days: float
    late: float
    late_days: float

    def within(self, days: int) -> float:
        """The share recorded no later than this many days after."""
        if days < 0:
            return 0.0
        soon_share = 1 - (self.soon_days / (1 + self.soon_days)) ** days
        late_share = 1 - (self.late_days / (1 + self.late_days)) ** days
        return self.same_day + (1 - self.same_day - self.late) * soon_share + self.late * late_share


AT_ONCE: Final = Delay(1.0, 1.0, 0.0, 1.0)
STREET: Final = Delay(0.72, 2.5, 0.03, 40.0)
PROPERTY: Final = Delay(0.58, 3.0, 0.04, 30.0)
HARASSMENT: Final = Delay(0.35, 8.0, 0.15, 60.0)
SEXUAL: Final = Delay(0.25, 10.0, 0.25, 200.0)
DELAY_BY_GROUP: Final = {
    "drug_offences": AT_ONCE,
    "possession_of_weapons": AT_ONCE,
    "anti_social_behaviour": AT_ONCE,
    "homicide": AT_ONCE,
    "robbery": STREET,
    "violence_with_injury": STREET,
    "public_order": STREET,
    "violence_without_injury": STREET,
    "stalking_and_harassment": HARASSMENT,
    "sexual_offences": SEXUAL,
}


def delay_for(offence: Offence) -> Delay:
    """How late is this offence recorded?"""
    return DELAY_BY_GROUP.get(offence.group, PROPERTY)


def draw_delays(offence: Ints, rng: np.random.Generator) -> Ints:
    """Days from each crime to its record."""
    delay_of_offence = [delay_for(o) for o in OFFENCES]
    same_day_share, late_share = (
        np.array([getattr(d, share_name) for d in delay_of_offence]) for share_name in ("same_day", "late")
    )
    random_numbers = rng.random(len(offence))
    is_late = random_numbers > 1 - late_share[offence]
    mean_days = np.where(
        is_late,
        np.array([d.late_days for d in delay_of_offence])[offence],
        np.array([d.soon_days for d in delay_of_offence])[offence],
    )
    waiting_days = 1 + np.floor(
        np.log1p(-rng.random(len(offence))) / np.log(mean_days / (1 + mean_days))
    ).astype(np.int64)
    return np.where(random_numbers < same_day_share[offence], 0, waiting_days)


def draw_windows(offence: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Minutes before and after each event between which it is known to have happened (0, 0: seen)."""
    median_minutes = np.array([o.window_hours for o in OFFENCES])[offence] * 60
    width_minutes = median_minutes * np.exp(0.7 * rng.standard_normal(len(offence)))
    minutes_before: Floats = rng.random(len(offence)) * width_minutes
    return np.round(minutes_before).astype(np.int64), np.round(width_minutes - minutes_before).astype(
        np.int64
    )
