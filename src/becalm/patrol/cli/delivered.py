"""`becalm patrol delivered`: what was planned, what was delivered, and what patrol came beside it?"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of

if TYPE_CHECKING:
    from becalm.patrol.core.delivered import Delivery, PlaceDelivery
    from becalm.patrol.desk.visits import Delivered

FIELDS = (
    "hotspot",
    "planned_visits",
    "planned_minutes",
    "delivered_visits",
    "patrol_minutes",
    "delivered_share",
    "missed_visits",
    "background_visits",
    "background_minutes",
    "officer_minutes",
    "check_in_visits",
    "check_in_minutes",
    "check_in_only_visits",
)
SHOWN = 20


def delivered(
    context: typer.Context,
    plan: Annotated[Path, typer.Argument(help="The plan's folder, or its plan.json.", show_default=False)],
    traces: Annotated[
        list[Path] | None,
        typer.Option(
            help="A CSV of fixes: officer, at, longitude, latitude; unit and accuracy_m where known. "
            "Repeat it. Read, reduced to visits, and not kept.",
            show_default=False,
        ),
    ] = None,
    check_ins: Annotated[
        list[Path] | None,
        typer.Option(help="A CSV of check-ins: unit, hotspot, start, end. Repeat it.", show_default=False),
    ] = None,
    hotspots: Annotated[
        Path | None,
        typer.Option(
            help="Hotspots as GeoJSON: their outlines are used instead of circles.", show_default=False
        ),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="The policy that says what a visit is.", show_default=False)
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Count from this day on.", show_default=False),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Count so many days.", show_default=False)] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write the visits (no positions) to this CSV.", show_default=False),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Compare a plan with what was delivered: patrol-minutes, officer-minutes, and patrol beside the plan."""
    from becalm.patrol.desk.visits import DeliveredQuestion
    from becalm.patrol.desk.visits import delivered as compare

    asked = DeliveredQuestion(
        plan=plan,
        traces=tuple(traces or ()),
        check_ins=tuple(check_ins or ()),
        outlines=hotspots,
        policy=policy,
        first_day=first.date() if first else None,
        days=days,
    )
    found = compare(desk_of(context, workspace), asked, out=out)
    _print(found, format, traced=bool(traces))


def _print(found: Delivered, format: Format, *, traced: bool) -> None:
    if format is Format.json:
        typer.echo(_as_json(found.delivery))
    elif format is Format.csv:
        typer.echo(_as_csv(found.delivery), nl=False)
    else:
        _print_table(found.delivery, traced=traced)


def _row(place: PlaceDelivery) -> tuple[str | int | float | None, ...]:
    values = [getattr(place, name) for name in FIELDS]
    return tuple(round(v, 2) if isinstance(v, float) else v for v in values)


def _as_json(delivery: Delivery) -> str:
    import json

    whole = {
        "from": delivery.span.start.isoformat().replace("+00:00", "Z"),
        "until": delivery.span.end.isoformat().replace("+00:00", "Z"),
        "totals": dict(zip(FIELDS[1:], _totals(delivery), strict=True)),
        "hotspots": [dict(zip(FIELDS, _row(p), strict=True)) for p in delivery.places],
        "notes": list(delivery.notes),
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)


def _as_csv(delivery: Delivery) -> str:
    from becalm.render.spreadsheet import csv_text

    return csv_text(FIELDS, (_row(place) for place in delivery.places))


def _totals(delivery: Delivery) -> list[float | int | None]:
    totals = {
        name: sum(getattr(p, name) for p in delivery.places)
        for name in FIELDS[1:]
        if name != "delivered_share"
    }
    planned = totals["planned_minutes"]
    share = totals["patrol_minutes"] / planned if planned else None
    values = [share if name == "delivered_share" else totals[name] for name in FIELDS[1:]]
    return [round(v, 2) if isinstance(v, float) else v for v in values]


def _print_table(delivery: Delivery, *, traced: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from becalm.console.screen import console

    screen = console()
    total = dict(zip(FIELDS[1:], _totals(delivery), strict=True))
    screen.print(_headline(total) if traced else _stated_headline(total), highlight=False)
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    headings = ("hotspot", "planned", "delivered", "share", "background", "officer-min", "check-ins (alone)")
    for heading in headings:
        table.add_column(
            heading, justify="left" if heading == "hotspot" else "right", no_wrap=heading == "hotspot"
        )
    worst = sorted(
        delivery.places, key=lambda p: (p.delivered_share is None, p.delivered_share or 0.0, p.hotspot)
    )
    for place in worst[:SHOWN]:
        table.add_row(escape(place.name or place.hotspot), *_cells(place))
    screen.print(table)
    if len(worst) > SHOWN:
        screen.print(
            f"The {SHOWN} that got least of their plan; all {len(worst)}: --format csv", highlight=False
        )
    for note in delivery.notes:
        screen.print(note, highlight=False, markup=False)


def _cells(place: PlaceDelivery) -> tuple[str, ...]:
    share = place.delivered_share
    return (
        f"{place.planned_visits} ({place.planned_minutes:,.0f} min)",
        f"{place.delivered_visits} ({place.patrol_minutes:,.0f} min)",
        "-" if share is None else f"{share:.0%}",
        f"{place.background_visits} ({place.background_minutes:,.0f} min)",
        f"{place.officer_minutes:,.0f}",
        f"{place.check_in_visits} ({place.check_in_only_visits})",
    )


def _headline(total: dict[str, float | int | None]) -> str:
    share = total["delivered_share"]
    part = "nothing was planned" if share is None else f"{share:.0%} of the planned minutes"
    return (
        f"Delivered: {total['delivered_visits']:,} of {total['planned_visits']:,} planned visits, {part}; "
        f"{total['background_minutes']:,.0f} patrol-minutes beside the plan, "
        f"{total['officer_minutes']:,.0f} officer-minutes in all."
    )


def _stated_headline(total: dict[str, float | int | None]) -> str:
    """Without traces nothing is known of what was delivered: a nought would look like a failure."""
    return (
        f"Checked in: {total['check_in_visits']:,} visits of {total['check_in_minutes']:,.0f} minutes, where "
        f"{total['planned_visits']:,} of {total['planned_minutes']:,.0f} were planned. "
        "What was delivered is not known without --traces: the columns below count nothing of it."
    )
