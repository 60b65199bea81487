"""`becalm serve --check`: is everything in place that the pages need?"""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING

from becalm.app.status_desk import describe_workspace
from becalm.formats.durable_files import sha256_of_text
from becalm.terms import BecalmError

if TYPE_CHECKING:
    from becalm.app.store.database import AppStore
    from becalm.desk import Desk

PACKAGES = ("authlib", "fastapi", "uvicorn", "argon2", "multipart")

LEAST_FREE_MB = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    part: str
    is_well: bool
    note: str


def check_site(desk: Desk, open_store: Callable[[], AppStore]) -> tuple[Finding, ...]:
    """Packages, key and anchors of the ledger, the app's store and its rights, the clock, the style sheet."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    findings = [
        Finding(
            "packages", not missing, f"install becalm[web]: {', '.join(missing)}" if missing else "installed"
        )
    ]
    if not missing:
        findings += [_check_store(desk, open_store), _check_assets()]
    return (
        *findings,
        *_check_ledger(desk),
        _check_clock(desk),
        _check_url(desk),
        _check_disk(desk),
        *_check_provider(desk),
    )


def _check_store(desk: Desk, open_store: Callable[[], AppStore]) -> Finding:
    from becalm.app.store.accounts import list_accounts
    from becalm.app.store.declared_actor import APP_FILE

    try:
        store = open_store()
        count = sum(account.ended_at is None for account in list_accounts(store))
    except BecalmError as error:
        return Finding("accounts", False, str(error))
    path = desk.workspace.path / APP_FILE
    if path.is_file() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("accounts", False, f"others may read {path}: run `chmod 600 {path}`")
    if not count:
        return Finding("accounts", False, "nobody can sign in yet: run `becalm account add`")
    return Finding("accounts", True, f"{count} in {store.place}")


def _check_assets() -> Finding:
    from becalm.app.site.frame import style_name

    asset_files = files("becalm.render") / "assets"
    lock = json.loads((asset_files / "assets.json").read_text("utf-8"))
    altered_assets = [
        name
        for name, entry in lock.items()
        if sha256_of_text((asset_files / name).read_bytes()) != entry["sha256"]
    ]
    if altered_assets:
        return Finding(
            "assets", False, f"not as they were shipped: {', '.join(altered_assets)}; install becalm again"
        )
    return Finding("assets", True, f"{len(lock)} files as shipped, and {style_name(30)}")


def _check_ledger(desk: Desk) -> Iterator[Finding]:
    status = describe_workspace(desk)
    ledger = status.ledger
    if ledger is None:
        yield Finding("ledger", False, "there is none yet")
        return
    yield Finding("ledger", True, f"{ledger.head.size:,} entries in {ledger.place}")
    yield Finding("key", ledger.has_key, str(ledger.key))
    is_anchored = bool(ledger.outside_size)
    note = (
        f"{ledger.outside_size:,} entries proved outside" if is_anchored else "no signed head is kept outside"
    )
    yield Finding("anchors", is_anchored, note)


def _check_clock(desk: Desk) -> Finding:
    """The clock must not be behind what the ledger holds already."""
    newest = max((entry.recorded_at for entry in desk.open_ledger().entries()), default=desk.now())
    behind_s = (newest - desk.now()).total_seconds()
    note = (
        "agrees with the ledger" if behind_s <= 1 else f"is {behind_s:,.0f} s behind the ledger's last entry"
    )
    return Finding("clock", behind_s <= 1, note)


def _check_url(desk: Desk) -> Finding:
    url = desk.workspace.config.web.url
    return Finding("address", True, url or "this machine alone (no [web] url)")


def _check_disk(desk: Desk) -> Finding:
    """Room for the ledger and the runs."""
    free_mb = shutil.disk_usage(desk.workspace.path).free / 1e6
    return Finding("disk", free_mb >= LEAST_FREE_MB, f"{free_mb:,.0f} MB are free")


def _check_provider(desk: Desk) -> Iterator[Finding]:
    """Where people sign in by way of a provider: can its settings and its secret be used?"""
    provider_config = desk.workspace.config.web.oidc
    if provider_config.issuer and find_spec("authlib"):
        from becalm.app.web import make_provider

        try:
            make_provider(desk.workspace)
        except BecalmError as error:
            yield Finding("provider", False, error.message)
        else:
            yield Finding("provider", True, provider_config.issuer)
