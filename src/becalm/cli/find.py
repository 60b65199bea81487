"""`becalm find`: list the hotspots, and test how well they would have been found."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.cli.options import Format, FormatOption, WorkspaceOption, desk_of
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


@app.command("hotspots")
def hotspots(
    context: typer.Context,
    target: Target = None,
    cell_m: CellM = 150.0,
    count: Count = 250,
    separation_m: Annotated[
        float, typer.Option(help="The least distance between the centres of two listed places.")
    ] = 0.0,
    since: Since = None,
    until: Until = None,
    source: SourceName = None,
    as_of: AsOf = None,
    seed: Seed = None,
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
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """List the places that will carry most of the target offences, each with how sure it is."""
    from becalm.cli.find_view import print_hotspots
    from becalm.desk.find import find_hotspots

    asked = question_of(target, cell_m, count, separation_m, since, until, source, as_of)
    files = tuple(out or ())
    found = find_hotspots(desk_of(context, workspace), asked, seed=seed, out=files)
    print_hotspots(found, format, files)


@app.command("backtest")
def backtest(
    context: typer.Context,
    target: Target = None,
    cell_m: CellM = 150.0,
    area_share: Annotated[float, typer.Option(help="The share of the area that PAI is taken at.")] = 0.01,
    count: Count = 250,
    origins: Annotated[int, typer.Option(help="How many months to foretell, the last ones on record.")] = 12,
    since: Since = None,
    until: Until = None,
    source: SourceName = None,
    as_of: AsOf = None,
    seed: Seed = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Test every method on the last months, each foretold from the months before it alone."""
    from becalm.cli.find_view import print_backtest
    from becalm.desk.find import backtest as run_backtest

    asked = question_of(target, cell_m, count, 0.0, since, until, source, as_of)
    done = run_backtest(desk_of(context, workspace), asked, area_share=area_share, origins=origins, seed=seed)
    print_backtest(done, format)


def question_of(
    target: list[str] | None,
    cell_m: float,
    count: int,
    separation_m: float,
    since: str | None,
    until: str | None,
    source: str | None,
    as_of: datetime | None,
) -> FindQuestion:
    """The question that these options ask."""
    from becalm.desk.find import FindQuestion
    from becalm.find.settings import FindSettings

    return FindQuestion(
        target=tuple(target or ()),
        cell_m=cell_m,
        since=_month(since),
        until=_month(until),
        source=source,
        as_of=as_of.date() if as_of else None,
        settings=FindSettings(count=count, separation_m=separation_m),
    )


def _month(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise UsageError(f"{text!r} is not a month. Write it YYYY-MM, e.g. 2020-04.")
    return text
