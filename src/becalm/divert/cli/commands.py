"""`becalm divert`: whom do we offer help by a published rule, who approved it, and what came of it?"""

import typer

from becalm.console.command import command
from becalm.divert.cli.people import explain, list_persons, load
from becalm.divert.core import request as requests

app = typer.Typer(
    no_args_is_help=True,
    help="Offer help by a published rule that two people apply; never a score that nobody can explain.",
)
command(app, "load", requests.LoadRequest)(load)
command(app, "list", requests.ListRequest)(list_persons)
command(app, "explain", requests.ExplainRequest, endings=(".json", ".csv", ".xlsx", ".html"))(explain)
