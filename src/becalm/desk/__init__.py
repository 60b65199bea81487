"""The desk itself: what a question may use. Built once, at the door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from becalm.ledger import Ledger
from becalm.tables import Archive
from becalm.terms import LedgerError, PlanError, Progress, silent_progress
from becalm.workspace.config import Workspace

if TYPE_CHECKING:
    from becalm.ledger.store.postgres_setup import PreparedServer


def _no_ledger() -> Ledger:
    raise LedgerError("This desk was put together without a ledger. Open it through the command line.")


def _no_server(_owner_url: str) -> PreparedServer:
    raise LedgerError("This desk was put together without a server. Open it through the command line.")


def _no_key() -> bytes:
    raise PlanError("This desk was put together without a source of keys. Open it through the command line.")


@dataclass(frozen=True, slots=True)
class Desk:
    """A workspace, its archive, the one who asks, a clock, and sources of seeds and of sealed keys."""

    workspace: Workspace
    archive: Archive
    actor: str
    now: Callable[[], datetime]  # an aware instant in UTC
    draw_seed: Callable[[], int]
    open_ledger: Callable[[], Ledger] = _no_ledger  # the one ledger of this workspace, opened once
    role: str = "user"  # in which the actor asks, as the ledger keeps it
    prepare_ledger: Callable[[str], PreparedServer] = _no_server  # makes a server ready, as its owner
    draw_key: Callable[[], bytes] = _no_key  # 32 bytes from the operating system, for what is sealed
    ledger_file: Path | None = None  # where the ledger lies; None where a server keeps it
    progress: Progress = silent_progress  # where long work shows how far it has come
