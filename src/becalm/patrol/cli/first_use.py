"""What every command that draws patrols says on its first use: the planner is compiled."""

from __future__ import annotations

import typer


def say_first_use() -> None:
    """Say why the first plan on a machine takes longer."""
    from becalm.patrol.desk.plan import FIRST_USE, is_first_use

    if is_first_use():
        typer.echo(FIRST_USE, err=True)
