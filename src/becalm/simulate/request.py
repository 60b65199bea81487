"""What a simulated city may be asked with."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

from becalm.terms import FileName, Parameter, Request, UsageError

FIRST_TO_LAST = re.compile(r"([12]\d{3})(?:-(0[1-9]|1[0-2]))?:([12]\d{3})(?:-(0[1-9]|1[0-2]))?")
HALF_YEAR = timedelta(days=184)


@dataclass(frozen=True, slots=True, kw_only=True)
class CityRequest(Request):
    """Which city is made, and what is planted in it?"""

    out: Annotated[FileName, Parameter("The new folder to write the city into.")]
    seed: Annotated[int, Parameter("The same seed gives the same city, byte for byte.", low=0)] = 1
    months: Annotated[
        str, Parameter("The first and last month (or year, 2018:2021) that the city lives.")
    ] = "2018-01:2021-12"
    incidents: Annotated[int, Parameter("How many are to be expected in all.", low=0)] = 1_000_000
    size: Annotated[
        Literal["city", "town"],
        Parameter("A city of 1,600 km2 with 20,000 places, or a town of 64 km2 with 800."),
    ] = "city"
    nothing_at_all: Annotated[
        bool, Parameter("Constant rates: no week, season, lockdown, shock, drift or near repeat.")
    ] = False
    effect: Annotated[
        Literal["none", "patrol", "displacement"], Parameter("What to plant at treated hotspots.")
    ] = "none"
    effect_size: Annotated[
        float, Parameter("The share that is prevented on a treated day.", low=0, high=1)
    ] = 0.25
    displaced: Annotated[
        float, Parameter("The share of what is prevented that moves nearby.", low=0, high=1)
    ] = 0.3
    hotspots: Annotated[int, Parameter("How many hotspots are treated.", low=1)] = 250
    day_share: Annotated[
        float, Parameter("The chance that a hotspot is treated on a day.", low=0, high=1)
    ] = 0.5
    effect_from: Annotated[
        date | None, Parameter("The first day of treatment. Without it: the last half-year's.")
    ] = None
    effect_until: Annotated[
        date | None, Parameter("The day after its last day. Without it: the end of the city.")
    ] = None
    extract: Annotated[Literal["csv", "parquet"], Parameter("How to write the force's extract.")] = "csv"

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        month_range = FIRST_TO_LAST.fullmatch(self.months)
        if month_range is None or (month_range[2] is None) != (month_range[4] is None):
            raise UsageError(
                f"`months` {self.months!r} is not a first and a last month. "
                "Write 2018-01:2021-12, or 2018:2021 for whole years."
            )
        if self.end <= self.start:
            raise UsageError(
                f"`months` {self.months!r} ends before it begins. Write the earlier month first."
            )

    @property
    def start(self) -> date:
        """The first day of the city."""
        year, _, month = self.months.partition(":")[0].partition("-")
        return date(int(year), int(month or 1), 1)

    @property
    def end(self) -> date:
        """The day after its last."""
        year, _, month = self.months.partition(":")[2].partition("-")
        return (date(int(year), int(month or 12), 1) + timedelta(days=32)).replace(day=1)

    @property
    def effect_start(self) -> date:
        """The first day of treatment."""
        return self.effect_from or max(self.start, self.end - HALF_YEAR)
