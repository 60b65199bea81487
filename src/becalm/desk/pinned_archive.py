"""An archive held still, so that a run can be repeated on the very files it read."""

from contextlib import AbstractContextManager
from datetime import date

from ibis import Table

from becalm.tables import Archive, ArchiveFile, Intake, Pins
from becalm.terms import ReplayError


class PinnedArchive:
    """An archive held still: exactly these files (path to SHA-256), whatever has arrived since."""

    def __init__(self, archive: Archive, pins: Pins) -> None:
        self._archive = archive
        self._pins = dict(sorted(pins.items()))

    def intake(self) -> AbstractContextManager[Intake]:
        """Refused: nothing may be added to records that are held still."""
        raise ReplayError("Records that a run holds still cannot be added to. Use `becalm ingest`.")

    def files(self, table: str | None = None, *, as_of: date | None = None) -> tuple[ArchiveFile, ...]:  # noqa: ARG002 - the pins already say as of when
        """The named files."""
        return tuple(f for f in self._archive.versions(table) if self._pins.get(f.path) == f.sha256)

    def versions(self, table: str | None = None) -> tuple[ArchiveFile, ...]:
        """The named files: there is one version of each."""
        return self.files(table)

    def table(
        self, name: str, *, as_of: date | None = None, source: str | None = None, only: Pins | None = None
    ) -> Table:
        """The rows of the named files; raises ReplayError where one of them is gone or altered."""
        del as_of  # the pins already say as of when
        return self._archive.table(name, source=source, only=only or self._pins)

    def has_input(self, input_sha256: str, recipe_sha256: str) -> bool:
        """Was this very input already loaded with this very recipe?"""
        return self._archive.has_input(input_sha256, recipe_sha256)
