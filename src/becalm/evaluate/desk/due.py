"""Registered protocols whose outcome is complete: run once for the briefing, and recorded."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from becalm.desk import Desk
from becalm.evaluate.core import events
from becalm.evaluate.core.request import StudyRequest
from becalm.evaluate.desk.evaluations import run_protocol
from becalm.evaluate.desk.protocols import list_protocols
from becalm.evaluate.desk.studies import load_study
from becalm.formats.durable_files import sha256_of
from becalm.terms import BecalmError, FileName

FOLDER, REPORTS = "protocols", "evaluations"


@dataclass(frozen=True, slots=True)
class DueEvaluation:
    """What one protocol answers, in words."""

    question: str
    state: str
    words: str
    protocol_sha256: str


def run_due(desk: Desk, *, made_at: datetime) -> tuple[DueEvaluation, ...]:
    """What do the registered protocols in the workspace's folder answer whose days are all on record?

    Each is run until it has an answer; its report is kept in the folder `evaluations` and read from there
    afterwards, so that no answer is made again each week until one pleases. A file that is no protocol, or is
    not registered as it stands, is left out; `evaluate run` says why.
    """
    due = []
    for path, protocol_sha256 in list_due_protocols(desk, made_at=made_at):
        report = desk.workspace.path / REPORTS / protocol_sha256[:16]
        due.append(_read_answer(desk, report / "finding.json") or _run(desk, path, report))
    return tuple(due)


def list_due_protocols(desk: Desk, *, made_at: datetime) -> tuple[tuple[Path, str], ...]:
    """Which files of the workspace's folder are registered protocols whose days are on record, by hash?"""
    folder = desk.workspace.path / FOLDER
    registered_protocols = [p for p in list_protocols(desk) if p.registered_at <= made_at]
    newest_month = max((file.month for file in desk.archive.files("incidents") if file.month), default="")
    due = []
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() and registered_protocols else ():
        protocol = events.find_protocol(registered_protocols, _hash_of(desk, path))
        if protocol is not None and protocol.last_day[:7] <= newest_month:
            due.append((path, protocol.protocol_sha256))
    return tuple(due)


def _read_answer(desk: Desk, finding_path: Path) -> DueEvaluation | None:
    """The answer of an earlier run, if it is whole and the very one that the ledger knows."""
    if not finding_path.is_file():
        return None
    runs = desk.open_ledger().entries(kinds=(events.EVALUATION_RUN,))
    if sha256_of(finding_path) not in events.list_finding_hashes(runs):
        return None
    finding = json.loads(finding_path.read_text("utf-8"))
    protocol = finding["protocol"]
    if not finding["estimates"]:  # refused so far: the records may have become whole since
        return None
    return DueEvaluation(finding["question"], protocol["state"], finding["words"], protocol["sha256"])


def _run(desk: Desk, path: Path, report: Path) -> DueEvaluation:
    answer = run_protocol(desk, StudyRequest(protocol=FileName(str(path)), out=FileName(str(report))))
    return DueEvaluation(answer.protocol.question, answer.state, answer.words, answer.protocol_sha256)


def _hash_of(desk: Desk, path: Path) -> str:
    """The hash by which the protocol would be registered; nothing for a file that is none."""
    try:
        return load_study(desk, path).sha256
    except BecalmError:
        return ""
