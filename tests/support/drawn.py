"""Tables of incidents as a person draws them, and the questions that are asked of them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import pyarrow as pa

from becalm.tables import INCIDENTS

PLAIN = {
    "source": "drawn",
    "file": "drawn",
    "found_by": "victim",
    "precision": "day",
    "offence": "as the source says",
    "offence_group": "robbery",
    "weapon": "unknown",
    "location_quality": "none",
    "as_of": date(2030, 1, 1),
}
DAYS = ("occurred_on", "recorded_on", "as_of")
NUMBERS = ("easting_m", "northing_m")


@dataclass(frozen=True)
class Spec:
    """One drawn table, the question asked of it and the answer."""

    incidents: str
    question: Callable[[Any], Any]
    answer: Any

    def as_markdown(self) -> str:
        asked = (self.question.__doc__ or self.question.__name__.replace("_", " ")).strip().splitlines()[0]
        drawn = textwrap.dedent(self.incidents).strip()
        return f"```\n{drawn}\n```\n\n{asked}\n\n```python\n{self.answer!r}\n```"


def drawn_incidents(text: str) -> ibis.Table:
    """An incidents table from a drawn one: `|` between cells, the first line names the columns.

    A column `day` gives the civil day and the month; `month` alone leaves the day unknown. `times`
    repeats a line. What is not drawn takes a plain value.
    """
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    head = _cells(lines[0])
    rows = [row for line in lines[1:] for row in _rows(dict(zip(head, _cells(line), strict=True)))]
    numbered = [{**row, "incident_id": str(i)} for i, row in enumerate(rows)]
    schema = INCIDENTS.to_pyarrow()
    return ibis.memtable(pa.Table.from_pylist(numbered, schema=schema), schema=INCIDENTS)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def _rows(drawn: dict[str, str]) -> list[dict[str, Any]]:
    cells: dict[str, Any] = {
        key: value or None for key, value in drawn.items() if key not in ("day", "times")
    }
    if "day" in drawn:
        cells |= {"occurred_on": drawn["day"], "month": drawn["day"][:7]}
    else:
        cells["precision"] = "month"
    cells |= {key: date.fromisoformat(cells[key]) for key in DAYS if cells.get(key)}
    cells |= {key: float(cells[key]) for key in NUMBERS if cells.get(key)}
    return [{**PLAIN, **cells}] * int(drawn.get("times", "1"))
