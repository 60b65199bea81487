"""Times at which no unit is to be at a place, and why: a demonstration, a trial, a covert operation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from becalm.patrol.core.plan_inputs import PatrolPlace, Span, UnitShift
from becalm.terms import Fault, PlanError


@dataclass(frozen=True, slots=True)
class Blackout:
    """One place, or all places of an area, for a time; `where` is its row of the file."""

    span: Span
    reason: str
    place: str = ""
    area: str = ""
    where: str = ""

    def covers(self, place: PatrolPlace) -> bool:
        """Is this place meant?"""
        return self.place == place.hotspot or (bool(self.area) and self.area == place.area)


def apply_blackouts(
    places: Sequence[PatrolPlace], shifts: Sequence[UnitShift], blackouts: Sequence[Blackout]
) -> tuple[tuple[PatrolPlace, ...], tuple[str, ...]]:
    """The places with their blackouts, and a sentence for each blackout that a place of this plan has.

    Raises PlanError where blackouts close a place for as long as anybody of its area is on duty.
    """
    closed_places = []
    for place in places:
        spans = tuple(blackout.span for blackout in blackouts if blackout.covers(place))
        closed_places.append(replace(place, blackouts=(*place.blackouts, *spans)) if spans else place)
    faults = [
        Fault(f"hotspot {place.hotspot}", "is closed whenever a unit of its area is on duty", REMEDY)
        for place, unclosed in zip(closed_places, places, strict=True)
        if place != unclosed and not _is_ever_open(place, shifts)
    ]
    if faults:
        raise PlanError("Blackouts leave no time for some places; nothing was planned", tuple(faults))
    notes = (_describe(blackout, places) for blackout in blackouts)
    return tuple(closed_places), tuple(note for note in notes if note)


REMEDY = "shorten the blackout, or leave the place out with `becalm find exclude`"


def _is_ever_open(place: PatrolPlace, shifts: Sequence[UnitShift]) -> bool:
    """Is there a moment of some tour of its area at which the place is open?"""
    tours = [shift.hours for shift in shifts if shift.area == place.area]
    edges = sorted({hours.start for hours in tours} | {blackout.end for blackout in place.blackouts})
    return not tours or any(
        any(hours.start <= edge < hours.end for hours in tours)
        and not any(blackout.start <= edge < blackout.end for blackout in place.blackouts)
        for edge in edges
    )


def _describe(blackout: Blackout, places: Sequence[PatrolPlace]) -> str:
    covered_places = [place for place in places if blackout.covers(place)]
    if not covered_places:
        return ""
    name = (
        f"All places of {blackout.area}"
        if blackout.area
        else covered_places[0].name or covered_places[0].hotspot
    )
    verb = "are" if blackout.area else "is"
    span = f"{blackout.span.start:%Y-%m-%d %H:%M} to {blackout.span.end:%Y-%m-%d %H:%M} UTC"
    return f"{name} {verb} closed from {span}: {blackout.reason}."
