"""One run of a protocol: its finding, in which state the protocol was, and of which records."""

from dataclasses import dataclass
from datetime import date, datetime

from becalm.evaluate.core.finding import Finding
from becalm.evaluate.core.protocol import Protocol, State
from becalm.evaluate.core.words import describe_finding
from becalm.terms import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A finding with what it rests on."""

    protocol: Protocol
    protocol_sha256: str
    state: State
    registered_at: datetime | None
    amended: str  # the hash of the protocol that this one replaces, or nothing
    finding: Finding
    source: str
    as_of: date
    warnings: tuple[str, ...]
    run: RunRecord
    folder: str = ""

    @property
    def words(self) -> str:
        """What may be said of it."""
        return describe_finding(self.finding, self.protocol.design, self.state)
