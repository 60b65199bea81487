"""`becalm patrol`: bursts at random times, committed to before they are drawn, and proved afterwards.

Each command stands in a module of its own, `cli/patrol_<command>.py`, and is hung on the app here.
"""

from __future__ import annotations

import typer

from becalm.cli import (
    patrol_capacity,
    patrol_certificate,
    patrol_check,
    patrol_delivered,
    patrol_next,
    patrol_open,
    patrol_override,
    patrol_plan,
    patrol_price,
    patrol_replan,
    patrol_trial,
)

app = typer.Typer(
    no_args_is_help=True, help="Plan bursts at random times that nobody can predict, and prove it."
)
app.command("capacity")(patrol_capacity.capacity)
app.command("certificate")(patrol_certificate.certificate)
app.command("check")(patrol_check.check)
app.command("commit")(patrol_plan.commit)
app.command("plan")(patrol_plan.plan)
app.command("next")(patrol_next.next_)
app.command("sheet")(patrol_next.sheet)
app.command("forecast")(patrol_next.forecast)
app.command("price")(patrol_price.price)
app.command("replan")(patrol_replan.replan)
app.command("reveal")(patrol_open.reveal)
app.command("replay")(patrol_open.replay)
app.command("audit")(patrol_open.audit)
app.command("delivered")(patrol_delivered.delivered)
app.command("trial")(patrol_trial.trial)
app.command("override")(patrol_override.override)
