"""Whom the rule selects, and why: computed each time, kept as counts and hashes alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from becalm.desk import Desk, make_event, record_event
from becalm.divert.core import events as kinds
from becalm.divert.core.case_state import CLOSED_STATES, NO_CASE
from becalm.divert.core.explanation import Explanation, digest_explanation, explain_person
from becalm.divert.core.population import Population, population_of, years_between
from becalm.divert.core.request import ExplainRequest, ListRequest
from becalm.divert.core.rule import Rule
from becalm.divert.core.score import NO_CUT, Selection, find_cuts, select_people
from becalm.divert.desk.context import (
    LIVE,
    born_on,
    case_row,
    check_purpose,
    force_access,
    identify,
    note_access,
    programme_mode,
    read_rule_in_force,
    records_file,
    require_role,
)
from becalm.divert.files.records_file import Records
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import EventToAppend, Fact, Row
from becalm.terms import CaseError, Fault


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """One person whom the rule selects: whether, never at which rank."""

    person: str
    route: str  # support_first, where the person was a victim too, else standard
    is_marginal: bool
    state: str  # of the case; "not nominated" where there is none, "restricted" where nobody may use it


@dataclass(frozen=True, slots=True)
class PersonList:
    """All whom the rule selects on a day, in the order of their pseudonyms."""

    rule: Rule
    as_of: date
    data_sha256: str
    people_count: int
    event_count: int
    persons: tuple[ListedPerson, ...]
    mode: str
    is_past: bool = False  # a live programme nominates from the list of today alone
    is_of_children: bool = False


def list_people(desk: Desk, request: ListRequest) -> PersonList:
    """Whom does the rule select? That it was asked is recorded, with counts and hashes."""
    desk = require_role(desk, "list")
    check_purpose(request.purpose)
    rule, records = read_rule_in_force(desk), records_file(desk).read()
    as_of, mode = check_day(desk, request.as_of), programme_mode(desk)
    population, selection = _select(records, rule, as_of, of_children=request.children)
    states = {str(row["subject"]): _shown_state(row) for row in desk.open_ledger().state_rows("case")}
    person_list = PersonList(
        rule=rule,
        as_of=as_of,
        data_sha256=records.data_sha256,
        people_count=population.people_count,
        event_count=len(population.events),
        persons=_listed_persons(records, selection, states),
        mode=mode,
        is_past=mode == LIVE and as_of < desk.today,
        is_of_children=request.children,
    )
    facts: dict[str, Fact] = {
        "rule_sha256": rule.sha256,
        "data_sha256": records.data_sha256,
        "as_of": as_of.isoformat(),
        "list_sha256": sha256_of_text("\n".join(row.person for row in person_list.persons)),
        "people": person_list.people_count,
        "selected": len(person_list.persons),
    }
    record_event(desk, kinds.LIST, purpose=request.purpose, facts=facts)
    return person_list


def _select(records: Records, rule: Rule, as_of: date, *, of_children: bool) -> tuple[Population, Selection]:
    """Whom the rule selects; of children everybody who is eligible, for no cap may rank them.

    Raises CaseError where children are asked for and the rule has no route for them.
    """
    if of_children and not rule.child_age:
        fault = Fault(
            "children", "the rule has no route for children", "it is off unless the rule turns it on"
        )
        raise CaseError("No list can be made", (fault,))
    if of_children:
        rule = replace(rule, limit=max(1, records.people.num_rows))
    population = read_population(records, rule, child_as_of=as_of if of_children else None)
    as_of_day = population.day(as_of)
    return population, select_people(population.events, population.adult_day, rule, as_of_day=as_of_day)


def _shown_state(row: Row) -> str:
    if row["state"] == NO_CASE:
        return "restricted"
    return str(row["state"])


def _listed_persons(
    records: Records, selection: Selection, states: dict[str, str]
) -> tuple[ListedPerson, ...]:
    pseudonyms = records.people["person"].take(selection.rows).to_pylist()
    victim_points = selection.victim_points.tolist()
    listed_persons = (
        ListedPerson(
            person,
            "support_first" if points else "standard",
            is_marginal,
            states.get(person, "not nominated"),
        )
        for person, points, is_marginal in zip(
            pseudonyms, victim_points, selection.is_marginal.tolist(), strict=True
        )
    )
    return tuple(sorted(listed_persons, key=lambda row: row.person))


def explain(desk: Desk, request: ExplainRequest) -> Explanation:
    """Why does the rule select this person, or not? Asked and recorded before it is shown.

    Where there is a case, the answer is as of the day of the list that it came from, and that this actor
    opened the evidence is recorded: without it nobody approves.
    """
    check_purpose(request.purpose)
    desk = identify(desk)
    if request.emergency:
        force_access(desk, "explain", request.person, purpose=request.purpose, reason=request.emergency)
    desk = require_role(desk, "explain", person=request.person)
    records = records_file(desk).read()
    row = records.row_of(request.person)
    person = records.person_at(row)
    case = case_row(desk.open_ledger(), person)
    is_open = case is not None and case["state"] not in CLOSED_STATES
    listed_on = date.fromisoformat(str(case["as_of"])) if case is not None and is_open else None
    note_access(desk, person, "reasons", purpose=request.purpose)
    is_child_route = _takes_child_route(desk, records, row, request.as_of or listed_on)
    explanation = explain_row(
        desk,
        records,
        row,
        as_of=check_day(desk, request.as_of or listed_on),
        is_child_route=bool(case["is_child"]) if case is not None and is_open else is_child_route,
    )
    if is_open:
        facts = {"explanation_sha256": digest_explanation(explanation)}
        event = make_event(desk, kinds.EVIDENCE, purpose=request.purpose, facts=facts, subject=person)
        desk.open_ledger().append([EventToAppend(event)])
    return explanation


def _takes_child_route(desk: Desk, records: Records, row: int, as_of: date | None) -> bool:
    """Is it a child, and does the rule have a route for children?"""
    rule, birth = read_rule_in_force(desk), born_on(records, row)
    is_child = birth is not None and years_between(birth, as_of or desk.today) < rule.adult_age
    return bool(rule.child_age) and is_child


def explain_row(
    desk: Desk, records: Records, row: int, *, as_of: date, is_child_route: bool = False
) -> Explanation:
    """The page of reasons of one person, by the rule in force; nothing is recorded."""
    rule = read_rule_in_force(desk)
    cut = other_cut = NO_CUT
    if not is_child_route:
        population = read_population(records, rule)
        as_of_day = population.day(as_of)
        cut, other_cut = find_cuts(population.events, population.adult_day, rule, as_of_day=as_of_day)
    return explain_person(
        records.person_at(row),
        records.rows_of_person(row),
        born_on(records, row),
        rule,
        as_of=as_of,
        cut=cut,
        other_cut=other_cut,
        is_child_route=is_child_route,
    )


def read_population(records: Records, rule: Rule, *, child_as_of: date | None = None) -> Population:
    """All people and events as the rule sees them; with a day, those who are children on it."""
    child_as_of_day = None if child_as_of is None else Population.day(child_as_of)
    return population_of(
        records.crime_events(), records.born_day, records.main, rule, child_as_of_day=child_as_of_day
    )


def check_day(desk: Desk, as_of: date | None) -> date:
    """The day of the list: today, or an earlier one.

    Raises CaseError for a day that is not over yet.
    """
    day = as_of or desk.today
    if day > desk.today:
        fault = Fault("as_of", f"{day} is in the future", "give today or an earlier day")
        raise CaseError("No list can be made", (fault,))
    return day
