"""How backups and restores are shown."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

from becalm.console.emit import emit
from becalm.console.options import Format
from becalm.record.cli.view import source_lines, source_told
from becalm.record.desk.restore import BackupMade, Restored, RestoreRequest


def print_backup(made: BackupMade, format: Format) -> None:
    """Print where the copy is and what it holds."""
    told = {
        "file": str(made.path),
        "sha256": made.sha256,
        "size": made.head.size,
        "root": made.head.root,
        "recorded_as": made.entry,
        "copy_also": " ".join(map(str, made.beside)),
    }
    lines = [
        f"Copied {made.head.size:,} entries to {made.path}",
        f"  root         {made.head.root}",
        f"  sha256       {made.sha256}",
        f"  recorded as  entry {made.entry}, which is not in the copy",
        *(line for path in made.beside for line in _copy_also(path)),
    ]
    emit(format, lines=lines, told=told, rows=[told])


def _copy_also(path: Path) -> tuple[str, ...]:
    return (
        f"NOT in the copy: {path}, where the seeds and plans of patrols lie until they are opened.",
        f"  Now copy that folder too (cp -a {shlex.quote(str(path))} SAFE_PLACE), and keep it apart from",
        "  this copy, with someone else: the ledger holds only hashes, and a lost seed can never be opened.",
    )


def print_restore(done: RestoreRequest | Restored, format: Format) -> None:
    """Print what was asked for, or what was done."""
    if isinstance(done, RestoreRequest):
        told: dict[str, object] = {"status": "asked", **asdict(done)}
        lines = [
            f"Asked for by {done.actor}: {done.size:,} entries, root {done.root}",
            "Nothing was changed. Next: a second person runs the same command, with a reason of their own.",
        ]
    else:
        told = {
            "status": "restored",
            **asdict(done.request),
            "recorded_as": done.entry,
            "lost_size": done.lost_size,
            "source": source_told(done.source),
        }
        lines = [
            f"Restored: {done.request.size:,} entries of {done.lost_size:,} that were known",
            f"  recorded as  entry {done.entry}, with both people and their reasons",
            *source_lines(done.source),
        ]
    emit(format, lines=lines, told=told, rows=[told])
