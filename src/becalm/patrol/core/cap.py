"""Holds every area to its share of all burst minutes."""

from __future__ import annotations

from dataclasses import replace

from becalm.patrol.core.areas import Area


def cap_areas(areas: tuple[Area, ...], share: float) -> tuple[Area, ...]:
    """The areas with targets lowered where one would get more than `share` of all minutes.

    An area above its share is held to share x the total of what all may then get; with too few areas for
    such a share (fewer than 1 / share), nothing can be held and nothing is changed.
    """
    minutes = {area.area: float(area.target_minutes.sum()) for area in areas}
    if share >= 1.0 or share * len(areas) <= 1.0:
        return areas
    held: dict[str, float] = {}
    while True:
        free = sum(m for name, m in minutes.items() if name not in held)
        total = free / (1.0 - share * len(held))
        over = [name for name, m in minutes.items() if name not in held and m > share * total * (1 + 1e-9)]
        if not over:
            break
        held |= dict.fromkeys(over, 1.0)
    return tuple(
        _scaled(area, share * total / minutes[area.area]) if area.area in held else area for area in areas
    )


def _scaled(area: Area, factor: float) -> Area:
    return replace(
        area, target_visits=area.target_visits * factor, target_minutes=area.target_minutes * factor
    )
