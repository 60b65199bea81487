"""The list of places of a study, from csv: where each lies, and in which arm it is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from becalm.evaluate.core.study import StudyPlaces
from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.terms import Fault

ARMS = ("treated", "control")
NEEDED_COLUMNS = ("place", "easting_m", "northing_m", "arm")
CLUSTER_COLUMN = "cluster"  # may be left out: what varies together, e.g. a borough


def read_places(path: Path, *, covariates: Sequence[str]) -> StudyPlaces:
    """The places in this file, with these covariates. Raises InputError with every fault of the file."""
    faults: list[Fault] = []
    numbered_rows = read_csv_rows(path, (*NEEDED_COLUMNS, *covariates), faults)
    for where, row in numbered_rows:
        faults += _find_row_faults(row, where, covariates)
    names = [row["place"].strip() for _, row in numbered_rows]
    repeated_names = sorted({name for name in names if name and names.count(name) > 1})
    faults += [
        Fault(f"{path.name}: {name}", "stands twice", "list each place once") for name in repeated_names
    ]
    for arm in ARMS if numbered_rows else ():
        if not any(row["arm"].strip() == arm for _, row in numbered_rows):
            faults.append(
                Fault(path.name, f"has no {arm} place", f"mark places with {arm!r} in the column arm")
            )
    check_faultless(path.name, faults)
    rows = [row for _, row in numbered_rows]
    return StudyPlaces(
        names=tuple(names),
        is_treated=np.array([row["arm"].strip() == "treated" for row in rows]),
        easting_m=np.array([float(row["easting_m"]) for row in rows]),
        northing_m=np.array([float(row["northing_m"]) for row in rows]),
        covariates=np.array([[float(row[name]) for name in covariates] for row in rows]).reshape(
            len(rows), -1
        ),
        clusters=tuple(row[CLUSTER_COLUMN].strip() for row in rows) if CLUSTER_COLUMN in rows[0] else (),
    )


def _find_row_faults(row: Mapping[str, str], where: str, covariates: Sequence[str]) -> Iterator[Fault]:
    if not row["place"].strip():
        yield Fault(where, "has no name", "give the place a name")
    if row["arm"].strip() not in ARMS:
        yield Fault(where, f"{row['arm']!r} is not an arm", f"write one of {', '.join(ARMS)}")
    for column in ("easting_m", "northing_m", *covariates):
        try:
            is_number = math.isfinite(float(row[column]))
        except ValueError:
            is_number = False
        if not is_number:
            yield Fault(
                where, f"{column} is {row[column]!r}, not a number", "write a number, in metres for places"
            )
