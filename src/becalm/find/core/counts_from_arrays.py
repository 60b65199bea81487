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

    Raises
    ------
    InputError
        with all that is wrong with the arrays: lengths that differ, coordinates that are missing or in
        degrees, dates that are missing, a cell without size.
    QuestionError
        where there is no incident, or all lie on one single point.
    """
    x, y = (np.asarray(values, dtype=np.float64).ravel() for values in (easting_m, northing_m))
    months = _read_months(when)
    groups = (
        np.broadcast_to(np.asarray(group, dtype=str), x.shape) if np.ndim(group) == 0 else np.asarray(group)
    )
    faults = tuple(_find_faults(x, y, months, groups, cell_m))
    if faults:
        raise InputError("These incidents cannot be counted", faults)
    _check_one_point(x, y)
    months_on_record = list_months(str(months.min()), str(months.max()))
    names = tuple(sorted(set(groups.tolist())))
    keys = np.stack(
        [
            np.floor(x / cell_m).astype(np.int64),
            np.floor(y / cell_m).astype(np.int64),
            np.searchsorted(np.array(months_on_record), months.astype(str)),
            np.searchsorted(np.array(names), groups),
        ]
    )
    entries, counts = np.unique(keys, axis=1, return_counts=True)
    return PlaceCounts(
        cell_m=float(cell_m),
        columns=entries[0],
        rows=entries[1],
        months=months_on_record,
        month_index=entries[2],
        groups=names,
        group_index=entries[3],
        counts=counts.astype(np.int64),
        without_location=0,
        location_quality=(("exact", len(x)),),
        source=source,
        as_of=as_of or _day_after_month(months_on_record[-1]),
    )


def _read_months(when: ArrayLike) -> Times:
    values = np.asarray(when).ravel()
    if np.issubdtype(values.dtype, np.datetime64):
        return values.astype("datetime64[M]")
    return np.array([_read_month(str(text)) for text in values.tolist()], dtype="datetime64[M]")


def _read_month(text: str) -> np.datetime64:
    try:
        return np.datetime64(text[:7], "M")
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
    lengths = {"easting_m": len(x), "northing_m": len(y), "when": len(months), "group": len(groups)}
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        yield Fault("lengths", f"differ: {listing}", "give one entry per incident in each")
        return
    if not len(x):
        yield Fault("arrays", "hold not one incident", "give at least the incidents of four months")
        return
    is_missing = ~(np.isfinite(x) & np.isfinite(y))
    if is_missing.any():
        remedy = "leave these incidents out, or place them"
        yield _describe_faulty("coordinates", is_missing, "are missing (NaN)", remedy)
    is_undated = np.isnat(months)
    if is_undated.any():
        remedy = "give datetime64, or text as 2020-04 or 2020-04-30"
        yield _describe_faulty("when", is_undated, "are no dates", remedy)
    if not is_missing.all() and float(np.nanmax(np.abs(np.concatenate([x, y])))) <= LARGEST_DEGREE:
        yield Fault("coordinates", "look like degrees", "project them to a coordinate system in metres first")


def _describe_faulty(where: str, is_faulty: Bools, problem: str, remedy: str) -> Fault:
    count, first = int(is_faulty.sum()), int(np.flatnonzero(is_faulty)[0])
    return Fault(where, f"{count:,} of {len(is_faulty):,} {problem}, the first at index {first}", remedy)


def _check_one_point(x: Floats, y: Floats) -> None:
    if (x == x[0]).all() and (y == y[0]).all():
        raise QuestionError(
            f"All {len(x):,} incidents lie on one single point ({x[0]:g}, {y[0]:g}). It may be a default "
            "(a police station, a town's centre): check the coordinates."
        )


def _day_after_month(month: str) -> date:
    first = date.fromisoformat(f"{month}-01")
    return (first + timedelta(days=32)).replace(day=1)
