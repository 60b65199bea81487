"""The shape of a ledger: what may be asked of it, whichever database keeps it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from becalm.ledger import Checkpoint, Entry, Event, EventKinds, Finding, Fold, Head, LogEnding, Row, StoredRow
from becalm.ledger.receipts import AppendReceipt, StoredReceipt


@dataclass(frozen=True, slots=True)
class EventToAppend:
    """An event to append, with the personal detail that goes beside it (erasable), if any."""

    event: Event
    payload: bytes | None = None


@dataclass(frozen=True, slots=True)
class KnownOutside:
    """What is known of a ledger elsewhere than in it: it must fit that to be written.

    `origin` and `head` are what the workspace remembers: the identity of the newest log, and its newest head.
    `erasure_registers` are registers of erasures (files) besides the one that the ledger keeps beside itself.
    """

    anchors: tuple[Checkpoint, ...] = ()
    endings: tuple[LogEnding, ...] = ()
    origin: str = ""
    head: Head | None = None
    erasure_registers: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerLogin:
    """Who is logged in at a server, and in which roles of the programme the server holds them."""

    name: str
    roles: tuple[str, ...]  # from groups named becalm_role_…


class LedgerWriter(Protocol):
    """Writes for other programs until it is stopped. As a context: at work inside of it."""

    @property
    def place(self) -> Path | str:
        """Where it listens, or what it seals."""

    def __enter__(self) -> Self:
        """Begin; raises LedgerError where another one is at work already."""

    def __exit__(self, *_: object) -> None:
        """End."""

    def serve_forever(self) -> None:
        """Write for others until the process is told to stop."""


class Ledger(Protocol):
    """Append-only events in a chain. When `append` returns, they are on the disk."""

    @property
    def identity(self) -> str:
        """The id of the log that is written now: its heads are signed under it."""

    @property
    def identities(self) -> tuple[str, ...]:
        """The ids of all logs that its entries went through, oldest first: entry 1 follows the first."""

    @property
    def label(self) -> str:
        """What files of this ledger are named after: differs for two ledgers that one folder may hold."""

    @property
    def kinds(self) -> EventKinds:
        """Every kind of event that it takes."""

    @property
    def folds(self) -> tuple[Fold, ...]:
        """Every state table that it folds from them."""

    def login(self) -> ServerLogin | None:
        """Who is logged in, where a server vouches for it; None where a file keeps the ledger."""

    def append(self, events: Sequence[EventToAppend]) -> tuple[Entry, ...]:
        """Append these events together, all or none. Where the store seals later, `append` waits for it.

        Raises EventError where an event is not of a known kind and version, lacks a fact, or occurred in the
        future; LedgerError where the ledger cannot be written, or refuses to be (an older copy, a clock set
        back).
        """

    def submit(self, events: Sequence[EventToAppend]) -> AppendReceipt:
        """Have these events recorded together, and return as soon as they are on the disk.

        Where the store seals later, their numbers are not known yet; they get them within a second.
        Raises as `append` does; LedgerError too where nobody can tell whether they were written.
        """

    def await_entries(self, receipt: AppendReceipt) -> tuple[Entry, ...]:
        """The entries of what was submitted, once they are sealed.

        Raises LedgerError where they are not, after some seconds; EventError where they were refused.
        """

    def stored_receipts(self) -> tuple[StoredReceipt, ...]:
        """What the ledger notes of each append, in the order of their entries; in a file of some alone."""

    def find_receipt(self, ticket: str) -> StoredReceipt | None:
        """What became of the append under this ticket; None where the ledger knows of none."""

    def has_pending(self, ticket: str) -> bool:
        """Does what was submitted under this ticket wait to be sealed?"""

    @property
    def has_all_receipts(self) -> bool:
        """Whether every entry stands under a receipt."""

    def open_writer(self) -> LedgerWriter:
        """What writes for all programs: in a file, for those of this computer; on a server, it seals."""

    def entries(
        self,
        *,
        after: int = 0,
        until: int | None = None,
        kinds: Sequence[str] = (),
        subject: str = "",
        actor: str = "",
    ) -> Iterator[Entry]:
        """The sealed entries in their order: `after` excluded, `until` included, of these kinds.

        With `subject`, only those about this person; with `actor`, only those of whoever did it.
        """

    def verified_entries(
        self, *, kinds: Sequence[str] = (), subject: str = "", actor: str = ""
    ) -> tuple[Entry, ...]:
        """The same as `entries`, over the verified chain and by no index: every figure is made of these.

        Raises TamperError where an entry is not what was written, or the last is not where the ledger ends.
        """

    def audit(self) -> tuple[Finding, ...]:
        """What is wrong beside the chain: schema, integrity, details beside no entry, state tables."""

    def start_audit(self) -> Callable[[], tuple[Finding, ...]]:
        """Begin the audit, beside other work where that helps; the function waits for what it finds."""

    def rows(self, *, after: int = 0) -> Iterator[StoredRow]:
        """The sealed rows by ascending seq exactly as they are stored, unchecked: what a verifier reads."""

    def head(self) -> Head:
        """How long is the ledger, and what does it hold?"""

    def noted_heads(self) -> tuple[Head, ...]:
        """The heads that the ledger notes of itself outside of its entries, unchecked.

        A root or a last hash that is not noted is empty.
        """

    def lost_heads(self) -> tuple[Head, ...]:
        """Heads that this ledger is known to have had, and does not hold: an older copy stands in its place.

        While there are any, nothing can be appended but the event `log_begun`, with which two people begin a
        new log; after it nothing but through `keep_ending`.
        """

    def unended_log(self) -> Entry | None:
        """The entry with which a new log begins, where no statement yet ends the log before it."""

    def keep_ending(self, ending: LogEnding) -> None:
        """Keep the signed statement that ends the log before this one; from then on it can be written.

        Raises LedgerError where it speaks of other heads, or nobody signed it.
        """

    def revived_seqs(self) -> tuple[int, ...]:
        """Entries whose details are there, though a register says that they were erased: never shown."""

    def payload(self, seq: int, *, access: Event) -> bytes | None:
        """The personal detail of one entry, None once erased. The access is recorded first."""

    def payload_commitments(self) -> Iterator[tuple[int, str]]:
        """Of each payload that is there: its entry, and the commitment that it gives with its salt."""

    def encipher_payloads(self) -> int:
        """Encipher the details that stand as they are, in a file of an older format; how many there were."""

    def erase(self, seqs: Sequence[int], *, erasure: Event) -> Entry:
        """Destroy the payloads and salts of these entries for good, and record that it was done."""

    def state_rows(self, table: str) -> tuple[Row, ...]:
        """The rows of one state table (folded from the events), in the order of their key."""

    def rebuild(self) -> tuple[str, ...]:
        """Fold every state table again from the events; returns each difference from what stood there."""

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a signed head."""

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Every signed head that was kept, oldest first."""

    def close(self) -> None:
        """Close the database."""
