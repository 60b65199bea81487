"""Proofs to hand out: that an entry, or each arrest of a figure, is in the ledger under a signed head."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from becalm.desk import Desk, one_line, recorded_action
from becalm.ledger import Checkpoint, Fact, Ledger, format_instant, signed_heads
from becalm.ledger.chain import SEQ, StoredRow
from becalm.ledger.export import format_proofs
from becalm.record.core.events import EXPORT
from becalm.record.core.request import ArrestsRequest, EntryRequest, ProveArrestsRequest
from becalm.record.desk.read import ArrestAnswer, count_dedicated_arrests, prove_entry
from becalm.record.desk.verify import sign_or_reuse
from becalm.record.desk.witness import read_leaves, read_witnessed
from becalm.terms import UsageError


@dataclass(frozen=True, slots=True)
class EntryProof:
    """The proof of one entry as a file, the key of the log, and who signed the head beside it."""

    entry: int
    text: str
    log_key: str
    witnesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FigureProof:
    """A figure of arrests with a proof of every entry that it rests on."""

    answer: ArrestAnswer
    since: str  # instants, as the ledger writes them; the end is excluded
    until: str
    proofs: tuple[str, ...]
    log_key: str
    witnesses: tuple[str, ...]


def write_entry_proof(desk: Desk, request: EntryRequest) -> EntryProof:
    """How can somebody without the ledger check that this entry is in it?

    Raises QuestionError where there is no such entry; UsageError where it is about a person and no purpose
    is given, for showing it is recorded first; LedgerError where no head can be signed.
    """
    entry = prove_entry(desk, replace(request, details=False)).entry
    (text,), checkpoint = _prove(desk, {entry.seq})
    return EntryProof(entry.seq, text, _log_key(checkpoint), _name_witnesses(checkpoint))


def write_figure_proof(desk: Desk, request: ProveArrestsRequest) -> FigureProof:
    """How can somebody without the ledger check that every arrest of this figure is in it?

    What is handed out, and what for, is recorded first.

    Raises UsageError where no purpose is given; QuestionError where the rule cannot be read.
    """
    if not request.purpose.strip():
        raise UsageError("Say what for with `purpose`, e.g. audit; it is recorded with your name.")
    arrests_request = ArrestsRequest(since=request.since, until=request.until, definition=request.definition)
    answer = count_dedicated_arrests(desk, arrests_request)
    arrests = answer.figure.counted_arrests
    facts: dict[str, Fact] = {
        "folder": one_line(f"arrests {answer.first_day} to {answer.last_day}"),
        "entries": len(arrests),
    }
    with recorded_action(desk, EXPORT.name, purpose=request.purpose, facts=facts):
        seqs = {seq for arrest in arrests for seq in (arrest.seq, arrest.latest)}
        proofs, checkpoint = _prove(desk, seqs)
    zone = ZoneInfo(desk.workspace.city.time_zone)
    since, until = (
        format_instant(datetime.combine(day, time(), zone))
        for day in (answer.first_day, _next_day(answer.last_day))
    )
    return FigureProof(answer, since, until, proofs, _log_key(checkpoint), _name_witnesses(checkpoint))


def _next_day(day: date) -> date:
    return day + timedelta(days=1)


def _prove(desk: Desk, seqs: Collection[int]) -> tuple[tuple[str, ...], Checkpoint]:
    """The proof of each of these entries, in their order, and the head that they lead to."""
    ledger = desk.open_ledger()
    checkpoint = _choose_head(desk, ledger, max(seqs, default=0))
    note = str(signed_heads.make_note(checkpoint))
    rows: list[StoredRow] = [row for row in ledger.rows() if row[SEQ] in seqs]
    return format_proofs(rows, read_leaves(ledger, checkpoint.head.size), note), checkpoint


def _choose_head(desk: Desk, ledger: Ledger, size: int) -> Checkpoint:
    """The newest head that witnesses signed, where it reaches so far; else one that is signed now."""
    witnessed_head = read_witnessed(desk, ledger)
    if (
        witnessed_head is not None
        and witnessed_head.ledger_id == ledger.identity
        and size <= witnessed_head.head.size <= ledger.head().size
    ):
        return witnessed_head
    signed_head = sign_or_reuse(desk)
    return replace(signed_head.checkpoint, public_key=signed_head.public_key)


def _log_key(checkpoint: Checkpoint) -> str:
    return signed_heads.log_key(checkpoint.ledger_id, checkpoint.public_key).text


def _name_witnesses(checkpoint: Checkpoint) -> tuple[str, ...]:
    return tuple(signature.name for signature in checkpoint.cosignatures)
