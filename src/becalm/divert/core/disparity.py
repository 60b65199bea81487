"""Does the rule, or do those who apply it, fall unevenly on groups? Every stage, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from becalm.methods.rate_ratio_score import share_ratio
from becalm.terms import Estimate

CHARACTERISTICS: Final = (
    "sex",
    "age_band",
    "ethnicity_self",
    "ethnicity_officer",
    "borough",
    "deprivation_decile",
)
STAGES: Final = ("selected", "nominated", "approved", "declined", "visited", "ended")
DENOMINATORS: Final = ("residents", "recorded suspects", "recorded victims")
MISSING: Final = "not recorded"
LEVEL: Final = 0.95
LEAST_IN_GROUP: Final = 5
AGE_BANDS: Final = ((18, "under 18"), (25, "18-24"), (35, "25-34"), (45, "35-44"), (200, "45 or older"))


@dataclass(frozen=True, slots=True)
class DisparityRow:
    """One group at one stage against one denominator, beside all others."""

    characteristic: str
    group: str
    stage: str
    denominator: str
    count: int | None  # this and the next three are withheld together from oversight
    total: int | None
    other_count: int | None
    other_total: int | None
    ratio: Estimate | None  # of the group's share over that of all others; None where not estimable

    @property
    def is_reached(self) -> bool:
        """Has anybody reached the stage, as far as is shown?"""
        return self.count is None or bool(self.count + (self.other_count or 0))


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Of one characteristic: how many of each group are at each stage, and in each denominator."""

    characteristic: str
    by_stage: Mapping[str, Mapping[str, int]]
    by_denominator: Mapping[str, Mapping[str, int]]

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group that is counted anywhere; no group is left out because it is small."""
        tables = (*self.by_stage.values(), *self.by_denominator.values())
        return tuple(sorted({group for table in tables for group in table}))


def count_groups(
    characteristic: str,
    group_by_person: Mapping[str, str],
    people_by_stage: Mapping[str, Iterable[str]],
    people_by_denominator: Mapping[str, Iterable[str]],
    residents: Mapping[str, int],
) -> GroupCounts:
    """Count the groups of one characteristic; whose group nobody recorded is a group too."""

    def tally(people: Iterable[str]) -> Mapping[str, int]:
        return Counter(group_by_person.get(person) or MISSING for person in people)

    counts_by_denominator = {name: tally(people) for name, people in people_by_denominator.items()}
    if residents:
        counts_by_denominator["residents"] = residents
    return GroupCounts(
        characteristic,
        {stage: tally(people) for stage, people in people_by_stage.items()},
        counts_by_denominator,
    )


def compare_groups(counts: GroupCounts, level: float = LEVEL) -> tuple[DisparityRow, ...]:
    """Each group beside all others, at every stage and against every denominator."""
    rows: list[DisparityRow] = []
    for denominator, totals in sorted(counts.by_denominator.items()):
        for stage, at_stage in counts.by_stage.items():
            rows += [
                _compare(counts.characteristic, group, stage, denominator, at_stage, totals, level)
                for group in counts.groups
            ]
    return tuple(rows)


def _compare(
    characteristic: str,
    group: str,
    stage: str,
    denominator: str,
    at_stage: Mapping[str, int],
    totals: Mapping[str, int],
    level: float,
) -> DisparityRow:
    count, total = at_stage.get(group, 0), totals.get(group, 0)
    other_count = sum(at_stage.values()) - count
    other_total = sum(totals.values()) - total
    is_estimable = total >= LEAST_IN_GROUP and other_total >= LEAST_IN_GROUP and count <= total
    is_estimable = is_estimable and other_count <= other_total and group != MISSING
    ratio = share_ratio(count, total, other_count, other_total, level) if is_estimable else None
    return DisparityRow(
        characteristic, group, stage, denominator, count, total, other_count, other_total, ratio
    )


def age_band(age_years: int | None) -> str:
    """The band of an age; empty where it is unknown.

    >>> age_band(17), age_band(25), age_band(None)
    ('under 18', '25-34', '')
    """
    if age_years is None:
        return ""
    return next(name for end, name in AGE_BANDS if age_years < end)


def stages_of(
    states: Mapping[str, str], selected_people: Sequence[str], history: Mapping[str, set[str]]
) -> dict[str, list[str]]:
    """Who has reached which stage: from the list, and from all that was recorded of each case."""
    stages: dict[str, list[str]] = {stage: [] for stage in STAGES}
    stages["selected"] = list(selected_people)
    for person, kinds in history.items():
        stages["nominated"].append(person)
        for stage, marker in (("approved", "approved"), ("declined", "declined"), ("visited", "visit_made")):
            if marker in kinds:
                stages[stage].append(person)
        if states.get(person) not in (
            "nominated",
            "screened",
            "deferred",
            "approved",
            "notified",
            "in_programme",
        ):
            stages["ended"].append(person)
    return stages
