"""How accesses and erasures are shown."""

from __future__ import annotations

from becalm.console.emit import emit, entry_told, instant
from becalm.console.options import Format
from becalm.record.cli.view import source_lines, source_told
from becalm.record.desk.people import AccessesFound, Erasure


def print_accesses(found: AccessesFound, format: Format) -> None:
    """Print who saw whom."""
    told = [entry_told(entry, with_subject=True) for entry in found.entries]
    asked = f"who saw {found.subject}" if found.subject else f"whom {found.actor} saw"
    lines = [
        f"{len(told):,} accesses: {asked}",
        *(
            f"  {instant(entry.event.occurred_at)}  {entry.event.actor} ({entry.event.role}) saw "
            f"{entry.event.facts.get('what')} of {entry.event.subject}, for: {entry.event.purpose}  "
            f"[entry {entry.seq}]"
            for entry in found.entries
        ),
        *source_lines(found.source),
    ]
    rows = [{**row, "facts": str(row["facts"])} for row in told]
    emit(format, lines=lines, told={"accesses": told, "source": source_told(found.source)}, rows=rows)


def print_erasure(erasure: Erasure, format: Format) -> None:
    """Print what was destroyed, and the proof."""
    told = {
        "erased": list(erasure.erased),
        "without_details": list(erasure.without_details),
        "recorded_as": erasure.entry.seq,
        "hash": erasure.entry.hash,
        "source": source_told(erasure.source),
    }
    lines = [
        f"Erased the personal details of {len(erasure.erased):,} entries",
        f"  recorded as  entry {erasure.entry.seq}",
        f"  entries      {', '.join(map(str, erasure.erased[:20]))}{' …' * (len(erasure.erased) > 20)}",
        *source_lines(erasure.source),
        "Next: `becalm record verify` shows that every entry still stands.",
    ]
    emit(format, lines=lines, told=told, rows=[{"entry": seq} for seq in erasure.erased])
