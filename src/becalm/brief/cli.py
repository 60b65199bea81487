"""`becalm run`: the weekly briefing, and the same briefing again from its run record."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.measure.core.request import By
from becalm.patrol.cli.plan import say_first_use
from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.brief.desk.plan import BriefQuestion
    from becalm.brief.desk.weekly import BriefingMade


def run(
    context: typer.Context,
    period: Annotated[
        str | None,
        typer.Option(
            help='"2020-04", "2020-W14..2020-W19", "last 6 weeks".', show_default="newest whole month"
        ),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            help='"2019", "year before", "mean of 3 years" or a period; may be given again.',
            show_default="year before",
        ),
    ] = None,
    by: Annotated[
        By | None, typer.Option(help="What to compare, group by group.", show_default="offence_group")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            help="The offence group of the hotspots; may be given again.",
            show_default="all street violence",
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="How many hotspots to list.", show_default="250")
    ] = None,
    cell_m: Annotated[
        float | None, typer.Option(help="The side of a hotspot in metres.", show_default="150")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="Whose records are compared, where there are several.", show_default=False),
    ] = None,
    hotspot_source: Annotated[
        str | None,
        typer.Option(
            help='Whose points the hotspots come from, if not the same; "none" for no hotspots.',
            show_default=False,
        ),
    ] = None,
    patrol_from: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="The first day of the patrol plan, where the workspace has units.",
            show_default="tomorrow",
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The records as they were on this day.", show_default=False),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="The seed of the draws. Without it, a new one.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to write.", show_default="briefing, in the workspace"),
    ] = None,
    again: Annotated[
        Path | None,
        typer.Option(
            help="Make a former briefing again, byte for byte, from its run.json.", show_default=False
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Write the briefing: the comparison and the hotspots on one page, and what is needed to repeat it.

    What is always the same for your force can stand in the brief table of becalm.toml.
    """
    from becalm.brief.desk.again import repeat_briefing
    from becalm.brief.desk.plan import BriefQuestion
    from becalm.brief.desk.weekly import make_briefing

    question = BriefQuestion(
        period=period,
        baselines=tuple(baseline or ()),
        by=by if by else None,
        source=source,
        hotspot_source=hotspot_source,
        target=tuple(target or ()),
        count=count,
        cell_m=cell_m,
        patrol_from=patrol_from.date() if patrol_from else None,
        as_of=as_of.date() if as_of else None,
    )
    desk = desk_of(context, workspace)
    if (desk.workspace.path / "units.toml").is_file():
        say_first_use()
    if again is None:
        _print(make_briefing(desk, question, out=out, seed=seed), (), format)
        return
    _refuse_new_words(question, seed)
    repeated = repeat_briefing(desk, again, out=out)
    _print(repeated.made, repeated.equal, format)


def _refuse_new_words(question: BriefQuestion, seed: int | None) -> None:
    """A run that is repeated is repeated as it was."""
    from dataclasses import asdict

    options = {**asdict(question), "seed": "given" if seed is not None else None}
    options["baseline"] = options.pop("baselines")
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
    if given:
        raise UsageError(
            f"--again repeats a run as it was, so {', '.join(given)} cannot be given with it. "
            "Leave out --again for a new briefing."
        )


def _print(made: BriefingMade, equal: tuple[str, ...], format: Format) -> None:
    if format is Format.json:
        typer.echo(json.dumps(_record(made, equal), indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(_csv(made, equal), nl=False)
    else:
        _print_words(made, equal)


def _record(made: BriefingMade, equal: tuple[str, ...]) -> dict[str, object]:
    from becalm.patrol.files.folder import sha256_of_text

    return {
        "folder": str(made.folder),
        "headline": made.headline,
        "hotspots": made.hotspots,
        "seed": made.run.seed,
        "files": [
            {"file": name, "sha256": sha256_of_text(text), "equal": name in equal}
            for name, text in made.texts.items()
        ],
        "patrol": made.run.parameters.get("patrol", ""),
        "warnings": list(made.warnings),
    }


def _csv(made: BriefingMade, equal: tuple[str, ...]) -> str:
    from becalm.patrol.files.folder import sha256_of_text
    from becalm.render.spreadsheet import csv_text

    files = (
        (made.folder / name, sha256_of_text(text), str(name in equal).lower())
        for name, text in made.texts.items()
    )
    return csv_text(("file", "sha256", "equal"), files)


def _print_words(made: BriefingMade, equal: tuple[str, ...]) -> None:
    typer.echo(made.headline)
    for warning in made.warnings:
        typer.echo(f"Warning: {warning}", err=True)
    if "hotspots.geojson" in made.texts:
        typer.echo(f"{made.hotspots} hotspots are listed, each with its certainty.")
    else:
        typer.echo("No hotspots are listed; the page says why.")
    _say_patrol(made)
    if equal:
        typer.echo(f"Byte for byte the same as the original: {', '.join(equal)}.")
    typer.echo(f"\nThe briefing is in {made.folder}: {', '.join(made.texts)}")
    typer.echo(f"Next: open {made.folder / 'index.html'} in a browser, or print it.")
    if not equal:
        typer.echo(f"      becalm run --again {made.folder / 'run.json'}   makes it again, byte for byte")


def _say_patrol(made: BriefingMade) -> None:
    page = made.patrol.page
    if page is None:
        typer.echo(made.patrol.note)
        return
    typer.echo(
        f"The patrol plan, {page.days_in_words}: {len(page.plan.bursts):,} bursts; sealed seed "
        f"{page.plan.commitment['commitment'][:12]} (entry {page.plan.commitment['entry']})."
    )
