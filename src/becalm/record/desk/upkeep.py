"""Keeping the ledger: its server, its state tables, its copies, and putting one back by two people."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from becalm import ledger as ledgers
from becalm.desk import Desk, make_event, record_event
from becalm.formats.durable_files import write_durably
from becalm.ledger.anchors import AnchorSettings, send_ending
from becalm.ledger.chain import COLUMNS
from becalm.ledger.signing import clock_facts, read_key, read_or_draw_keys
from becalm.ledger.store.backup import back_up, read_backup, restore
from becalm.ledger.store.new_entries import CLOCK_CORRECTED, LONGEST_SILENCE
from becalm.ledger.store.postgres_setup import PreparedServer
from becalm.record.core import request as ask
from becalm.record.desk.read import LedgerSource, describe_source, read_entry
from becalm.terms import LedgerError, UsageError, are_two_people

PROPOSAL_FILE = "restore-request.json"
Facts = Mapping[str, ledgers.Fact]


@dataclass(frozen=True, slots=True)
class RebuiltStates:
    """The state tables that were rebuilt, and every difference that was found."""

    tables: tuple[str, ...]
    differences: tuple[str, ...]
    source: LedgerSource


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the ledger: where, its hash, and what it holds."""

    path: Path
    sha256: str
    head: ledgers.Head
    entry: int  # that records it; not in the copy
    copy_also: tuple[Path, ...] = ()  # what the ledger holds only the hashes of


@dataclass(frozen=True, slots=True)
class RestoreProposal:
    """What the first of two people asked for: which copy, why."""

    copy_sha256: str  # empty for the ledger as it stands
    size: int
    root: str
    actor: str
    reason: str
    asked_at: str

    @property
    def target(self) -> tuple[str, int, str]:
        """What is to take the place of the ledger."""
        return self.copy_sha256, self.size, self.root


@dataclass(frozen=True, slots=True)
class Restoration:
    """What the second of two people confirmed."""

    proposal: RestoreProposal
    entry: int
    lost_size: int
    source: LedgerSource


def prepare_server(desk: Desk, request: ask.InitRequest) -> PreparedServer:
    """Does the server hold what the ledger of this workspace needs? It does now."""
    return desk.prepare_ledger(request.owner_url)


def rebuild_states(desk: Desk, _request: ask.RebuildRequest) -> RebuiltStates:
    """Do the state tables hold what the events say? They do now."""
    ledger = desk.open_ledger()
    difference_texts = ledger.rebuild()
    table_names = tuple(fold.table for fold in ledger.folds)
    return RebuiltStates(table_names, difference_texts, describe_source(desk, ledger))


def make_backup(desk: Desk, request: ask.BackupRequest) -> Backup:
    """Copy the ledger into a file, and record that it was done."""
    ledger_file, out = _ledger_file(desk), Path(request.out)
    desk.open_ledger()
    backup_copy = back_up(ledger_file, out, now=desk.now())
    backup_facts: Facts = {
        "size": backup_copy.size,
        "root": backup_copy.root,
        "file_sha256": backup_copy.file_sha256,
    }
    entry = record_event(desk, "backup_made", purpose="backup", facts=backup_facts)
    workspace = desk.workspace
    paths_apart = (workspace.path / "patrol" / "sealed", workspace.path / workspace.config.ledger.details_key)
    backup_head = ledgers.Head(backup_copy.size, backup_copy.root, backup_copy.last)
    copy_also = tuple(path for path in paths_apart if path.exists())
    return Backup(out, backup_copy.file_sha256, backup_head, entry.seq, copy_also)


def propose_or_confirm_restore(desk: Desk, request: ask.RestoreRequest) -> RestoreProposal | Restoration:
    """The first person asks for a copy (or the ledger as it stands) to be taken; the second confirms it.

    Raises UsageError where no reason is given, or the ledger as it stands lacks nothing; LedgerError where
    one person would do both, or the copy was altered or is of another ledger.
    """
    if not request.reason.strip():
        raise UsageError("Say why, with `reason`; it is recorded with your name.")
    copy_path = Path(request.copy) if request.copy is not None else None
    proposal = _build_proposal(desk, copy_path, request.reason)
    proposal_path = desk.workspace.path / PROPOSAL_FILE
    first_proposal = None
    if proposal_path.is_file():
        try:
            first_proposal = RestoreProposal(**json.loads(proposal_path.read_text("utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise LedgerError(
                f"{proposal_path} cannot be read ({error}). Remove it, and ask again."
            ) from error
    if first_proposal is None or first_proposal.target != proposal.target:
        write_durably(proposal_path, json.dumps(asdict(proposal), indent=2, ensure_ascii=False) + "\n")
        return proposal
    if not are_two_people(first_proposal.actor, desk.actor):
        raise LedgerError(
            f"{first_proposal.actor} asked for this already. A second person must confirm it, under another "
            "name."
        )
    restoration = _restore(desk, copy_path, first_proposal, request.reason)
    proposal_path.unlink()
    return restoration


def _build_proposal(desk: Desk, copy_path: Path | None, reason: str) -> RestoreProposal:
    if copy_path is not None:
        _ledger_file(desk)
        backup_copy = read_backup(copy_path)
        file_sha256, size, root = backup_copy.file_sha256, backup_copy.size, backup_copy.root
    else:
        ledger = desk.open_ledger()
        if not ledger.lost_heads() and ledger.unended_log() is None:
            raise UsageError(
                "This ledger is not known to lack any entry. Name the copy that should replace it."
            )
        file_sha256, size, root = "", ledger.head().size, ledger.head().root
    return RestoreProposal(file_sha256, size, root, desk.actor, reason, f"{desk.now():%Y-%m-%dT%H:%M:%SZ}")


def _restore(desk: Desk, copy_path: Path | None, first_proposal: RestoreProposal, reason: str) -> Restoration:
    """Put the copy in place before the ledger is opened, then record who wanted it, as the first entry."""
    if copy_path is not None:
        restore(copy_path, _ledger_file(desk), now=desk.now())
    ledger = desk.open_ledger()
    head, lost_heads = ledger.head(), ledger.lost_heads()
    lost_size = max((lost_head.size for lost_head in lost_heads), default=head.size)
    begun_entry = ledger.unended_log()
    if begun_entry is None:
        event_facts = ledgers.log_begun_facts(
            ledger.identity,
            head,
            desk.draw_key()[:16].hex(),
            lost_size=lost_size,
            first_actor=first_proposal.actor,
            reason=first_proposal.reason,
            second_actor=desk.actor,
            second_reason=reason,
        )
        event = make_event(desk, "log_begun", purpose="restore", facts=event_facts)
        (begun_entry,) = ledger.append([ledgers.EventToAppend(event)])
    end_old_log(desk, ledger, begun_entry)
    _repeat_erasures(desk, ledger)
    return Restoration(first_proposal, begun_entry.seq, lost_size, describe_source(desk, ledger))


@dataclass(frozen=True, slots=True)
class CarriedLedger:
    """A new log behind an old one: its first entry, both identities, and how many details were enciphered."""

    entry: int
    old_ledger: str
    new_ledger: str
    enciphered_count: int
    source: LedgerSource


def carry_over(desk: Desk, request: ask.CarryOverRequest) -> CarriedLedger:
    """Begin a new log behind the head of an older format, end the old one, and encipher its details.

    The first entry of the new log names the old head; a signed statement beside the old head ends the old
    log. Broken off half way, it is finished by asking again.

    Raises UsageError where that was done before; LedgerError where entries are missing, or what is
    there cannot be written.
    """
    ledger = desk.open_ledger()
    plain_count = ledger.encipher_payloads()
    old_ledger, begun_entry = ledger.identity, ledger.unended_log()
    if begun_entry is None:
        if len(ledger.identities) > 1 and not plain_count:
            raise UsageError("This ledger was carried over before, and its details are enciphered.")
        event_facts = ledgers.log_begun_facts(
            old_ledger, ledger.head(), desk.draw_key()[:16].hex(), reason=request.reason
        )
        event = make_event(desk, "log_begun", purpose="upkeep", facts=event_facts)
        (begun_entry,) = ledger.append([ledgers.EventToAppend(event)])
    end_old_log(desk, ledger, begun_entry)
    old_ledger = str(begun_entry.event.facts["old_ledger"])
    return CarriedLedger(
        begun_entry.seq, old_ledger, ledger.identity, plain_count, describe_source(desk, ledger)
    )


def correct_clock(desk: Desk, request: ask.ClockRequest) -> ledgers.Entry:
    """Record that the clock was wrong at the last entry, signed by the ledger's key; time goes on from now.

    Raises UsageError where the clock agrees with the last entry.
    """
    ledger = desk.open_ledger()
    last_entry, now = read_entry(ledger, ledger.head().size), desk.now()
    if timedelta(0) <= now - last_entry.recorded_at <= LONGEST_SILENCE:
        raise UsageError(
            f"The clock says {ledgers.format_instant(now)}, which fits the last entry, recorded at "
            f"{ledgers.format_instant(last_entry.recorded_at)}. There is nothing to correct."
        )
    signing_key = read_key(desk.workspace.path / desk.workspace.config.ledger.key)
    event_facts = clock_facts(
        last_entry, ledger.identity, now, reason=request.reason, signing_key=signing_key
    )
    event = make_event(desk, CLOCK_CORRECTED, purpose="upkeep", facts=event_facts)
    return ledger.append([ledgers.EventToAppend(event)])[0]


def end_old_log(desk: Desk, ledger: ledgers.Ledger, begun_entry: ledgers.Entry) -> None:
    """Sign that the old log ended, with every key that is at hand, and keep that beside the old heads."""
    lost_size = int(str(begun_entry.event.facts.get("lost_size") or begun_entry.event.facts["old_size"]))
    unsigned_ending = ledgers.ending_of(
        begun_entry, new_head=ledger.head(), lost_size=lost_size, made_at=desk.now()
    )
    ledger_config = desk.workspace.config.ledger
    anchor_settings = AnchorSettings(desk.workspace.path, ledger.label, ledger_config.smtp)
    for signing_key in read_or_draw_keys(desk.workspace.path / ledger_config.key):
        ending = ledgers.sign_ending(unsigned_ending, signing_key)
        send_ending(ending, places=ledger_config.anchors, settings=anchor_settings)
        ledger.keep_ending(ending)


def _repeat_erasures(desk: Desk, ledger: ledgers.Ledger) -> None:
    """Record again the erasures that came after the copy: their details stay gone, their entries are lost."""
    seqs_with_payload = {seq for seq, _ in ledger.payload_commitments()}
    erased_seqs = {row["seq"] for row in ledger.state_rows("erased")}
    committed_seqs = (row[0] for row in ledger.rows() if row[COLUMNS.index("commitment")])
    erasure_seqs = tuple(
        seq for seq in committed_seqs if seq not in seqs_with_payload and seq not in erased_seqs
    )
    if erasure_seqs:
        erasure_facts: Facts = {
            "entries": erasure_seqs,
            "reason": "erased before, in entries that the copy does not have",
        }
        ledger.erase(
            erasure_seqs, erasure=make_event(desk, "payload_erased", purpose="retention", facts=erasure_facts)
        )


def _ledger_file(desk: Desk) -> Path:
    if desk.ledger_file is None:
        raise LedgerError(
            "A server keeps this ledger: copy and restore it with the server's own tools (pg_dump, "
            "pg_restore). `becalm record restore` without a file then confirms what was lost."
        )
    return desk.ledger_file
