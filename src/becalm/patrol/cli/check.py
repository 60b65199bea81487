"""`becalm patrol check`: which rules does a plan break?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption
from becalm.terms import PlanError

if TYPE_CHECKING:
    from becalm.patrol.core.check import PlanVerdict

FIELDS = ("kind", "unit", "hotspot", "at", "what")
SHOWN = 40


def check(
    plan: Annotated[Path, typer.Argument(help="The folder of a plan, or its plan.json.")],
    _workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Judge a written plan by itself: every rule that it breaks is named, and the exit code is 12."""
    from becalm.patrol.desk.written_plan import check as ask

    verdict = ask(plan)
    if format is Format.table:
        _print_lines(verdict)
    else:
        typer.echo(_json(verdict) if format is Format.json else _csv(verdict), nl=False)
    if verdict.violations:
        raise typer.Exit(PlanError.exit_code)


def _rows(verdict: PlanVerdict) -> list[dict[str, Any]]:
    return [{name: getattr(v, name) for name in FIELDS} for v in verdict.violations]


def _json(verdict: PlanVerdict) -> str:
    import json

    held = {"violations": _rows(verdict), "visits": verdict.visits, "unit_shifts": verdict.unit_shifts}
    return json.dumps(held, ensure_ascii=False, indent=2) + "\n"


def _csv(verdict: PlanVerdict) -> str:
    from becalm.render.spreadsheet import csv_text

    return csv_text(FIELDS, ([row[name] for name in FIELDS] for row in _rows(verdict)))


def _print_lines(verdict: PlanVerdict) -> None:
    from collections import Counter

    found = verdict.violations
    judged = f"{verdict.visits:,} bursts of {verdict.unit_shifts:,} tours"
    typer.echo(f"{judged}: {len(found)} violation{'' if len(found) == 1 else 's'}.")
    for kind, count in sorted(Counter(v.kind for v in found).items()):
        typer.echo(f"  {kind}: {count}")
    for v in found[:SHOWN]:
        typer.echo(" ".join(part for part in (f"{v.kind}:", v.at, v.unit, v.hotspot, f"- {v.what}") if part))
    if len(found) > SHOWN:
        typer.echo(f"and {len(found) - SHOWN:,} more: --format json has them all")
