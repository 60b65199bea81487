"""Sessions and tokens: who is there, in which role, until when; tries to sign in are counted and sealed."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from becalm.app.rights import ROLES
from becalm.app.store.accounts import Account, check_password
from becalm.app.store.database import (
    AppStore,
    account_table,
    seal_table,
    session_table,
    sign_in_table,
    token_table,
)
from becalm.ledger import format_instant
from becalm.terms import Fault, UsageError

TOKEN_BYTES: Final = 32
FAILURE_WINDOW: Final = timedelta(minutes=15)
FAILURES_PER_ACCOUNT: Final = 5
FAILURES_PER_ADDRESS: Final = 60  # a whole station stands behind one address
SEEN_EVERY: Final = timedelta(seconds=30)  # a session is not written at each request
SIGN_INS_KEPT: Final = timedelta(days=365)
LONGEST_TOKEN_DAYS: Final = 90
PURPOSES: Final = ("weekly report", "publication", "research", "audit", "integration test")


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """How long a session lasts in all, without a request, and since a password was given for a grave act."""

    longest: timedelta
    idle: timedelta
    proven: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, in which role; with the key of the forms, none where a program asks with a token."""

    account: str
    role: str
    roles: tuple[str, ...]
    form_key: str
    token_sha256: str
    ends_at: datetime
    is_proven: bool  # gave the password a moment ago
    is_current: bool  # the session has not run out, nor was it ended
    must_change: bool = False
    purpose: str = ""  # of a token


@dataclass(frozen=True, slots=True)
class SignIn:
    """What came of a try to sign in: a new session's token, or why there is none."""

    token: str = ""
    refusal: str = ""
    account: str = ""


def hash_token(token: str) -> str:
    """How a token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def sign_in(store: AppStore, name: str, password: str, address: str, *, now: datetime) -> SignIn:
    """Try to sign in, in the first role of the account."""
    outcome, known_name, account = try_password(store, name, password, address, now=now)
    if account is None:
        return SignIn(refusal=outcome, account=known_name)
    return SignIn(token=open_session(store, account, account.roles[0], now=now), account=account.name)


def try_password(
    store: AppStore, name: str, password: str, address: str, *, now: datetime
) -> tuple[str, str, Account | None]:
    """What came of it, the name where such an account exists, and the account where this is its password.

    Too many failures of one account or address are refused without a look at the password. Each try is kept.
    """
    is_known = store.first(sa.select(account_table.c.name).where(account_table.c.name == name)) is not None
    known_name = name if is_known else ""
    if _is_blocked(store, known_name, address, now):
        outcome, account = "blocked", None
    else:
        account = check_password(store, name, password)
        outcome = "signed in" if account else "refused"
    note_sign_in(store, known_name, address, outcome, now=now)
    return outcome, known_name, account


def note_sign_in(
    store: AppStore, account: str, address: str, outcome: str = "signed in", *, now: datetime
) -> None:
    """Keep that somebody tried to sign in, and what came of it."""
    sign_in_row = {"at": format_instant(now), "account": account, "address": address, "outcome": outcome}
    store.write(sa.insert(sign_in_table).values(sign_in_row))


def _is_blocked(store: AppStore, name: str, address: str, now: datetime) -> bool:
    tries = sign_in_table.c
    since = format_instant(now - FAILURE_WINDOW)
    is_failure = (tries.at >= since) & (tries.outcome == "refused")
    count = sa.func.coalesce(sa.func.sum(sa.case((tries.account == name, 1), else_=0)), 0)
    address_count = sa.func.coalesce(sa.func.sum(sa.case((tries.address == address, 1), else_=0)), 0)
    row = store.first(sa.select(count, address_count).where(is_failure))
    return bool((name and row[0] >= FAILURES_PER_ACCOUNT) or row[1] >= FAILURES_PER_ADDRESS)


def open_session(store: AppStore, account: Account, role: str, *, now: datetime) -> str:
    """A new session of this account, and its token, which is kept nowhere."""
    token, instant = secrets.token_urlsafe(TOKEN_BYTES), format_instant(now)
    row = {
        "token_sha256": hash_token(token),
        "account": account.name,
        "role": role,
        "form_key": secrets.token_urlsafe(TOKEN_BYTES),
        **dict.fromkeys(("made_at", "seen_at", "proven_at"), instant),
    }
    store.write(sa.insert(session_table).values(row))
    return token


def find_session(store: AppStore, token: str, times: SessionTimes, *, now: datetime) -> Visitor | None:
    """Whose session is this? One that ran out is given too: its owner may have a form to keep."""
    statement = sa.select(session_table, account_table.c.roles, account_table.c.must_change).join(
        account_table
    )
    row = store.first(statement.where(session_table.c.token_sha256 == hash_token(token)))
    if row is None:
        return None
    made_at, seen_at, proven_at = map(datetime.fromisoformat, (row.made_at, row.seen_at, row.proven_at))
    ends_at = min(made_at + times.longest, seen_at + times.idle)
    is_current = row.ended_at is None and now < ends_at
    if is_current and now - seen_at >= SEEN_EVERY:
        is_this = session_table.c.token_sha256 == row.token_sha256
        store.write(sa.update(session_table).where(is_this).values(seen_at=format_instant(now)))
        ends_at = min(made_at + times.longest, now + times.idle)
    return Visitor(
        account=row.account,
        role=row.role,
        roles=tuple(row.roles.split(",")),
        form_key=row.form_key,
        token_sha256=row.token_sha256,
        ends_at=ends_at,
        is_proven=now - proven_at < times.proven,
        is_current=is_current,
        must_change=bool(row.must_change),
    )


def end_session(store: AppStore, token_sha256: str, reason: str, *, now: datetime) -> None:
    """End one session at once."""
    is_open = (session_table.c.token_sha256 == token_sha256) & session_table.c.ended_at.is_(None)
    ending = {"ended_at": format_instant(now), "end_reason": reason}
    store.write(sa.update(session_table).where(is_open).values(ending))


def end_sessions_of(store: AppStore, account: str, reason: str, *, now: datetime) -> int:
    """End every session of an account at once; how many there were."""
    is_open = (session_table.c.account == account) & session_table.c.ended_at.is_(None)
    ending = {"ended_at": format_instant(now), "end_reason": reason}
    return store.write(sa.update(session_table).where(is_open).values(ending))


def prove_session(store: AppStore, token_sha256: str, *, now: datetime) -> None:
    """Note that the password was given again."""
    is_this = session_table.c.token_sha256 == token_sha256
    store.write(sa.update(session_table).where(is_this).values(proven_at=format_instant(now)))


def count_sessions(store: AppStore, account: str) -> int:
    """How many sessions of this account were not ended?"""
    is_open = (session_table.c.account == account) & session_table.c.ended_at.is_(None)
    return int(store.first(sa.select(sa.func.count()).select_from(session_table).where(is_open))[0])


def make_token(store: AppStore, visitor: Visitor, purpose: str, days: int, *, now: datetime) -> str:
    """A token with which a program asks in this role, for one purpose, until it expires."""
    faults = []
    if purpose not in PURPOSES:
        faults.append(
            Fault("purpose", f"{purpose!r:.60} is no purpose", f"choose one of: {', '.join(PURPOSES)}")
        )
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        faults.append(Fault("days", f"is {days}", f"give 1 to {LONGEST_TOKEN_DAYS} days"))
    if faults:
        raise UsageError("No token was made", tuple(faults))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = {
        "token_sha256": hash_token(token),
        "number": secrets.token_hex(4),
        "account": visitor.account,
        "role": visitor.role,
        "purpose": purpose,
        "made_at": format_instant(now),
        "ends_at": format_instant(now + timedelta(days=days)),
    }
    store.write(sa.insert(token_table).values(row))
    return token


def list_tokens(store: AppStore, account: str) -> list[Any]:
    """The tokens of an account, without the secrets."""
    return store.rows(
        sa.select(token_table).where(token_table.c.account == account).order_by(token_table.c.made_at)
    )


def end_token(store: AppStore, account: str, number: str) -> None:
    """End one token of this account at once."""
    is_this = (token_table.c.account == account) & (token_table.c.number == number)
    store.write(sa.delete(token_table).where(is_this))


def find_token(store: AppStore, token: str, *, now: datetime) -> Visitor | None:
    """In whose name does a program ask with this token? None where it is unknown, expired or ended."""
    row = store.first(sa.select(token_table).where(token_table.c.token_sha256 == hash_token(token)))
    if row is None or row.ends_at <= format_instant(now) or row.role not in ROLES:
        return None
    ends_at = datetime.fromisoformat(row.ends_at)
    return Visitor(
        row.account, row.role, (row.role,), "", row.token_sha256, ends_at, False, True, purpose=row.purpose
    )


@dataclass(frozen=True, slots=True)
class DaySeal:
    """The sign-ins of one day: how many, and the hash of their list."""

    day: date
    count: int
    sha256: str


def unsealed_days(store: AppStore, *, today: date) -> Iterator[DaySeal]:
    """Each past day whose sign-ins were not sealed yet, with the hash of its rows in order."""
    day_text = sa.func.substr(sign_in_table.c.at, 1, 10)
    sealed_days = sa.select(seal_table.c.day)
    is_due = (day_text < today.isoformat()) & day_text.not_in(sealed_days)
    for (day,) in store.rows(sa.select(day_text).where(is_due).distinct().order_by(day_text)):
        rows = store.rows(sa.select(sign_in_table).where(day_text == day).order_by(sign_in_table.c.number))
        lines = [json.dumps(list(row), separators=(",", ":")) for row in rows]
        sha256 = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        yield DaySeal(date.fromisoformat(day), len(rows), sha256)


def claim_seal(store: AppStore, seal: DaySeal) -> bool:
    """Take it on to send this day's seal to the ledger; False where another worker has."""
    values = {"day": seal.day.isoformat(), "count": seal.count, "sha256": seal.sha256}
    try:
        store.write(sa.insert(seal_table).values(values))
    except IntegrityError:
        return False
    return True


def drop_seal(store: AppStore, seal: DaySeal) -> None:
    """The ledger could not be written: the seal is still to be sent."""
    store.write(sa.delete(seal_table).where(seal_table.c.day == seal.day.isoformat()))


def drop_old_sign_ins(store: AppStore, *, now: datetime) -> None:
    """Delete sign-ins and ended sessions that are older than a year."""
    old = format_instant(now - SIGN_INS_KEPT)
    with store.writing() as connection:
        connection.execute(sa.delete(sign_in_table).where(sign_in_table.c.at < old))
        ended = session_table.c.ended_at
        connection.execute(sa.delete(session_table).where(ended.is_not(None) & (ended < old)))
