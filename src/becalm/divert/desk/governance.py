"""The papers of the programme: written from what is in force, compared with the last ones, and signed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from difflib import unified_diff
from pathlib import Path
from typing import Final

from becalm import __version__
from becalm.desk import Desk, record_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.approval_habits import ApproverHabit, describe_approvers
from becalm.divert.core.request import GovernRequest
from becalm.divert.core.score import select_people
from becalm.divert.desk.approval_gates import list_approval_faults, settings_sha256
from becalm.divert.desk.context import (
    LIVE,
    REHEARSAL,
    is_proven,
    last_entry,
    programme_mode,
    read_rule_in_force,
    records_file,
    require_role,
)
from becalm.divert.desk.lists import read_population
from becalm.divert.files.papers import PaperFacts, share_filled, write_papers
from becalm.formats.durable_files import sha256_of_text
from becalm.formats.json_text import json_text
from becalm.ledger import Fact
from becalm.render.document import Document, document_html, document_lines
from becalm.render.pages import FolderKind, write_folder

PAPERS_KIND: Final = FolderKind("earlier papers", "papers.json")
REVIEW_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class GovernAnswer:
    """What was written, what changed since the last time, how much people have still to answer."""

    folder: str
    mode: str
    filled_shares: dict[str, float]  # by paper
    changes: tuple[str, ...]  # lines of a comparison with what stood in the folder
    entry: int | None  # of the signature
    open_faults: tuple[str, ...]  # what stands against approvals now
    approvers: tuple[ApproverHabit, ...]  # of all time: rate, pace and overturned decisions


def write_governance(desk: Desk, request: GovernRequest) -> GovernAnswer:
    """Write the papers into a folder, say what changed there, and sign them where that is asked.

    Raises CaseError where the report on differences was not signed for this rule, or the law is not named.
    """
    desk = require_role(desk, "sign" if request.sign else "govern")
    documents = write_papers(_gather(desk))
    folder = Path(request.out)
    texts = {name: "\n".join(document_lines(document)) + "\n" for name, document in documents.items()}
    changes = tuple(line for name, text in texts.items() for line in _compare(folder / f"{name}.txt", text))
    entry = _sign(desk, request, texts) if request.sign else None
    write_folder(folder, _files(documents, texts), kind=PAPERS_KIND)
    shares = {name: round(share_filled(document), 3) for name, document in documents.items()}
    return GovernAnswer(
        str(folder),
        programme_mode(desk),
        shares,
        changes,
        entry,
        tuple(map(str, list_approval_faults(desk))),
        describe_approvers(
            desk.open_ledger().entries(kinds=(kinds.EVIDENCE, kinds.DECISION, kinds.CHALLENGE_DECISION))
        ),
    )


def _gather(desk: Desk) -> PaperFacts:
    rule, records = read_rule_in_force(desk), records_file(desk).read()
    population = read_population(records, rule)
    selection = select_people(
        population.events, population.adult_day, rule, as_of_day=population.day(desk.today)
    )
    signature = last_entry(desk, kinds.DISPARITY)
    states = Counter(str(row["state"]) for row in desk.open_ledger().state_rows("case"))
    return PaperFacts(
        rule=rule,
        mode=programme_mode(desk),
        city=desk.workspace.city.name,
        people_count=population.people_count,
        selected_count=len(selection.rows),
        case_counts=dict(sorted(states.items())),
        disparity_sha256=str(signature.event.facts["report_sha256"]) if signature else "",
        ledger_kind="a file" if desk.ledger_file else "a server",
    )


def _files(documents: dict[str, Document], texts: dict[str, str]) -> dict[str, str]:
    hashes = {name: sha256_of_text(text) for name, text in texts.items()}
    return {
        "papers.json": json_text({"becalm": __version__, "sha256": hashes}),
        **{f"{name}.txt": text for name, text in texts.items()},
        **{f"{name}.html": document_html(document, __version__) for name, document in documents.items()},
    }


def _compare(former_file: Path, text: str) -> list[str]:
    """The lines that changed since the last time; none where there was none."""
    if not former_file.is_file():
        return []
    lines = former_file.read_text("utf-8").splitlines(), text.splitlines()
    return list(unified_diff(*lines, former_file.name, "now", n=0, lineterm=""))


def _sign(desk: Desk, request: GovernRequest, texts: dict[str, str]) -> int:
    """Record who answers for the papers; from then on people can be approved."""
    rule, signature = read_rule_in_force(desk), last_entry(desk, kinds.DISPARITY)
    if signature is None or signature.event.facts["rule_sha256"] != rule.sha256:
        remedy = "look at it and sign it: becalm divert disparity"
        raise step_refusal("disparity", "nobody answers for the report on this rule", remedy)
    if not request.legal_basis.strip():
        raise step_refusal("legal_basis", "is missing", "name the law that the programme stands on")
    review_on = request.review_on or desk.today + timedelta(days=REVIEW_DAYS)
    if not desk.today < review_on <= desk.today + timedelta(days=REVIEW_DAYS):
        raise step_refusal("review_on", f"{review_on} is not within a year", "give an earlier day, ahead")
    facts: dict[str, Fact] = {
        "rule_sha256": rule.sha256,
        "mode": LIVE if is_proven(desk) else REHEARSAL,
        "settings_sha256": settings_sha256(desk),
        "legal_basis": request.legal_basis,
        "papers": tuple((name, sha256_of_text(text)) for name, text in sorted(texts.items())),
        "review_on": review_on.isoformat(),
    }
    return record_event(desk, kinds.ACTIVATION, purpose="decision", facts=facts).seq
