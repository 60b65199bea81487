"""Runs the benchmarks of this folder one after the other, and prints one table of what they measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent
COLUMNS = ("benchmark", "becalm", "peer", "peer's time", "ratio", "peak memory", "target")


def main(wanted: list[str]) -> int:
    """Run those whose names hold one of the words, or all."""
    scripts = [path for path in sorted(FOLDER.glob("*.py")) if is_wanted(path, wanted)]
    rows, failed = [], []
    for script in scripts:
        print(f"{script.name} ...", flush=True)
        done = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=False)
        rows += list(measured(done.stdout))
        failed += [script.name] if done.returncode else []
    Console().print(as_table(rows))
    if failed:
        print(f"These ended with an error: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def is_wanted(path: Path, words: list[str]) -> bool:
    """Whether this file is a benchmark that was asked for."""
    is_benchmark = path.name != Path(__file__).name and not path.name.startswith("_")
    return is_benchmark and (not words or any(word in path.stem for word in words))


def measured(printed: str) -> Iterator[Mapping[str, Any]]:
    """The lines that are measurements; the others are shown as they are."""
    for line in printed.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and "benchmark" in row:
            yield row
        else:
            print(f"  {line}")


def as_table(rows: list[Mapping[str, Any]]) -> Table:
    """The measurements side by side."""
    table = Table(*COLUMNS, title="becalm against its peers, each pair in one run")
    for row in rows:
        table.add_row(*cells(row))
    return table


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One measurement as text. The ratio is the peer's time over ours: above 1, becalm is faster."""
    seconds, peer_seconds = row.get("seconds"), row.get("peer_seconds")
    ratio = f"{peer_seconds / seconds:.2f}" if seconds and peer_seconds else ""
    peak = f"{row['peak_mb']:,.0f} MB" if row.get("peak_mb") else ""
    return (
        row["benchmark"],
        duration(seconds),
        row.get("peer", ""),
        duration(peer_seconds),
        ratio,
        peak,
        row.get("target", ""),
    )


def duration(seconds: float | None) -> str:
    """Seconds with three figures that matter."""
    return "" if seconds is None else f"{seconds:.3g} s"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
