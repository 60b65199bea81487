"""Drafting, registering and amending protocols, and which there are."""

from pathlib import Path

from becalm.desk import Desk, record_event
from becalm.evaluate.core import events
from becalm.evaluate.core.events import RegisteredProtocol
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.request import AmendRequest, DraftRequest, RegisterRequest
from becalm.evaluate.desk.studies import load_study
from becalm.evaluate.files.protocol_file import draft_text
from becalm.formats.durable_files import write_durably
from becalm.formats.json_text import data_digest
from becalm.ledger import Fact
from becalm.terms import Period, QuestionError, UsageError


def draft_protocol(request: DraftRequest) -> Path:
    """Write a protocol to fill in. Raises UsageError where the file exists, or cannot be written."""
    path = Path(request.out)
    if path.exists():
        raise UsageError(f"{path} exists already. Give another name with `out`.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, draft_text(request.design))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}. Name another file with `out`."
        ) from error
    return path


def list_protocols(desk: Desk) -> tuple[RegisteredProtocol, ...]:
    """Which protocols are registered, oldest first?"""
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        return ()
    return events.read_protocols(desk.open_ledger().entries(kinds=events.READ_KINDS))


def register_protocol(desk: Desk, request: RegisterRequest) -> RegisteredProtocol:
    """Seal the protocol and the archive's files of this moment in the ledger.

    Raises UsageError where this very protocol is registered already.
    """
    study = load_study(desk, Path(request.protocol))
    earlier = events.find_protocol(list_protocols(desk), study.sha256)
    if earlier is not None:
        raise UsageError(
            f"This protocol is registered already (entry {earlier.entry}, {earlier.registered_at:%Y-%m-%d})."
        )
    return _register(desk, study.protocol, study.sha256)


def amend_protocol(desk: Desk, request: AmendRequest) -> RegisteredProtocol:
    """Register a changed protocol in the place of another one, with the reason. Both stay on record.

    Raises UsageError where no registered protocol, or more than one, has such a hash, or no reason is given.
    """
    if len(request.reason.split()) < 2:
        raise UsageError("An amendment needs a reason. Say with `reason` why the protocol is changed.")
    protocols = list_protocols(desk)
    replaced_protocols = [
        p for p in protocols if request.replaces and p.protocol_sha256.startswith(request.replaces)
    ]
    if len(replaced_protocols) != 1:
        raise UsageError(
            f"{len(replaced_protocols)} registered protocols begin with "
            f"{request.replaces!r}. Give the hash of one, as `becalm evaluate protocols` lists it."
        )
    study = load_study(desk, Path(request.protocol))
    if events.find_protocol(protocols, study.sha256) is not None:
        raise UsageError("This protocol is registered already: nothing in it was changed.")
    facts: dict[str, Fact] = {
        "protocol_sha256": study.sha256,
        "replaces": replaced_protocols[0].protocol_sha256,
        "reason": request.reason.strip(),
    }
    record_event(desk, events.PROTOCOL_AMENDED, purpose=events.PURPOSE, facts=facts)
    return _register(desk, study.protocol, study.sha256)


def _register(desk: Desk, protocol: Protocol, sha256: str) -> RegisteredProtocol:
    files = desk.archive.files("incidents")
    outcome = protocol.windows.after
    facts: dict[str, Fact] = {
        "protocol_sha256": sha256,
        "first_day": str(outcome.start),
        "last_day": str(outcome.last_day),
        "files_sha256": data_digest({file.path: file.sha256 for file in files}),
        "data_seen": _has_outcome(desk, outcome),
    }
    record_event(desk, events.PROTOCOL_REGISTERED, purpose=events.PURPOSE, facts=facts)
    registration = events.find_protocol(list_protocols(desk), sha256)
    if registration is None:
        raise QuestionError(
            "The protocol was recorded and cannot be read back. Check it with `becalm record verify`."
        )
    return registration


def _has_outcome(desk: Desk, outcome: Period) -> bool:
    """Whether the archive holds a record of the outcome's first day or later, or may hold one."""
    first_month = f"{outcome.start:%Y-%m}"
    if not any(file.month >= first_month for file in desk.archive.files("incidents") if file.month):
        return False
    incidents = desk.archive.table("incidents")
    late = incidents.filter(incidents.month >= first_month)
    # A record without a day may be of any day of its month.
    is_seen = late.occurred_on.isnull() | (late.occurred_on >= outcome.start)
    return bool(is_seen.any().to_pyarrow().as_py())
