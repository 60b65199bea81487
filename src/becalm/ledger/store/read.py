"""What is read from the tables of a ledger, page by page, so that a long one never fills the memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, Select, insert, select
from sqlalchemy.exc import DBAPIError

from becalm.ledger.chain import COLUMNS, StoredRow, format_instant, parse_instant
from becalm.ledger.event import Checkpoint, Head
from becalm.ledger.store.tables import checkpoint, event
from becalm.terms import TamperError

Asked = Select[tuple[object, ...]]
PAGE = 5_000  # rows; between two pages nothing is held open, so a slow reader keeps no old page alive


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries are wanted; what is empty chooses nothing."""

    kinds: Sequence[str] = ()
    subject: str = ""
    actor: str = ""

    def narrow(self, asked: Asked) -> Asked:
        """The same question, for these entries only."""
        if self.kinds:
            asked = asked.where(event.c.kind.in_(self.kinds))
        if self.subject:
            # a database must see that the index, which leaves out what is about nobody, will do
            asked = asked.where(event.c.subject == self.subject, event.c.subject != "")
        if self.actor:
            asked = asked.where(event.c.actor == self.actor)
        return asked


def read_rows(
    reading: Callable[[], AbstractContextManager[Connection]],
    *,
    after: int,
    until: int,
    choice: Choice | None = None,
) -> Iterator[StoredRow]:
    """The rows of table `event` in their order, as they are stored."""
    asked: Asked = select(*(event.c[name] for name in COLUMNS)).order_by(event.c.seq)
    if choice is not None:
        asked = choice.narrow(asked)
    while True:
        page_of = asked.where(event.c.seq > after, event.c.seq <= until).limit(PAGE)
        with reading() as connection:
            page = _page(connection, page_of)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1][0]


def _page(connection: Connection, page_of: Asked) -> list[StoredRow]:
    """The rows of a page as the driver gives them; a text that is none comes back with marks, to be found."""
    try:
        return cast("list[StoredRow]", connection.execute(page_of).cursor.fetchall())
    except (DBAPIError, sqlite3.OperationalError) as error:
        if "decode" not in str(error).lower() or connection.dialect.name != "sqlite":
            raise
    raw = cast("sqlite3.Connection", connection.connection.driver_connection)
    raw.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        return cast("list[StoredRow]", connection.execute(page_of).cursor.fetchall())
    finally:
        raw.text_factory = str


def write_checkpoint(connection: Connection, made: Checkpoint) -> None:
    """Keep this checkpoint."""
    connection.execute(
        insert(checkpoint).values(
            ledger=made.ledger,
            size=made.head.size,
            root=made.head.root,
            last=made.head.last,
            made_at=format_instant(made.made_at),
            key=made.key,
            signature=made.signature,
        )
    )


def read_checkpoints(connection: Connection) -> tuple[Checkpoint, ...]:
    """Every checkpoint that was kept, oldest first.

    Raises
    ------
    TamperError
        where one was altered so that it cannot be read.
    """
    rows = connection.execute(select(checkpoint).order_by(checkpoint.c.number)).all()
    try:
        return tuple(
            Checkpoint(r.ledger, Head(r.size, r.root, r.last), parse_instant(r.made_at), r.key, r.signature)
            for r in rows
        )
    except ValueError as error:
        raise TamperError(f"A signed head in the ledger was altered: {error}.") from error
