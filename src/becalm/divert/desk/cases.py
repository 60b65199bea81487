"""The steps of a case: nominated, screened, decided by a second person, and brought to an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from becalm.desk import Desk, make_event
from becalm.divert.core import events as kinds
from becalm.divert.core import request as ask
from becalm.divert.core.access import step_refusal
from becalm.divert.core.case_state import ACTIVE_STATES, OPEN_STATES
from becalm.divert.core.crime_events import OLD, WHY_NOT
from becalm.divert.core.explanation import EventLine, Explanation, digest_explanation
from becalm.divert.core.reasons import check_reasons
from becalm.divert.core.screening import judge_screening
from becalm.divert.desk.approval_gates import check_approvals_open, check_rule_published
from becalm.divert.desk.context import (
    case_row,
    check_purpose,
    programme_mode,
    read_rule_in_force,
    records_file,
    require_role,
    to_payload,
)
from becalm.divert.desk.lists import check_day, explain_row
from becalm.divert.desk.matches import check_one_person
from becalm.divert.files.records_file import Records
from becalm.ledger import Entry, EventToAppend, Fact
from becalm.terms import CaseError, Fault, are_two_people

NOT_BY_HAND = "nobody is added by hand"


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
    file = records_file(desk)
    with file.alone():
        records, rule = file.read(), read_rule_in_force(desk)
        row = records.row_of(request.person)
        person = records.person_at(row)
        check_one_person(desk, records, person)
        explanation = explain_row(desk, records, row, as_of=check_day(desk, request.as_of))
        _check_selected(explanation)
        _check_crimes(explanation, request.crime)
        _check_no_live_case(desk, records, row)
        check_reasons(rule, "approved", request.code, request.sentence, records.sentences())
        facts = {**_nomination_facts(explanation), "codes": request.code}
        event = make_event(desk, kinds.NOMINATION, purpose=request.purpose, facts=facts, subject=person)
        details = {"sentence": request.sentence, "crimes": list(request.crime)}
        (entry,) = desk.open_ledger().append([EventToAppend(event, to_payload(kinds.NOMINATION, details))])
        file.write(records.with_reason(person, request.sentence))
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


def _check_selected(explanation: Explanation) -> None:
    faults = [
        Fault(line.name, f"needs {line.needed_text}, and there is {line.found_text}", NOT_BY_HAND)
        for line in explanation.gate
        if not line.is_met
    ]
    if not explanation.is_selected and not faults:
        faults = [Fault("rule", "the list ends above this person", NOT_BY_HAND)]
    if faults:
        raise CaseError("The rule does not select this person; nothing was recorded", tuple(faults))


def _check_crimes(explanation: Explanation, crimes: Sequence[str]) -> None:
    """Refuse a sentence that rests on a crime which earns nothing: expired, unknown, or not reported."""
    lines_by_crime: dict[str, list[EventLine]] = {}
    for line in explanation.events:
        lines_by_crime.setdefault(line.event.crime_ref, []).append(line)
    faults = [
        Fault("crime", f"{ref} {problem}", "name a crime that earns points on the page of reasons")
        for ref in crimes
        if (problem := _crime_problem(lines_by_crime.get(ref, ()), explanation))
    ]
    if faults:
        raise CaseError(
            "The sentence rests on a crime that does not count; nothing was recorded", tuple(faults)
        )


def _crime_problem(lines: Sequence[EventLine], explanation: Explanation) -> str:
    """Why a crime earns nothing; empty where it does earn."""
    if not lines:
        return "is unknown: it is no crime of this person"
    if any(line.points for line in lines):
        return ""
    line = lines[0]
    if line.why_not == WHY_NOT[OLD]:
        days, window_days = (explanation.as_of - line.event.occurred_on).days, explanation.rule.window_days
        return f"has expired: it is {days} days old, and the rule looks back {window_days} days"
    return f"earns nothing: {line.why_not}"


def _check_still_true(
    desk: Desk, records: Records, row: int, case: Mapping[str, object], as_of: date | None
) -> None:
    """An approval stands on the page of reasons as it is now, and on the rule in force.

    Raises CaseError where the rule no longer selects the person, where the records hold the person twice, and
    where the approver opened another page than the present one: before a load, a correction or a new rule.
    """
    person = records.person_at(row)
    check_one_person(desk, records, person)
    explanation = explain_row(
        desk, records, row, as_of=check_day(desk, as_of or date.fromisoformat(str(case["as_of"])))
    )
    _check_selected(explanation)
    digest = digest_explanation(explanation)
    opened_digests = [
        entry.event.facts["explanation_sha256"]
        for entry in desk.open_ledger().entries(kinds=(kinds.EVIDENCE,), subject=person)
        if not are_two_people(entry.event.actor, desk.actor)
    ]
    if opened_digests and digest not in opened_digests:
        remedy = f"open it again: becalm divert explain, as of {explanation.as_of}"
        raise step_refusal(person, "the evidence changed since it was opened, or is of another day", remedy)


def _check_no_live_case(desk: Desk, records: Records, row: int) -> None:
    """Nobody decides about a person whom they have a live case on."""
    owners = {event.owner for event in records.rows_of_person(row) if event.is_live and event.owner}
    if any(not are_two_people(owner, desk.actor) for owner in owners):
        remedy = "let somebody without a part decide"
        raise step_refusal(desk.actor, "owns a live case on this person", remedy)


def screen(desk: Desk, request: ask.ScreenRequest) -> CaseStep:
    """Answer every check on what may stand against a visit; the answers are details, the result a fact."""
    desk = require_role(desk, "screen")
    check_purpose(request.purpose)
    answers = {name.strip(): answer.strip() for name, _, answer in (c.partition("=") for c in request.check)}
    result = judge_screening(answers)
    records = records_file(desk).read()
    person = records.person_at(records.row_of(request.person))
    event = make_event(
        desk, kinds.SCREENING, purpose=request.purpose, facts={"result": result}, subject=person
    )
    payload = to_payload(kinds.SCREENING, {"checks": answers, "note": request.note})
    (entry,) = desk.open_ledger().append([EventToAppend(event, payload)])
    return step_of(desk, entry)


def approve(desk: Desk, request: ask.DecideRequest) -> CaseStep:
    """Take a person in, as somebody else than the nominator, after opening the evidence."""
    desk = require_role(desk, "approve")
    check_approvals_open(desk)
    return _decide(desk, request, "approved")


def decline(desk: Desk, request: ask.DeclineRequest) -> CaseStep:
    """Do not take a person in, or not yet."""
    desk = require_role(desk, "decline")
    return _decide(desk, request.decision, "deferred" if request.later else "declined")


def _decide(desk: Desk, request: ask.DecideRequest, decision: str) -> CaseStep:
    check_purpose(request.purpose)
    file = records_file(desk)
    with file.alone():
        records, rule = file.read(), read_rule_in_force(desk)
        row = records.row_of(request.person)
        person = records.person_at(row)
        _check_no_live_case(desk, records, row)
        case = case_row(desk.open_ledger(), person)
        check_reasons(rule, decision, request.code, request.sentence, records.sentences())
        is_renewal = case is not None and case["first_approved_on"] is not None
        if decision == "approved" and case is not None:
            _check_case_is_addressed(case, request.code)
            renewed_as_of = (request.as_of or desk.today) if is_renewal else None
            if case["state"] in (*OPEN_STATES, *ACTIVE_STATES):
                _check_still_true(desk, records, row, case, renewed_as_of)
        facts: dict[str, Fact] = {
            "decision": decision,
            "stage": "renewal" if is_renewal else "nomination",
            "rule_sha256": rule.sha256,
            "codes": request.code,
        }
        event = make_event(desk, kinds.DECISION, purpose=request.purpose, facts=facts, subject=person)
        payload = to_payload(kinds.DECISION, {"sentence": request.sentence})
        (entry,) = desk.open_ledger().append([EventToAppend(event, payload)])
        file.write(records.with_reason(person, request.sentence))
    return step_of(desk, entry)


def _check_case_is_addressed(case: Mapping[str, object], codes: Sequence[str]) -> None:
    """What makes a case special must be among the reasons of whoever approves it."""
    wanted_codes = {
        "marginal": ("marginal_looked_at", "marginal"),
        "overlap": ("support_first", "also that of a victim"),
    }
    faults = [
        Fault("code", f"the case is {problem}", f"give the code {code}")
        for name, (code, problem) in wanted_codes.items()
        if case[name] and code not in codes
    ]
    if faults:
        raise CaseError("The reasons will not do; nothing was recorded", tuple(faults))


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
        if entry.event.facts.get("expires_on") is None
        or date.fromisoformat(str(entry.event.facts["expires_on"])) >= day
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
        str(row["expires_on"] or "") if row["state"] in ACTIVE_STATES else "",
        recipients,
    )
