"""Handing the table of roles to the server that keeps the ledger: from then on it refuses by itself."""

from __future__ import annotations

from dataclasses import dataclass

from becalm.desk import Desk
from becalm.divert.core.events import EVIDENCE, FORCED_ACCESS
from becalm.divert.core.request import RightsRequest
from becalm.divert.core.server_rights import opening_roles, recording_roles
from becalm.ledger.store.postgres_rights import (
    ANY_ROLE,
    EMERGENCY,
    EMERGENCY_RECORD,
    KindRight,
    list_rights,
)


@dataclass(frozen=True, slots=True)
class ServerRights:
    """The groups of the server, and what each may record and open."""

    groups: tuple[str, ...]
    rights: tuple[KindRight, ...]


def enforce_on_server(desk: Desk, request: RightsRequest) -> ServerRights:
    """Make the groups of all roles, and have the server refuse what the table of roles does not allow.

    Raises LedgerError where the ledger lies in a file, or the server refuses this owner.
    """
    in_an_emergency = (
        KindRight(FORCED_ACCESS, ANY_ROLE, EMERGENCY),
        KindRight(EVIDENCE, ANY_ROLE, EMERGENCY_RECORD),
    )
    rights = (*list_rights(recording_roles(), opening_roles()), *in_an_emergency)
    return ServerRights(desk.enforce_rights(request.owner_url, rights), rights)
