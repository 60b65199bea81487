"""`becalm patrol blackout`, `blackouts` and `end-blackout`: when nobody is to be at a place, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session
from becalm.patrol.core.request import BlackoutEndRequest, BlackoutListRequest, BlackoutRequest

if TYPE_CHECKING:
    from becalm.console.emit import View
    from becalm.patrol.core.blackouts import Blackout
    from becalm.patrol.desk.blackouts import BlackoutAnswer

BLACKOUT_COLUMNS = ("entry", "place", "area", "starts_at", "ends_at", "reason", "by", "where")


def blackout(session: Session, request: BlackoutRequest) -> None:
    """Close a place or an area to patrols for a time. Recorded with name and reason, and always shown."""
    from becalm.patrol.desk.blackouts import set_blackout

    _emit_answer(session, set_blackout(session.open_desk(), request))


def end_blackout(session: Session, request: BlackoutEndRequest) -> None:
    """End a blackout before its time. Plans that stand keep clear of it still; the next ones do not."""
    from becalm.patrol.desk.blackouts import end_blackout as end

    _emit_answer(session, end(session.open_desk(), request))


def blackouts(session: Session, request: BlackoutListRequest) -> None:
    """List the blackouts that are not over: where, from when until when, why, and who set them."""
    from becalm.console.emit import View
    from becalm.patrol.desk.blackouts import list_blackouts

    view: View[Sequence[Blackout]] = View(_rows, _rows, _lines, columns=BLACKOUT_COLUMNS)
    session.emit(list_blackouts(session.open_desk(), request), view)


def _emit_answer(session: Session, answer: BlackoutAnswer) -> None:
    from becalm.console.emit import RECEIPT

    session.emit(answer.entry, RECEIPT)
    for note in answer.notes:
        typer.echo(f"Note: {note}", err=True)


def _rows(blackouts: Sequence[Blackout]) -> list[Mapping[str, object]]:
    return [
        {
            "entry": blackout.entry,
            "place": blackout.place,
            "area": blackout.area,
            "starts_at": f"{blackout.span.start:%Y-%m-%dT%H:%M:%SZ}",
            "ends_at": f"{blackout.span.end:%Y-%m-%dT%H:%M:%SZ}",
            "reason": blackout.reason,
            "by": blackout.by,
            "where": blackout.where,
        }
        for blackout in blackouts
    ]


def _lines(blackouts: Sequence[Blackout]) -> list[str]:
    return [
        f"{blackout.place or f'all of {blackout.area}'}: {blackout.span.start:%Y-%m-%d %H:%M} to "
        f"{blackout.span.end:%Y-%m-%d %H:%M} UTC, {blackout.reason} ({blackout.where}"
        f"{f', by {blackout.by}' if blackout.by else ''})"
        for blackout in blackouts
    ] or ["No blackout holds."]
