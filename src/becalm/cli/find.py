"""`becalm find`: list the hotspots, and test how well they would have been found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.cli.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.cli.shared_options import with_options
from becalm.terms.errors import UsageError

if TYPE_CHECKING:
    from becalm.desk.find import FindQuestion

app = typer.Typer(no_args_is_help=True, help="Find the micro-places that carry street violence.")

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
        from becalm.desk.find import FindQuestion
        from becalm.find.settings import FindSettings

        return FindQuestion(
            target=tuple(self.target or ()),
            cell_m=self.cell_m,
            since=_month(self.since),
            until=_month(self.until),
            source=self.source,
            as_of=self.as_of.date() if self.as_of else None,
            settings=FindSettings(count=self.count, separation_m=separation_m),
        )


@app.command("hotspots")
@with_options(Asked, "asked")
def hotspots(
    context: typer.Context,
    asked: Asked,
    separation_m: Annotated[
        float, typer.Option(help="The least distance between the centres of two listed places.")
    ] = 0.0,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Also write the list to this .geojson, .gpkg or .csv; repeat it for several.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the places that will carry most of the target offences, each with how sure it is."""
    from becalm.cli.find_view import print_hotspots
    from becalm.desk.find import find_hotspots

    files = tuple(out or ())
    question = asked.question(separation_m=separation_m)
    found = find_hotspots(desk_of(context, asked.workspace), question, seed=asked.seed, out=files)
    print_hotspots(found, asked.format, files)


@app.command("backtest")
@with_options(Asked, "asked")
def backtest(
    context: typer.Context,
    asked: Asked,
    area_share: Annotated[float, typer.Option(help="The share of the area that PAI is taken at.")] = 0.01,
    origins: Annotated[int, typer.Option(help="How many months to foretell, the last ones on record.")] = 12,
) -> None:
    """Test every method on the last months, each foretold from the months before it alone."""
    from becalm.cli.find_view import print_backtest
    from becalm.desk.find import backtest as run_backtest

    done = run_backtest(
        desk_of(context, asked.workspace),
        asked.question(),
        area_share=area_share,
        origins=origins,
        seed=asked.seed,
    )
    print_backtest(done, asked.format)


def _month(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise UsageError(f"{text!r} is not a month. Write it YYYY-MM, e.g. 2020-04.")
    return text
