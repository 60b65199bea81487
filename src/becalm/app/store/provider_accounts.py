"""People whom a provider knows: their accounts, and sign-ins that are under way there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from becalm.app.store import accounts
from becalm.app.store.database import AppStore, account_table, attempt_table, provider_table
from becalm.app.store.sessions import hash_token
from becalm.ledger import format_instant

LONGEST: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sign-in that was begun: what must come back, and where the person goes on."""

    state: str
    nonce: str
    verifier: str
    way_on: str
    session_sha256: str = ""


def begin_attempt(
    store: AppStore, browser: str, way_on: str, session_sha256: str, *, now: datetime
) -> Attempt:
    """Note that this browser goes to the provider; older attempts that came to nothing are forgotten."""
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    attempt = Attempt(state, nonce, verifier, way_on, session_sha256)
    row = {
        "state_sha256": hash_token(state),
        "browser_sha256": hash_token(browser),
        "nonce": nonce,
        "verifier": verifier,
        "way_on": way_on,
        "session_sha256": session_sha256,
        "made_at": format_instant(now),
    }
    with store.writing() as connection:
        is_old = attempt_table.c.made_at < format_instant(now - LONGEST)
        connection.execute(sa.delete(attempt_table).where(is_old))
        connection.execute(sa.insert(attempt_table).values(row))
    return attempt


def take_attempt(store: AppStore, browser: str, state: str, *, now: datetime) -> Attempt | None:
    """The attempt of this browser with this state, once; None where there is none or it is too old."""
    attempts = attempt_table.c
    is_this = (attempts.state_sha256 == hash_token(state)) & (attempts.browser_sha256 == hash_token(browser))
    is_new = attempts.made_at >= format_instant(now - LONGEST)
    with store.writing() as connection:
        row = connection.execute(sa.select(attempt_table).where(is_this & is_new)).first()
        connection.execute(sa.delete(attempt_table).where(is_this))
    return Attempt(state, row.nonce, row.verifier, row.way_on, row.session_sha256) if row else None


def find_provider_account(store: AppStore, issuer: str, subject: str) -> accounts.Account | None:
    """The account of the person whom this provider knows as this subject."""
    is_this = (provider_table.c.issuer == issuer) & (provider_table.c.subject == subject)
    row = store.first(sa.select(provider_table.c.account).where(is_this))
    return accounts.find_account(store, row[0]) if row else None


def is_of_provider(store: AppStore, account: str) -> bool:
    """Does a provider say who this is? Then becalm knows no password of theirs."""
    return store.first(sa.select(provider_table).where(provider_table.c.account == account)) is not None


def add_provider_account(
    store: AppStore, issuer: str, subject: str, name: str, roles: Sequence[str], *, now: datetime
) -> accounts.Account:
    """Make the account of somebody who comes for the first time, with a password that is told to nobody."""
    account = accounts.add_account(store, name, roles, secrets.token_urlsafe(32), now=now)
    with store.writing() as connection:
        is_this = account_table.c.name == name
        connection.execute(sa.update(account_table).where(is_this).values(must_change=0))
        values = {"issuer": issuer, "subject": subject, "account": account.name}
        connection.execute(sa.insert(provider_table).values(values))
    return accounts.require_account(store, name)
