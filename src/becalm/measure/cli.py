"""`becalm measure compare`: how does a period compare with the same period of other years?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.measure.core.comparison import CompareSettings

if TYPE_CHECKING:
    from rich.console import Console

    from becalm.measure.core.comparison import Comparison

USUAL = CompareSettings()
app = typer.Typer(no_args_is_help=True, help="Compare a period with the same period of other years.")


class By(StrEnum):
    """What is compared, group by group."""

    offence_group = "offence_group"
    offence = "offence"
    weapon = "weapon"
    victim_age_band = "victim_age_band"
    borough = "borough"
    ward = "ward"
    command_unit = "command_unit"


class AlignBy(StrEnum):
    """Which days are compared."""

    windows = "windows"
    weekdays = "weekdays"
    holidays = "holidays"


@app.callback()
def measure() -> None:
    """Compare a period with the same period of other years, and say how sure the answer is."""


@app.command()
def compare(
    context: typer.Context,
    period: Annotated[
        str,
        typer.Option(
            help='"2020-04", "2020-04..2020-05", "2020-W14..2020-W19", "2020-04-01..2020-05-12" '
            '(all ends included) or "last 6 weeks": the days up to the last that the records cover.'
        ),
    ],
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            help='"2019" (the same period of that year), "year before", "mean of 3 years" or a period of '
            "its own. Give it again for more; with one, others are shown beside it.",
            show_default="year before",
        ),
    ] = None,
    by: Annotated[By, typer.Option(help="What to compare, group by group.")] = By.offence_group,
    source: Annotated[
        str | None, typer.Option(help="Whose records, where there are several.", show_default=False)
    ] = None,
    offence_group: Annotated[
        list[str] | None,
        typer.Option(help="Only these offence groups (may be given again).", show_default=False),
    ] = None,
    counted: Annotated[
        str, typer.Option(help="What a publisher counts, where it counts several things.")
    ] = "offences",
    align: Annotated[
        AlignBy,
        typer.Option(
            help="windows: all days as asked. weekdays: only days whose weekday has a partner. holidays: "
            "likewise, and a holiday meets only its namesake."
        ),
    ] = AlignBy.windows,
    level: Annotated[float, typer.Option(help="The level of the intervals.")] = USUAL.level,
    suppress_below: Annotated[
        int, typer.Option(help="No percentages on baselines smaller than this.")
    ] = USUAL.suppress_below,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The records as they were on this day.", show_default=False),
    ] = None,
    workspace: WorkspaceOption = None,
    format: FormatOption = Format.table,
) -> None:
    """How does the period compare with the same period of other years, group by group?"""
    from becalm.measure.desk import CompareQuestion
    from becalm.measure.desk import compare as ask

    question = CompareQuestion(
        period=period,
        baselines=tuple(baseline or ()),
        by=by.value,
        source=source,
        as_of=as_of.date() if as_of else None,
        offence_groups=tuple(offence_group or ()),
        counted=counted,
        settings=CompareSettings(level=level, suppress_below=suppress_below, align=align.value),
    )
    _print(ask(desk_of(context, workspace), question), format)


def _print(comparison: Comparison, format: Format) -> None:
    from becalm.measure.files.comparison import comparison_csv, comparison_json

    if format is Format.table:
        _print_tables(comparison)
    else:
        typer.echo(
            comparison_json(comparison) if format is Format.json else comparison_csv(comparison), nl=False
        )


def _print_tables(comparison: Comparison) -> None:
    from rich.console import Console

    from becalm.measure.files import comparison as text

    console = Console(highlight=False, markup=False)
    for sentence in text.opening(comparison):
        console.print(sentence)
    _print_table(console, text.TEXT_COLUMNS, text.comparison_lines(comparison))
    if len(comparison.against) > 1:
        labels = [contrast.baseline.label for contrast in comparison.against]
        _print_table(console, ("Change against", *labels), text.side_by_side(comparison))
    console.print()
    for line in text.small_print(comparison):
        console.print(line)


def _print_table(console: Console, headings: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    for heading in headings:
        words = heading in (headings[0], "Verdict")
        table.add_column(heading, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for line in lines:
        table.add_row(*line)
    console.print()
    console.print(table)
