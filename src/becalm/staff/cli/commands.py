"""`becalm staff`: who is available, and where do they serve?"""

import typer

from becalm.console.command import command
from becalm.staff.cli.duty import answer, derogate, report, sheets
from becalm.staff.cli.outlook import forecast, what_if
from becalm.staff.cli.people import back, load, need
from becalm.staff.cli.privacy import access_pack, dpia, retention
from becalm.staff.cli.roster import absent, allocate, check, repeat
from becalm.staff.core import request as requests

app = typer.Typer(
    no_args_is_help=True, help="Forecast who is there, make lawful rosters with few changes, and judge them."
)
command(app, "load", requests.LoadRequest)(load)
command(app, "need", requests.NeedRequest)(need)
command(app, "forecast", requests.ForecastRequest)(forecast)
command(app, "allocate", requests.AllocateRequest, has_files=False)(allocate)
command(app, "check", requests.CheckRequest)(check)
command(app, "repeat", requests.RepeatRequest, has_files=False)(repeat)
command(app, "absent", requests.AbsentRequest, has_files=False)(absent)
command(app, "back", requests.BackRequest)(back)
command(app, "answer", requests.AnswerRequest)(answer)
command(app, "what-if", requests.WhatIfRequest)(what_if)
command(app, "report", requests.ReportRequest)(report)
command(app, "derogate", requests.DerogateRequest)(derogate)
command(app, "sheets", requests.SheetsRequest, has_files=False)(sheets)
command(app, "retention", requests.RetentionRequest)(retention)
command(app, "access-pack", requests.AccessPackRequest, has_files=False)(access_pack)
command(app, "dpia", requests.AssessmentRequest, has_files=False)(dpia)
