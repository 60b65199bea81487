"""How backups and restores are shown."""

from __future__ import annotations

from dataclasses import asdict

from becalm.cli.options import Format
from becalm.cli.record_view import emit, source_lines, source_told
from becalm.desk.record_restore import BackupMade, Restored, RestoreRequest


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
        *(f"Copy {path} as well: the ledger holds only its hashes." for path in made.beside),
    ]
    emit(format, lines=lines, told=told, rows=[told])


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
