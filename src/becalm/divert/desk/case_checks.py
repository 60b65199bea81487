"""What stands against a nomination or a decision: all that a store cannot know is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from becalm.desk import Desk
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.case_state import ACTIVE_STATES, OPEN_STATES
from becalm.divert.core.crime_events import OLD, WHY_NOT
from becalm.divert.core.explanation import EventLine, Explanation, digest_explanation
from becalm.divert.desk.context import LIVE, programme_mode
from becalm.divert.desk.lists import check_day, explain_row
from becalm.divert.desk.matches import check_one_person
from becalm.divert.files.records_file import Records
from becalm.terms import CaseError, Fault, are_two_people

NOT_BY_HAND = "nobody is added by hand"
LIVE_LIST_DAYS: Final = 31  # in a live programme the list behind an approval is no older


def may_be_approved(case: Mapping[str, object]) -> bool:
    """Is the case in a state in which the evidence behind it matters still?"""
    return case["state"] in (*OPEN_STATES, *ACTIVE_STATES)


def check_list_is_new(desk: Desk, as_of: date, *, most_days: int) -> None:
    """Refuse a list of a past day in a live programme: nobody picks the day on which the rule selects."""
    days = (desk.today - as_of).days
    if programme_mode(desk) == LIVE and days > most_days:
        remedy = f"open and use a list that is {most_days} days old at most; in a rehearsal any day will do"
        raise step_refusal("as_of", f"{as_of} is {days} days ago, and the programme is live", remedy)


def check_selected(explanation: Explanation) -> None:
    """Raise CaseError with every condition of the rule that is not met."""
    faults = [
        Fault(line.name, f"needs {line.needed_text}, and there is {line.found_text}", NOT_BY_HAND)
        for line in explanation.gate
        if not line.is_met
    ]
    if not explanation.is_selected and not faults:
        faults = [Fault("rule", "the list ends above this person", NOT_BY_HAND)]
    if faults:
        raise CaseError("The rule does not select this person; nothing was recorded", tuple(faults))


def check_crimes(explanation: Explanation, crimes: Sequence[str]) -> None:
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


def check_still_true(
    desk: Desk, records: Records, row: int, case: Mapping[str, object], as_of: date
) -> Explanation:
    """An approval stands on the page of reasons as it is now, and on the rule in force.

    Raises CaseError where the rule no longer selects the person, where the records hold the person twice, and
    where the approver opened another page than the present one: before a load, a correction or a new rule; or
    where the list is of a day before that of the nomination or, in a live programme, too long ago.
    """
    person = records.person_at(row)
    check_one_person(desk, records, person)
    check_list_is_new(desk, as_of, most_days=LIVE_LIST_DAYS)
    if as_of < date.fromisoformat(str(case["as_of"])):
        raise step_refusal(
            "as_of", f"{as_of} is before the nomination", f"take {case['as_of']} or a later day"
        )
    explanation = explain_row(
        desk, records, row, as_of=check_day(desk, as_of), is_child_route=bool(case["is_child"])
    )
    check_selected(explanation)
    digest = digest_explanation(explanation)
    opened_digests = [
        entry.event.facts["explanation_sha256"]
        for entry in desk.open_ledger().entries(kinds=(kinds.EVIDENCE,), subject=person)
        if not are_two_people(entry.event.actor, desk.actor)
    ]
    if opened_digests and digest not in opened_digests:
        remedy = f"open it again: becalm divert explain, as of {explanation.as_of}"
        raise step_refusal(person, "the evidence changed since it was opened, or is of another day", remedy)
    return explanation


def check_no_live_case(desk: Desk, records: Records, row: int) -> None:
    """Nobody decides about a person whom they have a live case on."""
    owners = {event.owner for event in records.rows_of_person(row) if event.is_live and event.owner}
    if any(not are_two_people(owner, desk.actor) for owner in owners):
        remedy = "let somebody without a part decide"
        raise step_refusal(desk.actor, "owns a live case on this person", remedy)


def check_case_is_addressed(case: Mapping[str, object], codes: Sequence[str]) -> None:
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
