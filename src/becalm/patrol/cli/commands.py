"""`becalm patrol`: bursts at random times, committed to before they are drawn, and proved afterwards.

Each command stands in a module of its own, `cli/patrol_<command>.py`, and is hung on the app here.
"""

from __future__ import annotations

import typer

from becalm.patrol.cli import (
    capacity as patrol_capacity,
)
from becalm.patrol.cli import (
    certificate as patrol_certificate,
)
from becalm.patrol.cli import (
    check as patrol_check,
)
from becalm.patrol.cli import (
    delivered as patrol_delivered,
)
from becalm.patrol.cli import (
    next as patrol_next,
)
from becalm.patrol.cli import (
    open as patrol_open,
)
from becalm.patrol.cli import (
    override as patrol_override,
)
from becalm.patrol.cli import (
    plan as patrol_plan,
)
from becalm.patrol.cli import (
    price as patrol_price,
)
from becalm.patrol.cli import (
    replan as patrol_replan,
)
from becalm.patrol.cli import (
    trial as patrol_trial,
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
