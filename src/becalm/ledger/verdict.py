"""What a verification found, in one shape for the command, the pages and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from becalm.ledger.event import Checkpoint, Head

Fate = Literal[
    "altered",  # an entry is not what was written
    "missing",  # an entry was taken out
    "inserted",  # an entry was put in between
    "moved",  # an entry stands in another's place
    "shorter",  # the end is gone: an older copy, or a cut tail
    "rewritten",  # a consistent ledger, but another one than the anchored
    "checkpoint",  # a signed head was altered, or signed by somebody else
    "key",  # the keys that signed are not those of this ledger
    "payload",  # a personal detail is not what was committed to, or went without an erasure
]


IN_LEDGER: Final = "the ledger"  # the place of the heads that the ledger keeps itself


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a ledger does not hold. `first` is the first entry that it touches, None for none."""

    fate: Fate
    first: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint with the place that it was kept in: the ledger itself, or somewhere outside."""

    checkpoint: Checkpoint
    place: str
    outside: bool

    @property
    def size(self) -> int:
        """How many entries it speaks of."""
        return self.checkpoint.head.size


@dataclass(frozen=True, slots=True)
class Verdict:
    """Does the ledger hold? Its head, computed anew, what is wrong with it, and what was not shown."""

    head: Head  # of the entries that are sound: all of them, or those before the first broken one
    size: int  # entries that there are
    findings: tuple[Finding, ...]
    proven: int  # entries 1 to this one agree with a signed head
    proven_outside: int  # entries 1 to this one agree with a head kept outside of the ledger
    anchors: tuple[Anchor, ...]  # every one that was compared
    notes: tuple[str, ...]  # what this verification cannot show

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def first_bad(self) -> int | None:
        """The first entry that does not hold, where one can be named."""
        return min((f.first for f in self.findings if f.first is not None), default=None)
