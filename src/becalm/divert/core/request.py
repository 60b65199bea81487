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
SigningKeyFile = Annotated[
    FileName | None, Parameter("The file of your own key, where signatures prove who acts.")
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
    children: Annotated[
        bool, Parameter("Those who are under age instead, where the rule has a route for children.")
    ] = False
    purpose: Purpose = "offer of help"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRequest(Request):
    """Which cases wait for a step of your role?"""

    purpose: Purpose = "decision"


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
    crime: Annotated[
        tuple[str, ...], Parameter("A crime that the sentence rests on. Can be repeated.", metavar="REF")
    ] = ()
    as_of: AsOf = None
    child: Annotated[bool, Parameter("By the route for children, where the rule has one.")] = False
    purpose: Purpose = "decision"
    signing_key: SigningKeyFile = None


ScreenResult = Literal["clear", "conditions", "defer", "refer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenRequest(Request):
    """Say what may stand against a visit."""

    person: Person
    check: Annotated[
        tuple[str, ...],
        Parameter(
            "A check and its answer, e.g. threat_to_life=no, or unsure, which counts as yes. "
            "All must be answered. Can be repeated.",
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
    as_of: Annotated[
        date | None,
        Parameter("The day of the list that was opened.", default_text="that of the nomination, or today"),
    ] = None
    purpose: Purpose = "decision"
    signing_key: SigningKeyFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineRequest(Request):
    """Do not take a person in, or not yet."""

    decision: DecideRequest
    later: Annotated[bool, Parameter("Not never, but not yet: the case is deferred.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRequest(Request):
    """Take a person out, and call back all that was passed on."""

    decision: DecideRequest
    end: Annotated[
        Literal["graduated", "removed_error", "deceased", "moved"], Parameter("How the case ended.")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRequest(Request):
    """Dispute that a person is in the programme, or decide such a dispute."""

    person: Person
    by: Annotated[
        Literal["person", "representative", "staff"], Parameter("Who disputes it.", name="disputed-by")
    ] = "person"
    text: Annotated[str, Parameter("What is disputed, in their own words; it can be erased.")] = ""
    decide: Annotated[
        Literal["upheld", "rejected"] | None,
        Parameter("The decision, by somebody who had no part in the case."),
    ] = None
    code: Annotated[tuple[str, ...], Parameter("A reason code of the rule. Can be repeated.")] = ()
    sentence: Annotated[str, Parameter("Why, in writing, for the person.")] = ""
    purpose: Purpose = "challenge"
    signing_key: SigningKeyFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictRequest(Request):
    """Restrict the use of a person's records, hold them for a court, or free them again."""

    person: Person
    ground: Annotated[
        Literal["restriction", "legal_hold"], Parameter("Restricted use, or held for a court.")
    ] = "restriction"
    law: Annotated[str, Parameter("The legal ground, e.g. DPA 2018 s.47.")]
    review_on: Annotated[date, Parameter("By when it is looked at again; 90 days at most.")]
    sentence: Sentence
    lift: Annotated[bool, Parameter("Free them again.")] = False
    purpose: Purpose = "subject request"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRequest(Request):
    """Which records may be one person, and which hold two? Two people join, part or split them."""

    person: Annotated[str | None, Parameter("The one pseudonym.", is_argument=True)] = None
    other_person: Annotated[str | None, Parameter("The other one.", is_argument=True)] = None
    decide: Annotated[
        Literal["join", "part", "split"] | None,
        Parameter("One person, two, or two within one record? The second person to say so decides."),
    ] = None
    crime: Annotated[
        tuple[str, ...],
        Parameter("With split: a crime that is the other person's. Can be repeated.", metavar="REF"),
    ] = ()
    sentence: Annotated[str, Parameter("Why, in your own words.")] = ""
    purpose: Purpose = "correction"
    signing_key: SigningKeyFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoRequest(Request):
    """Who did or saw what about this person?"""

    person: Person
    for_person: Annotated[
        bool, Parameter("As the person gets to see it: roles without names.", name="for-person")
    ] = False
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPackRequest(Request):
    """Everything that is kept about a person, for the person; or a correction of it."""

    person: Person
    out: Annotated[FileName | None, Parameter("A new folder for the pack: PDF, JSON and signature.")] = None
    release: Annotated[
        tuple[str, ...],
        Parameter("A field that is withheld, and may be shown after all, e.g. note. Can be repeated."),
    ] = ()
    correct: Annotated[
        tuple[str, ...],
        Parameter("A detail that is wrong, and what is right: address='2 New Road'.", name="set"),
    ] = ()
    purpose: Purpose = "subject request"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRequest(Request):
    """Destroy the details whose time is over."""

    day: Annotated[date | None, Parameter("As of which day.", default_text="today")] = None
    person: Annotated[str | None, Parameter("Erase this person at once, at his or her own request.")] = None
    code: Annotated[str, Parameter("The ground of an erasure at request, e.g. request.")] = "request"
    purpose: Annotated[str, Parameter("What for: erasure.")] = "erasure"


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsRequest(Request):
    """Have the server of the ledger refuse what a role may not record or open."""

    owner_url: Annotated[
        str,
        Parameter(
            "The ledger's database, as somebody who may make roles and owns it: "
            "postgresql://postgres@host/becalm. A password is better kept in ~/.pgpass."
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisparityRequest(Request):
    """Does the rule, or do those who apply it, fall unevenly on groups?"""

    load: Annotated[
        FileName | None, Parameter("Characteristics of people (csv or xlsx): kept apart, read here alone.")
    ] = None
    residents: Annotated[
        FileName | None, Parameter("Residents by characteristic and group (csv or xlsx).")
    ] = None
    as_of: AsOf = None
    sign: Annotated[bool, Parameter("Answer for this report, in your own name.")] = False
    purpose: Annotated[str, Parameter("What for.")] = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernRequest(Request):
    """The papers of the programme, filled in from what is in force."""

    out: Annotated[FileName, Parameter("The folder for the papers; what changed there is shown.")]
    sign: Annotated[bool, Parameter("Sign them as they are; approvals begin with that.")] = False
    legal_basis: Annotated[str, Parameter("The law that the programme stands on.")] = ""
    review_on: Annotated[
        date | None, Parameter("By when they are looked at again.", default_text="in a year")
    ] = None
    signing_key: SigningKeyFile = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysRequest(Request):
    """Which keys may sign, in whose name? Two people publish one; one person withdraws it."""

    draw: Annotated[
        FileName | None,
        Parameter("Draw a key of your own into this file, and print its card for two people."),
    ] = None
    publish: Annotated[
        str | None,
        Parameter(
            "The card of a key. The second person to publish the same puts it in force.", metavar="CARD"
        ),
    ] = None
    holder: Annotated[str, Parameter("Whose key it is.", default_text="yourself")] = ""
    key_role: Annotated[tuple[str, ...], Parameter("A role that it signs in. Can be repeated.")] = ()
    expires_on: Annotated[date | None, Parameter("When the key ends; within a year.")] = None
    withdraw: Annotated[
        str | None, Parameter("The id of a key that must not sign any more, at once.", metavar="KEY")
    ] = None
    signing_key: SigningKeyFile = None


LetterKind = Literal["notice", "receipt", "challenge", "removal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRequest(Request):
    """A letter to the person: that there is an offer, what became of a challenge, or that it is over."""

    person: Person
    letter: Annotated[
        LetterKind,
        Parameter(
            "notice: there is an offer; receipt: a challenge came in; challenge: what was decided; "
            "removal: it is over."
        ),
    ]
    purpose: Purpose = "offer of help"
