"""`becalm divert load`, `list` and `explain`: people taken in, selected, and told why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.divert.core.request import ExplainRequest, ListRequest, LoadRequest, QueueRequest

if TYPE_CHECKING:
    from becalm.divert.core.explanation import Explanation
    from becalm.divert.desk.lists import PersonList
    from becalm.divert.desk.people import LoadedPeople
    from becalm.divert.desk.queue import CaseQueue


def load(session: Session, request: LoadRequest) -> None:
    """Take in people and their events, under pseudonyms; names and addresses can be erased."""
    from becalm.console.emit import View
    from becalm.divert.desk.people import load_people

    view = View(asdict, rows=lambda answer: [asdict(answer)], lines=_load_lines)
    session.emit(load_people(session.open_desk(), request), view)


def _load_lines(people: LoadedPeople) -> Iterable[str]:
    yield f"Took in {people.people:,} people"
    yield f"  new        {people.new_people:,}"
    yield f"  changed    {people.changed_people:,}"
    yield f"  events     {people.events:,}"
    if people.columns_left_out:
        yield f"  left out   {', '.join(people.columns_left_out)}"


def list_persons(session: Session, request: ListRequest) -> None:
    """List whom the rule selects, by pseudonym; nobody is ranked."""
    from becalm.console.emit import View
    from becalm.divert.desk.lists import list_people

    view = View(
        _list_data, lambda answer: [asdict(person) for person in answer.persons], _list_lines, is_private=True
    )
    session.emit(list_people(session.open_desk(), request), view)


def _list_data(answer: PersonList) -> dict[str, object]:
    rule = answer.rule
    return {
        "mode": answer.mode,
        "rule": {"key": rule.key, "version": rule.version, "sha256": rule.sha256},
        "as_of": answer.as_of.isoformat(),
        "is_past": answer.is_past,
        "is_of_children": answer.is_of_children,
        "data_sha256": answer.data_sha256,
        "people": answer.people_count,
        "events": answer.event_count,
        "selected": [asdict(person) for person in answer.persons],
    }


def _list_lines(answer: PersonList) -> Iterable[object]:
    from becalm.console.screen import string_table

    rule = answer.rule
    yield from mode_lines(answer.mode)
    if answer.is_past:
        yield "A list of a past day, to look back at: nobody can be nominated from it."
    if answer.is_of_children:
        yield "Children who are eligible. Nobody is scored; social care agrees before anybody approves."
    yield f"{rule.title} ({rule.key}, version {rule.version}), as of {answer.as_of}"
    yield (
        f"{len(answer.persons):,} of {answer.people_count:,} people are selected. The order says nothing. "
        "Nobody is in the programme until two people have decided so."
    )
    rows = [(p.person, p.route, "yes" if p.is_marginal else "", p.state) for p in answer.persons]
    yield string_table(
        ("person", "route", "marginal", "case"), rows, left=("person", "route", "marginal", "case")
    )


def queue(session: Session, request: QueueRequest) -> None:
    """List the cases that wait for a step of your role; that you saw each of them is recorded."""
    from becalm.console.emit import View
    from becalm.divert.desk.queue import list_queue

    view = View(
        _queue_data, lambda answer: [asdict(case) for case in answer.cases], _queue_lines, is_private=True
    )
    session.emit(list_queue(session.open_desk(), request), view)


def _queue_data(answer: CaseQueue) -> dict[str, object]:
    return {"mode": answer.mode, "role": answer.role, "cases": [asdict(case) for case in answer.cases]}


def _queue_lines(answer: CaseQueue) -> Iterable[object]:
    from becalm.console.screen import string_table

    yield from mode_lines(answer.mode)
    if not answer.cases:
        yield f"No case waits for you as {answer.role}."
        return
    verb = "case waits" if len(answer.cases) == 1 else "cases wait"
    yield f"{len(answer.cases)} {verb} for you as {answer.role}. The order says nothing."
    rows = [(c.person, c.state.replace("_", " "), c.since[:10], c.step, c.expires_on) for c in answer.cases]
    heads = ("person", "case", "since", "what you can do", "ends on")
    yield string_table(heads, rows, left=heads)


def mode_lines(mode: str) -> Iterable[str]:
    """What stands above everything while people are only declared."""
    if mode != "live":
        yield "REHEARSAL: people are declared, not proven. Nothing here may be used about anybody."


def explain(session: Session, request: ExplainRequest) -> None:
    """Show why the rule selects a person, or not: every event, its points, and how firm the answer is."""
    from becalm.console.emit import View
    from becalm.divert.core.explanation import explanation_data
    from becalm.divert.desk.context import programme_mode
    from becalm.divert.desk.lists import explain as explain_case
    from becalm.divert.files.reasons_page import event_rows, reason_lines, reasons_document, reasons_page
    from becalm.render.document import document_pdf

    desk = session.open_desk()
    explanation = explain_case(desk, request)
    mode = programme_mode(desk)

    def lines(answer: Explanation) -> Iterable[object]:
        yield from mode_lines(mode)
        yield from reason_lines(answer)

    view = View(
        explanation_data,
        event_rows,
        lines,
        is_private=True,
        files={
            ".html": lambda answer: reasons_page(answer, mode),
            ".pdf": lambda answer: document_pdf(reasons_document(answer, mode)),
        },
        document=lambda answer: reasons_document(answer, mode),
    )
    session.emit(explanation, view)
