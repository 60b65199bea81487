"""The options that say what a plan is made of: days, units, hotspots, streets, policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.shared_options import with_options

if TYPE_CHECKING:
    from becalm.patrol.desk.inputs import PatrolQuestion

FromDay = Annotated[
    datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day.", show_default=False)
]
Days = Annotated[int, typer.Option(min=1, max=92, help="How many days.")]
Units = Annotated[
    Path | None,
    typer.Option(
        help="Who is on duty: a TOML file, or an example that becalm ships (london, westminster). "
        "Without it: units.toml of the workspace.",
        show_default=False,
    ),
]
Streets = Annotated[
    Path | None,
    typer.Option(
        help="The street network: GraphML as OSMnx writes it (also .gz), or lines as GeoJSON. "
        "Without it: that of the workspace, else straight lines.",
        show_default=False,
    ),
]
Travel = Annotated[
    Path | None,
    typer.Option(
        help="Travel minutes of your own instead of streets: a CSV with from, to, minutes and mode.",
        show_default=False,
    ),
]
CloseTriangles = Annotated[
    bool,
    typer.Option("--close-triangles", help="Shorten what --travel has longer than a way over another stop."),
]
Arms = Annotated[
    Path | None,
    typer.Option(help="The arms of a trial, as `becalm patrol trial` writes them.", show_default=False),
]
Hotspots = Annotated[
    Path | None,
    typer.Option(
        help="Hotspots as `becalm find hotspots --out F.geojson` writes them. Without it: a list made now.",
        show_default=False,
    ),
]
Policy = Annotated[
    Path | None,
    typer.Option(
        help="The dosage policy. Without it: patrol_policy.toml of the workspace, else the shipped one.",
        show_default=False,
    ),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target", "-t", help="An offence group to list hotspots of; repeat it.", show_default=False
    ),
]
Count = Annotated[int, typer.Option(min=1, help="How many hotspots to list.")]
Borough = Annotated[
    list[str] | None,
    typer.Option("--borough", help="Plan for this borough alone; repeat it.", show_default=False),
]
Area = Annotated[str, typer.Option(help="Plan for this patrol area alone.", show_default=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The options that say what a plan is made of, as they were given."""

    first: FromDay
    days: Days = 14
    units: Units = None
    hotspots: Hotspots = None
    streets: Streets = None
    travel: Travel = None
    close_triangles: CloseTriangles = False
    arms: Arms = None
    policy: Policy = None
    target: Target = None
    count: Count = 250
    borough: Borough = None
    area: Area = ""

    def question(self) -> PatrolQuestion:
        """What is asked, for the desk."""
        from becalm.find.desk.hotspots import HotspotRequest, RecordOptions
        from becalm.patrol.desk.inputs import PatrolQuestion, TravelWanted

        return PatrolQuestion(
            first_day=self.first.date(),
            days=self.days,
            find=HotspotRequest(records=RecordOptions(target=tuple(self.target or ())), count=self.count),
            hotspots=self.hotspots,
            units=self.units,
            travel=TravelWanted(self.streets, self.travel, self.close_triangles),
            arms=self.arms,
            policy=self.policy,
            boroughs=tuple(self.borough or ()),
            area=self.area,
        )


def with_inputs(
    *, without: tuple[str, ...] = (), **defaults: object
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of `Inputs` in the place of its argument `asked`."""
    return with_options(Inputs, "asked", without=without, **defaults)
