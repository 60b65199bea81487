"""Counts for the burden of patrol: measure, area, trait, group and count in each row; nobody's name."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast, get_args

from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.patrol.core.burden import BurdenCount, Measure, Trait
from becalm.terms import Fault, suggest_word

BURDEN_COLUMNS: Final = ("measure", "area", "trait", "group", "count")
MEASURES: Final = get_args(Measure)
TRAITS: Final = get_args(Trait)


def read_burden_counts(path: Path) -> tuple[BurdenCount, ...]:
    """The counts of this file. Raises InputError with every fault."""
    faults: list[Fault] = []
    counts = []
    for where, row in read_csv_rows(path, BURDEN_COLUMNS, faults):
        problem = _find_problem(row)
        if problem:
            faults.append(Fault(where, *problem))
        else:
            counts.append(
                BurdenCount(
                    cast("Measure", row["measure"]),
                    row["area"].strip(),
                    cast("Trait", row["trait"]),
                    row["group"].strip(),
                    int(row["count"]),
                )
            )
    repeats = Counter((c.measure, c.area, c.trait, c.group) for c in counts)
    faults += [
        Fault(path.name, f"{' '.join(filter(None, key))} stands there {times} times", "give each count once")
        for key, times in repeats.items()
        if times > 1
    ]
    measures = {count.measure for count in counts}
    if counts and not measures & {"residents", "victims"}:
        faults.append(
            Fault(path.name, "holds neither residents nor victims", "add what counts are compared with")
        )
    check_faultless(path.name, faults)
    return tuple(counts)


def _find_problem(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a row, and what to do."""
    if row["measure"] not in MEASURES:
        return f"measure {row['measure']!r} is none of ours", suggest_word(row["measure"], list(MEASURES))
    if row["trait"] not in TRAITS:
        return f"trait {row['trait']!r} is none of ours", suggest_word(row["trait"], list(TRAITS))
    if (row["trait"] == "all") != (not row["group"].strip()):
        return "names a group of all, or none of a trait", "leave group empty where trait is all"
    if not row["count"].strip().isdigit():
        return f"count {row['count']!r} is no whole number", "write how many, 0 or more"
    return None
