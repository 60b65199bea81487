"""When things happen: the hours of the week, the seasons, holidays, and the lockdown of spring 2020."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.simulate.offences import OFFENCES, Offence
from becalm.simulate.places import KINDS
from becalm.simulate.settings import Settings

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
EXPOSURE: Final = (1.5, 1.2, 1.3, 1.45, 0.75, 0.9, 0.7)
CHRISTMAS: Final = {(12, 24): 0.85, (12, 25): 0.62, (12, 26): 0.75, (1, 1): 1.15}


def hour_profiles(settings: Settings) -> Floats:
    """Share of the week's events in each hour of the week: (rhythms, kinds, 168), Monday 00:00 first."""
    if not settings.rhythms:
        return np.full((len(RHYTHMS), len(KINDS), 168), 1 / 168)
    base = np.stack([_curve(RHYTHMS[r]) for r in RHYTHMS])
    place = np.stack([_curve(KIND_HOURS.get(k, (1.0, ()))) for k in KINDS])
    both = base[:, None, :] * place[None, :, :]
    return np.asarray(both / both.sum(axis=2, keepdims=True))


def rhythm_index(offence: Offence) -> int:
    """Where the offence's rhythm stands among the profiles."""
    return list(RHYTHMS).index(offence.rhythm)


def day_factors(settings: Settings, shares: Floats, days: tuple[date, ...]) -> Floats:
    """The level of each day over an average day, for each offence and kind of place: (offences, kinds, days).

    `shares[o, k]` is the share of offence o at places of kind k; the lockdown is shared out among the
    kinds so that each offence as a whole falls by just its stated ratio.
    """
    weekday = np.array([d.weekday() for d in days])
    profile = hour_profiles(settings)
    in_week = 7 * profile.reshape(*profile.shape[:2], 7, 24).sum(axis=3)[:, :, weekday]
    depth = lockdown_depth(days) if settings.lockdown else np.zeros(len(days))
    calendar = _calendar(days) if settings.seasons else np.ones((len(KINDS), len(days)))
    rows = []
    for index, offence in enumerate(OFFENCES):
        level = in_week[rhythm_index(offence)] * calendar
        level = level * (_season(offence, days) if settings.seasons else 1.0)
        fall = _fall_by_kind(offence, shares[index])
        rows.append(level * (1 - fall[:, None] * depth[None, :]))
    return np.stack(rows)


def lockdown_depth(days: tuple[date, ...]) -> Floats:
    """How deep each day lies in the lockdown: 0 in normal times, 1 on its floor."""
    number = np.array([d.toordinal() for d in days], dtype=float)
    ramp, floor, rebound = (d.toordinal() for d in (RAMP, FLOOR, REBOUND))
    down = np.clip((number - ramp + 1) / (floor - ramp), 0, 1)
    return np.asarray(down * 0.5 ** (np.maximum(number - rebound, 0) / HALF_LIFE_DAYS))


def every_day(start: date, end: date) -> tuple[date, ...]:
    """The days from `start` until before `end`."""
    return tuple(start + timedelta(days=i) for i in range((end - start).days))


def epochs(days: tuple[date, ...]) -> Ints:
    """The half-year that each day lies in, counted from the first: places drift from one to the next."""
    half = np.array([2 * d.year + (d.month > 6) for d in days])
    return half - half.min() if len(half) else half


def _curve(shape: tuple[float, tuple[Bump, ...]]) -> Floats:
    background, bumps = shape
    curve = np.full(168, background)
    hours = np.arange(168) + 0.5
    for names, middle, width, height in bumps:
        for name in names.split():
            centre = 24 * WEEK.split().index(name) + middle
            away = (hours - centre + 84) % 168 - 84
            curve += height * np.exp(-0.5 * (away / width) ** 2)
    return curve


def _season(offence: Offence, days: tuple[date, ...]) -> Floats:
    turn = np.array([d.timetuple().tm_yday for d in days]) / 365.25
    peak = (offence.season_peak - 0.5) / 12
    return np.asarray(1 + offence.season_share * np.cos(2 * np.pi * (turn - peak)))


def _calendar(days: tuple[date, ...]) -> Floats:
    """Christmas for all, and term time for schools (shut in August, at Christmas and two weeks in April)."""
    level = np.ones((len(KINDS), len(days)))
    level *= np.array([CHRISTMAS.get((d.month, d.day), 1.0) for d in days])
    shut = [d.month == 8 or (d.month, d.day) >= (12, 20) or (d.month, d.day) <= (1, 3)
            or (d.month == 4 and 5 <= d.day <= 18) for d in days]  # fmt: skip
    level[KINDS.index("school")] *= np.where(shut, 0.45, 1.12)
    return level


def _fall_by_kind(offence: Offence, share: Floats) -> Floats:
    """The fall at each kind of place, so that the whole falls by 1 - lockdown_ratio; rises are even."""
    fall = 1 - offence.lockdown_ratio
    if fall <= 0:
        return np.full(len(KINDS), fall)
    by_kind = np.minimum(fall * np.array(EXPOSURE), 0.97)
    for _ in range(50):
        by_kind = np.minimum(by_kind * fall / max(float((share * by_kind).sum()), 1e-12), 0.97)
    return by_kind
