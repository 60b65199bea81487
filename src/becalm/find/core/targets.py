"""Which offences are sought, which are borrowed from, and which never count."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from becalm.terms import OffenceGroup, OffenceTable, QuestionError, UsageError


@dataclass(frozen=True, slots=True)
class Targets:
    """The offence groups that are sought, those borrowed from, and those left out as found by police."""

    target: tuple[str, ...]
    related: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


def choose_targets(groups: Sequence[OffenceGroup], wanted: Sequence[str] = ()) -> Targets:
    """Which offence groups are sought?

    Those that are `wanted`, or else every group of street violence. All other street violence, and what
    shares its places, is borrowed from with a fitted share. What the police find by looking measures
    where they looked and is never used.

    Raises
    ------
    UsageError
        where a wanted group does not exist.
    QuestionError
        where a wanted group is found by the police, or none is marked as street violence.
    """
    known = {group.key: group for group in groups}
    excluded = tuple(sorted(key for key, group in known.items() if group.found_by == "police"))
    for key in wanted:
        _refuse_unknown(key, tuple(known))
        if key in excluded:
            raise QuestionError(
                f"{key!r} is found by the police looking for it: a list made of it would send patrols where "
                f"patrols already look. Choose among {', '.join(_usable(known))}."
            )
    street = tuple(sorted(k for k, g in known.items() if g.street_violence and k not in excluded))
    target = tuple(dict.fromkeys(wanted)) or street
    if not target:
        raise QuestionError(
            "No offence group of these records is marked as street violence. "
            f"Name the target with --target, one or more of {', '.join(_usable(known))}."
        )
    lenders = sorted(
        k for k, g in known.items() if (g.street_violence or g.shares_places) and k not in excluded
    )
    return Targets(target, tuple(key for key in lenders if key not in target), excluded)


def _refuse_unknown(key: str, known: tuple[str, ...]) -> None:
    if key in known:
        return
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Choose among {', '.join(sorted(known))}."
    raise UsageError(f"These records have no offence group {key!r}. {hint}")


def _usable(known: dict[str, OffenceGroup]) -> list[str]:
    return sorted(key for key, group in known.items() if group.found_by != "police")


def merge_groups(tables: Iterable[OffenceTable], held: Sequence[str]) -> tuple[OffenceGroup, ...]:
    """One entry for each offence group that the records hold, from all offence tables together.

    Where tables differ the careful answer wins: found by police if any table says so. A group that no
    table knows is not street violence, and may still be named as a target.
    """
    merged: dict[str, OffenceGroup] = {key: OffenceGroup(key, key) for key in held}
    for group in (group for table in tables for group in table.groups if group.key in merged):
        known = merged[group.key]
        police = "police" in (group.found_by, known.found_by)
        merged[group.key] = replace(
            group,
            street_violence=group.street_violence or known.street_violence,
            shares_places=group.shares_places or known.shares_places,
            found_by="police" if police else group.found_by,
        )
    return tuple(merged[key] for key in sorted(merged))
