"""The officers of the simulated city: who they are, the published roster, and who is away when.

A pattern of ten days (two early, two late, two nights, four of rest) is published for everybody; absences are
drawn by kind, so that about 22 % of officer-days are lost to the street, as in the first weeks of a pandemic.
Everything follows from one generator of its own: the city's other files take no draw from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from becalm.methods.arrays import Ints

PATTERN: Final = (1, 1, 2, 2, 3, 3, 0, 0, 0, 0)
TOURS: Final = ("rest", "early", "late", "night")
DAYS_BACK, DAYS_AHEAD = 119, 42
OFFICERS: Final = 640
SERGEANTS, INSPECTORS, DRIVERS, RECRUITS, TUTORS = 0.14, 0.02, 0.40, 0.12, 0.30
NOTICE_DAYS: Final = 35  # before the first day on which the roster was published


@dataclass(frozen=True, slots=True)
class AbsenceKind:
    """One kind of absence: how often it begins, how long it lasts, how long before it is known."""

    state: str
    begins_per_day: float
    least_days: int
    most_days: int
    days_known: int  # before it begins


KINDS: Final = (
    AbsenceKind("leave", 0.014, 3, 14, 28),
    AbsenceKind("sick", 0.01, 1, 9, 0),
    AbsenceKind("self-isolating", 0.004, 7, 14, 0),
    AbsenceKind("training", 0.0083, 1, 3, 21),
    AbsenceKind("court", 0.0066, 1, 2, 14),
    AbsenceKind("abstracted", 0.006, 1, 5, 7),
    AbsenceKind("restricted", 0.0007, 28, 84, 3),
)
"""What takes officers off the street. The rates are ours: they add up to about 22 % of all days."""

DONORS: Final = ("airport", "events", "schools")
FREED_SHARE: Final = 0.04  # of officers: they belong to a donor, which frees them in spring
FREED_DAYS_BACK, FREED_KNOWN_DAYS = 21, 49  # before the pivot: when it begins, and when it is recorded
LEAST_RECALL_DAYS, MOST_RECALL_DAYS = 15, 40  # after the pivot


@dataclass(frozen=True, slots=True)
class StaffTables:
    """The three files of `staff/`, and what is true of them."""

    officers: pa.Table
    roster: pa.Table
    availability: pa.Table
    truth: dict[str, Any]


def draw_staff(
    unit_names: tuple[str, ...], rng: np.random.Generator, *, count: int, pivot: date
) -> StaffTables:
    """Draw the officers of these command units; `pivot` is the first day that is not over."""
    first_day = pivot - timedelta(days=DAYS_BACK)
    days = DAYS_BACK + DAYS_AHEAD
    unit_shares = rng.uniform(0.6, 1.6, len(unit_names))
    unit_of_officer = np.sort(rng.choice(len(unit_names), count, p=unit_shares / unit_shares.sum()))
    pattern_phases = rng.integers(0, len(PATTERN), count)
    tour_codes = np.array(PATTERN)[(np.arange(days)[None, :] + pattern_phases[:, None]) % len(PATTERN)]
    staff_numbers = [f"D{1001 + row}" for row in range(count)]
    spans = list(_draw_spans(count, days, rng))
    is_away = np.zeros((count, days), np.bool_)
    for row, begin, end, _ in spans:
        is_away[row, begin:end] = True
    officers = _officers_table(staff_numbers, unit_names, unit_of_officer, rng, pivot=pivot)
    freed_rows = list(_draw_freed(officers, is_away, rng, pivot=pivot))
    absence_rows = _absence_rows(staff_numbers, spans, first_day)
    return StaffTables(
        officers=officers,
        roster=_roster_table(staff_numbers, tour_codes, first_day),
        availability=pa.Table.from_pylist([*absence_rows, *freed_rows]),
        truth={
            "first_day": first_day.isoformat(),
            "pivot": pivot.isoformat(),
            "days": days,
            "officers": count,
            "away_share": round(float(is_away.mean()), 4),
            "freed": sum(row["state"] == "freed" for row in freed_rows),
            "kinds": {kind.state: kind.begins_per_day for kind in KINDS},
        },
    )


def _draw_spans(
    count: int, days: int, rng: np.random.Generator
) -> Iterator[tuple[int, int, int, AbsenceKind]]:
    """Absences of each officer one after the other, never two at once: row, first day, day after, kind."""
    rates = np.array([absence_kind.begins_per_day for absence_kind in KINDS])
    for row in range(count):
        day = int(rng.geometric(rates.sum())) - 14  # some are away already when the roster begins
        while day < days:
            absence_kind = KINDS[int(rng.choice(len(KINDS), p=rates / rates.sum()))]
            end = day + int(rng.integers(absence_kind.least_days, absence_kind.most_days + 1))
            if end > 0:
                yield row, max(0, day), min(days, end), absence_kind
            day = end + int(rng.geometric(rates.sum()))


def _officers_table(
    staff_numbers: list[str],
    unit_names: tuple[str, ...],
    unit_of_officer: Ints,
    rng: np.random.Generator,
    *,
    pivot: date,
) -> pa.Table:
    count = len(staff_numbers)
    rank_draws = rng.random(count)
    ranks = np.where(
        rank_draws < INSPECTORS,
        "inspector",
        np.where(rank_draws < INSPECTORS + SERGEANTS, "sergeant", "constable"),
    )
    is_constable = ranks == "constable"
    is_recruit = is_constable & (rng.random(count) < RECRUITS / (1 - SERGEANTS - INSPECTORS))
    is_tutor = ~is_recruit & (rng.random(count) < TUTORS)
    is_driver = rng.random(count) < DRIVERS
    expiry_days = rng.integers(-10, 900, count)
    weeks_since_course = rng.integers(2, 24, count)
    is_part_time = rng.random(count) < 0.06
    has_night_bar = rng.random(count) < 0.03
    is_early_averse = rng.random(count) < 0.2
    has_opted_out = rng.random(count) < 0.15
    return pa.table(
        {
            "staff_number": staff_numbers,
            "rank": ranks.tolist(),
            "command_unit": [unit_names[unit] for unit in unit_of_officer],
            "contracted_hours": np.where(is_part_time, 30, 40),
            "skills": [
                f"driver:{pivot + timedelta(days=int(days))}" if drives else ""
                for drives, days in zip(is_driver, expiry_days, strict=True)
            ],
            "tutor": np.where(is_tutor, "yes", "no").tolist(),
            "recruit_since": [
                str(pivot - timedelta(weeks=int(weeks))) if recruit else ""
                for recruit, weeks in zip(is_recruit, weeks_since_course, strict=True)
            ],
            "barred_tours": np.where(has_night_bar, "night", "").tolist(),
            "unwelcome_tours": np.where(is_early_averse, "early", "").tolist(),
            "opted_out": np.where(has_opted_out, "yes", "no").tolist(),
            "earlier_hours": np.round(rng.normal(530, 30, count)).astype(np.int64),
        }
    )


def _roster_table(staff_numbers: list[str], tours: Ints, first_day: date) -> pa.Table:
    count, days = tours.shape
    day_texts = [str(first_day + timedelta(days=day)) for day in range(days)]
    published_on = str(first_day - timedelta(days=NOTICE_DAYS))
    return pa.table(
        {
            "staff_number": np.repeat(staff_numbers, days).tolist(),
            "day": day_texts * count,
            "tour": np.array(TOURS)[tours.ravel()].tolist(),
            "published_on": [published_on] * (count * days),
        }
    )


def _absence_rows(
    staff_numbers: list[str], spans: list[tuple[int, int, int, AbsenceKind]], first_day: date
) -> Iterator[dict[str, str]]:
    for row, begin, end, kind in spans:
        start = first_day + timedelta(days=begin)
        known_at = datetime.combine(start - timedelta(days=kind.days_known), time(5, 30))
        yield _absence_row(staff_numbers[row], start, first_day + timedelta(days=end), kind.state, known_at)


def _absence_row(
    staff_number: str,
    start: date,
    end: date,
    state: str,
    known_at: datetime,
    donor: str = "",
    recall_on: date | None = None,
) -> dict[str, str]:
    return {
        "staff_number": staff_number,
        "from": str(start),
        "until": str(end),
        "state": state,
        "recorded_at": f"{known_at:%Y-%m-%d %H:%M}",
        "donor": donor,
        "recall_on": str(recall_on or ""),
    }


def _draw_freed(
    officers: pa.Table, is_away: NDArray[np.bool_], rng: np.random.Generator, *, pivot: date
) -> Iterator[dict[str, str]]:
    """Constables of a donor, whom it frees for some weeks: two spans each, of which the later one holds.

    Both are recorded before any absence within them, so that who is freed may still fall sick.
    """
    first_day, freed_from = pivot - timedelta(days=DAYS_BACK), pivot - timedelta(days=FREED_DAYS_BACK)
    last_day = pivot + timedelta(days=DAYS_AHEAD)
    may_be_freed = (np.array(officers.column("rank").to_pylist()) == "constable") & (
        np.array(officers.column("recruit_since").to_pylist()) == ""
    )
    rows = np.flatnonzero(may_be_freed & ~is_away[:, DAYS_BACK - FREED_DAYS_BACK])
    count = min(len(rows), round(FREED_SHARE * len(officers)))
    numbers = officers.column("staff_number").to_pylist()
    for row in np.sort(rng.choice(rows, count, replace=False)).tolist():
        donor = DONORS[int(rng.integers(len(DONORS)))]
        recall_on = pivot + timedelta(days=int(rng.integers(LEAST_RECALL_DAYS, MOST_RECALL_DAYS + 1)))
        posted_at = datetime.combine(first_day - timedelta(days=60), time(5))
        freed_at = datetime.combine(pivot - timedelta(days=FREED_KNOWN_DAYS), time(5))
        yield _absence_row(numbers[row], first_day, last_day, "abstracted", posted_at, donor)
        yield _absence_row(numbers[row], freed_from, recall_on, "freed", freed_at, donor, recall_on)
