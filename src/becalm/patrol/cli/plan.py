"""`becalm patrol commit` and `becalm patrol plan`: a sealed seed first, then the bursts that it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Format, Session
from becalm.console.emit import View
from becalm.patrol.core.request import CommitRequest, PlanRequest

if TYPE_CHECKING:
    from becalm.patrol.desk.inputs import PatrolInputs
    from becalm.patrol.desk.plan import SeedCommitment, WrittenPlan

MOST_SHORTFALLS = 5


def commit(session: Session, request: CommitRequest) -> None:
    """Seal a seed for these days, so that an overseer can add a share before anything is drawn."""
    from becalm.patrol.desk.plan import commit_patrol

    say_first_use()
    commitment = commit_patrol(session.open_desk(), request)
    session.emit(
        commitment, View(_commitment_data, lambda answer: [_commitment_data(answer)], _commitment_lines)
    )


def plan(session: Session, request: PlanRequest) -> None:
    """Plan bursts for every unit: the arithmetic first, then a sealed seed, then the draw."""
    from becalm.patrol.desk.plan import plan_patrol

    say_first_use()
    written_plan = plan_patrol(
        session.open_desk(), request, on_capacity=lambda inputs: _print_capacity(session, inputs)
    )
    screen_lines = (*_plan_lines(written_plan), *_next_lines(written_plan.folder, session.workspace))
    session.emit(written_plan, View(_plan_data, _file_rows, lambda _: screen_lines))


def say_first_use() -> None:
    """Say why the first plan on a machine takes longer."""
    from becalm.patrol.desk.plan import FIRST_USE, is_first_use

    if is_first_use():
        typer.echo(FIRST_USE, err=True)


def _print_capacity(session: Session, inputs: PatrolInputs) -> None:
    from becalm.console.emit import print_lines
    from becalm.patrol.cli.capacity import capacity_lines

    if session.format is Format.table:
        print_lines(capacity_lines(inputs))


def _commitment_data(commitment: SeedCommitment) -> dict[str, object]:
    history = commitment.history
    return {
        "commitment": history.commitment,
        "entry": history.seq,
        "from": history.first_day.isoformat(),
        "days": history.days,
        "area": history.area,
        "inputs_sha256": commitment.inputs_sha256,
        "reveal_after": history.reveal_after.isoformat() if history.reveal_after else None,
        "again": history.reason,
    }


def _commitment_lines(commitment: SeedCommitment) -> Iterator[str]:
    history = commitment.history
    yield f"Sealed a seed for {history.first_day} to {history.last_day}: entry {history.seq} of the ledger"
    yield f"  commitment  {history.commitment}"
    yield f"  inputs      {commitment.inputs_sha256}"
    yield "Nothing is drawn yet. An overseer can now add a share:"
    yield f"  becalm patrol plan --from {history.first_day} --days {history.days} --overseer-share FILE"
    yield "with every other option as you gave it here; otherwise it would be a different plan."


def _plan_data(answer: WrittenPlan) -> dict[str, object]:
    from becalm.formats.durable_files import sha256_of_text
    from becalm.patrol.files.plan_view import PlanPage

    plan, forecast = answer.plan, PlanPage(answer.plan).forecast
    return {
        "folder": str(answer.folder),
        "from": plan.inputs.first_day.isoformat(),
        "days": plan.inputs.days,
        "bursts": len(plan.bursts),
        "unit_shifts": len(plan.inputs.shifts),
        "places": len(plan.inputs.places),
        "expected_error": round(forecast.expected_error, 4),
        "drawn_error": round(forecast.drawn_error, 4),
        "bits": round(plan.bits, 1),
        "entropy_ratio": round(plan.entropy_ratio, 4) if plan.entropy_ratio else None,
        "travel_share": round(plan.travel_share, 4),
        "shortfalls": len(plan.shortfalls),
        "commitment": answer.history.commitment,
        "entry": answer.history.seq,
        "again": answer.history.reason,
        "issued_again": answer.is_reissue,
        "files": [
            {"file": name, "sha256": sha256_of_text(content)} for name, content in answer.files.items()
        ],
        "notes": list(answer.inputs.notes),
        "overrides": list(answer.inputs.overrides),
        "overrides_unlike_now": list(answer.override_differences),
    }


def _file_rows(answer: WrittenPlan) -> Iterator[Mapping[str, object]]:
    from becalm.formats.durable_files import sha256_of_text

    for name, content in answer.files.items():
        yield {"file": str(answer.folder / name), "sha256": sha256_of_text(content)}


def _plan_lines(answer: WrittenPlan) -> Iterator[str]:
    from becalm.patrol.files.plan_view import PlanPage

    page, plan, history = PlanPage(answer.plan), answer.plan, answer.history
    yield ""
    if answer.is_reissue:
        yield "This plan had been drawn before. It is written again, byte for byte the same."
    yield (
        f"{len(plan.bursts):,} bursts for {len(plan.inputs.shifts):,} tours at {len(plan.inputs.places)} "
        f"places, {plan.inputs.first_day} to {history.last_day}"
    )
    yield (
        f"  dosage      expected visits differ from target by {page.forecast.expected_error:.1%}, drawn "
        f"visits by {page.forecast.drawn_error:.1%}; {len(page.forecast.outside)} places outside their band"
    )
    ratio_text = f", {plan.entropy_ratio:.0%} of the maximum" if plan.entropy_ratio else ""
    yield f"  randomness  {page.bits_per_tour:.0f} bits a tour{ratio_text}"
    yield f"  travel      {plan.travel_share:.0%} of duty"
    for shortfall in plan.shortfalls[:MOST_SHORTFALLS]:
        yield f"  falls short {shortfall.hotspot}: {shortfall.reason}; what would help: {shortfall.remedy}"
    if len(plan.shortfalls) > MOST_SHORTFALLS:
        yield f"              and {len(plan.shortfalls) - MOST_SHORTFALLS} more, on the page"
    for sentence in answer.override_differences:
        yield f"  override    {sentence}"
    if history.reason:
        yield f"  RE-ROLL     a seed had been sealed for these days before; reason: {history.reason}"
    yield f"  commitment  {history.commitment} (entry {history.seq})"
    yield ""
    yield (f"The plan is in {answer.folder}. Keep it to yourself: visits.csv and auditor/ list every burst.")


def _next_lines(folder: Path, workspace: Path | None) -> Iterator[str]:
    workspace_option = f" --workspace {workspace}" if workspace else ""
    yield f"Next: becalm patrol check {folder}"
    yield f"      becalm patrol next {folder} --unit UNIT{workspace_option}   for a unit's next two bursts"
    yield f"      {folder / 'index.html'}   for the commander; {folder / 'units'} for the units"
