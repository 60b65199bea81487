"""The queue of a role: which cases wait for a step that it may take, and which step that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from becalm.divert.core.case_state import ACTIVE_STATES, OPEN_STATES
from becalm.ledger import Row

RENEWAL_DAYS: Final = 14  # so long before an approval ends it is looked at again


@dataclass(frozen=True, slots=True)
class WaitingCase:
    """A case that waits, under its pseudonym, and what the role can do about it."""

    person: str
    state: str
    since: str
    step: str
    expires_on: str


def find_waiting_cases(rows: Iterable[Row], role: str, *, today: date) -> tuple[WaitingCase, ...]:
    """Which cases wait for this role, in the order of their pseudonyms? Restricted ones wait for nobody."""
    cases = (
        WaitingCase(
            person=str(row["subject"]),
            state=str(row["state"]),
            since=str(row["since"]),
            step=step,
            expires_on=str(row.get("expires_on") or ""),
        )
        for row in rows
        if not row.get("is_restricted") and (step := _next_step(row, role, today))
    )
    return tuple(sorted(cases, key=lambda case: case.person))


def _next_step(row: Row, role: str, today: date) -> str:
    """What somebody in this role can do about a case now; empty where nothing."""
    state, is_child = str(row["state"]), bool(row.get("is_child"))
    is_open_challenge = bool(row.get("challenge")) and state in ACTIVE_STATES
    approve_text = "renew or end" if _ends_soon(row, state, today) else "approve or decline"
    is_decidable = (state == "screened" or _ends_soon(row, state, today)) and not is_open_challenge
    steps: Mapping[str, tuple[bool, str]] = {
        "screener": (state in ("nominated", "deferred"), "screen"),
        "approver": (is_decidable and not is_child, approve_text),
        "child approver": (is_decidable and is_child and bool(row.get("agreed_by")), approve_text),
        "youth lead": (is_decidable and is_child and not row.get("agreed_by"), "agree"),
        "coordinator": (state in ACTIVE_STATES and not is_open_challenge, "visit, refer or end"),
        "rights officer": (is_open_challenge, "decide the challenge"),
        "nominator": (state in OPEN_STATES, "nothing; others decide"),
    }
    is_waiting, step = steps.get(role, (False, ""))
    return step if is_waiting else ""


def _ends_soon(row: Row, state: str, today: date) -> bool:
    expires_on = str(row.get("expires_on") or "")
    if state not in ACTIVE_STATES or not expires_on:
        return False
    return date.fromisoformat(expires_on) - today <= timedelta(days=RENEWAL_DAYS)
