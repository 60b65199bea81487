"""A list of places by harm: what each place's harm is made of, and on which weights and groups it rests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from becalm.terms.estimate import Estimate
from becalm.terms.harm import GroupWeights

Rank = Literal["count", "harm"]
"""By what places are ranked: by expected incidents, or by the expected harm of these."""

FEW_EVENTS = 5.0  # harm known no more surely than so few incidents would be is driven by few
RARE_SHARE = 0.1  # a group with less than this share of a list's incidents is rare on it


@dataclass(frozen=True, slots=True)
class HarmPart:
    """What one offence group adds to a place's expected harm: incidents in 30 days, times its weight."""

    group: str
    incidents: float
    harm: float


@dataclass(frozen=True, slots=True)
class PlaceHarm:
    """The expected harm of a place in 30 days, and where it ranks among all places, by harm and by count.

    `parts` stand with the largest first. `events` says how sure it is: as sure as a count of so many
    incidents would be (mean squared over variance).
    """

    expected: Estimate
    harm_rank: int
    count_rank: int
    parts: tuple[HarmPart, ...]
    events: float

    @property
    def leading(self) -> HarmPart:
        """The group that adds most."""
        return self.parts[0]


@dataclass(frozen=True, slots=True)
class GroupInHarm:
    """What one offence group is on a list: its weight and records, and its shares of the listed places.

    `incident_share`, `harm_share` and `doubt_share` are its shares of their expected incidents, of their
    expected harm, and of the variance of that. A group that is not `scored` alone has too few records for it,
    and is expected to fall where all the target does.
    """

    group: str
    weight: float
    evidence: str
    records: int
    incident_share: float
    harm_share: float
    doubt_share: float
    scored: bool


@dataclass(frozen=True, slots=True)
class HarmBasis:
    """On which weights and groups the harm of a list rests.

    `shared` is how many of the listed places the list by the other rank would hold too, under the same rules.
    `events` is the median of the listed places' `events`.
    """

    weights: GroupWeights
    groups: tuple[GroupInHarm, ...]
    shared: int
    events: float

    @property
    def rare(self) -> tuple[GroupInHarm, ...]:
        """The groups that are few on the list and yet most of its doubt, the largest first."""
        few = (g for g in self.groups if g.incident_share < RARE_SHARE and g.doubt_share >= 0.25)
        return tuple(sorted(few, key=lambda g: -g.doubt_share))
