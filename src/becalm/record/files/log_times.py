"""The times of a log as instants. A time that cannot be told is refused, never guessed at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from becalm.record.files.log_mapping import TimePart

FIRST_YEAR = 1970
Refusal = tuple[str, str]  # what is wrong, and what to do about it


def read_instant(text: str, part: TimePart, zone: ZoneInfo, *, now: datetime) -> datetime | Refusal:
    """The instant in this cell, or why it is none.

    An offset in the text is believed; else the time is of `zone`. A local time that the clocks skipped is
    refused, and so is one that happened twice, unless the mapping says which of the two it is.
    """
    moment = _parsed(text, part.formats)
    if moment is None:
        shown = ", ".join(part.formats) or "2020-04-30 22:15"
        return "is not a time", f"write it as {shown}, or give formats in a mapping"
    if isinstance(moment, tuple):
        return moment
    if moment.tzinfo is None:
        moment = _placed(moment, part, zone)
    if isinstance(moment, tuple):
        return moment
    if moment > now:
        return "is in the future", "record it when it has happened, or correct the row"
    if moment.year < FIRST_YEAR:
        return f"is before {FIRST_YEAR}", "correct the year"
    return moment.astimezone(UTC)


def _parsed(text: str, formats: Sequence[str]) -> datetime | Refusal | None:
    if formats:
        return next((found for form in formats if (found := _by_format(text, form))), None)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if ":" not in text and len(text) <= len("2020-04-30"):
        return "names a day and no time", "give the time too, e.g. 2020-04-30 22:15"
    return found


def _by_format(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is added below, where it is known
    except ValueError:
        return None


def _placed(moment: datetime, part: TimePart, zone: ZoneInfo) -> datetime | Refusal:
    if part.zone == "UTC":
        return moment.replace(tzinfo=UTC)
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    ahead, behind = first.utcoffset(), second.utcoffset()
    if ahead is None or behind is None or ahead == behind:
        return first
    if ahead < behind:
        return f"does not exist in {zone.key}: the clocks went forward over it", "correct the time"
    if part.twice == "refuse":
        return (
            f"happened twice in {zone.key}: the clocks went back",
            f"write the offset, {first.isoformat()} or {second.isoformat()}, or let the mapping say "
            'twice = "first" or "second"',
        )
    return first if part.twice == "first" else second
