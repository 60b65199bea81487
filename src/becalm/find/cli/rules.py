"""The options that say under which rules hotspots are listed, and the commands about overrides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.find.cli.units import AskedOfPlaces
from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.find.desk.hotspots import FindQuestion

RulesFile = Annotated[
    Path | None,
    typer.Option("--rules", metavar="FILE", help="The rules of the list, in TOML.", show_default=False),
]
Floor = Annotated[
    list[str] | None,
    typer.Option(metavar="AREA=N", help="At least so many places in this borough.", show_default=False),
]
Cap = Annotated[
    list[str] | None,
    typer.Option(metavar="AREA=N", help="At most so many places in this borough.", show_default=False),
]
When = Annotated[
    str | None,
    typer.Option(
        metavar="HOURS",
        help="A list for these hours of every day: day (07-19), night (19-07), or e.g. 22-04.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOfList(AskedOfPlaces):
    """What find is asked, over which places, and under which rules they are listed."""

    separation_m: Annotated[
        float, typer.Option(help="The least distance between the centres of two listed places.")
    ] = 0.0
    rules: RulesFile = None
    floor: Floor = None
    cap: Cap = None
    when: When = None

    def question_of_list(self) -> FindQuestion:
        """What is asked, for the desk; overrides that stand in the ledger hold."""
        from becalm.find.core.rules import read_hours
        from becalm.find.desk.rules import RulesAsked

        asked = RulesAsked(
            file=self.rules,
            floors=_numbers("--floor", self.floor or []),
            caps=_numbers("--cap", self.cap or []),
            hours=None if self.when is None else read_hours(self.when),
            overrides=True,
        )
        return replace(self.question_of_places(separation_m=self.separation_m), rules=asked)


def override(
    context: typer.Context,
    place: Annotated[str, typer.Option(metavar="ID", help="The place, as the list names it.")],
    reason: Annotated[str, typer.Option(help="Why, without names of people.")],
    include: Annotated[bool, typer.Option("--include", help="It must be on every list.")] = False,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="It must be on no list.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="It is free again.")] = False,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day on which it holds.", show_default=False),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """Decide that a place must, or must not, be listed. Recorded with name and reason, and always shown."""
    from becalm.console.emit import print_receipt
    from becalm.find.desk.override import override_place

    chosen: list[Literal["include", "leave_out", "lift"]] = []
    chosen += ["include"] if include else []
    chosen += ["leave_out"] if leave_out else []
    chosen += ["lift"] if lift else []
    if len(chosen) != 1:
        raise UsageError("Say what is decided with one of --include, --leave-out and --lift.")
    day = until.date() if until else None
    made = override_place(desk_of(context, workspace), place, chosen[0], reason=reason, until=day)
    print_receipt(made.entry, format)
    for note in made.notes:
        typer.echo(f"Note: {note}", err=True)


def overrides(
    context: typer.Context, workspace: WorkspaceOption = None, format: FormatOption = Format.table
) -> None:
    """List the overrides that hold today: which place, what was decided, by whom, when and why."""
    from becalm.find.cli.rules_view import print_overrides
    from becalm.find.desk.override import standing_overrides

    print_overrides(standing_overrides(desk_of(context, workspace)), format)


def register(app: typer.Typer) -> None:
    """Hang the commands about overrides on `becalm find`."""
    app.command("override")(override)
    app.command("overrides")(overrides)


def _numbers(option: str, given: list[str]) -> dict[str, int]:
    made: dict[str, int] = {}
    for text in given:
        area, _, number = (part.strip() for part in text.rpartition("="))
        if not area or not number.isdecimal():
            raise UsageError(f"{option} {text!r} names no area and number. Write it as {option} Camden=3.")
        if made.setdefault(area, int(number)) != int(number):
            raise UsageError(f"{option} names {area} twice, with {made[area]} and {number}. Keep one.")
    return made
