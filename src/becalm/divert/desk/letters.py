"""A letter to a person, from where the case stands; that it was made is recorded with its hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from becalm.desk import Desk, make_event, read_payload
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.case_state import ACTIVE_STATES, ENDS
from becalm.divert.core.request import LetterKind, LetterRequest
from becalm.divert.desk.cases import THE_PERSON
from becalm.divert.desk.context import (
    LIVE,
    case_row,
    check_purpose,
    programme_mode,
    read_rule_in_force,
    records_file,
    require_role,
)
from becalm.divert.desk.people import read_details
from becalm.divert.files.letters import LetterFacts, letter_document
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import Entry, EventToAppend
from becalm.render.document import Document, document_lines

AGREEMENT = "the right to be told"


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, where it stands in the record, and what whoever sends it must know."""

    person: str
    kind: LetterKind
    document: Document
    document_sha256: str
    entry: int
    wishes: str  # of the person: an interpreter, easy words, how to be reached


def write_letter(desk: Desk, request: LetterRequest) -> Letter:
    """Write a letter that fits where the case stands, and record that it was made.

    Raises CaseError where it does not fit, where the details were erased, and where a live programme has
    nobody to ask.
    """
    check_purpose(request.purpose)
    desk = require_role(desk, "letter")
    records = records_file(desk).read()
    person = records.person_at(records.row_of(request.person))
    facts = _facts_of(desk, person, request)
    details = read_details(desk, records, person, purpose=request.purpose)
    facts = replace(facts, name=details.get("name", ""), address=details.get("address", ""))
    document = letter_document(facts)
    sha256 = sha256_of_text("\n".join(document_lines(document)))
    disclosure = {
        "recipient": THE_PERSON,
        "agreement": AGREEMENT,
        "what": f"letter: {request.letter}",
        "document_sha256": sha256,
    }
    event = make_event(desk, "disclosure_made", purpose=request.purpose, facts=disclosure, subject=person)
    (entry,) = desk.open_ledger().append([EventToAppend(event)])
    wishes = "; ".join(
        f"{name.replace('_', ' ')}: {details[name]}"
        for name in ("interpreter", "easy_read", "contact_wishes")
        if details.get(name) not in (None, "", "no")
    )
    return Letter(person, request.letter, document, sha256, entry.seq, wishes)


def _facts_of(desk: Desk, person: str, request: LetterRequest) -> LetterFacts:
    """What the letter says, without name and address."""
    case, kind = case_row(desk.open_ledger(), person), request.letter
    problem = _problem(case, kind)
    if problem or case is None:
        raise step_refusal(f"{kind} to {person}", problem, "look where the case stands: becalm divert list")
    mode, contact = programme_mode(desk), desk.workspace.config.divert.contact
    if mode == LIVE and not contact:
        raise step_refusal("contact", "nobody has said whom to ask", "write [divert] contact in becalm.toml")
    decision = _newest(desk, kinds.CHALLENGE_DECISION, person)
    if kind == "challenge" and decision is None:
        raise step_refusal(f"{kind} to {person}", "no challenge was decided", "decide it first")
    days = read_rule_in_force(desk).retention.exit_days
    return LetterFacts(
        kind=kind,
        name="",
        address="",
        city=desk.workspace.city.name,
        made_on=desk.today,
        mode=mode,
        contact=contact,
        ends_on=_day(case.get("expires_on")),
        has_overlap=bool(case.get("overlap")),
        is_child=bool(case.get("is_child")),
        answer_by=_day(case.get("challenge")),
        is_upheld=decision is not None and decision.event.facts["outcome"] == "upheld",
        reason=_sentence(desk, decision, request.purpose) if kind == "challenge" and decision else "",
        exit_days=days // 2 if case.get("is_child") else days,
    )


def _problem(case: Mapping[str, object] | None, kind: LetterKind) -> str:
    """Why the letter does not fit where the case stands; empty where it does."""
    if case is None or case["state"] == "purged":
        return "there is no case"
    if kind == "notice" and (
        case["state"] not in ACTIVE_STATES or case["challenge"] or case["is_restricted"]
    ):
        return "nobody may write of an offer: the case is not approved, or it is disputed or restricted"
    if kind == "receipt" and not case.get("challenge"):
        return "nothing is disputed"
    if kind == "removal" and case["state"] not in ENDS:
        return "the case is not over"
    return ""


def _day(value: object) -> date | None:
    return date.fromisoformat(str(value)) if value else None


def _newest(desk: Desk, kind: str, person: str) -> Entry | None:
    entries = list(desk.open_ledger().entries(kinds=(kind,), subject=person))
    return entries[-1] if entries else None


def _sentence(desk: Desk, entry: Entry, purpose: str) -> str:
    payload = read_payload(desk, entry.seq, subject=entry.event.subject, purpose=purpose)
    return str(json.loads(payload)["sentence"]) if payload else ""
