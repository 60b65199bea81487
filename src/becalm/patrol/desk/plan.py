"""Planning patrols: gather, commit, draw, write. The seed is sealed in the ledger before a burst is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from becalm.desk import Desk
from becalm.desk.audit import record_event
from becalm.find.desk.hotspots import HotspotAnswer
from becalm.find.desk.override import active_entries
from becalm.ledger.event import Fact
from becalm.patrol.core.plan import fit_distribution, plan_bursts
from becalm.patrol.core.plan_result import Propensities, RouteDistribution
from becalm.patrol.core.seal import SeedHistory
from becalm.patrol.desk.hotspots import overrides_unlike
from becalm.patrol.desk.inputs import PatrolInputs, PatrolQuestion, gather_inputs
from becalm.patrol.desk.seed import (
    PROGRAM,
    PURPOSE,
    REVEAL_DAYS,
    Period,
    SealedSeed,
    audit_patrol,
    open_sealed,
    seal_seed,
    sealed_box,
    standing,
)
from becalm.patrol.files.folder import PLAN_FOLDER, PLAN_NAMES, plan_files, sha256_of_text
from becalm.patrol.files.plan import PlanDocument, capacity_rows, inputs_object, sha256_of_inputs
from becalm.patrol.files.sealed_box import INPUTS
from becalm.render.folder import require_free, write_folder
from becalm.terms import PlanError, ReplayError

SEALED_FILES = ("plan.json", "visits.csv")
OVERRIDES = "overrides"


@dataclass(frozen=True, slots=True)
class SeedCommitted:
    """A seed that was sealed for these days, and what it was sealed with."""

    story: SeedHistory
    inputs: PatrolInputs
    inputs_sha256: str


@dataclass(frozen=True, slots=True)
class PlanMade:
    """A plan that was drawn and written, and the commitment that it was drawn from."""

    folder: Path
    plan: PlanDocument
    story: SeedHistory
    files: Mapping[str, str | bytes]
    inputs: PatrolInputs
    issued_again: bool  # the same plan as before, from the same sealed seed
    unlike: tuple[str, ...] = ()  # overrides that hold now and that the plan does not keep, or the reverse


def commit_patrol(
    desk: Desk,
    question: PatrolQuestion,
    *,
    again: str = "",
    share: bytes = b"",
    reveal_days: int = REVEAL_DAYS,
) -> SeedCommitted:
    """Seal a seed for these days, so that an overseer can bring a share before anything is drawn."""
    period = _period(question)
    inputs = gather_inputs(desk, question)
    sha256 = _sha256_of(inputs, fit_distribution(inputs.plan_inputs))
    story = seal_seed(desk, period, inputs_sha256=sha256, again=again, share=share, reveal_days=reveal_days)
    _pin(desk, story, inputs)
    return SeedCommitted(story, inputs, sha256)


def plan_patrol(
    desk: Desk,
    question: PatrolQuestion,
    *,
    out: Path | None = None,
    again: str = "",
    share: bytes = b"",
    reveal_days: int = REVEAL_DAYS,
    found: HotspotAnswer | None = None,
    tell: Callable[[PatrolInputs], None] | None = None,
) -> PlanMade:
    """Which unit is where when? Drawn from a sealed seed, and written to `out`.

    A seed that was committed to for exactly these days and inputs is used; where its plan was drawn
    already, the same plan is written again. `tell` is called with the arithmetic before anything is drawn.

    Raises
    ------
    PlanError
        where no plan can be made of the inputs, or another seed for these days would be a re-roll.
    """
    period = _period(question)
    folder = out or default_folder(desk, question.first_day)
    require_free(folder, PLAN_NAMES, kind=PLAN_FOLDER)
    held = None if again.strip() else standing(audit_patrol(desk).histories, period)
    pinned = _pinned(desk, held)
    inputs = gather_inputs(
        desk,
        question,
        seed=None if found else pinned.seed,
        found=found,
        before=pinned.before,
        overrides=pinned.overrides,
    )
    if tell is not None:
        tell(inputs)
    distribution = fit_distribution(
        inputs.plan_inputs
    )  # whatever forbids a plan is found here, before a seed is sealed
    sha256 = _sha256_of(inputs, distribution)
    if held is None:
        held = seal_seed(
            desk, period, inputs_sha256=sha256, again=again, share=share, reveal_days=reveal_days
        )
        _pin(desk, held, inputs)
    elif held.inputs_sha256 != sha256:
        raise PlanError(_inputs_changed(period, held))
    sealed = open_sealed(desk, held, share=share)
    plan, propensities = draw_plan(inputs, distribution, sealed)
    files = plan_files(plan, propensities)
    issued_again = _record(desk, sealed, plan, files)
    write_folder(folder, files, kind=PLAN_FOLDER)
    unlike = overrides_unlike(inputs.sources, active_entries(desk))
    return PlanMade(folder, plan, held, files, inputs, issued_again, unlike)


def default_folder(desk: Desk, first_day: date) -> Path:
    """Where a plan goes if nobody says otherwise."""
    return desk.workspace.path / "patrol" / f"plan-{first_day}"


def draw_plan(
    inputs: PatrolInputs, distribution: RouteDistribution, sealed: SealedSeed
) -> tuple[PlanDocument, Propensities]:
    """Draw the plan of this sealed seed."""
    made = plan_bursts(inputs.plan_inputs, key=sealed.key, distribution=distribution, bound=True)
    plan = PlanDocument.of(
        made,
        inputs.plan_inputs,
        version=PROGRAM,
        crs=inputs.crs,
        commitment=commitment_object(sealed),
        sources=inputs.sources,
        capacity=capacity_rows(inputs.capacity),
        notes=inputs.notes,
    )
    return plan, made.propensities


def commitment_object(sealed: SealedSeed) -> dict[str, object]:
    """What plan.json says of the seed that it was drawn from."""
    return {
        "commitment": sealed.story.commitment,
        "entry": sealed.story.seq,
        "area": sealed.story.area,
        "share_sha256": sealed.share_sha256,
        "again": sealed.story.reason,
        "replans": [],
    }


def _record(desk: Desk, sealed: SealedSeed, plan: PlanDocument, files: Mapping[str, str | bytes]) -> bool:
    """Keep the plan sealed and record it; True where this very plan was recorded before."""
    story, box = sealed.story, sealed_box(desk)
    plan_sha256 = sha256_of_text(files["plan.json"])
    before = [noted for noted in story.plans if noted.replan == 0]
    if before and before[0].plan_sha256 != plan_sha256:
        raise ReplayError(
            f"The sealed seed {story.commitment[:12]} gave another plan on "
            f"{before[0].recorded_at:%Y-%m-%d} than it gives now. Either becalm or a program that it stands "
            "on has changed; nothing was written."
        )
    for name in SEALED_FILES:
        box.keep(story.commitment, name, str(files[name]))
    if before:
        return True
    facts: dict[str, Fact] = {
        "plan_sha256": plan_sha256,
        "visits_sha256": sha256_of_text(files["visits.csv"]),
        "inputs_sha256": story.inputs_sha256,
        "commitment": story.commitment,
        "first_day": story.first_day.isoformat(),
        "days": story.days,
        "bursts": len(plan.bursts),
        "units": len({shift.unit for shift in plan.inputs.shifts}),
        "replan": 0,
    }
    optional = {"area": story.area, "share_sha256": sealed.share_sha256}
    facts |= {name: value for name, value in optional.items() if value}
    record_event(desk, "bursts_planned", purpose=PURPOSE, facts=facts)
    return False


def _pin(desk: Desk, story: SeedHistory, inputs: PatrolInputs) -> None:
    """Keep beside the seed what was chosen with it: the list's seed and overrides, the plans before."""
    kept = " ".join((OVERRIDES, *map(str, inputs.overrides)))
    text = "\n".join((str(inputs.find_seed), kept, *inputs.before)) + "\n"
    sealed_box(desk).keep(story.commitment, INPUTS, text)


@dataclass(frozen=True, slots=True)
class _Pinned:
    """What was chosen when a seed was sealed; None where nothing was yet."""

    seed: int | None = None
    overrides: tuple[int, ...] | None = None
    before: tuple[str, ...] | None = None


def _pinned(desk: Desk, story: SeedHistory | None) -> _Pinned:
    """What was kept beside this seed; nothing where none was sealed yet."""
    noted = sealed_box(desk).text(story.commitment, INPUTS) if story else None
    if not noted:
        return _Pinned()
    seed, *rest = noted.splitlines()
    kept = [line.split()[1:] for line in rest if line.startswith(OVERRIDES)]
    entries = tuple(int(entry) for line in kept for entry in line)
    return _Pinned(int(seed), entries, tuple(line for line in rest if not line.startswith(OVERRIDES)))


def _sha256_of(inputs: PatrolInputs, distribution: RouteDistribution) -> str:
    return sha256_of_inputs(inputs_object(inputs.plan_inputs, distribution, crs=inputs.crs))


def _period(question: PatrolQuestion) -> Period:
    return Period(question.first_day, question.days, question.area)


def _inputs_changed(period: Period, held: SeedHistory) -> str:
    return (
        f"A seed was sealed for {period} (entry {held.seq}), and what the plan would be made of is no longer "
        "what it was sealed with: units, hotspots, streets, policy or an option were changed since. Restore "
        "them, or give the reason for a re-roll with --again."
    )


FIRST_USE: Final = "The first plan on this machine: the planner is compiled, once, in 10 to 20 seconds."


def is_first_use() -> bool:
    """Must a kernel still be compiled? They are kept beside the program, else in the user's own cache.

    What was compiled from an older version of becalm is of no use, and counts as nothing.
    """
    from becalm.methods.routes.expected_visits import expect_visits
    from becalm.methods.routes.sequential_kernel import draw_routes

    kernels: tuple[Any, ...] = (expect_visits, draw_routes)
    kept = (kernel._cache._cache_file for kernel in kernels)  # numba tells it nowhere else
    return not all(file._load_index() for file in kept)
