"""Accounts: who may sign in, in which roles; passwords are kept as argon2id at OWASP's cost."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from becalm.app.rights import ROLES
from becalm.app.store.database import AppStore, account_table, session_table, token_table
from becalm.ledger import format_instant
from becalm.terms import Fault, UsageError, are_two_people, load_extra, suggest_word

NAME: Final = re.compile(r"[a-z][a-z0-9._-]{1,39}")
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 200
DRAWN_BYTES: Final = 12
# OWASP, Password Storage Cheat Sheet: 19 MiB of memory, two passes, one lane.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. The name is the actor of everything that is done."""

    name: str
    roles: tuple[str, ...]
    made_at: str
    has_drawn_password: bool
    ended_at: str | None


@cache
def _hasher() -> Any:
    argon2 = load_extra("argon2", "web", "A password")
    return argon2.PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


@cache
def _nobody_hash() -> str:
    return str(_hasher().hash(secrets.token_hex(16)))


def draw_password() -> str:
    """A password for the first sign-in, after which its owner chooses another."""
    return secrets.token_urlsafe(DRAWN_BYTES)


def add_account(store: AppStore, name: str, roles: Sequence[str], password: str, *, now: datetime) -> Account:
    """Make an account; its password must be changed at the first sign-in.

    Raises UsageError where the name or a role cannot be, or where the name is taken or looks like another.
    """
    check_new_account(store, name, roles)
    store.write(
        sa.insert(account_table).values(
            name=name,
            password=_hasher().hash(password),
            roles=",".join(dict.fromkeys(roles)),
            made_at=format_instant(now),
            must_change=1,
        )
    )
    return require_account(store, name)


def check_new_account(store: AppStore, name: str, roles: Sequence[str]) -> None:
    """Raise UsageError where no account of this name and these roles can be made."""
    faults = [*_name_faults(store, name), *role_faults(roles)]
    if faults:
        raise UsageError("No account was made", tuple(faults))


def _name_faults(store: AppStore, name: str) -> list[Fault]:
    if not NAME.fullmatch(name):
        remedy = "write 2 to 40 small letters, digits, dots or dashes, a letter first"
        return [Fault("name", f"{name!r:.60} cannot be the name of an account", remedy)]
    for account in list_accounts(store):
        if account.name == name:
            return [
                Fault("name", f"{name} has an account already", "change its roles, or choose another name")
            ]
        if not are_two_people(account.name, name):
            return [Fault("name", f"{name} can be taken for {account.name}", "choose a name that cannot")]
    return []


def role_faults(roles: Sequence[str]) -> list[Fault]:
    """What is wrong with these roles."""
    if not roles:
        return [Fault("role", "no role is named", f"name one or more of: {', '.join(ROLES)}")]
    return [
        Fault("role", f"{role!r:.60} is no role", suggest_word(role, ROLES))
        for role in roles
        if role not in ROLES
    ]


def list_accounts(store: AppStore) -> tuple[Account, ...]:
    """Every account, by name."""
    return tuple(map(_account, store.rows(sa.select(account_table).order_by(account_table.c.name))))


def find_account(store: AppStore, name: str) -> Account | None:
    """The account of this name, None where there is none."""
    row = store.first(sa.select(account_table).where(account_table.c.name == name))
    return _account(row) if row else None


def require_account(store: AppStore, name: str) -> Account:
    """The account of this name; raises UsageError where there is none."""
    account = find_account(store, name)
    if account is None:
        names = [account.name for account in list_accounts(store)]
        raise UsageError(f"There is no account {name!r:.60}. {suggest_word(name, names)}")
    return account


def _account(row: Any) -> Account:
    return Account(row.name, tuple(row.roles.split(",")), row.made_at, bool(row.must_change), row.ended_at)


def set_roles(store: AppStore, name: str, roles: Sequence[str], *, now: datetime) -> Account:
    """Give an account these roles and no others; sessions and tokens in a role that is gone end at once."""
    require_account(store, name)
    if faults := role_faults(roles):
        raise UsageError("The roles were not changed", tuple(faults))
    with store.writing() as connection:
        changes = {"roles": ",".join(dict.fromkeys(roles)), "ended_at": None}
        connection.execute(sa.update(account_table).where(account_table.c.name == name).values(changes))
        _end_access(connection, name, now, "roles changed", kept_roles=roles)
    return require_account(store, name)


def end_account(store: AppStore, name: str, *, now: datetime) -> Account:
    """End an account, all its sessions and tokens with it, at once."""
    require_account(store, name)
    with store.writing() as connection:
        is_open = (account_table.c.name == name) & account_table.c.ended_at.is_(None)
        connection.execute(sa.update(account_table).where(is_open).values(ended_at=format_instant(now)))
        _end_access(connection, name, now, "account ended", kept_roles=())
    return require_account(store, name)


def _end_access(
    connection: sa.Connection, name: str, now: datetime, reason: str, *, kept_roles: Sequence[str]
) -> None:
    sessions, tokens = session_table.c, token_table.c
    is_lost = (sessions.account == name) & sessions.ended_at.is_(None) & sessions.role.not_in(kept_roles)
    ending = {"ended_at": format_instant(now), "end_reason": reason}
    connection.execute(sa.update(session_table).where(is_lost).values(ending))
    is_lost_token = (tokens.account == name) & tokens.role.not_in(kept_roles)
    connection.execute(sa.delete(token_table).where(is_lost_token))


def check_password(store: AppStore, name: str, password: str) -> Account | None:
    """The account, where this is its password; else None, after the same work whether it exists or not."""
    row = store.first(sa.select(account_table).where(account_table.c.name == name))
    errors = load_extra("argon2.exceptions", "web", "A password")
    try:
        _hasher().verify(row.password if row else _nobody_hash(), password[:LONGEST_PASSWORD])
    except (errors.VerificationError, errors.InvalidHashError):
        return None
    return _account(row) if row and row.ended_at is None else None


def change_password(store: AppStore, account: Account, password: str, again: str) -> None:
    """Give the account a password of its owner's choice; raises UsageError where it will not do."""
    faults = []
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        remedy = f"write {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, e.g. four words"
        faults.append(Fault("password", f"it has {len(password)} characters", remedy))
    elif len(set(password)) < 5 or account.name in password.lower():
        faults.append(
            Fault("password", "it is easily guessed", "leave your name out and do not repeat one sign")
        )
    if password != again:
        faults.append(Fault("again", "the two differ", "write the same password twice"))
    if faults:
        raise UsageError("The password was not changed", tuple(faults))
    changes = {"password": _hasher().hash(password), "must_change": 0}
    store.write(sa.update(account_table).where(account_table.c.name == account.name).values(changes))
