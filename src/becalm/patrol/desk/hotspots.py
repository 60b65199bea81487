"""The hotspots that a plan is made for: a list made now, one made already, or a file; overrides kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import cast

from becalm.archive.manifest import sha256_of
from becalm.desk import Desk
from becalm.find.desk.hotspots import HotspotAnswer, HotspotRequest, find_hotspots
from becalm.find.desk.override import (
    active_entries,
    decision_in_words,
    override_lines,
    override_pins,
    read_overrides,
)
from becalm.formats.run_record import data_digest
from becalm.patrol.core.dose import ListedPlace, places_from_list
from becalm.patrol.core.places_and_shifts import Arm
from becalm.patrol.files.read_hotspots import read_hotspots
from becalm.terms import PlaceDecision

PINNED = "override, ledger entry "


@dataclass(frozen=True, slots=True)
class Hotspots:
    """Listed places, where they come from, what is to be said of them, and the overrides that they keep."""

    places: tuple[ListedPlace, ...]
    sources: Mapping[str, str]
    notes: tuple[str, ...]
    overrides: tuple[PlaceDecision, ...]

    @property
    def entries(self) -> tuple[int, ...]:
        """Where the overrides stand in the ledger."""
        return tuple(d.entry for d in self.overrides if d.entry is not None)


def hotspots_to_patrol(
    desk: Desk,
    find: HotspotRequest,
    file: Path | None,
    *,
    seed: int,
    found: HotspotAnswer | None = None,
    entries: tuple[int, ...] | None = None,
) -> Hotspots:
    """Which hotspots is a plan made for? `found` is a list that was made already.

    `entries` names the overrides that hold; without it, those that stand in the ledger now.
    """
    if found is not None:
        return _of_list(desk, found)
    held = active_entries(desk) if entries is None else entries
    if file is not None:
        return _of_file(desk, file, held)
    return _of_list(desk, list_to_patrol(desk, find, seed=seed, entries=held))


def list_to_patrol(
    desk: Desk, find: HotspotRequest, *, seed: int | None = None, entries: tuple[int, ...] | None = None
) -> HotspotAnswer:
    """The list that a plan or a trial is made for: it keeps the overrides in the ledger."""
    held = active_entries(desk) if entries is None else entries
    return find_hotspots(desk, replace(find, seed=seed), override_entries=held)


def overridden_arms(arms: Mapping[tuple[str, date], Arm], listed: Hotspots) -> Iterator[str]:
    """Where an override and a trial meet: a place keeps its arm for every analysis, or never had one."""
    held, there = {hotspot for hotspot, _ in arms}, {place.hotspot for place in listed.places}
    for decision in listed.overrides:
        place, entry = decision.place_id, f"entry {decision.entry} of the ledger"
        if not decision.include and place in held:
            yield f"Trial: {place} is left out by {entry}. Its days stay in their arms and are given nothing."
        elif decision.include and place not in held and place in there:
            yield f"Trial: {place} is included by {entry} and has no arm. It is no part of the trial."


def overrides_unlike(sources: Mapping[str, str], now: Sequence[int]) -> tuple[str, ...]:
    """In which overrides does a plan made of these sources differ from those that hold now, in sentences?"""
    kept = {int(key.removeprefix(PINNED)) for key in sources if key.startswith(PINNED)}
    told = []
    if later := sorted(set(now) - kept):
        told.append(
            f"The plan was sealed before the override in entry {_numbers(later)} of the ledger, and does not "
            "keep it. To keep it from the next tour on, make the plan anew and say why "
            "(`becalm patrol plan --again REASON`)."
        )
    if gone := sorted(kept - set(now)):
        told.append(
            f"The plan keeps the override in entry {_numbers(gone)} of the ledger, which held when it was "
            "sealed and holds no more."
        )
    return tuple(told)


def _numbers(entries: Sequence[int]) -> str:
    return ", ".join(map(str, entries))


def _of_list(desk: Desk, made: HotspotAnswer) -> Hotspots:
    entries = cast("Sequence[int]", made.run.parameters.get("overrides", ()))
    told = (
        *(f"Hotspots: {w}" for w in made.hotspots.warnings),
        *override_lines(made.hotspots.selection, made.hotspots.places),
    )
    sources = {"hotspots": f"becalm find, seed {made.run.seed}", "records": data_digest(made.run.data)}
    kept = read_overrides(desk, entries)
    return Hotspots(places_from_list(made.hotspots), {**sources, **_pins(desk, kept)}, told, kept)


def _of_file(desk: Desk, file: Path, entries: tuple[int, ...]) -> Hotspots:
    """A file is taken as it is, but for places that an override leaves out."""
    listed, decisions = read_hotspots(file, crs=desk.workspace.city.crs), read_overrides(desk, entries)
    there = {place.hotspot for place in listed}
    gone = {d.place_id for d in decisions if not d.include}
    told = tuple(_kept_by_file(d, d.place_id in there) for d in decisions)
    kept = tuple(place for place in listed if place.hotspot not in gone)
    return Hotspots(kept, {"hotspots": sha256_of(file), **_pins(desk, decisions)}, told, decisions)


def _kept_by_file(decision: PlaceDecision, there: bool) -> str:
    said = decision_in_words(decision)
    if not there:
        missing = "warning: override without effect, the file of hotspots does not hold the place"
        return f"{missing}: {said}" if decision.include else f"override: {said} (not in the file of hotspots)"
    done = "it stands in the file of hotspots" if decision.include else "taken out of the file's hotspots"
    return f"override: {said} ({done})"


def _pins(desk: Desk, decisions: Sequence[PlaceDecision]) -> dict[str, str]:
    entries = [d.entry for d in decisions if d.entry is not None]
    pinned = override_pins(desk, entries)
    return {f"{PINNED}{key.rpartition(' ')[2]}": sha for key, sha in pinned.items()}
