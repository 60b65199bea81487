"""`becalm run`: the weekly briefing, and the same briefing again from its run record."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from becalm.brief.request import RunRequest
from becalm.console.command import Session, command
from becalm.patrol.cli.plan import say_first_use
from becalm.terms import ReplayError

if TYPE_CHECKING:
    from becalm.brief.desk.dry_run import DryRun
    from becalm.brief.desk.weekly import BriefingAnswer
    from becalm.desk import Desk


def register(app: typer.Typer) -> None:
    """Hang `becalm run` on the app."""
    command(app, "run", RunRequest, has_files=False)(run)


def run(session: Session, request: RunRequest) -> None:
    """Write the briefing: the comparison, the hotspots and the patrol plan on one page.

    Settings that are always the same for your force can go in the brief table of becalm.toml.
    """
    from becalm.brief.desk.dry_run import plan_run
    from becalm.brief.desk.repeat import repeat_briefing
    from becalm.brief.desk.weekly import make_briefing
    from becalm.console.command import Format
    from becalm.console.emit import View

    desk = session.open_desk()
    if request.dry:
        session.emit(plan_run(desk, request), View(asdict, _planned_rows, _planned_lines))
        return
    if request.again is not None and _repeat_answer(session, desk, Path(request.again)):
        return
    if (desk.workspace.path / "units.toml").is_file():
        say_first_use()
    briefing_answer = (
        make_briefing(desk, request) if request.again is None else repeat_briefing(desk, request)
    )
    workspace_words = ("--workspace", str(session.workspace)) if session.workspace else ()
    answer_view: View[BriefingAnswer] = View(
        _briefing_object, _file_rows, partial(_briefing_lines, workspace_words=workspace_words)
    )
    session.emit(briefing_answer, answer_view)
    if session.format is Format.table:
        for warning in briefing_answer.warnings:
            typer.echo(f"Warning: {warning}", err=True)


def _repeat_answer(session: Session, desk: Desk, run_json: Path) -> bool:
    """Ask the question of a run that a page shows again; False where the record is that of a briefing."""
    from becalm.brief.pages import JOB_PAGES
    from becalm.console.emit import View
    from becalm.console.run_folder import PAGE, list_questions, repeat_run
    from becalm.formats.json_text import read_record

    if not run_json.with_name(PAGE).is_file():
        return False
    words = read_record(run_json).question
    question = list_questions(session.context.find_root().command).get(words)
    if question is None or question.job not in JOB_PAGES:
        raise ReplayError(f"{run_json} is the record of {words!r}, which becalm cannot ask.")
    names = repeat_run(desk, run_json, question, JOB_PAGES[question.job].pictures.get(words))
    view: View[tuple[str, ...]] = View(
        data=lambda equal: {"question": words, "equal_files": list(equal)},
        rows=lambda equal: ({"file": name} for name in equal),
        lines=lambda equal: [f"becalm {words}, asked again: {', '.join(equal)} are the same, byte for byte."],
    )
    session.emit(names, view)
    return True


def _planned_rows(dry_run: DryRun) -> Iterator[dict[str, object]]:
    return map(asdict, dry_run.parts)


def _planned_lines(dry_run: DryRun) -> Iterator[str]:
    for part in dry_run.parts:
        took = "" if part.last_seconds is None else f" (last time {part.last_seconds:.0f} s)"
        text = f"left out. {part.needs}" if part.needs else f"{part.task}{took}"
        yield f"{part.job:<9} {text}"
    if dry_run.source:
        yield f"Records of {dry_run.source}; the briefing would be written into {dry_run.folder}."
    else:
        yield "A run would end at once: there is nothing to compare yet."
    if dry_run.last_seconds is not None:
        yield f"All of it took {dry_run.last_seconds:.0f} s last time."
    yield "Nothing was done."


def _briefing_object(briefing: BriefingAnswer) -> dict[str, object]:
    return {
        "folder": str(briefing.folder),
        "headline": briefing.headline,
        "hotspots": briefing.hotspots,
        "seed": briefing.run.seed,
        "files": [
            {"file": file_name, "sha256": file_sha256, "equal": file_name in briefing.equal_files}
            for file_name, file_sha256 in _file_hashes(briefing)
        ],
        "patrol": briefing.run.parameters.get("patrol", ""),
        "warnings": list(briefing.warnings),
    }


def _file_rows(briefing: BriefingAnswer) -> Iterator[dict[str, object]]:
    for file_name, file_sha256 in _file_hashes(briefing):
        equal_text = str(file_name in briefing.equal_files).lower()
        yield {"file": briefing.folder / file_name, "sha256": file_sha256, "equal": equal_text}


def _file_hashes(briefing: BriefingAnswer) -> Iterator[tuple[str, str]]:
    from becalm.formats.durable_files import sha256_of_text

    return ((name, sha256_of_text(content)) for name, content in briefing.texts.items())


def _briefing_lines(briefing: BriefingAnswer, *, workspace_words: Sequence[str]) -> Iterator[str]:
    yield briefing.headline
    if "hotspots.geojson" in briefing.texts:
        yield f"{briefing.hotspots} hotspots are listed, each with its certainty."
    else:
        yield "No hotspots are listed; the page says why."
    yield _patrol_line(briefing)
    if briefing.equal_files:
        yield f"Byte for byte the same as the original: {', '.join(briefing.equal_files)}."
    yield ""
    yield f"The briefing is in {briefing.folder}: {', '.join(briefing.texts)}"
    yield f"Next: open {briefing.folder / 'index.html'} in a browser, or print it."
    if not briefing.equal_files:
        repeat_words = ("becalm", "run", "--again", str(briefing.folder / "run.json"), *workspace_words)
        yield f"      {shlex.join(repeat_words)}   makes the same briefing again"


def _patrol_line(briefing: BriefingAnswer) -> str:
    patrol_page = briefing.patrol.page
    if patrol_page is None:
        return briefing.patrol.note
    seed_commitment = patrol_page.plan.commitment
    return (
        f"The patrol plan, {patrol_page.days_in_words}: {len(patrol_page.plan.bursts):,} bursts; sealed seed "
        f"{seed_commitment['commitment'][:12]} (entry {seed_commitment['entry']})."
    )
