"""How verdicts, heads, checkpoints and exports are shown. Imported only when there is something to show."""

from __future__ import annotations

import json
from collections import defaultdict

import typer

from becalm.console.emit import emit
from becalm.console.options import Format
from becalm.ledger.export import VERIFIER, ExportWritten
from becalm.ledger.signing import format_anchor
from becalm.record.desk.verify import CheckpointMade, HeadSigned, RecordVerified
from becalm.terms import Fault, LedgerError, TamperError

PLACES = defaultdict(lambda: "signed head", altered="state table")  # of findings that touch no entry


def print_verdict(verified: RecordVerified, format: Format) -> None:
    """Print what was found.

    Raises
    ------
    TamperError
        where the ledger does not hold.
    """
    verdict = verified.verdict
    told = {
        "holds": verdict.holds,
        "ledger": verified.ledger,
        "size": verdict.size,
        "root": verdict.head.root,
        "first_bad": verdict.first_bad,
        "findings": [{"fate": f.fate, "first": f.first, "what": f.what} for f in verdict.findings],
        "proven": verdict.proven,
        "proven_outside": verdict.proven_outside,
        "anchors": [
            {"size": a.checkpoint.head.size, "place": a.place, "outside": a.outside} for a in verdict.anchors
        ],
        "notes": list(verdict.notes),
    }
    rows = [{"fate": f.fate, "first": f.first, "what": f.what} for f in verdict.findings]
    if verdict.holds:
        emit(
            format,
            lines=_holding(verified),
            told=told,
            rows=rows or [dict.fromkeys(("fate", "first", "what"))],
        )
        return
    if format is not Format.table:
        emit(format, lines=(), told=told, rows=rows)
    raise TamperError(_broken(verified), _faults(verified))


def _holding(verified: RecordVerified) -> list[str]:
    verdict = verified.verdict
    return [
        f"The ledger holds: {verdict.size:,} entries, each one what was written and in its place.",
        f"  ledger   {verified.ledger}",
        f"  root     {verdict.head.root}",
        f"  proven   {_reach(verdict.proven)}, by signed heads",
        f"  outside  {_reach(verdict.proven_outside)}, by signed heads kept outside",
        *(f"note: {note}" for note in verdict.notes),
    ]


def _reach(size: int) -> str:
    return f"entries 1 to {size:,}" if size else "nothing"


def _broken(verified: RecordVerified) -> str:
    first = verified.verdict.first_bad
    named = f"The first bad entry is {first}." if first is not None else "No entry can be named."
    return f"The ledger {verified.ledger} does not hold. {named}"


def _faults(verified: RecordVerified) -> tuple[Fault, ...]:
    remedy = "keep it as evidence"
    return tuple(
        Fault(f"entry {f.first}" if f.first is not None else PLACES[f.fate], f"({f.fate}) {f.what}", remedy)
        for f in verified.verdict.findings
    )


def print_head(signed: HeadSigned, format: Format) -> None:
    """Print a signed head; as JSON it is an anchor."""
    if format is Format.json:
        typer.echo(format_anchor(signed.checkpoint, signed.public_key), nl=False)
        return
    told = json.loads(format_anchor(signed.checkpoint, signed.public_key))
    names = ("size", "root", "signature", "last", "made_at", "ledger", "key", "public_key")
    emit(format, lines=[f"{name:<10} {told[name]}" for name in names], told=told, rows=[told])


def print_checkpoint(made: CheckpointMade, format: Format) -> None:
    """Print where a signed head went.

    Raises
    ------
    LedgerError
        where a place could not be reached.
    """
    head = made.signed.checkpoint.head
    rows = [{"place": s.place, "at": s.at, "failure": s.failure} for s in made.sent]
    told = {**json.loads(format_anchor(made.signed.checkpoint, made.signed.public_key)), "sent": rows}
    lines = [f"Signed the head of {head.size:,} entries: {head.root}"]
    lines += [f"  sent to  {s.at}" for s in made.sent if not s.failure]
    lines += [] if made.sent else ["  sent nowhere: name places under [ledger] anchors in becalm.toml"]
    emit(format, lines=lines, told=told, rows=rows or [dict.fromkeys(("place", "at", "failure"))])
    failed = tuple(
        Fault(s.place, s.failure, "mend it, and run `becalm record checkpoint` again")
        for s in made.sent
        if s.failure
    )
    if failed:
        raise LedgerError(
            f"The signed head is kept, but did not reach {len(failed)} of {len(made.sent)} places", failed
        )


def print_export(written: ExportWritten, format: Format) -> None:
    """Print what was written, and how to verify it."""
    told = {
        "folder": str(written.folder),
        "files": [str(path) for path in written.files],
        "entries": written.entries,
        "checkpoints": written.checkpoints,
    }
    lines = [
        f"Wrote {written.entries:,} entries and {written.checkpoints} signed heads to {written.folder}",
        *(f"  {path.name}" for path in written.files),
        f"Verify them anywhere: python {VERIFIER} {written.folder} --anchor FILE",
    ]
    rows = [{"file": str(path)} for path in written.files]
    emit(format, lines=lines, told=told, rows=rows)
