"""From the paths that a user names to files that a reader can read: folders walked, zips unpacked, hashed.

As-of date, unless the user states one: of a zip, the newest date of its members (one archive is one
publication); of a file, the day on which it was last changed.
"""

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

from becalm.formats.durable_files import sha256_of
from becalm.formats.sheet import InputFile, file_refusal
from becalm.formats.table_reader import is_shapefile_zip
from becalm.terms import Fault, InputError

CHUNK_BYTES = 1 << 20
JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".git", ".gitkeep"}
BOMB_BYTES, BOMB_RATIO = 64 << 20, 200  # a member both larger and tighter packed than this is no crime table
ZIP_EPOCH = 1980  # members written without a date carry this year


@dataclass(frozen=True, slots=True)
class InputEntry:
    """A file or an archive member that lies under a path the user named, not yet opened.

    `is_named` says that the user named this very file, and not a folder or zip that holds it.
    """

    name: str
    path: Path
    member: str | None
    size_bytes: int
    as_of: date
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was passed over, and why."""

    name: str
    reason: str


def list_inputs(
    paths: Sequence[Path], *, as_of: date | None = None
) -> tuple[tuple[InputEntry, ...], tuple[SkippedFile, ...]]:
    """Which files lie under these paths, in order of name, and which are passed over?

    Raises InputError listing every path that cannot be opened.
    """
    input_entries: list[InputEntry] = []
    skipped_files: list[SkippedFile] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            input_entries += _list_path(path, as_of, skipped_files)
        except InputError as error:
            faults += error.faults or (Fault(str(path), error.message, "see above"),)
    if faults:
        raise InputError(f"{len(faults)} of the inputs cannot be opened; nothing was loaded", tuple(faults))
    return tuple(input_entries), tuple(skipped_files)


def total_bytes(entries: Sequence[InputEntry]) -> int:
    """How much is there to read?"""
    return sum(entry.size_bytes for entry in entries)


def _list_path(path: Path, as_of: date | None, skipped_files: list[SkippedFile]) -> list[InputEntry]:
    try:
        file_mode = path.stat().st_mode
        if stat.S_ISDIR(file_mode):
            return _list_folder(path, as_of, skipped_files)
        if not stat.S_ISREG(file_mode):
            path_problem = "is neither a file nor a folder"
            raise file_refusal(str(path), path_problem, "name a csv, a zip or a folder of them")
        if path.suffix.lower() == ".zip" and not is_shapefile_zip(path):
            return _list_zip(path, path.name, as_of, skipped_files)
        return [replace(_file_entry(path, path.name, as_of), is_named=True)]
    except OSError as error:
        raise _unreadable(str(path), error) from error


def _list_folder(folder: Path, as_of: date | None, skipped_files: list[SkippedFile]) -> list[InputEntry]:
    input_entries: list[InputEntry] = []
    for member_path in sorted(folder.rglob("*")):
        member_name = member_path.relative_to(folder).as_posix()
        if _is_junk(member_name) or member_path.is_dir():
            continue
        if not member_path.is_file():
            skipped_files.append(SkippedFile(member_name, "not a regular file, or a link that leads nowhere"))
        elif member_path.suffix.lower() == ".zip" and not is_shapefile_zip(member_path):
            input_entries += _list_zip(member_path, member_name, as_of, skipped_files)
        else:
            input_entries.append(_file_entry(member_path, member_name, as_of))
    return input_entries


def _file_entry(path: Path, input_name: str, as_of: date | None) -> InputEntry:
    return InputEntry(input_name, path, None, path.stat().st_size, as_of or _last_change(path))


def _last_change(path: Path) -> date:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()


def _list_zip(
    path: Path, name: str, as_of: date | None, skipped_files: list[SkippedFile]
) -> list[InputEntry]:
    try:
        with zipfile.ZipFile(path) as zip_archive:
            zip_members = sorted(
                (m for m in zip_archive.infolist() if not m.is_dir()), key=lambda m: m.filename
            )
    except zipfile.BadZipFile as error:
        zip_problem = f"is not a whole zip file ({error})"
        raise file_refusal(str(path), zip_problem, "it may be cut short: fetch it again") from error
    zip_members = [member for member in zip_members if not _is_junk(member.filename)]
    member_faults = tuple(
        member_fault for member in zip_members if (member_fault := _member_fault(name, member))
    )
    if member_faults:
        raise InputError(f"{name} was refused", member_faults)
    member_days = [date(*member.date_time[:3]) for member in zip_members if member.date_time[0] > ZIP_EPOCH]
    publication_day = as_of or max(member_days, default=_last_change(path))
    entries: list[InputEntry] = []
    for member in zip_members:
        member_name = f"{name}: {member.filename}"
        if member.filename.lower().endswith(".zip"):
            skipped_files.append(SkippedFile(member_name, "a zip inside a zip: unpack it first"))
        else:
            entries.append(InputEntry(member_name, path, member.filename, member.file_size, publication_day))
    return entries


def _member_fault(zip_name: str, member: zipfile.ZipInfo) -> Fault | None:
    member_name = f"{zip_name}: {member.filename}"
    member_path = PurePosixPath(member.filename.replace("\\", "/"))
    if member_path.is_absolute() or ".." in member_path.parts or ":" in member_path.parts[0]:
        return Fault(member_name, "points outside the archive", "make the zip again from plain files")
    if member.flag_bits & 0x1:
        return Fault(member_name, "is locked with a password", "unpack it yourself and name the folder")
    if member.file_size > BOMB_BYTES and member.file_size > BOMB_RATIO * max(member.compress_size, 1):
        return Fault(
            member_name,
            f"would unpack to {member.file_size:,} bytes, over {BOMB_RATIO} times its packed size",
            "unpack it yourself and name the folder if you trust it",
        )
    return None


def _is_junk(path_name: str) -> bool:
    path_parts = PurePosixPath(path_name).parts
    return any(path_part in JUNK or path_part.startswith("._") for path_part in path_parts)


@contextmanager
def open_input(entry: InputEntry, folder: Path, *, line_limit: int | None = None) -> Iterator[InputFile]:
    """Hold the file ready for a reader: unpacked below `folder` if it is a member, and hashed.

    A text file with a line longer than `line_limit` bytes is refused while it is hashed, before any of it
    is kept in memory.
    """
    with TemporaryDirectory(dir=folder, prefix="member-") as own_folder:
        readable_path = entry.path if entry.member is None else _unpack(entry, entry.member, Path(own_folder))
        content_sha256 = hash_input(readable_path, entry.name, line_limit=line_limit)
        yield InputFile(entry.name, readable_path, content_sha256, entry.as_of)


def _unpack(entry: InputEntry, member_name: str, folder: Path) -> Path:
    unpacked_path = folder / f"member{PurePosixPath(member_name).suffix.lower()}"
    try:
        with (
            zipfile.ZipFile(entry.path) as zip_archive,
            zip_archive.open(member_name) as member_stream,
            unpacked_path.open("wb") as target_stream,
        ):
            shutil.copyfileobj(member_stream, target_stream, CHUNK_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        unpack_problem = f"cannot be unpacked ({error})"
        raise file_refusal(entry.name, unpack_problem, "the zip is damaged: fetch it again") from error
    except OSError as error:
        raise _unreadable(entry.name, error) from error
    return unpacked_path


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
        first_break_offset = chunk.find(b"\n")
        self.length += len(chunk) if first_break_offset < 0 else first_break_offset
        if self.length > self.limit:
            long_line_fault = Fault(
                f"line {self.line}",
                f"is longer than {self.limit:,} bytes",
                "no crime record is so long: look for a missing line end or a lone quotation mark there",
            )
            raise InputError(f"{self.name} was refused", (long_line_fault,))
        if first_break_offset >= 0:
            self.line += chunk.count(b"\n")
            self.length = len(chunk) - chunk.rfind(b"\n") - 1


def _unreadable(input_name: str, error: OSError) -> InputError:
    if isinstance(error, IsADirectoryError):
        return file_refusal(input_name, "is a folder", "name a file in it")
    is_missing = isinstance(error, FileNotFoundError)
    unreadable_remedy = "check the path" if is_missing else "check its permissions and the disk"
    return file_refusal(input_name, f"cannot be read: {error.strerror or error}", unreadable_remedy)
