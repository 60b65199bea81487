"""The events of evaluations: protocols registered and amended, runs made. Released kinds are frozen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from becalm.evaluate.core.protocol import State
from becalm.ledger import Entry, EventKind, required_fact
from becalm.ledger.events import REASON

PROTOCOL_REGISTERED, PROTOCOL_AMENDED, EVALUATION_RUN = (
    "protocol_registered",
    "protocol_amended",
    "evaluation_run",
)
READ_KINDS = (PROTOCOL_REGISTERED, PROTOCOL_AMENDED)
PURPOSE = "evaluation"

KINDS = (
    EventKind(
        PROTOCOL_REGISTERED,
        "A protocol was fixed: what is asked, of which places, in which windows, by which method.",
        (
            required_fact("protocol_sha256", "hash", "of the protocol's file, with the list of places"),
            required_fact("first_day", "day", "the first day of the outcome"),
            required_fact("last_day", "day", "the last day of the outcome"),
            required_fact("files_sha256", "hash", "of the archive's files at that moment"),
            required_fact("data_seen", "flag", "whether the archive already held days of the outcome"),
        ),
        purposes=(PURPOSE,),
    ),
    EventKind(
        PROTOCOL_AMENDED,
        "A registered protocol was changed; both stay on record.",
        (
            required_fact("protocol_sha256", "hash", "of the new protocol"),
            required_fact("replaces", "hash", "of the protocol that it stands in for"),
            REASON,
        ),
        purposes=(PURPOSE,),
    ),
    EventKind(
        EVALUATION_RUN,
        "An evaluation was run, whatever it found, so that unpublished tries are seen.",
        (
            required_fact("protocol_sha256", "hash", "of the protocol's file, with the list of places"),
            required_fact("state", "text", "registered, registered late or exploratory"),
            required_fact("run_sha256", "hash", "of run.json"),
            required_fact("finding_sha256", "hash", "of finding.json"),
        ),
        purposes=(PURPOSE,),
    ),
)


@dataclass(frozen=True, slots=True)
class RegisteredProtocol:
    """A protocol in the ledger. `reason` is why it was amended, where it stands in for another."""

    protocol_sha256: str
    registered_at: datetime
    entry: int
    first_day: str
    last_day: str
    is_late: bool
    replaces: str = ""
    reason: str = ""

    @property
    def state(self) -> State:
        """Whether it was there before the outcome was."""
        return "registered late" if self.is_late else "registered"


def read_protocols(entries: Iterable[Entry]) -> tuple[RegisteredProtocol, ...]:
    """Which protocols are registered, oldest first? An amendment is one that names what it replaces."""
    ordered_entries = sorted(entries, key=lambda entry: entry.seq)
    amendment_by_sha256 = {
        str(entry.event.facts["protocol_sha256"]): entry.event.facts
        for entry in ordered_entries
        if entry.event.kind == PROTOCOL_AMENDED
    }
    return tuple(
        _read_protocol(entry, amendment_by_sha256.get(str(entry.event.facts["protocol_sha256"]), {}))
        for entry in ordered_entries
        if entry.event.kind == PROTOCOL_REGISTERED
    )


def _read_protocol(entry: Entry, amendment: object) -> RegisteredProtocol:
    facts = entry.event.facts
    amendment_facts = amendment if isinstance(amendment, dict) else {}
    return RegisteredProtocol(
        protocol_sha256=str(facts["protocol_sha256"]),
        registered_at=entry.recorded_at,
        entry=entry.seq,
        first_day=str(facts["first_day"]),
        last_day=str(facts["last_day"]),
        is_late=facts["data_seen"] is True,
        replaces=str(amendment_facts.get("replaces", "")),
        reason=str(amendment_facts.get("reason", "")),
    )


def list_finding_hashes(entries: Iterable[Entry]) -> frozenset[str]:
    """The hash of every finding that a recorded run wrote."""
    return frozenset(
        str(entry.event.facts["finding_sha256"]) for entry in entries if entry.event.kind == EVALUATION_RUN
    )


def find_protocol(protocols: Sequence[RegisteredProtocol], sha256: str) -> RegisteredProtocol | None:
    """The first registration of this very protocol, if there is one."""
    return next((protocol for protocol in protocols if protocol.protocol_sha256 == sha256), None)
