"""`becalm patrol`: bursts at random times, committed to before they are drawn, and proved afterwards."""

import typer

from becalm.console.command import command
from becalm.patrol.cli.blackouts import blackout, blackouts, end_blackout
from becalm.patrol.cli.capacity import capacity
from becalm.patrol.cli.certificate import certificate
from becalm.patrol.cli.chances import chances
from becalm.patrol.cli.finished_plan import board, check, forecast, next_, price, sheet
from becalm.patrol.cli.plan import commit, plan
from becalm.patrol.cli.replan_and_reveal import audit, replan, replay, reveal, share
from becalm.patrol.cli.returns import burden, return_
from becalm.patrol.cli.trial import override, trial
from becalm.patrol.cli.visits import delivered
from becalm.patrol.core import request as requests

app = typer.Typer(
    no_args_is_help=True, help="Plan bursts at random times that nobody can predict, and prove it."
)
command(app, "capacity", requests.CapacityRequest)(capacity)
command(app, "certificate", requests.CertificateRequest)(certificate)
command(app, "check", requests.CheckRequest)(check)
command(app, "commit", requests.CommitRequest)(commit)
command(app, "share", requests.ShareRequest)(share)
command(app, "plan", requests.PlanRequest, has_files=False)(plan)
command(app, "next", requests.NextRequest)(next_)
command(app, "board", requests.BoardRequest, endings=(".html", ".json", ".csv", ".xlsx"))(board)
command(app, "sheet", requests.SheetRequest, has_files=False)(sheet)
command(app, "forecast", requests.ForecastRequest)(forecast)
command(app, "price", requests.PriceRequest)(price)
command(app, "chances", requests.ChancesRequest)(chances)
command(app, "replan", requests.ReplanRequest)(replan)
command(app, "reveal", requests.RevealRequest)(reveal)
command(app, "replay", requests.ReplayRequest)(replay)
command(app, "audit", requests.AuditRequest, endings=(".html", ".json", ".csv", ".xlsx"))(audit)
command(app, "delivered", requests.DeliveredRequest, has_files=False)(delivered)
command(app, "return", requests.ReturnRequest, endings=(".html", ".json", ".csv", ".xlsx"))(return_)
command(app, "burden", requests.BurdenRequest, endings=(".html", ".json", ".csv", ".xlsx"))(burden)
command(app, "trial", requests.TrialRequest, has_files=False, days=84)(trial)
command(app, "override", requests.OverrideRequest)(override)
command(app, "blackout", requests.BlackoutRequest)(blackout)
command(app, "blackouts", requests.BlackoutListRequest)(blackouts)
command(app, "end-blackout", requests.BlackoutEndRequest)(end_blackout)
