"""A file that is to be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to be read: a file on disk, or a member of an archive unpacked beside it.

    `name` is what the user is shown, e.g. "raw.zip: 2020-04/2020-04-city-of-london-street.csv".
    """

    name: str
    path: Path
    sha256: str
    as_of: date
