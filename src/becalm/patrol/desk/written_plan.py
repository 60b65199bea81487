"""Questions to a plan that was written: does it keep the rules, what is a unit told, what may be expected?"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from becalm.desk import Desk
from becalm.desk.audit import record_event
from becalm.patrol.core.check import PlanVerdict, judge_plan
from becalm.patrol.core.places_and_shifts import Burst
from becalm.patrol.core.price import Price, build_price_list
from becalm.patrol.desk.seed import PURPOSE
from becalm.patrol.files.folder import SHEETS_FOLDER, unit_files
from becalm.patrol.files.plan import PlanDocument
from becalm.patrol.files.plan_view import PlanPage
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.sheets import NEXT, Stop, Tour, local_time_text, stops_of, tours_of
from becalm.render.folder import require_free, write_folder
from becalm.terms import Fault, InputError, PlanError, UsageError

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
    def begun(self) -> bool:
        """Is the unit on this tour already?"""
        return self.tour.shift.hours.start <= self.at


@dataclass(frozen=True, slots=True)
class SheetsWritten:
    """Sheets and calendars of one day."""

    folder: Path
    files: tuple[str, ...]
    units: int


def next_bursts(path: Path, *, unit: str, at: datetime, ahead: int = NEXT) -> NextBursts:
    """Where does this unit go next? Never more than two bursts ahead.

    Raises
    ------
    PlanError
        where the unit has no tour at this time or later in the plan.
    """
    if not 1 <= ahead <= NEXT:
        raise UsageError(f"{ahead} bursts ahead cannot be told. Ask for 1 or 2: the rest stays sealed.")
    plan = read_plan(path)
    tours = _tours(plan, unit)
    tour = next((tour for tour in tours if tour.shift.hours.end > at), None)
    if tour is None:
        last = tours[-1].shift.hours.end
        raise PlanError(
            f"{unit} has no tour after {local_time_text(at, plan)} in this plan; its last one ends at "
            f"{local_time_text(last, plan)} ({plan.inputs.zone}). Ask the plan of the days that follow."
        )
    bursts = tuple(burst for burst in tour.bursts if burst.span.end > at)[:ahead]
    return NextBursts(unit, tour, bursts, stops_of(plan, bursts), at)


def write_sheets(
    desk: Desk, path: Path, *, day: date, unit: str = "", sealed: bool = False, out: Path | None = None
) -> SheetsWritten:
    """Write the sheets and calendars of this day: two bursts a unit, or the whole routes where `sealed`.

    That whole routes were written out is recorded in the ledger first.
    """
    plan = read_plan(path)
    if unit:
        _tours(plan, unit)
    files = unit_files(plan, day, sealed=sealed, unit=unit)
    if len(files) == 1:
        raise PlanError(f"Nobody is on duty on {day} in this plan. Name one of its days.")
    base = path if path.is_dir() else path.parent
    folder = out or base.parent / f"{base.name}-sheets-{day}{'-sealed' if sealed else ''}"
    require_free(folder, files, kind=SHEETS_FOLDER)
    if sealed:
        what = f"whole routes of {unit or 'all units'} on {day}, plan {plan.commitment.get('commitment')}"
        sums = tuple((name, hashlib.sha256(text.encode()).hexdigest()) for name, text in files.items())
        record_event(desk, "report_published", purpose=PURPOSE, facts={"question": what, "files": sums})
    write_folder(folder, files, kind=SHEETS_FOLDER)
    return SheetsWritten(folder, tuple(files), (len(files) - 1) // 2)


def forecast_plan(path: Path) -> PlanPage:
    """What will each place and area get, and what cannot be met?"""
    return PlanPage(read_plan(path))


def price_rules(path: Path, *, area: str = "") -> tuple[str, tuple[Price, ...]]:
    """What does each rule cost in bits in one area (the one with most tours, if none is named)?

    Plans are drawn with a public key, so that the list tells nothing of the plan itself.
    """
    request = read_plan(path).inputs
    tours = Counter(shift.area for shift in request.shifts)
    if area and area not in tours:
        raise UsageError(f"There is no area {area!r} in this plan. It has: {', '.join(sorted(tours))}.")
    chosen = area or max(sorted(tours), key=lambda name: tours[name])
    return chosen, build_price_list(request, key=PUBLIC_KEY, area=chosen)


def _tours(plan: PlanDocument, unit: str) -> tuple[Tour, ...]:
    known = tours_of(plan)
    if unit not in known:
        listed = ", ".join(sorted(known)[:12]) + (", …" if len(known) > 12 else "")
        raise UsageError(f"There is no unit {unit!r} in this plan. It has: {listed}.")
    return known[unit]


def check(path: Path) -> PlanVerdict:
    """Which rules does the plan in this folder, or this plan.json, break? visits.csv lies beside it."""
    document = path / "plan.json" if path.is_dir() else path
    visits = document.with_name("visits.csv")
    absent = [str(file) for file in (document, visits) if not file.is_file()]
    if absent:
        faults = tuple(Fault(name, "is not there", "give the folder of a plan") for name in absent)
        raise InputError("There is no plan to judge", faults)
    try:
        plan = json.loads(document.read_bytes())
    except ValueError as error:
        fault = Fault(
            document.name, f"is no JSON ({error})", "give the plan.json that a plan was written with"
        )
        raise InputError("The plan cannot be read", (fault,)) from error
    if not isinstance(plan, dict):
        raise InputError(
            "The plan cannot be read", (Fault(document.name, "is no object", "give a plan.json"),)
        )
    return judge_plan(plan, visits.read_bytes())
