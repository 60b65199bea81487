"""The record of a run: all that is needed to repeat it byte for byte."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

ParameterValue = str | int | float | bool | None | list[str] | list[int]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What was asked, of which data, with which version and seed, and when.

    `data` maps each archive file that was read to the SHA-256 of its bytes. `made_at` is an
    aware instant in UTC and is the only clock time in any output.
    """

    question: str
    version: str
    seed: int
    made_at: datetime
    as_of: date | None
    parameters: Mapping[str, ParameterValue]
    data: Mapping[str, str]
