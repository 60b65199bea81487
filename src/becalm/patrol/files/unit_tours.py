"""tours/: the tours of each unit in a file of its own, so that one unit is answered without reading the plan.

Only the owner of the plan may read them: a file holds every burst of its unit, as visits.csv does.
"""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from becalm.patrol.files.unit_sheets import SheetNotes, Stop, Tour, local_time_text, stops_of, tours_of
from becalm.patrol.files.write_plan import PlanDocument
from becalm.terms import InputError

TOURS_FOLDER = "tours"


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


def tour_files(plan: PlanDocument, notes: SheetNotes | None = None) -> dict[str, str]:
    """The file of every unit by its name in a plan's folder."""
    return {
        f"{TOURS_FOLDER}/{_file_name(unit)}": build_unit_tours(plan, unit, tours, notes).model_dump_json()
        + "\n"
        for unit, tours in tours_of(plan).items()
    }


def _file_name(unit: str) -> str:
    # Names of units may hold anything: a file is called by a hash of its unit's.
    return f"{hashlib.sha256(unit.encode()).hexdigest()[:16]}.json"


def build_unit_tours(
    plan: PlanDocument, unit: str, tours: Iterable[Tour], notes: SheetNotes | None = None
) -> UnitTours:
    """The tours of a unit as its file holds them."""
    return UnitTours(
        unit=unit,
        zone=plan.inputs.zone,
        commitment=str(plan.commitment.get("commitment") or ""),
        replans=len(plan.commitment.get("replans") or ()),
        tours=tuple(
            UnitTour(
                day=tour.shift.day,
                starts_at=tour.shift.hours.start,
                ends_at=tour.shift.hours.end,
                ends_in_words=local_time_text(tour.shift.hours.end, plan),
                base=tour.shift.base,
                stops=tuple(
                    TimedStop(starts_at=burst.span.start, ends_at=burst.span.end, stop=stop)
                    for burst, stop in zip(tour.bursts, stops_of(plan, tour.bursts, notes), strict=True)
                ),
            )
            for tour in tours
        ),
    )


def read_unit_tours(folder: Path, unit: str) -> UnitTours | None:
    """The tours of this unit beside a plan; None where there is no such file."""
    path = folder / TOURS_FOLDER / _file_name(unit)
    if not path.is_file():
        return None
    try:
        return UnitTours.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise InputError(
            f"{path} is not what becalm wrote: {error}. Make the plan's folder again."
        ) from error
