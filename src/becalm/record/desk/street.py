"""What phones send from the street: taken once, with a receipt that names its entry, and never dropped.

What cannot be read (an unknown key, form or kind, a seal that does not fit) is kept aside as it came, and
shown. Twice sent is once recorded.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from becalm.desk import Desk, make_event
from becalm.formats.durable_files import hold_lock, make_private_folder, write_durably
from becalm.ledger import Entry, EventToAppend, Fact, format_instant
from becalm.record.core.events import RECEIVED
from becalm.record.core.street_forms import (
    FORM_BY_KEY,
    VISIT_KIND,
    PhoneTimes,
    StreetForm,
    form_words,
    place_in_time,
    read_fields,
)
from becalm.record.files.street_keys import SealedRecord, StreetKeys, open_record
from becalm.terms import CaseError, EventError, InputError, LedgerError, UsageError

MOST_RECORDS: Final = 50
LONGEST_ID: Final = 64
LARGEST_SEALED: Final = 20_000
PURPOSE: Final = "patrol"
TABLE: Final = "street_record"
PATIENCE_S: Final = 20.0  # while another outbox is taken
PAUSE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class StreetReceipt:
    """A record that is in the ledger: the entry that holds it, and its hash."""

    id: str
    entry: int
    hash: str


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that was kept aside, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutboxAnswer:
    """What became of the records that a phone sent."""

    receipts: tuple[StreetReceipt, ...]
    refused: tuple[RefusedRecord, ...]


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record that was opened and read: its form, what it says as facts, and when it was."""

    id: str
    form: StreetForm
    facts: Mapping[str, Fact]
    occurred_at: datetime
    note: EventToAppend  # that it was received


RecordTaker = Callable[[Desk, OpenedRecord], Sequence[Entry]]
"""Records what a form says, with its note right behind the first entry; CaseError where it cannot be."""


def receive_records(
    desk: Desk, body: object, takers: Mapping[str, RecordTaker] | None = None, *, is_handed_in: bool = False
) -> OutboxAnswer:
    """Take what a phone sent, each record once.

    `body` is what was sent: `{"records": [{"id", "kind", "form", "key", "sealed"}], "sent_at"}`, of which
    `sent_at` is the phone's clock. `takers` are those of other jobs, by the kind of the record. Raises
    InputError where the body is of another shape; LedgerError where the ledger cannot be written: then
    nothing more was taken, and the phone keeps what has no receipt.
    """
    records, sent_at = read_body(body)
    receipts, refusals = [], []
    outbox = _Outbox(desk, StreetKeys(desk.workspace.path), sent_at, takers or {}, is_handed_in)
    with _lock(desk.workspace.path):
        row_by_id = {str(row["id"]): row for row in desk.open_ledger().state_rows(TABLE)}
        for record in records:
            row = row_by_id.get(record.id)
            try:
                if row is None:
                    row = row_by_id[record.id] = outbox.take(record)
                receipts.append(StreetReceipt(record.id, int(str(row["entry"])), str(row["hash"])))
            except (InputError, EventError, CaseError, UsageError) as error:
                _keep_aside(desk, record, str(error))
                refusals.append(RefusedRecord(record.id, str(error)))
    return OutboxAnswer(tuple(receipts), tuple(refusals))


def read_body(body: object) -> tuple[tuple[SealedRecord, ...], datetime | None]:
    """The records of what was sent, and the phone's clock. Raises InputError where it is of another shape."""
    records = body.get("records") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or not isinstance(records, list):
        raise InputError('What was sent is no outbox. Send {"records": [...]}.')
    if len(records) > MOST_RECORDS:
        raise InputError(f"{len(records)} records came at once. Send at most {MOST_RECORDS}.")
    return tuple(map(_read_record, records)), _read_instant(body.get("sent_at"))


def _read_record(record: object) -> SealedRecord:
    fields = record if isinstance(record, Mapping) else {}
    record_id, kind, form, seal_text = (_read_text(fields.get(n)) for n in ("id", "kind", "form", "sealed"))
    key = fields.get("key")
    if not (record_id and kind and form and seal_text) or not isinstance(key, int) or isinstance(key, bool):
        raise InputError("A record has no id, kind, form, key or sealed content. Send all five of each.")
    if len(record_id) > LONGEST_ID or len(seal_text) > LARGEST_SEALED:
        raise InputError(f"A record's id has more than {LONGEST_ID} characters, or it is too large.")
    return SealedRecord(record_id, kind, form, key, seal_text)


def _read_text(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else ""


def _read_instant(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class _Outbox:
    """What one outbox is taken with."""

    desk: Desk
    keys: StreetKeys
    sent_at: datetime | None
    takers: Mapping[str, RecordTaker]
    is_handed_in: bool

    def take(self, record: SealedRecord) -> Mapping[str, Fact]:
        """Put a record into the ledger, with the note that it was received, in one append."""
        opened_record = self._read(record)
        taker = self.takers.get(record.kind, _append_record)
        entries = taker(self.desk, opened_record)
        return {"entry": entries[0].seq, "hash": entries[0].hash}

    def _read(self, record: SealedRecord) -> OpenedRecord:
        form, content = self._open(record)
        fields, written_text = content.get("fields"), content.get("written_at")
        if not isinstance(fields, Mapping) or not isinstance(written_text, str):
            raise InputError("It holds no fields, or no time at which it was written. It is kept aside.")
        received_at = self.desk.now()
        # A clock that is thousands of years off writes years that nobody can read: then it is when it came.
        written_at = _read_instant(written_text) or received_at
        since_start = content.get("since_start_ms")
        since_start_ms = since_start if isinstance(since_start, int) else None
        times = PhoneTimes(written_at, self.sent_at, received_at, since_start_ms)
        facts = read_fields(form, fields)
        occurred_at, is_clock_wrong = place_in_time(times)
        is_time_doubtful = is_clock_wrong or _read_instant(written_text) is None
        has_entry = form.event_kind is not None or record.kind in self.takers
        writer = content.get("account")
        note_facts: dict[str, Fact] = {
            "id": record.id,
            "kind": record.kind,
            "form": record.form,
            "written_at": format_instant(written_at),
            "entries_before": int(has_entry),
            **({"since_start_ms": since_start_ms} if since_start_ms is not None else {}),
            **({"time_in_doubt": True} if is_time_doubtful else {}),
            **({"is_handed_in": True} if self.is_handed_in else {}),
            **({"written_by": _read_text(writer)[:60]} if writer and writer != self.desk.actor else {}),
            **{name: facts[name] for name in ("unit", "hotspot") if name in facts},
        }
        note = make_event(
            self.desk, RECEIVED.name, purpose=PURPOSE, facts=note_facts, occurred_at=occurred_at
        )
        return OpenedRecord(record.id, form, facts, occurred_at, EventToAppend(note))

    def _open(self, record: SealedRecord) -> tuple[StreetForm, Mapping[str, Any]]:
        form = FORM_BY_KEY.get((record.kind, record.form))
        if form is None or not form.is_accepted(self.desk.today):
            state_text = "is known" if form is None else "is taken any more"
            raise InputError(
                f"No form {record.kind[:40]} {record.form[:20]} {state_text} ({form_words()}). "
                "It is kept aside."
            )
        key = self.keys.find(record.key)
        if key is None:
            raise InputError(
                f"There is no key {record.key} any more, to which it was sealed. It is kept aside."
            )
        return form, open_record(record, key)


def _append_record(desk: Desk, opened_record: OpenedRecord) -> Sequence[Entry]:
    """Append what a form of the police says as the event of its kind, and the note."""
    events = [opened_record.note]
    if opened_record.form.event_kind is not None:
        facts = {**opened_record.facts, "reference": opened_record.id}
        event = make_event(
            desk,
            opened_record.form.event_kind,
            purpose=PURPOSE,
            facts=facts,
            occurred_at=opened_record.occurred_at,
        )
        events.insert(0, EventToAppend(event))
    elif opened_record.form.kind == VISIT_KIND:
        raise InputError("Outcomes of visits are not taken here. It is kept aside.")
    return desk.open_ledger().append(events)


def _keep_aside(desk: Desk, record: SealedRecord, reason: str) -> None:
    """Keep a record that cannot be read, as it came, once."""
    folder = desk.workspace.path / "street" / "aside"
    name = sha256(json.dumps(asdict(record), sort_keys=True).encode()).hexdigest()[:32]
    content = {**asdict(record), "reason": reason, "sent_by": desk.actor, "at": desk.now().isoformat()}
    try:
        make_private_folder(folder.parent)
        make_private_folder(folder)
        if not (folder / f"{name}.json").exists():
            write_durably(folder / f"{name}.json", json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise LedgerError(
            f"A record that cannot be read cannot be kept aside in {folder} ({error}). The phone keeps it."
        ) from error


def list_aside(desk: Desk) -> tuple[Mapping[str, Any], ...]:
    """The records that were kept aside, the oldest first; somebody has to look at them."""
    folder = desk.workspace.path / "street" / "aside"
    contents = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    return tuple(sorted(contents, key=lambda content: (str(content["at"]), str(content["id"]))))


@contextmanager
def _lock(workspace: Path) -> Iterator[None]:
    """One outbox at a time, so that a record that comes twice at once is taken once."""
    make_private_folder(workspace / "street")
    deadline = time.monotonic() + PATIENCE_S
    with ExitStack() as stack:
        while not _is_locked(stack, workspace / "street" / "lock"):
            if time.monotonic() > deadline:
                raise LedgerError("Another outbox is being taken. Send this one again.")
            time.sleep(PAUSE_S)
        yield


def _is_locked(stack: ExitStack, path: Path) -> bool:
    """Hold the lock until the stack is left; whether that was possible."""
    try:
        stack.enter_context(hold_lock(path, BlockingIOError))
    except BlockingIOError:
        return False
    return True
