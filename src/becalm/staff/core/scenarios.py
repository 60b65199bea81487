"""What if officers were freed, kept at home, called to an event, or joined? Forces that are not there yet."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from becalm.staff.core.allocate import Lines
from becalm.staff.core.force import UNPUBLISHED, Force, Officer
from becalm.staff.core.roster_problem import RosterProblem
from becalm.terms import Fault, UsageError

Measure = Literal["free", "isolating", "event", "recruits"]
MOST_OFFICERS = 5000
BURST_SHARE = 0.9
MEAL_MINUTES = 45.0


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that may happen to a force."""

    measure: Measure
    count: float  # officers, or a share of all where `is_share`
    is_share: bool = False
    day: date | None = None
    donor: str = ""

    @property
    def label(self) -> str:
        """In words, as a heading."""
        amount = f"{self.count:.0%}" if self.is_share else f"{self.count:g}"
        if self.measure == "free":
            return f"{amount} freed from {self.donor}"
        if self.measure == "isolating":
            return f"{amount} isolating"
        return f"{amount} {'to an event on' if self.measure == 'event' else 'recruits from'} {self.day}"


@dataclass(frozen=True, slots=True)
class Outlook:
    """A force under some changes: officers there, tours short and bursts on each day."""

    label: str
    strength: tuple[int, ...]  # officers on a published or new tour, by day
    short: tuple[int, ...]  # tours that stay short, by day
    bursts: tuple[float, ...]


AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)(%?)$")


def parse_changes(
    free: Sequence[str], isolating: Sequence[str], event: Sequence[str], recruits: Sequence[str]
) -> tuple[Change, ...]:
    """The changes of a request; raises UsageError with every one that cannot be read."""
    changes, faults = [], []
    texts: list[tuple[Measure, str]] = [("free", text) for text in free]
    texts += [("isolating", text) for text in isolating]
    texts += [("event", text) for text in event]
    texts += [("recruits", text) for text in recruits]
    for measure, text in texts:
        change = _parse_change(measure, text)
        if change is None:
            example = {"free": "airport=20", "isolating": "10%"}.get(measure, "40@2020-05-09")
            faults.append(Fault(measure, f"{text!r} cannot be read", f"write {example}"))
        else:
            changes.append(change)
    if faults:
        raise UsageError("These changes cannot be tried", tuple(faults))
    return tuple(changes)


def _parse_change(measure: Measure, text: str) -> Change | None:
    donor, has_donor, amount_and_day = text.partition("=") if measure == "free" else ("", "", text)
    amount_text, has_day, day_text = amount_and_day.partition("@")
    amount = AMOUNT.match(amount_text.strip())
    needs_day = measure in ("event", "recruits")
    if amount is None or bool(has_day) != needs_day or (measure == "free" and not (has_donor and donor)):
        return None
    is_share = amount[2] == "%"
    if is_share and measure != "isolating":
        return None
    count = float(amount[1]) / (100 if is_share else 1)
    if count > (1 if is_share else MOST_OFFICERS):
        return None
    try:
        day = date.fromisoformat(day_text.strip()) if needs_day else None
    except ValueError:
        return None
    return Change(measure, count, is_share, day, donor.strip())


def apply_changes(
    force: Force, changes: Sequence[Change], rng: np.random.Generator, *, first_day: date, days: int
) -> Force:
    """The force as it would be on these days; whom it meets is drawn."""
    for change in changes:
        if change.measure == "free":
            force = _add_freed(force, change, rng)
        elif change.measure == "isolating":
            force = _keep_at_home(force, change, rng, first_day, days)
        elif change.measure == "event":
            force = _send_to_event(force, change, rng, first_day)
        else:
            force = _add_recruits(force, change, rng, first_day)
    return force


def _add_freed(force: Force, change: Change, rng: np.random.Generator) -> Force:
    """Freed officers come with the pattern of somebody of the unit that they join, and can be rostered."""
    count = int(change.count)
    patterns = rng.integers(0, len(force.officers), count)
    officers = tuple(
        Officer(f"Y{9001 + len(force.officers) + n}", "constable", force.officers[row].command_unit)
        for n, row in enumerate(patterns.tolist())
    )
    return _append(force, officers, force.published[patterns], has_joined_from=0)


def _add_recruits(force: Force, change: Change, rng: np.random.Generator, first_day: date) -> Force:
    count, day = int(change.count), change.day or first_day
    homes = rng.integers(0, len(force.officers), count)
    officers = tuple(
        Officer(
            f"Z{9001 + len(force.officers) + n}",
            "constable",
            force.officers[row].command_unit,
            recruit_since=day,
        )
        for n, row in enumerate(homes.tolist())
    )
    published = np.full((count, force.days), UNPUBLISHED, np.int8)
    return _append(force, officers, published, has_joined_from=max(0, force.day_index(day)))


def _append(
    force: Force, officers: tuple[Officer, ...], published: NDArray[np.int8], *, has_joined_from: int
) -> Force:
    is_away = np.zeros((len(officers), 2 * force.days), np.bool_)
    is_away[:, : 2 * has_joined_from] = True
    return replace(
        force,
        officers=(*force.officers, *officers),
        published=np.vstack([force.published, published]),
        is_away=np.vstack([force.is_away, is_away]),
        is_admin=np.vstack([force.is_admin, np.zeros_like(is_away)]),
    )


def _keep_at_home(
    force: Force, change: Change, rng: np.random.Generator, first_day: date, days: int
) -> Force:
    """So many officers who are there now do administration from home on all these days."""
    begin, end = 2 * force.day_index(first_day), 2 * (force.day_index(first_day) + days)
    present_officers = np.flatnonzero(~force.is_away[:, begin:end].all(axis=1))
    count = round(change.count * len(force.officers)) if change.is_share else int(change.count)
    officer_index = rng.choice(present_officers, min(count, len(present_officers)), replace=False)
    is_away, is_admin = force.is_away.copy(), force.is_admin.copy()
    is_away[officer_index, begin:end] = True
    is_admin[officer_index, begin:end] = True
    return replace(force, is_away=is_away, is_admin=is_admin)


def _send_to_event(force: Force, change: Change, rng: np.random.Generator, first_day: date) -> Force:
    """An event takes officers who would be on duty that day; no rest day is cancelled for it here."""
    column = force.day_index(change.day or first_day)
    if not 0 <= column < force.days:
        return force
    on_duty = np.flatnonzero((force.published[:, column] > 0) & ~force.is_away[:, 2 * column])
    officer_index = rng.choice(on_duty, min(int(change.count), len(on_duty)), replace=False)
    is_away = force.is_away.copy()
    is_away[officer_index, 2 * column : 2 * column + 2] = True
    return replace(force, is_away=is_away)


def describe_outlook(
    label: str, problem: RosterProblem, lines: Lines, *, tour_hours: Sequence[float], minutes_per_burst: float
) -> Outlook:
    """Officers on duty, tours short and bursts possible on each day of a roster."""
    on_duty = np.stack([(lines.tours == tour + 1).sum(axis=0) for tour in range(len(tour_hours))])
    short_counts = np.maximum(0, problem.cells.need - lines.counts[..., 0])[..., 1:].sum(axis=(0, 2))
    open_minutes = np.array([60.0 * hours - MEAL_MINUTES for hours in tour_hours]) * BURST_SHARE
    crew_counts = on_duty / 2.0
    burst_counts = (crew_counts * open_minutes[:, None]).sum(axis=0) / minutes_per_burst
    return Outlook(
        label,
        tuple(on_duty.sum(axis=0).tolist()),
        tuple(short_counts.tolist()),
        tuple(float(value) for value in burst_counts.round(1)),
    )


def list_days(first_day: date, days: int) -> tuple[date, ...]:
    """These days, one after the other."""
    return tuple(first_day + timedelta(days=n) for n in range(days))
