"""`becalm rehearse`: a year of the programme on a city whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session, command
from becalm.rehearse.request import RehearsalRequest

if TYPE_CHECKING:
    from becalm.rehearse.runner import RunCommand
    from becalm.rehearse.year import Rehearsal


def register(app: typer.Typer, run_command: RunCommand) -> None:
    """Hang the command on the app; `run_command` runs becalm's own commands in this process."""

    @command(app, "rehearse", RehearsalRequest, has_workspace=False, has_files=False)
    def rehearse(session: Session, request: RehearsalRequest) -> None:
        """Live a year on a simulated city by becalm's own commands, and set what they say beside the truth.

        Offences react to the patrols that were delivered, by the laws of a scenario.
        """
        from becalm.console.emit import View
        from becalm.rehearse.report import write_report
        from becalm.rehearse.year import rehearse as live_year

        rehearsal = live_year(request, run_command, progress=session.progress)
        write_report(rehearsal)
        view = View(lambda answer: answer.as_object(), rows=_rows, lines=_lines)
        session.emit(rehearsal, view)


def _rows(rehearsal: Rehearsal) -> Iterable[dict[str, object]]:
    return [{**asdict(row), "held": row.held} for row in rehearsal.rows]


def _lines(rehearsal: Rehearsal) -> Iterator[object]:
    from becalm.rehearse.report import summary_rows

    yield f"{rehearsal.title}: {rehearsal.weeks} weeks, seed {rehearsal.seed}"
    for line in summary_rows(rehearsal):
        yield f"  {line.question:<48} {line.held} of {line.count} held"
    held_percent = f"{100 * rehearsal.held_share:.1f}%"
    yield f"The intervals hold the truth in {held_percent} of {len(rehearsal.rows)} figures."
    yield f"The table is in {rehearsal.folder / 'rehearsal.html'}."
