"""The visit protocol from TOML, with author, version and date. All faults come together."""

from datetime import date, time
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from becalm.divert.core.visits.protocol import Daypart, VisitProtocol, protocol_faults
from becalm.formats.durable_files import sha256_of_text
from becalm.terms import InputError
from becalm.workspace.reviewed_toml import Source, Strict, check_recipe

SHIPPED = files("becalm.divert.files.visits") / "protocol_2020.toml"
OWN_FILE = "visit_protocol.toml"


class DaypartEntry(Strict):
    """One [[dayparts]] entry."""

    name: str = Field(min_length=1)
    is_weekend: bool = False
    start: time
    end: time


class ProtocolFile(Strict):
    """A whole protocol file."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    title: str
    author: str = Field(min_length=1)
    reviewed_on: date
    attempts: int
    is_card_left: bool
    is_second_agreed: bool
    hours_between_attempts: int
    miss_minutes: int
    talk_minutes: int
    second_after_days: int
    second_until_days: int
    rest_days: int
    same_lead_factor: float = 1.0
    dayparts: tuple[DaypartEntry, ...]


def find_protocol(workspace_folder: Path, file_name: str | None) -> Source:
    """The protocol that was named, else the workspace's own, else the shipped one."""
    own_file = workspace_folder / OWN_FILE
    return Path(file_name) if file_name else own_file if own_file.is_file() else SHIPPED


def read_protocol(source: Source = SHIPPED) -> VisitProtocol:
    """The protocol in this file; without one, the one that is shipped.

    Raises InputError with everything that is wrong: a misspelt entry, a bound that is broken, dayparts that
    overlap or lie outside the hours of visits.
    """
    entry, faults = check_recipe(source, ProtocolFile)
    if entry is not None:
        values = {**entry.model_dump(), "dayparts": tuple(Daypart(**p.model_dump()) for p in entry.dayparts)}
        protocol = VisitProtocol(**values)
        faults = tuple(protocol_faults(protocol, source.name))
        if not faults:
            return protocol
    fault_noun = "fault" if len(faults) == 1 else "faults"
    raise InputError(f"The visit protocol {source.name} has {len(faults)} {fault_noun}", faults)


def protocol_sha256(source: Source) -> str:
    """The hash of a protocol file, which its owner signs."""
    return sha256_of_text(source.read_bytes())
