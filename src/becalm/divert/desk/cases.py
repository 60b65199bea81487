"""The steps of a case: nominated, screened, decided by a second person, and brought to an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from becalm.desk import Desk, make_event
from becalm.divert.core import events as kinds
from becalm.divert.core import request as ask
from becalm.divert.core.case_state import ACTIVE_STATES
from becalm.divert.core.explanation import Explanation, digest_explanation
from becalm.divert.core.reasons import check_reasons
from becalm.divert.core.rule import Rule
from becalm.divert.core.screening import CHECKS, CHILD_CHECKS, judge_screening
from becalm.divert.desk import case_checks
from becalm.divert.desk.approval_gates import check_approvals_open, check_rule_published
from becalm.divert.desk.context import (
    case_row,
    check_purpose,
    programme_mode,
    read_rule_in_force,
    records_file,
    require_role,
    sign_event,
    to_payload,
)
from becalm.divert.desk.lists import check_day, explain_row
from becalm.divert.desk.matches import check_one_person
from becalm.ledger import Entry, EventToAppend, Fact

THE_PERSON: Final = "the person"  # whom the papers are about, and who may keep them


@dataclass(frozen=True, slots=True)
class CaseStep:
    """A step that was recorded, where the case stands now, and what others must be told."""

    person: str
    state: str
    entry: Entry
    mode: str
    expires_on: str = ""
    to_tell: tuple[str, ...] = ()  # recipients who must destroy what they were given


def nominate(desk: Desk, request: ask.NominateRequest) -> CaseStep:
    """Put forward a person whom the rule selected; nobody else can be.

    Raises CaseError with everything that stands against it.
    """
    desk = require_role(desk, "nominate")
    check_purpose(request.purpose)
    check_rule_published(desk)
    records_store = records_file(desk)
    with records_store.alone():
        records, rule = records_store.read(), read_rule_in_force(desk)
        row = records.row_of(request.person)
        person = records.person_at(row)
        check_one_person(desk, records, person)
        as_of = check_day(desk, request.as_of)
        case_checks.check_list_is_new(desk, as_of, most_days=0)
        explanation = explain_row(desk, records, row, as_of=as_of, is_child_route=request.child)
        case_checks.check_selected(explanation)
        case_checks.check_crimes(explanation, request.crime)
        case_checks.check_no_live_case(desk, records, row)
        check_reasons(rule, "approved", request.code, request.sentence, records.sentences())
        facts = {**_nomination_facts(explanation), "codes": request.code}
        facts |= {"child": True} if request.child else {}
        event = make_event(desk, kinds.NOMINATION, purpose=request.purpose, facts=facts, subject=person)
        event = sign_event(desk, event, request.signing_key)
        details = {"sentence": request.sentence, "crimes": list(request.crime)}
        (entry,) = desk.open_ledger().append([EventToAppend(event, to_payload(kinds.NOMINATION, details))])
        records_store.write(records.with_reason(person, request.sentence))
    return step_of(desk, entry)


def _nomination_facts(explanation: Explanation) -> dict[str, Fact]:
    rule = explanation.rule
    return {
        "rule_key": rule.key,
        "rule_version": rule.version,
        "rule_sha256": rule.sha256,
        "data_sha256": explanation.data_sha256,
        "explanation_sha256": digest_explanation(explanation),
        "as_of": explanation.as_of.isoformat(),
        "latest_on": str(explanation.latest_on),
        "points": explanation.points,
        "victim_points": explanation.victim_points,
        "crimes": explanation.crimes,
        "dates": explanation.dates,
        "charged": explanation.charged,
        "recent_days": rule.gate.recent_days,
        "adult": explanation.is_adult,
        "marginal": explanation.is_marginal,
        "overlap": explanation.has_overlap,
    }


def screen(desk: Desk, request: ask.ScreenRequest) -> CaseStep:
    """Answer every check on what may stand against a visit; the answers are details, the result a fact."""
    desk = require_role(desk, "screen")
    check_purpose(request.purpose)
    answers = {name.strip(): answer.strip() for name, _, answer in (c.partition("=") for c in request.check)}
    records = records_file(desk).read()
    person = records.person_at(records.row_of(request.person))
    case = case_row(desk.open_ledger(), person)
    is_child = bool(case and case.get("is_child"))
    result = judge_screening(answers, (*CHECKS, *CHILD_CHECKS) if is_child else CHECKS)
    event = make_event(
        desk, kinds.SCREENING, purpose=request.purpose, facts={"result": result}, subject=person
    )
    payload = to_payload(kinds.SCREENING, {"checks": answers, "note": request.note})
    (entry,) = desk.open_ledger().append([EventToAppend(event, payload)])
    return step_of(desk, entry)


def approve(desk: Desk, request: ask.DecideRequest) -> CaseStep:
    """Take a person in, as somebody else than the nominator, after opening the evidence."""
    case = case_row(desk.open_ledger(), request.person)
    desk = require_role(desk, "approve_child" if case and case.get("is_child") else "approve")
    check_approvals_open(desk)
    return _decide(desk, request, "approved")


def agree(desk: Desk, request: ask.DecideRequest) -> CaseStep:
    """Agree, for social care or youth justice, that a child may be offered help; nobody approves before."""
    desk = require_role(desk, "agree")
    return _decide(desk, request, "agreed")


def decline(desk: Desk, request: ask.DeclineRequest) -> CaseStep:
    """Do not take a person in, or not yet."""
    desk = require_role(desk, "decline")
    return _decide(desk, request.decision, "deferred" if request.later else "declined")


def _decide(desk: Desk, request: ask.DecideRequest, decision: str) -> CaseStep:
    check_purpose(request.purpose)
    records_store = records_file(desk)
    with records_store.alone():
        records, rule = records_store.read(), read_rule_in_force(desk)
        row = records.row_of(request.person)
        person = records.person_at(row)
        case_checks.check_no_live_case(desk, records, row)
        case = case_row(desk.open_ledger(), person)
        of_reasons = "approved" if decision == "agreed" else decision
        check_reasons(rule, of_reasons, request.code, request.sentence, records.sentences())
        is_renewal = bool(case and case.get("first_approved_on"))
        facts: dict[str, Fact] = {
            "decision": decision,
            "stage": "renewal" if is_renewal else "nomination",
            "rule_sha256": rule.sha256,
            "codes": request.code,
        }
        if decision == "approved" and case is not None and case_checks.may_be_approved(case):
            case_checks.check_case_is_addressed(case, request.code)
            as_of = request.as_of or (desk.today if is_renewal else date.fromisoformat(str(case["as_of"])))
            explanation = case_checks.check_still_true(desk, records, row, case, as_of)
            facts["explanation_sha256"] = digest_explanation(explanation)
            facts["expires_on"] = _expiry_day(desk, rule, case).isoformat()
        event = make_event(desk, kinds.DECISION, purpose=request.purpose, facts=facts, subject=person)
        event = sign_event(desk, event, request.signing_key)
        payload = to_payload(kinds.DECISION, {"sentence": request.sentence})
        (entry,) = desk.open_ledger().append([EventToAppend(event, payload)])
        records_store.write(records.with_reason(person, request.sentence))
    return step_of(desk, entry)


def _expiry_day(desk: Desk, rule: Rule, case: Mapping[str, object]) -> date:
    """When an approval of today ends, by the clocks of the rule in force; half of them for a child."""
    day, halves = desk.now().date(), 2 if case["is_child"] else 1
    first_day = date.fromisoformat(str(case["first_approved_on"] or day))
    hard_stop = first_day + timedelta(days=rule.retention.hard_stop_days // halves)
    return min(day + timedelta(days=max(1, rule.retention.expiry_days // halves)), hard_stop)


def remove(desk: Desk, request: ask.RemoveRequest) -> CaseStep:
    """Take a person out, at once and without a second person, and call back all that was passed on."""
    desk = require_role(desk, "remove")
    decision = request.decision
    check_purpose(decision.purpose)
    records, rule = records_file(desk).read(), read_rule_in_force(desk)
    person = records.person_at(records.row_of(decision.person))
    check_reasons(rule, "removed", decision.code, decision.sentence, records.sentences())
    entry, recipients = leave_programme(
        desk, person, request.end, decision.code, sentence=decision.sentence, purpose=decision.purpose
    )
    return step_of(desk, entry, recipients)


def leave_programme(
    desk: Desk, person: str, end: str, codes: Sequence[str], *, sentence: str, purpose: str
) -> tuple[Entry, tuple[str, ...]]:
    """Record that a case is over; whom to tell, because they hold something about the person."""
    recipients = list_recipients(desk, person)
    facts: dict[str, Fact] = {"end": end, "codes": tuple(codes), "recalled": len(recipients)}
    event = make_event(desk, kinds.LEAVING, purpose=purpose, facts=facts, subject=person)
    payload = to_payload(kinds.LEAVING, {"sentence": sentence})
    (entry,) = desk.open_ledger().append([EventToAppend(event, payload)])
    return entry, recipients


def list_recipients(desk: Desk, person: str) -> tuple[str, ...]:
    """To whom something about this person was passed on that they still hold: organisation and what."""
    day = desk.now().date()
    disclosures = desk.open_ledger().entries(kinds=("disclosure_made",), subject=person)
    held_items = (
        f"{entry.event.facts['recipient']}: {entry.event.facts['what']} (entry {entry.seq})"
        for entry in disclosures
        if entry.event.facts["recipient"] != THE_PERSON
        and date.fromisoformat(str(entry.event.facts.get("expires_on") or day)) >= day
    )
    return tuple(held_items)


def step_of(desk: Desk, entry: Entry, recipients: tuple[str, ...] = ()) -> CaseStep:
    """A step that was just recorded, and where it left the case."""
    row = case_row(desk.open_ledger(), entry.event.subject)
    assert row is not None
    return CaseStep(
        entry.event.subject,
        str(row["state"]),
        entry,
        programme_mode(desk),
        str(row.get("expires_on") or "") if row["state"] in ACTIVE_STATES else "",
        recipients,
    )
