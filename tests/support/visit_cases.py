"""A workspace with approved people, crews, providers and a signed protocol, for the tests of visits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from town import becalm

from becalm.app.main import open_desk
from becalm.desk import Desk, make_event
from becalm.ledger import EventToAppend

MONDAY = datetime(2020, 5, 4, 9, 0, tzinfo=UTC)  # 10:00 in London
HASH = "0" * 64
PROVIDERS = """author = "ann"
reviewed_on = 2020-01-01

[[providers]]
key = "harbour"
name = "Harbour"
needs = ["work_and_learning"]
capacity = 2
waiting_days = 7
contract_from = 2020-01-01
contract_until = 2021-01-01
agreement = "SA-1"
agreement_until = 2021-01-01

[[providers]]
key = "bridge"
name = "Bridge"
needs = ["family"]
capacity = 5
waiting_days = 3
contract_from = 2020-01-01
contract_until = 2021-01-01
agreement = "SA-2"
agreement_until = 2020-05-01
"""


@dataclass
class Clock:
    """The time that the desk goes by; moved by the tests."""

    at: datetime = MONDAY
    keys: Any = field(default_factory=lambda: count(1))

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def make_workspace(folder: Path) -> Path:
    """A town with its people taken in, and nobody approved yet."""
    becalm(
        "simulate", "--size", "town", "--months", "2020-01:2020-04", "--incidents", 400, "--out", folder / "t"
    )
    becalm("init", folder / "w", "--city", folder / "t" / "city.toml")
    (folder / "w" / "providers.toml").write_text(PROVIDERS, "utf-8")
    return folder / "w"


def desk_for(workspace: Path, clock: Clock, role: str, actor: str = "cora") -> Desk:
    """A desk at which somebody acts in a role, at the clock's time."""
    return replace(open_desk(workspace), role=role, actor=actor, now=clock.now)


def approve(desk: Desk, people: list[str], as_of: date, *, is_child: bool = False) -> None:
    """Put these people forward and approve them, by two people, as events; for a child social care agrees."""
    days = {"as_of": as_of.isoformat(), "latest_on": as_of.isoformat()}
    for person in people:
        nomination = {
            **days, "rule_key": "r", "rule_version": 1, "rule_sha256": HASH, "data_sha256": HASH,
            "explanation_sha256": HASH, "points": 9, "victim_points": 0, "crimes": 3, "dates": 3,
            "charged": 1, "recent_days": 180, "adult": not is_child, "marginal": False, "overlap": False,
            "codes": ("harm",), **({"child": True} if is_child else {}),
        }  # fmt: skip
        decision = {"stage": "nomination", "rule_sha256": HASH, "codes": ("harm",)}
        agreement = (("yara", "decision_made", {"decision": "agreed", **decision}),) if is_child else ()
        steps: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("nora", "person_nominated", nomination),
            ("sam", "person_screened", {"result": "clear"}),
            ("ada", "evidence_opened", {"explanation_sha256": HASH}),
            *agreement,
            ("ada", "decision_made", {"decision": "approved", **decision}),
        )
        for actor, kind, facts in steps:
            role = "youth lead" if actor == "yara" else desk.role
            acting = replace(desk, actor=actor, role=role)
            event = make_event(acting, kind, purpose="decision", facts=facts, subject=person)
            desk.open_ledger().append([EventToAppend(event)])
