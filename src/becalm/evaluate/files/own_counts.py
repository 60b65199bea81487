"""What the user brings as csv: counts of harm by wave (no row is about one person), and mobility."""

import math
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

from becalm.evaluate.core.estimate_series import WaveCount
from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.terms import Fault, Period

ARMS = ("early", "late")
COLUMNS = ("wave", "arm", "people", "outcome", "days", "count", "squares")


def read_waves(path: Path) -> tuple[WaveCount, ...]:
    """The counts in this file. Raises InputError with every fault of it."""
    faults: list[Fault] = []
    waves: list[WaveCount] = []
    for where, row in read_csv_rows(path, COLUMNS, faults):
        row_faults = list(_find_faults(row, where))
        faults += row_faults
        if not row_faults:
            numbers = (int(row["people"]), row["outcome"].strip(), int(row["days"]))
            waves.append(WaveCount(row["wave"].strip(), row["arm"].strip(), *numbers, *_sums(row)))
    keys = [(w.wave, w.arm, w.outcome, w.days) for w in waves]
    faults += [
        Fault(f"{path.name}: wave {key[0]}", f"has two rows for {' '.join(map(str, key[1:]))}", "keep one")
        for key in sorted({key for key in keys if keys.count(key) > 1})
    ]
    check_faultless(path.name, faults)
    return tuple(waves)


def _sums(row: Mapping[str, str]) -> tuple[float, float]:
    return float(row["count"]), float(row["squares"])


def _find_faults(row: Mapping[str, str], where: str) -> Iterator[Fault]:
    if row["arm"].strip() not in ARMS:
        yield Fault(where, f"{row['arm']!r} is not an arm", f"write one of {', '.join(ARMS)}")
    number_by_column: dict[str, float] = {}
    for column in ("people", "days", "count", "squares"):
        try:
            number_by_column[column] = float(row[column])
        except ValueError:
            number_by_column[column] = math.nan
        if not (
            math.isfinite(number_by_column[column])
            and number_by_column[column] >= 0
            and number_by_column[column] % 1 == 0
        ):
            yield Fault(where, f"{column} is {row[column]!r}, not a whole number", "write one, 0 or more")
    if number_by_column["squares"] < number_by_column["count"]:
        yield Fault(
            where,
            f"squares ({row['squares']}) are fewer than the count ({row['count']})",
            "give the sum of each person's count squared",
        )


def read_mobility(path: Path, period: Period) -> float:
    """How much were people out: the mean share of the days (or months) of this period; 1 is as usual.

    Raises InputError with every fault of the file, or where it holds nothing of the period.
    """
    faults: list[Fault] = []
    shares: list[float] = []
    for where, row in read_csv_rows(path, ("share",), faults):
        text = (row.get("day") or row.get("month") or "").strip()
        try:
            day, share = date.fromisoformat(text if len(text) > 7 else f"{text}-01"), float(row["share"])
        except ValueError as error:
            remedy = "write a day (2020-04-01) or month (2020-04), and a share such as 0.6"
            faults.append(Fault(where, str(error), remedy))
            continue
        if not 0.0 < share < 10.0:
            faults.append(Fault(where, f"{row['share']} is no share of the usual", "write e.g. 0.6"))
        elif period.start <= day < period.end:
            shares.append(share)
    if not faults and not shares:
        faults.append(Fault(path.name, f"holds nothing of {period}", "name a file that covers the period"))
    check_faultless(path.name, faults)
    return sum(shares) / len(shares)
