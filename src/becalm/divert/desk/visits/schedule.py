"""`becalm divert schedule`: first offers drawn, people located, routes made, and the folder written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from becalm import __version__
from becalm.desk import Desk, make_event
from becalm.divert.core.case_state import ACTIVE_STATES
from becalm.divert.core.visits import events
from becalm.divert.core.visits.first_offers import draw_waves, offer_commitment
from becalm.divert.core.visits.history import VisitHistory, read_history
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.core.visits.request import ScheduleRequest
from becalm.divert.core.visits.schedule import (
    CrewDay,
    OpenPerson,
    Schedule,
    ScheduleInputs,
    make_schedule,
    share_out,
)
from becalm.divert.desk.context import (
    check_purpose,
    programme_mode,
    records_file,
    require_role,
    to_payload,
)
from becalm.divert.desk.people import read_details
from becalm.divert.desk.visits.cases import protocol_in_force
from becalm.divert.desk.visits.wishes import load_wishes
from becalm.divert.files.visits.schedule_folder import (
    SCHEDULE_FOLDER,
    keep_in_force,
    read_crews,
    read_schedule,
    schedule_files,
)
from becalm.ledger import EventToAppend, Ledger
from becalm.methods.arrays import seed_generator
from becalm.patrol.desk.inputs import read_duty_units
from becalm.patrol.desk.stop_travel import travel_minutes
from becalm.render.pages import check_folder_free, write_folder
from becalm.terms import CaseError, Fault, QuestionError


@dataclass(frozen=True, slots=True)
class ScheduleAnswer:
    """The schedule, where it was written, and what to know about it."""

    schedule: Schedule
    folder: str
    notes: tuple[str, ...]


def schedule_visits(desk: Desk, request: ScheduleRequest) -> ScheduleAnswer:
    """Which crew calls on whom, when and in which order? Written to a folder, and kept as in force.

    Reading where somebody lives is recorded first. Raises CaseError where the protocol is not signed;
    QuestionError where there are no crews or nobody is due.
    """
    desk = require_role(desk, "schedule")
    check_purpose(request.purpose)
    folder = Path(request.out)
    check_folder_free(
        folder, ("schedule.json", "visits.csv", "sheets/x", "calendars/x"), kind=SCHEDULE_FOLDER
    )
    protocol = protocol_in_force(desk, request.protocol)
    former = read_schedule(folder / "schedule.json") if request.without else None
    crews = _crews(request, former)
    ledger = desk.open_ledger()
    notes = list(_allocate(desk, ledger, request)) if former is None else []
    people = _open_people(desk, ledger, request, protocol)
    points = _points(desk, request, people, crews)
    minutes, travel_note = travel_minutes(desk.workspace, points)
    row_by_stop = {stop: row for row, stop in enumerate(points)}
    inputs = ScheduleInputs(people, crews, row_by_stop, minutes, protocol, desk.workspace.city.time_zone)
    rng = seed_generator(request.seed)
    if former is None:
        schedule = make_schedule(inputs, request, travel_note, rng)
    else:
        schedule = share_out(inputs, former, request.without, rng)
    schedule = replace(schedule, mode=programme_mode(desk))
    write_folder(folder, schedule_files(schedule, __version__), kind=SCHEDULE_FOLDER)
    keep_in_force(desk.workspace.path, schedule)
    notes += [
        f"Appointment {number} has no place: no crew has time, or it is not wished."
        for number in schedule.unplaced
    ]
    return ScheduleAnswer(schedule, str(folder), tuple(notes))


def _crews(request: ScheduleRequest, former: Schedule | None) -> tuple[CrewDay, ...]:
    if former is not None:
        unknown_crews = set(request.without) - {crew.crew for crew in former.crews if crew.use == "visits"}
        if unknown_crews:
            fault = Fault(
                "without",
                f"{', '.join(sorted(unknown_crews))} is no crew of it",
                "name one as it stands there",
            )
            raise CaseError("The schedule was not made again", (fault,))
        return former.crews
    if request.crews is None:
        raise QuestionError("Name the crews with `crews`: the tours.csv of `becalm staff allocate`.")
    last_day = request.first_day + timedelta(days=request.days - 1)
    crews = [c for c in read_crews(Path(request.crews)) if request.first_day <= c.day <= last_day]
    if not any(crew.use == "visits" for crew in crews):
        raise QuestionError(
            f"No crew is set aside for visits from {request.first_day} to {last_day}. Set some aside: "
            "`becalm staff allocate --visits 2`."
        )
    return tuple(crews)


def _allocate(desk: Desk, ledger: Ledger, request: ScheduleRequest) -> Iterator[str]:
    """Draw the order of the first offer for those who have none, from a seed that is sealed first."""
    wave_by_person = _read_waves(ledger)
    rows = [row for row in ledger.state_rows("case") if row["state"] in ACTIVE_STATES]
    need_by_person = {
        str(row["subject"]): int(bool(row["overlap"])) for row in rows if row["subject"] not in wave_by_person
    }
    if not need_by_person:
        return
    seed = desk.draw_key()
    commitment = offer_commitment(seed, list(need_by_person))
    last_wave = max(wave_by_person.values(), default=0)
    waves = draw_waves(need_by_person, seed, wave_size=request.wave, first_wave=last_wave + 1)
    to_append: list[EventToAppend] = []
    for person, wave in sorted(waves.items()):
        facts = {"unit": person, "arm": f"{events.WAVE_ARM}{wave}", "commitment": commitment}
        event = make_event(desk, events.ALLOCATION, purpose="evaluation", facts=facts)
        payload = None if to_append else to_payload(events.ALLOCATION, {"seed": seed.hex()})
        to_append.append(EventToAppend(event, payload))
    ledger.append(to_append)
    yield f"Drew the order of the first offer for {len(waves)} people (sealed as {commitment[:12]})."


def _read_waves(ledger: Ledger) -> dict[str, int]:
    """The wave that each person was given; trials allocate places by the same kind."""
    wave_by_person = {}
    for entry in ledger.entries(kinds=(events.ALLOCATION,)):
        wave = events.wave_of(entry)
        if wave is not None:
            wave_by_person[str(entry.event.facts["unit"])] = wave
    return wave_by_person


def _open_people(
    desk: Desk, ledger: Ledger, request: ScheduleRequest, protocol: VisitProtocol
) -> tuple[OpenPerson, ...]:
    """Everybody whom a crew may call on, with where they live: each reading is recorded first."""
    rows = [
        row
        for row in ledger.state_rows("case")
        if row["state"] in ACTIVE_STATES and not row["challenge"] and not row["is_restricted"]
    ]
    children = {str(row["subject"]) for row in rows if row["is_child"]}
    wave_by_person = _read_waves(ledger)
    appointments = [row for row in ledger.state_rows("appointment") if row["state"] == "due"]
    records = records_file(desk).read()
    has_appointment = {str(row["subject"]) for row in appointments}
    people = []
    for person in sorted(str(row["subject"]) for row in rows):
        if person in children - has_appointment:  # nobody calls on a child without one
            continue
        history = read_history(ledger.entries(subject=person))
        if history.due_visit > 2 or _rests(history, request.first_day):
            continue
        details = read_details(desk, records, person, purpose=request.purpose)
        wishes = load_wishes(desk, person, history, details, protocol, purpose=request.purpose)
        point = wishes.place_point_m or _point(details)
        if point is None:
            continue
        agreed_appointment = next((row for row in appointments if row["subject"] == person), None)
        people.append(
            OpenPerson(person, point, history, wave_by_person.get(person, 1), agreed_appointment, wishes)
        )
    return tuple(people)


def _rests(history: VisitHistory, day: date) -> bool:
    return history.rest_until is not None and day < history.rest_until


def _point(details: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        return float(details["easting"]), float(details["northing"])
    except (KeyError, ValueError):
        return None


def _points(
    desk: Desk, request: ScheduleRequest, people: Sequence[OpenPerson], crews: Sequence[CrewDay]
) -> dict[str, tuple[float, float]]:
    """Where people and bases are, people first; a base that nobody places is at the middle of the people."""
    if not people:
        raise QuestionError("Nobody is due: approve people first, or wait until attempts may be made again.")
    points = {person.person: person.point_m for person in people}
    bases = {}
    if request.units or (desk.workspace.path / "units.toml").is_file():
        roster = read_duty_units(desk.workspace, request.units)
        bases = {base.base: (base.easting_m, base.northing_m) for base in roster.bases}
    middle_point = tuple(sum(axis) / len(people) for axis in zip(*points.values(), strict=True))
    return points | {crew.base: bases.get(crew.base, (middle_point[0], middle_point[1])) for crew in crews}
