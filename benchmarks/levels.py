"""What intervals hold, by the fit of one level and by the model of levels, month by month.

"Held" is the share of intervals that hold "no change"; the width is the median half-width on the log scale.
After a planted fall the share is of those that hold the planted ratio. Printed as Markdown; skipped where the
public data are absent. London's counts end in May 2020.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from becalm.measure import compare_periods
from becalm.measure.core.group_series import build_series
from becalm.methods.dispersion import overdispersion, seasonal_design
from becalm.methods.rate_ratios import rate_ratios
from becalm.tables import CountTable
from becalm.terms import OffenceTable, Period, month_start
from becalm.workspace.read_offence_tables import load_offences

PLANTED = 0.6
Held = list[tuple[bool, float]]


def offence_table(key: str) -> OffenceTable:
    """A shipped table of offence groups."""
    return load_offences(Path("none"))[key]


def months_of(table: pd.DataFrame) -> CountTable:
    """Counts from rows of groups and columns of months."""
    months = [str(column).replace("-", "") for column in table.columns]
    times = tuple(date(int(m[:4]), int(m[4:]), 1) for m in months)
    counts = table.to_numpy(dtype=np.int64)
    finders = ("victim",) * len(table)
    return CountTable(
        "offence_group", "month", tuple(map(str, table.index)), times, counts, finders, "", times[-1]
    )


def london(data: Path) -> Iterator[tuple[str, CountTable]]:
    """The Metropolitan Police's counts by offence group and by borough, fraud left out."""
    table = pd.read_parquet(data / "london" / "mps_borough_2010-04_2020-05.parquet")
    words = offence_table("mps").by_word()
    minor, major = (
        table[name].str.split().str.join(" ").str.casefold() for name in ("minortext", "majortext")
    )
    table["group"] = minor.map(words).fillna(major.map(words))
    table = table[table["group"] != "fraud"]
    months = [column for column in table.columns if column.isdigit()]
    yield "London, 18 offence groups", months_of(table.groupby("group")[months].sum())
    yield "London, boroughs", months_of(table.groupby("boroughname")[months].sum())


def toronto(data: Path) -> CountTable:
    """Toronto's major crime indicators by month."""
    rows = pd.read_parquet(data / "toronto" / "mci_2014_2021.parquet").drop_duplicates()
    rows["month"] = rows["occurrencedate"].str[:7].str.replace("/", "-")
    rows = rows[(rows["month"] >= "2014-01") & (rows["month"] <= "2021-12")]
    return months_of(rows.groupby(["MCI", "month"]).size().unstack(fill_value=0))


def plant(counts: CountTable, months_before: int, at: Period) -> CountTable:
    """The counts with a fall to PLANTED that begins so many months before the compared one."""
    first = month_start(at.start.year, at.start.month - months_before)
    fallen = counts.counts.copy()
    later = np.array([t >= first for t in counts.times])
    fallen[:, later] = np.random.default_rng(months_before).binomial(fallen[:, later], PLANTED)
    return CountTable(
        counts.by,
        counts.unit,
        counts.groups,
        counts.times,
        fallen,
        counts.found_by,
        counts.source,
        counts.as_of,
    )


def one_level(counts: CountTable, period: Period, baseline: Period) -> Iterator[tuple[float, float]]:
    """The intervals as they were: phi from one level, trend and two waves over the last five years."""
    series = build_series(counts, (period, baseline))
    now, then = series.times.index(period.start), series.times.index(baseline.start)
    past = np.array([t for t in range(max(0, now - 60), now - 2) if t != then])
    days = np.array([(month_start(t.year, t.month + 1) - t).days for t in series.times], dtype=float)
    middles = np.array([t.toordinal() for t in series.times]) + days / 2.0
    phi = overdispersion(
        series.counts[:, past], seasonal_design(middles[past], cycle=365.25), exposure=days[past]
    ).interval_phi(0.95)
    found = rate_ratios(
        series.counts[1:, now],
        series.counts[1:, then],
        new_exposure=days[now] / days[then],
        dispersion=phi[1:],
    )
    yield from zip(found.low.tolist(), found.high.tolist(), strict=True)


def every_month(counts: CountTable, years: range, *, months_before: int | None = None) -> tuple[Held, Held]:
    """Of each group in each month: is the true ratio held, and how wide; by one level, and by levels."""
    before: Held = []
    after: Held = []
    truth = PLANTED if months_before is not None and months_before < 12 else 1.0
    for year in years:
        for month in range(1, 13):
            period, old = (Period(month_start(y, month), month_start(y, month + 1)) for y in (year, year - 1))
            if old.start not in counts.times or (old.start.year, old.start.month) < (
                counts.times[0].year + 2,
                counts.times[0].month + 2,
            ):
                continue
            table = counts if months_before is None else plant(counts, months_before, period)
            rows = compare_periods(table, period=period, baseline=old).rows
            after += [judge(row.low, row.high, truth) for row in rows]
            before += [judge(low, high, truth) for low, high in one_level(table, period, old)]
    return before, after


def judge(low: float, high: float, truth: float) -> tuple[bool, float]:
    """Is the truth in the interval, and how wide is that?"""
    return low <= truth <= high, np.log(high / max(low, 1e-9)) / 2.0


def line(name: str, results: tuple[Held, Held]) -> str:
    """One row of the table."""
    cells = []
    for held in results:
        is_held, widths = zip(*held, strict=True)
        cells += [f"{100 * np.mean(is_held):.1f}%", f"{100 * np.median(widths):.0f}%"]
    return f"| {name} | {len(results[0]):,} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    data = Path(os.environ.get("BECALM_SHARED_DATA", "../shared/data"))
    if not data.exists():
        print("The public data are absent: nothing to judge.")
        return
    print("| records | comparisons | one level: held | width | levels: held | width |\n" + "|---" * 6 + "|")
    for name, counts in london(data):
        print(line(f"{name}, 2015-19", every_month(counts, range(2015, 2020))), flush=True)
        for months_before in (3, 11, 15, 24):
            results = every_month(counts, range(2015, 2020), months_before=months_before)
            print(line(f"the same, a fall to 0.6 planted {months_before} months before", results), flush=True)
    counts = toronto(data)
    for years in (range(2015, 2020), range(2020, 2022)):
        print(line(f"Toronto, 5 offences, {years[0]}-{years[-1]}", every_month(counts, years)), flush=True)


if __name__ == "__main__":
    main()
