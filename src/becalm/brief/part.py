"""The part of one job in the briefing: what it says, or what it needs before it can say anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from becalm.desk import Desk
from becalm.terms import RunRecord


@dataclass(frozen=True, slots=True)
class PartTable:
    """A table of a part: every cell is text; the first `word_columns` columns are words, the rest numbers."""

    caption: str
    note: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    word_columns: int = 1


@dataclass(frozen=True, slots=True)
class BriefingPart:
    """What one job says in the briefing.

    `needs` says what is missing where the part is left out, and what to do; everything else is empty then.
    `charts` are pictures as they stand in the page; `files` are written beside it, by name.
    """

    job: str
    heading: str
    needs: str = ""
    lead: str = ""
    paragraphs: tuple[str, ...] = ()
    charts: tuple[Markup, ...] = ()
    tables: tuple[PartTable, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0  # how long it took to make; never in the page


Pins = Mapping[str, Any]  # what a run keeps of a part, as JSON, so that the part can be made again


@dataclass(frozen=True, slots=True)
class PartMaker:
    """How the part of one job is made.

    `make` is given a desk whose records are held still, and the run; with `pins` it repeats an earlier part
    from them, without it asks the job. It gives the part and its pins, and raises QuestionError or UsageError
    where the part must be left out. `find_needs` says quickly what is missing; "" where nothing is.
    """

    job: str
    heading: str
    make: Callable[[Desk, RunRecord, Pins | None], tuple[BriefingPart, Pins]]
    find_needs: Callable[[Desk], str] = lambda _desk: ""
