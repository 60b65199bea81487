"""The audit event of a command: what was done, by whom, what for, as the ledger keeps it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from becalm.desk.context import Desk
from becalm.formats.durable_files import sha256_of
from becalm.ledger import Entry, Event, EventToAppend, Fact
from becalm.workspace.config import CONFIG

LONGEST_NAME_CHARS = 200


def make_event(
    desk: Desk,
    kind: str,
    *,
    purpose: str,
    facts: Mapping[str, Fact],
    occurred_at: datetime | None = None,
    subject: str = "",
    corrects: int | None = None,
) -> Event:
    """An event of the newest version of this kind, done by the one at the desk; now, if no time is given."""
    kind_versions = desk.open_ledger().kinds.versions(kind)
    return Event(
        kind=kind,
        version=kind_versions[-1].version if kind_versions else 1,
        occurred_at=occurred_at or desk.now(),
        actor=desk.actor,
        role=desk.role,
        purpose=purpose,
        facts=facts,
        subject=subject,
        corrects=corrects,
    )


def record_event(
    desk: Desk, kind: str, *, purpose: str, facts: Mapping[str, Fact], corrects: int | None = None
) -> Entry:
    """Record that this was done."""
    event = make_event(desk, kind, purpose=purpose, facts=facts, corrects=corrects)
    return desk.open_ledger().append([EventToAppend(event)])[0]


def read_payload(
    desk: Desk, seq: int, *, subject: str, purpose: str, shown_text: str = "details"
) -> bytes | None:
    """The personal details beside one entry, None once erased; that they are read is recorded first."""
    facts: dict[str, Fact] = {"what": shown_text, "entries": (seq,)}
    access = make_event(desk, "record_accessed", purpose=purpose, facts=facts, subject=subject)
    return desk.open_ledger().payload(seq, access=access)


def one_line(name: str) -> str:
    """The name of a file or a source as a fact: one line of printable signs, its end if it is long."""
    return "".join(character if character.isprintable() else "?" for character in name)[-LONGEST_NAME_CHARS:]


@contextmanager
def recorded_action(desk: Desk, kind: str, *, purpose: str, facts: Mapping[str, Fact]) -> Iterator[Entry]:
    """Record it first, then do it: what cannot be recorded is not done; what fails after all is withdrawn."""
    note_configuration(desk)
    entry = record_event(desk, kind, purpose=purpose, facts=facts)
    try:
        yield entry
    except BaseException:
        withdrawal_facts = {"reason": "it failed after it was recorded"}
        record_event(
            desk, "entry_withdrawn", purpose="correction", facts=withdrawal_facts, corrects=entry.seq
        )
        raise


def note_configuration(desk: Desk) -> Entry | None:
    """Record becalm.toml as it is now, where the ledger does not know it so."""
    config_sha256 = sha256_of(desk.workspace.path / CONFIG)
    noted_hashes = {str(row.get("config_sha256")) for row in desk.open_ledger().state_rows("configuration")}
    if noted_hashes == {config_sha256}:
        return None
    change_text = "becalm.toml was changed" if noted_hashes else "the ledger begins"
    change_facts = {"what": change_text, "config_sha256": config_sha256}
    return record_event(desk, "configuration_changed", purpose="configuration", facts=change_facts)
