"""`becalm find clusters | near-repeats | outbreaks`: why places are on the list. They never choose it."""

from __future__ import annotations

from typing import Annotated

import typer

from becalm.cli.find_asked import Asked
from becalm.cli.options import desk_of
from becalm.cli.shared_options import with_options

Orders = Annotated[int, typer.Option(help="How many random orders the figures are held against.", min=19)]
Level = Annotated[float, typer.Option(help="The error rate below which something is called out.")]


def register(app: typer.Typer) -> None:
    """Hang the three commands on `becalm find`."""
    app.command("clusters")(clusters)
    app.command("near-repeats")(near_repeats)
    app.command("outbreaks")(outbreaks)


@with_options(Asked, "asked")
def clusters(
    context: typer.Context,
    asked: Asked,
    months: Annotated[int, typer.Option(help="Clusters of how many last months.")] = 12,
    period_months: Annotated[int, typer.Option(help="The length of each period of the history.")] = 3,
    adjust: Annotated[
        str, typer.Option(help="BH (false discovery rate), BY (the same under any dependence) or Holm.")
    ] = "BH",
    level: Level = 0.05,
) -> None:
    """Say which listed places stand out with their neighbours (Gi*, local Moran), and since when."""
    from typing import cast

    from becalm.cli.find_explain_view import print_clusters
    from becalm.desk.find_explain import Clusters
    from becalm.desk.find_explain import clusters as explain
    from becalm.methods.multiplicity import Adjustment

    how = Clusters(months, period_months, cast("Adjustment", adjust), level)
    told = explain(desk_of(context, asked.workspace), asked.question(), how, seed=asked.seed)
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
    """Say whether after one incident another one nearby soon is likelier than chance alone explains."""
    from becalm.cli.find_explain_view import edges_of, print_near_repeats
    from becalm.desk.find_explain import Repeats
    from becalm.desk.find_explain import near_repeats as explain

    how = Repeats(
        edges_of(metres, "--metres"),
        tuple(int(edge) for edge in edges_of(days, "--days")),
        orders,
        "manhattan" if manhattan else "euclidean",
    )
    told = explain(desk_of(context, asked.workspace), asked.question(), how, seed=asked.seed)
    print_near_repeats(told, asked.format)


@with_options(Asked, "asked", without=("count",))
def outbreaks(
    context: typer.Context,
    asked: Asked,
    radius_m: Annotated[float, typer.Option(help="The greatest radius of a circle, in metres.")] = 1000.0,
    longest_months: Annotated[int, typer.Option(help="The longest an outbreak may last.")] = 3,
    orders: Orders = 199,
    level: Level = 0.05,
) -> None:
    """Say where and when there was suddenly more than that place and that time explain."""
    from becalm.cli.find_explain_view import print_outbreaks
    from becalm.desk.find_explain import Scan
    from becalm.desk.find_explain import outbreaks as explain

    how = Scan(radius_m, longest_months, orders, level)
    told = explain(desk_of(context, asked.workspace), asked.question(), how, seed=asked.seed)
    print_outbreaks(told, asked.format)
