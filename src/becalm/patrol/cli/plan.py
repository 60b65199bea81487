"""`becalm patrol commit` and `becalm patrol plan`: a sealed seed first, then the bursts that it gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.patrol.cli import options as given
from becalm.patrol.cli.first_use import say_first_use
from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.patrol.desk.plan import PlanMade, SeedCommitted

Out = Annotated[
    Path | None,
    typer.Option(help="The folder to write.", show_default="patrol/plan-DATE, in the workspace"),
]
Again = Annotated[
    str,
    typer.Option(
        "--again",
        metavar="REASON",
        help="Seal another seed for days that were committed to before. The reason stands in the plan and "
        "in the audit for all to see.",
        show_default=False,
    ),
]
Share = Annotated[
    str | None,
    typer.Option(
        "--overseer-share",
        metavar="FILE|HEX",
        help="An overseer's random bytes to mix into the seed: a file, or hex. Commit first, then ask.",
        show_default=False,
    ),
]
RevealDays = Annotated[
    int, typer.Option(min=0, help="Days after the last planned one from which the seed may be opened.")
]


@given.with_inputs()
def commit(
    context: typer.Context,
    asked: given.Inputs,
    again: Again = "",
    reveal_days: RevealDays = 28,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Seal a seed for these days, so that an overseer can bring a share before anything is drawn."""
    from becalm.patrol.desk.plan import commit_patrol

    say_first_use()
    made = commit_patrol(desk_of(context, workspace), asked.question(), again=again, reveal_days=reveal_days)
    _print_commitment(made, format)


@given.with_inputs()
def plan(
    context: typer.Context,
    asked: given.Inputs,
    out: Out = None,
    again: Again = "",
    overseer_share: Share = None,
    reveal_days: RevealDays = 28,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Plan bursts for every unit: the arithmetic first, then a sealed seed, then the draw."""
    from becalm.patrol.cli.capacity import print_table
    from becalm.patrol.desk.inputs import PatrolInputs
    from becalm.patrol.desk.plan import plan_patrol

    say_first_use()

    def arithmetic(inputs: PatrolInputs) -> None:
        if format is Format.table:
            print_table(inputs.capacity, inputs.notes)

    made = plan_patrol(
        desk_of(context, workspace),
        asked.question(),
        out=out,
        again=again,
        share=read_share(overseer_share),
        reveal_days=reveal_days,
        tell=arithmetic,
    )
    _print_plan(made, format, workspace)


def read_share(text: str | None) -> bytes:
    """An overseer's share from a file or from hex."""
    if text is None:
        return b""
    path = Path(text)
    held = path.read_bytes().strip() if len(text) < 256 and path.is_file() else text.encode()
    try:
        return bytes.fromhex(held.decode("ascii"))
    except ValueError:
        if path.is_file():
            return held
    raise UsageError(
        f"--overseer-share {text!r:.40} is neither a file nor hex. `openssl rand -hex 32` makes one."
    )


def _print_commitment(made: SeedCommitted, format: Format) -> None:
    story = made.story
    record = {
        "commitment": story.commitment,
        "entry": story.seq,
        "from": story.first_day.isoformat(),
        "days": story.days,
        "area": story.area,
        "inputs_sha256": made.inputs_sha256,
        "reveal_after": story.reveal_after.isoformat() if story.reveal_after else None,
        "again": story.reason,
    }
    if format is Format.json:
        typer.echo(json.dumps(record, indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(",".join(record))
        typer.echo(",".join(str(value if value is not None else "") for value in record.values()))
    else:
        typer.echo(
            f"Sealed a seed for {story.first_day} to {story.last_day}: entry {story.seq} of the ledger"
        )
        typer.echo(f"  commitment  {story.commitment}")
        typer.echo(f"  made from   {made.inputs_sha256}")
        typer.echo("Nothing is drawn yet. An overseer may now bring a share:")
        typer.echo(f"  becalm patrol plan --from {story.first_day} --days {story.days} --overseer-share FILE")
        typer.echo("with every other option as you gave it here: otherwise it would be another plan's.")


def _print_plan(made: PlanMade, format: Format, workspace: Path | None) -> None:
    from becalm.patrol.cli.plan_view import print_plan

    print_plan(made, format, workspace)
