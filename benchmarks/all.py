"""Runs the benchmarks of this folder one after the other; writes their figures to results/.

Each script has a file of its own there, so that a run of some leaves the figures of the others as they were;
the table in results/README.md is made of all of them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
# So much of these by default: in full they take hours. Their own first lines say what the words mean.
SAMPLES = {
    "divert_visits": ("day", "crew", "1"),
    "staff": ("lawful", "bound", "sick", "load", "what-if", "0.2"),
}
COLUMNS = ("benchmark", "becalm", "peer", "peer's", "ratio", "peak", "asked", "verdict")
HEAD = """<!-- Written by `make bench`; run it again rather than change it. -->

# What the benchmarks measured

Medians. The ratio is the peer's figure over ours in the same run: above 1, becalm is quicker.
What counts is the ratio, since seconds change with the machine and with what else runs on it; the
load is that of the last minute, before and after.
"""


def main(words: list[str]) -> int:
    """Run those whose names hold one of the words, or all; with `--full`, those that take hours in full."""
    is_full = "--full" in words
    words = [word for word in words if word != "--full"]
    RESULTS.mkdir(exist_ok=True)
    broken = [script.name for script in scripts(words) if not run(script, is_full=is_full)]
    table = table_text(sorted(RESULTS.glob("*.json")))
    (RESULTS / "README.md").write_text(table, "utf-8")
    print(table)
    if broken:
        print(f"These ended with an error: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def scripts(words: list[str]) -> list[Path]:
    """The benchmarks whose names hold one of the words; all where there is no word."""
    names = (path for path in sorted(FOLDER.glob("[!_]*.py")) if path.name != Path(__file__).name)
    return [path for path in names if not words or any(word in path.stem for word in words)]


def run(script: Path, *, is_full: bool) -> bool:
    """Run one benchmark and keep its figures and the machine; whether it ended well."""
    print(f"{script.name} ...", flush=True)
    before = os.getloadavg()[0]
    sample = () if is_full else SAMPLES.get(script.stem, ())
    ended = subprocess.run([sys.executable, script, *sample], stdout=subprocess.PIPE, text=True, check=False)
    rows = list(figures(ended.stdout))
    if ended.returncode == 0:
        machine = {**describe_machine(), "load_before": before, "load_after": os.getloadavg()[0]}
        text = json.dumps({"machine": machine, "rows": rows}, indent=2, ensure_ascii=False)
        (RESULTS / f"{script.stem}.json").write_text(text + "\n", "utf-8")
    return ended.returncode == 0


def describe_machine() -> dict[str, Any]:
    """What a reader must know to compare: versions, system, cores, day."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    return {
        "becalm": version("becalm"),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "duckdb": version("duckdb"),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "day": datetime.now().astimezone().date().isoformat(),
    }


def figures(printed: str) -> Iterator[dict[str, Any]]:
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


def table_text(paths: list[Path]) -> str:
    """One Markdown table of all figures, a heading for each script with its machine."""
    parts = [HEAD]
    for path in paths:
        result = json.loads(path.read_text("utf-8"))
        machine = result["machine"]
        parts.append(f"## {path.stem}\n")
        parts.append(
            "becalm {becalm} at {commit}, {day}; Python {python}, NumPy {numpy}, DuckDB {duckdb}; {system}, "
            "{cores} cores, load {load_before:.1f} to {load_after:.1f}.\n".format(**machine)
        )
        parts.append(
            "\n".join([line(COLUMNS), line(["---"] * len(COLUMNS)), *map(line, map(cells, result["rows"]))])
        )
        parts.append("")
    return "\n".join(parts)


def line(texts: Any) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(str(text).replace('|', '/') for text in texts)} |"


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One measurement as text."""
    figure, peer_figure, unit = row["figure"], row.get("peer_figure"), row["unit"]
    ratio = f"{peer_figure / figure:.2f}" if figure and peer_figure else ""
    return (
        row["benchmark"],
        quantity(figure, unit),
        row.get("peer", ""),
        quantity(peer_figure, unit),
        ratio,
        quantity(row["peak_mb"], "MB"),
        "; ".join(
            f"{name} {sign} {quantity(bound, what)}".strip() for name, sign, bound, what, _ in bounds(row)
        ),
        verdict(row),
    )


def bounds(row: Mapping[str, Any]) -> Iterator[tuple[str, str, float, str, bool]]:
    """Each bound agreed for a row: of what, sign, value, unit, and whether it is kept."""
    figure, unit = row["figure"], row["unit"]
    if row["most"] is not None:
        yield "", "≤", row["most"], unit, figure <= row["most"]
    if row["least"] is not None:
        yield "", "≥", row["least"], unit, figure >= row["least"]
    if row["most_mb"] is not None:
        yield "peak", "≤", row["most_mb"], "MB", row["peak_mb"] <= row["most_mb"]
    if row["least_ratio"] is not None:
        yield "ratio", "≥", row["least_ratio"], "", row["peer_figure"] / figure >= row["least_ratio"]


def verdict(row: Mapping[str, Any]) -> str:
    """Whether every bound is kept; nothing where none was agreed."""
    kept = [is_kept for *_, is_kept in bounds(row)]
    return "" if not kept else "kept" if all(kept) else "**missed**"


def quantity(value: float | None, unit: str) -> str:
    """A figure with three digits that matter, and its unit."""
    if value is None:
        return ""
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
