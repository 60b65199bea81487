"""`becalm patrol next`, `sheet` and `forecast`: what a unit is told, and what a commander may expect."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.patrol.desk.written_plan import NextBursts
    from becalm.patrol.files.plan_view import PlanPage

Plan = Annotated[Path, typer.Argument(help="The folder that `becalm patrol plan` wrote, or its plan.json.")]
INSTANT_HELP = "2020-05-04T18:05 in the city's time, or with a zone (…Z). Without it: now."


def next_(
    context: typer.Context,
    plan: Plan,
    unit: Annotated[str, typer.Option(help="Whose bursts.")],
    at: Annotated[str | None, typer.Option(help=INSTANT_HELP, show_default=False)] = None,
    ahead: Annotated[int, typer.Option(min=1, max=2, help="How many bursts: one or two, never more.")] = 2,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Tell a unit its next one or two bursts, and nothing further ahead."""
    from becalm.patrol.desk.written_plan import next_bursts

    desk = desk_of(context, workspace)
    moment = desk.now() if at is None else instant_of(at, desk.workspace.city.time_zone)
    _print_next(next_bursts(plan, unit=unit, at=moment, ahead=ahead), format)


def sheet(
    context: typer.Context,
    plan: Plan,
    on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day on which the tours start.")],
    unit: Annotated[str, typer.Option(help="This unit alone.", show_default=False)] = "",
    sealed: Annotated[
        bool, typer.Option("--sealed", help="The whole routes, for the auditor alone.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to write.", show_default="beside the plan"),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Write sheets to print and calendars (.ics) for the units of one day: two bursts each."""
    from becalm.patrol.desk.written_plan import write_sheets

    made = write_sheets(desk_of(context, workspace), plan, day=on.date(), unit=unit, sealed=sealed, out=out)
    if format is Format.json:
        held = {"folder": str(made.folder), "units": made.units, "files": list(made.files)}
        typer.echo(json.dumps(held, indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo("\n".join(["file", *(str(made.folder / name) for name in made.files)]))
    else:
        told = "whole routes, for the auditor alone" if sealed else "the first two bursts of each tour"
        typer.echo(f"Sheets and calendars of {made.units} units are in {made.folder}: {told}.")
        typer.echo(f"Print {made.folder / 'sheets.html'}: one unit a page.")


def forecast(
    context: typer.Context,
    plan: Plan,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Show what each area and place will get, with intervals, and which targets cannot be met and why."""
    from becalm.patrol.desk.written_plan import forecast_plan

    desk_of(context, workspace)
    _print_forecast(forecast_plan(plan), format)


def instant_of(text: str, zone: str) -> datetime:
    """An instant as somebody writes it: in the city's time unless it names a zone."""
    from zoneinfo import ZoneInfo

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not an instant. Write it as {INSTANT_HELP}") from error
    local = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


def _print_next(found: NextBursts, format: Format) -> None:
    rows = [
        {
            "unit": found.unit,
            "hotspot": stop.hotspot,
            "name": stop.name,
            "start": burst.span.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end": burst.span.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "local_start": stop.start,
            "local_end": stop.end,
            "position": stop.position,
        }
        for burst, stop in zip(found.bursts, found.stops, strict=True)
    ]
    if format is Format.json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(_as_csv(rows, ("unit", "hotspot", "name", "start", "end")), nl=False)
    else:
        _say_next(found)


def _say_next(found: NextBursts) -> None:
    shift = found.tour.shift
    if not found.begun:
        typer.echo(f"{found.unit}: your tour begins on {shift.day:%A} {shift.day}, from {shift.base}.")
    if not found.stops:
        typer.echo(f"{found.unit}: no more bursts on this tour. Go back to {shift.base} in good time.")
        return
    for word, stop in zip(("Next", "Then"), found.stops, strict=False):
        name = stop.name if stop.name == stop.hotspot else f"{stop.name} ({stop.hotspot})"
        typer.echo(
            f"{word}: {name}, {stop.start} to {stop.end}. At {stop.position}, within {stop.radius_m} m."
        )
    typer.echo("Be seen, on foot, for the whole time. The rest stays sealed; ask again after that.")


def _as_csv(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    from becalm.render.spreadsheet import csv_text

    return csv_text(columns, ([row[name] for name in columns] for row in rows))


def _print_forecast(page: PlanPage, format: Format) -> None:
    from becalm.patrol.files.plan_view import forecast_csv

    if format is Format.json:
        typer.echo(json.dumps(_forecast_record(page), indent=2, ensure_ascii=False))
    elif format is Format.csv:
        typer.echo(forecast_csv(page.plan), nl=False)
    else:
        _say_forecast(page)


def _forecast_record(page: PlanPage) -> dict[str, Any]:
    from dataclasses import asdict

    found, plan = page.forecast, page.plan
    return {
        "from": plan.inputs.first_day.isoformat(),
        "days": plan.inputs.days,
        "bursts": len(plan.bursts),
        "expected_error": round(found.expected_error, 4),
        "drawn_error": round(found.drawn_error, 4),
        "outside_band": len(found.outside),
        "bits": round(plan.bits, 2),
        "bound_bits": round(plan.bound_bits, 2),
        "entropy_ratio": plan.entropy_ratio and round(plan.entropy_ratio, 4),
        "travel_share": round(plan.travel_share, 4),
        "areas": [asdict(area) for area in found.areas],
        "places": [asdict(place) | {"within_band": place.within_band} for place in found.places],
        "shortfalls": [asdict(short) for short in plan.shortfalls],
        "capacity": list(plan.capacity),
    }


def _say_forecast(page: PlanPage) -> None:
    from becalm.console.screen import console

    screen, plan = console(), page.plan

    def say(text: str) -> None:
        screen.print(text, highlight=False, markup=False)

    say(f"{page.days_in_words}: {page.headline}.")
    say(page.capacity_sentence)
    say(page.how_near)
    screen.print(_area_table(page))
    for short in plan.shortfalls:
        say(
            f"{short.hotspot} gets {short.expected_visits:.1f} of {short.target_visits:.1f} visits: "
            f"{short.reason}. What would mend it: {short.remedy}."
        )
    say("Least served, visits over the whole plan:")
    for place in page.worst[:8]:
        expected = place.expected_visits
        say(
            f"  {place.name or place.hotspot}: owed {place.target_visits:.1f}, expected {expected.value:.1f} "
            f"({expected.low:.0f} to {expected.high:.0f}), drawn {place.visits}"
        )
    say(page.outside_sentence)
    ratio = f", {plan.entropy_ratio:.1%} of the most possible" if plan.entropy_ratio else ""
    say(f"Left to chance: {page.bits_per_tour:.1f} bits a tour{ratio}.")
    say(f"Travel: {plan.travel_share:.1%} of duty.")
    say(f"Commitment {plan.commitment.get('commitment')} (entry {plan.commitment.get('entry')}).")


def _area_table(page: PlanPage) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    for heading in ("area", "places", "owed", "expected", "drawn", "minutes", "fair share"):
        table.add_column(heading, justify="left" if heading == "area" else "right", no_wrap=True)
    for area in page.forecast.areas:
        visits = (f"{area.target_visits:,.0f}", f"{area.expected_visits:,.0f}", f"{area.visits:,}")
        fair = f"{area.minutes_per_harm:.2f}"
        table.add_row(escape(area.area), str(area.places), *visits, f"{area.minutes:,}", fair)
    return table
