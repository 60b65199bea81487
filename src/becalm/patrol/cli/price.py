"""`becalm patrol price`: what each rule of the policy costs in bits, and in predictability."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption
from becalm.patrol.cli.first_use import say_first_use
from becalm.patrol.cli.next import Plan

if TYPE_CHECKING:
    from becalm.patrol.core.price import Price

FIELDS = ("rule", "bits_per_tour", "entropy_ratio", "travel_share", "dosage_error", "shortfall_visits")


def price(
    plan: Plan,
    area: Annotated[str, typer.Option(help="The area to price.", show_default="that with most tours")] = "",
    _workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Show what a plan of one area would be like under other rules: a hard gap, quotas, dearer travel."""
    from becalm.patrol.desk.written_plan import price_rules

    say_first_use()
    chosen, prices = price_rules(plan, area=area)
    if format is Format.json:
        held = {"area": chosen, "rules": [_record(row) for row in prices]}
        typer.echo(json.dumps(held, indent=2, ensure_ascii=False))
    elif format is Format.csv:
        from becalm.render.spreadsheet import csv_text

        typer.echo(csv_text(FIELDS, (_record(row).values() for row in prices)), nl=False)
    else:
        _print_table(chosen, prices)


def _record(row: Price) -> dict[str, str | float]:
    return {"rule": row.rule, **{name: round(getattr(row, name), 4) for name in FIELDS[1:]}}


def _print_table(area: str, prices: tuple[Price, ...]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from becalm.console.screen import console

    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    for heading in ("rule", "bits a tour", "of the most", "travel", "dosage off", "visits lost"):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    for row in prices:
        table.add_row(
            escape(row.rule),
            f"{row.bits_per_tour:.1f}",
            f"{row.entropy_ratio:.1%}",
            f"{row.travel_share:.1%}",
            f"{row.dosage_error:.1%}",
            f"{row.shortfall_visits:.1f}",
        )
    screen = console()
    screen.print(
        f"{area}, under the policy as it is and with one change each:", highlight=False, markup=False
    )
    screen.print(table)
    screen.print("Drawn with a public key: nothing of this is the plan itself.", highlight=False)
