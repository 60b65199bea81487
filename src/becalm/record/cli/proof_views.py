"""How verdicts, heads, checkpoints and exports are shown."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from becalm.console.emit import View
from becalm.ledger.export import FIGURE_FORMAT, VERIFIER, ExportWritten
from becalm.ledger.protocol import LedgerWriter
from becalm.record.desk.proofs import EntryProof, FigureProof
from becalm.record.desk.verify import DeliveredCheckpoint, SignedHead, VerifiedLedger
from becalm.record.desk.witness import OpenWitness
from becalm.terms import Fault, HeadError, LedgerError, TamperError

PLACE_BY_KIND = defaultdict(
    lambda: "signed head", altered="state table", receipt="receipt"
)  # of findings that touch no entry
FINDING_COLUMNS = ("fate", "first", "what")
HEAD_FIELDS = ("size", "root", "signature", "last", "made_at", "ledger", "key", "public_key")
Row = dict[str, Any]


def _verdict_record(verified_ledger: VerifiedLedger) -> Row:
    verdict = verified_ledger.verdict
    return {
        "holds": verdict.holds,
        "ledger": verified_ledger.ledger,
        "size": verdict.size,
        "root": verdict.head.root,
        "first_bad": verdict.first_bad,
        "findings": _finding_rows(verified_ledger),
        "proven": verdict.proven_size,
        "proven_outside": verdict.proven_outside_size,
        "anchors": [
            {"size": anchor.checkpoint.head.size, "place": anchor.place, "outside": anchor.is_outside}
            for anchor in verdict.anchors
        ],
        "notes": list(verdict.notes),
    }


def _finding_rows(verified_ledger: VerifiedLedger) -> list[Row]:
    findings = ((f.kind, f.first_seq, f.description) for f in verified_ledger.verdict.findings)
    return [dict(zip(FINDING_COLUMNS, finding, strict=True)) for finding in findings]


def _verdict_lines(verified_ledger: VerifiedLedger) -> Iterable[str]:
    """Nothing where the ledger does not hold: that is an error, and said as one."""
    verdict = verified_ledger.verdict
    if not verdict.holds:
        return
    yield f"The ledger holds: {verdict.size:,} entries, each one what was written and in its place."
    yield f"  ledger   {verified_ledger.ledger}"
    yield f"  root     {verdict.head.root}"
    yield f"  proven   {_reach_text(verdict.proven_size)}, by signed heads"
    yield f"  outside  {_reach_text(verdict.proven_outside_size)}, by signed heads kept outside"
    yield from (f"note: {note_text}" for note_text in verdict.notes)


def _reach_text(entry_count: int) -> str:
    return f"entries 1 to {entry_count:,}" if entry_count else "nothing"


VERDICT_VIEW: View[VerifiedLedger] = View(
    data=_verdict_record,
    rows=lambda verified_ledger: _finding_rows(verified_ledger) or [dict.fromkeys(FINDING_COLUMNS)],
    lines=_verdict_lines,
)


def check_verdict(verified_ledger: VerifiedLedger) -> None:
    """Raises TamperError with all findings where the ledger does not hold; HeadError where a head says so."""
    verdict = verified_ledger.verdict
    if verdict.holds:
        return
    faults = tuple(
        Fault(
            f"entry {finding.first_seq}" if finding.first_seq is not None else PLACE_BY_KIND[finding.kind],
            f"({finding.kind}) {finding.description}",
            "keep it as evidence",
        )
        for finding in verdict.findings
    )
    first_bad_seq = verdict.first_bad
    first_bad_sentence = (
        f"The first bad entry is {first_bad_seq}." if first_bad_seq is not None else "No entry can be named."
    )
    error_kind = HeadError if verdict.is_contradicted else TamperError
    raise error_kind(f"The ledger {verified_ledger.ledger} does not hold. {first_bad_sentence}", faults)


def _head_record(signed_head: SignedHead) -> dict[str, Any]:
    head_record: dict[str, Any] = json.loads(signed_head.anchor_json)
    return head_record


def _head_lines(signed_head: SignedHead) -> Iterable[str]:
    head_record = _head_record(signed_head)
    yield from (f"{field_name:<10} {head_record[field_name]}" for field_name in HEAD_FIELDS)
    yield f"log key    {signed_head.log_key}"


HEAD_VIEW: View[SignedHead] = View(
    data=_head_record,
    rows=lambda signed_head: [{name: _head_record(signed_head)[name] for name in HEAD_FIELDS}],
    lines=_head_lines,
    files={  # to the byte what an anchor is
        ".json": lambda signed_head: signed_head.anchor_json,
        ".note": lambda signed_head: signed_head.anchor_text,
    },
)


def _delivery_rows(delivered: DeliveredCheckpoint) -> list[Row]:
    return [{"place": d.place, "at": d.at, "failure": d.failure} for d in delivered.deliveries]


def _checkpoint_lines(delivered: DeliveredCheckpoint) -> Iterable[str]:
    head = delivered.signed_head.checkpoint.head
    yield f"Signed the head of {head.size:,} entries: {head.root}"
    signer_names = {signature.name for signature in delivered.signed_head.checkpoint.cosignatures}
    for delivery in delivered.deliveries:
        if not delivery.failure:
            yield f"  {'signed by' if delivery.at in signer_names else 'sent to '} {delivery.at}"
    if not delivered.deliveries:
        yield "  sent nowhere: name places under [ledger] anchors in becalm.toml"


CHECKPOINT_VIEW: View[DeliveredCheckpoint] = View(
    data=lambda delivered: {**_head_record(delivered.signed_head), "sent": _delivery_rows(delivered)},
    rows=lambda delivered: _delivery_rows(delivered) or [dict.fromkeys(("place", "at", "failure"))],
    lines=_checkpoint_lines,
)


def check_deliveries(delivered: DeliveredCheckpoint) -> None:
    """Raises LedgerError with every place that was not reached; HeadError where a witness contradicts."""
    if delivered.contradictions:
        contradiction_faults = tuple(
            Fault("witness", text, "keep it as evidence") for text in delivered.contradictions
        )
        raise HeadError("The ledger is not what it was when its head was signed.", contradiction_faults)
    faults = tuple(
        Fault(delivery.place, delivery.failure, "fix it, and run `becalm record checkpoint` again")
        for delivery in delivered.deliveries
        if delivery.failure
    )
    if faults:
        destination_count = len(delivered.deliveries)
        raise LedgerError(
            f"The signed head is kept, but did not reach {len(faults)} of {destination_count} places", faults
        )


def _entry_proof_lines(proof: EntryProof) -> Iterable[str]:
    yield from proof.text.splitlines()
    yield f"Next: save it with --out entry{proof.entry}.tlog-proof; check it with"
    yield f"  python {VERIFIER} entry{proof.entry}.tlog-proof --log-key '{proof.log_key}'"


ENTRY_PROOF_VIEW: View[EntryProof] = View(
    data=asdict,
    rows=lambda proof: [{**asdict(proof), "witnesses": " ".join(proof.witnesses)}],
    lines=_entry_proof_lines,
    is_private=True,
    files={".tlog-proof": lambda proof: proof.text},
)


def _figure_record(proof: FigureProof) -> Row:
    figure = proof.answer.figure
    definition_fields = ("key", "version", "title", "sha256")
    return {
        "format": FIGURE_FORMAT,
        "arrests": len(figure.counted_arrests),
        "since": proof.since,
        "until": proof.until,
        "definition": {name: getattr(figure.definition, name) for name in definition_fields},
        "entries": [[arrest.seq, arrest.latest] for arrest in figure.counted_arrests],
        "log_key": proof.log_key,
        "witnesses": list(proof.witnesses),
        "proofs": list(proof.proofs),
    }


def _figure_lines(proof: FigureProof) -> Iterable[str]:
    arrest_count = len(proof.answer.figure.counted_arrests)
    yield f"{arrest_count:,} arrests, proved by {len(proof.proofs):,} entries under one signed head."
    yield "Next: save it with --out figure.json; check it with"
    yield f"  python {VERIFIER} figure.json --log-key '{proof.log_key}'"


FIGURE_PROOF_VIEW: View[FigureProof] = View(
    data=_figure_record,
    rows=lambda proof: [{"entry": seq, "latest": latest} for seq, latest in _figure_record(proof)["entries"]],
    lines=_figure_lines,
    is_private=True,
)


WITNESS_VIEW: View[OpenWitness] = View(
    data=lambda witness: {"url": witness.url, "key": witness.key, "logs": list(witness.logs)},
    rows=lambda witness: [{"url": witness.url, "key": witness.key, "log": log} for log in witness.logs],
    lines=lambda witness: (
        f"The witness listens on {witness.url}. Its logs write under [ledger] in becalm.toml:",
        f'  witnesses = ["{witness.url} {witness.key}"]',
        *(f"  signs for {log}" for log in witness.logs),
    ),
)


WRITER_VIEW: View[LedgerWriter] = View(
    data=lambda writer: {"place": str(writer.place)},
    rows=lambda writer: [{"place": str(writer.place)}],
    lines=lambda writer: (f"Writing for all programs at {writer.place}. Stop with Ctrl-C.",),
)


def _export_lines(export: ExportWritten) -> Iterable[str]:
    yield f"Wrote {export.entries:,} entries and {export.checkpoints} signed heads to {export.folder}"
    yield from (f"  {path.name}" for path in export.files)
    yield f"Verify them anywhere: python {VERIFIER} {export.folder} --anchor FILE"


EXPORT_VIEW: View[ExportWritten] = View(
    data=lambda export: {
        "folder": str(export.folder),
        "files": [str(path) for path in export.files],
        "entries": export.entries,
        "checkpoints": export.checkpoints,
    },
    rows=lambda export: [{"file": str(path)} for path in export.files],
    lines=_export_lines,
)
