"""Counts by cell from plain arrays, for use in a notebook."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from becalm.methods.arrays import Bools, Floats, Times
from becalm.tables import PlaceCounts, list_months
from becalm.terms import Fault, InputError, QuestionError

LARGEST_DEGREE = 360.0
ALL = "incident"


def counts_from_points(
    easting_m: ArrayLike,
    northing_m: ArrayLike,
    when: ArrayLike,
    *,
    group: ArrayLike | str = ALL,
    cell_m: float = 150.0,
    source: str = "arrays",
    as_of: date | None = None,
) -> PlaceCounts:
    """How many incidents of each group fell in each square cell in each month?

    `easting_m` and `northing_m` are n coordinates in metres of one coordinate system; `when` is n dates,
    either NumPy `datetime64` or text that begins with YYYY-MM; `group` is n offence groups or one for all.
    Months run from the first to the last that occurs; `as_of` is the day after the last one unless given.

    Raises InputError with all that is wrong with the arrays: lengths that differ, coordinates that are
    missing or in degrees, dates that are missing, a cell without size; QuestionError where there is no
    incident, or all lie on one single point.
    """
    x, y = (np.asarray(values, dtype=np.float64).ravel() for values in (easting_m, northing_m))
    month_of_incident = _read_months(when)
    group_of_incident = (
        np.broadcast_to(np.asarray(group, dtype=str), x.shape) if np.ndim(group) == 0 else np.asarray(group)
    )
    faults = tuple(_find_faults(x, y, month_of_incident, group_of_incident, cell_m))
    if faults:
        raise InputError("These incidents cannot be counted", faults)
    _check_one_point(x, y)
    months_on_record = list_months(str(month_of_incident.min()), str(month_of_incident.max()))
    group_names = tuple(sorted(set(group_of_incident.tolist())))
    entry_keys = np.stack(
        [
            np.floor(x / cell_m).astype(np.int64),
            np.floor(y / cell_m).astype(np.int64),
            np.searchsorted(np.array(months_on_record), month_of_incident.astype(str)),
            np.searchsorted(np.array(group_names), group_of_incident),
        ]
    )
    distinct_keys, entry_counts = np.unique(entry_keys, axis=1, return_counts=True)
    return PlaceCounts(
        cell_m=float(cell_m),
        columns=distinct_keys[0],
        rows=distinct_keys[1],
        months=months_on_record,
        month_index=distinct_keys[2],
        groups=group_names,
        group_index=distinct_keys[3],
        counts=entry_counts.astype(np.int64),
        without_location=0,
        location_quality=(("exact", len(x)),),
        source=source,
        as_of=as_of or _day_after_month(months_on_record[-1]),
    )


def _read_months(when: ArrayLike) -> Times:
    incident_times = np.asarray(when).ravel()
    if np.issubdtype(incident_times.dtype, np.datetime64):
        return incident_times.astype("datetime64[M]")
    return np.array(
        [_read_month(str(month_text)) for month_text in incident_times.tolist()], dtype="datetime64[M]"
    )


def _read_month(month_text: str) -> np.datetime64:
    try:
        return np.datetime64(month_text[:7], "M")
    except ValueError:
        return np.datetime64("NaT", "M")


def _find_faults(
    x: Floats,
    y: Floats,
    months: Times,
    groups: Sequence[str] | NDArray[np.str_],
    cell_m: float,
) -> Iterator[Fault]:
    if not (np.isfinite(cell_m) and cell_m > 0):
        yield Fault("cell_m", f"a cell of {cell_m} m has no size", "give its side in metres, e.g. 150")
    array_lengths = {"easting_m": len(x), "northing_m": len(y), "when": len(months), "group": len(groups)}
    if len(set(array_lengths.values())) > 1:
        lengths_text = ", ".join(
            f"{array_name} has {length:,}" for array_name, length in array_lengths.items()
        )
        yield Fault("lengths", f"differ: {lengths_text}", "give one entry per incident in each")
        return
    if not len(x):
        yield Fault("arrays", "hold not one incident", "give at least the incidents of four months")
        return
    lacks_coordinates = ~(np.isfinite(x) & np.isfinite(y))
    if lacks_coordinates.any():
        remedy = "leave these incidents out, or place them"
        yield _describe_faulty("coordinates", lacks_coordinates, "are missing (NaN)", remedy)
    lacks_month = np.isnat(months)
    if lacks_month.any():
        remedy = "give datetime64, or text as 2020-04 or 2020-04-30"
        yield _describe_faulty("when", lacks_month, "are no dates", remedy)
    if not lacks_coordinates.all() and float(np.nanmax(np.abs(np.concatenate([x, y])))) <= LARGEST_DEGREE:
        yield Fault("coordinates", "look like degrees", "project them to a coordinate system in metres first")


def _describe_faulty(array_name: str, is_faulty: Bools, problem: str, remedy: str) -> Fault:
    count, first_index = int(is_faulty.sum()), int(np.flatnonzero(is_faulty)[0])
    return Fault(
        array_name, f"{count:,} of {len(is_faulty):,} {problem}, the first at index {first_index}", remedy
    )


def _check_one_point(x: Floats, y: Floats) -> None:
    if (x == x[0]).all() and (y == y[0]).all():
        raise QuestionError(
            f"All {len(x):,} incidents lie on one single point ({x[0]:g}, {y[0]:g}). It may be a default "
            "(a police station, a town's centre): check the coordinates."
        )


def _day_after_month(month: str) -> date:
    first_day = date.fromisoformat(f"{month}-01")
    return (first_day + timedelta(days=32)).replace(day=1)
