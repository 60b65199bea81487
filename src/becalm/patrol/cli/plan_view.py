"""How a plan that was made is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from becalm.console.options import Format

if TYPE_CHECKING:
    from becalm.patrol.desk.plan import PlanMade


def print_plan(made: PlanMade, format: Format, workspace: Path | None = None) -> None:
    """Print what was planned, as asked; the commands that follow name the workspace where it was named."""
    if format is Format.json:
        typer.echo(json.dumps(_record(made), indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(_csv(made), nl=False)
    else:
        _print_words(made)
        _print_next(made.folder, workspace)


def _record(made: PlanMade) -> dict[str, Any]:
    from becalm.patrol.files.folder import sha256_of_text
    from becalm.patrol.files.plan_view import PlanPage

    page = PlanPage(made.plan)
    return {
        "folder": str(made.folder),
        "from": made.plan.inputs.first_day.isoformat(),
        "days": made.plan.inputs.days,
        "bursts": len(made.plan.bursts),
        "unit_shifts": len(made.plan.inputs.shifts),
        "places": len(made.plan.inputs.places),
        "expected_error": round(page.forecast.expected_error, 4),
        "drawn_error": round(page.forecast.drawn_error, 4),
        "bits": round(made.plan.bits, 1),
        "entropy_ratio": round(made.plan.entropy_ratio, 4) if made.plan.entropy_ratio else None,
        "travel_share": round(made.plan.travel_share, 4),
        "shortfalls": len(made.plan.shortfalls),
        "commitment": made.story.commitment,
        "entry": made.story.seq,
        "again": made.story.reason,
        "issued_again": made.issued_again,
        "files": [{"file": name, "sha256": sha256_of_text(held)} for name, held in made.files.items()],
        "notes": list(made.inputs.notes),
        "overrides": list(made.inputs.overrides),
        "overrides_unlike_now": list(made.unlike),
    }


def _csv(made: PlanMade) -> str:
    from becalm.patrol.files.folder import sha256_of_text
    from becalm.render.spreadsheet import csv_text

    files = ((made.folder / name, sha256_of_text(held)) for name, held in made.files.items())
    return csv_text(("file", "sha256"), files)


def _print_words(made: PlanMade) -> None:
    from becalm.patrol.files.plan_view import PlanPage

    page, plan = PlanPage(made.plan), made.plan
    inputs = plan.inputs
    typer.echo("")
    if made.issued_again:
        typer.echo("This plan was drawn before, and is written again, the same to the byte.")
    typer.echo(
        f"{len(plan.bursts):,} bursts for {len(inputs.shifts):,} tours at {len(inputs.places)} places, "
        f"{inputs.first_day} to {made.story.last_day}"
    )
    typer.echo(
        f"  dosage      {page.forecast.expected_error:.1%} off the targets on average, "
        f"{page.forecast.drawn_error:.1%} as drawn; {len(page.forecast.outside)} places outside their band"
    )
    ratio = f", {plan.entropy_ratio:.0%} of the most possible" if plan.entropy_ratio else ""
    typer.echo(f"  chance      {page.bits_per_tour:.0f} bits a tour{ratio}")
    typer.echo(f"  travel      {plan.travel_share:.0%} of duty")
    for short in plan.shortfalls[:5]:
        typer.echo(f"  falls short {short.hotspot}: {short.reason}; what would mend it: {short.remedy}")
    if len(plan.shortfalls) > 5:
        typer.echo(f"              and {len(plan.shortfalls) - 5} more, on the page")
    for line in made.unlike:
        typer.echo(f"  override    {line}")
    if made.story.reason:
        typer.echo(f"  RE-ROLL     these days had been committed to before; reason: {made.story.reason}")
    typer.echo(f"  commitment  {made.story.commitment} (entry {made.story.seq})")
    typer.echo(
        f"\nThe plan is in {made.folder}, for your eyes alone: visits.csv and auditor/ tell every burst."
    )


def _print_next(folder: Path, workspace: Path | None) -> None:
    where = f" --workspace {workspace}" if workspace else ""
    typer.echo(f"Next: becalm patrol check {folder}")
    typer.echo(f"      becalm patrol next {folder} --unit UNIT{where}   for a unit's next two bursts")
    typer.echo(f"      {folder / 'index.html'}   for the commander; {folder / 'units'} for the units")
