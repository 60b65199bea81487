"""What the benchmarks share: a median of repeats, and one row of figures with what is asked of them."""

from __future__ import annotations

import json
import resource
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from becalm.ledger.store.sqlite import SqliteLedger


def seconds(work: Callable[[], object], *, repeats: int = 5) -> float:
    """The median time of some repeats, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def report(
    benchmark: str,
    figure: float,
    peer: str = "",
    peer_figure: float | None = None,
    *,
    unit: str = "s",
    most: float | None = None,
    least: float | None = None,
    most_mb: float | None = None,
    least_ratio: float | None = None,
    peak_mb: float | None = None,
) -> None:
    """Print one row: a figure (seconds unless said), its peer's in the same run, and the agreed bounds.

    The ratio is the peer's figure over ours. `peak_mb` is this process's peak so far where none is given.
    """
    row = {
        "benchmark": benchmark,
        "figure": figure,
        "unit": unit,
        "peak_mb": peak_mb or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "most": most,
        "least": least,
        "most_mb": most_mb,
        "least_ratio": least_ratio,
    }
    print(json.dumps({**row, **({"peer": peer, "peer_figure": peer_figure} if peer else {})}), flush=True)


def new_ledger(path: Path) -> SqliteLedger:
    """A ledger of its own in this file."""
    from becalm.app.events import EVENT_KINDS, FOLDS
    from becalm.ledger.store.sqlite import SqliteLedger

    def now() -> datetime:
        return datetime.now(UTC)

    return SqliteLedger(
        path, now=now, draw_salt=partial(secrets.token_bytes, 32), kinds=EVENT_KINDS, folds=FOLDS
    )
