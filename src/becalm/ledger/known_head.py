"""What a workspace remembers of its ledger, in a file of its own: which log, and how far it went.

Where the ledger is gone, or another one was put in its place, this tells. It is written when a command ends,
so it may lag behind the ledger; it never runs ahead of it.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from becalm.formats.durable_files import write_durably
from becalm.ledger import Head, KnownOutside, Ledger
from becalm.ledger.anchors import AnchorSettings, list_anchor_folders, read_endings, read_newest_anchors
from becalm.terms import BecalmError, LedgerError


@dataclass(frozen=True, slots=True)
class KnownLog:
    """The identity of the log that is written now, and the newest head of it that is known."""

    origin: str
    head: Head


def known_head_path(folder: Path, label: str) -> Path:
    """Where that is remembered; a ledger on a server is another one than that in the file."""
    return folder / f"known-{label}.json"


def read_known_log(folder: Path, label: str) -> KnownLog | None:
    """The log that this folder remembers; None where it remembers none.

    Raises LedgerError where the file cannot be read.
    """
    note_path = known_head_path(folder, label)
    try:
        note_fields = json.loads(note_path.read_text("utf-8"))
        return KnownLog(
            str(note_fields["ledger"]),
            Head(int(note_fields["size"]), note_fields["root"], note_fields["last"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LedgerError(
            f"{note_path} cannot be read ({error}), so it is unclear which ledger belongs to this workspace. "
            "Put the file back; nothing was written."
        ) from error


def know_outside(folder: Path, places: Sequence[str], *, label: str) -> KnownOutside:
    """What is known of the ledger elsewhere than in it: by its workspace, and in these places outside.

    `label` is what its files are named after. A register of erasures is kept in each folder among the places.
    """
    settings, known_log = AnchorSettings(folder, label), read_known_log(folder, label)
    return KnownOutside(
        anchors=read_newest_anchors(places, settings),
        endings=read_endings(places, settings),
        origin=known_log.origin if known_log else "",
        head=known_log.head if known_log else None,
        erasure_registers=tuple(path / f"{label}.erased" for path in list_anchor_folders(places, folder)),
    )


def remember_head(folder: Path, ledger: Ledger) -> None:
    """Remember the newest head of this ledger, where it still holds every head that is known of it."""
    # What does not hold is not remembered: else the next command would take it for the right one.
    with suppress(BecalmError, OSError):
        if ledger.lost_heads() or ledger.unended_log() is not None:
            return
        head, known_log = ledger.head(), read_known_log(folder, ledger.label)
        if known_log == KnownLog(ledger.identity, head):
            return
        note_fields = {
            "ledger": ledger.identity,
            "size": head.size,
            "root": head.root,
            "last": head.last_hash,
        }
        write_durably(known_head_path(folder, ledger.label), json.dumps(note_fields, indent=2) + "\n")
