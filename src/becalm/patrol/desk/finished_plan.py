"""Questions to a plan that was written: does it keep the rules, what is a unit told, what may be expected?"""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.desk import Desk, record_event
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import Fact
from becalm.patrol.core.judge_plan import PlanVerdict, judge_plan
from becalm.patrol.core.plan import Price, build_price_list
from becalm.patrol.core.plan_inputs import Burst
from becalm.patrol.core.request import INSTANT_HELP, NextRequest, PriceRequest, SheetRequest
from becalm.patrol.desk.seed import PURPOSE
from becalm.patrol.files.plan_files import SHEETS_FOLDER, unit_files
from becalm.patrol.files.plan_view import PlanPage
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.unit_sheets import Stop, Tour, local_time_text, stops_of, tours_of
from becalm.patrol.files.write_plan import PlanDocument
from becalm.render.pages import check_folder_free, write_folder
from becalm.terms import Fault, InputError, PlanError, UsageError, suggest_word

PUBLIC_KEY = b"becalm price list: public, never used for a plan"


@dataclass(frozen=True, slots=True)
class NextBursts:
    """What a unit does next: at most two bursts of the tour that it is on, or is to begin next."""

    unit: str
    tour: Tour
    bursts: tuple[Burst, ...]
    stops: tuple[Stop, ...]
    at: datetime

    @property
    def is_on_tour(self) -> bool:
        """Is the unit on this tour already?"""
        return self.tour.shift.hours.start <= self.at


@dataclass(frozen=True, slots=True)
class SheetFolder:
    """Sheets and calendars of one day."""

    folder: Path
    files: tuple[str, ...]
    units: int
    is_sealed: bool


@dataclass(frozen=True, slots=True)
class PriceList:
    """What each rule costs in one area."""

    area: str
    prices: tuple[Price, ...]


def next_bursts(desk: Desk, request: NextRequest) -> NextBursts:
    """Where does this unit go next? Never more than two bursts ahead.

    Raises PlanError where the unit has no tour at this time or later in the plan.
    """
    at = desk.now() if request.at is None else read_instant(request.at, desk.workspace.city.time_zone)
    plan = read_plan(Path(request.plan))
    tours = _tours_of_unit(plan, request.unit)
    tour = next((tour for tour in tours if tour.shift.hours.end > at), None)
    if tour is None:
        last_end = tours[-1].shift.hours.end
        raise PlanError(
            f"{request.unit} has no tour after {local_time_text(at, plan)} in this plan; its last one ends "
            f"at {local_time_text(last_end, plan)} ({plan.inputs.zone}). Use the plan of the next days."
        )
    shown_bursts = tuple(burst for burst in tour.bursts if burst.span.end > at)[: request.ahead]
    return NextBursts(request.unit, tour, shown_bursts, stops_of(plan, shown_bursts), at)


def read_instant(text: str, zone: str) -> datetime:
    """An instant as somebody writes it: in the city's time unless it names a zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time. Write it as {INSTANT_HELP}") from error
    local_instant = instant if instant.tzinfo else instant.replace(tzinfo=ZoneInfo(zone))
    return local_instant.astimezone(UTC)


def write_sheets(desk: Desk, request: SheetRequest) -> SheetFolder:
    """Write the sheets and calendars of a day: two bursts a unit, or the whole routes where `is_sealed`.

    That whole routes were written out is recorded in the ledger first.
    """
    path, day = Path(request.plan), request.day
    plan = read_plan(path)
    if request.unit:
        _tours_of_unit(plan, request.unit)
    sheet_files = unit_files(plan, day, is_sealed=request.is_sealed, unit=request.unit)
    if len(sheet_files) == 1:
        raise PlanError(f"Nobody is on duty on {day} in this plan. Name one of its days.")
    plan_folder = path if path.is_dir() else path.parent
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


def price_rules(request: PriceRequest) -> PriceList:
    """What does each rule cost in bits in one area (the one with most tours, if none is named)?

    Plans are drawn with a public key, so that the list tells nothing of the plan itself.
    """
    inputs = read_plan(Path(request.plan)).inputs
    tour_counts = Counter(shift.area for shift in inputs.shifts)
    if request.area and request.area not in tour_counts:
        raise UsageError(
            f"There is no area {request.area!r} in this plan. "
            f"{suggest_word(request.area, sorted(tour_counts))}"
        )
    priced_area = request.area or max(sorted(tour_counts), key=lambda name: tour_counts[name])
    return PriceList(priced_area, build_price_list(inputs, key=PUBLIC_KEY, area=priced_area))


def check_plan(plan: str) -> PlanVerdict:
    """Which rules does the plan in this folder, or this plan.json, break? visits.csv lies beside it."""
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
    return judge_plan(plan_json, visits_path.read_bytes())


def _tours_of_unit(plan: PlanDocument, unit: str) -> tuple[Tour, ...]:
    tours_of_unit = tours_of(plan)
    if unit not in tours_of_unit:
        raise UsageError(
            f"There is no unit {unit!r} in this plan. {suggest_word(unit, sorted(tours_of_unit))}"
        )
    return tours_of_unit[unit]
