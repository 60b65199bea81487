"""`becalm find`: list the hotspots, and test how well they would have been found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from becalm.console.options import desk_of
from becalm.console.shared_options import with_options
from becalm.find.cli import rules as find_rules
from becalm.find.cli import split as find_split
from becalm.find.cli.harm import AskedOfRank
from becalm.find.cli.units import AskedOfPlaces

app = typer.Typer(no_args_is_help=True, help="Find the micro-places that carry street violence.")
find_rules.register(app)
find_split.register(app)

FinderName = Annotated[
    str, typer.Option("--finder", help="What chooses the places: becalm's own or a plug-in.")
]


@app.command("hotspots")
@with_options(AskedOfRank, "asked")
def hotspots(
    context: typer.Context,
    asked: AskedOfRank,
    finder: FinderName = "blend",
    challenger: Annotated[
        bool,
        typer.Option("--challenger", help="Let boosted trees choose, if a back-test says that they win."),
    ] = False,
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
    from becalm.find.cli.view import print_hotspots
    from becalm.find.desk.hotspots import find_hotspots

    files = tuple(out or ())
    question = asked.question_of_rank()
    desk = desk_of(context, asked.workspace)
    found = find_hotspots(desk, question, seed=asked.seed, finder=finder, challenger=challenger, out=files)
    print_hotspots(found, asked.format, files)


@app.command("backtest")
@with_options(AskedOfPlaces, "asked")
def backtest(
    context: typer.Context,
    asked: AskedOfPlaces,
    finder: FinderName = "blend",
    challenger: Annotated[
        bool, typer.Option("--challenger", help="Set boosted trees (LightGBM) beside the other methods.")
    ] = False,
    area_share: Annotated[float, typer.Option(help="The share of the area that PAI is taken at.")] = 0.01,
    origins: Annotated[int, typer.Option(help="How many months to foretell, the last ones on record.")] = 12,
) -> None:
    """Test every method on the last months, each foretold from the months before it alone."""
    from becalm.find.cli.backtest_view import print_backtest
    from becalm.find.desk.hotspots import backtest as run_backtest

    done = run_backtest(
        desk_of(context, asked.workspace),
        asked.question_of_places(),
        area_share=area_share,
        origins=origins,
        seed=asked.seed,
        finder="challenger" if challenger else finder,
    )
    print_backtest(done, asked.format)
