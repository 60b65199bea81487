"""The commands of visits and help, hung on `becalm divert`."""

import typer

from becalm.console.command import command
from becalm.divert.cli.visits import calls, referrals, schedule
from becalm.divert.core.visits import request as requests


def register(app: typer.Typer) -> None:
    """Hang them on the app of divert."""
    visit = typer.Typer(
        no_args_is_help=True,
        help="Agree times, check, open the pack, and record what came of it.",
    )
    app.add_typer(visit, name="visit")
    command(app, "schedule", requests.ScheduleRequest, has_files=False)(schedule.schedule)
    command(app, "price", requests.PriceRequest)(schedule.price)
    command(visit, "appoint", requests.AppointRequest)(calls.appoint)
    command(visit, "wishes", requests.WishesRequest)(calls.wishes)
    command(visit, "check", requests.CheckRequest)(calls.check)
    command(visit, "pack", requests.PackRequest, endings=(".json", ".csv", ".xlsx", ".html"))(calls.pack)
    command(visit, "outcome", requests.OutcomeRequest)(calls.outcome)
    command(visit, "letter", requests.LetterRequest)(calls.letter)
    command(visit, "due", requests.DueRequest)(calls.due)
    command(app, "consent", requests.ConsentRequest)(referrals.consent)
    command(app, "refer", requests.ReferRequest)(referrals.refer)
    command(app, "session", requests.SessionRequest)(referrals.session_held)
    command(app, "funnel", requests.FunnelRequest)(referrals.funnel)
    command(app, "providers", requests.ProvidersRequest)(referrals.providers)
