"""A mapping in the making: which columns are taken already, and which doubts stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from becalm.formats.sheet import Sheet
from becalm.ingest.locate import Locator
from becalm.ingest.propose.column_profile import Look
from becalm.terms import OffenceTable

SAY: Final = {
    "occurred_from": r"occur|commit|from|start|^dt$|date|time|when",
    "occurred_to": r"(occur|commit).*(to|end|until|last)|(^|_)(to|end)(_|$)",
    "recorded_on": r"record|report|creat|enter|input",
    "hour": r"hour|(^|_)hr(_|$)",
    "id": r"(^|[_\W])(id|ref|reference|number|no|key|urn|crn)([_\W]|$)|crime_?ref|case",
    "borough": r"borough|district_?name|lad_?name|local_?authority",
    "ward": r"ward|neighbou?rhood|beat",
    "lsoa": r"lsoa",
    "command_unit": r"command|bcu|(^|_)unit|precinct|division|district",
    "found_by": r"found_?by|discover",
    "weapon": r"weapon",
    "injury": r"injur",
    "victim_age": r"vic\w*_?age|age_?(band|range|group)?$",
    "outcome": r"outcome|disposal|status",
}


@dataclass
class Draft:
    """The mapping in the making; columns are taken once."""

    sheet: Sheet
    looks: tuple[Look, ...]
    tables: Mapping[str, OffenceTable]
    locator: Locator
    taken: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)

    def free(self) -> Iterator[Look]:
        """Columns that nothing uses yet."""
        return (look for look in self.looks if look.column not in self.taken)

    def take(self, what: str, among: Sequence[Look] | None = None) -> Look | None:
        """The first free column whose name says so."""
        named = (k for k in self.free() if re.search(SAY[what], k.column, re.IGNORECASE))
        found = next((k for k in named if among is None or k in among), None)
        if found is not None:
            self.taken.add(found.column)
        return found
