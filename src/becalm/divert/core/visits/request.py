"""What visits and help may be asked with: one request for each question, each field declared once."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from becalm.divert.core.request import Person, Purpose
from becalm.terms import FileName, Parameter, Request

ProtocolFile = Annotated[
    FileName | None,
    Parameter("The visit protocol (TOML).", default_text="visit_protocol.toml, else the shipped one"),
]
Crew = Annotated[str, Parameter("The crew, as the schedule names it.")]
At = Annotated[str, Parameter("When it was, in the city's time (2020-05-04T17:20).", default_text="now")]
Note = Annotated[str, Parameter("In your own words. It can be erased.")]
Referral = Annotated[str, Parameter("The number of the referral.")]
Provider = Annotated[str, Parameter("The key of the provider, from `becalm divert providers`.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRequest(Request):
    """Which crew calls on whom, when and in which order?"""

    first_day: Annotated[date, Parameter("The first day.", name="from")]
    days: Annotated[int, Parameter("How many days.", unit="days", low=1, high=14)] = 1
    crews: Annotated[
        FileName | None,
        Parameter(
            "Crews (csv: day, unit, base, start, hours, use), as `becalm staff allocate` writes tours.csv."
        ),
    ] = None
    units: Annotated[FileName | None, Parameter("The units file that says where the bases are.")] = None
    out: Annotated[FileName, Parameter("The folder for the schedule, its sheets and calendars.")]
    protocol: ProtocolFile = None
    work: Annotated[int, Parameter("Rounds of search for each day.", low=0, high=100_000)] = 1500
    seed: Annotated[int, Parameter("The same seed and work give the same schedule.", low=0)] = 1
    without: Annotated[
        tuple[str, ...],
        Parameter("A crew that falls out: the schedule of `out` is made again without it. Can be repeated."),
    ] = ()
    wave: Annotated[int, Parameter("How many people of each wave of first offers.", low=1, high=10_000)] = 100
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRequest(Request):
    """What does each number of attempts buy, and how often does it knock in vain?"""

    crews: Annotated[int, Parameter("Crews a day.", unit="crews", low=1, high=40)] = 12
    people: Annotated[int, Parameter("People to reach.", unit="people", low=50, high=2000)] = 1000
    chance: Annotated[
        tuple[float, ...],
        Parameter("The mean chance of contact at a door. Can be repeated.", low=0.05, high=0.95),
    ] = (0.3, 0.45, 0.6)
    protocol: ProtocolFile = None
    seed: Annotated[int, Parameter("The same seed gives the same list.", low=0)] = 1
    cities: Annotated[int, Parameter("Drawn cities for each figure.", low=1, high=50)] = 1
    sign: Annotated[bool, Parameter("Put this protocol in force, as the owner of the programme.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointRequest(Request):
    """Agree a time for the next visit, or move one that was agreed."""

    person: Person
    at: Annotated[str, Parameter("When it begins, in the city's time (2020-05-14T17:30).")]
    move: Annotated[str, Parameter("The appointment that this one replaces.")] = ""
    asked_by: Annotated[Literal["person", "crew", "programme"], Parameter("Who asked for this time.")] = (
        "person"
    )
    place: Annotated[Literal["home", "neutral"], Parameter("At home, or in a place that was agreed.")] = (
        "home"
    )
    where: Annotated[str, Parameter("The neutral place. It can be erased.")] = ""
    present: Annotated[str, Parameter("Who may be present. It can be erased.")] = ""
    why: Annotated[str, Parameter("Why it is moved. It can be erased.")] = ""
    card: Annotated[str, Parameter("The number on the card that was rung back.")] = ""
    protocol: ProtocolFile = None
    purpose: Purpose = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class WishesRequest(Request):
    """How does somebody want to be visited? What is not said here is no longer wished."""

    person: Person
    unavailable: Annotated[
        tuple[str, ...],
        Parameter(
            "A time to be left alone: a weekday with or without hours (tuesday 09:00-12:00), weekends, "
            "every day, a date, two dates (2020-05-10 to 2020-05-14), a part of the day. Can be repeated."
        ),
    ] = ()
    interpreter: Annotated[str, Parameter("The language of an interpreter.")] = ""
    easy_read: Annotated[bool, Parameter("Papers in easy words.")] = False
    present: Annotated[str, Parameter("Who may be present. It can be erased.")] = ""
    place: Annotated[str, Parameter("A place to meet instead of at home. It can be erased.")] = ""
    place_at: Annotated[str, Parameter("Its easting and northing in metres (530120,181000).")] = ""
    clear: Annotated[bool, Parameter("Nothing is wished any more.")] = False
    asked_by: Annotated[Literal["person", "navigator", "crew"], Parameter("Who passed the wishes on.")] = (
        "person"
    )
    protocol: ProtocolFile = None
    purpose: Purpose = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest(Request):
    """Is the visit of a day safe for everybody?"""

    person: Person
    day: Annotated[date, Parameter("The day of the visit.")]
    result: Annotated[Literal["go", "conditions", "no_go"], Parameter("What the check says.")]
    approver: Annotated[str, Parameter("Who answers for it, where it is not a plain go.")] = ""
    condition: Annotated[tuple[str, ...], Parameter("A condition. Can be repeated. It can be erased.")] = ()
    note: Note = ""
    purpose: Purpose = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackRequest(Request):
    """What does the crew need to know at the door today?"""

    person: Person
    crew: Crew
    protocol: ProtocolFile = None
    purpose: Purpose = "visit"


ResultWord = Literal[
    "contact", "no_answer", "refused_at_door", "moved", "wrong_address", "wrong_person", "in_custody",
    "hospital", "deceased", "unsafe_aborted", "no_go", "deconflicted", "crew_unavailable",
]  # fmt: skip
ResponseWord = Literal["", "interested", "thinking", "declined", "hostile", "already_supported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRequest(Request):
    """What came of a call at a door?"""

    person: Person
    crew: Crew
    result: Annotated[ResultWord, Parameter("What happened.")]
    response: Annotated[ResponseWord, Parameter("What they said to the offer, where they were met.")] = ""
    need: Annotated[
        tuple[str, ...], Parameter("What they want help with. Can be repeated. It can be erased.")
    ] = ()
    no_offer: Annotated[
        Literal["", "unsafe", "interpreter", "other"], Parameter("Why no offer was made, where it was not.")
    ] = ""
    correct: Annotated[
        int, Parameter("The number of an outcome that was wrong: this one takes its place.", low=0)
    ] = 0
    at: At = ""
    note: Note = ""
    protocol: ProtocolFile = None
    purpose: Purpose = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRequest(Request):
    """Leave the letter after the last attempt, and rest."""

    person: Person
    protocol: ProtocolFile = None
    purpose: Purpose = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRequest(Request):
    """Which appointments and packs are over without an outcome, and which steps of help are late?"""

    purpose: Purpose = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest(Request):
    """Record that somebody agrees to be referred, or no longer does."""

    person: Person
    change: Annotated[Literal["given", "withdrawn"], Parameter("What the person said.")]
    provider: Provider
    shared_fields: Annotated[
        tuple[str, ...],
        Parameter("A field that may be passed on (name, phone, needs). Can be repeated.", name="what"),
    ] = ("name", "phone")
    note: Note = ""
    purpose: Purpose = "referral"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferRequest(Request):
    """Refer somebody to a provider with consent, or record what the provider answered."""

    person: Person
    step: Annotated[
        Literal["send", "accept", "reject", "start", "end", "move", "report"], Parameter("The step.")
    ]
    provider: Provider = ""
    referral: Annotated[str, Parameter("The number of the referral, after it was sent.")] = ""
    code: Annotated[str, Parameter("Why it is rejected, or how it ended.")] = ""
    report: Annotated[
        str, Parameter("What came of the help, as its end is recorded (`end`, `report`). It can be erased.")
    ] = ""
    note: Note = ""
    purpose: Purpose = "referral"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest(Request):
    """Record a session of help, or set and judge a goal of the plan."""

    person: Person
    referral: Referral
    attended: Annotated[Literal["", "yes", "late", "no"], Parameter("Whether the person came.")] = ""
    reason: Annotated[
        Literal["", "acceptable", "unacceptable", "logistics"],
        Parameter("Where nobody came: why, as a class."),
    ] = ""
    day: Annotated[date | None, Parameter("The day of the session.", default_text="today")] = None
    goal: Annotated[int, Parameter("The number of a goal.", low=0, high=20)] = 0
    result: Annotated[
        Literal["", "set", "achieved", "partly", "not"], Parameter("The goal is set, or what came of it.")
    ] = ""
    note: Note = ""
    purpose: Purpose = "referral"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelRequest(Request):
    """How many of those who were selected were reached, offered help, and helped?"""

    as_of: Annotated[date | None, Parameter("As of the end of this day.", default_text="now")] = None
    by: Annotated[
        Literal["", "area", "age", "week", "wave"],
        Parameter("Show it by area, age band, week or wave too; by area somebody's address is read."),
    ] = ""
    protocol: ProtocolFile = None
    purpose: Purpose = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvidersRequest(Request):
    """Who offers help, who is waiting there, and what came of it?"""

    file: Annotated[FileName | None, Parameter("Another directory (TOML) to check.")] = None
