"""The chances that a plan's bursts had, written beside it for whoever evaluates or audits it."""

from dataclasses import dataclass
from pathlib import Path

from becalm.desk import Desk
from becalm.formats.durable_files import make_private_folder, write_durably
from becalm.patrol.core import chances as chances_core
from becalm.patrol.core.request import ChancesRequest
from becalm.patrol.desk import seed
from becalm.patrol.desk.replan import redraw_plan
from becalm.patrol.files import chances as chance_files
from becalm.patrol.files.plan_files import update_checksums
from becalm.patrol.files.read_plan import read_plan
from becalm.terms import PlanError


@dataclass(frozen=True, slots=True)
class WrittenChances:
    """Two files beside a plan, and how sure their chances are."""

    folder: Path
    chances: chances_core.Chances
    files: tuple[str, ...]
    replan_count: int


def write_chances(desk: Desk, request: ChancesRequest) -> WrittenChances:
    """How likely was each start? Draws the plan's law again and again, and writes both files beside it.

    Raises PlanError where the seed of the plan is no longer in this workspace, or gives another plan: the
    chances of units are those of its very draw.
    """
    path = Path(request.plan)
    plan, folder = read_plan(path), path if path.is_dir() else path.parent
    seed.check_planner(plan.version)
    if plan.sealed_inputs is not plan.inputs:
        raise PlanError(
            "Units joined this plan after it was drawn, and the chances of such a plan are not worked out. "
            "Take those of the plan as it was before, from `patrol/sealed`."
        )
    history = seed.find_seed_history(desk, str(plan.commitment.get("commitment") or ""))
    key = seed.open_sealed(desk, history).key
    redrawn_plan, steps = redraw_plan(plan, key)
    if set(redrawn_plan.bursts) != set(plan.bursts):
        raise PlanError(
            f"The sealed seed {history.commitment[:12]} does not give this plan: its chances are not known. "
            "Use the plan as becalm wrote it, with the version of becalm that wrote it."
        )
    areas = {place.area for place in plan.inputs.places}
    with desk.progress("chances", total=request.draws * len(areas), unit="draws") as advance:
        chances = chances_core.estimate_chances(
            plan.inputs, plan.distribution, steps=steps, draws=request.draws, advance=advance
        )
    with desk.progress("units", total=len(plan.inputs.shifts), unit="tours") as advance:
        unit_chances = chances_core.list_unit_chances(
            plan.inputs, plan.distribution, key, redrawn_plan.routes, steps=steps, advance=advance
        )
        content_by_name = {chance_files.UNIT_CHANCES_NAME: chance_files.unit_chances_csv(unit_chances)}
    content_by_name[chance_files.CHANCES_NAME] = chance_files.chances_csv(chances)
    make_private_folder(folder / "auditor")
    for name, content in content_by_name.items():
        write_durably(folder / name, content)
    update_checksums(folder, content_by_name)
    return WrittenChances(folder, chances, tuple(sorted(content_by_name)), len(steps))
