"""Every notebook of the manual runs from its first cell to its last, and still gives what it shows."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from notebook import Output, code_cells, run_cells

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "docs" / "notebooks").glob("*.ipynb"))
LARGEST_BYTES = 60_000


def words_of(outputs: list[Output]) -> list[str]:
    """What outputs say without their figures, which may move as the score is bettered."""
    texts = [o["text"] if o["output_type"] == "stream" else [*o["data"]] for o in outputs]
    return [" ".join(re.sub(r"[-+]?\d[\d.,_]*", "#", "".join(text)).split()) for text in texts]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_gives_what_it_shows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # as where the environment that holds becalm is active
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = json.loads(path.read_text("utf-8"))
    for cell, outputs in zip(code_cells(notebook), run_cells(notebook), strict=True):
        assert words_of(outputs) == words_of(cell["outputs"]), (
            f"{path.name}: keep the new outputs with `python tests/support/notebook.py {path.name}`"
        )


def test_there_is_a_notebook_and_each_is_small():
    assert NOTEBOOKS
    assert all(path.stat().st_size < LARGEST_BYTES for path in NOTEBOOKS)
