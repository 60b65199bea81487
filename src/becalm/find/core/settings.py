"""The settings of the search for hotspots, every default among them, and its offences."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from becalm.terms import OffenceGroup, OffenceTable, QuestionError, UsageError, suggest_group


@dataclass(frozen=True, slots=True)
class FindSettings:
    """How hotspots are looked for. An empty one is the default.

    `count` places are listed, their centres at least `separation_m` apart. `level` is that of every
    interval of the list. `near_m` and `around_m` are the standard deviations of the two circles of
    neighbours. Their half-life is chosen among `half_lives` (months; infinite is plain counting); a place's
    own memory mixes those of `own_half_lives`, and near repeats fade with `repeat_half_life`. All is fitted
    on the last `training_months` that have `least_history` months before them. A record with a window of at
    most `longest_window_h` hours is spread over it in profiles of the week.
    """

    count: int = 250
    separation_m: float = 0.0
    level: float = 0.8
    near_m: float = 150.0
    around_m: float = 450.0
    half_lives: tuple[float, ...] = (3.0, 6.0, 12.0, 24.0, 48.0, 96.0, math.inf)
    own_half_lives: tuple[float, ...] = (6.0, 24.0, 96.0)
    repeat_half_life: float = 0.5
    training_months: int = 12
    least_history: int = 3
    least_incidents: int = 100
    longest_window_h: float = 12.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"A list of {self.count} places is empty. Ask for at least 1.")
        if not (math.isfinite(self.separation_m) and self.separation_m >= 0.0):
            raise UsageError(f"A separation of {self.separation_m} m is not possible. Give 0 or more.")
        if not (math.isfinite(self.longest_window_h) and self.longest_window_h >= 0.0):
            raise UsageError(f"A window of {self.longest_window_h} hours is not possible. Give e.g. 12.")
        if not 0.0 < self.level < 1.0:
            raise UsageError(f"The level {self.level} is not between 0 and 1. Give 0.8 for 80 %.")

    @property
    def least_months(self) -> int:
        """The fewest months with which a list can be made."""
        return self.least_history + 1


@dataclass(frozen=True, slots=True)
class Targets:
    """The offence groups that are looked for, those borrowed from, and those left out as found by police."""

    target: tuple[str, ...]
    related: tuple[str, ...] = ()
    excluded_groups: tuple[str, ...] = ()


def choose_targets(groups: Sequence[OffenceGroup], target_keys: Sequence[str] = ()) -> Targets:
    """Which offence groups are looked for?

    Those named by `target_keys`, or else every group of street violence. All other street violence, and what
    shares its places, is borrowed from with a fitted share. What the police find by looking measures
    where they looked and is never used.

    Raises UsageError where a named group does not exist; QuestionError where a named group is found by the
    police, or none is marked as street violence.
    """
    offence_group_by_key = {group.key: group for group in groups}
    police_keys = tuple(sorted(group.key for group in groups if group.found_by == "police"))
    usable_groups = {
        key: offence_group_by_key[key] for key in sorted(offence_group_by_key) if key not in police_keys
    }
    for key in target_keys:
        _check_known(key, tuple(offence_group_by_key))
        if key in police_keys:
            raise QuestionError(
                f"{key!r} is found by the police looking for it: a list made of it would send patrols where "
                f"patrols already look. Choose among {', '.join(usable_groups)}."
            )
    street_groups = tuple(key for key, group in usable_groups.items() if group.street_violence)
    chosen_keys = tuple(dict.fromkeys(target_keys)) or street_groups
    if not chosen_keys:
        raise QuestionError(
            "No offence group of these records is marked as street violence. "
            f"Name the target with `target`, one or more of {', '.join(usable_groups)}."
        )
    lending_keys = (
        key for key, group in usable_groups.items() if group.street_violence or group.shares_places
    )
    return Targets(chosen_keys, tuple(key for key in lending_keys if key not in chosen_keys), police_keys)


def _check_known(group_key: str, known_keys: tuple[str, ...]) -> None:
    if group_key in known_keys:
        return
    hint_text = suggest_group(group_key, sorted(known_keys))
    raise UsageError(f"These records have no offence group {group_key!r}. {hint_text}")


def merge_groups(tables: Iterable[OffenceTable], group_keys: Sequence[str]) -> tuple[OffenceGroup, ...]:
    """One entry for each offence group that the records hold, from all offence tables together.

    Where tables differ the careful answer wins: found by police if any table says so. A group that no
    table knows is not street violence, and may still be named as a target.
    """
    offence_group_by_key = {key: OffenceGroup(key, key) for key in group_keys}
    for group in (group for table in tables for group in table.groups if group.key in offence_group_by_key):
        earlier_group = offence_group_by_key[group.key]
        offence_group_by_key[group.key] = replace(
            group,
            street_violence=group.street_violence or earlier_group.street_violence,
            shares_places=group.shares_places or earlier_group.shares_places,
            found_by="police" if earlier_group.found_by == "police" else group.found_by,
        )
    return tuple(offence_group_by_key[key] for key in sorted(offence_group_by_key))
