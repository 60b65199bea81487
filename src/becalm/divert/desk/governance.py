"""The papers of the programme: written from what is in force, compared with the last ones, and signed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from difflib import unified_diff
from pathlib import Path
from typing import Final

from becalm import __version__
from becalm.desk import Desk, make_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.approval_habits import ApproverHabit, describe_approvers
from becalm.divert.core.case_state import CLOSED_STATES, NO_CASE
from becalm.divert.core.request import GovernRequest
from becalm.divert.core.score import select_people
from becalm.divert.desk.approval_gates import list_approval_faults, settings_sha256
from becalm.divert.desk.context import (
    LIVE,
    REHEARSAL,
    is_proven,
    last_entry,
    programme_mode,
    programme_row,
    read_rule_in_force,
    records_file,
    require_role,
    sign_event,
)
from becalm.divert.desk.lists import read_population
from becalm.divert.files.papers import PaperFacts, share_filled, write_papers
from becalm.formats.durable_files import sha256_of_text
from becalm.formats.json_text import json_text
from becalm.ledger import EventToAppend, Fact
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
    approvers: tuple[ApproverHabit, ...]  # month by month: rate, pace and overturned decisions


def write_governance(desk: Desk, request: GovernRequest) -> GovernAnswer:
    """Write the papers into a folder, say what changed there, and sign them where that is asked.

    Raises CaseError where the report on differences was not signed for this rule, or the law is not named.
    """
    desk = require_role(desk, "sign" if request.sign else "govern")
    proof = _proof_of(desk, request) if request.sign else str(programme_row(desk)["proof"])
    documents = write_papers(_gather(desk, proof))
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


def _proof_of(desk: Desk, request: GovernRequest) -> str:
    """What will prove who acts once these papers are signed: they say so already."""
    return "logins" if is_proven(desk) else "signatures" if request.signing_key else ""


def _gather(desk: Desk, proof: str) -> PaperFacts:
    rule, records = read_rule_in_force(desk), records_file(desk).read()
    population = read_population(records, rule)
    selection = select_people(
        population.events, population.adult_day, rule, as_of_day=population.day(desk.today)
    )
    signature = last_entry(desk, kinds.DISPARITY)
    states = Counter(str(row["state"]) for row in desk.open_ledger().state_rows("case"))
    states.pop(NO_CASE, None)
    return PaperFacts(
        rule=rule,
        mode=LIVE if proof else REHEARSAL,
        city=desk.workspace.city.name,
        people_count=population.people_count,
        selected_count=len(selection.rows),
        case_counts=dict(sorted(states.items())),
        disparity_sha256=str(signature.event.facts["report_sha256"]) if signature else "",
        ledger_kind="a file" if desk.ledger_file else "a server",
        proof=proof,
        keys=tuple(
            (str(row["holder"]), _list_texts(row["roles"]), str(row["key"])[:16], str(row["expires_on"]))
            for row in desk.open_ledger().state_rows("signing_key")
            if row["state"] == "confirmed"
        ),
    )


def _list_texts(texts: Fact) -> str:
    assert isinstance(texts, tuple)
    return ", ".join(map(str, texts))


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
    is_live = is_proven(desk) or request.signing_key is not None
    _check_change_of_mode(desk, is_live=is_live)
    if request.signing_key and not is_proven(desk):
        _check_keys(desk)
    facts: dict[str, Fact] = {
        "rule_sha256": rule.sha256,
        "mode": LIVE if is_live else REHEARSAL,
        "settings_sha256": settings_sha256(desk),
        "legal_basis": request.legal_basis,
        "papers": tuple((name, sha256_of_text(text)) for name, text in sorted(texts.items())),
        "review_on": review_on.isoformat(),
        **({"children": True} if rule.child_age else {}),
    }
    event = sign_event(
        desk, make_event(desk, kinds.ACTIVATION, purpose="decision", facts=facts), request.signing_key
    )
    return desk.open_ledger().append([EventToAppend(event)])[0].seq


def _check_change_of_mode(desk: Desk, *, is_live: bool) -> None:
    """Raise CaseError where cases of a rehearsal would become real, or a live programme a rehearsal."""
    was_live = programme_mode(desk) == LIVE
    if was_live and not is_live:
        remedy = "sign as somebody whom the server or your own key proves"
        raise step_refusal("mode", "the programme is live, and you are only declared", remedy)
    states = [row["state"] for row in desk.open_ledger().state_rows("case")]
    open_count = sum(state not in CLOSED_STATES for state in states)
    if is_live and not was_live and open_count:
        remedy = "end them first: becalm divert remove; nobody real is approved in a rehearsal"
        raise step_refusal("mode", f"{open_count} cases of the rehearsal are open", remedy)


def _check_keys(desk: Desk) -> None:
    """Raise CaseError where nobody could nominate or approve, once signatures prove who acts."""
    rows = [row for row in desk.open_ledger().state_rows("signing_key") if row["state"] == "confirmed"]
    roles = ", ".join(_list_texts(row["roles"]) for row in rows).split(", ")
    missing_roles = [role for role in ("nominator", "approver", "rights officer") if role not in roles]
    if missing_roles:
        remedy = "let their holders draw keys and two people publish them: becalm divert keys"
        raise step_refusal("keys", f"no key in force signs as {' or '.join(missing_roles)}", remedy)
