"""The page of patrol."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from becalm.console.job_page import Act, FolderList, JobPage

if TYPE_CHECKING:
    from becalm.desk import Desk

PLANS: Final = FolderList(
    page="plans",
    title="Plans",
    lead="Units, nights and doses of each plan. Times are for those who plan and those who check.",
    record="plan.json",
    mark="visits.csv",
    tables={"forecast.csv": "Dosage against target", "visits.csv": "Visits, by unit and night"},
    filters=("unit", "area", "day", "hotspot"),
)


def delivery_files(desk: Desk) -> Mapping[str, Path]:
    """What was delivered, as files that were put into `delivered` of the workspace."""
    root = desk.workspace.path
    return {str(path.relative_to(root)): path for path in sorted(root.glob("delivered/*.csv"))}


OF_PLAN: Final = {"plan": PLANS.paths}
REPLANS: Final = ("patrol_replan_begun", "patrol_seed_revealed")
BLACKOUTS: Final = ("blackout_set", "blackout_ended")
ACTS: Final = {
    "patrol check": Act("Is a plan sound?", "Check it", is_look=True, files=OF_PLAN),
    "patrol forecast": Act("Dosage against target", "Show it", is_look=True, files=OF_PLAN),
    "patrol board": Act("Who is where in the next hour", "Show it", is_look=True, files=OF_PLAN),
    "patrol delivered": Act(
        "Planned and delivered",
        "Compare them",
        is_look=True,
        files={**OF_PLAN, "traces": delivery_files, "check_ins": delivery_files},
    ),
    "patrol replan": Act("Draw a tour again", "Draw it again", files=OF_PLAN, watched=REPLANS),
    "patrol blackout": Act("Keep units away from a place", watched=BLACKOUTS),
    "patrol end-blackout": Act("End such hours early", watched=BLACKOUTS),
}
PAGE = JobPage(
    job="patrol",
    heading="Patrol",
    lead="Which crew goes to which hotspot when, so that the dosage is right and nobody can guess?",
    labels={
        "patrol capacity": "What the units can carry",
        "patrol blackouts": "Hours in which no plan is drawn",
        "patrol audit": "Seeds and plans, checked",
    },
    acts=ACTS,
    folders=(PLANS,),
    by_command=(
        "Plans are drawn and opened with `becalm patrol plan` and `becalm patrol reveal`; "
        "`becalm patrol certificate` says how well a log of visits can be guessed."
    ),
)
