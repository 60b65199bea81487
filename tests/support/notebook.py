"""Runs a notebook's cells with plain Python, and writes what they gave.

`python tests/support/notebook.py docs/notebooks/find.ipynb` runs all cells and keeps what they gave.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Output = dict[str, Any]


def run_cells(notebook: dict[str, Any]) -> Iterator[list[Output]]:
    """The outputs of each code cell, in order; all cells share their names."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(notebook), start=1):
        yield list(_run("".join(cell["source"]), names, number))


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells that hold code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _run(source: str, names: dict[str, Any], number: int) -> Iterator[Output]:
    tree, printed, value = ast.parse(source), io.StringIO(), None
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    if printed.getvalue():
        yield {"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(True)}
    if value is not None:
        svg = getattr(value, "_repr_svg_", None)
        shown = (
            {"image/svg+xml": svg().splitlines(True)} if svg else {"text/plain": repr(value).splitlines(True)}
        )
        yield {"data": shown, "execution_count": number, "metadata": {}, "output_type": "execute_result"}


def keep_outputs(path: Path) -> None:
    """Run the notebook and write its outputs into it."""
    notebook = json.loads(path.read_text("utf-8"))
    for number, (cell, outputs) in enumerate(
        zip(code_cells(notebook), run_cells(notebook), strict=True), start=1
    ):
        cell["outputs"], cell["execution_count"] = outputs, number
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    keep_outputs(Path(sys.argv[1]))
