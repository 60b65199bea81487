"""tours/: the tours of each unit in a file of its own, so that one unit is answered without reading the plan.

Only the owner of the plan may read them: a file holds every burst of its unit, as visits.csv does. Nothing
heavy is imported here, since a unit waits for its answer.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from becalm.terms import InputError

TOURS_FOLDER = "tours"


@dataclass(frozen=True, slots=True)
class Stop:
    """One burst as the sheet shows it; times are the city's."""

    start: str
    end: str
    name: str
    hotspot: str
    position: str
    radius_m: str
    why: str = ""
    task: str = ""
    call: str = ""
    map: str = ""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TimedStop(_Strict):
    """A burst of a unit: when it is, in UTC, and as people read it."""

    starts_at: datetime
    ends_at: datetime
    stop: Stop


class UnitTour(_Strict):
    """One tour of a unit."""

    day: date
    starts_at: datetime
    ends_at: datetime
    ends_in_words: str
    base: str
    stops: tuple[TimedStop, ...]


class UnitTours(_Strict):
    """All tours of one unit in a plan, and of which state of the plan they are."""

    format: Annotated[Literal["becalm patrol tours 1"], Field()] = "becalm patrol tours 1"
    unit: str
    zone: str
    commitment: str
    replans: int
    tours: tuple[UnitTour, ...]


def tour_file_name(unit: str) -> str:
    """The name of a unit's file within the folder."""
    # Names of units may hold anything: a file is called by a hash of its unit's.
    return f"{hashlib.sha256(unit.encode()).hexdigest()[:16]}.json"


def read_unit_tours(folder: Path, unit: str) -> UnitTours | None:
    """The tours of this unit beside a plan; None where there is no such file."""
    path = folder / TOURS_FOLDER / tour_file_name(unit)
    if not path.is_file():
        return None
    try:
        return UnitTours.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise InputError(
            f"{path} is not what becalm wrote: {error}. Make the plan's folder again."
        ) from error
