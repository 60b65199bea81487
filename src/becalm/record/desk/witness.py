"""Heads that a witness elsewhere signs too, and how old the newest head may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from itertools import islice
from pathlib import Path

from becalm.desk import Desk
from becalm.formats.durable_files import write_durably
from becalm.ledger import Checkpoint, Ledger, parse_anchor, read_key, signed_heads, witness_client
from becalm.ledger.anchors import AnchorDelivery
from becalm.ledger.chain import HASH
from becalm.ledger.merkle import merkle_root
from becalm.ledger.signed_note import SignedNote, find_signature, parse_head_text, parse_note_key
from becalm.ledger.signing import draw_key, write_key
from becalm.ledger.witness import Witness
from becalm.ledger.witness_client import WitnessPlace
from becalm.ledger.witness_server import make_server
from becalm.record.core.request import WitnessRequest
from becalm.terms import BecalmError, InputError, UsageError

KEY_FILE = "witness.key"


@dataclass(frozen=True, slots=True)
class WitnessedHead:
    """A head with the signatures of its witnesses, what became of asking each, and what contradicts."""

    checkpoint: Checkpoint
    deliveries: tuple[AnchorDelivery, ...]
    contradictions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenWitness:
    """A witness that listens: where, and what its logs are told of it."""

    url: str
    key: str
    logs: tuple[str, ...]
    server: ThreadingHTTPServer


def list_witnesses(desk: Desk) -> tuple[WitnessPlace, ...]:
    """The witnesses that becalm.toml names; raises InputError where one of them is none."""
    return tuple(map(witness_client.parse_place, desk.workspace.config.ledger.witnesses))


def ask_witnesses(
    desk: Desk, ledger: Ledger, checkpoint: Checkpoint, places: Sequence[WitnessPlace]
) -> WitnessedHead:
    """Have each of these witnesses sign this head; what fails is said, and stops nothing."""
    if not places:
        return WitnessedHead(checkpoint, (), ())
    leaves, note = read_leaves(ledger, checkpoint.head.size), signed_heads.make_note(checkpoint)
    log_key = signed_heads.log_key(checkpoint.ledger_id, checkpoint.public_key)
    known_head = read_witnessed(desk, ledger)
    known_size = known_head.head.size if known_head and known_head.ledger_id == checkpoint.ledger_id else 0
    outcomes = [
        witness_client.ask_witness(
            place, note, leaves, log_key=log_key, known_size=known_size, now=desk.now()
        )
        for place in places
    ]
    signatures = tuple(outcome.signature for outcome in outcomes if outcome.signature is not None)
    witnessed_head = replace(checkpoint, cosignatures=signatures)
    if signatures:
        note_text = signed_heads.format_anchor(witnessed_head, checkpoint.public_key)
        write_durably(_witnessed_path(desk, ledger), note_text)
    contradictions = tuple(
        _keep_contradiction(desk, outcome.place.key.name, outcome.contradiction)
        for outcome in outcomes
        if outcome.contradiction is not None and not _holds(ledger, outcome.contradiction)
    )
    deliveries = (
        AnchorDelivery(outcome.place.url, outcome.place.key.name, outcome.failure) for outcome in outcomes
    )
    return WitnessedHead(witnessed_head, tuple(deliveries), contradictions)


def _holds(ledger: Ledger, note: SignedNote) -> bool:
    """Does the ledger hold this head by now? Another program may have signed a later one meanwhile."""
    noted_head = parse_head_text(note.text)
    leaves = read_leaves(ledger, noted_head.size)
    return len(leaves) == noted_head.size and merkle_root(leaves) == noted_head.root


def _keep_contradiction(desk: Desk, name: str, note: SignedNote) -> str:
    file_name = "".join(character if character.isalnum() else "-" for character in name)
    path = desk.workspace.path / f"contradiction-{file_name}.note"
    write_durably(path, str(note))
    return (
        f"The witness {name} holds a head of {parse_head_text(note.text).size} entries that this ledger "
        f"signed and does not have. It is kept in {path}: `becalm record verify --anchor {path.name}`"
    )


def read_leaves(ledger: Ledger, size: int) -> list[bytes]:
    """The leaves of the tree over the first entries: their hashes."""
    return [bytes.fromhex(row[HASH]) for row in islice(ledger.rows(), size)]


def _witnessed_path(desk: Desk, ledger: Ledger) -> Path:
    return desk.workspace.path / f"witnessed-{ledger.label}.note"


def read_witnessed(desk: Desk, ledger: Ledger) -> Checkpoint | None:
    """The newest head that a witness signed, as the workspace keeps it; None where there is none."""
    with suppress(OSError, BecalmError, UnicodeDecodeError):
        path = _witnessed_path(desk, ledger)
        return parse_anchor(path.read_text("utf-8"), str(path))
    return None


def describe_cosigners(desk: Desk, checkpoints: Iterable[Checkpoint]) -> Iterator[str]:
    """Which of the witnesses that becalm.toml names signed the newest of these heads?"""
    try:
        keys = [place.key for place in list_witnesses(desk)]
    except InputError as error:  # that is no reason not to verify
        yield error.message
        return
    newest_head = max(checkpoints, key=lambda checkpoint: checkpoint.head.size, default=None)
    if not keys or newest_head is None:
        return
    head_text = f"the newest head outside, of {newest_head.head.size} entries"
    note = signed_heads.make_note(newest_head)
    signer_names = []
    for key in keys:
        try:
            signer_names += [key.name] if find_signature(note, key) else []
        except ValueError:
            yield f"The signature of the witness {key.name} below {head_text}, does not fit it."
    yield f"Of {len(keys)} witnesses {', '.join(signer_names) or 'none'} signed {head_text}."


def describe_late_head(desk: Desk) -> str:
    """Is the newest signed head older than becalm.toml allows? A sentence on what to do; empty if not."""
    hours = desk.workspace.config.ledger.head_hours
    made_entries = desk.open_ledger().entries(kinds=("checkpoint_made",))
    signing_times = [entry.event.occurred_at for entry in made_entries]
    head_age = desk.now() - signing_times[-1] if signing_times else None
    if (
        not hours
        or not desk.open_ledger().head().size
        or (head_age is not None and head_age <= timedelta(hours=hours))
    ):
        return ""
    age_text = (
        f"is {head_age // timedelta(hours=1)} hours old" if head_age is not None else "was never signed"
    )
    return (
        f"The newest signed head of the ledger {age_text}, and one is due every {hours} hours: entries since "
        "then could be cut off unseen. Run `becalm record checkpoint`, and look at the schedule that should."
    )


def open_witness(request: WitnessRequest) -> OpenWitness:
    """Begin to listen as a witness of these logs, with a key that is drawn at the first time.

    Raises UsageError where no log is named; LedgerError where the folder, the key or the port cannot be had.
    """
    log_keys = tuple(parse_note_key(text) for text in request.log)
    if not log_keys:
        raise UsageError("Name the key of each log with `log`, as `becalm record head` prints it.")
    host, _, port = request.listen.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"`listen {request.listen}` is no address. Write it as 127.0.0.1:8711.")
    folder = Path(request.folder)
    signing_key = read_key(folder / KEY_FILE)
    if signing_key is None:
        signing_key = draw_key()
        write_key(folder / KEY_FILE, signing_key)
    witness = Witness(folder, signing_key, request.name, log_keys, lambda: datetime.now(UTC))
    witness.open_folder()
    server = make_server(witness, host, int(port))
    url = f"http://{host}:{server.server_port}"
    return OpenWitness(url, witness.key.text, tuple(key.name for key in log_keys), server)
