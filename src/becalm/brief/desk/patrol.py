"""The patrol plan in the briefing: the one that stands for the day, or a new one from a sealed seed."""

from dataclasses import replace
from datetime import date, timedelta

from becalm.desk import Desk
from becalm.find.desk.hotspots import HotspotAnswer
from becalm.find.desk.override import pinned_entries
from becalm.formats.durable_files import sha256_of_text
from becalm.patrol.core.record_age import describe_record_age
from becalm.patrol.core.request import InputsRequest, PlanRequest, SealRequest
from becalm.patrol.core.seed_history import SeedHistory
from becalm.patrol.desk.hotspots import describe_override_differences
from becalm.patrol.desk.inputs import find_policy
from becalm.patrol.desk.open_seed import redraw_sealed
from becalm.patrol.desk.plan import plan_patrol
from becalm.patrol.desk.seed import audit_patrol, sealed_box
from becalm.patrol.files.plan_view import PatrolSection
from becalm.patrol.files.read_plan import plan_of_texts
from becalm.patrol.files.read_policy import load_policy
from becalm.patrol.files.write_plan import PlanDocument, visits_csv
from becalm.render import number_format
from becalm.staff.desk.roster import find_published_tours
from becalm.tables.months_on_record import last_day_of
from becalm.terms import FileName, InputError, PlanError, ReplayError, RunRecord, UsageError
from becalm.workspace.config import UNITS_FILE

PLAN = "patrol/plan.json"
PATROL_PIN = "patrol/"
DAYS = 14
PLAN_TASK = "plan patrols"
NO_UNITS = (
    "No patrol plan: this workspace has no units. Describe who patrols, from where and when, in units.toml "
    "(see docs/how-to/patrol-walk-through.md). The briefing then ends with a plan."
)
NO_HOTSPOTS = "No patrol plan: there are no hotspots to plan for."


def find_patrol_task(
    desk: Desk, *, hotspot_source: str, last_month: str, day: date | None, old_records_reason: str
) -> tuple[str, str]:
    """What a run would do about patrols from this day on (without one: tomorrow), and what it needs for it.

    `last_month` is the last one that the list would be made of.
    """
    first_day = day or desk.today + timedelta(days=1)
    if not (desk.workspace.path / UNITS_FILE).is_file():
        return PLAN_TASK, NO_UNITS
    plan_history = _find_active_plan(desk, first_day)
    if plan_history is not None:
        return (
            f"take the patrol plan that stands, {plan_history.first_day} to {plan_history.last_day} "
            f"(sealed seed {plan_history.commitment[:12]})",
            "",
        )
    if not last_month:
        return PLAN_TASK, NO_HOTSPOTS
    inputs = _plan_inputs(desk, first_day)
    task = f"{PLAN_TASK}, {first_day} to {first_day + timedelta(days=inputs.days - 1)}"
    if inputs.days < DAYS:
        task += f" ({inputs.days} of {DAYS} days: the roster in force ends then)"
    rule = load_policy(find_policy(desk.workspace, None)).records
    age_text = describe_record_age(first_day, last_day_of(last_month), hotspot_source, rule)
    return task, "" if old_records_reason.strip() else age_text


def add_patrol(
    desk: Desk,
    run: RunRecord,
    hotspots: HotspotAnswer | None,
    *,
    day: date | None = None,
    old_records_reason: str = "",
) -> RunRecord:
    """The run with its patrol plan named: by its commitment, with the hash of the plan and of its sources.

    A plan that stands for the day (without one: tomorrow) is taken as it is, for a second one would be a
    re-roll; else one is made. Where none can be made, the run says why.
    """
    first_day = day or desk.today + timedelta(days=1)
    if not (desk.workspace.path / UNITS_FILE).is_file():
        return _note_no_plan(run, NO_UNITS)
    plan_history = _find_active_plan(desk, first_day)
    if plan_history is None:
        if hotspots is None:
            return _note_no_plan(run, NO_HOTSPOTS)
        try:
            plan_request = PlanRequest(
                inputs=_plan_inputs(desk, first_day), seal=SealRequest(old_records_reason=old_records_reason)
            )
            plan_history = plan_patrol(desk, plan_request, hotspot_list=hotspots).history
        except (PlanError, InputError, UsageError) as error:
            message = error.message.replace("`old_records_reason`", "`becalm run --old-records-reason`")
            return _note_no_plan(run, f"No patrol plan could be made. {message}")
    plan_texts = sealed_box(desk).plans(plan_history.commitment)
    if not plan_texts:
        raise ReplayError(
            f"The sealed plan of {plan_history.commitment[:12]} is not in this workspace. Restore it."
        )
    plan_json = plan_texts[-1]  # as it stands after its last re-plan
    sealed_plan = _parse_plan(desk, plan_history.commitment, plan_json)
    sha256_by_source = {
        f"{PATROL_PIN}{name}": sha for name, sha in sealed_plan.sources.items() if len(sha) == 64
    }
    return replace(
        run,
        parameters={**run.parameters, "patrol": plan_history.commitment, "patrol_day": first_day.isoformat()},
        data=dict(
            sorted({**run.data, PLAN: sha256_of_text(plan_json), **sha256_by_source}.items())
        ),  # as it is read again
    )


def _plan_inputs(desk: Desk, first_day: date) -> InputsRequest:
    """Two weeks of the workspace's units; of the crews of the roster in force, as far as it goes."""
    coverage = find_published_tours(desk, first_day)
    if coverage is None:
        return InputsRequest(first_day=first_day, days=DAYS)
    units_file, days = coverage
    return InputsRequest(first_day=first_day, days=min(DAYS, days), units=FileName(str(units_file)))


def patrol_part(desk: Desk, run: RunRecord) -> PatrolSection:
    """What the briefing says of patrol: read from the sealed plan that the run names, and nothing else."""
    seed_commitment = str(run.parameters.get("patrol") or "")
    if not seed_commitment:
        return PatrolSection(None, None, str(run.parameters.get("patrol_note") or NO_UNITS))
    plan_document = _parse_plan(desk, seed_commitment, _read_pinned(desk, run, seed_commitment))
    try:
        first_day = date.fromisoformat(str(run.parameters["patrol_day"]))
    except (KeyError, ValueError) as error:
        raise ReplayError("The day of this run's patrol plan is no day. Restore its run.json.") from error
    return PatrolSection(
        plan_document,
        first_day,
        "",
        (
            *_describe_short_plan(plan_document),
            *describe_override_differences(plan_document.sources, pinned_entries(run.data)),
        ),
    )


def _describe_short_plan(plan: PlanDocument) -> tuple[str, ...]:
    """That the plan ends early, as it does where the roster in force does."""
    inputs = plan.inputs
    if inputs.days >= DAYS:
        return ()
    last_day = inputs.first_day + timedelta(days=inputs.days - 1)
    day_text = f"{last_day:%A} {number_format.day(last_day)}"
    return (
        f"The plan covers {inputs.days} of {DAYS} days and ends on {day_text}. "
        "Make a roster for the days after it, and the next run plans them.",
    )


def check_drawn_plan(desk: Desk, run: RunRecord) -> None:
    """Refuse to repeat a run whose plan is not what its sealed seed gives."""
    commitment = str(run.parameters.get("patrol") or "")
    if not commitment:
        return
    sealed_plan = _parse_plan(desk, commitment, _read_pinned(desk, run, commitment))
    redrawn_plan = redraw_sealed(desk, sealed_plan)
    if visits_csv(redrawn_plan.inputs, redrawn_plan.bursts) != visits_csv(
        sealed_plan.inputs, sealed_plan.bursts
    ):
        raise ReplayError(
            f"The sealed seed {commitment[:12]} does not give the bursts of the plan that this run names. "
            "Either the plan was altered, or a package that becalm uses has changed (see `pip freeze`)."
        )


def _note_no_plan(run: RunRecord, note: str) -> RunRecord:
    return replace(run, parameters={**run.parameters, "patrol_note": note})


def _find_active_plan(desk: Desk, day: date) -> SeedHistory | None:
    """The newest plan that covers this day for all areas, if its sealed copy is here."""
    planned_histories = [
        s for s in audit_patrol(desk).histories if s.plans and not s.area and s.overlaps(day, 1, "")
    ]
    sealed_histories = [
        s for s in planned_histories if sealed_box(desk).text(s.commitment, "plan.json") is not None
    ]
    return max(sealed_histories, key=lambda s: s.seq, default=None)


def _read_pinned(desk: Desk, run: RunRecord, commitment: str) -> str:
    """The very plan that the run names by its hash."""
    plan_sha256 = run.data.get(PLAN)
    plan_texts = sealed_box(desk).plans(commitment)
    plan_json = next(
        (plan_json for plan_json in plan_texts if sha256_of_text(plan_json) == plan_sha256), None
    )
    if plan_json is None:
        raise ReplayError(
            f"The sealed plan that this run names (commitment {commitment[:12]}) is not in "
            f"{desk.workspace.path} as it was. Restore patrol/sealed from a backup."
        )
    return plan_json


def _parse_plan(desk: Desk, commitment: str, text: str) -> PlanDocument:
    plan_visits = sealed_box(desk).visits_of(commitment, text)
    return plan_of_texts(text, plan_visits, where=f"the sealed plan of {commitment[:12]}")
