"""`becalm simulate`: make a city whose truth is known."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption
from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.simulate.write import Written


class EffectName(StrEnum):
    """What may be planted."""

    none = "none"
    patrol = "patrol"
    displacement = "displacement"


class ExtractName(StrEnum):
    """How the force's extract may be written."""

    csv = "csv"
    parquet = "parquet"


class Size(StrEnum):
    """How large a city may be."""

    city = "city"
    town = "town"


DAY = ["%Y-%m-%d"]
FIRST_TO_LAST = re.compile(r"([12]\d{3})(?:-(0[1-9]|1[0-2]))?:([12]\d{3})(?:-(0[1-9]|1[0-2]))?")


def simulate(
    out: Annotated[Path, typer.Option(help="The new folder to write the city into.", show_default=False)],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same city, byte for byte.")] = 1,
    months: Annotated[
        str, typer.Option(help="The first and last month (or year, 2018:2021) that the city lives.")
    ] = "2018-01:2021-12",
    incidents: Annotated[int, typer.Option(min=0, help="How many are to be expected in all.")] = 1_000_000,
    size: Annotated[
        Size, typer.Option(help="A city of 1,600 km2 with 20,000 places, or a town of 64 km2 with 800.")
    ] = Size.city,
    nothing_at_all: Annotated[
        bool,
        typer.Option(
            "--nothing-at-all", help="Constant rates: no week, season, lockdown, shock, drift or near repeat."
        ),
    ] = False,
    effect: Annotated[EffectName, typer.Option(help="What to plant at treated hotspots.")] = EffectName.none,
    effect_size: Annotated[
        float, typer.Option(min=0, max=1, help="The share that is prevented on a treated day.")
    ] = 0.25,
    displaced: Annotated[
        float, typer.Option(min=0, max=1, help="The share of what is prevented that moves nearby.")
    ] = 0.3,
    hotspots: Annotated[int, typer.Option(min=1, help="How many hotspots are treated.")] = 250,
    day_share: Annotated[
        float, typer.Option(min=0, max=1, help="The chance that a hotspot is treated on a day.")
    ] = 0.5,
    effect_from: Annotated[
        datetime | None,
        typer.Option(formats=DAY, help="The first day of treatment. Without it: the last half-year's."),
    ] = None,
    effect_until: Annotated[
        datetime | None,
        typer.Option(formats=DAY, help="The day after its last day. Without it: the end of the city."),
    ] = None,
    extract: Annotated[ExtractName, typer.Option(help="How to write the force's extract.")] = ExtractName.csv,
    format: FormatOption = Format.table,
) -> None:
    """Make a London-like city that does not exist, with its crime records and the truth behind them."""
    from becalm.simulate.desk import make_city
    from becalm.simulate.settings import Effect

    start, end = _lifetime(months)
    planted = Effect(
        kind=effect.value,
        size=effect_size,
        displaced=displaced,
        hotspots=hotspots,
        day_share=day_share,
        start=effect_from.date() if effect_from else max(start, end - timedelta(days=184)),
        end=effect_until.date() if effect_until else end,
    )
    written = make_city(
        out,
        start=start,
        end=end,
        incidents=incidents,
        town=size is Size.town,
        quiet=nothing_at_all,
        effect=planted,
        seed=seed,
        extract=extract.value,
    )
    typer.echo(_RENDER[format](written), nl=False)


def _lifetime(months: str) -> tuple[date, date]:
    found = FIRST_TO_LAST.fullmatch(months)
    if found is None or (found[2] is None) != (found[4] is None):
        raise UsageError(
            f"--months {months!r} is not a first and a last month. "
            "Write 2018-01:2021-12, or 2018:2021 for whole years."
        )
    start = date(int(found[1]), int(found[2] or 1), 1)
    last = date(int(found[3]), int(found[4] or 12), 1)
    if last < start:
        raise UsageError(f"--months {months!r} ends before it begins. Write the earlier month first.")
    return start, (last + timedelta(days=32)).replace(day=1)


def _as_json(written: Written) -> str:
    return json.dumps(asdict(written), indent=2, ensure_ascii=False, default=str) + "\n"


def _as_csv(written: Written) -> str:
    from becalm.render.spreadsheet import csv_text

    facts = asdict(written)
    return csv_text(facts, [facts.values()])


def _as_table(written: Written) -> str:
    w = written
    lines = [
        f"Made {w.city}, a city that does not exist, in {w.path}",
        f"  {w.boroughs} boroughs in {w.command_units} command units, {w.segments:,} street segments, "
        f"{w.places:,} active places",
        f"  {w.incidents:,} incidents from {w.first_month} to {w.last_month}; planted effect: {w.effect}",
        "  city.toml, boundaries.geojson  for `becalm init DIR --city … --boundaries …`",
        f"  extract/                       {w.extract_rows:,} recorded crimes to the minute",
        f"  police_uk/                     {w.street_rows:,} street rows, {w.outcome_rows:,} outcomes, "
        f"{w.stop_rows:,} stops, by month",
        "  streets/                       the street network as GraphML",
        "  units.toml                     the patrol units, for `becalm patrol`",
        "  arrests.csv                    a log of arrests, for `becalm record import`",
        "  truth/                         true rates, planted effects, delays: what no analyst can see",
    ]
    return "\n".join(lines) + "\n"


_RENDER = {Format.table: _as_table, Format.json: _as_json, Format.csv: _as_csv}
