"""Files on the disk: written whole or not at all, safe before anybody is told so, and their hashes."""

import fcntl
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

OWNER_FILE, OWNER_FOLDER = 0o600, 0o700  # for what may hold details, whatever the umask
SHARED_FILE = 0o644


def make_private_folder(path: Path) -> None:
    """Make a folder, and those above it, for its owner alone; what is there already stays as it is."""
    for folder in reversed((path, *path.parents)):
        if not folder.exists():
            folder.mkdir(OWNER_FOLDER, exist_ok=True)


def open_private(path: str, flags: int) -> int:
    """Open a file (as the opener of `open`); one that is new is for its owner alone."""
    return os.open(path, flags, OWNER_FILE)


def write_durably(path: Path, content: str | bytes, *, mode: int = OWNER_FILE) -> None:
    """Write a file whole or not at all, and not return before it is on the disk."""
    # Beside it and moved over it: whoever reads, and whoever starts after a power cut, finds the old file or
    # the new one.
    with _file_beside(path, content, mode) as new_path:
        new_path.replace(path)
    sync_path(path.parent)


def create_durably(path: Path, content: str | bytes, *, mode: int = OWNER_FILE) -> None:
    """Write a file whole, on the disk before this returns; one that stands already stays as it is."""
    if not path.exists():
        with _file_beside(path, content, mode) as new_path:
            try:
                path.hardlink_to(new_path)  # unlike a move, it never replaces what another program made first
            except OSError:
                if not path.exists():  # a file system without links, such as that of a memory stick
                    new_path.replace(path)
        sync_path(path.parent)


@contextmanager
def _file_beside(path: Path, content: str | bytes, mode: int) -> Iterator[Path]:
    """A file with this content beside the path, on the disk; gone afterwards where it was not moved."""
    new_path = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.new")  # no other thread's
    new_path.unlink(missing_ok=True)
    try:
        # Made with its rights, not given them afterwards: in between, others could open it.
        with os.fdopen(os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as new_file:
            new_file.write(content.encode() if isinstance(content, str) else content)
            new_file.flush()
            os.fsync(new_file.fileno())
        yield new_path
    finally:
        new_path.unlink(missing_ok=True)


def sync_path(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before this returns."""
    file_descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file_descriptor)
    finally:
        os.close(file_descriptor)


def sha256_of(path: Path, *, chunk_bytes: int = 1 << 20, watch: Callable[[bytes], None] | None = None) -> str:
    """The SHA-256 of a file's bytes; `watch` sees each chunk on its way."""
    with path.open("rb", buffering=0) as file_stream:
        if watch is None:
            return hashlib.file_digest(file_stream, "sha256").hexdigest()
        sha256_digest = hashlib.sha256()
        while chunk := file_stream.read(chunk_bytes):
            sha256_digest.update(chunk)
            watch(chunk)
    return sha256_digest.hexdigest()


def sha256_of_text(content: str | bytes) -> str:
    """The SHA-256 of a text (in UTF-8) or of bytes."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@contextmanager
def hold_lock(path: Path, refuse: Callable[[str], Exception]) -> Iterator[None]:
    """Hold this lock file while the block runs; the system lets go of it however the process ends.

    Where another process holds it, raises what `refuse` makes of the text that says which.
    """
    lock_descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_FILE)
    try:
        try:
            fcntl.flock(lock_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder_text = os.pread(lock_descriptor, 500, 0).decode("utf-8", "replace").strip()
            raise refuse(holder_text or "an unknown process") from None
        os.ftruncate(lock_descriptor, 0)
        os.pwrite(lock_descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(lock_descriptor)
