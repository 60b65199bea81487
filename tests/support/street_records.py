"""Records as a phone keeps them, and an outbox that is sent."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import datetime
from typing import Any

from becalm.desk import Desk
from becalm.record.desk.street import OutboxAnswer, receive_records
from becalm.record.files.street_keys import SealedRecord, StreetKeys, seal_record

ARREST = {"unit": "VSU 3", "hotspot": "150m_1_2", "offence": "knife possession"}


def write(
    desk: Desk,
    fields: dict[str, Any] = ARREST,
    *,
    kind: str = "arrest",
    form: str = "1",
    id: str = "",
    written_at: datetime | None = None,
) -> SealedRecord:
    """A record as a phone keeps it."""
    now = desk.now()
    written = {"fields": fields, "written_at": (written_at or now).isoformat(), "since_start_ms": 1200}
    key = StreetKeys(desk.workspace.path).current(now)
    return seal_record(
        written, id=id or secrets.token_hex(16), kind=kind, form=form, key=key, iv=secrets.token_bytes(12)
    )


def send(desk: Desk, *records: SealedRecord, sent_at: datetime | None = None) -> OutboxAnswer:
    body = {"records": [asdict(record) for record in records]}
    return receive_records(desk, {**body, **({"sent_at": sent_at.isoformat()} if sent_at else {})})
