"""Does the ledger hold? Signing its head, sending it outside, and comparing it with what was kept there."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from becalm.desk import Desk, one_line, record_event, recorded_action
from becalm.ledger import (
    Checkpoint,
    ExportWritten,
    Fact,
    Finding,
    Ledger,
    LogEnding,
    StoredRow,
    anchors,
    format_instant,
    signed_heads,
    signing,
    write_export,
)
from becalm.ledger.chain_check import SenseRules
from becalm.ledger.head_evidence import IN_LEDGER, Anchor
from becalm.ledger.log_ending import parse_ending
from becalm.ledger.store.copy_guard import UNKNOWN
from becalm.ledger.store.new_entries import CLOCK_TOLERANCE
from becalm.ledger.verify import LedgerCopy, Verdict, verify_ledger
from becalm.record.core.events import EXPORT
from becalm.record.core.request import CheckpointRequest, ExportRequest, HeadRequest, VerifyRequest
from becalm.record.desk.receipts import check_held_receipts
from becalm.record.desk.witness import ask_witnesses, describe_cosigners, list_witnesses
from becalm.terms import Advance, BecalmError, InputError, LedgerError, TamperError, UsageError

T = TypeVar("T")
SEQ_BEFORE_ALL = -(2**63)  # a row that was put in may bear any number
ROWS_AT_ONCE = 1_000  # between two signs of progress


@dataclass(frozen=True, slots=True)
class VerifiedLedger:
    """Which ledger was verified, and what came of it."""

    ledger: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A signed head, with the public key in hex that shows who signed it."""

    checkpoint: Checkpoint
    public_key: str

    @property
    def anchor_text(self) -> str:
        """The head as a file that is kept outside: a signed note."""
        return signed_heads.format_anchor(self.checkpoint, self.public_key)

    @property
    def log_key(self) -> str:
        """The key of the log as witnesses and verifiers are given it."""
        return signed_heads.log_key(self.checkpoint.ledger_id, self.public_key).text

    @property
    def anchor_json(self) -> str:
        """The same for programs."""
        return signed_heads.format_json_anchor(self.checkpoint, self.public_key)


@dataclass(frozen=True, slots=True)
class DeliveredCheckpoint:
    """A signed head, and what became of sending it to each place."""

    signed_head: SignedHead
    deliveries: tuple[anchors.AnchorDelivery, ...]
    contradictions: tuple[str, ...] = ()  # heads that witnesses hold and the ledger does not


def verify_record(desk: Desk, request: VerifyRequest) -> VerifiedLedger:
    """Is the ledger what was written, as far as its chain and every head that was kept can show?

    Raises InputError where a file given as an anchor is none; TamperError where there is nothing left to
    verify.
    """
    _check_presence(desk)
    ledger = desk.open_ledger()
    named_anchors = tuple(
        Anchor(_read_anchor(Path(file)), file, is_outside=True)
        for file in request.anchor
        if _read_ending(Path(file)) is None
    )
    folder_anchors, remark_texts = _read_anchor_folders(desk, ledger)
    outside_heads = [a.checkpoint for a in (*folder_anchors, *named_anchors) if a.is_outside]
    checkpoints, checkpoint_findings = _read_or_report(ledger.checkpoints, TamperError)
    noted_heads, note_findings = _read_or_report(ledger.noted_heads, LedgerError)
    kept_anchors = (Anchor(checkpoint, IN_LEDGER, is_outside=False) for checkpoint in checkpoints)
    finish_audit = ledger.start_audit()  # before the bar of progress, which is a thread
    payload_commitments, payload_remarks = _read_payload_commitments(ledger)
    held_findings = tuple(check_held_receipts(ledger, request.receipt))
    entry_count = None
    with suppress(LedgerError, TamperError):  # it can no longer say how many it has
        entry_count = ledger.head().size
    with desk.progress("verify", total=entry_count, unit="entries") as advance:
        ledger_copy = LedgerCopy(
            identity=ledger.identities[0],
            rows=lambda: _report_rows(ledger.rows(after=SEQ_BEFORE_ALL), advance),
            anchors=(*kept_anchors, *folder_anchors, *named_anchors),
            payload_commitments=payload_commitments,
            noted_heads=noted_heads,
            endings=_read_endings(desk, ledger, request.anchor, is_outside=True),
            inside_endings=_read_endings(desk, ledger, (), is_outside=False),
            sense_rules=SenseRules(set(ledger.kinds.by_key), format_instant(desk.now() + CLOCK_TOLERANCE)),
            remarks=(*remark_texts, *payload_remarks, *describe_cosigners(desk, outside_heads)),
            findings=chain(
                checkpoint_findings,
                note_findings,
                held_findings,
                _missing_heads(desk, ledger),
                _check_notes(ledger, has_heads=not note_findings, collect_audit=finish_audit),
            ),
        )
        return VerifiedLedger(ledger.identity, verify_ledger(ledger_copy))


def _read_payload_commitments(ledger: Ledger) -> tuple[Iterator[tuple[int, str]] | None, tuple[str, ...]]:
    try:
        return ledger.payload_commitments(), ()
    except LedgerError as error:  # the entries hold without them: their commitments are in the chain
        return None, (f"Personal details were not checked. {error.message}",)


def _missing_heads(desk: Desk, ledger: Ledger) -> Iterator[Finding]:
    """Folders to which the ledger says that a signed head was sent, and in which the newest is no longer."""
    settings, newest_size_by_place = _anchor_settings(desk, ledger), dict[str, int]()
    with suppress(LedgerError, TamperError):  # then the entries themselves tell what is wrong
        for entry in ledger.entries(kinds=("checkpoint_made",)):
            anchor_places = entry.event.facts.get("anchors")
            for place in anchor_places if isinstance(anchor_places, tuple) else ():
                if place in desk.workspace.config.ledger.anchors:
                    newest_size_by_place[str(place)] = int(str(entry.event.facts["size"]))
    for place, size in newest_size_by_place.items():
        is_folder = not place.startswith("qr:") and anchors.list_anchor_folders((place,), desk.workspace.path)
        # By what is in the files: under the name of the newest head an older one may lie.
        kept_heads = anchors.read_anchors((place,), settings) if is_folder else ()
        if is_folder and not any(checkpoint.head.size == size for checkpoint in kept_heads):
            problem_text = (
                f"The signed head of {size} entries was sent to {place} and is no longer there. Put the "
                "heads back, or name another place under [ledger] anchors: `becalm record checkpoint`."
            )
            yield Finding("checkpoint", None, problem_text)


def sign_head(desk: Desk, request: HeadRequest) -> SignedHead:
    """How long is the ledger, what does it hold, and who vouches for that? Written as a sheet where asked.

    The head that was signed and kept last, where nothing was added since; else one signed now and not kept.

    Raises UsageError where the sheet cannot be written.
    """
    signed_head = sign_or_reuse(desk)
    if request.sheet is not None:
        try:
            sheet_html = anchors.render_sheet(signed_head.checkpoint, signed_head.anchor_text)
            Path(request.sheet).write_text(sheet_html, "utf-8")
        except OSError as error:
            raise UsageError(
                f"{request.sheet} cannot be written ({error}). Name a file in a folder that exists."
            ) from error
    return signed_head


def make_checkpoint(desk: Desk, request: CheckpointRequest) -> DeliveredCheckpoint:
    """Sign the head of the ledger, keep it, have witnesses sign it, and send it to every place.

    Witnesses and places are those that becalm.toml names.

    Raises LedgerError where the key is missing or open to others, or the ledger cannot be written;
    TamperError where the key is not the one that the ledger names; InputError where a witness is none.
    """
    ledger = desk.open_ledger()
    witness_places, signing_key = list_witnesses(desk), _open_key(desk, ledger)
    if request.new_key:
        signing_key = _hand_over_key(desk, ledger, signing_key)
    checkpoint = _sign(desk, ledger, signing_key)
    ledger.keep_checkpoint(checkpoint)
    destinations, settings = desk.workspace.config.ledger.anchors, _anchor_settings(desk, ledger)
    witnessed_head = ask_witnesses(desk, ledger, checkpoint, witness_places)
    checkpoint = witnessed_head.checkpoint
    deliveries = witnessed_head.deliveries + anchors.send_anchor(
        checkpoint, signing_key.public_key, places=destinations, settings=settings
    )
    record_event(
        desk,
        "checkpoint_made",
        purpose="proof",
        facts={
            "size": checkpoint.head.size,
            "root": checkpoint.head.root,
            "anchors": tuple(delivery.place for delivery in deliveries if not delivery.failure),
            "key": signing_key.id,
        },
    )
    signed_head = SignedHead(checkpoint, signing_key.public_key)
    return DeliveredCheckpoint(signed_head, deliveries, witnessed_head.contradictions)


def export_record(desk: Desk, request: ExportRequest) -> ExportWritten:
    """Write the entries, the signed heads, the public keys and the verifier into a folder, for anybody.

    Pseudonyms of people stand in the entries; personal details do not. Who exported them, and what for, is
    recorded first.

    Raises UsageError where no purpose is given.
    """
    if not request.purpose.strip():
        raise UsageError("Say what for with `purpose`, e.g. audit; it is recorded with your name.")
    ledger, folder = desk.open_ledger(), Path(request.out)
    export_facts: dict[str, Fact] = {"folder": one_line(folder.name), "entries": ledger.head().size}
    with recorded_action(desk, EXPORT.name, purpose=request.purpose, facts=export_facts):
        checkpoint = sign_or_reuse(desk).checkpoint
        checkpoints = (*ledger.checkpoints(), checkpoint)
        return write_export(folder, ledger, checkpoints, size=checkpoint.head.size)


def sign_or_reuse(desk: Desk) -> SignedHead:
    """The newest head that was signed and kept, where nothing was added since; else one signed now."""
    ledger = desk.open_ledger()
    sign_key, head = _open_key(desk, ledger), ledger.head()
    matching_checkpoints = (
        checkpoint
        for checkpoint in reversed(ledger.checkpoints())
        if checkpoint.head == head and signed_heads.is_note_signed(checkpoint, sign_key.public_key)
    )
    return SignedHead(next(matching_checkpoints, None) or _sign(desk, ledger, sign_key), sign_key.public_key)


def _report_rows(rows: Iterator[StoredRow], advance: Advance) -> Iterator[StoredRow]:
    for row_number, row in enumerate(rows, start=1):
        yield row
        if row_number % ROWS_AT_ONCE == 0:
            advance(ROWS_AT_ONCE)


def _anchor_settings(desk: Desk, ledger: Ledger) -> anchors.AnchorSettings:
    return anchors.AnchorSettings(desk.workspace.path, ledger.label, desk.workspace.config.ledger.smtp)


def _read_anchor_folders(desk: Desk, ledger: Ledger) -> tuple[tuple[Anchor, ...], tuple[str, ...]]:
    """The anchors in the folders that becalm.toml names, and remarks on what else lies there.

    Those inside the workspace are not outside. Of a folder outside that holds heads of this ledger, heads of
    other ledgers are left aside: several workspaces may send theirs there.
    """
    workspace_folder = desk.workspace.path.resolve()
    readable_anchors, remark_texts = [], []
    for path in anchors.list_anchor_files(
        desk.workspace.config.ledger.anchors, _anchor_settings(desk, ledger)
    ):
        try:
            is_outside = not path.resolve().is_relative_to(workspace_folder)
            anchor = Anchor(_read_anchor(path), str(path), is_outside, is_shared=True)
            readable_anchors.append(anchor)
        except InputError as error:
            # Named and no more: whoever may write into a shared folder could stop a ledger with rubbish.
            remark_texts.append(f"{error} It was set aside.")
    own_anchors = [anchor for anchor in readable_anchors if anchor.checkpoint.ledger_id in ledger.identities]
    own_folders = {Path(anchor.place).parent for anchor in own_anchors if anchor.is_outside}
    other_anchors = [
        a for a in readable_anchors if a not in own_anchors and Path(a.place).parent in own_folders
    ]
    if other_anchors:
        remark_texts.append(
            f"{len(other_anchors)} heads of other ledgers are among those kept outside; they were ignored."
        )
    compared_anchors = tuple(anchor for anchor in readable_anchors if anchor not in other_anchors)
    return compared_anchors, tuple(remark_texts)


def _read_ending(path: Path) -> LogEnding | None:
    try:
        return parse_ending(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError):
        return None  # it is read as an anchor next, which says what is wrong


def _read_endings(
    desk: Desk, ledger: Ledger, files: Iterable[str], *, is_outside: bool
) -> tuple[LogEnding, ...]:
    """The statements on the end of a log that lie outside (named, or beside heads), or inside."""
    workspace_folder, settings = desk.workspace.path.resolve(), _anchor_settings(desk, ledger)
    listed_folders = anchors.list_anchor_folders(desk.workspace.config.ledger.anchors, settings.folder)
    anchor_folders = [
        folder.resolve() for folder in listed_folders
    ]  # else a relative one is looked for in itself
    outside_places = [
        str(folder) for folder in anchor_folders if folder.is_relative_to(workspace_folder) != is_outside
    ]
    named_endings = [ending for file in files if (ending := _read_ending(Path(file))) is not None]
    return (*named_endings, *anchors.read_endings(outside_places, settings))


def _read_or_report(
    reader: Callable[[], Iterable[T]], error_kind: type[BecalmError]
) -> tuple[tuple[T, ...], tuple[Finding, ...]]:
    """What the ledger keeps of itself; where it cannot be read, that is a finding, and the rest goes on."""
    try:
        return tuple(reader()), ()
    except error_kind as error:
        return (), (Finding("checkpoint", None, str(error)),)


def _check_notes(
    ledger: Ledger, *, has_heads: bool, collect_audit: Callable[[], tuple[Finding, ...]]
) -> Iterator[Finding]:
    """Where the note of the last head beside the ledger is gone, nobody knows whether its end is there.

    And whether the state tables can be read; what they hold is for `becalm record rebuild` to compare.
    """
    with suppress(LedgerError, TamperError):  # then the entries themselves tell what is wrong
        for head in ledger.lost_heads() if has_heads else ():
            if head.last_hash != UNKNOWN:
                continue
            problem_text = (
                f"The note of the last head beside the ledger ({ledger.label}.head) is gone: it is unclear "
                f"whether there were entries after entry {head.size}. Put it back, or let two people confirm "
                "the ledger as it is (becalm record restore)."
            )
            yield Finding("shorter", head.size + 1, problem_text)
    yield from collect_audit()


def _check_presence(desk: Desk) -> None:
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        raise TamperError(
            f"There is no ledger in {desk.ledger_file}: it was moved, deleted or never started. Entry 1 is "
            "the first that is missing. Put it back, or restore a copy: becalm record restore."
        )


def _read_anchor(path: Path) -> Checkpoint:
    try:
        return signed_heads.parse_anchor(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The anchor {path} cannot be read ({error}). Name one that can; nothing was done."
        ) from error


def _sign(desk: Desk, ledger: Ledger, signing_key: signing.SigningKey) -> Checkpoint:
    unsigned_head = Checkpoint(ledger.identity, ledger.head(), desk.now(), signing_key.id, "")
    return signed_heads.sign_checkpoint(unsigned_head, signing_key)


def _open_key(desk: Desk, ledger: Ledger) -> signing.SigningKey:
    """The key that signs for this ledger; at its first use it is drawn, and the ledger notes it."""
    key_path = desk.workspace.path / desk.workspace.config.ledger.key
    key_ids = [str(entry.event.facts["new_key"]) for entry in ledger.entries(kinds=("key_rotated",))]
    signing_key = signing.read_key(key_path)
    if signing_key is None and key_ids:
        raise LedgerError(
            f"The signing key of this ledger ({key_ids[-1][:16]}) is not in {key_path}. Put it back there, "
            "or name its place under [ledger] key."
        )
    if signing_key is None:
        signing_key = signing.draw_key()
        signing.write_key(key_path, signing_key)
    if not key_ids:
        key_facts = {"old_key": "", "new_key": signing_key.id, "new_public_key": signing_key.public_key}
        record_event(desk, "key_rotated", purpose="proof", facts=key_facts)
    elif signing_key.id != key_ids[-1]:
        raise TamperError(
            f"The key in {key_path} ({signing_key.id[:16]}) is not the one that signs for this ledger "
            f"({key_ids[-1][:16]}): it was swapped. Put the right one back; nothing was signed."
        )
    return signing_key


def _hand_over_key(desk: Desk, ledger: Ledger, old_key: signing.SigningKey) -> signing.SigningKey:
    """Draw a new key that the old one vouches for; where that cannot be noted, the old one stays."""
    new_key = signing.draw_key()
    key_file = desk.workspace.path / desk.workspace.config.ledger.key
    key_facts = {
        "old_key": old_key.id,
        "new_key": new_key.id,
        "new_public_key": new_key.public_key,
        "old_signature": old_key.sign(
            signing.handover_bytes(ledger.identity, old_key.id, new_key.public_key)
        ),
    }
    signing.write_key(key_file, new_key)
    try:
        record_event(desk, "key_rotated", purpose="proof", facts=key_facts)
    except BaseException:
        signing.write_key(key_file, old_key)
        raise
    return new_key
