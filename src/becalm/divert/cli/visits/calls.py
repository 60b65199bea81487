"""`becalm divert visit`: times agreed or moved, the check, the pack, the outcome, the letter, what is due."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from becalm.console.command import Session
from becalm.divert.core.visits import request as ask

if TYPE_CHECKING:
    from becalm.divert.core.visits.wishes import VisitWishes
    from becalm.divert.desk.visits.outcomes import DueTask
    from becalm.divert.desk.visits.wishes import WishesAnswer
    from becalm.divert.files.visits.pack_page import VisitPack
    from becalm.ledger import Entry


def appoint(session: Session, request: ask.AppointRequest) -> None:
    """Agree a time for the next visit, or move one that was agreed; every move is kept."""
    from becalm.divert.desk.visits.calls import appoint as agree

    emit_steps(session, (agree(session.open_desk(), request),))


def wishes(session: Session, request: ask.WishesRequest) -> None:
    """Record how somebody wants to be visited, all of it; without a wish, show what is in force."""
    from becalm.console.emit import View
    from becalm.divert.desk.visits.wishes import change_wishes

    view = View(
        _wishes_answer_data,
        lambda answer: [_wishes_answer_data(answer)],
        _wishes_lines,
        is_private=True,
    )
    session.emit(change_wishes(session.open_desk(), request), view)


def _wishes_data(wishes: VisitWishes) -> dict[str, object]:
    return {
        "unavailable": list(wishes.unavailable_texts),
        "interpreter": wishes.interpreter,
        "easy_read": wishes.is_easy_read,
        "present": wishes.present,
        "place": wishes.place,
        "place_at": list(wishes.place_point_m) if wishes.place_point_m else None,
    }


def _wishes_answer_data(answer: WishesAnswer) -> dict[str, object]:
    return {
        "person": answer.person,
        "entry": answer.entry.seq if answer.entry else None,
        **_wishes_data(answer.wishes),
        "clashing_appointments": list(answer.clashing_appointments),
    }


def _wishes_lines(answer: WishesAnswer) -> Iterable[str]:
    yield f"Entry {answer.entry.seq}: wishes_changed" if answer.entry else "Nothing was changed."
    words = {name: value for name, value in _wishes_data(answer.wishes).items() if value}
    for name, value in words.items():
        text = "; ".join(map(str, value)) if isinstance(value, list) else "yes" if value is True else value
        yield f"  {name.replace('_', ' '):<12} {text}"
    if not words:
        yield "  No wish is in force."
    for number in answer.clashing_appointments:
        yield f"  note         Appointment {number} is at a time that is not wished: move it."


def check(session: Session, request: ask.CheckRequest) -> None:
    """Record whether the visit of a day is safe for everybody; it holds for 24 hours."""
    from becalm.divert.desk.visits.calls import check_visit

    emit_steps(session, (check_visit(session.open_desk(), request),))


def pack(session: Session, request: ask.PackRequest) -> None:
    """Open the pack of a visit: for the assigned crew, on the day, after a check; it is logged first."""
    from becalm import __version__
    from becalm.console.emit import View
    from becalm.divert.desk.visits.calls import open_pack
    from becalm.divert.files.visits.pack_page import pack_document, pack_page
    from becalm.render.document import document_lines

    visit_pack = open_pack(session.open_desk(), request)
    document = pack_document(visit_pack)
    view = View(
        _pack_data,
        lambda answer: [_pack_data(answer)],
        lambda _answer: document_lines(document),
        is_private=True,
        files={".html": lambda _answer: pack_page(document, __version__)},
    )
    session.emit(visit_pack, view)


def _pack_data(visit_pack: VisitPack) -> dict[str, object]:
    return {
        "person": visit_pack.person,
        "visit": visit_pack.visit,
        "crew": visit_pack.crew,
        "expires_at": visit_pack.expires_at.isoformat(),
        "appointment": None if visit_pack.appointment is None else visit_pack.appointment["appointment"],
        "check": {name: visit_pack.check[name] for name in ("result", "approver", "expires_at")},
        "conditions": visit_pack.check_details.get("conditions") or [],
        "details": dict(visit_pack.details),
        "wishes": _wishes_data(visit_pack.wishes),
        "card": visit_pack.card,
        "attempts_made": visit_pack.attempts_made,
    }


def outcome(session: Session, request: ask.OutcomeRequest) -> None:
    """Record what came of a call at a door, with the offer that was made."""
    from becalm.divert.desk.visits.outcomes import record_outcome

    emit_steps(session, record_outcome(session.open_desk(), request))


def letter(session: Session, request: ask.LetterRequest) -> None:
    """Record that the letter was left after the last attempt."""
    from becalm.divert.desk.visits.calls import leave_letter

    emit_steps(session, (leave_letter(session.open_desk(), request),))


def due(session: Session, request: ask.DueRequest) -> None:
    """List what staff and providers are late with: outcomes, answers and reports."""
    from becalm.console.emit import View
    from becalm.divert.desk.visits.outcomes import list_due

    view: View[Any] = View(_due_rows, _due_rows, _due_lines, is_private=True)
    session.emit(list_due(session.open_desk(), request), view)


def _due_rows(answer: tuple[DueTask, ...]) -> list[dict[str, object]]:
    return [asdict(row) for row in answer]


def _due_lines(answer: tuple[DueTask, ...]) -> Iterable[object]:
    from becalm.console.screen import string_table

    if not answer:
        yield "Nothing is overdue: every call has its outcome, every referral its next step."
        return
    columns = ("day", "person", "task", "number", "note")
    rows = [tuple(str(row[name]) for name in columns) for row in _due_rows(answer)]
    yield string_table(columns, rows, left=columns)


def emit_steps(session: Session, entries: tuple[Entry, ...]) -> None:
    """Show what was recorded, with its numbers and facts."""
    from becalm.console.emit import View, entry_data, facts_text

    def data(answer: tuple[Entry, ...]) -> object:
        entry_rows = [entry_data(entry, with_subject=False) for entry in answer]
        return entry_rows[0] if len(entry_rows) == 1 else entry_rows

    def rows(answer: tuple[Entry, ...]) -> list[dict[str, object]]:
        entry_rows = [entry_data(entry, with_subject=False) for entry in answer]
        return [{**row, "facts": facts_text(row["facts"])} for row in entry_rows]

    def lines(answer: tuple[Entry, ...]) -> Iterable[str]:
        for entry in answer:
            yield f"Entry {entry.seq}: {entry.event.kind}, {facts_text(entry.event.facts)}"

    session.emit(entries, View(data, rows, lines))
