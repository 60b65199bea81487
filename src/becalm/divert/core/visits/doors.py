"""A drawn city of doors whose truth is known: who is at home when, who lives elsewhere, who rings back.

Every number is an assumption, printed with whatever is made of it: no rates of contact at the door are
published for visits like these. Drawn, not learned: nothing here is about a real person.
"""

from dataclasses import dataclass
from datetime import time

import numpy as np

from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.methods.arrays import Bools, Floats, Ints

EARLY, LATE = 9 * 60, 14 * 60  # when crews begin


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """What is assumed of the city, its doors and its crews."""

    people: int = 1000
    areas: int = 12
    side_km: float = 40.0
    spread_km: float = 2.6  # of an area
    kph: float = 22.0
    detour: float = 1.3
    settle_minutes: float = 3.0
    crew_minutes: float = 360.0
    mean_chance: float = 0.45  # of contact at a door, among those who live there
    away_share: float = 0.6  # of households that are mostly out by day
    area_deviation: float = 0.2  # of log-odds
    person_deviation: float = 0.6
    wrong_address_share: float = 0.08
    agree_chance: float = 0.5  # to agree a time for the second visit, of those met
    keep_chance: float = 0.75  # to be there at a time that was agreed
    card_chance: float = 0.12  # that a card is rung back


@dataclass(frozen=True, slots=True)
class DoorWorld:
    """The drawn doors: N people, D dayparts, minutes of travel between people and then bases."""

    settings: DoorSettings
    area: Ints  # [N]
    chance: Floats  # [N, D] of contact, 0 at a wrong address
    is_at_address: Bools  # [N]
    travel: Floats  # [N + areas, N + areas]


def daypart_effects(protocol: VisitProtocol) -> Floats:
    """Log-odds of being at home by kind of household [2, D]: mostly out by day, and mostly in."""
    by_day, by_evening = (-0.9, 0.25), (0.9, 0.1)
    effects = np.zeros((2, len(protocol.dayparts)))
    for number, part in enumerate(protocol.dayparts):
        if part.is_weekend:
            effects[:, number] = (0.25, 0.0)
        else:
            effects[:, number] = by_evening if part.start >= time(17) else by_day
    return effects


def draw_doors(settings: DoorSettings, protocol: VisitProtocol, rng: np.random.Generator) -> DoorWorld:
    """Draw people around the centres of areas, and how likely each is met in each daypart."""
    centres_km = rng.uniform(0.0, settings.side_km, (settings.areas, 2))
    area_of_person = rng.integers(0, settings.areas, settings.people)
    homes_km = centres_km[area_of_person] + rng.normal(0.0, settings.spread_km, (settings.people, 2))
    points_km = np.vstack([homes_km, centres_km])
    line_km = np.hypot(*(points_km[:, None] - points_km[None]).transpose(2, 0, 1))
    travel_minutes = line_km * settings.detour / settings.kph * 60.0
    travel_minutes[:, : settings.people] += settings.settle_minutes  # at a door, not back at the base
    np.fill_diagonal(travel_minutes, 0.0)
    household_of_person = (rng.random(settings.people) >= settings.away_share).astype(np.int64)
    log_odds = (
        daypart_effects(protocol)[household_of_person]
        + rng.normal(0.0, settings.area_deviation, settings.areas)[area_of_person][:, None]
        + rng.normal(0.0, settings.person_deviation, (settings.people, 1))
    )
    is_at_address = rng.random(settings.people) >= settings.wrong_address_share
    chance = scale_chances(log_odds, settings.mean_chance) * is_at_address[:, None]
    return DoorWorld(settings, area_of_person, chance, is_at_address, travel_minutes)


def scale_chances(log_odds: Floats, mean_chance: float, share: Floats | None = None) -> Floats:
    """Chances with this mean over rows (weighted by `share`) and columns: a shift is found by halving."""
    low, high = -12.0, 12.0
    for _ in range(60):
        middle = (low + high) / 2.0
        chance = 1.0 / (1.0 + np.exp(-(log_odds + middle)))
        is_low = float(np.mean(np.average(chance, axis=0, weights=share))) < mean_chance
        low, high = (middle, high) if is_low else (low, middle)
    return np.asarray(1.0 / (1.0 + np.exp(-(log_odds + low))))
