"""What the jobs of sustain may be asked with."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal

from becalm.terms import Parameter, Request

WatchBy = Literal["borough,offence_group", "borough", "offence_group"]
Decision = Literal["real", "recording", "known", "chance"]
MOST_SEED: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest(Request):
    """Which series have begun to rise since their step, and how sure is that?"""

    by: Annotated[
        WatchBy | None,
        Parameter("What a series is.", default_text="borough,offence_group where boroughs are on record"),
    ] = None
    until: Annotated[
        str | None,
        Parameter('The last week, "2021-W20", or its Sunday.', default_text="newest whole week"),
    ] = None
    detector: Annotated[str, Parameter("The alarm that watches single series.")] = "ramp"
    offence_group: Annotated[tuple[str, ...], Parameter("Only these offence groups (repeat for more).")] = ()
    source: Annotated[str | None, Parameter("Whose records, where there are several.")] = None
    as_of: Annotated[date | None, Parameter("The records as they were on this day.")] = None
    seed: Annotated[
        int | None,
        Parameter("The seed of the thresholds, where they are not known yet.", low=0, high=MOST_SEED),
    ] = None
    public: Annotated[
        bool,
        Parameter("For the public: small counts are withheld, and whatever would give them away."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest(Request):
    """What was this alarm?"""

    alarm: Annotated[str, Parameter("The alarm, as `becalm sustain watch` names it.", is_argument=True)]
    decision: Annotated[
        Decision,
        Parameter(
            "real: crime rose. recording: it was recorded otherwise. known: expected, and explained. chance: "
            "nothing was found."
        ),
    ]
    reason: Annotated[str, Parameter("Why, without names of people.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepListRequest(Request):
    """Which steps are declared?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest(Request):
    """Which alarms were raised, what became of them, and how often was each detector right?"""

    detector: Annotated[str | None, Parameter("Only alarms of this detector.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest(Request):
    """How soon would each alarm have found a rebound that is planted into the force's own series?"""

    by: Annotated[
        WatchBy | None, Parameter("What a series is.", default_text="as in `becalm sustain watch`")
    ] = None
    fall: Annotated[
        float, Parameter("The level after the fall, as a share of the level before.", low=0.05, high=0.95)
    ] = 0.5
    weeks: Annotated[int, Parameter("How many weeks the climb takes.", unit="weeks", low=1, high=26)] = 8
    to: Annotated[
        float, Parameter("The level after the climb, as a share of the level before.", low=0.1, high=1.0)
    ] = 1.0
    runs: Annotated[int, Parameter("How often each series is planted.", low=1, high=1000)] = 4
    offence_group: Annotated[tuple[str, ...], Parameter("Only these offence groups (repeat for more).")] = ()
    source: Annotated[str | None, Parameter("Whose records, where there are several.")] = None
    as_of: Annotated[date | None, Parameter("The records as they were on this day.")] = None
    seed: Annotated[int | None, Parameter("The seed. Without it, a new one.", low=0, high=MOST_SEED)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClustersRequest(Request):
    """Where do more incidents lie just now than the place's own past leads one to expect?"""

    offence_group: Annotated[
        tuple[str, ...],
        Parameter(
            "The offence groups, counted together (repeat for more).",
            default_text="all that victims report",
        ),
    ] = ()
    until: Annotated[
        str | None,
        Parameter('The last week, "2021-W20", or its Sunday.', default_text="newest whole week"),
    ] = None
    weeks: Annotated[
        int, Parameter("How many of the newest weeks a cluster may last.", unit="weeks", low=1, high=13)
    ] = 4
    radius_m: Annotated[
        float, Parameter("How far a circle reaches at most.", unit="m", low=50, high=20_000)
    ] = 1000.0
    cell_m: Annotated[
        float,
        Parameter("The side of the squares that incidents are gathered in.", unit="m", low=50, high=5_000),
    ] = 250.0
    least_years: Annotated[
        float,
        Parameter(
            "Show clusters that chance brings once in so many years, or more rarely.",
            unit="years",
            low=0.05,
            high=100,
        ),
    ] = 1.0
    drawings: Annotated[int, Parameter("How many weeks without a cluster are drawn.", low=99, high=9999)] = (
        199
    )
    source: Annotated[str | None, Parameter("Whose records, where there are several.")] = None
    as_of: Annotated[date | None, Parameter("The records as they were on this day.")] = None
    seed: Annotated[int | None, Parameter("The seed. Without it, a new one.", low=0, high=MOST_SEED)] = None
