"""`becalm divert`: whom do we offer help by a published rule, who approved it, and what came of it?"""

import typer

from becalm.console.command import command
from becalm.divert.cli import cases, people, programme, rights
from becalm.divert.cli.visits import commands as visits
from becalm.divert.core import request as ask

app = typer.Typer(
    no_args_is_help=True,
    help="Offer help by a published rule that two people apply; never a score that nobody can explain.",
)
command(app, "load", ask.LoadRequest)(people.load)
command(app, "match", ask.MatchRequest)(cases.match)
PRINT_ENDINGS = (".json", ".csv", ".xlsx", ".html", ".pdf")
command(app, "rule", ask.RuleRequest)(programme.rule)
command(app, "list", ask.ListRequest)(people.list_persons)
command(app, "queue", ask.QueueRequest)(people.queue)
command(app, "explain", ask.ExplainRequest, endings=PRINT_ENDINGS)(people.explain)
command(app, "nominate", ask.NominateRequest)(cases.nominate)
command(app, "screen", ask.ScreenRequest)(cases.screen)
command(app, "approve", ask.DecideRequest)(cases.approve)
command(app, "agree", ask.DecideRequest)(cases.agree)
command(app, "decline", ask.DeclineRequest)(cases.decline)
command(app, "remove", ask.RemoveRequest)(cases.remove)
command(app, "disparity", ask.DisparityRequest, endings=PRINT_ENDINGS)(programme.disparity)
command(app, "challenge", ask.ChallengeRequest)(rights.challenge)
command(app, "restrict", ask.RestrictRequest)(rights.restrict)
command(app, "who", ask.WhoRequest)(rights.who)
command(app, "letter", ask.LetterRequest, endings=PRINT_ENDINGS)(rights.letter)
command(app, "sar", ask.AccessPackRequest, has_files=False)(rights.sar)
command(app, "keys", ask.KeysRequest)(programme.keys)
command(app, "govern", ask.GovernRequest, has_files=False)(programme.govern)
command(app, "rights", ask.RightsRequest)(programme.server_rights)
command(app, "purge", ask.PurgeRequest)(rights.purge)
visits.register(app)
