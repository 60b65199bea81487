"""Rosters: made, described, published and judged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from becalm import __version__
from becalm.desk import Desk, make_event
from becalm.formats.durable_files import sha256_of
from becalm.formats.json_text import data_digest
from becalm.ledger import EventToAppend, Fact
from becalm.methods.arrays import seed_generator
from becalm.patrol.desk import inputs as patrol_inputs
from becalm.render.pages import check_folder_free, write_folder
from becalm.staff.core import events, roster_problem
from becalm.staff.core.administration import plan_administration
from becalm.staff.core.allocate import Allocation, allocate_roster
from becalm.staff.core.crews import Crew, form_crews, set_aside
from becalm.staff.core.donors import explain_donors, measure_donor_lack
from becalm.staff.core.judge import Evidence, Judgement, judge_roster, list_past_tours
from becalm.staff.core.moves import list_moves, list_short_tours
from becalm.staff.core.need import AdminNeed, TourNeed, name_neighbours
from becalm.staff.core.request import AbsentRequest, AllocateRequest, CheckRequest, PeriodRequest
from becalm.staff.core.wishes import answer_wishes, check_pins, settle_swaps
from becalm.staff.desk.answers import read_waivers
from becalm.staff.desk.people import (
    STAFF_FOLDER,
    StaffInputs,
    check_days,
    command_units,
    find_rules,
    mark_admin_only,
    read_freed_spans,
    read_inputs,
)
from becalm.staff.desk.solver import open_engine
from becalm.staff.files import roster_folder
from becalm.staff.files.read_need import read_admin_need, read_need, read_wishes
from becalm.staff.files.read_rules import read_rules
from becalm.staff.files.roster_folder import RosterDocument
from becalm.staff.files.roster_view import RosterAnswer
from becalm.tables import list_public_holidays
from becalm.terms import QuestionError, RunRecord, request_values
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.config import UNITS_FILE, Workspace

NEED_FILE = "staff/need.csv"
ALLOCATE, PLANNING = "staff allocate", "duty planning"


def allocate(desk: Desk, request: AllocateRequest) -> RosterAnswer:
    """Make a roster for these days and write its folder.

    Raises InputError, QuestionError or UsageError with everything that is wrong; then nothing is written.
    """
    folder, made_at = Path(request.out), desk.now()
    check_folder_free(folder, roster_folder.ROSTER_NAMES, kind=roster_folder.ROSTER_FOLDER)
    if not request.period.known_at:  # the record says what was known, so that the roster can be made again
        request = replace(request, period=replace(request.period, known_at=made_at.isoformat()))
    answer, inputs = build_roster(desk, request, folder, made_at=made_at)
    write_roster(desk, answer, inputs, request.seed, publish=request.publish)
    return answer


def build_roster(
    desk: Desk, request: AllocateRequest, folder: Path, *, made_at: datetime
) -> tuple[RosterAnswer, StaffInputs]:
    """The roster of a request as of an instant, not yet written, and what it was made from."""
    inputs = read_inputs(desk, request.period.rules, request.period.known_instant)
    check_days(inputs, request.period.first_day, request.period.days)
    needs, need_hashes = load_need(desk, request.period, inputs)
    admin_needs, admin_hashes = _load_admin_need(desk, request)
    question = roster_problem.RosterQuestion(
        first_day=request.period.first_day,
        days=request.period.days,
        today=made_at.astimezone(ZoneInfo(desk.workspace.city.time_zone)).date(),
        zone=desk.workspace.city.time_zone,
        needs=needs,
        neighbours=_neighbours(desk) if request.lend else {},
        wishes=_wishes(request.pins, inputs),
    )
    problem, question, refusals = _build_with_swaps(inputs, question)
    allocation = allocate_roster(
        problem,
        seed_generator(request.seed),
        work=request.work,
        open_engine=open_engine,
        progress=desk.progress,
    )
    hashes = {**inputs.hashes, **need_hashes, **admin_hashes}
    if request.pins:
        hashes["pins"] = sha256_of(Path(request.pins))
    run = make_run(ALLOCATE, request.seed, request, hashes, made_at)
    answer = describe_roster(
        desk, question, problem, allocation, inputs, run, folder, visits=request.visits, refusals=refusals
    )
    if request.admin:
        answer = _with_administration(desk, answer, inputs, admin_needs)
    return answer, inputs


def _build_with_swaps(
    inputs: StaffInputs, question: roster_problem.RosterQuestion
) -> tuple[roster_problem.RosterProblem, roster_problem.RosterQuestion, dict[int, str]]:
    """The problem with every swap that is lawful as pins, and why the others are refused.

    Raises RosterError where no roster can meet the question.
    """
    problem = roster_problem.build_problem(inputs.force, inputs.rules, question)
    roster_problem.check_problem(problem)
    check_pins(problem, question.wishes, inputs.rules)
    if not question.wishes.swaps:
        return problem, question, {}
    wishes, refusals = settle_swaps(problem, question.wishes, inputs.rules)
    question = replace(question, wishes=wishes)
    return roster_problem.build_problem(inputs.force, inputs.rules, question), question, refusals


def _load_admin_need(desk: Desk, request: AllocateRequest) -> tuple[tuple[AdminNeed, ...], dict[str, str]]:
    if not request.admin:
        return (), {}
    path = Path(request.admin)
    return read_admin_need(path, command_units(desk)), {"admin": sha256_of(path)}


def _with_administration(
    desk: Desk, answer: RosterAnswer, inputs: StaffInputs, needs: Sequence[AdminNeed]
) -> RosterAnswer:
    """The roster with those who may do administration only; their details are read for it, on record."""
    document = answer.document
    last_day = document.first_day + timedelta(days=document.days - 1)
    force = mark_admin_only(desk, inputs, between=(document.first_day, last_day), purpose=PLANNING)
    administration = plan_administration(
        force, needs, document.crews, inputs.rules, first_day=document.first_day, days=document.days
    )
    return replace(answer, document=replace(document, administration=administration))


def write_roster(desk: Desk, answer: RosterAnswer, inputs: StaffInputs, seed: int, *, publish: bool) -> None:
    """The folder; a published roster is also kept in the workspace, and recorded."""
    files = roster_folder.roster_files(answer.document)
    write_folder(answer.folder, files, kind=roster_folder.ROSTER_FOLDER)
    if publish:
        _publish(desk, answer, inputs, seed)
        write_folder(published_folder(desk.workspace), files, kind=roster_folder.ROSTER_FOLDER)


def published_folder(workspace: Workspace) -> Path:
    """Where the roster that is in force lies in a workspace."""
    return workspace.path / STAFF_FOLDER / "roster"


def find_published_tours(desk: Desk, first_day: date) -> tuple[Path, int] | None:
    """The units of the roster in force for patrol, and how many days from this one on it covers; or none."""
    folder = published_folder(desk.workspace)
    if not (folder / "units.toml").is_file():
        return None
    rules = read_rules(find_rules(desk, None))
    _, roster_day, days = roster_folder.read_roster_folder(folder, rules, zone=desk.workspace.city.time_zone)
    days_left = days - (first_day - roster_day).days
    return (folder / "units.toml", days_left) if 0 < days_left <= days else None


def load_need(
    desk: Desk, period: PeriodRequest, inputs: StaffInputs
) -> tuple[tuple[TourNeed, ...], dict[str, str]]:
    """The need from the file that is named, else from the workspace."""
    path = Path(period.need) if period.need else desk.workspace.path / NEED_FILE
    if not path.is_file():
        raise QuestionError(
            f"There is no need to staff for: {path} does not exist. Name a file with `need`, or run "
            "`becalm staff need --from DAY --total N --keep`."
        )
    return read_need(path, inputs.rules, command_units(desk)), {"need": sha256_of(path)}


def check(desk: Desk, request: CheckRequest) -> Judgement:
    """Judge a roster by every rule, from its own files and what was taken in."""
    inputs = read_inputs(desk, request.rules)
    zone = desk.workspace.city.time_zone
    tours, first_day, _ = roster_folder.read_roster_folder(
        Path(request.folder), inputs.rules, zone=zone, command_units=command_units(desk)
    )
    past_tours = list_past_tours(
        inputs.officers, inputs.book.published.tolist(), inputs.spans, inputs.rules,
        first_day=inputs.book.first_day, until=first_day, zone=zone,
    )  # fmt: skip
    evidence = Evidence(
        tours, past_tours, inputs.officers, inputs.spans, inputs.rules, first_day, zone,
        inputs.book.first_day, read_waivers(desk),
    )  # fmt: skip
    return judge_roster(evidence)


def describe_roster(
    desk: Desk,
    question: roster_problem.RosterQuestion,
    problem: roster_problem.RosterProblem,
    allocation: Allocation,
    inputs: StaffInputs,
    run: RunRecord,
    folder: Path,
    *,
    visits: int = 0,
    refusals: Mapping[int, str] = MappingProxyType({}),
) -> RosterAnswer:
    """What the folder of a roster says, with its moves, crews and wishes."""
    lines, rules = allocation.lines, inputs.rules
    years = range(question.first_day.year, question.first_day.year + 2)
    holidays = set(list_public_holidays(desk.workspace.city.holidays, years))
    head, bases = _units(desk)
    crews = form_crews(problem, lines, rules, question.wishes.partners)
    last_day = question.first_day + timedelta(days=question.days - 1)
    freed_spans = read_freed_spans(desk, inputs, between=(question.first_day, last_day), purpose=PLANNING)
    donor_lacks = measure_donor_lack(crews, freed_spans)
    moves = list_moves(problem, lines, rules, today=question.today, holidays=holidays)
    document = RosterDocument(
        first_day=question.first_day,
        days=question.days,
        crews=set_aside(crews, visits, rules),
        resting=problem.list_resting(lines.tours),
        moves=explain_donors(moves, freed_spans, donor_lacks),
        short_tours=list_short_tours(problem, lines, rules),
        needs=tuple(need for need in question.needs if question.covers(need.day)),
        run=run,
        bases=bases,
        units_head=head,
        wishes=answer_wishes(problem, lines, crews, question.wishes, refusals, rules),
        donor_lacks=donor_lacks,
    )
    notes = list(_notes(problem, head, allocation, crews))
    return RosterAnswer(
        document, allocation, problem, folder, tuple(notes), roster_folder.sha256_of_roster(document)
    )


def _notes(
    problem: roster_problem.RosterProblem, head: str, allocation: Allocation, crews: Sequence[Crew]
) -> Sequence[str]:
    notes = []
    alone_count = sum(crew.use == "patrol" and not crew.supervisor for crew in crews)
    if alone_count:
        notes.append(f"{alone_count} crews have no supervisor of their command unit on their tour.")
    if not problem.cells.need.any():
        notes.append("The need names no officers for these days, so nobody is wanted anywhere.")
    if problem.unjudged:
        notes.append(
            f"The average week of {len(problem.unjudged)} officers was not judged: their records do not go "
            f"back far enough ({', '.join(problem.unjudged[:5])} …)."
        )
    if not head:
        notes.append(
            "The workspace has no units.toml, so the tours have no bases: `becalm patrol` cannot read them."
        )
    if allocation.is_stopped:
        notes.append("Stopped by hand: this is the best roster so far.")
    return notes


def _publish(desk: Desk, answer: RosterAnswer, inputs: StaffInputs, seed: int) -> None:
    document = answer.document
    facts: dict[str, Fact] = {
        "roster_sha256": answer.roster_sha256,
        "inputs_sha256": data_digest(document.run.data),
        "rules_sha256": inputs.hashes["rules"],
        "first_day": str(document.first_day),
        "days": document.days,
        "officers": len(answer.problem.officers),
        "seed": seed,
    }
    roster_event = make_event(desk, events.ROSTER, purpose=PLANNING, facts=facts)
    changes = [
        make_event(
            desk,
            events.CHANGE,
            purpose=PLANNING,
            facts={
                "day": str(move.day),
                "from": move.old,
                "to": move.new,
                "notice_class": move.notice.notice_class,
                "reason_code": "need",
            },
            subject=move.staff_number,
        )
        for move in document.moves
        if move.old != move.new
    ]
    desk.open_ledger().append([EventToAppend(event) for event in (roster_event, *changes)])


def make_run(
    question: str,
    seed: int,
    request: AllocateRequest | AbsentRequest,
    hashes: dict[str, str],
    made_at: datetime,
    **more_parameters: str | int,
) -> RunRecord:
    """How a roster was made: its request, the hashes of its inputs, and what else a repeat needs to know."""
    parameters = {"request": json.dumps(request_values(request), sort_keys=True), **more_parameters}
    return RunRecord(question, __version__, seed, made_at, None, parameters, hashes)


def _wishes(file_name: str | None, inputs: StaffInputs) -> roster_problem.Wishes:
    numbers = [officer.staff_number for officer in inputs.officers]
    return read_wishes(Path(file_name), inputs.rules, numbers) if file_name else roster_problem.Wishes()


def _neighbours(desk: Desk) -> dict[str, tuple[str, ...]]:
    """Which command units share a border? Raises QuestionError where the workspace has no boundaries."""
    boundaries = load_boundaries(desk.workspace)
    if boundaries is None:
        raise QuestionError(
            "Without boundaries nobody knows who is a neighbour. Give them to `becalm init`, or do not lend."
        )
    unit_of_borough = {borough.name: borough.command_unit or "" for borough in desk.workspace.city.boroughs}
    return name_neighbours(boundaries.polygons, [unit_of_borough[name] for name in boundaries.names])


def _units(desk: Desk) -> tuple[str, dict[str, str]]:
    """Areas and bases of the workspace's units as TOML, and the base of each area."""
    if not (desk.workspace.path / UNITS_FILE).is_file():
        return "", {}
    units = patrol_inputs.read_duty_units(desk.workspace)
    return roster_folder.units_head(units.areas, units.bases), {team.area: team.base for team in units.teams}
