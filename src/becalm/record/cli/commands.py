"""`becalm record`: what was done, what came of it, and the proof that it was not altered."""

import typer

from becalm.console.command import Format, Session, command
from becalm.record import cli as views
from becalm.record import desk
from becalm.record.core import request as ask

ENDINGS = (".json", ".csv", ".xlsx")

app = typer.Typer(
    no_args_is_help=True,
    help="What was done, what came of it, and the proof that it was not altered.",
)


@command(app, "arrests", ask.ArrestsRequest)
def arrests(session: Session, request: ask.ArrestsRequest) -> None:
    """How many arrests came from dedicated activity, by the published definition?

    The figure names its definition, what was left out and why, and every arrest can be opened.
    """
    session.emit(desk.count_dedicated_arrests(session.open_desk(), request), views.arrests_view(request))


@command(app, "events", ask.EventsRequest)
def events(session: Session, request: ask.EventsRequest) -> None:
    """List the entries of the ledger. Whom they are about is shown with --purpose only."""
    is_for_screen = session.format is Format.table and not session.files
    entries = desk.list_entries(session.open_desk(), request, limit=ask.ON_SCREEN if is_for_screen else None)
    session.emit(entries, views.events_view(with_subjects=bool(request.purpose)))


@command(app, "show", ask.EntryRequest)
def show(session: Session, request: ask.EntryRequest) -> None:
    """Show one entry, what corrects it, and the proof that it is in the ledger."""
    session.emit(desk.prove_entry(session.open_desk(), request), views.ENTRY_VIEW)


@command(app, "prove", ask.EntryRequest, endings=(".tlog-proof", *ENDINGS))
def prove(session: Session, request: ask.EntryRequest) -> None:
    """Prove that one entry is in the ledger: a file that anybody can check without the ledger.

    It holds the entry with its pseudonym, if it has one, but never its details.
    """
    session.emit(desk.write_entry_proof(session.open_desk(), request), views.ENTRY_PROOF_VIEW)


@command(app, "prove-arrests", ask.ProveArrestsRequest)
def prove_arrests(session: Session, request: ask.ProveArrestsRequest) -> None:
    """Prove a figure of arrests: every entry that it counts, each with its way to one signed head.

    It shows that these arrests are in the ledger, not that there are no others: an export shows that.
    """
    session.emit(desk.write_figure_proof(session.open_desk(), request), views.FIGURE_PROOF_VIEW)


@command(app, "add", ask.AddRequest)
def add(session: Session, request: ask.AddRequest) -> None:
    """Record an event by hand. Put personal details into --details, never into a fact."""
    session.emit(desk.add_event(session.open_desk(), request), views.RECEIPT)


@command(app, "import", ask.ImportRequest)
def import_(session: Session, request: ask.ImportRequest) -> None:
    """Import a log: every row becomes an event, or none does.

    All faulty rows are listed at once. A file that was imported before is recognised, whatever its name.
    """
    session.emit(desk.import_log(session.open_desk(), request), views.IMPORT_VIEW)


@command(app, "correct", ask.CorrectRequest)
def correct(session: Session, request: ask.CorrectRequest) -> None:
    """Correct an entry with a new one. The old one stays, and every figure says how many were corrected."""
    session.emit(desk.correct_entry(session.open_desk(), request), views.RECEIPT)


@command(app, "withdraw", ask.WithdrawRequest)
def withdraw(session: Session, request: ask.WithdrawRequest) -> None:
    """Record that an entry is wrong and that nothing takes its place."""
    session.emit(desk.withdraw_entry(session.open_desk(), request), views.RECEIPT)


@command(app, "access", ask.AccessRequest)
def access(session: Session, request: ask.AccessRequest) -> None:
    """Who saw whom, when and what for? Asking is recorded too."""
    session.emit(desk.find_accesses(session.open_desk(), request), views.ACCESS_VIEW)


@command(app, "erase", ask.EraseRequest)
def erase(session: Session, request: ask.EraseRequest) -> None:
    """Destroy personal details permanently, and show that the ledger still holds.

    The entries stay, and so do their commitments, which reveal nothing without the details and their salts.
    """
    session.emit(desk.erase_details(session.open_desk(), request), views.ERASURE_VIEW)


@command(app, "rebuild", ask.RebuildRequest)
def rebuild(session: Session, request: ask.RebuildRequest) -> None:
    """Rebuild every state table from the events. This should change nothing; every change is reported."""
    rebuilt_states = desk.rebuild_states(session.open_desk(), request)
    session.emit(rebuilt_states, views.REBUILD_VIEW)
    views.check_unchanged(rebuilt_states)


@command(app, "backup", ask.BackupRequest, has_files=False)
def backup(session: Session, request: ask.BackupRequest) -> None:
    """Copy the ledger into a file while others write to it.

    The copy holds the personal details that were there: keep it as safe as the ledger. What is erased later
    is erased in the copy too, as long as it is where it was made.

    The seeds of patrols are not in it, on purpose: copy the workspace's folder patrol/sealed separately.
    """
    session.emit(desk.make_backup(session.open_desk(), request), views.BACKUP_VIEW)


@command(app, "restore", ask.RestoreRequest)
def restore(session: Session, request: ask.RestoreRequest) -> None:
    """Put a copy in the place of the ledger. Two people run this, each with a reason of their own.

    Nothing happens until the second has confirmed what the first asked for. What was replaced is kept
    beside the ledger; personal details that were erased since the copy was made do not come back with it.
    """
    session.emit(desk.propose_or_confirm_restore(session.open_desk(), request), views.RESTORE_VIEW)


@command(app, "carry-over", ask.CarryOverRequest, has_files=False)
def carry_over(session: Session, request: ask.CarryOverRequest) -> None:
    """Carry a ledger of an older format over: a new log begins behind the old head, details are enciphered.

    A signed statement beside the old heads says where the old log ended, so that these still count.
    """
    session.emit(desk.carry_over(session.open_desk(), request), views.CARRIED_VIEW)


@command(app, "clock", ask.ClockRequest)
def clock(session: Session, request: ask.ClockRequest) -> None:
    """Record that the clock was wrong at the last entry, so that entries can go on from now."""
    session.emit(desk.correct_clock(session.open_desk(), request), views.RECEIPT)


@command(app, "verify", ask.VerifyRequest)
def verify(session: Session, request: ask.VerifyRequest) -> None:
    """Does the ledger hold? Exits with 0 if so, else with 11 and the first entry that does not."""
    verified_ledger = desk.verify_record(session.open_desk(), request)
    session.emit(verified_ledger, views.VERDICT_VIEW)
    views.check_verdict(verified_ledger)


@command(app, "head", ask.HeadRequest, endings=(".note", *ENDINGS))
def head(session: Session, request: ask.HeadRequest) -> None:
    """How long is the ledger, what does it hold, and who vouches for that?

    What --format json prints is an anchor, as is what a scan of the sheet's code gives: save it away from
    the ledger, and compare with `becalm record verify --anchor FILE`.
    """
    session.emit(desk.sign_head(session.open_desk(), request), views.HEAD_VIEW)


@command(app, "checkpoint", ask.CheckpointRequest)
def checkpoint(session: Session, request: ask.CheckpointRequest) -> None:
    """Sign the head of the ledger and send it to every place under [ledger] anchors. Let cron run it hourly.

    Exits with 10 where a place could not be reached; the others got theirs.
    """
    delivered_checkpoint = desk.make_checkpoint(session.open_desk(), request)
    session.emit(delivered_checkpoint, views.CHECKPOINT_VIEW)
    views.check_deliveries(delivered_checkpoint)


@command(app, "witness", ask.WitnessRequest, has_workspace=False, has_files=False)
def witness(session: Session, request: ask.WitnessRequest) -> None:
    """Be a witness: sign heads of ledgers elsewhere, each only where it continues the one before.

    Run it where the owner of the ledger has no rights: at an overseer's, or in another department. It goes on
    until it is stopped. The ledgers name it under [ledger] witnesses; any log that speaks C2SP may use it.
    """
    open_witness = desk.open_witness(request)
    session.emit(open_witness, views.WITNESS_VIEW)
    with open_witness.server as server:
        server.serve_forever()


@command(app, "serve", ask.ServeRequest, has_files=False)
def serve(session: Session, request: ask.ServeRequest) -> None:
    """Write the ledger for all programs, so that many of them share each wait for the disk.

    A ledger in a file: programs of this computer and user hand their events to this process; without it each
    writes by itself. On a server: this process seals what programs hand in, also where they end before it.
    Stop it with Ctrl-C or SIGTERM; nothing is lost if it is killed.
    """
    with desk.open_writer(session.open_desk(), request) as writer:
        session.emit(writer, views.WRITER_VIEW)
        writer.serve_forever()


@command(app, "export", ask.ExportRequest, has_files=False)
def export(session: Session, request: ask.ExportRequest) -> None:
    """Write entries, signed heads and a verifier that needs nothing but Python, for an auditor.

    Pseudonyms of people stand in the entries; personal details do not.
    """
    session.emit(desk.export_record(session.open_desk(), request), views.EXPORT_VIEW)


@command(app, "init", ask.InitRequest)
def init(session: Session, request: ask.InitRequest) -> None:
    """Make the roles, tables and rights of a ledger on PostgreSQL, or bring them up to date.

    Which database and which user the program will use stands in becalm.toml ([ledger] url) or BECALM_LEDGER;
    that user is made if there is none. A ledger on SQLite needs none of this.
    """
    session.emit(desk.prepare_server(session.open_desk(), request), views.SERVER_VIEW)
