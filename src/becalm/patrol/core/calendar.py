"""When is a tour? Clock times of the city as instants, over nights of 23, 24 and 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from becalm.patrol.core.nouns import Span


def tour_span(day: date, start: time, hours: float, *, zone: str) -> Span:
    """From when to when is a tour that starts on this day at this clock time and lasts so long by the clock?

    A roster is written in clock times: a tour of eight hours from 22:00 ends at 06:00, also in the night in
    which that is seven or nine hours later. A clock time that the night leaves out stands for the same
    time after the change; one that comes twice stands for its first coming.

    >>> tour_span(date(2026, 3, 28), time(22), 8.0, zone="Europe/London").minutes / 60
    7.0
    >>> tour_span(date(2026, 10, 24), time(22), 8.0, zone="Europe/London").minutes / 60
    9.0
    """
    begins = datetime.combine(day, start)
    return Span(_instant(begins, zone), _instant(begins + timedelta(hours=hours), zone))


def day_span(day: date, days: int, *, zone: str) -> Span:
    """From when to when are these civil days, midnight to midnight in the city's zone?"""
    midnight = datetime.combine(day, time())
    return Span(_instant(midnight, zone), _instant(midnight + timedelta(days=days), zone))


def hour_of_week(at: datetime, *, zone: str) -> int:
    """Which hour of the local week is it: 0 on Monday from 00:00, 167 on Sunday from 23:00?"""
    local = at.astimezone(ZoneInfo(zone))
    return local.weekday() * 24 + local.hour


def _instant(local: datetime, zone: str) -> datetime:
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
