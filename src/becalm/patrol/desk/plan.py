"""Planning patrols: gather, commit, draw, write. The seed is sealed in the ledger before a burst is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from becalm.desk import Desk, record_event
from becalm.find.desk.hotspots import HotspotAnswer
from becalm.find.desk.override import active_entries
from becalm.formats.durable_files import sha256_of_text
from becalm.formats.json_text import json_text
from becalm.ledger import Fact
from becalm.patrol.core.plan import fit_distribution, plan_bursts
from becalm.patrol.core.plan_result import RouteDistribution
from becalm.patrol.core.request import CommitRequest, InputsRequest, PlanRequest
from becalm.patrol.core.seed_history import Ground, SeedHistory
from becalm.patrol.desk import seed
from becalm.patrol.desk.blackouts import describe_new_blackouts
from becalm.patrol.desk.hotspots import describe_override_differences
from becalm.patrol.desk.inputs import PatrolInputs, PinnedChoices, load_inputs
from becalm.patrol.desk.place_cards import load_plan_notes
from becalm.patrol.files.plan_files import PLAN_FOLDER, PLAN_NAMES, plan_files
from becalm.patrol.files.sealed_box import INPUTS
from becalm.patrol.files.write_plan import PlanDocument, capacity_rows, inputs_object, sha256_of_inputs
from becalm.render.pages import check_folder_free, write_folder
from becalm.terms import Advance, PlanError, ReplayError
from becalm.terms.request import request_values

SEALED_FILES: Final = ("plan.json", "visits.csv")
REQUEST: Final = "request.json"
OVERRIDES: Final = "overrides"
BLACKOUTS: Final = "blackouts"
FIRST_USE: Final = "First plan on this machine: the planner is being compiled, once, in 10 to 20 seconds."


@dataclass(frozen=True, slots=True)
class SeedCommitment:
    """A seed that was sealed for these days, and what it was sealed with."""

    history: SeedHistory
    inputs: PatrolInputs
    inputs_sha256: str


@dataclass(frozen=True, slots=True)
class WrittenPlan:
    """A plan that was drawn and written, and the commitment that it was drawn from."""

    folder: Path
    plan: PlanDocument
    history: SeedHistory
    files: Mapping[str, str | bytes]
    inputs: PatrolInputs
    is_reissue: bool  # the same plan as before, from the same sealed seed
    override_differences: tuple[str, ...] = ()  # what holds now and the plan does not keep, or the reverse


def commit_patrol(desk: Desk, request: CommitRequest) -> SeedCommitment:
    """Seal a seed for these days, so that an overseer can add a share before anything is drawn."""
    inputs = load_inputs(
        desk, request.inputs, arms=request.arms, old_records_reason=request.seal.old_records_reason
    )
    with desk.progress("commit", total=_area_count(inputs), unit="areas") as advance:
        inputs_sha256 = _hash_inputs(inputs, fit_distribution(inputs.plan_inputs, advance=advance))
    period, rule = _seed_period(request.inputs, inputs), inputs.book.seals
    history = seed.seal_seed(desk, period, request.seal, rule, inputs_sha256=inputs_sha256)
    _keep_choices(desk, history, request, inputs)
    return SeedCommitment(history, inputs, inputs_sha256)


def plan_patrol(
    desk: Desk,
    request: PlanRequest,
    *,
    hotspot_list: HotspotAnswer | None = None,
    on_capacity: Callable[[PatrolInputs], None] = lambda _: None,
) -> WrittenPlan:
    """Which unit is where when? Drawn from a sealed seed, and written to a folder.

    A seed that was committed to for exactly these days and inputs is used; where its plan was drawn
    already, the same plan is written again. `hotspot_list` is one that was made already; `on_capacity` is
    called with the arithmetic before anything is drawn.

    Raises PlanError where no plan can be made of the inputs, or another seed for these days would be a
    re-roll.
    """
    folder = Path(request.out) if request.out else default_folder(desk, request.inputs.first_day)
    check_folder_free(folder, PLAN_NAMES, kind=PLAN_FOLDER)
    share, period = seed.read_share(request.overseer_share), _seed_period(request.inputs)
    active_seed = None if request.seal.again.strip() else seed.find_active_seed(desk, period)
    if active_seed:
        seed.check_planner(active_seed.version)
    seed.check_share_counts(desk, share, active_seed)
    pinned_choices = _pinned_choices(desk, active_seed)
    inputs = load_inputs(
        desk,
        request.inputs,
        arms=request.arms,
        hotspot_list=hotspot_list,
        pins=pinned_choices,
        old_records_reason=request.seal.old_records_reason,
    )
    on_capacity(inputs)
    notes = load_plan_notes(desk, request.inputs, inputs.plan_inputs)
    with desk.progress("plan", total=3 * _area_count(inputs), unit="areas") as advance:
        # Fitted before a seed is sealed: whatever forbids a plan is found here, and leaves no seed behind.
        distribution = fit_distribution(inputs.plan_inputs, advance=advance)
        history = _commit(desk, request, inputs, distribution, active_seed, share)
        sealed_seed = seed.open_sealed(desk, history, share=share)
        plan = _draw_plan(inputs, distribution, sealed_seed, advance)
    plan_texts = plan_files(plan, notes)
    is_reissue = _record_plan(desk, sealed_seed, plan, plan_texts)
    write_folder(folder, plan_texts, kind=PLAN_FOLDER)
    differences = (
        *describe_override_differences(inputs.sources, active_entries(desk)),
        *describe_new_blackouts(desk, inputs.blackouts, inputs.plan_inputs),
    )
    return WrittenPlan(folder, plan, history, plan_texts, inputs, is_reissue, differences)


def default_folder(desk: Desk, first_day: date) -> Path:
    """Where a plan goes if nobody says otherwise."""
    return desk.workspace.path / "patrol" / f"plan-{first_day}"


def is_first_use() -> bool:
    """Must a kernel still be compiled? They are kept beside the program, else in the user's own cache.

    What was compiled from an older version of becalm is of no use, and counts as nothing.
    """
    from becalm.methods.routes.draw_walkers import draw_routes
    from becalm.methods.routes.route_sums import expect_visits

    compiled_kernels: tuple[Any, ...] = (expect_visits, draw_routes)
    # numba says nowhere else whether a kernel is kept.
    kernel_caches = (kernel._cache._cache_file for kernel in compiled_kernels)
    return not all(cache._load_index() for cache in kernel_caches)


def _area_count(inputs: PatrolInputs) -> int:
    return len({place.area for place in inputs.plan_inputs.places})


def _seed_period(request: InputsRequest, inputs: PatrolInputs | None = None) -> seed.SeedPeriod:
    plan_inputs = inputs.plan_inputs if inputs else None
    unit_names = (shift.unit for shift in plan_inputs.shifts) if plan_inputs else ()
    ground = Ground.of(plan_inputs.places, unit_names) if plan_inputs else Ground()
    return seed.SeedPeriod(request.first_day, request.days, request.area, ground)


def _commit(
    desk: Desk,
    request: PlanRequest,
    inputs: PatrolInputs,
    distribution: RouteDistribution,
    active_seed: SeedHistory | None,
    share: bytes,
) -> SeedHistory:
    """The seed that was sealed for these inputs already, else one that is sealed now."""
    inputs_sha256, period = _hash_inputs(inputs, distribution), _seed_period(request.inputs, inputs)
    if active_seed is None:
        history = seed.seal_seed(
            desk, period, request.seal, inputs.book.seals, inputs_sha256=inputs_sha256, share=share
        )
        _keep_choices(desk, history, request, inputs)
        return history
    if active_seed.inputs_sha256 != inputs_sha256:
        raise PlanError(
            f"A seed was sealed for {period} (entry {active_seed.seq}), and what the plan would be made of "
            "is no longer what it was sealed with: units, hotspots, streets, policy or an option were "
            "changed since. Restore them, or give the reason for a re-roll with `again`."
        )
    return active_seed


def _hash_inputs(inputs: PatrolInputs, distribution: RouteDistribution) -> str:
    return sha256_of_inputs(inputs_object(inputs.plan_inputs, distribution, crs=inputs.crs))


def _draw_plan(
    inputs: PatrolInputs, distribution: RouteDistribution, sealed_seed: seed.SealedSeed, advance: Advance
) -> PlanDocument:
    plan = plan_bursts(
        inputs.plan_inputs, key=sealed_seed.key, distribution=distribution, bound=True, advance=advance
    )
    history = sealed_seed.history
    return PlanDocument.of(
        plan,
        inputs.plan_inputs,
        version=seed.PLANNER,
        crs=inputs.crs,
        commitment={
            "commitment": history.commitment,
            "entry": history.seq,
            "area": history.area,
            "share_sha256": sealed_seed.share_sha256,
            "again": history.reason,
            "replans": [],
        },
        sources=inputs.sources,
        capacity=capacity_rows(inputs.capacity),
        notes=inputs.notes,
    )


def _record_plan(
    desk: Desk, sealed_seed: seed.SealedSeed, plan: PlanDocument, files: Mapping[str, str | bytes]
) -> bool:
    """Keep the plan sealed and record it; True where this very plan was recorded before."""
    history, box = sealed_seed.history, seed.sealed_box(desk)
    plan_sha256 = sha256_of_text(files["plan.json"])
    first_plan = next((record for record in history.plans if record.replan == 0), None)
    if first_plan and first_plan.plan_sha256 != plan_sha256:
        raise ReplayError(
            f"The sealed seed {history.commitment[:12]} gave another plan on "
            f"{first_plan.recorded_at:%Y-%m-%d} than it gives now. Either becalm or a package that it "
            "depends on has changed; nothing was written."
        )
    for name in SEALED_FILES:
        box.keep(history.commitment, name, str(files[name]))
    if first_plan:
        return True
    plan_facts: dict[str, Fact] = {
        "plan_sha256": plan_sha256,
        "visits_sha256": sha256_of_text(files["visits.csv"]),
        "inputs_sha256": history.inputs_sha256,
        "commitment": history.commitment,
        "first_day": history.first_day.isoformat(),
        "days": history.days,
        "bursts": len(plan.bursts),
        "units": len({shift.unit for shift in plan.inputs.shifts}),
        "replan": 0,
    }
    optional_facts = {"area": history.area, "share_sha256": sealed_seed.share_sha256}
    plan_facts |= {name: value for name, value in optional_facts.items() if value}
    record_event(desk, "bursts_planned", purpose=seed.PURPOSE, facts=plan_facts)
    return False


def _keep_choices(
    desk: Desk, history: SeedHistory, request: CommitRequest | PlanRequest, inputs: PatrolInputs
) -> None:
    """Keep beside the seed what was asked for, and what was chosen with it."""
    overrides_line = " ".join((OVERRIDES, *map(str, inputs.overrides)))
    blackouts_line = " ".join((BLACKOUTS, *map(str, inputs.blackouts)))
    choice_lines = (str(inputs.find_seed), overrides_line, blackouts_line, *inputs.earlier_plans)
    choices_text = "\n".join(choice_lines) + "\n"
    sealed_store = seed.sealed_box(desk)
    sealed_store.keep(history.commitment, INPUTS, choices_text)
    sealed_store.keep(history.commitment, REQUEST, json_text(request_values(request)))


def _pinned_choices(desk: Desk, history: SeedHistory | None) -> PinnedChoices:
    """What was kept beside this seed; nothing where none was sealed yet."""
    choices_text = seed.sealed_box(desk).text(history.commitment, INPUTS) if history else None
    if not choices_text:
        return PinnedChoices()
    find_seed, *choice_lines = choices_text.splitlines()
    entries_by_word = {
        word: tuple(map(int, entries))
        for word, *entries in map(str.split, choice_lines)
        if word in (OVERRIDES, BLACKOUTS)
    }
    plan_lines = tuple(line for line in choice_lines if line.split()[0] not in (OVERRIDES, BLACKOUTS))
    return PinnedChoices(
        int(find_seed), entries_by_word.get(OVERRIDES, ()), plan_lines, entries_by_word.get(BLACKOUTS, ())
    )
