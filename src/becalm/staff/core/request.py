"""What staff may be asked with: one request for each question, each field declared once."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from becalm.terms import FileName, Parameter, Request, UsageError

RulesFile = Annotated[
    FileName | None,
    Parameter(
        "The rules: a TOML file. Without it: staff_rules.toml of the workspace, else the shipped UK rules."
    ),
]
KNOWN_AT_HELP = "Absences as they were known at this instant (2020-05-04T05:30Z). Without it: all."
HALF_DAY_HELP = "A day (2020-05-04), or a day and noon (2020-05-04T12:00)."
LAST_HALF_DAY_HELP = "With noon (2020-05-04T12:00): the morning of that day is the last half-day."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest(Request):
    """Take in officers, the published roster and absences."""

    path: Annotated[
        FileName,
        Parameter("A folder with officers, roster and availability (csv or xlsx).", is_argument=True),
    ]
    mapping: Annotated[FileName | None, Parameter("A TOML file that says how your columns are called.")] = (
        None
    )
    rules: RulesFile = None
    purpose: Annotated[str, Parameter("What for: duty planning, welfare or audit.")] = "duty planning"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRequest(Request):
    """Which days, by which rules and needs, as known when?"""

    first_day: Annotated[date, Parameter("The first day.", name="from")]
    days: Annotated[int, Parameter("How many days.", unit="days", low=1, high=35)] = 14
    rules: RulesFile = None
    need: Annotated[
        FileName | None,
        Parameter(
            "Officers wanted: a csv with command_unit, day, tour, officers. "
            "Without it: staff/need.csv of the workspace, which `becalm staff need` keeps."
        ),
    ] = None
    known_at: Annotated[str, Parameter(KNOWN_AT_HELP, default_text="now")] = ""

    @property
    def known_instant(self) -> datetime | None:
        """The instant of `known_at`, None where none is given."""
        return read_instant(self.known_at) if self.known_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateRequest(Request):
    """Who works when and where, so that needs are met with few changes of the published roster?"""

    period: PeriodRequest
    out: Annotated[FileName, Parameter("The folder for the roster.")]
    work: Annotated[
        int,
        Parameter(
            "How hard to search. 0: a lawful roster at once, without a bound. Each further unit improves it.",
            low=0,
            high=1000,
        ),
    ] = 10
    seed: Annotated[int, Parameter("The same seed and work give the same roster.", low=0)] = 1
    lend: Annotated[bool, Parameter("Let neighbouring command units lend officers to each other.")] = False
    pins: Annotated[
        FileName | None,
        Parameter("Tours that stay, and wishes: a csv with officer, day, tour and kind (pin, off or offer)."),
    ] = None
    visits: Annotated[
        int,
        Parameter("Crews of each command unit and day to set aside for visits, from the early tour.", low=0),
    ] = 0
    publish: Annotated[bool, Parameter("Record the roster and its changes in the ledger.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(Request):
    """Is a roster lawful?"""

    folder: Annotated[FileName, Parameter("The folder of a roster.", is_argument=True)]
    rules: RulesFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentRequest(Request):
    """An officer is away at short notice: who else must be asked?"""

    officer: Annotated[tuple[str, ...], Parameter("The staff number. Can be repeated.", is_argument=True)]
    folder: Annotated[FileName, Parameter("The folder of the roster that is in force.", name="roster")]
    out: Annotated[FileName, Parameter("The folder for the new roster.")]
    since: Annotated[str, Parameter(HALF_DAY_HELP, name="from")]
    until: Annotated[
        str, Parameter(f"The last day away, included. {LAST_HALF_DAY_HELP}", default_text="the same day")
    ] = ""
    reason: Annotated[
        Literal["sick", "leave", "court", "training", "self-isolating", "restricted", "abstracted"],
        Parameter("Why. It is kept apart from the record, and can be erased."),
    ] = "sick"
    purpose: Annotated[str, Parameter("What for: duty planning, welfare or audit.")] = "duty planning"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackRequest(Request):
    """An officer is back earlier than was recorded."""

    officer: Annotated[str, Parameter("The staff number.", is_argument=True)]
    since: Annotated[str, Parameter(HALF_DAY_HELP, name="from")]
    until: Annotated[
        str, Parameter(f"The last day, included. {LAST_HALF_DAY_HELP}", default_text="4 weeks")
    ] = ""
    purpose: Annotated[str, Parameter("What for: duty planning, welfare or audit.")] = "duty planning"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRequest(Request):
    """How many officers does each tour want, and why?"""

    first_day: Annotated[date, Parameter("The first day.", name="from")]
    days: Annotated[int, Parameter("How many days.", unit="days", low=1, high=35)] = 14
    rules: RulesFile = None
    total: Annotated[int, Parameter("Tours of officers to share out over all these days.", low=1)]
    floor: Annotated[int, Parameter("The least on each tour.", unit="officers", low=0)] = 2
    cap: Annotated[int, Parameter("The most on each tour.", unit="officers", low=1)] = 40
    hotspots: Annotated[
        FileName | None,
        Parameter("Hotspots as GeoJSON, as `becalm find hotspots` writes them. Without it: a list made now."),
    ] = None
    keep: Annotated[bool, Parameter("Keep the answer as staff/need.csv of the workspace.")] = False


def read_instant(text: str) -> datetime:
    """An aware instant; raises UsageError where the text is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"`known_at` {text!r} is no instant. Write 2020-05-04T05:30Z.") from error
    if moment.tzinfo is None:
        raise UsageError(f"`known_at` {text!r} names no zone. Write 2020-05-04T05:30Z.")
    return moment
