"""What stops every approval: papers that are due for review, and a purge that failed or was not run."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import Final

from becalm.desk import Desk
from becalm.divert.core import access, events
from becalm.divert.core.personal_fields import PERSONAL_FIELDS
from becalm.divert.desk.context import RULE_FILE, last_entry, read_rule_in_force
from becalm.terms import CaseError, Fault

PURGE_HOURS: Final = 48
SIGN_REMEDY: Final = "review and sign them: becalm divert govern"


def settings_sha256(desk: Desk) -> str:
    """One hash for all settings that the papers are written from: a change makes a review due."""
    fields = [(f.kind, f.name, f.access, f.clock, f.roles) for f in PERSONAL_FIELDS]
    settings = {"rule": read_rule_in_force(desk).sha256, "roles": dict(access.ROLES), "fields": fields}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def list_rule_faults(desk: Desk) -> list[Fault]:
    """A rule of the workspace that was put there, or altered, without being published."""
    if not (desk.workspace.path / RULE_FILE).is_file():
        return []
    sha256 = read_rule_in_force(desk).sha256
    entries = desk.open_ledger().entries(kinds=(events.RULE,))
    if any(entry.event.facts["rule_sha256"] == sha256 for entry in entries):
        return []
    return [Fault(RULE_FILE, "was never published as it stands", "publish it: becalm divert rule")]


def check_rule_published(desk: Desk) -> None:
    """Raise CaseError where the rule in force was slipped into the workspace."""
    if faults := list_rule_faults(desk):
        raise CaseError("The rule cannot be used; nothing was recorded", tuple(faults))


def list_approval_faults(desk: Desk) -> list[Fault]:
    """All that stands against approvals now."""
    faults = list_rule_faults(desk)
    papers = last_entry(desk, events.ACTIVATION)
    if papers is None:
        faults.append(Fault("papers", "nobody has signed them", "becalm divert govern, then sign them"))
    elif papers.event.facts["settings_sha256"] != settings_sha256(desk):
        faults.append(Fault("papers", "the settings changed since they were signed", SIGN_REMEDY))
    elif date.fromisoformat(str(papers.event.facts["review_on"])) < desk.today:
        faults.append(Fault("papers", "their review is due", SIGN_REMEDY))
    purge = last_entry(desk, events.PURGE)
    if purge is None or purge.event.occurred_at < desk.now() - timedelta(hours=PURGE_HOURS):
        faults.append(Fault("purge", f"was not run within {PURGE_HOURS} hours", "becalm divert purge"))
    elif purge.event.facts["failed"]:
        faults.append(Fault("purge", "failed the last time", "correct it and run becalm divert purge again"))
    return faults


def check_approvals_open(desk: Desk) -> None:
    """Raise CaseError where nobody may approve anything at present."""
    if faults := list_approval_faults(desk):
        raise CaseError("Nobody can be approved at present; nothing was recorded", tuple(faults))
