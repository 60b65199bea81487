"""Live years of four scenarios with many seeds, and test how often the intervals hold the truth.

A year that is done is not lived again; one that was stopped goes on. `FOLDER/coverage.json` has the table.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from scipy.stats import binomtest

from becalm.app.main import run_command
from becalm.rehearse.report import write_report
from becalm.rehearse.request import RehearsalRequest
from becalm.rehearse.year import rehearse
from becalm.terms import FileName, silent_progress

SCENARIOS = ("as_the_press_told_it", "nothing_works", "works_and_displaces", "predictable_rival")
LEVEL = 0.95
DOUBT = 0.001


def live_years(folder: Path, *, seeds: int, weeks: int, scale: str) -> None:
    """Live every year that is not done."""
    for seed in range(1, seeds + 1):
        for scenario in SCENARIOS:
            out = folder / f"{scenario}-{seed:02d}"
            if (out / "rehearsal.json").is_file():
                continue
            is_begun = out.exists() and any(out.iterdir())
            request = RehearsalRequest(
                out=FileName(str(out)),
                scenario=scenario,
                seed=seed,
                weeks=weeks,
                scale=scale,  # type: ignore[arg-type]  # a word of the command line, checked by the request
                resume=is_begun,
            )
            write_report(rehearse(request, run_command, progress=silent_progress))
            sys.stdout.write(f"{scenario}, seed {seed}: done\n")


def count_held(folder: Path) -> dict[str, Counter[bool]]:
    """How often figures with an interval held the truth, by question."""
    held: dict[str, Counter[bool]] = {}
    for path in sorted(folder.glob("*/rehearsal.json")):
        for row in json.loads(path.read_text("utf-8"))["rows"]:
            if row["low"] != row["high"]:
                held.setdefault(row["question"], Counter())[bool(row["held"])] += 1
    return held


def main() -> None:
    """Live the years, then print the table."""
    folder = Path(sys.argv[1])
    options = dict(word.split("=") for word in sys.argv[2:])
    live_years(
        folder,
        seeds=int(options.get("seeds", 20)),
        weeks=int(options.get("weeks", 52)),
        scale=options.get("scale", "small"),
    )
    table = []
    for question, counts in count_held(folder).items():
        p_value = binomtest(counts[True], counts.total(), LEVEL).pvalue
        table.append(
            {
                "question": question,
                "figures": counts.total(),
                "held": counts[True],
                "held_share": round(counts[True] / counts.total(), 4),
                "p_value": float(f"{p_value:.3g}"),
                "rejected": bool(p_value < DOUBT),
            }
        )
        sys.stdout.write(f"{question:<20} {counts[True]:>6} of {counts.total():>6}  p {p_value:.3g}\n")
    (folder / "coverage.json").write_text(json.dumps(table, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
