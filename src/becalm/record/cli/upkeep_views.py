"""How the keeping of the ledger is shown: its server, state tables, copies, restores and erasures."""

import shlex
from collections.abc import Iterable
from dataclasses import asdict

from becalm.console.emit import View
from becalm.ledger.store.postgres_setup import PreparedServer
from becalm.record.cli.answer_views import source_lines, source_record
from becalm.record.desk.personal_data import Erasure
from becalm.record.desk.upkeep import Backup, CarriedLedger, RebuiltStates, Restoration, RestoreProposal
from becalm.terms import TamperError

NO_WIPING = (
    "An erasure destroys a payload's key at once, but this server was not told that the program may wipe the "
    "write-ahead log after it: run this command as a superuser, or wipe it yourself "
    "(docs/how-to/keep-the-ledger-on-postgresql.md)."
)
LOG_RECYCLING = (
    "The server keeps old write-ahead log for use again, with what it holds (wal_recycle = on): set it to "
    "off, so that the key of an erased payload is nowhere (docs/how-to/keep-the-ledger-on-postgresql.md)."
)


def _server_lines(server: PreparedServer) -> Iterable[str]:
    yield f"The ledger {server.identity} is ready in {server.database}."
    yield f"The program works as {server.login!r}, who may read and add; nobody logs in as its owner."
    if not server.can_wipe:
        yield f"Note: {NO_WIPING}"
    if server.recycles_log:
        yield f"Note: {LOG_RECYCLING}"


SERVER_VIEW: View[PreparedServer] = View(asdict, lambda server: [asdict(server)], _server_lines)


def _rebuild_lines(states: RebuiltStates) -> Iterable[str]:
    result_text = f"{len(states.differences)} differences" if states.differences else "nothing changed"
    yield f"Rebuilt {len(states.tables)} state tables from {states.source.head.size:,} entries: {result_text}"
    yield from (f"  {difference}" for difference in states.differences)


REBUILD_VIEW: View[RebuiltStates] = View(
    data=lambda states: {
        "tables": list(states.tables),
        "differences": list(states.differences),
        "source": source_record(states.source),
    },
    rows=lambda states: [{"difference": difference} for difference in states.differences],
    lines=_rebuild_lines,
)


def check_unchanged(states: RebuiltStates) -> None:
    """Raises TamperError where the rebuilding changed anything."""
    if states.differences:
        raise TamperError(
            f"{len(states.differences)} rows of the state tables were not what the entries say. They were "
            "corrected; find out who wrote to the database without becalm."
        )


def _backup_record(backup: Backup) -> dict[str, object]:
    return {
        "file": str(backup.path),
        "sha256": backup.sha256,
        "size": backup.head.size,
        "root": backup.head.root,
        "recorded_as": backup.entry,
        "copy_also": " ".join(map(str, backup.copy_also)),
    }


def _backup_lines(backup: Backup) -> Iterable[str]:
    yield f"Copied {backup.head.size:,} entries to {backup.path}"
    yield f"  root         {backup.head.root}"
    yield f"  sha256       {backup.sha256}"
    yield f"  recorded as  entry {backup.entry}, which is not in the copy"
    for path in backup.copy_also:
        if path.is_file():
            yield f"NOT in the copy: {path}, the key of personal details. Without it nobody can read them."
            continue
        yield f"NOT in the copy: {path}, where the seeds and plans of patrols are kept until they are opened."
        yield (
            f"  Now copy that folder too (cp -a {shlex.quote(str(path))} SAFE_PLACE), and keep it apart from"
        )
        yield (
            "  this copy, with someone else: the ledger holds only hashes, and a lost seed can never be "
            "opened."
        )


BACKUP_VIEW: View[Backup] = View(_backup_record, lambda backup: [_backup_record(backup)], _backup_lines)


def _restore_record(answer: RestoreProposal | Restoration) -> dict[str, object]:
    if isinstance(answer, RestoreProposal):
        return {"status": "asked", **asdict(answer)}
    return {
        "status": "restored",
        **asdict(answer.proposal),
        "recorded_as": answer.entry,
        "lost_size": answer.lost_size,
        "source": source_record(answer.source),
    }


def _restore_lines(answer: RestoreProposal | Restoration) -> Iterable[str]:
    if isinstance(answer, RestoreProposal):
        yield f"Asked for by {answer.actor}: {answer.size:,} entries, root {answer.root}"
        yield "Nothing was changed. Next: a second person runs the same command, with a reason of their own."
        return
    yield f"Restored: {answer.proposal.size:,} entries of {answer.lost_size:,} that were known"
    yield f"  recorded as  entry {answer.entry}, with both people and their reasons"
    yield from source_lines(answer.source)


RESTORE_VIEW: View[RestoreProposal | Restoration] = View(
    _restore_record, lambda answer: [_restore_record(answer)], _restore_lines
)


def _carried_lines(carried: CarriedLedger) -> Iterable[str]:
    yield f"A new log begins at entry {carried.entry}: {carried.new_ledger}"
    yield f"  old log      {carried.old_ledger}, ended by a signed statement beside its heads"
    yield f"  enciphered   the details of {carried.enciphered_count:,} entries"
    yield from source_lines(carried.source)


CARRIED_VIEW: View[CarriedLedger] = View(
    data=lambda carried: {**asdict(carried), "source": source_record(carried.source)},
    rows=lambda carried: [
        {"entry": carried.entry, "old_ledger": carried.old_ledger, "new_ledger": carried.new_ledger}
    ],
    lines=_carried_lines,
)


def _erasure_lines(erasure: Erasure) -> Iterable[str]:
    yield f"Erased the personal details of {len(erasure.erased_entries):,} entries"
    yield f"  recorded as  entry {erasure.entry.seq}"
    ellipsis = " …" if len(erasure.erased_entries) > 20 else ""
    yield f"  entries      {', '.join(map(str, erasure.erased_entries[:20]))}{ellipsis}"
    yield from source_lines(erasure.source)
    yield "Next: `becalm record verify` shows that every entry still stands."


ERASURE_VIEW: View[Erasure] = View(
    data=lambda erasure: {
        "erased": list(erasure.erased_entries),
        "without_details": list(erasure.without_details),
        "recorded_as": erasure.entry.seq,
        "hash": erasure.entry.hash,
        "source": source_record(erasure.source),
    },
    rows=lambda erasure: [{"entry": seq} for seq in erasure.erased_entries],
    lines=_erasure_lines,
)
