"""Making a server ready for the ledger, as its owner."""

from __future__ import annotations

from becalm.desk import Desk
from becalm.ledger.store.postgres_setup import PreparedServer

__all__ = ["PreparedServer", "prepare_ledger"]


def prepare_ledger(desk: Desk, owner_url: str) -> PreparedServer:
    """Does the server hold what the ledger of this workspace needs? It does now."""
    return desk.prepare_ledger(owner_url)
