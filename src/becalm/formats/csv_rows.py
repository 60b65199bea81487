"""How a csv that the user wrote is read: rows with their place in the file, and every fault at once."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from becalm.terms import Fault, InputError
from becalm.workspace.reviewed_toml import suggest

MOST_FAULTS = 20  # that are shown of one file


def read_csv_rows(
    path: Path, needed_columns: Sequence[str], faults: list[Fault]
) -> list[tuple[str, dict[str, str]]]:
    """Each row with where it stands; whatever is wrong with the file as a whole joins `faults`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            csv_reader = csv.DictReader(file, restval="")
            column_faults = list(find_missing_columns(path, csv_reader.fieldnames or (), needed_columns))
            faults += column_faults
            numbered_rows = [] if column_faults else enumerate(csv_reader, start=2)
            return [(f"{path.name}, row {number}", row) for number, row in numbered_rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.append(Fault(path.name, f"cannot be read: {error}", "name a readable CSV file in UTF-8"))
        return []


def find_missing_columns(
    path: Path, column_names: Sequence[str], needed_columns: Sequence[str]
) -> Iterator[Fault]:
    """A fault for each needed column that the file lacks, with the nearest name that it has."""
    for name in needed_columns:
        if name not in column_names:
            yield Fault(
                path.name, f"has no column {name!r}", f"{suggest(name, column_names)}name the column so"
            )


def check_faultless(subject: str, faults: Sequence[Fault], *, most: int | None = MOST_FAULTS) -> None:
    """Raise InputError where a file has faults, and show the first ones (all where `most` is None)."""
    if faults:
        fault_noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{subject} has {len(faults)} {fault_noun}", tuple(faults[:most]))
