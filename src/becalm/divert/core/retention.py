"""When the time of details is over: by the state of the case, and how long it has been so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, Literal

from becalm.divert.core.case_state import ACTIVE_STATES, ENDS
from becalm.divert.core.rule import Retention

Due = Literal["nothing", "case", "everything"]
ACCESS_LOG_YEARS: Final = 6


def find_due(
    case: Mapping[str, object] | None, retention: Retention, *, day: date, taken_in_on: date, is_current: bool
) -> Due:
    """What of a person's details must go on this day: nothing, those of the case, or everything?

    Without a case, or with one whose details are gone, those of the person stay while the person is in the
    newest file, and no longer than after an exit.
    """
    if case is not None and case["has_legal_hold"]:
        return "nothing"
    if case is None or case["state"] == "purged":
        is_over = not is_current or day >= taken_in_on + timedelta(days=retention.exit_days)
        return "everything" if is_over else "nothing"
    since = date.fromisoformat(str(case["since"])[:10])
    if case["state"] == "declined" and day >= since + timedelta(days=retention.declined_days):
        return "case"
    if case["state"] in ENDS and day >= since + timedelta(days=retention.exit_days):
        return "everything"
    return "nothing"


def is_expired(case: Mapping[str, object], day: date) -> bool:
    """Has the approval run out?"""
    return case["state"] in ACTIVE_STATES and date.fromisoformat(str(case["expires_on"])) <= day
