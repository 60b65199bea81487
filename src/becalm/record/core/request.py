"""What the commands of record may be asked with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from becalm.terms import FileName, Parameter, Request, UsageError

Purpose = Annotated[
    str,
    Parameter("What for, where people are concerned, e.g. audit; it is recorded with your name."),
]
PlainPurpose = Annotated[str, Parameter("What for.")]
Definition = Annotated[
    FileName | None,
    Parameter(
        "Another definition (TOML).", default_text="definitions/ of the workspace, else the shipped one"
    ),
]
ON_SCREEN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrestsRequest(Request):
    """How many arrests came from dedicated activity, by the published definition?"""

    since: Annotated[date, Parameter("The first day, e.g. 2020-02-01.")]
    until: Annotated[date | None, Parameter("The last day, included.", default_text="today")] = None
    list_counted: Annotated[bool, Parameter("List every arrest that counts.", name="open")] = False
    left_out: Annotated[bool, Parameter("List every arrest that does not count, and why.")] = False
    definition: Definition = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveArrestsRequest(Request):
    """Which figure of arrests is to be proved, and what for?"""

    since: Annotated[date, Parameter("The first day, e.g. 2020-02-01.")]
    until: Annotated[date | None, Parameter("The last day, included.", default_text="today")] = None
    definition: Definition = None
    purpose: Annotated[str, Parameter("What for, e.g. audit; it is recorded with your name.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsRequest(Request):
    """Which entries does the ledger have?"""

    kind: Annotated[tuple[str, ...], Parameter("Only this kind; may be given again.")] = ()
    actor: Annotated[str, Parameter("Only what this person or program did.", default_text="anybody")] = ""
    since: Annotated[
        date | None, Parameter("Only what was recorded from this day on.", default_text="the beginning")
    ] = None
    after: Annotated[int, Parameter("Only entries after this one.", low=0)] = 0
    limit: Annotated[
        int | None,
        Parameter(
            f"At most this many (else {ON_SCREEN} in a table, and all as csv or json).", unit="entries", low=1
        ),
    ] = None
    purpose: Purpose = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRequest(Request):
    """What does one entry say, what corrects it, and how is it proved to be in the ledger?"""

    entry: Annotated[int, Parameter("The number of the entry.", low=1, is_argument=True)]
    purpose: Purpose = ""
    details: Annotated[bool, Parameter("Show the personal details too, while they are there.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFacts(Request):
    """The facts of an event as somebody writes them, and when it happened."""

    facts: Annotated[
        tuple[str, ...],
        Parameter("fact=value; may be given again. An empty value takes it away.", name="set"),
    ] = ()
    at: Annotated[
        str | None, Parameter("When it happened, with its offset, e.g. 2020-04-30T22:15+01:00.")
    ] = None

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        for text in self.facts:
            if "=" not in text:
                raise UsageError(
                    f"`facts {text!r}` names no value. Write it as fact=value, e.g. `facts unit='VSU 2'`."
                )
        if self.at and (self.occurred_at is None or self.occurred_at.tzinfo is None):
            raise UsageError(
                f"`at {self.at!r}` is no instant. Write it with its offset: 2020-04-30T22:15+01:00."
            )

    @property
    def text_by_fact(self) -> Mapping[str, str]:
        """The value of each fact, as it was written."""
        name_value_pairs = (fact_text.partition("=") for fact_text in self.facts)
        return {fact_name.strip(): value.strip() for fact_name, _, value in name_value_pairs}

    @property
    def occurred_at(self) -> datetime | None:
        """When it happened; None where nobody says, or not in a form that can be read."""
        try:
            return datetime.fromisoformat(self.at) if self.at else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRequest(Request):
    """What happened that no program records?"""

    kind: Annotated[str, Parameter("What happened, e.g. arrest_made, referral_sent.", is_argument=True)]
    changes: WrittenFacts = field(default_factory=WrittenFacts)
    subject: Annotated[str, Parameter("The pseudonym of the person that it is about.")] = ""
    details: Annotated[
        FileName | None, Parameter("A file of personal details, kept beside the entry and erasable.")
    ] = None
    receipt: Annotated[
        FileName | None,
        Parameter("A file for the receipt, with which `becalm record verify` finds this event again."),
    ] = None
    purpose: PlainPurpose = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectRequest(Request):
    """What should an entry have said?"""

    entry: Annotated[int, Parameter("The first entry, not one that corrects it.", low=1, is_argument=True)]
    changes: WrittenFacts = field(default_factory=WrittenFacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawRequest(Request):
    """Which entry is wrong, and why, so that nothing takes its place?"""

    entry: Annotated[int, Parameter("The entry that is wrong.", low=1, is_argument=True)]
    reason: Annotated[str, Parameter("Why, without names of people.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest(Request):
    """Which log is imported, and how is it read?"""

    file: Annotated[FileName, Parameter("The log, a csv file.", is_argument=True)]
    kind: Annotated[str, Parameter("What its rows are: arrest, burst_done, seizure, stop …")]
    mapping: Annotated[
        FileName | None,
        Parameter("How its columns are read (TOML).", default_text="the shipped one that fits"),
    ] = None
    purpose: PlainPurpose = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest(Request):
    """Who saw whom, when and what for?"""

    subject: Annotated[str | None, Parameter("Who saw this person (a pseudonym)?")] = None
    actor: Annotated[str | None, Parameter("Whom did this actor see?")] = None
    quick: Annotated[
        bool, Parameter("Answer by the index, in a second, without verifying the whole ledger first.")
    ] = False
    purpose: Annotated[str, Parameter("What for; it is recorded with your name.")] = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseRequest(Request):
    """Which personal details are to be destroyed, and by which rule?"""

    entry: Annotated[tuple[int, ...], Parameter("This entry; may be given again.", low=1)] = ()
    subject: Annotated[str | None, Parameter("Every entry about this person (a pseudonym).")] = None
    reason: Annotated[str, Parameter("The rule or code, without names of people.")] = ""
    purpose: Annotated[str, Parameter("retention, erasure, subject request …")] = "erasure"


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildRequest(Request):
    """Do the state tables hold what the events say?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest(Request):
    """Into which file is the ledger copied?"""

    out: Annotated[FileName, Parameter("The file to write; it must not be there yet.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest(Request):
    """Which copy should replace the ledger, and why?"""

    copy: Annotated[
        FileName | None,
        Parameter(
            "The copy; without one, the ledger as it is, although entries are missing.", is_argument=True
        ),
    ] = None
    reason: Annotated[str, Parameter("Why; it is recorded with your name.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOverRequest(Request):
    """Why does a new log take the place of the one in the older format?"""

    reason: Annotated[str, Parameter("Why; it is recorded with your name.")] = (
        "carried over to a newer format"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRequest(Request):
    """Why was the clock wrong when the last entry was recorded?"""

    reason: Annotated[str, Parameter("What was wrong with the clock; it is recorded with your name.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest(Request):
    """Does the ledger hold?"""

    anchor: Annotated[
        tuple[FileName, ...],
        Parameter(
            "A signed head that was kept outside (may be given again). Those in the folders under "
            "[ledger] anchors are compared anyway."
        ),
    ] = ()
    receipt: Annotated[
        tuple[FileName, ...],
        Parameter("A receipt for events that were handed in (may be given again)."),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRequest(Request):
    """How long is the ledger, what does it hold, and who vouches for that?"""

    sheet: Annotated[
        FileName | None,
        Parameter("Write a page to print with the briefing: the signed head, and a QR code that holds it."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRequest(Request):
    """Is the head of the ledger to be signed with the present key, or with a new one?"""

    new_key: Annotated[bool, Parameter("Change the signing key first; the old one vouches for it.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRequest(Request):
    """Whose heads are signed, where are they kept, and on which address are they taken?"""

    folder: Annotated[
        FileName, Parameter("The folder of the witness: its key, and a head for each log.", is_argument=True)
    ]
    log: Annotated[
        tuple[str, ...],
        Parameter("The key of a log, as `becalm record head` prints it; may be given again."),
    ] = ()
    name: Annotated[
        str, Parameter("What the witness is called, without spaces; better a name that is yours alone.")
    ] = "becalm.invalid/witness"
    listen: Annotated[str, Parameter("The address and port to listen on.")] = "127.0.0.1:8711"

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        if not self.name or "+" in self.name or any(map(str.isspace, self.name)):
            raise UsageError(f"`name {self.name!r}` holds a space or a plus, or nothing. Write another one.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequest(Request):
    """Which process writes the ledger for all programs?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest(Request):
    """Into which folder are the entries written, for an auditor?"""

    out: Annotated[FileName, Parameter("A new or empty folder.", is_argument=True)]
    purpose: Annotated[str, Parameter("What for, e.g. audit; it is recorded with your name.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRequest(Request):
    """As which user is the ledger's server prepared?"""

    owner_url: Annotated[
        str,
        Parameter(
            "The ledger's database, as somebody who may make roles and owns it: "
            "postgresql://postgres@host/becalm. A password is better kept in ~/.pgpass."
        ),
    ]
