"""What the benchmarks share: a median of repeats, and one line for the table."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from statistics import median


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
    benchmark: str, ours: float, peer: str = "", theirs: float | None = None, target: str = ""
) -> None:
    """Print one line for the table, with this process's peak memory so far."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {"benchmark": benchmark, "seconds": ours, "target": target, "peak_mb": peak_mb}
    print(json.dumps({**row, **({"peer": peer, "peer_seconds": theirs} if peer else {})}), flush=True)
