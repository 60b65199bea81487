"""One run of a protocol: its finding, in which state the protocol was, and of which records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from becalm.evaluate.core.events import RegisteredProtocol
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
    is_public: bool = False
    equal_files: tuple[str, ...] = ()  # of an original that was made again, byte for byte

    @property
    def words(self) -> str:
        """What may be said of it."""
        return describe_finding(self.finding, self.protocol.design, self.state)


def find_other_protocols(
    protocols: Sequence[RegisteredProtocol], protocol: Protocol, sha256: str
) -> tuple[str, ...]:
    """What must be said where another protocol asks about the same days, or this one was changed."""
    other_protocols = [
        p
        for p in protocols
        if p.protocol_sha256 != sha256
        and (p.first_day, p.last_day)
        == (str(protocol.windows.after.start), str(protocol.windows.after.last_day))
    ]
    warnings = [
        f"Another protocol for the same days is registered: {p.protocol_sha256[:12]} (entry {p.entry})."
        for p in other_protocols
    ]
    if other_protocols and all(p.protocol_sha256 != sha256 for p in protocols):
        warnings.append(
            "This file is not the one that was registered. If it was changed since, say so and why: "
            f"`becalm evaluate amend` in the place of {other_protocols[-1].protocol_sha256[:12]}."
        )
    return tuple(warnings)
