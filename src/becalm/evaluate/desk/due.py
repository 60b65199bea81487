"""Registered protocols whose outcome is complete: run for the briefing, and recorded like any other run."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from becalm.desk import Desk
from becalm.evaluate.core import events
from becalm.evaluate.core.request import StudyRequest
from becalm.evaluate.desk.evaluations import run_protocol
from becalm.evaluate.desk.protocols import list_protocols
from becalm.evaluate.desk.studies import load_study
from becalm.terms import BecalmError, FileName

FOLDER = "protocols"


@dataclass(frozen=True, slots=True)
class DueEvaluation:
    """What one protocol answers, in words."""

    question: str
    state: str
    words: str
    protocol_sha256: str


def run_due(desk: Desk, *, made_at: datetime) -> tuple[DueEvaluation, ...]:
    """What do the registered protocols in the workspace's folder answer whose days are all on record?

    A file that is no protocol, or is not registered as it stands, is left out; `evaluate run` says why.
    """
    folder = desk.workspace.path / FOLDER
    registered_protocols = [p for p in list_protocols(desk) if p.registered_at <= made_at]
    newest_month = max((file.month for file in desk.archive.files("incidents") if file.month), default="")
    due = []
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() and registered_protocols else ():
        protocol = events.find_protocol(registered_protocols, _hash_of(desk, path))
        if protocol is not None and protocol.last_day[:7] <= newest_month:
            answer = run_protocol(desk, StudyRequest(protocol=FileName(str(path))))
            due.append(
                DueEvaluation(answer.protocol.question, answer.state, answer.words, answer.protocol_sha256)
            )
    return tuple(due)


def _hash_of(desk: Desk, path: Path) -> str:
    """The hash by which the protocol would be registered; nothing for a file that is none."""
    try:
        return load_study(desk, path).sha256
    except BecalmError:
        return ""
