"""A signed head that is older than its schedule is an alarm on the briefing, and of the status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import briefings
import pytest
from tampering import START, desk_on, sqlite_desk

from becalm.desk import Desk, make_event
from becalm.ledger import EventToAppend
from becalm.record.core.request import CheckpointRequest
from becalm.record.desk import describe_late_head, make_checkpoint
from becalm.workspace.config import Config, LedgerEntry, Workspace, read_city


def at_hour(desk: Desk, hours: float, head_hours: int = 24) -> Desk:
    """The same desk, so many hours after the first entry, with this schedule."""
    config = desk.workspace.config.model_copy(update={"ledger": LedgerEntry(head_hours=head_hours)})
    workspace = replace(desk.workspace, config=config)
    return desk_on(workspace, desk.open_ledger(), lambda: START + timedelta(hours=hours))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = sqlite_desk(Workspace(tmp_path, Config(city=read_city("london"))))
    facts = {"unit": "VSU 1", "activity": "dedicated"}
    desk.open_ledger().append([EventToAppend(make_event(desk, "arrest_made", purpose="log", facts=facts))])
    return desk


def test_a_head_is_late_once_it_is_older_than_its_schedule(desk: Desk) -> None:
    assert "was never signed" in describe_late_head(at_hour(desk, 1))
    make_checkpoint(desk, CheckpointRequest())
    assert describe_late_head(at_hour(desk, 23)) == ""
    late_text = describe_late_head(at_hour(desk, 30))
    assert "is 29 hours old, and one is due every 24 hours" in late_text
    assert describe_late_head(at_hour(desk, 2, head_hours=1)) != ""
    assert describe_late_head(at_hour(desk, 1_000, head_hours=0)) == ""


def test_an_empty_ledger_owes_no_head(tmp_path: Path) -> None:
    desk = sqlite_desk(Workspace(tmp_path, Config(city=read_city("london"))))
    assert describe_late_head(at_hour(desk, 1_000)) == ""


def test_the_briefing_says_it_before_any_other_warning() -> None:
    run = briefings.run_record()
    late_run = replace(run, parameters={**run.parameters, "late_head": "The newest signed head is late."})
    assert briefings.briefing(run=late_run).warnings[0] == "The newest signed head is late."
    assert "The newest signed head is late." not in briefings.briefing(run=run).warnings
