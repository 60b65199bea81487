"""What a comparison should know beside the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from becalm.tables import CountTable
from becalm.terms import Gap, OffenceGroup, Period


@dataclass(frozen=True, slots=True)
class Background:
    """Names, holidays, and what the counts leave out; each may be missing.

    `groups` give labels and reasons; `holidays` names by day; `left_out` the counts of offence groups
    that are in no total; `gaps` the months that the source covers badly; `covered` the days that it
    covers at all (without it: those of the counts); `only` the offence groups that were asked for.
    """

    groups: Mapping[str, OffenceGroup] = field(default_factory=dict)
    holidays: Mapping[date, str] = field(default_factory=dict)
    left_out: CountTable | None = None
    gaps: Sequence[Gap] = ()
    covered: Period | None = None
    only: tuple[str, ...] = ()
