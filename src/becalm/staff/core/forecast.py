"""How many officers will be there on each tour, seen from a day on which not every absence is known?

The past says how often somebody who was not known to be away, some days ahead, was away after all, and how
often somebody who was known to be away had come back. It is played again as it was known on each past day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.binomial_mixtures import (
    beta_binomial,
    estimate_correlation,
    mid_quantiles,
    shrink_ratios,
)
from becalm.staff.core.force import HALF_DAY, Force, Span, tour_halves
from becalm.staff.core.rule_book import RuleBook
from becalm.terms import QuestionError

LEVELS = (0.1, 0.5, 0.9)
LEAST_PAST_DAYS = 28
MOST_LEAD_DAYS = 42


@dataclass(frozen=True, slots=True)
class Strength:
    """Officers who will be there on one tour: published, known to be there, and the forecast of them."""

    command_unit: str  # "all" for the whole force
    day: date
    tour: str
    published: int
    available: int  # published and not known to be away
    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class AbsenceRates:
    """What the past says, by lead in days and by tour: [L, T]."""

    new_share: Floats  # of those not known to be away: away after all
    back_share: Floats  # of those known to be away: there after all
    unit_ratio: Mapping[str, float]  # of new absences, by command unit
    unit_sd: Mapping[str, float]
    correlation: float  # of officers on one day: above 0 where absences come in waves
    past_days: int


ALL_UNITS = "all"


def forecast_strength(
    force: Force,
    spans: Sequence[Span],
    rules: RuleBook,
    *,
    today: date,
    first_day: date,
    days: int,
    zone: str,
    event_officers: Mapping[date, int] | None = None,
) -> tuple[Strength, ...]:
    """Strength by command unit, day and tour, and of the whole force (p10, p50, p90).

    `force` holds what is known now of these days; `spans` are those with which the past is played again.
    `event_officers` go to a known event on a day, from all tours alike.

    Raises QuestionError where fewer than 28 days of the past are known.
    """
    rates = learn_rates(force, spans, rules, today=today, days=(first_day - today).days + days, zone=zone)
    published, is_away = _published_on_tours(force), mark_tours(force, rules)
    units = [officer.command_unit for officer in force.officers]
    has_joined = _has_joined(force)
    rows: list[Strength] = []
    for column in range(force.day_index(first_day), force.day_index(first_day) + days):
        day = force.first_day + timedelta(days=column)
        lead_days = max(0, min((day - today).days, len(rates.new_share) - 1))
        for tour, kind in enumerate(rules.tours):
            is_there = (published[:, column] == tour + 1) & has_joined[:, column]
            share_left = _share_left(
                is_there & ~is_away[:, column, tour], (event_officers or {}).get(day, 0), rules
            )
            for unit in (*sorted(set(units)), ALL_UNITS):
                is_unit = np.array([unit in (ALL_UNITS, name) for name in units])
                is_known = is_there & is_unit & ~is_away[:, column, tour]
                away_count = int((is_there & is_unit).sum() - is_known.sum())
                chances = strength_chances(
                    int(is_known.sum()), away_count, rates, unit=unit, lead=lead_days, tour=tour
                )
                quantiles = mid_quantiles(chances, LEVELS)
                published_count = int((is_there & is_unit).sum())
                low, middle, high = (round(value * share_left, 2) for value in quantiles)
                rows.append(
                    Strength(unit, day, kind.tour, published_count, int(is_known.sum()), low, middle, high)
                )
    return tuple(rows)


def _share_left(is_known: Bools, event_officers: int, rules: RuleBook) -> float:
    """The share of a tour that an event leaves: it takes its officers from all tours of a day alike."""
    on_tour_count = max(1, int(is_known.sum()))
    return max(0.0, 1.0 - event_officers / len(rules.tours) / on_tour_count)


def strength_chances(
    available: int, away: int, rates: AbsenceRates, *, unit: str, lead: int, tour: int
) -> Floats:
    """The chances of 0, 1, 2 … officers on a tour, `lead` days ahead.

    Of the `available` (published, not known to be away) new absences are taken; of the `away` some come back.
    """
    new_share = min(0.95, rates.new_share[lead, tour] * rates.unit_ratio.get(unit, 1.0))
    extra_correlation = rates.unit_sd.get(unit, 0.0) ** 2 * new_share / (1.0 - new_share)
    staying_chances = beta_binomial(
        available, 1.0 - new_share, min(0.5, rates.correlation + extra_correlation)
    )
    returning_chances = beta_binomial(away, float(rates.back_share[lead, tour]), rates.correlation)
    return np.convolve(staying_chances, returning_chances)


def learn_rates(
    force: Force, spans: Sequence[Span], rules: RuleBook, *, today: date, days: int, zone: str
) -> AbsenceRates:
    """Play the past again as it was known on each of its days, `days` ahead.

    Raises QuestionError where too little of it is known.
    """
    past_days = min(force.day_index(today), force.days)
    if past_days < LEAST_PAST_DAYS:
        raise QuestionError(
            f"The roster goes back {max(0, past_days)} days before {today}; a forecast learns from "
            f"{LEAST_PAST_DAYS} at least. Load an older roster with its absences."
        )
    lead_count = max(1, min(days, MOST_LEAD_DAYS, past_days // 2))
    is_away = mark_tours(force, rules)
    shape = (past_days, lead_count, len(rules.tours))
    new_count, open_count, back_count, away_count = (np.zeros(shape) for _ in range(4))
    units = sorted({officer.command_unit for officer in force.officers})
    unit_rows = np.array([units.index(officer.command_unit) for officer in force.officers])
    new_of_unit, present_of_unit = np.zeros(len(units)), np.zeros(len(units))
    for origin, is_known_away in _replay(force, spans, rules, past_days, lead_count, zone):
        width = is_known_away.shape[1]
        is_away_then = is_away[:, origin : origin + width]
        new_count[origin, :width] = (is_away_then & ~is_known_away).sum(axis=0)
        open_count[origin, :width] = (~is_known_away).sum(axis=0)
        back_count[origin, :width] = (~is_away_then & is_known_away).sum(axis=0)
        away_count[origin, :width] = is_known_away.sum(axis=0)
        # Leads repeat the same absence: its first day, the day before which nobody knew it, counts it once.
        is_news = (is_away_then & ~is_known_away)[:, 0].any(axis=1)
        new_of_unit += np.bincount(unit_rows, is_news, len(units))
        present_of_unit += np.bincount(unit_rows, ~is_known_away[:, 0].all(axis=1), len(units))
    new_share = _rising(new_count.sum(axis=0) / np.maximum(1, open_count.sum(axis=0)))
    expected = present_of_unit * new_of_unit.sum() / max(1.0, present_of_unit.sum())
    ratios = shrink_ratios(new_of_unit, expected)
    chances = np.broadcast_to(new_share, shape)
    is_whole = np.arange(past_days)[:, None] + np.arange(lead_count) < past_days
    correlation = estimate_correlation(
        new_count[is_whole], open_count[is_whole], chances[is_whole], independent=past_days / lead_count
    )
    return AbsenceRates(
        new_share,
        back_count.sum(axis=0) / np.maximum(1, away_count.sum(axis=0)),
        dict(zip(units, ratios.ratio.tolist(), strict=True)),
        dict(zip(units, ratios.relative_sd.tolist(), strict=True)),
        correlation,
        past_days,
    )


def _rising(shares: Floats) -> Floats:
    """Shares by lead that never fall: the further ahead, the less is known."""
    from scipy.optimize import isotonic_regression

    columns = [isotonic_regression(shares[:, tour]).x for tour in range(shares.shape[1])]
    return np.column_stack(columns)


def _replay(
    force: Force, spans: Sequence[Span], rules: RuleBook, past_days: int, leads: int, zone: str
) -> Iterator[tuple[int, Bools]]:
    """For each past day: who was known on its midnight to be away from which tour [N, leads, T]."""
    row_of_officer, start = force.row_of_officer, datetime.combine(force.first_day, time())
    queue = sorted((s for s in spans if s.staff_number in row_of_officer), key=lambda span: span.recorded_at)
    half_days = np.zeros_like(force.is_away)
    halves, position = tour_halves(rules), 0
    for origin in range(past_days):
        midnight = datetime.combine(
            force.first_day + timedelta(days=origin), time(), ZoneInfo(zone)
        ).timestamp()
        while position < len(queue) and queue[position].recorded_at.timestamp() < midnight:
            span = queue[position]
            begin, end = ((at - start) // HALF_DAY for at in (span.since, span.until))
            half_days[row_of_officer[span.staff_number], max(0, begin) : max(0, end)] = not span.may_patrol
            position += 1
        width = min(leads, past_days - origin)
        yield origin, _tours_away(half_days[:, 2 * origin : 2 * (origin + width) + 4], halves, width)


def mark_tours(force: Force, rules: RuleBook) -> Bools:
    """Who is away from which tour on each day of the roster [N, H, T]?"""
    return _tours_away(force.is_away, tour_halves(rules), force.days)


def _tours_away(half_days: Bools, halves: Ints, days: int) -> Bools:
    padded_half_days = np.pad(
        half_days, ((0, 0), (0, max(0, 2 * days + 4 - half_days.shape[1]))), mode="edge"
    )
    is_tour_away = np.zeros((len(half_days), days, len(halves)), np.bool_)
    for tour, (begin, end) in enumerate(halves.tolist()):
        for half in range(begin, end):
            is_tour_away[:, :, tour] |= padded_half_days[:, half : half + 2 * days : 2]
    return is_tour_away


def _published_on_tours(force: Force) -> Ints:
    return np.maximum(force.published, 0).astype(np.int64)


def _has_joined(force: Force) -> Bools:
    """Whether each officer has joined by each day [N, H]: a recruit comes on the first day, not before."""
    joining_columns = np.array(
        [force.day_index(officer.recruit_since) if officer.recruit_since else 0 for officer in force.officers]
    )
    return np.asarray(np.arange(force.days)[None, :] >= joining_columns[:, None])
