"""Acts: forms that were sent, so that each is done once, and what its page says for a day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from becalm.app.store.database import AppStore, act_table
from becalm.ledger import format_instant

RETENTION: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SentAct:
    """A form that was sent: which command it called, and the blocks of its answer once it was done."""

    words: str
    blocks: Sequence[dict[str, Any]] | None


def _key(account: str, form_id: str) -> str:
    return f"{account}:{form_id}"


def claim_act(store: AppStore, account: str, form_id: str, words: str, *, now: datetime) -> bool:
    """Take this form on; false where it was sent before. What is older than a day is forgotten."""
    row = {
        "form_id": _key(account, form_id),
        "account": account,
        "words": words,
        "begun_at": format_instant(now),
    }
    is_old = act_table.c.begun_at < format_instant(now - RETENTION)
    try:
        with store.writing() as connection:
            connection.execute(sa.delete(act_table).where(is_old))
            connection.execute(sa.insert(act_table).values(row))
    except IntegrityError:
        return False
    return True


def finish_act(store: AppStore, account: str, form_id: str, blocks: Sequence[dict[str, Any]]) -> None:
    """Keep what the page of this act says."""
    is_this = act_table.c.form_id == _key(account, form_id)
    text = json.dumps(list(blocks), ensure_ascii=False)
    store.write(sa.update(act_table).where(is_this).values(blocks=text))


def release_act(store: AppStore, account: str, form_id: str) -> None:
    """Nothing was done: the form may be sent again."""
    store.write(sa.delete(act_table).where(act_table.c.form_id == _key(account, form_id)))


def find_act(store: AppStore, account: str, form_id: str) -> SentAct | None:
    """The act of this form, None where this account sent none."""
    is_this = act_table.c.form_id == _key(account, form_id)
    row = store.first(sa.select(act_table.c.words, act_table.c.blocks).where(is_this))
    return SentAct(row[0], json.loads(row[1]) if row[1] else None) if row else None
