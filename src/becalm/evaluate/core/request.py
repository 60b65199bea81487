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
class StudyRequest(Request):
    """Did it work? By a protocol."""

    protocol: ProtocolFile
    source: Annotated[str | None, Parameter("Whose records, where there are several.")] = None
    as_of: Annotated[date | None, Parameter("The records as they were on this day.")] = None
    out: Annotated[
        FileName | None, Parameter("A folder to write finding.json, run.json and the page into.")
    ] = None
