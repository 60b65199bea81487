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
        Parameter(
            "Tours that stay, and wishes: a csv with officer, day, tour, with and kind (pin, off, offer, "
            "swap or crew). `with` names the other officer of a swap or a crew."
        ),
    ] = None
    visits: Annotated[
        int,
        Parameter("Crews of each command unit and day to set aside for visits, from the early tour.", low=0),
    ] = 0
    admin: Annotated[
        FileName | None,
        Parameter(
            "Hours of administration wanted: a csv with command_unit, day, hours. They are filled first by "
            "officers who may do nothing else; reading who that is leaves a trace in the ledger."
        ),
    ] = None
    publish: Annotated[
        bool,
        Parameter(
            "Record the roster and its changes in the ledger, and keep it as staff/roster of the workspace, "
            "where `becalm run` finds it."
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(Request):
    """Is a roster lawful?"""

    folder: Annotated[FileName, Parameter("The folder of a roster.", is_argument=True)]
    rules: RulesFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatRequest(Request):
    """Does an earlier run give the same roster again, byte for byte?"""

    run: Annotated[FileName, Parameter("The run.json of the roster.", is_argument=True)]
    out: Annotated[FileName, Parameter("The folder for the roster that is made again.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentRequest(Request):
    """An officer is away at short notice: who else must be asked?"""

    officer: Annotated[tuple[str, ...], Parameter("The staff number. Can be repeated.", is_argument=True)]
    folder: Annotated[FileName, Parameter("The folder of the roster that is in force.", name="roster")]
    out: Annotated[FileName, Parameter("The folder for the new roster.")]
    since: Annotated[
        str,
        Parameter(
            f"{HALF_DAY_HELP} A tour that had begun by then, or by now if that is earlier, stays as it is. "
            "Who cannot work a night is away from the noon before it.",
            name="from",
        ),
    ]
    until: Annotated[
        str, Parameter(f"The last day away, included. {LAST_HALF_DAY_HELP}", default_text="the same day")
    ] = ""
    reason: Annotated[
        Literal["sick", "leave", "court", "training", "self-isolating", "restricted", "abstracted"],
        Parameter("Why. It is kept apart from the record, and can be erased."),
    ] = "sick"
    publish: Annotated[
        bool, Parameter("Record the changes in the ledger, and put the new roster in force.")
    ] = False
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
    total: Annotated[int | None, Parameter("Tours of officers to share out over all these days.", low=1)] = (
        None
    )
    released: Annotated[
        FileName | None,
        Parameter(
            "Say instead which hours a week were freed: a csv with demand (events, airport …), period "
            "(baseline or now), week and hours."
        ),
    ] = None
    floor: Annotated[int, Parameter("The least on each tour.", unit="officers", low=0)] = 2
    cap: Annotated[int, Parameter("The most on each tour.", unit="officers", low=1)] = 40
    hotspots: Annotated[
        FileName | None,
        Parameter("Hotspots as GeoJSON, as `becalm find hotspots` writes them. Without it: a list made now."),
    ] = None
    keep: Annotated[bool, Parameter("Keep the answer as staff/need.csv of the workspace.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRequest(Request):
    """How many officers will be there on each tour?"""

    first_day: Annotated[date, Parameter("The first day.", name="from")]
    days: Annotated[int, Parameter("How many days.", unit="days", low=1, high=35)] = 14
    rules: RulesFile = None
    event: Annotated[
        tuple[str, ...],
        Parameter("Officers whom a known event takes on a day (40@2020-05-09). Can be repeated."),
    ] = ()
    known_at: Annotated[
        str,
        Parameter(
            "Absences as they were known at this instant (2020-05-04T05:30Z).",
            default_text="now, or the first day if that is past",
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfRequest(Request):
    """What would be if officers were freed, kept at home, called to an event, or joined?"""

    period: PeriodRequest
    free: Annotated[
        tuple[str, ...], Parameter("Officers freed, and from where (airport=20). Can be repeated.")
    ] = ()
    isolating: Annotated[
        tuple[str, ...],
        Parameter("Officers kept at home, as a share or a number (10%). Can be repeated."),
    ] = ()
    event: Annotated[
        tuple[str, ...], Parameter("Officers called to an event on a day (40@2020-05-09). Can be repeated.")
    ] = ()
    recruits: Annotated[
        tuple[str, ...], Parameter("Recruits who join on a day (15@2020-05-11). Can be repeated.")
    ] = ()
    minutes_per_burst: Annotated[
        float,
        Parameter(
            "A burst with the way to it; `becalm patrol capacity` shows yours.",
            unit="minutes",
            low=5,
            high=240,
        ),
    ] = 25.0
    seed: Annotated[int, Parameter("Whom a change meets is drawn with this seed.", low=0)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest(Request):
    """Who carries nights, weekends and cancelled rest days, and which rules were set aside?"""

    folder: Annotated[FileName, Parameter("The folder of a roster.", is_argument=True)]
    rules: RulesFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetsRequest(Request):
    """What does each officer and each command unit take from a roster?"""

    folder: Annotated[FileName, Parameter("The folder of a roster.", is_argument=True)]
    out: Annotated[
        FileName | None, Parameter("The folder to write.", default_text="sheets, in the roster's folder")
    ] = None
    officer: Annotated[
        tuple[str, ...], Parameter("Only for this officer. Can be repeated.", default_text="everybody")
    ] = ()
    day: Annotated[
        date | None, Parameter("The day of the boards.", default_text="the first day of the roster")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest(Request):
    """What did an officer say who was asked to work?"""

    officer: Annotated[str, Parameter("The staff number.", is_argument=True)]
    day: Annotated[date, Parameter("The day that the officer was asked for.")]
    tour: Annotated[str, Parameter("The tour.")]
    answer: Annotated[Literal["yes", "no", "none"], Parameter("The answer; none: could not be reached.")]
    purpose: Annotated[str, Parameter("What for: duty planning, welfare or audit.")] = "duty planning"


@dataclass(frozen=True, slots=True, kw_only=True)
class DerogateRequest(Request):
    """Which rule is set aside for an officer, and what rest makes up for it?"""

    officer: Annotated[str, Parameter("The staff number.", is_argument=True)]
    rule: Annotated[str, Parameter("The rule, as the rule file names it (daily_rest_hours).")]
    day: Annotated[date, Parameter("The day of the tour.")]
    rest_until: Annotated[
        str, Parameter("Until when the rest lasts that makes up for it (2020-05-06T22:00Z).")
    ]
    by: Annotated[str, Parameter("Who decided it: a rank or a post, no name.", name="decided-by")]
    rules: RulesFile = None
    purpose: Annotated[str, Parameter("What for: duty planning, welfare or audit.")] = "duty planning"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRequest(Request):
    """Which details of absences are past their term?"""

    today: Annotated[date | None, Parameter("As if it were this day.", default_text="today")] = None
    erase: Annotated[bool, Parameter("Destroy them for good.")] = False
    rules: RulesFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPackRequest(Request):
    """What is held about an officer?"""

    officer: Annotated[str, Parameter("The staff number.", is_argument=True)]
    out: Annotated[FileName, Parameter("The page to write (.html).")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentRequest(Request):
    """What does an impact assessment say of officers' data?"""

    out: Annotated[FileName, Parameter("The page to write (.html).")]
    rules: RulesFile = None


def read_instant(text: str, field: str = "known_at") -> datetime:
    """An aware instant; raises UsageError where the text is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"`{field}` {text!r} is no instant. Write 2020-05-04T05:30Z.") from error
    if moment.tzinfo is None:
        raise UsageError(f"`{field}` {text!r} names no zone. Write 2020-05-04T05:30Z.")
    return moment
