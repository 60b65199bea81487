"""What divert may be asked with: one request for each question, each field declared once."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from becalm.ledger.events import ABOUT_PEOPLE
from becalm.terms import FileName, Parameter, Request

PURPOSE_HELP = f"What for: one of {', '.join(ABOUT_PEOPLE)}. It is recorded before anything is shown."
Person = Annotated[str, Parameter("The pseudonym, from `becalm divert list`.", is_argument=True)]
Purpose = Annotated[str, Parameter(PURPOSE_HELP)]
AsOf = Annotated[date | None, Parameter("The day of the list.", default_text="today")]
Code = Annotated[
    tuple[str, ...], Parameter("A reason code of the rule. Can be repeated.", name="code", metavar="CODE")
]
Sentence = Annotated[
    str,
    Parameter("One sentence about this very person, in your own words. It can be erased, unlike the codes."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest(Request):
    """Take in people and their events, under pseudonyms."""

    persons: Annotated[FileName, Parameter("The people: csv, xlsx or Parquet.", is_argument=True)]
    events: Annotated[FileName, Parameter("Their events: csv, xlsx or Parquet.", is_argument=True)]
    mapping: Annotated[FileName | None, Parameter("A TOML file that says how your columns are called.")] = (
        None
    )
    leave_out: Annotated[
        tuple[str, ...], Parameter("A column that is not allowed, and is not read. Can be repeated.")
    ] = ()
    purpose: Purpose = "offer of help"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest(Request):
    """Whom does the rule select?"""

    as_of: AsOf = None
    purpose: Purpose = "offer of help"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest(Request):
    """Why does the rule select this person, or not?"""

    person: Person
    as_of: AsOf = None
    purpose: Purpose
    emergency: Annotated[
        str, Parameter("Why your role must be set aside now; the data-protection officer is told at once.")
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRequest(Request):
    """Which rule is in force, and what would another one change?"""

    file: Annotated[FileName | None, Parameter("Another rule (TOML), to compare or to publish.")] = None
    publish: Annotated[bool, Parameter("Put it in force, after the comparison was looked at.")] = False
    as_of: AsOf = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NominateRequest(Request):
    """Put forward a person whom the rule selected."""

    person: Person
    code: Code
    sentence: Sentence
    as_of: AsOf = None
    purpose: Purpose = "decision"


ScreenResult = Literal["clear", "conditions", "defer", "refer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRequest(Request):
    """Say what may stand against a visit."""

    person: Person
    check: Annotated[
        tuple[str, ...],
        Parameter(
            "A check and its answer, e.g. threat_to_life=no. All of them must be answered. Can be repeated.",
            metavar="CHECK=ANSWER",
        ),
    ]
    note: Annotated[str, Parameter("What the crew must know; it can be erased.")] = ""
    purpose: Purpose = "decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRequest(Request):
    """Decide about a person who was put forward by somebody else."""

    person: Person
    code: Code
    sentence: Sentence
    purpose: Purpose = "decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineRequest(Request):
    """Do not take a person in, or not yet."""

    decision: DecideRequest
    later: Annotated[bool, Parameter("Not never, but not yet: the case is deferred.")] = False
