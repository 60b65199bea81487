"""`becalm find clusters | near-repeats | outbreaks`: why places are on the list. They never choose it."""

from __future__ import annotations

from typing import Annotated

import typer

from becalm.cli.find import AsOf, CellM, Count, Seed, Since, SourceName, Target, Until, question_of
from becalm.cli.options import Format, FormatOption, WorkspaceOption, desk_of

Orders = Annotated[int, typer.Option(help="How many random orders the figures are held against.", min=19)]
Level = Annotated[float, typer.Option(help="The error rate below which something is called out.")]


def register(app: typer.Typer) -> None:
    """Hang the three commands on `becalm find`."""
    app.command("clusters")(clusters)
    app.command("near-repeats")(near_repeats)
    app.command("outbreaks")(outbreaks)


def clusters(
    context: typer.Context,
    target: Target = None,
    cell_m: CellM = 150.0,
    count: Count = 250,
    months: Annotated[int, typer.Option(help="Clusters of how many last months.")] = 12,
    period_months: Annotated[int, typer.Option(help="The length of each period of the history.")] = 3,
    adjust: Annotated[
        str, typer.Option(help="BH (false discovery rate), BY (the same under any dependence) or Holm.")
    ] = "BH",
    level: Level = 0.05,
    since: Since = None,
    until: Until = None,
    source: SourceName = None,
    as_of: AsOf = None,
    seed: Seed = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Say which listed places stand out with their neighbours (Gi*, local Moran), and since when."""
    from typing import cast

    from becalm.cli.find_explain_view import print_clusters
    from becalm.desk.find_explain import Clusters
    from becalm.desk.find_explain import clusters as explain
    from becalm.methods.multiplicity import Adjustment

    asked = question_of(target, cell_m, count, 0.0, since, until, source, as_of)
    how = Clusters(months, period_months, cast("Adjustment", adjust), level)
    print_clusters(explain(desk_of(context, workspace), asked, how, seed=seed), format)


def near_repeats(
    context: typer.Context,
    target: Target = None,
    metres: Annotated[
        str, typer.Option(help="The upper edges of the bands of distance, in metres.")
    ] = "100,200,400",
    days: Annotated[str, typer.Option(help="The upper edges of the bands of delay, in days.")] = "7,14,28",
    manhattan: Annotated[
        bool, typer.Option("--manhattan", help="Measure distance along the axes, as blocks do.")
    ] = False,
    orders: Orders = 999,
    since: Since = None,
    until: Until = None,
    source: SourceName = None,
    as_of: AsOf = None,
    seed: Seed = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Say whether after one incident another one nearby soon is likelier than chance alone explains."""
    from becalm.cli.find_explain_view import edges_of, print_near_repeats
    from becalm.desk.find_explain import Repeats
    from becalm.desk.find_explain import near_repeats as explain

    asked = question_of(target, 150.0, 250, 0.0, since, until, source, as_of)
    how = Repeats(
        edges_of(metres, "--metres"),
        tuple(int(edge) for edge in edges_of(days, "--days")),
        orders,
        "manhattan" if manhattan else "euclidean",
    )
    print_near_repeats(explain(desk_of(context, workspace), asked, how, seed=seed), format)


def outbreaks(
    context: typer.Context,
    target: Target = None,
    cell_m: CellM = 150.0,
    radius_m: Annotated[float, typer.Option(help="The greatest radius of a circle, in metres.")] = 1000.0,
    longest_months: Annotated[int, typer.Option(help="The longest an outbreak may last.")] = 3,
    orders: Orders = 199,
    level: Level = 0.05,
    since: Since = None,
    until: Until = None,
    source: SourceName = None,
    as_of: AsOf = None,
    seed: Seed = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Say where and when there was suddenly more than that place and that time explain."""
    from becalm.cli.find_explain_view import print_outbreaks
    from becalm.desk.find_explain import Scan
    from becalm.desk.find_explain import outbreaks as explain

    asked = question_of(target, cell_m, 250, 0.0, since, until, source, as_of)
    how = Scan(radius_m, longest_months, orders, level)
    print_outbreaks(explain(desk_of(context, workspace), asked, how, seed=seed), format)
