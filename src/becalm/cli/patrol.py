"""`becalm patrol`: bursts at random times, committed to before they are drawn, and proved afterwards.

Each command stands in a module of its own, `cli/patrol_<command>.py`, and is hung on the app here.
"""

from __future__ import annotations

import typer

from becalm.cli import patrol_capacity

app = typer.Typer(
    no_args_is_help=True, help="Plan bursts at random times that nobody can predict, and prove it."
)
app.command("capacity")(patrol_capacity.capacity)
