"""Instants as people write them, in the city's time: what a clock says when it is put back comes twice.

Kept apart from all that needs arrays, so that a unit's next bursts are there within a second.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from becalm.terms import UsageError


def read_instant(text: str, zone: str) -> datetime:
    """An instant as somebody writes it: in the city's time unless it names a zone.

    Raises UsageError where the clocks change at that time, so that it comes twice or never.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a time. Write it as 2020-05-04T18:05 in the city's time, or with a zone (…Z)."
        ) from error
    if instant.tzinfo:
        return instant.astimezone(UTC)
    first, second = (instant.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    choices = [at.astimezone(UTC).astimezone(ZoneInfo(zone)) for at in (first, second)]
    choice_text = " or ".join(f"{at.isoformat(timespec='minutes')} ({at:%Z})" for at in choices)
    raise UsageError(f"{text} is no single moment in {zone}: the clocks change then. Write {choice_text}.")
