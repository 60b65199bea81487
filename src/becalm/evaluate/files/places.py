"""The list of places of a study, from csv: where each lies, and in which arm it is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from becalm.evaluate.core.study import StudyPlaces
from becalm.formats.csv_rows import read_csv_rows
from becalm.terms import Fault
from becalm.terms.errors import suggest_word

ARMS = ("treated", "control")
NEEDED_COLUMNS = ("place", "easting_m", "northing_m", "arm")
CLUSTER_COLUMN = "cluster"  # may be left out: what varies together, e.g. a borough
START_COLUMN = "start"  # may be left out: from which day each treated place had it; empty for controls


def check_places(
    path: Path, *, covariates: Sequence[str], treated: Sequence[str] = ()
) -> tuple[StudyPlaces | None, tuple[Fault, ...]]:
    """The places in this file with these covariates, or every fault of the file.

    Where `treated` names places, these are the treated ones, whatever the file's arms say.
    """
    faults: list[Fault] = []
    numbered_rows = read_csv_rows(path, (*NEEDED_COLUMNS, *covariates), faults)
    for where, row in numbered_rows:
        faults += _find_row_faults(row, where, covariates)
    names = [row["place"].strip() for _, row in numbered_rows]
    repeated_names = sorted({name for name in names if name and names.count(name) > 1})
    faults += [
        Fault(f"{path.name}: {name}", "stands twice", "list each place once") for name in repeated_names
    ]
    faults += [
        Fault("places.treated", f"{name!r} is not in {path.name}", suggest_word(name, names).rstrip("."))
        for name in treated
        if numbered_rows and name not in names
    ]
    rows = [row for _, row in numbered_rows]
    arms = ["treated" if name in treated else "control" for name in names]
    arms = arms if treated else [row["arm"].strip() for row in rows]
    faults += [
        Fault(path.name, f"has no {arm} place", f"mark places with {arm!r} in the column arm")
        for arm in ARMS
        if rows and arm not in arms
    ]
    if faults or not rows:
        return None, tuple(faults) or (Fault(path.name, "lists no place", "list the places"),)
    places = _build_places(rows, names, arms, covariates)
    faults += _find_covariate_faults(path.name, places, covariates)
    return (None if faults else places), tuple(faults)


def _build_places(
    rows: Sequence[Mapping[str, str]], names: Sequence[str], arms: Sequence[str], covariates: Sequence[str]
) -> StudyPlaces:
    return StudyPlaces(
        names=tuple(names),
        is_treated=np.array([arm == "treated" for arm in arms]),
        easting_m=np.array([float(row["easting_m"]) for row in rows]),
        northing_m=np.array([float(row["northing_m"]) for row in rows]),
        covariates=np.array([[float(row[name]) for name in covariates] for row in rows]).reshape(
            len(rows), -1
        ),
        clusters=tuple(row[CLUSTER_COLUMN].strip() for row in rows) if CLUSTER_COLUMN in rows[0] else (),
        starts=tuple(_read_day(row) for row in rows) if any(map(_read_day, rows)) else (),
    )


def _read_day(row: Mapping[str, str]) -> date | None:
    """The day on which the place began; None where it names none."""
    text = (row.get(START_COLUMN) or "").strip()
    return date.fromisoformat(text) if text else None


def _find_covariate_faults(name: str, places: StudyPlaces, covariates: Sequence[str]) -> Iterator[Fault]:
    """Covariates that say nothing: alike everywhere, or a sum of others."""
    constant = [c for c, column in zip(covariates, places.covariates.T, strict=True) if np.ptp(column) == 0.0]
    for covariate in constant:
        yield Fault(f"{name}: {covariate}", "is the same for every place", "leave it out of the covariates")
    varying = [column for column in places.covariates.T if np.ptp(column) > 0.0]
    if not varying:
        return
    scaled = np.column_stack([np.ones(len(places.names)), *((c - c.mean()) / c.std() for c in varying)])
    if np.linalg.matrix_rank(scaled, tol=1e-8 * len(scaled)) < scaled.shape[1]:
        yield Fault(
            f"{name}: {', '.join(c for c in covariates if c not in constant)}",
            "are sums of each other",
            "leave one of them out",
        )


def _find_row_faults(row: Mapping[str, str], where: str, covariates: Sequence[str]) -> Iterator[Fault]:
    if not row["place"].strip():
        yield Fault(where, "has no name", "give the place a name")
    if row["arm"].strip() not in ARMS:
        yield Fault(where, f"{row['arm']!r} is not an arm", f"write one of {', '.join(ARMS)}")
    try:
        _read_day(row)
    except ValueError:
        yield Fault(where, f"start is {row[START_COLUMN]!r}, not a day", "write e.g. 2020-03-01, or nothing")
    for column in ("easting_m", "northing_m", *covariates):
        try:
            is_number = math.isfinite(float(row[column]))
        except ValueError:
            is_number = False
        if not is_number:
            yield Fault(
                where, f"{column} is {row[column]!r}, not a number", "write a number, in metres for places"
            )
