"""`becalm find clusters | near-repeats | outbreaks`: why places are on the list. They never choose it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from becalm.console.options import desk_of
from becalm.console.shared_options import with_options
from becalm.find.cli.asked import Asked
from becalm.find.cli.units import AskedOfPlaces

Orders = Annotated[int, typer.Option(help="How many random orders the figures are held against.", min=19)]
Level = Annotated[float, typer.Option(help="The error rate below which something is called out.")]


class StepOfTime(StrEnum):
    """What runs are counted in."""

    month = "month"
    week = "week"
    day = "day"


def register(app: typer.Typer) -> None:
    """Hang the three commands on `becalm find`."""
    app.command("clusters")(clusters)
    app.command("near-repeats")(near_repeats)
    app.command("outbreaks")(outbreaks)


@with_options(AskedOfPlaces, "asked", without=("seed",))
def clusters(
    context: typer.Context,
    asked: AskedOfPlaces,
    months: Annotated[int, typer.Option(help="Clusters of how many last months.")] = 12,
    period_months: Annotated[int, typer.Option(help="The length of each period of the history.")] = 3,
    adjust: Annotated[
        str, typer.Option(help="BH (false discovery rate), BY (the same under any dependence) or Holm.")
    ] = "BH",
    level: Level = 0.05,
) -> None:
    """Say which listed places stand out with their neighbours (Gi*, local Moran), and since when."""
    from typing import cast

    from becalm.find.cli.explain_view import print_clusters
    from becalm.find.desk.explain import Clusters
    from becalm.find.desk.explain import clusters as explain
    from becalm.find.desk.rules import RulesAsked
    from becalm.methods.multiplicity import Adjustment

    how = Clusters(months, period_months, cast("Adjustment", adjust), level)
    question = replace(asked.question_of_places(), rules=RulesAsked(overrides=True))
    told = explain(desk_of(context, asked.workspace), question, how)
    print_clusters(told, asked.format)


@with_options(Asked, "asked", without=("cell_m", "count"))
def near_repeats(
    context: typer.Context,
    asked: Asked,
    metres: Annotated[
        str, typer.Option(help="The upper edges of the bands of distance, in metres.")
    ] = "100,200,400",
    days: Annotated[str, typer.Option(help="The upper edges of the bands of delay, in days.")] = "7,14,28",
    manhattan: Annotated[
        bool, typer.Option("--manhattan", help="Measure distance along the axes, as blocks do.")
    ] = False,
    orders: Orders = 999,
) -> None:
    """Say whether after one incident another one nearby soon is likelier than chance alone explains.

    Pairs of points are counted, so there is no --unit: which places compete does not matter.
    """
    from becalm.find.cli.explain_view import days_of, edges_of, print_near_repeats
    from becalm.find.desk.explain import Repeats
    from becalm.find.desk.explain import near_repeats as explain

    how = Repeats(
        edges_of(metres, "--metres"),
        days_of(days, "--days"),
        orders,
        "manhattan" if manhattan else "euclidean",
    )
    told = explain(desk_of(context, asked.workspace), asked.question(), how, seed=asked.seed)
    print_near_repeats(told, asked.format)


@with_options(AskedOfPlaces, "asked", without=("count",))
def outbreaks(
    context: typer.Context,
    asked: AskedOfPlaces,
    radius_m: Annotated[float, typer.Option(help="The greatest radius of a circle, in metres.")] = 1000.0,
    step: Annotated[
        StepOfTime, typer.Option(help="What runs are counted in; weeks and days need records with days.")
    ] = StepOfTime.month,
    longest: Annotated[
        int | None,
        typer.Option(
            help="The longest an outbreak may last, in steps.", show_default="3 months, 4 weeks or 14 days"
        ),
    ] = None,
    orders: Orders = 199,
    level: Level = 0.05,
) -> None:
    """Say where and when there was suddenly more than that place and that time explain."""
    from becalm.find.cli.explain_view import print_outbreaks
    from becalm.find.core.outbreaks import ScanSettings
    from becalm.find.desk.explain import outbreaks as explain

    how = ScanSettings(radius_m, step.value, longest, orders, level)
    told = explain(desk_of(context, asked.workspace), asked.question_of_places(), how, seed=asked.seed)
    print_outbreaks(told, asked.format)
