"""Times at which no unit is to be at a place, and why: a demonstration, a trial, a covert operation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from becalm.ledger import Entry, parse_instant
from becalm.patrol.core.plan_inputs import PatrolPlace, Span, UnitShift
from becalm.terms import Fault, PlanError

BLACKOUT_KINDS: Final = ("blackout_set", "blackout_ended")
Closure = tuple[str, Span]  # a hotspot, and when nobody is to be there


@dataclass(frozen=True, slots=True)
class Blackout:
    """One place, or all places of an area, for a time; `where` is its row of the file, or its entry."""

    span: Span
    reason: str
    place: str = ""  # its code, or the name by which people know it
    area: str = ""
    where: str = ""
    entry: int | None = None  # of the ledger, where it was set through a command or a page
    by: str = ""

    def covers(self, place: PatrolPlace) -> bool:
        """Is this place meant?"""
        is_named = bool(self.place) and self.place in (place.hotspot, place.name)
        return is_named or (bool(self.area) and self.area == place.area)


def fold_blackouts(entries: Iterable[Entry]) -> tuple[Blackout, ...]:
    """The blackouts that these entries of the ledger leave, in their order; one that never began is gone."""
    blackout_by_entry: dict[int, Blackout] = {}
    for entry in entries:
        facts = entry.event.facts
        ends_at = parse_instant(str(facts["ends_at"]))
        if entry.event.kind == "blackout_set":
            blackout_by_entry[entry.seq] = Blackout(
                Span(parse_instant(str(facts["starts_at"])), ends_at),
                str(facts["reason"]),
                place=str(facts.get("place", "")),
                area=str(facts.get("area", "")),
                where=f"entry {entry.seq}",
                entry=entry.seq,
                by=entry.event.actor,
            )
            continue
        ended_blackout = blackout_by_entry.pop(int(str(facts["blackout"])), None)
        if ended_blackout is not None and ends_at > ended_blackout.span.start:
            shorter_span = Span(ended_blackout.span.start, min(ends_at, ended_blackout.span.end))
            blackout_by_entry[ended_blackout.entry or 0] = replace(ended_blackout, span=shorter_span)
    return tuple(sorted(blackout_by_entry.values(), key=lambda blackout: blackout.entry or 0))


def list_closures(
    places: Sequence[PatrolPlace], blackouts: Iterable[Blackout], *, after: datetime | None = None
) -> tuple[Closure, ...]:
    """What these blackouts close beyond what the places know already; with `after`, what is not yet over."""
    return tuple(
        (place.hotspot, blackout.span)
        for blackout in blackouts
        for place in places
        if blackout.covers(place)
        and not any(
            span.start <= blackout.span.start and blackout.span.end <= span.end for span in place.blackouts
        )
        and (after is None or blackout.span.end > after)
    )


def close_places(places: Sequence[PatrolPlace], closures: Iterable[Closure]) -> tuple[PatrolPlace, ...]:
    """The places with these times closed as well."""
    spans_by_hotspot: dict[str, list[Span]] = {}
    for hotspot, span in closures:
        spans_by_hotspot.setdefault(hotspot, []).append(span)
    return tuple(
        replace(place, blackouts=(*place.blackouts, *spans_by_hotspot.get(place.hotspot, ())))
        for place in places
    )


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
    edge_instants = sorted({hours.start for hours in tours} | {blackout.end for blackout in place.blackouts})
    return not tours or any(
        any(hours.start <= edge < hours.end for hours in tours)
        and not any(blackout.start <= edge < blackout.end for blackout in place.blackouts)
        for edge in edge_instants
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
    span_text = f"{blackout.span.start:%Y-%m-%d %H:%M} to {blackout.span.end:%Y-%m-%d %H:%M} UTC"
    return f"{name} {verb} closed from {span_text}: {blackout.reason}."
