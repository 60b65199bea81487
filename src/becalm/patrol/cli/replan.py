"""`becalm patrol replan`: somebody is sick, called away or makes an arrest; the rest is drawn anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.patrol.cli.first_use import say_first_use
from becalm.patrol.cli.next import INSTANT_HELP, Plan, instant_of

if TYPE_CHECKING:
    from becalm.patrol.desk.replan import PlanReplanned


def replan(
    context: typer.Context,
    plan: Plan,
    reason: Annotated[str, typer.Option(help="Why: it stays in the ledger.")],
    at: Annotated[str | None, typer.Option("--from", help=INSTANT_HELP, show_default=False)] = None,
    unit: Annotated[str, typer.Option(help="The unit whose tour is drawn anew.", show_default=False)] = "",
    area: Annotated[
        str, typer.Option(help="Or every unit of this area that is on duty.", show_default=False)
    ] = "",
    off_duty: Annotated[
        bool, typer.Option("--off-duty", help="The unit is gone for the rest of its tour.")
    ] = False,
    busy_until: Annotated[
        str | None, typer.Option(help="The unit is free again from then on.", show_default=False)
    ] = None,
    stop: Annotated[
        str,
        typer.Option(help="The hotspot or base that it goes on from.", show_default="where its tour ends up"),
    ] = "",
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Draw the rest of a tour anew from where the unit is; the bursts that have begun stay."""
    from becalm.patrol.desk.replan import ReplanQuestion, replan_patrol

    say_first_use()
    desk = desk_of(context, workspace)
    zone = desk.workspace.city.time_zone
    question = ReplanQuestion(
        at=desk.now() if at is None else instant_of(at, zone),
        reason=reason,
        unit=unit,
        area=area,
        off_duty=off_duty,
        free_from=instant_of(busy_until, zone) if busy_until else None,
        stop=stop,
    )
    _print(replan_patrol(desk, plan, question), format)


def _print(made: PlanReplanned, format: Format) -> None:
    held = {
        "folder": str(made.folder),
        "replan": made.index,
        "units": list(made.units),
        "dropped": made.dropped,
        "drawn": len(made.fresh),
        "commitment": made.plan.commitment["commitment"],
    }
    if format is Format.json:
        typer.echo(json.dumps(held, indent=2, ensure_ascii=False))
    elif format is Format.csv:
        from becalm.render.spreadsheet import csv_text

        typer.echo(csv_text(("replan", "unit"), ((made.index, unit) for unit in made.units)), nl=False)
    else:
        units = ", ".join(made.units)
        typer.echo(f"Re-plan {made.index} of {units}: {fell_away(made.dropped, len(made.fresh))}.")
        typer.echo(f"The plan in {made.folder} is the new one; the ledger holds its number and its reason.")


def fell_away(dropped: int, fresh: int) -> str:
    """How many bursts a re-plan took away, and how many it drew, in words."""
    return f"{dropped} burst{'s' * (dropped != 1)} fell away, {fresh} {'is' if fresh == 1 else 'are'} new"
