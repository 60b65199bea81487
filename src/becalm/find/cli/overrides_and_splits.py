"""`becalm find override | overrides | split | splits`: what people decide about places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from becalm.console.command import Session, command
from becalm.console.emit import View
from becalm.find.cli.hotspots import app
from becalm.find.core.request import OverrideListRequest, OverrideRequest, SplitListRequest, SplitRequest
from becalm.terms import PlaceDecision

if TYPE_CHECKING:
    from becalm.find.core.place_splits import Split
    from becalm.find.desk.place_splits import SplitAnswer


@command(app, "override", OverrideRequest)
def override(session: Session, request: OverrideRequest) -> None:
    """Decide that a place must, or must not, be listed. Recorded with name and reason, and always shown."""
    from becalm.console.emit import RECEIPT
    from becalm.find.desk.override import override_place

    override_answer = override_place(session.open_desk(), request)
    session.emit(override_answer.entry, RECEIPT)
    for note in override_answer.notes:
        typer.echo(f"Note: {note}", err=True)


@command(app, "overrides", OverrideListRequest)
def overrides(session: Session, request: OverrideListRequest) -> None:  # noqa: ARG001 - it asks nothing
    """List the overrides that hold today: which place, what was decided, by whom, when and why."""
    from becalm.find.desk.override import active_overrides, decision_in_words

    def lines(decisions: Sequence[PlaceDecision]) -> list[str]:
        return [decision_in_words(d) for d in decisions] or ["No override holds."]

    def rows(decisions: Sequence[PlaceDecision]) -> list[dict[str, Any]]:
        return list(map(_override_row, decisions))

    answer_view: View[Sequence[PlaceDecision]] = View(rows, rows, lines)
    session.emit(active_overrides(session.open_desk()), answer_view)


@command(app, "split", SplitRequest)
def split(session: Session, request: SplitRequest) -> None:
    """Split a place by hand, from now on in every list. Recorded with name and reason, and always shown."""
    from becalm.find.desk.place_splits import split_place, undo_split

    desk = session.open_desk()
    if request.undo:
        undo_view: View[Split] = View(
            data=lambda split: {"decision": "undo", **_split_row(split)},
            rows=lambda split: [{"decision": "undo", **_split_row(split)}],
            lines=lambda split: [f"{split.place_id} is whole again."],
        )
        session.emit(undo_split(desk, request), undo_view)
        return
    split_view: View[SplitAnswer] = View(_answer_row, lambda answer: [_answer_row(answer)], _answer_lines)
    session.emit(split_place(desk, request), split_view)


@command(app, "splits", SplitListRequest)
def splits(session: Session, request: SplitListRequest) -> None:  # noqa: ARG001 - it asks nothing
    """List the places that are split by hand: how, by whom, when and why."""
    from becalm.find.desk.place_splits import active_splits

    def lines(splits: Sequence[Split]) -> list[str]:
        return list(map(_split_in_words, splits)) or ["No place is split by hand."]

    def rows(splits: Sequence[Split]) -> list[dict[str, Any]]:
        return list(map(_split_row, splits))

    answer_view: View[Sequence[Split]] = View(rows, rows, lines)
    session.emit(active_splits(session.open_desk()), answer_view)


def _override_row(decision: PlaceDecision) -> dict[str, Any]:
    return {
        "place": decision.place_id,
        "decision": "include" if decision.include else "leave_out",
        "reason": decision.reason,
        "by": decision.by,
        "on": str(decision.on),
        "until": str(decision.until) if decision.until else None,
        "entry": decision.entry,
    }


def _answer_row(answer: SplitAnswer) -> dict[str, Any]:
    return {"decision": "split", **_split_row(answer.split), "places": ", ".join(answer.place_ids)}


def _answer_lines(answer: SplitAnswer) -> Iterator[str]:
    yield f"{_split_in_words(answer.split)} In every list from now on: {', '.join(answer.place_ids)}."


def _split_row(split: Split) -> dict[str, Any]:
    return {
        "place": split.place_id,
        "how": "line" if split.line is not None else "parts",
        "parts": ", ".join(part_name for part_name, _ in split.parts) or None,
        "by": split.by,
        "on": split.on.isoformat(),
        "reason": split.reason,
    }


def _split_in_words(split: Split) -> str:
    part_names = ", ".join(part_name for part_name, _ in split.parts)
    how_text = f"in {part_names} and what they leave" if part_names else "along a line"
    return f"{split.place_id} is split {how_text}, by {split.by} on {split.on}: {split.reason}."
