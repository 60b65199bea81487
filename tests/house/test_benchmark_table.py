"""The table of the benchmarks says what was measured, and whether each agreed bound is kept."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MACHINE = {
    "becalm": "0.1.0",
    "commit": "abc1234",
    "python": "3.11.7",
    "numpy": "2.4",
    "duckdb": "1.5",
    "system": "Linux x86_64",
    "cores": 2,
    "day": "2026-11-30",
    "load_before": 0.4,
    "load_after": 1.2,
}


@pytest.fixture(scope="module")
def benchmarks(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("all_benchmarks", root / "benchmarks" / "all.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(**changes: Any) -> dict[str, Any]:
    bounds = {"most": None, "least": None, "most_mb": None, "least_ratio": None}
    return {"benchmark": "list", "figure": 2.0, "unit": "s", "peak_mb": 90.0, **bounds, **changes}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, ""),
        ({"most": 2.0}, "kept"),
        ({"most": 1.9}, "**missed**"),
        ({"least": 2.0}, "kept"),
        ({"least": 2.1}, "**missed**"),
        ({"most": 2.0, "most_mb": 89.0}, "**missed**"),
        ({"peer": "other", "peer_figure": 6.0, "least_ratio": 3.0}, "kept"),
        ({"peer": "other", "peer_figure": 5.9, "least_ratio": 3.0}, "**missed**"),
    ],
)
def test_a_row_is_kept_where_each_of_its_bounds_is(
    benchmarks: ModuleType, changes: dict[str, Any], verdict: str
) -> None:
    assert benchmarks.verdict(row(**changes)) == verdict


def test_the_table_names_machine_peer_ratio_and_bound(benchmarks: ModuleType, tmp_path: Path) -> None:
    measured = row(peer="NumPy 2.4", peer_figure=5.0, most=10.0, most_mb=100.0)
    (tmp_path / "find.json").write_text(json.dumps({"machine": MACHINE, "rows": [measured]}), "utf-8")
    table = benchmarks.table_text([tmp_path / "find.json"])
    assert "becalm 0.1.0 at abc1234, 2026-11-30" in table
    assert "2 cores, load 0.4 to 1.2" in table
    assert "| list | 2 s | NumPy 2.4 | 5 s | 2.50 | 90 MB | ≤ 10 s; peak ≤ 100 MB | kept |" in table
