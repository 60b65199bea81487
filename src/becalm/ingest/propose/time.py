"""When do the rows of a new file happen, as far as its columns tell?"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from becalm.formats.instants import local_to_utc
from becalm.ingest.propose.column_profile import Look, walls
from becalm.ingest.propose.draft import Draft
from becalm.methods.arrays import Bools, Times
from becalm.workspace.toml_text import Table

HEAP: Final = 3.0  # so many times the even share is a heap
TIMES_ENOUGH: Final = 100  # fewer times show no heap


def propose_time(draft: Draft) -> Table:
    """The [time] part; what cannot be seen becomes a doubt of the draft."""
    times = [look for look in draft.looks if look.reach in ("minute", "day")]
    recorded = draft.take("recorded_on", times) if len(times) > 1 else None
    until = draft.take("occurred_to", times) if len(times) > 1 else None
    start = draft.take("occurred_from", times) or next((k for k in draft.free() if k in times), None)
    if start is None:
        return _month(draft)
    draft.taken.add(start.column)
    hour = _hour(draft) if start.reach == "day" or _at_one_time(walls(draft.sheet, start)) else None
    precision = "hour" if hour else start.reach
    table: Table = {"occurred_from": start.column}
    if until is not None and hour is None:
        table["occurred_to"] = until.column
    if hour is not None:
        table["hour"] = hour.column
    table |= {"formats": list(start.formats[:1]), "zone": _zone(start)}
    table["precision"] = precision
    if recorded is not None:
        table |= {"recorded_on": recorded.column, "recorded_formats": list(recorded.formats[:1])}
    _doubt_formats(draft, start)
    if precision == "minute":
        _doubt_clock(draft, start)
        table |= _heaps(draft, start)
    return table


def _zone(look: Look) -> str:
    if look.offset:
        return "offset"
    return "UTC" if re.search(r"utc|gmt|zulu", look.column, re.IGNORECASE) else "local"


def _month(draft: Draft) -> Table:
    month = next((look for look in draft.looks if look.reach == "month"), None)
    if month is None:
        month = draft.looks[0]
        draft.doubts.append(
            f"no column looks like a time: {month.column!r} stands in [time] only to be replaced"
        )
    draft.taken.add(month.column)
    return {"month": month.column, "formats": list(month.formats[:1]), "precision": "month"}


def _hour(draft: Draft) -> Look | None:
    hours = [k for k in draft.looks if k.number_share > 0.99 and k.low >= 0 and 1 < k.high <= 23]
    return draft.take("hour", hours)


def _at_one_time(times: Times) -> bool:
    """Do all days carry the same few clock times, as days written as read_instants do?"""
    return len(np.unique(times - times.astype("M8[D]"))) <= 2


def _doubt_formats(draft: Draft, look: Look) -> None:
    if len(look.formats) > 1:
        draft.doubts.append(
            f"{look.column!r} can be read in several ways: {', '.join(look.formats)}; "
            f"{look.formats[0]} was taken (samples: {', '.join(look.samples)})"
        )


def _doubt_clock(draft: Draft, look: Look) -> None:
    if look.offset:
        return
    zone, times = draft.locator.city.time_zone, walls(draft.sheet, look)
    missing = int(local_to_utc(times, zone)[1].sum())
    seen = (
        f"{missing} of {len(times):,} stand in the hour that {zone} leaves out in spring"
        if missing
        else f"none of {len(times):,} stands in the hour that {zone} leaves out in spring"
    )
    draft.doubts.append(
        f'are the times of {look.column!r} local or UTC? zone = "{_zone(look)}" was taken; {seen}'
    )


def _heaps(draft: Draft, look: Look) -> Table:
    times = walls(draft.sheet, look)
    found: Table = {}
    if len(times) < TIMES_ENOUGH:
        return found
    on_hour: Bools = times == times.astype("M8[h]")
    midnight: Bools = times == times.astype("M8[D]")
    if on_hour.mean() > HEAP / 60:
        found["full_hour_is_hour"] = True
        draft.doubts.append(
            f"{on_hour.mean():.0%} of the times are full hours: is only the hour meant? (full_hour_is_hour)"
        )
    at_midnight = midnight.sum() / max(on_hour.sum(), 1)
    if midnight.sum() > 20 and at_midnight > HEAP / 24:
        found["midnight_is_day"] = ["*"]
        draft.doubts.append(
            f"{midnight.mean():.1%} of the times are midnight sharp: is only the day meant? (midnight_is_day)"
        )
    return found
