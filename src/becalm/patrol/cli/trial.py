"""`becalm patrol trial`: what could a trial of dosage see, and which place is in which arm on which day?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.patrol.cli import options as given

if TYPE_CHECKING:
    from becalm.patrol.desk.trial import Trial


@given.with_inputs(without=("arms",), days=84)
def trial(
    context: typer.Context,
    asked: given.Inputs,
    effect: Annotated[
        float, typer.Option(min=0, max=0.99, help="The share that the strongest arm is thought to prevent.")
    ] = 0.2,
    dispersion: Annotated[
        float | None,
        typer.Option(
            min=1, help="Variance over mean of counts. Without it: as the list measured.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A new folder for arms.csv and trial.json: the arms are drawn and recorded. Without it, "
            "only the power is stated.",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """State what a trial could see, and draw its arms: off, low or high dosage for each place and day."""
    from becalm.patrol.desk.trial import plan_trial

    planned = plan_trial(
        desk_of(context, workspace), asked.question(), effect=effect, dispersion=dispersion, out=out
    )
    _print(planned, format)


def _print(planned: Trial, format: Format) -> None:
    import json

    from becalm.patrol.files.arms import power_object

    stated = power_object(planned.power)
    drawn = planned.draw
    whole = {
        **stated,
        "clusters": drawn.clusters if drawn else None,
        "split_neighbours": drawn.split_neighbours if drawn else None,
        "folder": str(planned.folder) if planned.folder else None,
        "entry": planned.entry,
    }
    if format is Format.json:
        typer.echo(json.dumps({**whole, "notes": list(planned.notes)}, ensure_ascii=False, indent=2))
    elif format is Format.csv:
        typer.echo(",".join(whole))
        typer.echo(
            ",".join("" if v is None else f'"{v}"' if "," in str(v) else str(v) for v in whole.values())
        )
    else:
        typer.echo("\n".join(_lines(planned)))


def _lines(planned: Trial) -> list[str]:
    p = planned.power
    lines = [
        f"{p.days} days, {p.treated} against {p.control}: about {p.expected_control:,.0f} incidents in each "
        "arm if nothing changes.",
        f"  power       {p.power:.0%} to find that {p.effect:.0%} are prevented (level {p.level:.0%}, "
        f"variance {p.dispersion:.2f} times the mean)",
        f"  detectable  {f'{p.detectable:.0%} or more, four times in five' if p.detectable else 'nothing'}",
    ]
    if p.days_needed:
        lines.append(f"  days needed {p.days_needed:,} to find {p.effect:.0%} four times in five")
    if planned.draw and planned.folder:
        lines += [
            f"The arms are drawn: {planned.folder / 'arms.csv'} (entry {planned.entry} of the ledger).",
            f"Plan with them: becalm patrol plan --from DATE --arms {planned.folder / 'arms.csv'}",
        ]
    else:
        lines.append("Nothing is drawn yet: give --out FOLDER to draw the arms.")
    return [*lines, *planned.notes]
