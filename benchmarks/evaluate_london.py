"""Does the interval of an interrupted series hold on London's own past, where nothing was done?

benchmarks/evaluate_london.py [STUDIES]

Wards drawn at random, or a whole borough, stand for treated places beside all other wards, from a random
month before 2020 on. Made-up worlds have as much drift as somebody gave them; here it is what it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from _measure import report

from becalm.evaluate.core.estimate_series import interrupt_series

AFTER, LAST = 6, 117  # months that are judged; those before January 2020
OFFENCES = {
    "robbery": ("ROBBERY",),
    "violence with injury": ("VIOLENCE WITH INJURY",),
    "vehicle crime": ("VEHICLE",),
}
PASTS, SIZES = (30, 48), (8, 40, 0)  # months before the start; wards, 0: a borough


def load_wards(words: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Counts by ward and month, and the borough of each ward."""
    folder = Path(os.environ.get("BECALM_SHARED_DATA", "../shared/data"))
    table = pq.read_table(folder / "london" / "mps_ward_2010-04_2020-05.parquet").to_pandas()
    months = [name for name in table.columns if name.isdigit()]
    rows = table[table.minortext.str.contains("|".join(words))].groupby("wardcode")
    return rows[months].sum().to_numpy(float), rows.lookup_boroughname.first().to_numpy()


def draw_errors(
    counts: np.ndarray, boroughs: np.ndarray, size: int, past: int, studies: int
) -> Iterator[bool]:
    """Whether the interval of each study misses that nothing was done."""
    rng = np.random.default_rng([size, past])
    for _ in range(studies):
        first = int(rng.integers(0, LAST - past - AFTER))
        panel = counts[:, first : first + past + AFTER]
        is_treated = boroughs == rng.choice(np.unique(boroughs))
        if size:
            is_treated = np.isin(np.arange(len(counts)), rng.choice(len(counts), size, replace=False))
        effect = interrupt_series(
            panel[is_treated].sum(axis=0), panel[~is_treated].sum(axis=0), past,
            cycle=12.0, exposure=np.full(past + AFTER, 30.4), level=0.95,
        )  # fmt: skip
        yield not effect.both.low <= 0.0 <= effect.both.high


def main(studies: int) -> None:
    """Each offence, size and length of the past, and all together."""
    every_error: list[bool] = []
    for offence, words in OFFENCES.items():
        counts, boroughs = load_wards(words)
        for size in SIZES:
            errors = [error for past in PASTS for error in draw_errors(counts, boroughs, size, past, studies)]
            every_error += errors
            place = f"{size} wards" if size else "a borough"
            report(
                f"London untouched, {offence} in {place}: called an effect", 100 * np.mean(errors), unit="%"
            )
    share = 100 * float(np.mean(every_error))
    report(
        f"London untouched, {len(every_error)} studies: called an effect",
        share,
        unit="%",
        least=3.5,
        most=6.5,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
