"""What an officer is told of a place: why it is on the list, what to do there, and the streets around it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import shapely
from pydantic import Field

from becalm.methods.arrays import Floats, Ints, Shapes
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK, PatrolPlace

MAP_REACH_M = 260.0  # from the middle of a place to the edge of its map
BUSY_HOURS = 4
LEAST_BUSY_SHARE = 1.2  # of what so many hours would hold if all were alike; below, no hours are named
MOST_GROUPS = 3
LONGEST_TASK, LONGEST_CALL = 300, 80  # letters
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class MapStreet:
    """A street on a small map: its name ("" where nobody knows) and its course, metres from the middle."""

    name: str
    course: tuple[tuple[float, float], ...]  # east and north


@dataclass(frozen=True, slots=True)
class PlaceCard:
    """What does not change from burst to burst: why units are sent here, and the streets."""

    hotspot: str
    why: str = ""
    streets: tuple[MapStreet, ...] = ()


@dataclass(frozen=True, slots=True)
class PlaceTask:
    """What to do at a place and whom to call; of one place, or the policy's for all."""

    text: Annotated[str, Field(max_length=LONGEST_TASK)] = ""
    call: Annotated[str, Field(max_length=LONGEST_CALL)] = ""


@dataclass(frozen=True, slots=True)
class ReportedOffences:
    """What victims reported in some months: where, and how many of which group."""

    easting_m: Floats
    northing_m: Floats
    group: Sequence[str]
    counts: Ints
    months: int
    target: tuple[str, ...] = ()  # the groups that the list is about


def cut_maps(
    places: Iterable[PatrolPlace], names: Sequence[str], lines: Shapes
) -> dict[str, tuple[MapStreet, ...]]:
    """The streets around each place, cut to its map, in whole metres from its middle."""
    tree, maps = shapely.STRtree(lines), dict[str, tuple[MapStreet, ...]]()
    for place in places:
        place_point = np.array([place.easting_m, place.northing_m])
        map_box = (*(place_point - MAP_REACH_M), *(place_point + MAP_REACH_M))
        line_numbers = np.sort(tree.query(shapely.box(*map_box)))
        cut_lines = shapely.clip_by_rect(lines[line_numbers], *map_box)
        streets: dict[tuple[str, tuple[tuple[float, float], ...]], None] = {}
        for index, cut_line in zip(line_numbers.tolist(), cut_lines, strict=True):
            for part in shapely.get_parts(cut_line):
                course_points = np.rint(shapely.get_coordinates(part) - place_point).tolist()
                # A street that is open both ways stands in the file twice.
                points = tuple((east, north) for east, north in course_points)
                if len(points) > 1:
                    streets.setdefault((names[index], min(points, points[::-1])))
        maps[place.hotspot] = tuple(MapStreet(name, course_points) for name, course_points in streets)
    return maps


def explain_places(places: Iterable[PatrolPlace], reports: ReportedOffences | None) -> dict[str, str]:
    """Why is each place on the list? What victims reported there, and in which hours most of the harm lies.

    Hours are named only where places differ in theirs: one week for all is the policy's, not the place's.
    """
    places = tuple(places)
    has_own_hours = len({place.profile for place in places}) > 1
    return {
        place.hotspot: " ".join(
            sentence
            for sentence in (
                count_sentence(place, reports) if reports else "",
                busy_sentence(place.profile) if has_own_hours else "",
            )
            if sentence
        )
        for place in places
    }


def count_sentence(place: PatrolPlace, reports: ReportedOffences) -> str:
    """What victims reported within the place: what the list is about, then the commonest offences."""
    away_m = np.hypot(reports.easting_m - place.easting_m, reports.northing_m - place.northing_m)
    is_here = away_m <= place.radius_m
    totals: dict[str, int] = {}
    for group, count in zip(np.asarray(reports.group)[is_here], reports.counts[is_here], strict=True):
        totals[str(group)] = totals.get(str(group), 0) + int(count)
    if not totals:
        return ""
    ranked_groups = sorted(totals, key=lambda group: (group not in reports.target, -totals[group], group))
    count_texts = [f"{totals[group]} {group.replace('_', ' ')}" for group in ranked_groups[:MOST_GROUPS]]
    rest_count = sum(totals[group] for group in ranked_groups[MOST_GROUPS:])
    count_texts += [f"{rest_count} other"] if rest_count else []
    return f"Reported by victims here in {reports.months} months: {', '.join(count_texts)}."


def busy_sentence(profile: Sequence[float]) -> str:
    """The four hours of the day, and the days, that hold most of a place's harm.

    >>> busy_sentence([0.0] * 92 + [0.25] * 4 + [0.0] * 72)
    'Most of it from 20:00 to 00:00, above all on Thursday.'
    """
    week_counts = np.asarray(profile, dtype=np.float64).reshape(7, HOURS_OF_WEEK // 7)
    by_hour = week_counts.sum(axis=0)
    window_counts = sum(np.roll(by_hour, -k) for k in range(BUSY_HOURS))
    start = int(np.argmax(window_counts))
    if window_counts[start] < LEAST_BUSY_SHARE * BUSY_HOURS / 24:
        return ""
    hours = [(start + k) % 24 for k in range(BUSY_HOURS)]
    by_day = week_counts[:, hours].sum(axis=1)
    days = [WEEKDAYS[d] for d in np.argsort(-by_day, kind="stable")[:2] if by_day[d] > by_day.sum() / 5]
    day_text = f", above all on {' and '.join(days)}" if days else ""
    return f"Most of it from {start:02d}:00 to {(start + BUSY_HOURS) % 24:02d}:00{day_text}."


def find_task(tasks: Mapping[str, PlaceTask], hotspot: str, usual: PlaceTask) -> PlaceTask:
    """What to do at this place: its own text, else the policy's; the same for whom to call."""
    own_task = tasks.get(hotspot, PlaceTask())
    return PlaceTask(own_task.text or usual.text, own_task.call or usual.call)
