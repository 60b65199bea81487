"""What is each hotspot owed? The list and the policy, as places with their dosage."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from becalm.patrol.core.plan_inputs import Base, Dosage, PatrolPlace
from becalm.patrol.core.policy import DoseRule, PolicyBook, policy_week
from becalm.terms import Fault, HotspotList, PlanError

FAULTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ListedPlace:
    """A hotspot as the list names it: where it is, how bad, how sure, when."""

    hotspot: str
    rank: int
    easting_m: float
    northing_m: float
    radius_m: float
    harm: float  # expected harm of 30 days; expected incidents where one weight holds for all
    p_top: float = 1.0
    borough: str = ""
    profile: tuple[float, ...] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class DosagePlan:
    """The places of a plan, and notes for whoever signs it."""

    places: tuple[PatrolPlace, ...]
    notes: tuple[str, ...]


def places_from_list(hotspots: HotspotList) -> tuple[ListedPlace, ...]:
    """The list as places: the middle of each, and the circle of its size (of a street: its nominal width)."""
    return tuple(
        ListedPlace(
            hotspot=h.place_id,
            rank=h.rank,
            easting_m=h.centre_m[0],
            northing_m=h.centre_m[1],
            radius_m=cell_radius_m(math.sqrt(h.area_m2) if h.shape and h.area_m2 else h.cell_m),
            harm=(h.harm.expected_harm if h.harm and hotspots.rank == "harm" else h.expected_count).value,
            p_top=h.p_top,
            borough=h.borough or "",
            profile=h.profile,
            name=h.name,
        )
        for h in hotspots.hotspots
    )


def cell_radius_m(cell_m: float) -> float:
    """The radius of the circle that is as large as a square cell with this side."""
    return round(cell_m / math.sqrt(math.pi), 1)


def dose_places(
    listed: Sequence[ListedPlace],
    book: PolicyBook,
    *,
    area_of_borough: Mapping[str, str] | None = None,
    area_of_base: Sequence[tuple[Base, str]] = (),
) -> DosagePlan:
    """What is each listed place owed by the policy, and which area serves it?

    A place belongs to the area of its borough; one that names no borough, or all where areas name none, to
    the area of the base nearest by the crow. Places in boroughs of no area are left out, and the notes name
    them. Where records carry no hours, the policy's own week stands in, and the notes say so.

    Raises PlanError where there are no places, or one that no area can serve.
    """
    boroughs = area_of_borough or {}
    outside_boroughs = [p.borough for p in listed if boroughs and p.borough and p.borough not in boroughs]
    listed = [p for p in listed if not boroughs or not p.borough or p.borough in boroughs]
    if not listed:
        if not outside_boroughs:
            raise PlanError("There are no hotspots to plan for. Make a list with `becalm find hotspots`.")
        raise PlanError(
            f"All {len(outside_boroughs)} hotspots lie in boroughs of no patrol area "
            f"({_count_boroughs(outside_boroughs)}). "
            f"The units serve {', '.join(sorted(boroughs))}. Add the boroughs to [[areas]]."
        )
    area_of_place = [boroughs.get(place.borough) or _nearest_area(place, area_of_base) for place in listed]
    check_areas(listed, area_of_place)
    visits_per_day = _visits_per_day(listed, book.dose)
    dosed_places = tuple(
        _dose_place(*row, book) for row in zip(listed, area_of_place, visits_per_day, strict=True)
    )
    return DosagePlan(dosed_places, _dosage_notes(listed, book, outside_boroughs, by_base=not boroughs))


def check_areas(listed: Sequence[ListedPlace], areas: Sequence[str]) -> None:
    """Raise PlanError where places have no area; they are named unless none has one."""
    places_without_area = [place for place, area in zip(listed, areas, strict=True) if not area]
    if places_without_area:
        borough_faults = [
            Fault(place.hotspot, "names no borough", "name its borough")
            for place in places_without_area[:FAULTS_SHOWN]
        ]
        raise PlanError(
            f"{len(places_without_area)} of {len(listed)} hotspots name no borough, so that no "
            "patrol area has "
            "them. Give the workspace the city's boundaries (`becalm init`) and load the records again, or "
            "name the boroughs in the list.",
            tuple(borough_faults) if len(places_without_area) < len(listed) else (),
        )


def _dose_place(place: ListedPlace, area: str, visits: float, book: PolicyBook) -> PatrolPlace:
    rule = book.dose
    return PatrolPlace(
        hotspot=place.hotspot,
        area=area,
        easting_m=place.easting_m,
        northing_m=place.northing_m,
        radius_m=place.radius_m,
        harm=place.harm,
        dosage=Dosage(visits, visits * rule.mean_visit_minutes, rule.low_share, rule.high_share),
        profile=place.profile or policy_week(book),
        gap_minutes=rule.gap_minutes,
        gap_weight=rule.gap_weight,
        name=place.name,
    )


def scale_dosage(places: Sequence[PatrolPlace], share: float) -> tuple[PatrolPlace, ...]:
    """The same places, each owed this share of its visits and minutes."""
    return tuple(
        replace(
            place,
            dosage=replace(
                place.dosage,
                visits_per_day=place.dosage.visits_per_day * share,
                minutes_per_day=place.dosage.minutes_per_day * share,
            ),
        )
        for place in places
    )


def _visits_per_day(listed: Sequence[ListedPlace], rule: DoseRule) -> list[float]:
    mean_harm = sum(place.harm for place in listed) / len(listed)
    ranked_indices = sorted(range(len(listed)), key=lambda i: (listed[i].rank, listed[i].hotspot))
    share_by_index = {i: (n + 1) / len(listed) for n, i in enumerate(ranked_indices)}
    visits_per_day = []
    for i, place in enumerate(listed):
        if rule.by == "harm":
            harm_ratio = place.harm / mean_harm if mean_harm > 0 else 1.0
            wanted_visits = float(rule.visits_per_day * harm_ratio**rule.harm_power)
        elif rule.by == "rank":
            wanted_visits = next(b.visits_per_day for b in rule.bands if share_by_index[i] <= b.upto + 1e-9)
        else:
            wanted_visits = next(b.visits_per_day for b in rule.bands if place.p_top >= b.upto)
        visits_per_day.append(min(max(wanted_visits, rule.least_visits_per_day), rule.most_visits_per_day))
    return visits_per_day


def _nearest_area(place: ListedPlace, area_of_base: Sequence[tuple[Base, str]]) -> str:
    def away_m(base: Base) -> float:
        return math.hypot(base.easting_m - place.easting_m, base.northing_m - place.northing_m)

    return min(area_of_base, key=lambda b: (away_m(b[0]), b[0].base))[1] if area_of_base else ""


def _count_boroughs(boroughs: Sequence[str]) -> str:
    return ", ".join(f"{borough} {boroughs.count(borough)}" for borough in sorted(set(boroughs)))


def _dosage_notes(
    listed: Sequence[ListedPlace], book: PolicyBook, outside_boroughs: Sequence[str], *, by_base: bool
) -> tuple[str, ...]:
    hourless_count = sum(place.profile is None for place in listed)
    dosage_notes = [f"Dosage by {book.dose.by}, policy {book.key} of {book.reviewed_on} by {book.author}."]
    if outside_boroughs:
        dosage_notes.append(
            f"Left out, in boroughs that belong to no area: {_count_boroughs(outside_boroughs)}."
        )
    if hourless_count:
        dosage_notes.append(
            f"{hourless_count} of {len(listed)} places have records without hours; the policy's own week "
            "is used for them."
        )
    nameless_count = sum(not place.borough for place in listed)
    if nameless_count and not by_base:
        dosage_notes.append(
            f"{nameless_count} of {len(listed)} places name no borough: each belongs to the area of its "
            "nearest base."
        )
    if by_base:
        dosage_notes.append(
            "Each place belongs to the area of its nearest base, because no boroughs were given."
        )
    return tuple(dosage_notes)


def select_places(
    listed: Sequence[ListedPlace], area_of_borough: Mapping[str, str], boroughs: Sequence[str], area: str
) -> tuple[ListedPlace, ...]:
    """The places in the boroughs that were named, else in those of the one area that was; else all."""
    plan_boroughs = set(boroughs)
    if not plan_boroughs and area:
        plan_boroughs = {borough for borough, own_area in area_of_borough.items() if own_area == area}
    takes_nameless = not boroughs  # the nearest base says later to which area they belong
    places = tuple(
        place
        for place in listed
        if not plan_boroughs or place.borough in plan_boroughs or (takes_nameless and not place.borough)
    )
    if listed and not places:
        borough_names = sorted({place.borough for place in listed if place.borough})
        where_text = (
            f"they lie in {', '.join(borough_names[:12])}"
            if borough_names
            else "the records name no boroughs"
        )
        raise PlanError(
            f"None of the {len(listed)} hotspots lies in {', '.join(sorted(plan_boroughs))}: {where_text}. "
            "Correct the name, or give the workspace the boundaries of the boroughs."
        )
    return places
