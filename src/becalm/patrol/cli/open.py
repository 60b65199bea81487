"""`becalm patrol reveal`, `replay` and `audit`: what was sealed is opened, drawn again, and accounted for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.patrol.cli.first_use import say_first_use
from becalm.patrol.cli.next import Plan
from becalm.terms import PlanError

if TYPE_CHECKING:
    from becalm.patrol.core.seal import SeedAudit


def reveal(
    context: typer.Context,
    plan: Plan,
    early: Annotated[
        str,
        typer.Option(
            "--early",
            metavar="REASON",
            help="Open it before its time; for an auditor, with --second.",
            show_default=False,
        ),
    ] = "",
    second: Annotated[
        str, typer.Option(metavar="NAME", help="The second person who agrees to that.", show_default=False)
    ] = "",
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Open the sealed seed of a plan in the ledger, after the delay."""
    from becalm.patrol.desk.open import reveal_seed

    opened = reveal_seed(desk_of(context, workspace), plan, early=early, second=second)
    secret, story = opened.story.secret, opened.story
    assert secret is not None
    held = {
        "commitment": story.commitment,
        "entry": opened.entry,
        "seed": secret.seed.hex(),
        "nonce": secret.nonce.hex(),
        "share": story.share.hex(),
        "inputs_sha256": story.inputs_sha256,
        "version": story.version,
    }
    if format is Format.json:
        typer.echo(json.dumps(held, indent=2))
    elif format is Format.csv:
        typer.echo(f"{','.join(held)}\n{','.join(str(value) for value in held.values())}")
    else:
        was = "had been opened" if opened.already else "is open now"
        typer.echo(f"The seed of {story.first_day} to {story.last_day} {was}: entry {opened.entry}.")
        for name in ("seed", "nonce", *(("share",) if story.share else ())):
            typer.echo(f"  {name:<6} {held[name]}")
        line = json.dumps(
            {
                "becalm": "patrol seed 1",
                **{k: held[k] for k in ("inputs_sha256", "nonce", "seed", "version")},
            },
            separators=(",", ":"),
        )
        typer.echo("Anybody can hash it again, and must get the commitment:")
        typer.echo(f"  printf '%s' '{line}' | sha256sum")
        typer.echo(f"  {story.commitment}")


def replay(
    context: typer.Context,
    plan: Plan,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Draw a plan again from its opened seed, and see that it is the same to the byte."""
    from becalm.patrol.desk.open import replay_plan

    say_first_use()
    made = replay_plan(desk_of(context, workspace), plan)
    if format is Format.json:
        held = {
            "equal": list(made.equal),
            "bursts": len(made.plan.bursts),
            "commitment": made.story.commitment,
        }
        typer.echo(json.dumps(held, indent=2))
    elif format is Format.csv:
        typer.echo("\n".join(["file,equal", *(f"{name},true" for name in made.equal)]))
    else:
        typer.echo(f"The opened seed gives {len(made.plan.bursts):,} bursts, the same as in the plan.")
        typer.echo(f"Byte for byte the same: {', '.join(made.equal)}.")
        typer.echo(f"It was sealed in entry {made.story.seq} and opened in entry {made.story.revealed_seq}.")


def audit(
    context: typer.Context,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Account for every seed that was ever sealed: planned once, opened in time, nothing drawn again."""
    from becalm.patrol.desk.seed import audit_patrol

    found = audit_patrol(desk_of(context, workspace))
    if format is Format.json:
        typer.echo(json.dumps(_record(found), indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(_as_csv(found), nl=False)
    else:
        _say(found)
    grave = [finding for finding in found.findings if finding.grave]
    if grave:
        raise PlanError(f"{len(grave)} broken rule{'s' * (len(grave) > 1)}: see above.")


def _record(found: SeedAudit) -> dict[str, object]:
    return {
        "seeds": [
            {
                "commitment": s.commitment,
                "entry": s.seq,
                "committed_at": s.committed_at.isoformat(),
                "by": s.actor,
                "from": s.first_day.isoformat(),
                "days": s.days,
                "area": s.area,
                "again": s.reason,
                "replaces": s.replaces,
                "plans": [
                    {"entry": p.seq, "replan": p.replan, "plan_sha256": p.plan_sha256, "reason": p.reason}
                    for p in s.plans
                ],
                "revealed": s.revealed_seq,
                "reveal_after": s.reveal_after.isoformat() if s.reveal_after else None,
            }
            for s in found.histories
        ],
        "findings": [{"grave": f.grave, "where": f.where, "what": f.what} for f in found.findings],
    }


def _as_csv(found: SeedAudit) -> str:
    from becalm.render.spreadsheet import csv_text

    findings = ((str(f.grave).lower(), f.where, f.what) for f in found.findings)
    return csv_text(("grave", "where", "what"), findings)


def _say(found: SeedAudit) -> None:
    if not found.histories and not found.unsealed_plans:
        typer.echo("No seed was ever sealed here. `becalm patrol plan` seals the first.")
    for s in found.histories:
        area = f", {s.area}" if s.area else ""
        replans = sum(p.replan > 0 for p in s.plans)
        plans = f"planned, {replans} re-plan{'s' * (replans != 1)}" if s.plans else "not planned"
        opened = f"opened in entry {s.revealed_seq}" if s.revealed_seq else "sealed"
        days = f"{s.first_day} to {s.last_day}{area}"
        typer.echo(f"entry {s.seq}: {days}: {s.commitment[:12]} by {s.actor}; {plans}; {opened}")
        if s.reason:
            typer.echo(f"  re-roll of {s.replaces[:12]}: {s.reason}")
    for finding in found.findings:
        typer.echo(f"{'BROKEN RULE' if finding.grave else 'note'}: {finding.where}: {finding.what}")
    if found.histories and not found.findings:
        typer.echo("Each seed was sealed before its plan was drawn, and planned once.")
