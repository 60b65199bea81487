"""What was done, week by week, beside what happened: minutes of bursts, visits to people, officers on duty.

Effort is shown and named, and nothing is concluded from it: no alarm is raised about what anybody did.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from becalm.ledger import Entry
from becalm.ledger.projection import WITHDRAWN, apply_corrections
from becalm.sustain.core.watch import Effort, Watch, WatchedSeries

RISING_STATES: Final = ("alarm", "rising", "above reference")


def count_effort(entries: Sequence[Entry], mondays: Sequence[date], zone: str) -> tuple[Effort, ...]:
    """What the ledger says was done in each of these weeks; nothing where it holds none of a kind."""
    efforts = []
    for kind, (name, list_amounts, join) in _AMOUNTS.items():
        weekly_amounts = np.zeros(len(mondays))
        amounts = [
            (week, amount)
            for corrected in apply_corrections(entries, kind=kind)
            if not corrected.is_withdrawn
            for week, amount in list_amounts(corrected.latest_entry, mondays, ZoneInfo(zone))
            if 0 <= week < len(mondays)
        ]
        for week, amount in amounts:
            weekly_amounts[week] = join(weekly_amounts[week], amount)
        if amounts:
            weekly_amounts[: min(week for week, _ in amounts)] = np.nan
            efforts.append(Effort(name, weekly_amounts))
    return tuple(efforts)


WeeklyAmounts = Iterator[tuple[int, float]]  # the number of the week, and how much


def _burst_minutes(entry: Entry, mondays: Sequence[date], zone: ZoneInfo) -> WeeklyAmounts:
    start, end = (datetime.fromisoformat(str(entry.event.facts[name])) for name in ("starts_at", "ends_at"))
    yield _week_of(start, mondays, zone), (end - start).total_seconds() / 60.0


def _visits(entry: Entry, mondays: Sequence[date], zone: ZoneInfo) -> WeeklyAmounts:
    yield _week_of(entry.event.occurred_at, mondays, zone), 1.0


def _officers(entry: Entry, mondays: Sequence[date], _zone: ZoneInfo) -> WeeklyAmounts:
    facts = entry.event.facts
    first_day, days = date.fromisoformat(str(facts["first_day"])), int(str(facts["days"]))
    for week in range((first_day - mondays[0]).days // 7, (first_day - mondays[0]).days // 7 + 1 + days // 7):
        yield week, float(str(facts["officers"]))


def _week_of(instant: datetime, mondays: Sequence[date], zone: ZoneInfo) -> int:
    return (instant.astimezone(zone).date() - mondays[0]).days // 7


Amounts = Callable[[Entry, Sequence[date], ZoneInfo], WeeklyAmounts]
Join = Callable[[float, float], float]
_AMOUNTS: Final[dict[str, tuple[str, Amounts, Join]]] = {
    "burst_done": ("burst minutes", _burst_minutes, operator.add),
    "visit_made": ("visits to people", _visits, operator.add),
    "roster_published": ("officers on the roster", _officers, max),
}
EFFORT_KINDS: Final = (*_AMOUNTS, WITHDRAWN)


def with_effort(watch: Watch, efforts: tuple[Effort, ...]) -> Watch:
    """The watch with what was done, and less effort named beside what rises."""
    fallen_efforts = [effort for effort in efforts if effort.has_fallen]
    notes = tuple(f"Less was done: {effort.words}." for effort in fallen_efforts)

    def with_notes(series: WatchedSeries) -> WatchedSeries:
        return replace(series, notes=(*series.notes, *notes)) if series.state in RISING_STATES else series

    return replace(watch, series=tuple(map(with_notes, watch.series)), efforts=efforts)
