"""`becalm patrol override`: somebody did otherwise than the arm of a trial says, and why."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of

MOST = 0.10  # of place-days: beyond, a trial says little about what caused what


class Gave(StrEnum):
    """What a place may be given."""

    off = "off"
    low = "low"
    high = "high"


def override(
    context: typer.Context,
    trial: Annotated[Path, typer.Argument(help="The folder that `becalm patrol trial --out` wrote.")],
    hotspot: Annotated[str, typer.Option(help="The place.", show_default=False)],
    day: Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The day.", show_default=False)],
    gave: Annotated[Gave, typer.Option(help="What it was given instead.", show_default=False)],
    by: Annotated[str, typer.Option(help="Who decided it.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why, in a sentence.", show_default=False)],
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Record that a place of a trial was given something else on a day. It stays in its arm."""
    from becalm.patrol.core.trial import Override
    from becalm.patrol.desk.trial import override_arm

    asked = Override(hotspot, day.date(), gave.value, by, reason)
    made = override_arm(desk_of(context, workspace), trial, asked)
    told = {
        "hotspot": hotspot,
        "day": day.date().isoformat(),
        "arm": made.arm,
        "gave": gave.value,
        "overrides": made.overrides,
        "share": round(made.share, 6),
        "entry": made.entry,
    }
    if format is Format.json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif format is Format.csv:
        typer.echo(",".join(told))
        typer.echo(",".join(f'"{v}"' if "," in str(v) else str(v) for v in told.values()))
    else:
        typer.echo(f"{hotspot} stays in arm {made.arm} on {day:%Y-%m-%d}, and was given {gave.value}.")
        typer.echo(f"Recorded as entry {made.entry}. Overrides so far: {made.overrides} ({made.share:.1%}).")
        if made.share > MOST:
            typer.echo(f"More than {MOST:.0%} of place-days: the trial can hardly say what caused what.")
