"""When things happen: the city's clock, the hours of the week, seasons, holidays and the lockdown of 2020."""

from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.formats.cells import local_to_utc
from becalm.methods.arrays import Floats, Ints
from becalm.simulate.names import TIME_ZONE
from becalm.simulate.places import KINDS
from becalm.simulate.settings import OFFENCES, Offence, Settings

RAMP: Final = date(2020, 3, 16)  # the fall begins
FLOOR: Final = date(2020, 3, 23)  # the floor is reached
REBOUND: Final = date(2020, 5, 11)  # the way back begins
HALF_LIFE_DAYS: Final = 70.0  # half of what is left of the fall is made good in this time

# (weekdays, middle hour, width in hours, height) of bumps over an even background of 1
Bump = tuple[str, float, float, float]
WEEK: Final = "Mon Tue Wed Thu Fri Sat Sun"
WORK: Final = "Mon Tue Wed Thu Fri"
RHYTHMS: Final[dict[str, tuple[float, tuple[Bump, ...]]]] = {
    "robbery": (1.2, ((WEEK, 20.3, 2.0, 3.2), (WORK, 16.0, 1.0, 0.6), ("Sat Sun", 1.5, 1.8, 1.6))),
    "shop": (0.02, (("Mon Tue Wed Thu Fri Sat", 14.5, 3.2, 3.0), ("Sun", 14.0, 2.4, 2.0))),
    "night": (1.1, ((WEEK, 20.5, 3.0, 1.3), ("Fri Sat", 22.8, 1.8, 2.0), ("Sat Sun", 1.5, 1.8, 2.8),
                     (WORK, 15.8, 0.9, 0.9))),
    "evening": (0.9, ((WEEK, 18.5, 4.0, 1.6), ("Fri Sat", 22.5, 2.0, 1.3), ("Sat Sun", 1.0, 1.8, 1.0))),
    "damage": (0.9, ((WEEK, 19.5, 4.5, 1.6), ("Fri Sat", 22.5, 2.2, 1.2), ("Sat Sun", 1.0, 1.8, 1.0))),
    "day": (0.5, ((WEEK, 13.0, 4.5, 1.5), (WORK, 9.0, 1.2, 0.8))),
    "burglary": (0.9, ((WORK, 11.5, 2.8, 1.5), (WEEK, 19.0, 2.5, 1.2))),
    "night_break": (0.8, ((WEEK, 1.5, 3.2, 1.6), (WEEK, 22.0, 2.5, 1.0))),
    "crowd": (0.5, ((WEEK, 17.0, 3.0, 2.2), ("Fri Sat", 22.0, 2.2, 1.6), ("Sat Sun", 1.0, 1.5, 1.6))),
    "police": (0.6, ((WEEK, 20.0, 3.5, 1.6), ("Fri Sat", 23.0, 2.0, 1.6), ("Sat Sun", 1.0, 1.6, 1.2))),
}  # fmt: skip
KIND_HOURS: Final[dict[str, tuple[float, tuple[Bump, ...]]]] = {
    "nightlife": (0.9, ((WEEK, 22.0, 2.5, 1.5), ("Fri Sat", 23.0, 1.8, 2.0), ("Sat Sun", 1.5, 1.8, 2.6))),
    "high_street": (0.8, ((WEEK, 14.0, 4.0, 1.2), ("Fri Sat", 21.5, 2.5, 0.8))),
    "station": (0.9, ((WORK, 8.0, 0.9, 1.4), (WORK, 17.8, 1.4, 1.8), (WEEK, 20.5, 2.5, 0.8))),
    "school": (0.7, ((WORK, 15.9, 0.8, 4.5), (WORK, 8.4, 0.5, 1.0))),
    "park": (0.8, ((WEEK, 17.0, 3.5, 1.5),)),
}
# How much of the fall of an offence each kind of place takes: pubs, shops, stations and schools shut first.
LOCKDOWN_EXPOSURE: Final = (1.5, 1.2, 1.3, 1.45, 0.75, 0.9, 0.7)
CHRISTMAS: Final = {(12, 24): 0.85, (12, 25): 0.62, (12, 26): 0.75, (1, 1): 1.15}


def hour_profiles(settings: Settings) -> Floats:
    """Share of the week's events in each hour of the week: (rhythms, kinds, 168), Monday 00:00 first."""
    if not settings.rhythms:
        return np.full((len(RHYTHMS), len(KINDS), 168), 1 / 168)
    rhythm_curves = np.stack([_curve(RHYTHMS[rhythm]) for rhythm in RHYTHMS])
    kind_curves = np.stack([_curve(KIND_HOURS.get(kind, (1.0, ()))) for kind in KINDS])
    hour_products = rhythm_curves[:, None, :] * kind_curves[None, :, :]
    return np.asarray(hour_products / hour_products.sum(axis=2, keepdims=True))


def rhythm_index(offence: Offence) -> int:
    """Where the offence's rhythm stands among the profiles."""
    return list(RHYTHMS).index(offence.rhythm)


def day_factors(settings: Settings, shares: Floats, days: tuple[date, ...]) -> Floats:
    """The level of each day over an average day, for each offence and kind of place: (offences, kinds, days).

    `shares[o, k]` is the share of offence o at places of kind k; the lockdown is shared out among the
    kinds so that each offence as a whole falls by just its stated ratio.
    """
    weekday_of_day = np.array([d.weekday() for d in days])
    hour_profile = hour_profiles(settings)
    weekday_level = 7 * hour_profile.reshape(*hour_profile.shape[:2], 7, 24).sum(axis=3)[:, :, weekday_of_day]
    lockdown_share = lockdown_depth(days) if settings.lockdown else np.zeros(len(days))
    calendar_level = _calendar_levels(days) if settings.seasons else np.ones((len(KINDS), len(days)))
    year_share_of_day = np.array([d.timetuple().tm_yday for d in days]) / 365.25
    factor_rows = []
    for offence_index, offence in enumerate(OFFENCES):
        day_level = weekday_level[rhythm_index(offence)] * calendar_level
        if settings.seasons:
            peak_share = (offence.season_peak - 0.5) / 12
            season_wave = np.cos(2 * np.pi * (year_share_of_day - peak_share))
            day_level = day_level * (1 + offence.season_share * season_wave)
        fall_of_kind = _fall_by_kind(offence, shares[offence_index])
        factor_rows.append(day_level * (1 - fall_of_kind[:, None] * lockdown_share[None, :]))
    return np.stack(factor_rows)


def lockdown_depth(days: tuple[date, ...]) -> Floats:
    """How deep each day lies in the lockdown: 0 in normal times, 1 on its floor."""
    day_ordinals = np.array([d.toordinal() for d in days], dtype=float)
    ramp_ordinal, floor_ordinal, rebound_ordinal = (d.toordinal() for d in (RAMP, FLOOR, REBOUND))
    descent_shares = np.clip((day_ordinals - ramp_ordinal + 1) / (floor_ordinal - ramp_ordinal), 0, 1)
    return np.asarray(
        descent_shares * 0.5 ** (np.maximum(day_ordinals - rebound_ordinal, 0) / HALF_LIFE_DAYS)
    )


def every_day(start: date, end: date) -> tuple[date, ...]:
    """The days from `start` until before `end`."""
    return tuple(start + timedelta(days=i) for i in range((end - start).days))


def epochs(days: tuple[date, ...]) -> Ints:
    """The half-year that each day lies in, counted from the first: places drift from one to the next."""
    half_year_of_day = np.array([2 * d.year + (d.month > 6) for d in days])
    return half_year_of_day - half_year_of_day.min() if len(half_year_of_day) else half_year_of_day


def _curve(curve_parts: tuple[float, tuple[Bump, ...]]) -> Floats:
    base_level, bump_list = curve_parts
    hour_levels = np.full(168, base_level)
    week_hours = np.arange(168) + 0.5
    for day_names, middle_hour, width_hours, peak_height in bump_list:
        for day_name in day_names.split():
            centre_hour = 24 * WEEK.split().index(day_name) + middle_hour
            distance_hours = (week_hours - centre_hour + 84) % 168 - 84
            hour_levels += peak_height * np.exp(-0.5 * (distance_hours / width_hours) ** 2)
    return hour_levels


def _calendar_levels(days: tuple[date, ...]) -> Floats:
    """Christmas for all, and term time for schools (shut in August, at Christmas and two weeks in April)."""
    kind_levels = np.ones((len(KINDS), len(days)))
    kind_levels *= np.array([CHRISTMAS.get((d.month, d.day), 1.0) for d in days])
    is_school_holiday = [d.month == 8 or (d.month, d.day) >= (12, 20) or (d.month, d.day) <= (1, 3)
            or (d.month == 4 and 5 <= d.day <= 18) for d in days]  # fmt: skip
    kind_levels[KINDS.index("school")] *= np.where(is_school_holiday, 0.45, 1.12)
    return kind_levels


def _fall_by_kind(offence: Offence, kind_shares: Floats) -> Floats:
    """The fall at each kind of place, so that the whole falls by 1 - lockdown_ratio; rises are even."""
    mean_fall = 1 - offence.lockdown_ratio
    if mean_fall <= 0:
        return np.full(len(KINDS), mean_fall)
    by_kind = np.minimum(mean_fall * np.array(LOCKDOWN_EXPOSURE), 0.97)
    for _ in range(50):
        by_kind = np.minimum(by_kind * mean_fall / max(float((kind_shares * by_kind).sum()), 1e-12), 0.97)
    return by_kind


EPOCH: Final = date(1970, 1, 1)
DAY_MINUTES: Final = 1440


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def skip_missing_hour(minutes: Ints) -> Ints:
    """Move local times that no clock showed (01:00 to 02:00 as summer time begins) on by an hour."""
    _, is_skipped, _ = local_to_utc(minutes.astype("M8[m]").astype("M8[s]"), TIME_ZONE)
    return np.asarray(minutes + 60 * is_skipped)


def to_utc(minutes: Ints) -> Ints:
    """Local minutes as UTC minutes; of the hour that comes twice in autumn the first is meant."""
    utc_times, _, _ = local_to_utc(skip_missing_hour(minutes).astype("M8[m]").astype("M8[s]"), TIME_ZONE)
    return utc_times.astype("M8[m]").astype(np.int64)


def month_number(days: Ints) -> Ints:
    """Months since 1970-01 of these days."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def month_name(month: int) -> str:
    """A month number as YYYY-MM."""
    return f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"
