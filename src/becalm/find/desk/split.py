"""Splitting a place by hand: checked on the places that compete, recorded, kept in the workspace, undone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import shapely
from shapely.geometry.base import BaseGeometry

from becalm.desk import Desk
from becalm.desk.audit import recorded
from becalm.find.core.location_uncertainty import LocationUncertainty
from becalm.find.core.place_splits import PART_MARK, Split, cut_place, find_outline, halving_line
from becalm.find.desk.inputs import FindQuestion, gather, lay_field, lay_shaped
from becalm.find.files.splits import load_splits, read_drawn_parts, read_line, save_splits, splits_text
from becalm.ledger.event import Fact
from becalm.methods.place_set import PlaceSet
from becalm.terms import Fault, QuestionError, UsageError

KIND = "place_split"
Way = Literal["north-south", "east-west"]


@dataclass(frozen=True, slots=True)
class Cut:
    """How a place is to be split: in halves through its middle, along a line, or in drawn areas."""

    halves: Way | None = None
    line: Path | None = None
    parts: Path | None = None
    part_column: str | None = None
    file_crs: str | None = None

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.halves, self.line, self.parts)) != 1:
            raise UsageError("Say how to split it with one of --halves, --line and --parts.")


@dataclass(frozen=True, slots=True)
class SplitMade:
    """A split that was just made, and the names of the places that stand for the old one."""

    split: Split
    names: tuple[str, ...]


def split_place(desk: Desk, question: FindQuestion, place_id: str, cut: Cut, *, reason: str) -> SplitMade:
    """Split this place from now on in every list, as its parts; recorded with name and reason.

    Raises
    ------
    UsageError
        where no such place competes, it is split already, there is no reason, or boxes are asked for.
    InputError
        where the line or the areas do not divide the place, or cannot be used.
    QuestionError
        where a part would be finer than the records are placed.
    """
    _require_reason(reason)
    kept = load_splits(desk.workspace)
    if place_id in {split.place_id for split in kept}:
        raise UsageError(
            f"{place_id} is split already. Undo that first with --undo, or split one of its parts."
        )
    places, location = _competing(desk, question)
    split = _made(desk, places, place_id, cut, reason.strip())
    parts = cut_place(places, split)
    _refuse_too_fine(place_id, parts, location)
    names = tuple(name for name, _ in parts)
    _keep(desk, (*kept, split), split, "split", reason, parts=names)
    return SplitMade(split, tuple(f"{place_id}{PART_MARK}{name}" for name in names))


def undo_split(desk: Desk, place_id: str, *, reason: str) -> Split:
    """From now on this place is whole again in every list.

    Raises
    ------
    UsageError
        where it is not split, one of its parts is split, or there is no reason.
    """
    _require_reason(reason)
    kept = load_splits(desk.workspace)
    undone = next((split for split in kept if split.place_id == place_id), None)
    if undone is None:
        held = ", ".join(split.place_id for split in kept) or "none"
        raise UsageError(f"{place_id} is not split; {held} is. `becalm find splits` lists them.")
    within = [split.place_id for split in kept if split.place_id.startswith(place_id + PART_MARK)]
    if within:
        raise UsageError(f"A part of {place_id} is split itself ({', '.join(within)}). Undo that first.")
    left = tuple(split for split in kept if split is not undone)
    _keep(desk, left, undone, "undo", reason)
    return undone


def standing_splits(desk: Desk) -> tuple[Split, ...]:
    """Which places are split by hand?"""
    return load_splits(desk.workspace)


def _competing(desk: Desk, question: FindQuestion) -> tuple[PlaceSet, LocationUncertainty | None]:
    """The places as they are today, split ones in their parts."""
    evidence = gather(desk, question)
    if evidence.unit.unit == "box":
        raise UsageError("Boxes are laid anew for each list, so none can be split for good. Split squares.")
    places = lay_field(desk, evidence).places or lay_shaped(desk, evidence).places
    if places is None:
        raise ValueError("Places of any shape were asked for, and none were laid.")
    return places, evidence.location


def _made(desk: Desk, places: PlaceSet, place_id: str, cut: Cut, reason: str) -> Split:
    on = desk.now().astimezone(ZoneInfo(desk.workspace.city.time_zone)).date()
    crs = desk.workspace.city.crs
    if cut.parts is not None:
        drawn = read_drawn_parts(cut.parts, crs=crs, name_column=cut.part_column, file_crs=cut.file_crs)
        return Split(place_id, desk.actor, on, reason, parts=drawn)
    line: BaseGeometry
    if cut.line is not None:
        line = read_line(cut.line, crs=crs)
    else:
        line = halving_line(find_outline(places, place_id), cut.halves or "north-south")
    return Split(place_id, desk.actor, on, reason, line=line)


def _refuse_too_fine(
    place_id: str, parts: tuple[tuple[str, BaseGeometry], ...], location: LocationUncertainty | None
) -> None:
    if location is None:
        return
    faults = []
    for name, part in parts:
        across = _across_m(part)
        if across < location.spacing_m:
            faults.append(
                Fault(
                    place_id + PART_MARK + name,
                    f"is {across:.0f} m across, finer than these records are placed: the next point is "
                    f"typically {location.spacing_m:.0f} m away",
                    "draw larger parts",
                )
            )
    if faults:
        raise QuestionError(f"{place_id} was not split", tuple(faults))


def _across_m(part: BaseGeometry) -> float:
    """The shorter side of the narrowest frame round it (of a street: its length)."""
    if shapely.get_dimensions(part) < 2:
        return float(part.length)
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(part))
    return min(float(((a - b) ** 2).sum() ** 0.5) for a, b in pairwise(corners[:3]))


def _keep(
    desk: Desk,
    splits: tuple[Split, ...],
    about: Split,
    decision: str,
    reason: str,
    *,
    parts: tuple[str, ...] = (),
) -> None:
    text = splits_text(splits, desk.workspace.city.crs) if splits else ""
    facts: dict[str, Fact] = {
        "place": about.place_id,
        "decision": decision,
        "reason": reason.strip(),
        "splits_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    if parts:
        facts["parts"] = parts
    with recorded(desk, KIND, purpose="hotspots", facts=facts):
        save_splits(desk.workspace, splits)


def _require_reason(reason: str) -> None:
    if len(reason.strip()) < 3:
        raise UsageError("A split needs a reason that can be read later. Give it with --reason.")
