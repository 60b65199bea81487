"""`becalm divert nominate`, `screen`, `approve`, `decline`, `remove`, `match`: what two people decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from becalm.console.command import Session
from becalm.divert.core import request as ask

if TYPE_CHECKING:
    from becalm.console.emit import View
    from becalm.desk import Desk
    from becalm.divert.desk.cases import CaseStep
    from becalm.divert.desk.matches import MatchAnswer

RequestT = TypeVar("RequestT")


def nominate(session: Session, request: ask.NominateRequest) -> None:
    """Put forward a person whom the rule selected, with codes and a sentence about this very person."""
    from becalm.divert.desk import cases

    emit_step(session, cases.nominate, request)


def screen(session: Session, request: ask.ScreenRequest) -> None:
    """Answer every check on what may stand against a visit."""
    from becalm.divert.desk import cases

    emit_step(session, cases.screen, request)


def approve(session: Session, request: ask.DecideRequest) -> None:
    """Take a person in; only as somebody else than who nominated, and after opening the evidence."""
    from becalm.divert.desk import cases

    emit_step(session, cases.approve, request)


def agree(session: Session, request: ask.DecideRequest) -> None:
    """Agree, for social care or youth justice, that help may be offered to a child."""
    from becalm.divert.desk import cases

    emit_step(session, cases.agree, request)


def decline(session: Session, request: ask.DeclineRequest) -> None:
    """Do not take a person in, or not yet."""
    from becalm.divert.desk import cases

    emit_step(session, cases.decline, request)


def remove(session: Session, request: ask.RemoveRequest) -> None:
    """Take a person out at once, and say who must destroy what they were given."""
    from becalm.divert.desk import cases

    emit_step(session, cases.remove, request)


def emit_step(session: Session, step: Callable[[Desk, RequestT], CaseStep], request: RequestT) -> None:
    """Take a step of a case, and show where the case stands now."""
    session.emit(step(session.open_desk(), request), step_view())


def step_view() -> View[CaseStep]:
    """How a step of a case is shown."""
    from becalm.console.emit import View

    return View(_step_data, lambda step: [_step_data(step)], _step_lines, is_private=True)


def _step_data(step: CaseStep) -> dict[str, object]:
    return {
        "mode": step.mode,
        "person": step.person,
        "state": step.state,
        "entry": step.entry.seq,
        "expires_on": step.expires_on or None,
        "to_tell": list(step.to_tell),
    }


def _step_lines(step: CaseStep) -> Iterable[str]:
    from becalm.divert.cli.people import mode_lines

    yield from mode_lines(step.mode)
    yield f"{step.person} is {step.state.replace('_', ' ')} (entry {step.entry.seq})"
    if step.expires_on:
        yield f"  ends by itself on {step.expires_on}, unless it is approved again"
    for recipient in step.to_tell:
        yield f"  to be told: {recipient} must be destroyed"


def match(session: Session, request: ask.MatchRequest) -> None:
    """Show which records may be one person, or let two people join, part or split them."""
    from becalm.console.emit import View
    from becalm.divert.desk.matches import match_records

    view = View(_match_data, _match_rows, _match_lines, is_private=True)
    session.emit(match_records(session.open_desk(), request), view)


def _match_data(answer: MatchAnswer) -> dict[str, object]:
    return {"pairs": [list(pair) for pair in answer.pairs], "stage": answer.stage or None}


def _match_rows(answer: MatchAnswer) -> list[dict[str, object]]:
    return [{"person": first, "other": second} for first, second in answer.pairs]


def _match_lines(answer: MatchAnswer) -> Iterable[str]:
    if answer.stage:
        (pair,) = answer.pairs
        verb = "joined" if answer.kind == "records_joined" else "two people"
        yield f"{' and '.join(pair)}: {verb}, {answer.stage}"
        return
    yield f"{len(answer.pairs)} pairs may be one person each; two people decide."
    yield from (f"  {first}  {second}" for first, second in answer.pairs)
