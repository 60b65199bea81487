"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from becalm.terms.errors import UsageError

RECORD = "run.json"


def write_folder(path: Path, texts: Mapping[str, str]) -> None:
    """Write these files into a new folder beside `path`, then put it in its place.

    A folder that is already there is replaced only if it is empty or an earlier briefing (it holds a
    run.json and nothing that is not ours), and only once the new one is complete.

    Raises
    ------
    UsageError
        where `path` holds something else, or its parent cannot be written to.
    """
    path = path.absolute()
    _refuse_foreign(path, set(texts))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}). Name another folder with --out."
        ) from error
    try:
        for name, text in texts.items():
            _write(fresh / name, text)
        fresh.chmod(0o755)
        _swap(fresh, path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _refuse_foreign(path: Path, ours: set[str]) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"{path} is a file. Name a folder with --out.")
    held = {entry.name for entry in path.iterdir()}
    if held and (RECORD not in held or held - ours):
        strange = ", ".join(sorted(held - ours)[:3]) or "no run.json"
        raise UsageError(
            f"{path} is not an earlier briefing ({strange}), and would be replaced. "
            "Name another folder with --out, or move what it holds."
        )


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _swap(fresh: Path, path: Path) -> None:
    """Put the new folder in place; a folder cannot be renamed over a full one, so the old one steps aside."""
    if not path.exists():
        fresh.rename(path)
        return
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-old-"))
    path.rename(aside / "old")
    try:
        fresh.rename(path)
    except OSError:
        (aside / "old").rename(path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
