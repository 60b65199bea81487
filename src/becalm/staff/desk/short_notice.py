"""The roster that is in force, made good again when somebody is away at short notice."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.desk import Desk
from becalm.formats.durable_files import sha256_of
from becalm.formats.json_text import read_record
from becalm.methods.arrays import seed_generator
from becalm.render.pages import check_folder_free
from becalm.staff.core.allocate import allocate_again
from becalm.staff.core.fairness import count_rest_days
from becalm.staff.core.force import with_roster
from becalm.staff.core.judge import WorkedTour
from becalm.staff.core.moves import order_to_ask
from becalm.staff.core.need import TourNeed, name_lenders
from becalm.staff.core.replans import PatrolTour, list_replans
from becalm.staff.core.request import AbsentRequest
from becalm.staff.core.roster_problem import RosterQuestion, Wishes, build_problem
from becalm.staff.desk import roster
from becalm.staff.desk.answers import read_changes, read_refusals
from becalm.staff.desk.people import StaffInputs, check_officers, command_units, read_inputs, record_absence
from becalm.staff.files import roster_folder
from becalm.staff.files.read_need import read_need
from becalm.staff.files.roster_view import RosterAnswer

ABSENT = "staff absent"
# Points for any change at short notice, beside the 80 and 60 of a missing supervisor or driver: for one
# of them one officer more is asked, and not two. At 10 points, chains of changes were made for one driver.
CHANGE_PRICE = 50.0
OLD_FILES = ("roster.csv", "need.csv", "moves.csv", "tours.csv", "run.json")


@dataclass(frozen=True, slots=True)
class _OldRoster:
    """The roster that is in force, as its folder holds it."""

    tours: tuple[WorkedTour, ...]
    first_day: date
    days: int
    needs: tuple[TourNeed, ...]
    moves: tuple[roster_folder.MoveRow, ...]
    patrol_tours: dict[tuple[date, str], PatrolTour]
    seed: int
    hashes: dict[str, str]

    @property
    def last_day(self) -> date:
        """Its last day."""
        return self.first_day + timedelta(days=self.days - 1)


def absent(desk: Desk, request: AbsentRequest) -> RosterAnswer:
    """Record that officers are away, and make the roster that is in force again with the fewest changes."""
    folder = Path(request.out)
    check_folder_free(folder, roster_folder.ROSTER_NAMES, kind=roster_folder.ROSTER_FOLDER)
    before = read_inputs(desk, None)
    old = _read_old_roster(desk, Path(request.folder), before)
    record_absence(desk, request, before.officers, between=(old.first_day, old.last_day))
    entry_count = desk.open_ledger().head().size
    answer, inputs = remake_roster(desk, request, folder, made_at=desk.now(), entry_count=entry_count)
    roster.write_roster(desk, answer, inputs, old.seed, publish=request.publish)
    return answer


def remake_roster(
    desk: Desk, request: AbsentRequest, folder: Path, *, made_at: datetime, entry_count: int
) -> tuple[RosterAnswer, StaffInputs]:
    """The roster as of an instant, by answers among the first so many entries; it is not yet written."""
    inputs = read_inputs(desk, None, made_at)
    old = _read_old_roster(desk, Path(request.folder), inputs)
    tours = [(tour.staff_number, tour.day, tour.tour) for tour in old.tours]
    force = with_roster(inputs.force, tours, inputs.rules, first_day=old.first_day, days=old.days)
    local_now = made_at.astimezone(ZoneInfo(desk.workspace.city.time_zone))
    decided_at = min(local_now.replace(tzinfo=None), datetime.fromisoformat(request.since))
    neighbours = name_lenders(old.tours, inputs.officers)
    wishes = Wishes(refusals=read_refusals(desk, entry_count))
    # Only tours from now on may change, or from when an earlier absence began; every change counts.
    question = RosterQuestion(
        old.first_day, old.days, local_now.date(), desk.workspace.city.time_zone, old.needs, neighbours,
        wishes, fixed_before=decided_at, change_price=CHANGE_PRICE,
    )  # fmt: skip
    problem = build_problem(force, inputs.rules, question)
    places = problem.find_places([(t.staff_number, t.day, t.command_unit) for t in old.tours])
    allocation = allocate_again(problem, seed_generator(old.seed), places=places)
    hashes = {**inputs.hashes, **old.hashes}
    run = roster.make_run(ABSENT, old.seed, request, hashes, made_at, entry_count=entry_count)
    answer = roster.describe_roster(desk, question, problem, allocation, inputs, run, folder)
    cancelled_count, _ = count_rest_days(read_changes(desk, entry_count), date.min, date.max)
    moves = order_to_ask(answer.document.moves, cancelled_count)
    document = replace(answer.document, moves=moves, earlier_moves=old.moves)
    new_tours = roster_folder.list_patrol_tours(document)
    replans = list_replans(old.patrol_tours, new_tours, from_day=decided_at.date())
    return replace(answer, document=document, replans=replans), inputs


def _read_old_roster(desk: Desk, folder: Path, inputs: StaffInputs) -> _OldRoster:
    """Raises InputError with every row that cannot be read, UsageError where an officer is unknown."""
    tours, first_day, days = roster_folder.read_roster_folder(
        folder, inputs.rules, zone=desk.workspace.city.time_zone, command_units=command_units(desk)
    )
    check_officers([tour.staff_number for tour in tours], inputs.officers)
    run = read_record(folder / "run.json")
    return _OldRoster(
        tours, first_day, days,
        read_need(folder / "need.csv", inputs.rules, command_units(desk)),
        roster_folder.read_move_rows(folder),
        roster_folder.read_patrol_tours(folder),
        run.seed or 0,
        {f"roster/{name}": sha256_of(folder / name) for name in OLD_FILES},
    )  # fmt: skip
