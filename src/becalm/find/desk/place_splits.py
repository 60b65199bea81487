"""Splitting a place by hand: checked on the places that compete, recorded, kept in the workspace, undone."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from becalm.desk import Desk, recorded_action
from becalm.find.core import place_splits
from becalm.find.core.request import SplitRequest
from becalm.find.desk.inputs import define_region, load_inputs
from becalm.find.files.splits import load_splits, read_drawn_parts, read_line, save_splits, splits_text
from becalm.ledger import Fact
from becalm.methods.place_set import PlaceSet
from becalm.terms import UsageError

KIND = "place_split"


@dataclass(frozen=True, slots=True)
class SplitAnswer:
    """A split that was just made, and the names of the places that stand for the old one."""

    split: place_splits.Split
    place_ids: tuple[str, ...]


def split_place(desk: Desk, request: SplitRequest) -> SplitAnswer:
    """Split this place from now on in every list, as its parts; recorded with name and reason.

    Raises UsageError where no such place competes, it is split already, or boxes are asked for; InputError
    where the line or the areas do not divide the place, or cannot be used; QuestionError where a part would
    be finer than the records are placed.
    """
    place_id = request.place
    earlier_splits = active_splits(desk)
    if place_id in {new_split.place_id for new_split in earlier_splits}:
        raise UsageError(
            f"{place_id} is split already. Undo that first with `undo`, or split one of its parts."
        )
    find_inputs = load_inputs(desk, request.records, request.places)
    if find_inputs.places.unit == "box":
        raise UsageError(
            "Boxes are placed again for each list, so none can be split for good. Split squares."
        )
    place_set = define_region(desk, find_inputs, needs_shapes=True).places
    if place_set is None:
        raise ValueError("Places with shapes were asked for, and there are none.")
    new_split = _draw_split(desk, request, place_set)
    named_parts = place_splits.cut_place(place_set, new_split)
    place_splits.check_part_sizes(place_id, named_parts, find_inputs.location)
    part_names = tuple(part_name for part_name, _ in named_parts)
    _save_splits(desk, (*earlier_splits, new_split), request, parts=part_names)
    return SplitAnswer(
        new_split, tuple(f"{place_id}{place_splits.PART_MARK}{part_name}" for part_name in part_names)
    )


def undo_split(desk: Desk, request: SplitRequest) -> place_splits.Split:
    """From now on this place is whole again in every list.

    Raises UsageError where it is not split, or one of its parts is split.
    """
    place_id = request.place
    current_splits = active_splits(desk)
    split = next((split for split in current_splits if split.place_id == place_id), None)
    if split is None:
        split_ids_text = ", ".join(split.place_id for split in current_splits) or "none"
        raise UsageError(f"{place_id} is not split; {split_ids_text} is. `becalm find splits` lists them.")
    inner_ids = [
        s.place_id for s in current_splits if s.place_id.startswith(place_id + place_splits.PART_MARK)
    ]
    if inner_ids:
        raise UsageError(f"A part of {place_id} is split itself ({', '.join(inner_ids)}). Undo that first.")
    _save_splits(desk, tuple(s for s in current_splits if s is not split), request)
    return split


def active_splits(desk: Desk) -> tuple[place_splits.Split, ...]:
    """Which places are split by hand?"""
    return load_splits(desk.workspace)


def _draw_split(desk: Desk, request: SplitRequest, places: PlaceSet) -> place_splits.Split:
    """The split of the request, in the workspace's metres."""
    city, place_id, split_reason = desk.workspace.city, request.place, request.reason.strip()
    local_today = desk.today
    if request.parts is not None:
        drawn_parts = read_drawn_parts(
            Path(request.parts),
            crs=city.crs,
            name_column=request.part_column,
            file_crs=request.places.places_crs,
        )
        return place_splits.Split(place_id, desk.actor, local_today, split_reason, parts=drawn_parts)
    if request.line is not None:
        drawn_line = read_line(Path(request.line), crs=city.crs)
    else:
        drawn_line = place_splits.halving_line(
            place_splits.find_outline(places, place_id), request.halves or "north-south"
        )
    return place_splits.Split(place_id, desk.actor, local_today, split_reason, line=drawn_line)


def _save_splits(
    desk: Desk, splits: tuple[place_splits.Split, ...], request: SplitRequest, *, parts: tuple[str, ...] = ()
) -> None:
    splits_json = splits_text(splits, desk.workspace.city.crs) if splits else ""
    event_facts: dict[str, Fact] = {
        "place": request.place,
        "decision": "undo" if request.undo else "split",
        "reason": request.reason.strip(),
        "splits_sha256": hashlib.sha256(splits_json.encode()).hexdigest(),
    }
    if parts:
        event_facts["parts"] = parts
    with recorded_action(desk, KIND, purpose="hotspots", facts=event_facts):
        save_splits(desk.workspace, splits)
