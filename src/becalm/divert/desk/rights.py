"""What a person may ask for: to dispute, to restrict, to see, to have corrected; and who looked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from becalm.desk import Desk, make_event, record_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.reasons import check_reasons
from becalm.divert.core.request import ChallengeRequest, RestrictRequest, WhoRequest
from becalm.divert.desk.cases import CaseStep, list_recipients, step_of
from becalm.divert.desk.context import (
    check_purpose,
    read_rule_in_force,
    records_file,
    require_role,
    sign_event,
    to_payload,
)
from becalm.divert.files.records_file import Records
from becalm.ledger import Entry, EventToAppend, Fact
from becalm.ledger.event_kinds import is_pseudonym
from becalm.terms import QuestionError

ACKNOWLEDGE_DAYS, DECIDE_DAYS = 2, 10  # working days
MOST_RESTRICTED_DAYS: Final = 90
LAW: Final = re.compile(
    r"(DPA 2018|UK GDPR|court order|([A-Z][a-z]+ (and )?){1,6}Act \d{4})"
    r"(,? (s|ss|art|sch|part)\.? ?\d{1,3}[A-Z]?(\(\w{1,2}\))*)*",
    re.IGNORECASE,
)


def challenge(desk: Desk, request: ChallengeRequest) -> CaseStep:
    """Dispute that a person is in the programme, and visits pause; or decide such a dispute.

    Upheld, the case ends in the same entry of the record.
    """
    check_purpose(request.purpose)
    desk = require_role(desk, "challenge" if request.decide is None else "decide_challenge")
    records = records_file(desk).read()
    person = records.person_at(records.row_of(request.person))
    if request.decide is not None:
        return _decide_challenge(desk, request, records, person)
    day = desk.today
    facts = {
        "by": request.by,
        "acknowledge_by": add_working_days(day, ACKNOWLEDGE_DAYS).isoformat(),
        "decide_by": add_working_days(day, DECIDE_DAYS).isoformat(),
    }
    event = make_event(desk, kinds.CHALLENGE, purpose=request.purpose, facts=facts, subject=person)
    payload = to_payload(kinds.CHALLENGE, {"text": request.text})
    (entry,) = desk.open_ledger().append([EventToAppend(event, payload)])
    return step_of(desk, entry)


def _decide_challenge(desk: Desk, request: ChallengeRequest, records: Records, person: str) -> CaseStep:
    rule, is_upheld = read_rule_in_force(desk), request.decide == "upheld"
    decision = "removed" if is_upheld else "approved"
    check_reasons(rule, decision, request.code, request.sentence, records.sentences())
    facts: dict[str, Fact] = {"outcome": str(request.decide), "codes": request.code}
    event = make_event(desk, kinds.CHALLENGE_DECISION, purpose=request.purpose, facts=facts, subject=person)
    event = sign_event(desk, event, request.signing_key)
    payload = to_payload(kinds.CHALLENGE_DECISION, {"sentence": request.sentence})
    to_append = [EventToAppend(event, payload)]
    recipients = list_recipients(desk, person) if is_upheld else ()
    if is_upheld:
        leaving_facts: dict[str, Fact] = {
            "end": "removed_challenge",
            "codes": request.code,
            "recalled": len(recipients),
        }
        leaving = make_event(
            desk, kinds.LEAVING, purpose=request.purpose, facts=leaving_facts, subject=person
        )
        to_append.append(EventToAppend(leaving))
    entries = desk.open_ledger().append(to_append)
    return step_of(desk, entries[0], recipients)


def add_working_days(day: date, count: int) -> date:
    """The day after so many Mondays to Fridays.

    >>> add_working_days(date(2020, 5, 1), 2)
    datetime.date(2020, 5, 5)
    """
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def restrict(desk: Desk, request: RestrictRequest) -> Entry:
    """Restrict the use of a person's records, hold them for a court, or free them; approvals stop."""
    check_purpose(request.purpose)
    desk = require_role(desk, "restrict")
    records = records_file(desk).read()
    person = records.person_at(records.row_of(request.person))
    if not desk.today < request.review_on <= desk.today + timedelta(days=MOST_RESTRICTED_DAYS):
        remedy = f"give a day within {MOST_RESTRICTED_DAYS} days"
        raise step_refusal("review_on", f"{request.review_on} is not ahead, or too far", remedy)
    if not LAW.fullmatch(request.law):
        remedy = "name an act and section, as DPA 2018 s.47, or court order; the rest goes into the sentence"
        raise step_refusal("law", "is not the name of a law alone, and could not be erased", remedy)
    facts = {
        "restricted": not request.lift,
        "ground": request.ground,
        "review_on": request.review_on.isoformat(),
        "code": request.law,
    }
    event = make_event(desk, kinds.RESTRICTION, purpose=request.purpose, facts=facts, subject=person)
    payload = to_payload(kinds.RESTRICTION, {"sentence": request.sentence})
    (entry,) = desk.open_ledger().append([EventToAppend(event, payload)])
    return entry


@dataclass(frozen=True, slots=True)
class PersonAccess:
    """One line of who did or saw what about a person."""

    seq: int
    at: str
    role: str
    actor: str  # empty in the answer that the person gets
    purpose: str
    kind: str
    what_text: str


@dataclass(frozen=True, slots=True)
class AccessHistory:
    """All that was done or seen about a person, oldest first."""

    person: str
    lines: tuple[PersonAccess, ...]


def list_accesses(desk: Desk, request: WhoRequest) -> AccessHistory:
    """Who did or saw what about this person? That it was asked is recorded first."""
    check_purpose(request.purpose)
    desk = require_role(desk, "who")
    if not is_pseudonym(request.person):
        raise QuestionError(f"{request.person!r} is no pseudonym. Take it from `becalm divert list`.")
    facts = {"question": "subject", "of": request.person}
    record_event(desk, "access_log_read", purpose=request.purpose, facts=facts)
    return read_accesses(desk, request.person, with_names=not request.for_person)


def read_accesses(desk: Desk, person: str, *, with_names: bool) -> AccessHistory:
    """The lines of the record about a person, over the verified chain."""
    entries = desk.open_ledger().verified_entries(subject=person)
    return AccessHistory(person, tuple(_access_line(entry, with_names=with_names) for entry in entries))


def _access_line(entry: Entry, *, with_names: bool) -> PersonAccess:
    event = entry.event
    shown_facts = (
        "what",
        "recipient",
        "decision",
        "result",
        "end",
        "outcome",
        "act",
        "ground",
        "stage",
        "by",
    )
    texts = [str(event.facts[name]) for name in shown_facts if event.facts.get(name) is not None]
    actor = event.actor if with_names else ""
    at = event.occurred_at.isoformat(timespec="seconds")
    return PersonAccess(entry.seq, at, event.role, actor, event.purpose, event.kind, ", ".join(texts))
