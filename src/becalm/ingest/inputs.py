"""From the paths that a user names to files that a reader can read: folders walked, zips unpacked, hashed.

As-of date, unless the user states one: of a zip, the newest date of its members (one archive is one
publication); of a file, the day on which it was last changed.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from becalm.archive.manifest import sha256_of
from becalm.formats.sheet import InputFile
from becalm.terms import Fault, InputError

CHUNK_BYTES = 1 << 20
JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".git", ".gitkeep"}
BOMB_BYTES, BOMB_RATIO = 64 << 20, 200  # a member both larger and tighter packed than this is no crime table
ZIP_EPOCH = 1980  # members written without a date carry this year


@dataclass(frozen=True, slots=True)
class Found:
    """A file or an archive member that was found under a path the user named, not yet opened.

    `named` says that the user named this very file, and not a folder or zip that holds it.
    """

    name: str
    path: Path
    member: str | None
    size_bytes: int
    as_of: date
    named: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was passed over, and why."""

    name: str
    reason: str


def find_inputs(
    paths: Sequence[Path], *, as_of: date | None = None
) -> tuple[tuple[Found, ...], tuple[Skipped, ...]]:
    """Which files lie under these paths, in order of name, and which are passed over?

    Raises InputError listing every path that cannot be opened.
    """
    found: list[Found] = []
    skipped: list[Skipped] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            found += _under(path, as_of, skipped)
        except InputError as error:
            faults += error.faults or (Fault(str(path), error.message, "see above"),)
    if faults:
        raise InputError(f"{len(faults)} of the inputs cannot be opened; nothing was loaded", tuple(faults))
    return tuple(found), tuple(skipped)


@contextmanager
def opened(found: Found, folder: Path, *, line_limit: int | None = None) -> Iterator[InputFile]:
    """Hold the file ready for a reader: unpacked below `folder` if it is a member, and hashed.

    A text file with a line longer than `line_limit` bytes is refused while it is hashed, before any of it
    is kept in memory.
    """
    with TemporaryDirectory(dir=folder, prefix="member-") as own:
        path = found.path if found.member is None else _unpacked(found, Path(own))
        yield InputFile(found.name, path, hash_input(path, found.name, line_limit=line_limit), found.as_of)


def hash_input(path: Path, name: str, *, line_limit: int | None = None) -> str:
    """SHA-256 of a file's bytes; refuses a csv whose lines are longer than `line_limit` bytes."""
    try:
        if not line_limit or not name.lower().endswith((".csv", ".tsv", ".txt")):
            return sha256_of(path)
        # chunks no longer than the limit, so that no long line hides in one
        chunk_bytes = min(CHUNK_BYTES, line_limit)
        return sha256_of(path, chunk_bytes=chunk_bytes, watch=_LineGuard(name, line_limit).check_chunk)
    except OSError as error:
        raise _unreadable(name, error) from error


class _LineGuard:
    """Notices a line that is too long to be one, a chunk of bytes at a time."""

    def __init__(self, name: str, limit: int) -> None:
        self.name, self.limit = name, limit
        self.line, self.length = 1, 0

    def check_chunk(self, chunk: bytes) -> None:
        first = chunk.find(b"\n")
        self.length += len(chunk) if first < 0 else first
        if self.length > self.limit:
            raise InputError(
                f"{self.name} was refused",
                (
                    Fault(
                        f"line {self.line}",
                        f"is longer than {self.limit:,} bytes",
                        "no crime record is; look for a missing line end or a lone quotation mark there",
                    ),
                ),
            )
        if first >= 0:
            self.line += chunk.count(b"\n")
            self.length = len(chunk) - chunk.rfind(b"\n") - 1


def _under(path: Path, as_of: date | None, skipped: list[Skipped]) -> list[Found]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _in_folder(path, as_of, skipped)
        if not stat.S_ISREG(mode):
            raise _fault(path, "is neither a file nor a folder", "name a csv, a zip or a folder of them")
        if path.suffix.lower() == ".zip":
            return _in_zip(path, path.name, as_of, skipped)
        return [replace(_file(path, path.name, as_of), named=True)]
    except OSError as error:
        raise _unreadable(str(path), error) from error


def _in_folder(folder: Path, as_of: date | None, skipped: list[Skipped]) -> list[Found]:
    found: list[Found] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if _is_junk(name) or path.is_dir():
            continue
        if not path.is_file():
            skipped.append(Skipped(name, "not a regular file, or a link that leads nowhere"))
        elif path.suffix.lower() == ".zip":
            found += _in_zip(path, name, as_of, skipped)
        else:
            found.append(_file(path, name, as_of))
    return found


def _file(path: Path, name: str, as_of: date | None) -> Found:
    facts = path.stat()
    return Found(name, path, None, facts.st_size, as_of or datetime.fromtimestamp(facts.st_mtime, UTC).date())


def _in_zip(path: Path, name: str, as_of: date | None, skipped: list[Skipped]) -> list[Found]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted((m for m in archive.infolist() if not m.is_dir()), key=lambda m: m.filename)
    except zipfile.BadZipFile as error:
        raise _fault(
            path, f"is not a whole zip file ({error})", "it may be cut short: fetch it again"
        ) from error
    members = [m for m in members if not _is_junk(m.filename)]
    faults = tuple(fault for m in members if (fault := _member_fault(name, m)))
    if faults:
        raise InputError(f"{name} was refused", faults)
    dated = [date(*m.date_time[:3]) for m in members if m.date_time[0] > ZIP_EPOCH]
    published = as_of or max(dated, default=datetime.fromtimestamp(path.stat().st_mtime, UTC).date())
    nested = [m for m in members if m.filename.lower().endswith(".zip")]
    skipped += [Skipped(f"{name}: {m.filename}", "a zip inside a zip: unpack it first") for m in nested]
    return [
        Found(f"{name}: {m.filename}", path, m.filename, m.file_size, published)
        for m in members
        if m not in nested
    ]


def _member_fault(name: str, member: zipfile.ZipInfo) -> Fault | None:
    where = f"{name}: {member.filename}"
    inner = PurePosixPath(member.filename.replace("\\", "/"))
    if inner.is_absolute() or ".." in inner.parts or ":" in inner.parts[0]:
        return Fault(where, "points outside the archive", "make the zip again from plain files")
    if member.flag_bits & 0x1:
        return Fault(where, "is locked with a password", "unpack it yourself and name the folder")
    if member.file_size > BOMB_BYTES and member.file_size > BOMB_RATIO * max(member.compress_size, 1):
        return Fault(
            where,
            f"would unpack to {member.file_size:,} bytes, over {BOMB_RATIO} times its packed size",
            "unpack it yourself and name the folder if you trust it",
        )
    return None


def _unpacked(found: Found, folder: Path) -> Path:
    assert found.member is not None
    target = folder / f"member{PurePosixPath(found.member).suffix.lower()}"
    try:
        with (
            zipfile.ZipFile(found.path) as archive,
            archive.open(found.member) as source,
            target.open("wb") as sink,
        ):
            shutil.copyfileobj(source, sink, CHUNK_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _fault(
            found.name, f"cannot be unpacked ({error})", "the zip is damaged: fetch it again"
        ) from error
    except OSError as error:
        raise _unreadable(found.name, error) from error
    return target


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(p in JUNK or p.startswith("._") for p in parts)


def _fault(where: object, what: str, remedy: str) -> InputError:
    return InputError(f"{where} was refused", (Fault(str(where), what, remedy),))


def _unreadable(name: str, error: OSError) -> InputError:
    if isinstance(error, IsADirectoryError):
        return _fault(name, "is a folder", "name a file in it")
    remedy = (
        "check the path" if isinstance(error, FileNotFoundError) else "check its permissions and the disk"
    )
    return _fault(name, f"cannot be read: {error.strerror or error}", remedy)
