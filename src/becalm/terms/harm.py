"""Harm: how much worse is one offence than another by one index, and what makes up the harm of a place?"""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from becalm.terms.errors import QuestionError
from becalm.terms.estimate import Estimate

RankBy = Literal["count", "harm"]
"""By what places are ranked: by expected incidents, or by the expected harm of these."""

FEW_EVENTS = 5.0  # harm known no more surely than so few incidents would be is driven by few
RARE_SHARE = 0.1  # a group with less than this share of a list's incidents is rare on it


@dataclass(frozen=True, slots=True)
class Harm:
    """An amount of harm in the unit of one index and edition; amounts of two indices cannot be added.

    >>> Harm(799.6, "css", "2020") + Harm(80.4, "css", "2020")
    Harm(value=880.0, index='css', edition='2020')
    """

    value: float
    index: str
    edition: str

    def __add__(self, addend: "Harm") -> "Harm":
        if (self.index, self.edition) != (addend.index, addend.edition):
            raise QuestionError(
                f"Harm by {self.index} {self.edition} cannot be added to harm by {addend.index} "
                f"{addend.edition}: their units differ. Weigh all offences by one index in one edition."
            )
        return Harm(self.value + addend.value, self.index, self.edition)


@dataclass(frozen=True, slots=True)
class HarmWeight:
    """The weight of one offence class. `code` is the Home Office class, e.g. "8N" or "4.10"."""

    code: str
    label: str
    weight: float


@dataclass(frozen=True, slots=True)
class HarmIndex:
    """A versioned table of harm weights. `unit` says what one unit of weight means."""

    key: str
    edition: str
    unit: str
    author: str
    reviewed_on: date
    origin: str
    weights: tuple[HarmWeight, ...]

    def harm(self, code: str, count: int = 1) -> Harm:
        """How much harm are `count` offences of this class?

        Raises QuestionError for a class that the index does not weigh: nothing is guessed.
        """
        code_weight = next((w.weight for w in self.weights if w.code == code.strip().upper()), None)
        if code_weight is None:
            raise QuestionError(
                f"{self.key} {self.edition} has no weight for class {code!r}. "
                "Leave the class out and say so, or use an index that weighs it."
            )
        return Harm(code_weight * count, self.key, self.edition)


@dataclass(frozen=True, slots=True)
class GroupWeight:
    """The harm of one incident of an offence group, and on what evidence it is weighed so."""

    group: str
    weight: float
    evidence: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0.0):
            raise ValueError(f"{self.group} weighs {self.weight}. Give a number of 0 or more.")


@dataclass(frozen=True, slots=True)
class GroupWeights:
    """A reviewed table of harm weights for the offence groups of one offence table, in one index and edition.

    `unit` says what one unit of weight means, `origin` how the groups were weighed.
    """

    key: str
    version: str
    index: str
    edition: str
    unit: str
    author: str
    reviewed_on: date
    origin: str
    weights: tuple[GroupWeight, ...]

    @property
    def harm_unit(self) -> str:
        """The unit of every amount of harm, e.g. "harm (css 2020)"."""
        return f"harm ({self.index} {self.edition})"

    def of(self, groups: Iterable[str], *, never: Collection[str] = ()) -> tuple[GroupWeight, ...]:
        """The weights of these groups, in their order.

        Raises QuestionError with every group that has none: nothing is guessed. It names those that have one,
        but for those that are `never` a target.
        """
        weight_by_group, group_keys = {weight.group: weight for weight in self.weights}, tuple(groups)
        missing_groups = [group_key for group_key in group_keys if group_key not in weight_by_group]
        if missing_groups:
            alternatives_text = ", ".join(sorted(weight_by_group.keys() - set(never)))
            raise QuestionError(
                f"The harm weights {self.key} ({self.index} {self.edition}) have no weight for "
                f"{', '.join(missing_groups)}, so no place can be ranked by harm with them. Name the target "
                f"with `target`, one or more of {alternatives_text}; or bring a reviewed table with "
                "`harm_weights`."
            )
        return tuple(weight_by_group[group_key] for group_key in group_keys)


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

    expected_harm: Estimate
    harm_rank: int
    count_rank: int
    parts: tuple[HarmPart, ...]
    events: float

    @property
    def leading(self) -> HarmPart:
        """The group that adds most."""
        return self.parts[0]


@dataclass(frozen=True, slots=True)
class GroupHarm:
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
    groups: tuple[GroupHarm, ...]
    shared: int
    events: float

    @property
    def rare(self) -> tuple[GroupHarm, ...]:
        """The groups that are few on the list and yet most of its doubt, the largest first."""
        rare_groups = (g for g in self.groups if g.incident_share < RARE_SHARE and g.doubt_share >= 0.25)
        return tuple(sorted(rare_groups, key=lambda g: -g.doubt_share))
