"""`becalm patrol certificate`: how well can the visits of a log be foretold?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.patrol.core.certificate import AttackSettings
from becalm.terms import UsageError, WorkspaceError

USUAL = AttackSettings()
USUAL_ZONE = "Europe/London"


def certificate(
    context: typer.Context,
    visits: Annotated[
        Path,
        typer.Argument(help="A csv of visits, made by whatever system: hotspot, start, end in each row."),
    ],
    train_days: Annotated[
        int, typer.Option(help="How many days the attacker has watched.")
    ] = USUAL.train_days,
    test_days: Annotated[int, typer.Option(help="How many days are then foretold.")] = USUAL.test_days,
    seeds: Annotated[int, typer.Option(help="How often the attack is repeated.")] = USUAL.seeds,
    seed: Annotated[int, typer.Option(help="The first seed: the same one gives the same answer.")] = 1,
    hotspot_column: Annotated[str, typer.Option(help="The column that names the hotspot.")] = "hotspot",
    start_column: Annotated[str, typer.Option(help="The column with the start of a visit.")] = "start",
    end_column: Annotated[str, typer.Option(help="The column with its end.")] = "end",
    unit_column: Annotated[str, typer.Option(help="The column that names the unit, if any.")] = "unit",
    area_column: Annotated[str, typer.Option(help="The column that names the area, if any.")] = "area",
    time_zone: Annotated[
        str | None,
        typer.Option(
            help="Whose clock tells the days, and the times that carry no zone.",
            show_default=f"the workspace's; outside of one {USUAL_ZONE}",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Test any log of visits: what does an attacker gain who has watched every visit so far?"""
    zone = time_zone or _zone_of(context, workspace)
    _refuse_unknown(zone)
    settings = AttackSettings(train_days=train_days, test_days=test_days, seeds=seeds)

    from becalm.patrol.cli.certificate_view import print_certificate
    from becalm.patrol.core.request import VisitColumns
    from becalm.patrol.desk.visits import certificate as ask

    columns = VisitColumns(hotspot_column, start_column, end_column, unit_column, area_column)
    print_certificate(ask(visits, columns=columns, settings=settings, time_zone=zone, seed=seed), format)


def _zone_of(context: typer.Context, workspace: Path | None) -> str:
    """The zone of the workspace that was named or is here; a log can be tested without any."""
    try:
        return desk_of(context, workspace).workspace.config.city.time_zone
    except WorkspaceError:
        if workspace is not None:
            raise
        return USUAL_ZONE


def _refuse_unknown(zone: str) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(f"{zone!r} is no time zone. Give one by its place, e.g. Europe/London.") from error
