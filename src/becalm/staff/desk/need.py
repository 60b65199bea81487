"""How many officers each tour wants, worked out from the hotspots."""

from dataclasses import dataclass
from pathlib import Path

from becalm.desk import Desk
from becalm.formats.durable_files import make_private_folder, write_durably
from becalm.patrol.desk.hotspots import load_listed_places
from becalm.staff.core.need import TourNeed, sum_harm, work_out_need
from becalm.staff.core.released import Released, measure_release
from becalm.staff.core.request import NeedRequest
from becalm.staff.desk.people import STAFF_FOLDER, command_units, find_rules
from becalm.staff.desk.roster import NEED_FILE
from becalm.staff.files.read_need import read_released
from becalm.staff.files.read_rules import read_rules
from becalm.staff.files.roster_folder import need_csv
from becalm.terms import UsageError


@dataclass(frozen=True, slots=True)
class NeedAnswer:
    """The need of every tour, and what is to be said of it."""

    needs: tuple[TourNeed, ...]
    notes: tuple[str, ...]


def measure_freed_hours(request: NeedRequest) -> tuple[Released, ...]:
    """Hours a week that fewer incidents, events or airports gave back, with their interval.

    Raises InputError with every fault of the file.
    """
    return measure_release(read_released(Path(str(request.released))))


def state_need(desk: Desk, request: NeedRequest) -> NeedAnswer:
    """Share out tours of officers over command units and days, by the harm of the hotspots and its hours.

    Raises UsageError, QuestionError or InputError where there are no rules, command units or hotspots.
    """
    if request.total is None:
        raise UsageError("Say how many tours to share out (`total`), or which hours were freed (`released`).")
    rules = read_rules(find_rules(desk, request.rules))
    hotspots = load_listed_places(
        desk, first_day=request.first_day, hotspots=request.hotspots, seed=desk.draw_seed()
    )
    unit_of_borough = {b.name: b.command_unit for b in desk.workspace.city.boroughs if b.command_unit}
    harm = sum_harm(hotspots.places, unit_of_borough, command_units(desk))
    needs = work_out_need(
        harm.by_unit,
        harm.hour_profile,
        first_day=request.first_day,
        days=request.days,
        tours=[(kind.tour, kind.hours_covered) for kind in rules.tours],
        total=request.total,
        floor=request.floor,
        cap=request.cap,
    )
    if request.keep:
        make_private_folder(desk.workspace.path / STAFF_FOLDER)
        write_durably(desk.workspace.path / NEED_FILE, need_csv(needs))
    return NeedAnswer(needs, harm.notes)
