"""What each question of evaluate may be asked with."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from becalm.evaluate.core.protocol import Design
from becalm.terms import FileName, Parameter, Request

PROTOCOL_FILE: Final = FileName("protocol.toml")
ProtocolFile = Annotated[FileName, Parameter("The protocol's file (TOML).", is_argument=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRequest(Request):
    """A protocol to fill in."""

    design: Annotated[Design, Parameter("How treated and control places are compared.")]
    out: Annotated[FileName, Parameter("The file to write; it must not exist yet.")] = PROTOCOL_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRequest(Request):
    """Fix a protocol before its outcome is seen."""

    protocol: ProtocolFile


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRequest(Request):
    """Change a registered protocol, and keep both."""

    protocol: ProtocolFile
    replaces: Annotated[
        str, Parameter("The hash of the protocol that it stands in for (its beginning will do).")
    ]
    reason: Annotated[str, Parameter("Why it is changed, without names of people.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolsRequest(Request):
    """Which protocols are registered?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsChoice(Request):
    """Which records are read."""

    source: Annotated[str | None, Parameter("Whose records, where there are several.")] = None
    as_of: Annotated[date | None, Parameter("The records as they were on this day.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest(Request):
    """Did it work? By a protocol."""

    protocol: Annotated[
        FileName | None, Parameter("The protocol's file (TOML); not needed with `again`.", is_argument=True)
    ] = None
    records: RecordsChoice = RecordsChoice()
    again: Annotated[
        FileName | None,
        Parameter("The run.json of an earlier run: make the same report again, byte for byte."),
    ] = None
    out: Annotated[
        FileName | None, Parameter("A folder to write finding.json, run.json and the page into.")
    ] = None
    public: Annotated[
        bool, Parameter("Write the page for the public: counts that are small are withheld.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignRequest(Request):
    """Who is treated when, and what can be said before any outcome is read?"""

    protocol: ProtocolFile
    records: RecordsChoice = RecordsChoice()
    out: Annotated[FileName | None, Parameter("A file (.html) to write the picture of the design into.")] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRequest(Request):
    """How likely is an effect to be found? By running the whole recipe on what the past was like."""

    study: Annotated[
        FileName,
        Parameter("A protocol, or a folder of `becalm patrol trial`.", is_argument=True, metavar="STUDY"),
    ]
    records: RecordsChoice = RecordsChoice()
    effect: Annotated[
        float | None,
        Parameter("The share that is prevented.", low=0, high=0.95, default_text="the protocol's smallest"),
    ] = None
    displaced: Annotated[
        float, Parameter("The share of what is prevented that moves into the ring.", low=0, high=1)
    ] = 0.0
    delay_days: Annotated[
        int, Parameter("Days from the start until the effect is there.", unit="days", low=0)
    ] = 0
    runs: Annotated[int, Parameter("How many studies are made up.", low=100, high=100_000)] = 1_000
    seed: Annotated[int, Parameter("The same seed gives the same answer.", low=0)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AnywayRequest(Request):
    """Would it have fallen anyway? What else explains the fall, and what is left."""

    period: Annotated[str, Parameter('The days in question, e.g. "2020-04..2020-05".', is_argument=True)]
    offence_group: Annotated[
        tuple[str, ...], Parameter("Offences that the programme aimed at. Can be repeated.", name="group")
    ]
    control_group: Annotated[
        tuple[str, ...],
        Parameter("Offences that it did not aim at, for comparison. Can be repeated.", name="control"),
    ] = ()
    mobility: Annotated[
        FileName | None,
        Parameter("A csv with the columns day (or month) and share: how much people were out, 1 as usual."),
    ] = None
    elasticity_low: Annotated[
        float, Parameter("By which power offences follow mobility, at least.", low=0, high=3)
    ] = 0.0
    elasticity_high: Annotated[
        float, Parameter("By which power offences follow mobility, at most.", low=0, high=3)
    ] = 1.0
    level: Annotated[float, Parameter("The level of the intervals.", low=0.5, high=0.999)] = 0.95
    records: RecordsChoice = RecordsChoice()
