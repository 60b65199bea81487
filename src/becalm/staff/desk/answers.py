"""What was asked and decided: answers of officers, derogations, and changes, in the ledger and out of it."""

from datetime import date
from typing import cast

from becalm.desk import Desk, make_event
from becalm.ledger import Entry, EventToAppend, Fact
from becalm.staff.core import events
from becalm.staff.core.fairness import DayChange, Derogation
from becalm.staff.core.judge import RuleWaiver
from becalm.staff.core.request import AnswerRequest, DerogateRequest, read_instant
from becalm.staff.desk.people import check_officers, find_rules, read_inputs
from becalm.staff.files.read_rules import read_rules
from becalm.terms import UsageError, suggest_word


def record_answer(desk: Desk, request: AnswerRequest) -> Entry:
    """Record what an officer answered who was asked to work. A no is not asked again for that day.

    Raises UsageError where the officer or the tour is unknown.
    """
    inputs = read_inputs(desk, None)
    check_officers((request.officer,), inputs.officers)
    tours = [kind.tour for kind in inputs.rules.tours]
    if request.tour not in tours:
        raise UsageError(f"`tour` {request.tour!r} is unknown. {suggest_word(request.tour, tours)}")
    facts: dict[str, Fact] = {"day": str(request.day), "tour": request.tour, "answer": request.answer}
    return _record(desk, events.ANSWER, request.purpose, request.officer, facts)


def record_derogation(desk: Desk, request: DerogateRequest) -> Entry:
    """Record that a rule is set aside for one tour of one officer, with rest to make up for it.

    Raises UsageError where the officer is unknown, or the rule file does not let that rule be set aside.
    """
    inputs = read_inputs(desk, request.rules)
    check_officers((request.officer,), inputs.officers)
    rules = read_rules(find_rules(desk, request.rules))
    names = [rule.rule for rule in rules.rules if rule.derogation]
    if request.rule not in names:
        raise UsageError(
            f"`rule` {request.rule!r} cannot be set aside by {rules.title!r}. It may be {', '.join(names)}."
        )
    rest_until = read_instant(request.rest_until, "rest_until")
    if rest_until.date() < request.day:
        raise UsageError(f"`rest_until` {request.rest_until} is before the tour of {request.day}.")
    facts: dict[str, Fact] = {
        "rule": request.rule,
        "rest_until": f"{rest_until:%Y-%m-%dT%H:%M:%SZ}",
        "by": request.by,
        "day": str(request.day),
    }
    return _record(desk, events.DEROGATION, request.purpose, request.officer, facts)


def _record(desk: Desk, kind: str, purpose: str, officer: str, facts: dict[str, Fact]) -> Entry:
    event = make_event(desk, kind, purpose=purpose, facts=facts, subject=officer)
    return desk.open_ledger().append([EventToAppend(event)])[0]


def read_refusals(desk: Desk, entry_count: int) -> frozenset[tuple[str, date]]:
    """Who said no for which day, if that was the last answer among the first so many entries."""
    answers = {}
    for entry in _first_entries(desk, events.ANSWER, entry_count):
        day = date.fromisoformat(str(entry.event.facts["day"]))
        answers[entry.event.subject, day] = entry.event.facts["answer"]
    return frozenset(key for key, answer in answers.items() if answer == "no")


def read_derogations(desk: Desk) -> tuple[Derogation, ...]:
    """Every derogation on record, oldest first."""
    return tuple(
        Derogation(
            entry.event.subject,
            *(str(entry.event.facts.get(name, "")) for name in ("rule", "day", "rest_until", "by")),
        )
        for entry in desk.open_ledger().verified_entries(kinds=(events.DEROGATION,))
    )


def read_waivers(desk: Desk) -> tuple[RuleWaiver, ...]:
    """The derogations as the judge takes them; one without a day holds for no tour."""
    return tuple(
        RuleWaiver(d.staff_number, d.rule, date.fromisoformat(d.day), read_instant(d.rest_until))
        for d in read_derogations(desk)
        if d.day
    )


def read_changes(desk: Desk, entry_count: int | None = None) -> tuple[DayChange, ...]:
    """Every published change of a tour, oldest first; only among the first so many entries, where asked."""
    return tuple(
        DayChange(
            entry.event.subject,
            date.fromisoformat(cast("str", entry.event.facts["day"])),
            *(str(entry.event.facts[name]) for name in ("from", "to", "notice_class")),
        )
        for entry in _first_entries(desk, events.CHANGE, entry_count)
    )


def _first_entries(desk: Desk, kind: str, entry_count: int | None) -> list[Entry]:
    """Entries of a kind, as far as the ledger had them when it was so long."""
    entries = desk.open_ledger().verified_entries(kinds=(kind,))
    return [entry for entry in entries if entry_count is None or entry.seq <= entry_count]
