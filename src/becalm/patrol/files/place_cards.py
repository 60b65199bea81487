"""places.json: what is told of each place of a plan; place_tasks.csv: what to do there, in its own words."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.patrol.core.place_cards import LONGEST_CALL, LONGEST_TASK, MapStreet, PlaceCard, PlaceTask
from becalm.terms import Fault, InputError
from becalm.workspace.place_names import clean_name

CARDS_FILE = "places.json"
TASKS_FILE = "place_tasks.csv"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    hotspot: str
    why: str
    streets: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]


class _Cards(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    format: Annotated[Literal["becalm patrol places 1"], Field()]
    places: tuple[_Entry, ...]


def cards_json(cards: Iterable[PlaceCard]) -> str:
    """The cards of a plan's places, the same bytes for the same cards; no times, no units."""
    places = [
        {
            "hotspot": card.hotspot,
            "why": card.why,
            "streets": [[street.name, [list(point) for point in street.course]] for street in card.streets],
        }
        for card in sorted(cards, key=lambda card: card.hotspot)
    ]
    lines = ",\n".join(json.dumps(place, ensure_ascii=False, separators=(",", ":")) for place in places)
    return f'{{"format": "becalm patrol places 1", "places": [\n{lines}\n]}}\n'


def read_cards(folder: Path) -> dict[str, PlaceCard]:
    """The cards beside a plan, if any. Raises InputError where they are damaged."""
    path = folder / CARDS_FILE
    if not path.is_file():
        return {}
    try:
        entries = _Cards.model_validate_json(path.read_bytes()).places
    except (ValidationError, OSError) as error:
        raise InputError(
            f"{path} is not what becalm wrote: {error}. Make the plan's folder again."
        ) from error
    return {
        entry.hotspot: PlaceCard(
            entry.hotspot, entry.why, tuple(MapStreet(name, course) for name, course in entry.streets)
        )
        for entry in entries
    }


def read_tasks(path: Path) -> Mapping[str, PlaceTask]:
    """What to do at each place: a csv with place_id, task and, where somebody is to be called, call.

    A place that no plan has is no fault, since lists change. Raises InputError with every fault.
    """
    if not path.is_file():
        return {}
    faults: list[Fault] = []
    tasks: dict[str, PlaceTask] = {}
    for where, row in read_csv_rows(path, ("place_id", "task"), faults):
        place_id, text, call = (clean_name(row.get(name) or "") for name in ("place_id", "task", "call"))
        if not place_id:
            faults.append(Fault(where, "names no place", "give its place_id"))
        elif place_id in tasks:
            faults.append(Fault(where, f"is a second task for {place_id}", "keep one row"))
        for name, value, longest in (("task", text, LONGEST_TASK), ("call", call, LONGEST_CALL)):
            if len(value) > longest:
                problem = f"{name} has {len(value)} letters"
                faults.append(Fault(where, problem, f"use at most {longest}: more does not fit on a sheet"))
        tasks[place_id] = PlaceTask(text, call)
    check_faultless(path.name, faults)
    return tasks
