"""What a ledger is on every database: read page by page, folded again, its checkpoints and its tail."""

import itertools
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar, cast

from sqlalchemy import Connection, Select, func, insert, literal_column, select, update
from sqlalchemy.exc import DBAPIError

from becalm import ledger
from becalm.ledger import Row, chain
from becalm.ledger.chain_check import Finding, iterate_sound
from becalm.ledger.log_ending import LOG_BEGUN
from becalm.ledger.merkle import root_of_peaks
from becalm.ledger.receipts import StoredReceipt, check_receipts
from becalm.ledger.signed_heads import is_self_signed, unsigned_fields
from becalm.ledger.signing import parse_exact_instant
from becalm.ledger.store import copy_guard, state_rows
from becalm.ledger.store.erasure_register import ErasureRegister
from becalm.ledger.store.new_entries import Tail, parse_peaks, read_tail
from becalm.ledger.store.schema_audit import audit_integrity, audit_schema
from becalm.ledger.store.tables import checkpoint_table, event_table, ledger_table
from becalm.terms import BecalmError, HeadError, LedgerError, TamperError

Query = Select[tuple[object, ...]]
Check = Callable[[Connection], Iterable[Finding]]
PAGE_ROW_COUNT: Final = (
    5_000  # rows; between two pages nothing is held open, so a slow reader keeps no old page alive
)
Result = TypeVar("Result")
NOTHING_OUTSIDE: Final = ledger.KnownOutside()
SEQ_BEYOND_ALL: Final = 2**63 - 1  # the greatest number that a row may bear

_SELECT_ROWS: Final[Query] = select(*(event_table.c[name] for name in chain.COLUMNS)).order_by(
    event_table.c.seq
)
# What folds look at: no link and no hash, which are a third of the text of a row.
_SELECT_FOLDED: Final[Query] = select(
    *(event_table.c[name] for name in chain.COLUMNS[: chain.COMMITMENT]),
    *(literal_column("''").label(name) for name in chain.COLUMNS[chain.COMMITMENT :]),
).order_by(event_table.c.seq)
_SELECT_NOTE: Final = select(ledger_table.c.size, ledger_table.c.tree)
SELECT_END: Final = (
    "SELECT l.size, l.tree, e.seq, e.hash, e.recorded_at FROM ledger l "
    "LEFT JOIN (SELECT seq, hash, recorded_at FROM event ORDER BY seq DESC LIMIT 1) e ON true"
)


class Database(Protocol):
    """Where a ledger is kept. A transaction that fails leaves nothing behind."""

    @property
    def name(self) -> str:
        """How a message names it."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees the ledger as it stands at its first question."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that writes, alone among all processes."""

    def close(self) -> None:
        """Close it."""


class DatabaseLedger(ABC):
    """The part of a ledger that is the same on every database.

    `memo` keeps the last head beside the ledger, and `outside` is what is known of it elsewhere: the ledger
    must fit both to be written.
    """

    has_all_receipts = False  # has every append left one, or only those of others?
    refusal_column = "''"  # where a receipt tells why an append was refused

    def __init__(
        self,
        database: Database,
        kinds: ledger.EventKinds,
        folds: Sequence[ledger.Fold],
        *,
        memo: copy_guard.HeadMemo | None = None,
        outside: ledger.KnownOutside = NOTHING_OUTSIDE,
    ) -> None:
        self._database, self.kinds, self.folds = database, kinds, tuple(folds)
        self._memo, self._own_last_hash = memo, ""
        self._verified: dict[tuple[tuple[str, ...], str, str], tuple[int, str, tuple[ledger.Entry, ...]]] = {}
        with database.reading() as connection:
            ledger_query = select(ledger_table.c.identity, ledger_table.c.folds)
            ledger_row = connection.execute(ledger_query).first()
        if ledger_row is None:
            raise TamperError(
                f"The ledger {database.name} has lost the row that says which ledger it is. Keep it as "
                "evidence, and put a copy in its place."
            )
        self.identities: tuple[str, ...] = (str(ledger_row.identity),)
        with suppress(BecalmError), database.reading() as connection:  # what is damaged is still opened
            self._read_identities(connection)
        if outside.origin and outside.origin not in self.identities:
            raise HeadError(
                f"{database.name} is ledger {self.identity[:16]}, and this workspace goes on ledger "
                f"{outside.origin[:16]}: another ledger was put in its place. Put the right one back; "
                "nothing was written."
            )
        self._outside = replace(outside, anchors=tuple(self._trusted_anchors(outside.anchors)))
        self._has_to_check = True
        self._register = ErasureRegister(memo.path if memo else None, outside.erasure_registers)
        with suppress(BecalmError):
            self._note_erasures()
        self._fold_names, self._folds_by_kind = (
            ledger.name_folds(self.folds),
            ledger.group_by_kind(self.folds),
        )
        if ledger_row.folds != self._fold_names:
            self.rebuild()

    @property
    def identity(self) -> str:
        """The id of the log that is written now."""
        return self.identities[-1]

    def _read_identities(self, connection: Connection) -> tuple[ledger.Entry, ...]:
        """Note which logs the entries went through; the entries with which new ones began."""
        new_logs = copy_guard.read_new_logs(connection)
        new_identities = (str(entry.event.facts["new_ledger"]) for entry in new_logs)
        self.identities = (self.identities[0], *new_identities)
        return new_logs

    def _trusted_anchors(self, anchors: Sequence[ledger.Checkpoint]) -> Iterator[ledger.Checkpoint]:
        """Those heads of this ledger that a key signed which it names: others could stop it for nothing."""
        # A rewriting that names another key is for `becalm record verify` to find, which takes all heads.
        own_anchors = [point for point in anchors if point.ledger_id in self.identities]
        try:
            key_facts = [e.event.facts for e in self.entries(kinds=("key_rotated",))] if own_anchors else []
        except TamperError:  # an entry cannot be read: every head counts, until somebody has looked at it
            yield from own_anchors
            return
        key_by_id = {str(facts["new_key"]): str(facts.get("new_public_key", "")) for facts in key_facts}
        for point in own_anchors:
            if is_self_signed(replace(point, public_key=key_by_id.get(point.key_id, ""))):
                yield point

    def login(self) -> ledger.ServerLogin | None:
        """Nobody is logged in at a file."""
        return None

    @property
    def label(self) -> str:
        """What files of this ledger are named after."""
        return self._memo.path.stem if self._memo is not None else "ledger"

    def tail(self, connection: Connection) -> Tail:
        """Where the ledger ends now, whoever wrote last."""
        return self.read_end(connection.exec_driver_sql(SELECT_END).one())

    def read_end(self, end_row: Sequence[Any]) -> Tail:
        """The tail from the answer to SELECT_END."""
        return read_tail(*end_row, identity=self.identities[0], name=self._database.name)

    def noted_heads(self) -> tuple[ledger.Head, ...]:
        """The heads that are noted beside the entries, unchecked: in a row of their own and in the memo."""
        with self._database.reading() as connection:
            entry_count, tree_text = connection.execute(_SELECT_NOTE).one()
        memo_head = self._memo.read_head() if self._memo is not None else None
        return (*_heads_of_note(int(entry_count), str(tree_text)), *([memo_head] if memo_head else []))

    def lost_heads(self) -> tuple[ledger.Head, ...]:
        """Heads that this ledger is known to have had, and does not hold: it is an older copy."""
        with self._database.reading() as connection:
            return self._find_lost_heads(connection, self.tail(connection))

    def _find_lost_heads(self, connection: Connection, tail: Tail) -> tuple[ledger.Head, ...]:
        known_heads = copy_guard.expected_heads(self._memo, tail, self._outside)
        return copy_guard.find_lost_heads(connection, tail, known_heads, self._endings())

    def _endings(self) -> tuple[ledger.LogEnding, ...]:
        return (*self._outside.endings, *(self._memo.read_endings() if self._memo is not None else ()))

    def unended_log(self) -> ledger.Entry | None:
        """The entry with which a new log begins, where no statement yet ends the log before it."""
        with self._database.reading() as connection:
            return copy_guard.find_unended_log(self._read_identities(connection), self._endings())

    def keep_ending(self, ending: ledger.LogEnding) -> None:
        """Keep the signed statement that ends the log before this one."""
        unended_log = self.unended_log()
        if unended_log is not None and copy_guard.find_unended_log([unended_log], [ending]) is not None:
            raise LedgerError(
                f"The statement does not end the log before entry {unended_log.seq}: it names other heads, "
                "or its signature does not fit. Sign it again; nothing was kept."
            )
        self._outside = replace(self._outside, endings=(*self._outside.endings, ending))
        if self._memo is not None:
            self._memo.keep_ending(ending)
        with self._database.reading() as connection:
            self.remember_tail(self.tail(connection))

    def check_newest(self, connection: Connection, tail: Tail, events: Sequence[ledger.Event]) -> None:
        """Refuse to write these into an older copy; asked again whenever somebody else wrote last."""
        begins_log = any(event.kind == LOG_BEGUN for event in events)
        if not (self._has_to_check or begins_log) and tail.last_hash == self._own_last_hash:
            return
        new_logs = self._read_identities(connection)
        lost_heads = self._find_lost_heads(connection, tail)
        self._has_to_check = bool(lost_heads) or begins_log
        if begins_log and len(events) == 1:
            copy_guard.check_new_log(events[0], tail, self.identities, lost_heads)
        else:
            unended_log = copy_guard.find_unended_log(new_logs, self._endings())
            self._has_to_check = self._has_to_check or unended_log is not None
            copy_guard.check_newest_copy(tail, lost_heads, unended_log)
            if begins_log:
                raise LedgerError(
                    "Others write at this moment. Begin the new log again; nothing was written."
                )

    def remember_tail(self, tail: Tail) -> None:
        """Keep in mind where the ledger ends, once this is on the disk."""
        self._own_last_hash = tail.last_hash
        if self._memo is not None:
            self._memo.write_head(ledger.Head(tail.size, "", tail.last_hash), self.identity)

    def revived_seqs(self) -> tuple[int, ...]:
        """Entries whose details are there, though a register says that they were erased."""
        erased_commitments = self._register.read()
        if not erased_commitments:
            return ()
        erased_seqs = {row[chain.SEQ] for row in self.rows() if row[chain.COMMITMENT] in erased_commitments}
        with self._database.reading() as connection:
            return tuple(sorted(erased_seqs.intersection(self.read_payload_seqs(connection))))

    def _note_erasures(self) -> None:
        """Note in the register what was erased by a program that was killed then, or is older than it."""
        facts_of_erasures = (
            entry.event.facts["entries"] for entry in self.entries(kinds=("payload_erased",))
        )
        erased_seqs = [seq for seqs in facts_of_erasures if isinstance(seqs, tuple) for seq in seqs]
        commitments_query = select(event_table.c.commitment).where(event_table.c.seq.in_(erased_seqs))
        if erased_seqs:
            with self._database.reading() as connection:
                erased_commitments = set(connection.execute(commitments_query).scalars()) - {""}
            if not erased_commitments <= self._register.read():
                self._register.add(erased_commitments)

    def encipher_payloads(self) -> int:
        """Encipher the details of an older format; how many: none, where a server never held them plain."""
        return 0

    @abstractmethod
    def read_payload_seqs(self, connection: Connection) -> Iterable[int]:
        """The entries beside which details stand."""

    def entries(
        self,
        *,
        kinds: Sequence[str] = (),
        subject: str = "",
        actor: str = "",
        after: int = 0,
        until: int | None = None,
    ) -> Iterator[ledger.Entry]:
        """The entries in their order, of those that stand now: `after` excluded, `until` included."""
        if until is None:
            with self._database.reading() as connection:
                until = connection.execute(select(func.coalesce(func.max(event_table.c.seq), 0))).scalar_one()
        rows_query = _SELECT_ROWS
        if kinds:
            rows_query = rows_query.where(event_table.c.kind.in_(kinds))
        if subject:
            # A database must see that the index, which leaves out what is about nobody, will do.
            rows_query = rows_query.where(event_table.c.subject == subject, event_table.c.subject != "")
        if actor:
            rows_query = rows_query.where(event_table.c.actor == actor)
        return map(
            chain.read_entry, read_event_rows(self._database.reading, rows_query, after=after, until=until)
        )

    def verified_entries(
        self, *, kinds: Sequence[str] = (), subject: str = "", actor: str = ""
    ) -> tuple[ledger.Entry, ...]:
        """The entries of these kinds, about this person and of whoever did them, over the verified chain.

        Every entry is read and checked in its order, whatever the indexes say, and the last must be the one
        that the ledger ends with. What came out is kept: the next time only newer entries are read.
        """
        entry_filter = (tuple(kinds), subject, actor)
        size, last_hash, entries = self._verified.get(
            entry_filter, (0, chain.opening_hash(self.identities[0]), ())
        )
        wanted_rows = []
        with self._database.reading() as connection:
            tail = self.tail(connection)
            event_rows = read_event_rows(lambda: nullcontext(connection), after=size)
            for row in iterate_sound(event_rows, size, last_hash):
                size, last_hash = row[chain.SEQ], row[chain.HASH]
                is_wanted = (not kinds or row[chain.KIND] in kinds) and subject in ("", row[chain.SUBJECT])
                if is_wanted and actor in ("", row[chain.ACTOR]):
                    wanted_rows.append(row)
        if (size, last_hash) != (tail.size, tail.last_hash):
            raise TamperError(
                f"The entries end at {size}, and the ledger was written to entry {tail.size}. Run "
                "`becalm record verify`, and keep the ledger as evidence."
            )
        entries = (*entries, *map(chain.read_entry, wanted_rows))
        self._verified[entry_filter] = (size, last_hash, entries)
        return entries

    def audit(self) -> tuple[Finding, ...]:
        """What is wrong beside the chain: schema, integrity, details beside no entry, state tables."""
        return self.run_checks(*self.store_checks, self.audit_states)

    @property
    def store_checks(self) -> tuple[Check, ...]:
        """What an audit asks of the store itself."""
        return (audit_schema, audit_integrity, self._audit_payloads, self._audit_receipts)

    def run_checks(self, *checks: Check) -> tuple[Finding, ...]:
        """What these find, each in a transaction of its own; one that cannot be made is a finding too."""
        findings: list[Finding] = []
        for check in checks:
            try:
                with self._database.reading() as connection:
                    findings.extend(check(connection))
            except (LedgerError, TamperError) as error:
                findings.append(Finding("schema", None, error.message))
        return tuple(dict.fromkeys(findings))

    def start_audit(self) -> Callable[[], tuple[Finding, ...]]:
        """Begin the audit, beside other work where that helps; the function waits for what it finds."""
        return self.audit

    def _audit_payloads(self, connection: Connection) -> Iterator[Finding]:
        for label in self.read_stray_payloads(connection):
            yield Finding("payload", None, f"There are details beside no entry: {label}.")

    def _audit_receipts(self, connection: Connection) -> Iterator[Finding]:
        entry_count = connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM event").scalar_one()
        stored_receipts = self._read_receipts(connection, "WHERE first > 0 ORDER BY first")
        return check_receipts(stored_receipts, entry_count, has_all=self.has_all_receipts)

    def _read_receipts(
        self, connection: Connection, condition: str, values: tuple[str, ...] = ()
    ) -> Iterator[StoredReceipt]:
        query = f"SELECT ticket, first, last, {self.refusal_column} FROM receipt {condition}"
        cursor = cast("Iterable[tuple[str, int, int, str]]", connection.exec_driver_sql(query, values).cursor)
        return itertools.starmap(StoredReceipt, cursor)

    def stored_receipts(self) -> tuple[StoredReceipt, ...]:
        """What the ledger notes of each append, in the order of their entries."""
        with self._database.reading() as connection:
            return tuple(self._read_receipts(connection, "ORDER BY first, ticket"))

    def find_receipt(self, ticket: str) -> StoredReceipt | None:
        """What became of the append under this ticket; None where the ledger knows of none."""
        with self._database.reading() as connection:
            placeholder = "?" if connection.dialect.paramstyle == "qmark" else "%s"
            return next(self._read_receipts(connection, f"WHERE ticket = {placeholder}", (ticket,)), None)

    def has_pending(self, _ticket: str) -> bool:
        """Does what was handed in under this ticket wait to be sealed? In a file nothing does."""
        return False

    def audit_states(self, connection: Connection) -> Iterator[Finding]:
        """Where a state table is not what the entries make of it: all are folded again, as of one moment."""
        rows = read_event_rows(lambda: nullcontext(connection), _SELECT_FOLDED)
        try:
            for difference in state_rows.compare_states(connection, self.folds, rows):
                yield Finding("state", None, f"A state table was altered: {difference}.")
        except (TamperError, ValueError, TypeError) as error:  # a row, or the facts of an entry, are none
            yield Finding("state", None, f"A state table cannot be compared: {error}")
        fold_names = connection.execute(select(ledger_table.c.folds)).scalar_one()
        if fold_names != self._fold_names:
            yield Finding("state", None, f"The state tables say that they were folded by {fold_names!r:.80}.")

    @abstractmethod
    def read_stray_payloads(self, connection: Connection) -> Iterable[str]:
        """Details that stand beside no entry, by whatever they are kept under."""

    def rows(self, *, after: int = 0) -> Iterator[chain.StoredRow]:
        """The rows as they are stored, unchecked, whatever they hold."""
        return read_event_rows(self._database.reading, after=after)

    def head(self) -> ledger.Head:
        """How long is the ledger, and what does it hold?"""
        with self._database.reading() as connection:
            return self.tail(connection).head

    def state_rows(self, table: str) -> tuple[Row, ...]:
        """The rows of one state table, in the order of their key."""
        with self._database.reading() as connection:
            return tuple(row for _, row in state_rows.read_rows(connection, table))

    def rebuild(self) -> tuple[str, ...]:
        """Fold every state table again from the entries; returns each difference from what stood there."""
        with self._database.writing() as connection:
            event_rows = read_event_rows(lambda: nullcontext(connection))
            difference_texts = state_rows.fold_anew(connection, self.folds, map(chain.read_entry, event_rows))
            connection.execute(update(ledger_table).values(folds=self._fold_names))
        return difference_texts

    def retry_rebuilt(self, write: Callable[[], Result]) -> Result:
        """Write; where an altered state table is in the way, fold it again and write again.

        An erasure is the right of a person, and a row that somebody forged may not stop it.
        """
        try:
            return write()
        except TamperError:
            self.rebuild()
            return write()

    def keep_checkpoint(self, checkpoint: ledger.Checkpoint) -> None:
        """Keep a signed head."""
        checkpoint_values = {**unsigned_fields(checkpoint), "signature": checkpoint.signature}
        with self._database.writing() as connection:
            connection.execute(insert(checkpoint_table).values(checkpoint_values))

    def checkpoints(self) -> tuple[ledger.Checkpoint, ...]:
        """Every signed head that was kept, oldest first."""
        with self._database.reading() as connection:
            return read_checkpoints(connection)

    def close(self) -> None:
        """Close the database."""
        self._database.close()
        if self._memo is not None:
            self._memo.close()


def _heads_of_note(size: int, tree_text: str) -> tuple[ledger.Head, ...]:
    """The head that the row of the ledger notes; two where its size and its tree speak of different ones."""
    try:
        peaks = parse_peaks(tree_text)
    except TamperError:
        return (ledger.Head(size, "unreadable", ""),)
    root, tree_size = root_of_peaks(peaks).hex(), sum(leaf_count for leaf_count, _ in peaks)
    return (
        (ledger.Head(size, root, ""),)
        if tree_size == size
        else (ledger.Head(size, "", ""), ledger.Head(tree_size, root, ""))
    )


def read_event_rows(
    reading: Callable[[], AbstractContextManager[Connection]],
    query: Query = _SELECT_ROWS,
    *,
    after: int = 0,
    until: int = SEQ_BEYOND_ALL,
) -> Iterator[chain.StoredRow]:
    """The rows of table `event` in their order, as they are stored."""
    while True:
        page_query = query.where(event_table.c.seq > after, event_table.c.seq <= until).limit(PAGE_ROW_COUNT)
        with reading() as connection:
            page_rows = _read_page(connection, page_query)
        yield from page_rows
        if len(page_rows) < PAGE_ROW_COUNT:
            return
        after = page_rows[-1][chain.SEQ]


def _read_page(connection: Connection, query: Query) -> list[chain.StoredRow]:
    """The rows of a page as the driver gives them; a text that is none comes back with marks, to be found."""
    # The driver's own tuples: making SQLAlchemy's rows of them costs more than verifying them.
    try:
        return cast("list[chain.StoredRow]", connection.execute(query).cursor.fetchall())
    except (DBAPIError, sqlite3.OperationalError) as error:
        if "decode" not in str(error).lower() or connection.dialect.name != "sqlite":
            raise
    driver_connection = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver_connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        return cast("list[chain.StoredRow]", connection.execute(query).cursor.fetchall())
    finally:
        driver_connection.text_factory = str


def read_checkpoints(connection: Connection) -> tuple[ledger.Checkpoint, ...]:
    """Every checkpoint that was kept, oldest first.

    Raises TamperError where one was altered so that it cannot be read.
    """
    checkpoint_rows = connection.execute(select(checkpoint_table).order_by(checkpoint_table.c.number)).all()
    try:
        return tuple(
            ledger.Checkpoint(
                r.ledger,
                ledger.Head(r.size, r.root, r.last),
                parse_exact_instant(r.made_at),
                r.key,
                r.signature,
            )
            for r in checkpoint_rows
        )
    except ValueError as error:
        raise TamperError(f"A signed head in the ledger was altered: {error}.") from error
