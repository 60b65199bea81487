"""`becalm simulate`: make a city whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session, command
from becalm.simulate.request import CityRequest

if TYPE_CHECKING:
    from becalm.simulate.write_city import CitySummary


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""

    @command(app, "simulate", CityRequest, has_workspace=False, has_files=False)
    def simulate(session: Session, request: CityRequest) -> None:
        """Make a London-like city that does not exist, with its crime records and the truth behind them."""
        from becalm.console.emit import View
        from becalm.simulate.desk import make_city

        view = View(asdict, rows=lambda summary: [asdict(summary)], lines=_lines)
        session.emit(make_city(request, progress=session.progress), view)


def _lines(w: CitySummary) -> Iterable[str]:
    return [
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
        "  water.geojson                  the river, for maps",
        f"  staff/                         {w.officers} officers and absences, for `becalm staff load`",
        f"  divert/                        {w.people:,} people, for `becalm divert load`, and who helps them",
        "  burden/                        residents and counts by group, for `becalm patrol burden`",
        "  arrests.csv                    a log of arrests, for `becalm record import`",
        "  truth/                         true rates, planted effects, delays: what no analyst can see",
    ]
