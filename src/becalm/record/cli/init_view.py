"""How a ledger's server that was made ready is shown. Imported only when there is one to show."""

from __future__ import annotations

from dataclasses import asdict

from becalm.console.emit import emit
from becalm.console.options import Format
from becalm.record.desk.server import PreparedServer

NO_RIGHT = (
    "An erasure destroys a payload's key at once, but this server was not told that the program may wipe the "
    "write-ahead log after it: run this command as a superuser, or wipe it yourself "
    "(docs/how-to/keep-the-ledger-on-postgresql.md)."
)
RECYCLED = (
    "The server keeps old write-ahead log for use again, with what it holds (wal_recycle = on): set it to "
    "off, so that the key of an erased payload is nowhere (docs/how-to/keep-the-ledger-on-postgresql.md)."
)


def print_prepared(prepared: PreparedServer, format: Format) -> None:
    """Print what stands ready, and what the server should be told besides."""
    told = asdict(prepared)
    warnings = [
        words
        for wanted, words in ((not prepared.can_wipe, NO_RIGHT), (prepared.recycles_log, RECYCLED))
        if wanted
    ]
    lines = [
        f"The ledger {prepared.identity} stands ready in {prepared.database}.",
        f"The program works as {prepared.login!r}, who may read and add; nobody logs in as its owner.",
        *(f"Note: {words}" for words in warnings),
    ]
    emit(format, lines=lines, told=told, rows=[told])
