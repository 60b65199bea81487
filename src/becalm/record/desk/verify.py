"""Does the ledger hold? Signing its head, sending it outside, and comparing it with what was kept there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from becalm.desk import Desk
from becalm.desk.audit import record_event
from becalm.ledger.anchors import AnchorDelivery, AnchorSettings, list_anchor_files, render_sheet, send_anchor
from becalm.ledger.event import Checkpoint, Head
from becalm.ledger.export import ExportWritten, write_export
from becalm.ledger.protocol import Ledger
from becalm.ledger.signing import (
    SigningKey,
    draw_key,
    format_anchor,
    handover_bytes,
    parse_anchor,
    read_key,
    signed_bytes,
    write_key,
)
from becalm.ledger.store.copy_guard import UNKNOWN
from becalm.ledger.verify import IN_LEDGER, Anchor, LedgerCopy, Verdict, verify_ledger
from becalm.ledger.walk import Finding
from becalm.terms import InputError, LedgerError, TamperError, UsageError

BEFORE_ALL = -(2**62)  # a row that was put in may bear any number


@dataclass(frozen=True, slots=True)
class RecordVerified:
    """Which ledger was verified, and what came of it."""

    ledger: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class HeadSigned:
    """A signed head, with the public key in hex that shows who signed it."""

    checkpoint: Checkpoint
    public_key: str


@dataclass(frozen=True, slots=True)
class CheckpointMade:
    """A signed head, and what became of sending it to each place."""

    signed: HeadSigned
    sent: tuple[AnchorDelivery, ...]


def verify_record(desk: Desk, *, anchor_files: Sequence[Path] = ()) -> RecordVerified:
    """Is the ledger what was written, as far as its chain and every head that was kept can show?

    Raises
    ------
    InputError
        where a file given as an anchor is none.
    TamperError
        where there is nothing left to verify.
    """
    _require_there(desk)
    ledger = desk.open_ledger()
    given = tuple(Anchor(_read(path), str(path), outside=True) for path in anchor_files)
    found, unreadable, remarks = _lying_anchors(desk, ledger)
    kept, altered = _kept_in(ledger)
    noted_heads, forgotten = _noted_by(ledger)
    copy = LedgerCopy(
        identity=ledger.identity,
        rows=lambda: ledger.rows(after=BEFORE_ALL),
        anchors=(*kept, *found, *given),
        payload_commitments=ledger.payload_commitments(),
        noted_heads=noted_heads,
        remarks=remarks,
        findings=(*altered, *unreadable, *forgotten, *_state_findings(ledger)),
    )
    return RecordVerified(ledger.identity, verify_ledger(copy))


def sign_head(desk: Desk) -> HeadSigned:
    """How long is the ledger, what does it hold, and who vouches for that?

    The head that was signed and kept last, where nothing was added since; else one signed now and not kept.
    """
    ledger = desk.open_ledger()
    key = _ready_key(desk, ledger)
    head = ledger.head()
    kept = next((c for c in reversed(ledger.checkpoints()) if c.head == head and c.key == key.id), None)
    return HeadSigned(kept or _sign(desk, ledger, key), key.public_key)


def write_sheet(signed: HeadSigned, path: Path) -> None:
    """Write a page to print beside a briefing: a signed head, and the QR code that gives its anchor back.

    Raises
    ------
    UsageError
        where the file cannot be written.
    """
    text = format_anchor(signed.checkpoint, signed.public_key)
    try:
        path.write_text(render_sheet(signed.checkpoint, text), "utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error}). Name a file in a folder that exists."
        ) from error


def make_checkpoint(desk: Desk, *, change_key: bool = False) -> CheckpointMade:
    """Sign the head of the ledger, keep it, and send it to every place that becalm.toml names.

    Raises
    ------
    LedgerError
        where the key is missing or open to others, or the ledger cannot be written.
    TamperError
        where the key is not the one that the ledger names.
    """
    ledger = desk.open_ledger()
    key = _ready_key(desk, ledger)
    if change_key:
        key = _hand_over(desk, ledger, key)
    checkpoint = _sign(desk, ledger, key)
    ledger.keep_checkpoint(checkpoint)
    config = desk.workspace.config.ledger
    sent = send_anchor(
        checkpoint, key.public_key, places=config.anchors, settings=_anchor_settings(desk, ledger)
    )
    record_event(
        desk,
        "checkpoint_made",
        purpose="proof",
        facts={
            "size": checkpoint.head.size,
            "root": checkpoint.head.root,
            "anchors": tuple(s.place for s in sent if not s.failure),
            "key": key.id,
        },
    )
    return CheckpointMade(HeadSigned(checkpoint, key.public_key), sent)


def export_record(desk: Desk, folder: Path) -> ExportWritten:
    """Write the entries, the signed heads, the public keys and the verifier into a folder, for anybody.

    Pseudonyms of people stand in the entries; personal details do not.
    """
    ledger = desk.open_ledger()
    signed = sign_head(desk)
    heads = (*ledger.checkpoints(), signed.checkpoint)
    return write_export(folder, ledger.identity, ledger.rows(), heads, size=signed.checkpoint.head.size)


def _anchor_settings(desk: Desk, ledger: Ledger) -> AnchorSettings:
    return AnchorSettings(desk.workspace.path, ledger.label, desk.workspace.config.ledger.smtp)


def _lying_anchors(
    desk: Desk, ledger: Ledger
) -> tuple[tuple[Anchor, ...], tuple[Finding, ...], tuple[str, ...]]:
    """The anchors in the folders that becalm.toml names, those that cannot be read, and a remark on others'.

    Those inside the workspace are not outside. Of a folder outside that holds heads of this ledger, heads of
    other ledgers are left aside: several workspaces may send theirs there.
    """
    home = desk.workspace.path.resolve()
    found, unreadable = [], []
    for path in list_anchor_files(desk.workspace.config.ledger.anchors, _anchor_settings(desk, ledger)):
        try:
            outside = not path.resolve().is_relative_to(home)
            found.append(Anchor(_read(path), str(path), outside=outside))
        except InputError as error:
            unreadable.append(Finding("checkpoint", None, str(error)))
    ours = {Path(a.place).parent for a in found if a.outside and a.checkpoint.ledger == ledger.identity}
    others = [a for a in found if a.checkpoint.ledger != ledger.identity and Path(a.place).parent in ours]
    remark = f"{len(others)} heads of other ledgers lie among those kept outside; they were left aside."
    return tuple(a for a in found if a not in others), tuple(unreadable), (remark,) if others else ()


def _kept_in(ledger: Ledger) -> tuple[tuple[Anchor, ...], tuple[Finding, ...]]:
    try:
        kept = ledger.checkpoints()
    except TamperError as error:
        return (), (Finding("checkpoint", None, str(error)),)
    return tuple(Anchor(point, IN_LEDGER, outside=False) for point in kept), ()


def _noted_by(ledger: Ledger) -> tuple[tuple[Head, ...], tuple[Finding, ...]]:
    try:
        return ledger.noted_heads(), tuple(_unnoted(ledger))
    except LedgerError as error:
        return (), (Finding("checkpoint", None, str(error)),)


def _unnoted(ledger: Ledger) -> Iterator[Finding]:
    """Where the note of the last head beside the ledger is gone, nobody knows whether its end is there."""
    with suppress(LedgerError, TamperError):  # then the entries themselves tell what is wrong
        for head in (head for head in ledger.lost_heads() if head.last == UNKNOWN):
            what = (
                f"The note of the last head beside the ledger ({ledger.label}.head) is gone: whether entries "
                f"stood after entry {head.size} cannot be told. Put it back, or let two people confirm the "
                "ledger as it stands (becalm record restore)."
            )
            yield Finding("shorter", head.size + 1, what)


def _state_findings(ledger: Ledger) -> Iterator[Finding]:
    """Whether the state tables can be read; what they hold is for `becalm record rebuild` to compare."""
    try:
        ledger.state_rows("configuration")
    except TamperError as error:
        yield Finding("altered", None, error.message)


def _require_there(desk: Desk) -> None:
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        raise TamperError(
            f"There is no ledger in {desk.ledger_file}: it was moved away or deleted, or none was begun yet. "
            "Entry 1 is the first that is missing. Put it back, or a copy: becalm record restore."
        )


def _read(path: Path) -> Checkpoint:
    try:
        return parse_anchor(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The anchor {path} cannot be read ({error}). Name one that can; nothing was done."
        ) from error


def _sign(desk: Desk, ledger: Ledger, key: SigningKey) -> Checkpoint:
    blank = Checkpoint(ledger.identity, ledger.head(), desk.now(), key.id, "")
    return replace(blank, signature=key.sign(signed_bytes(blank)))


def _ready_key(desk: Desk, ledger: Ledger) -> SigningKey:
    """The key that signs for this ledger; at its first use it is drawn, and the ledger notes it."""
    path = desk.workspace.path / desk.workspace.config.ledger.key
    named = _named_keys(ledger)
    key = read_key(path)
    if key is None and named:
        raise LedgerError(
            f"The signing key of this ledger ({named[-1][:16]}) is not in {path}. Put it back there, or name "
            "its place under [ledger] key."
        )
    if key is None:
        key = draw_key()
        write_key(path, key)
    if not named:
        facts = {"old_key": "", "new_key": key.id, "new_public_key": key.public_key}
        record_event(desk, "key_rotated", purpose="proof", facts=facts)
    elif key.id != named[-1]:
        raise TamperError(
            f"The key in {path} ({key.id[:16]}) is not the one that signs for this ledger "
            f"({named[-1][:16]}): it was swapped. Put the right one back; nothing was signed."
        )
    return key


def _hand_over(desk: Desk, ledger: Ledger, old: SigningKey) -> SigningKey:
    """Draw a new key that the old one vouches for; where that cannot be noted, the old one stays."""
    key = draw_key()
    path = desk.workspace.path / desk.workspace.config.ledger.key
    facts = {
        "old_key": old.id,
        "new_key": key.id,
        "new_public_key": key.public_key,
        "old_signature": old.sign(handover_bytes(ledger.identity, old.id, key.public_key)),
    }
    write_key(path, key)
    try:
        record_event(desk, "key_rotated", purpose="proof", facts=facts)
    except BaseException:
        write_key(path, old)
        raise
    return key


def _named_keys(ledger: Ledger) -> tuple[str, ...]:
    """The ids of the keys that the ledger names, oldest first."""
    return tuple(str(e.event.facts["new_key"]) for e in ledger.entries(kinds=("key_rotated",)))
