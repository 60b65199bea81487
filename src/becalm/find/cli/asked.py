"""The options that every question of find shares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption
from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.find.desk.hotspots import FindQuestion

Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        "-t",
        help="An offence group to look for; repeat it for several. Without it: all street violence.",
        show_default=False,
    ),
]
CellM = Annotated[float, typer.Option(help="The side of a cell in metres.")]
Count = Annotated[int, typer.Option(help="How many places to list.")]
Since = Annotated[
    str | None, typer.Option(metavar="MONTH", help="Learn from this month on (YYYY-MM).", show_default=False)
]
Until = Annotated[
    str | None,
    typer.Option(metavar="MONTH", help="Learn up to this month, included (YYYY-MM).", show_default=False),
]
SourceName = Annotated[
    str | None, typer.Option(help="The source to use, where there are several.", show_default=False)
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="The records as they were known on this day.", show_default=False
    ),
]
Seed = Annotated[
    int | None, typer.Option(help="The seed of a former run, to repeat it exactly.", show_default=False)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options that every question of find shares, as they were given."""

    target: Target = None
    cell_m: CellM = 150.0
    count: Count = 250
    since: Since = None
    until: Until = None
    source: SourceName = None
    as_of: AsOf = None
    seed: Seed = None
    workspace: WorkspaceOption = None
    format: FormatOption = Format.table

    def question(self, *, separation_m: float = 0.0) -> FindQuestion:
        """What is asked, for the desk."""
        from becalm.find.core.settings import FindSettings
        from becalm.find.desk.hotspots import FindQuestion

        return FindQuestion(
            target=tuple(self.target or ()),
            cell_m=self.cell_m,
            since=_month(self.since),
            until=_month(self.until),
            source=self.source,
            as_of=self.as_of.date() if self.as_of else None,
            settings=FindSettings(count=self.count, separation_m=separation_m),
        )


def _month(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise UsageError(f"{text!r} is not a month. Write it YYYY-MM, e.g. 2020-04.")
    return text
