"""What every step of divert shares: the role is asked, the purpose recorded, rule and records read."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from becalm.desk import Desk, make_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import ROLES, check_access, may, step_refusal
from becalm.divert.core.personal_fields import check_fields
from becalm.divert.core.rule import Rule
from becalm.divert.core.signatures import sign_step
from becalm.divert.files.read_rule import SHIPPED, read_rule
from becalm.divert.files.records_file import Records, RecordsFile
from becalm.ledger import Entry, Event, EventToAppend, Ledger, Row, format_instant
from becalm.ledger.anchors import AnchorSettings, send_text
from becalm.ledger.events import ABOUT_PEOPLE
from becalm.terms import FileName, UsageError

RULE_FILE = "divert/rule.toml"
REHEARSAL, LIVE = "rehearsal", "live"
EMERGENCY_MINUTES = 60


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """A person as the records hold him: no name."""

    person: str
    row: int
    born_on: date | None


def records_file(desk: Desk) -> RecordsFile:
    """The enciphered records of this workspace."""
    return RecordsFile(desk.workspace.path, desk.draw_key)


def read_rule_in_force(desk: Desk) -> Rule:
    """The workspace's own rule, else the one that is shipped."""
    own_file = desk.workspace.path / RULE_FILE
    return read_rule(own_file if own_file.is_file() else SHIPPED)


def check_purpose(purpose: str) -> None:
    """Raise UsageError where a purpose is none for which people may be looked at."""
    if purpose not in ABOUT_PEOPLE:
        raise UsageError(f"`purpose {purpose!r}` is not allowed. Write one of: {', '.join(ABOUT_PEOPLE)}.")


def require_role(desk: Desk, act: str, *, person: str = "") -> Desk:
    """The desk with whoever is proven to sit at it; raises CaseError where their role may not do this."""
    desk = identify(desk)
    if not may(desk.role, act) and not _has_forced_access(desk, act, person):
        check_access(desk.role, act)
    return desk


def identify(desk: Desk) -> Desk:
    """On a server the login is the actor, and the groups it belongs to are its roles; else both are declared.

    Raises CaseError where somebody acts in a role that the server does not give them.
    """
    login = desk.open_ledger().login()
    if login is None or not login.roles:
        return desk
    role = login.roles[0] if len(login.roles) == 1 else desk.role
    if role not in login.roles:
        remedy = f"set BECALM_ROLE to one of: {', '.join(login.roles)}"
        raise step_refusal(f"role {role!r}", f"is not given to {login.name} by the server", remedy)
    return replace(desk, actor=login.name, role=role)


def is_proven(desk: Desk) -> bool:
    """Does a server vouch for whoever is at the desk?"""
    login = desk.open_ledger().login()
    return login is not None and bool(login.roles)


def _has_forced_access(desk: Desk, act: str, person: str) -> bool:
    """Did this actor set the role aside for this act and person within the last hour?"""
    now = format_instant(desk.now())
    return bool(person) and any(
        entry.event.facts["act"] == act and str(entry.event.facts["until"]) > now
        for entry in desk.open_ledger().entries(
            kinds=(kinds.FORCED_ACCESS,), actor=desk.actor, subject=person
        )
    )


def force_access(desk: Desk, act: str, person: str, *, purpose: str, reason: str) -> None:
    """Set the role aside for an hour, for one act; the reason is kept, and the officer is told."""
    if may(desk.role, act):
        return
    if desk.role not in ROLES:
        check_access(desk.role, act)
    until = desk.now() + timedelta(minutes=EMERGENCY_MINUTES)
    facts = {"act": act, "until": format_instant(until)}
    event = make_event(desk, kinds.FORCED_ACCESS, purpose=purpose, facts=facts, subject=person)
    desk.open_ledger().append([EventToAppend(event, to_payload(kinds.FORCED_ACCESS, {"reason": reason}))])
    _notify_officer(desk, act, person)


def _notify_officer(desk: Desk, act: str, person: str) -> None:
    """Tell the places of `[divert] notify` at once; the record has it even where no message arrives."""
    config = desk.workspace.config
    if config.divert.notify:
        text = f"{desk.actor} ({desk.role}) set the role aside to {act} {person}. See becalm divert who.\n"
        settings = AnchorSettings(desk.workspace.path, "divert", config.ledger.smtp)
        name = f"emergency-{format_instant(desk.now())[:19].replace(':', '')}"
        send_text(text, "becalm: a role was set aside", name, places=config.divert.notify, settings=settings)


def note_access(desk: Desk, person: str, shown_text: str, *, purpose: str) -> None:
    """Record that something about a person is about to be shown; where this fails nothing is shown."""
    check_purpose(purpose)
    event = make_event(desk, "record_accessed", purpose=purpose, facts={"what": shown_text}, subject=person)
    desk.open_ledger().append([EventToAppend(event)])


def sign_event(desk: Desk, event: Event, key_file: FileName | None) -> Event:
    """The same step, signed with the key in this file; as it is where no file is named.

    Raises CaseError where there is no such file. Whether the key may sign, the ledger says.
    """
    if not key_file:
        return event
    from becalm.ledger.signing import read_key

    key = read_key(Path(str(key_file)))
    if key is None:
        raise step_refusal("signing_key", f"{key_file} is no file", "draw a key: becalm divert keys")
    return sign_step(event, key, desk.open_ledger().identity)


def programme_row(desk: Desk) -> Row:
    """What proves who acts, the keys that may sign, and whether the route for children is on."""
    rows = desk.open_ledger().state_rows("programme")
    return rows[0] if rows else {"proof": "", "keys": (), "children": False}


def programme_mode(desk: Desk) -> str:
    """Live where the papers were signed and logins or signatures prove who acts, else a rehearsal."""
    return LIVE if programme_row(desk)["proof"] else REHEARSAL


def last_entry(desk: Desk, kind: str) -> Entry | None:
    """The newest entry of a kind."""
    newest = deque(desk.open_ledger().entries(kinds=(kind,)), maxlen=1)
    return newest[0] if newest else None


def case_row(ledger: Ledger, person: str) -> Row | None:
    """Where the case of this person stands; None where there is none."""
    return next((row for row in ledger.state_rows("case") if row["subject"] == person), None)


def born_on(records: Records, row: int) -> date | None:
    """When a person was born; None where nobody knows."""
    days = records.people["born_day"][row].as_py()
    return None if days is None else date(1970, 1, 1) + timedelta(days=days)


def to_payload(kind: str, details: Mapping[str, object]) -> bytes:
    """Details as they are kept beside an entry of this kind; every field of them is declared."""
    check_fields(kind, details)
    return json.dumps(details, ensure_ascii=False, sort_keys=True).encode()
