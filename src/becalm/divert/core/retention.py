"""When the time of details is over: by the state of the case, and how long it has been so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, Literal

from becalm.divert.core.case_state import ACTIVE_STATES, ENDS, NO_CASE, OPEN_STATES
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
    if case is None or case["state"] in ("purged", NO_CASE):
        is_over = not is_current or day >= taken_in_on + timedelta(days=retention.exit_days)
        return "everything" if is_over else "nothing"
    since, halves = date.fromisoformat(str(case["since"])[:10]), _halves(case)
    if case["state"] == "declined" and day >= since + timedelta(days=retention.declined_days // halves):
        return "case"
    if case["state"] == "expired" and not case.get("first_approved_on"):
        return "case"  # it waited as long as one that was declined, and nobody approved it
    if case["state"] in ENDS and day >= since + timedelta(days=retention.exit_days // halves):
        return "everything"
    return "nothing"


def is_expired(case: Mapping[str, object], day: date, retention: Retention) -> bool:
    """Has the approval run out, or has nobody decided about a nomination for as long as a decline is kept?"""
    if case["state"] in OPEN_STATES:
        since = date.fromisoformat(str(case["since"])[:10])
        return day >= since + timedelta(days=max(1, retention.declined_days // _halves(case)))
    return case["state"] in ACTIVE_STATES and date.fromisoformat(str(case["expires_on"])) <= day


def _halves(case: Mapping[str, object]) -> int:
    """Everything about a child is kept half as long."""
    return 2 if case.get("is_child") else 1
