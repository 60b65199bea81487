"""Questions to a plan that was written: does it keep the rules, what is a unit told, what may be expected?"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from becalm.desk import Desk, record_event
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import Fact
from becalm.patrol.core.blackouts import list_closures
from becalm.patrol.core.judge_plan import PlanVerdict, judge_plan
from becalm.patrol.core.request import SheetRequest
from becalm.patrol.desk.blackouts import load_blackouts
from becalm.patrol.desk.next_bursts import check_newest
from becalm.patrol.desk.place_cards import load_notes
from becalm.patrol.desk.seed import PURPOSE
from becalm.patrol.files.plan_files import SHEETS_FOLDER, unit_files
from becalm.patrol.files.plan_view import PlanPage
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.unit_sheets import Tour, tours_of
from becalm.patrol.files.write_plan import PlanDocument
from becalm.render.pages import check_folder_free, write_folder
from becalm.terms import Fault, InputError, PlanError, UsageError, suggest_word


@dataclass(frozen=True, slots=True)
class SheetFolder:
    """Sheets and calendars of one day."""

    folder: Path
    files: tuple[str, ...]
    units: int
    is_sealed: bool


def write_sheets(desk: Desk, request: SheetRequest) -> SheetFolder:
    """Write the sheets and calendars of a day: two bursts a unit, or the whole routes where `is_sealed`.

    That whole routes were written out is recorded in the ledger first.
    """
    path, day = Path(request.plan), request.day
    plan = read_plan(path)
    if request.unit:
        _tours_of_unit(plan, request.unit)
    check_newest(desk, str(plan.commitment.get("commitment") or ""), len(plan.commitment["replans"]))
    plan_folder = path if path.is_dir() else path.parent
    notes = load_notes(desk, plan_folder)
    sheet_files = unit_files(plan, day, is_sealed=request.is_sealed, unit=request.unit, notes=notes)
    if len(sheet_files) == 1:
        raise PlanError(f"Nobody is on duty on {day} in this plan. Name one of its days.")
    folder_name = f"{plan_folder.name}-sheets-{day}{'-sealed' if request.is_sealed else ''}"
    folder = Path(request.out) if request.out else plan_folder.parent / folder_name
    check_folder_free(folder, sheet_files, kind=SHEETS_FOLDER)
    if request.is_sealed:
        unit_text = request.unit or "all units"
        question_text = f"whole routes of {unit_text} on {day}, plan {plan.commitment.get('commitment')}"
        file_hashes = tuple((folder_name, sha256_of_text(text)) for folder_name, text in sheet_files.items())
        facts: dict[str, Fact] = {"question": question_text, "files": file_hashes}
        record_event(desk, "report_published", purpose=PURPOSE, facts=facts)
    write_folder(folder, sheet_files, kind=SHEETS_FOLDER)
    return SheetFolder(folder, tuple(sheet_files), (len(sheet_files) - 1) // 2, request.is_sealed)


def forecast_plan(plan: str) -> PlanPage:
    """What will each place and area get, and what cannot be met?"""
    return PlanPage(read_plan(Path(plan)))


def check_plan(plan: str, desk: Desk | None = None) -> PlanVerdict:
    """Which rules does the plan in this folder, or this plan.json, break? visits.csv lies beside it.

    With a desk, blackouts that were set since the plan was drawn count too.
    """
    plan_folder = Path(plan)
    plan_path = plan_folder / "plan.json" if plan_folder.is_dir() else plan_folder
    visits_path = plan_path.with_name("visits.csv")
    missing_files = [str(file) for file in (plan_path, visits_path) if not file.is_file()]
    if missing_files:
        missing_faults = tuple(
            Fault(name, "is not there", "give the folder of a plan") for name in missing_files
        )
        raise InputError("There is no plan to check", missing_faults)
    try:
        plan_json = json.loads(plan_path.read_bytes())
    except ValueError as error:
        json_fault = Fault(
            plan_path.name, f"is not JSON ({error})", "give the plan.json that a plan was written with"
        )
        raise InputError("The plan cannot be read", (json_fault,)) from error
    if not isinstance(plan_json, dict):
        json_fault = Fault(plan_path.name, "is not a JSON object", "give a plan.json")
        raise InputError("The plan cannot be read", (json_fault,))
    closures = _list_new_closures(desk, read_plan(plan_path)) if desk else []
    return judge_plan(plan_json, visits_path.read_bytes(), closures=closures)


def _list_new_closures(desk: Desk, plan: PlanDocument) -> list[tuple[str, datetime, datetime]]:
    """What was closed since the plan was drawn."""
    places = plan.inputs.places
    blackouts = load_blackouts(desk).blackouts
    closures = list_closures(places, blackouts)
    return [(hotspot, span.start, span.end) for hotspot, span in closures]


def _tours_of_unit(plan: PlanDocument, unit: str) -> tuple[Tour, ...]:
    tours_of_unit = tours_of(plan)
    if unit not in tours_of_unit:
        raise UsageError(
            f"There is no unit {unit!r} in this plan. {suggest_word(unit, sorted(tours_of_unit))}"
        )
    return tours_of_unit[unit]
