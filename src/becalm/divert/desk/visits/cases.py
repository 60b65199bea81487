"""What every step of visits and help shares: who may, whose case, what was done, and how it is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from becalm.desk import Desk, make_event, read_payload
from becalm.divert.core.case_state import ACTIVE_STATES
from becalm.divert.core.visits import events
from becalm.divert.core.visits.history import VisitHistory, read_history
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.desk.context import case_row, check_purpose, records_file, require_role, to_payload
from becalm.divert.desk.people import read_details
from becalm.divert.files.visits.read_protocol import find_protocol, protocol_sha256, read_protocol
from becalm.ledger import Entry, EventToAppend, Fact, Row
from becalm.terms import CaseError, Fault, UsageError

NOTHING_DONE = "The step is not allowed; nothing was recorded"


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A person in the programme, what was done so far, and the desk of whoever acts."""

    desk: Desk
    person: str
    row: Mapping[str, object]
    history: VisitHistory
    purpose: str

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return ZoneInfo(self.desk.workspace.city.time_zone)

    def local_now(self) -> datetime:
        """Now, in the city's time."""
        return self.desk.now().astimezone(self.zone)

    def event(
        self,
        kind: str,
        facts: Mapping[str, Fact],
        details: Mapping[str, object] | None = None,
        at: datetime | None = None,
        corrects: int | None = None,
    ) -> EventToAppend:
        """An event about this person, with details beside it where there are any."""
        event = make_event(
            self.desk,
            kind,
            purpose=self.purpose,
            facts=facts,
            subject=self.person,
            occurred_at=at,
            corrects=corrects,
        )
        filled = {name: value for name, value in (details or {}).items() if value}
        return EventToAppend(event, to_payload(kind, filled) if filled else None)

    def append(self, *to_append: EventToAppend) -> tuple[Entry, ...]:
        """Record these steps together: all or none."""
        return self.desk.open_ledger().append(list(to_append))

    def state_rows(self, table: str) -> list[Row]:
        """The rows of a state table that are about this person."""
        rows = self.desk.open_ledger().state_rows(table)
        return [row for row in rows if row["subject"] == self.person]

    def state_row(self, table: str, name: str, value: Fact) -> Row | None:
        """The row of a state table in which this column holds this value, of this person."""
        return next((row for row in self.state_rows(table) if row.get(name) == value), None)

    def details(self) -> Mapping[str, str]:
        """Name, address and wishes; that they were read is recorded first."""
        return read_details(self.desk, records_file(self.desk).read(), self.person, purpose=self.purpose)


def open_case(desk: Desk, person: str, act: str, *, purpose: str, may_be_closed: bool = False) -> OpenCase:
    """The case of a person, for somebody who may do this.

    Raises CaseError where the role may not, there is no case, it has ended (unless it may have), or it is
    disputed or restricted: then visits pause.
    """
    desk = require_role(desk, act)
    check_purpose(purpose)
    ledger = desk.open_ledger()
    row = case_row(ledger, person)
    faults = tuple(_case_faults(row, person, may_be_closed=may_be_closed))
    if row is None or faults:
        raise CaseError(NOTHING_DONE, faults)
    return OpenCase(desk, person, row, read_history(ledger.entries(subject=person)), purpose)


def _case_faults(row: Mapping[str, object] | None, person: str, *, may_be_closed: bool) -> Iterator[Fault]:
    if row is None:
        yield Fault(person, "has no case", "only people whom two others approved are visited")
        return
    if row["state"] not in ACTIVE_STATES and not may_be_closed:
        yield Fault(person, f"the case is {row['state']}", "nobody calls; hand back what you hold")
    if row.get("challenge") and not may_be_closed:
        yield Fault(
            person, "the case is disputed", f"visits pause until it is decided, by {row['challenge']}"
        )
    if row.get("is_restricted") and not may_be_closed:
        yield Fault(person, "the case is restricted", "ask the rights officer")


def refuse(faults: Iterator[Fault]) -> None:
    """Raise CaseError with all these faults, if there are any."""
    if all_faults := tuple(faults):
        raise CaseError(NOTHING_DONE, all_faults)


def protocol_in_force(desk: Desk, file_name: str | None, *, is_signed: bool = True) -> VisitProtocol:
    """The visit protocol, which its owner must have signed as it stands.

    Raises CaseError where nobody has.
    """
    source = find_protocol(desk.workspace.path, file_name)
    protocol, sha256 = read_protocol(source), protocol_sha256(source)
    signatures = desk.open_ledger().entries(kinds=(events.PROTOCOL,))
    if is_signed and sha256 not in {str(entry.event.facts["protocol_sha256"]) for entry in signatures}:
        remedy = "look at the price list and sign: becalm divert price"
        fault = Fault(source.name, "nobody has signed this protocol as it stands", remedy)
        raise CaseError(NOTHING_DONE, (fault,))
    return protocol


def read_moment(desk: Desk, text: str, field_name: str) -> datetime:
    """An instant from the city's own time, now where nothing is given.

    Raises UsageError where the text is no time.
    """
    if not text:
        return desk.now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"`{field_name}` {text!r} is no time. Write 2020-05-04T17:20.") from error
    zone = ZoneInfo(desk.workspace.city.time_zone)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def draw_number(desk: Desk, letter: str) -> str:
    """A random number of an appointment or a referral, which says nothing."""
    return f"{letter}-{desk.draw_key().hex()[:10]}"


def read_entry_details(case: OpenCase, seq: int) -> Mapping[str, object]:
    """The details beside one entry about this person, if any; the access is recorded first."""
    if not next(case.desk.open_ledger().entries(after=seq - 1, until=seq)).commitment:
        return {}
    payload = read_payload(case.desk, seq, subject=case.person, purpose=case.purpose)
    details: Mapping[str, object] = json.loads(payload) if payload else {}
    return details
