"""The schedule of visits: who calls on whom and when, as a folder, a sheet and a calendar for each crew.

No name and no address is in it: those come with the pack, at the door, to the crew that is assigned.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from becalm.divert.core.visits.schedule import FIRST_SENTENCE, CrewDay, Schedule, ScheduledVisit
from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.formats.durable_files import make_private_folder, write_durably
from becalm.render.document import Document, Section, document_html, text_table
from becalm.render.pages import FolderKind
from becalm.render.spreadsheet import csv_text
from becalm.terms import CaseError, Fault

IN_FORCE: Final = Path("divert") / "schedule.json"
VISIT_COLUMNS: Final = (
    *("day", "crew", "start", "minutes", "person", "visit", "daypart", "appointment", "if_time", "bring"),
)
CREW_COLUMNS: Final = ("day", "unit", "base", "start", "hours", "use")
SCHEDULE_FOLDER: Final = FolderKind(
    "an earlier schedule of visits",
    record="schedule.json",
    later_names=frozenset({"calendars", "sheets"}),  # of a schedule with visits, where the new one has none
)


def read_crews(path: Path) -> tuple[CrewDay, ...]:
    """The crews of a csv, as `becalm staff allocate` writes tours.csv: those on patrol too, to be refused.

    Raises InputError with every row that cannot be read.
    """
    faults: list[Fault] = []
    crews: list[CrewDay] = []
    for place, row in read_csv_rows(path, CREW_COLUMNS, faults):
        try:
            day, start = date.fromisoformat(row["day"]), time.fromisoformat(row["start"])
            crew = CrewDay(day, row["unit"], row["base"], start, float(row["hours"]), row["use"])
        except ValueError as error:
            faults.append(Fault(place, str(error), "write the day as 2020-05-04, the start as 09:00"))
            continue
        if not 0 < crew.hours <= 16:
            faults.append(Fault(place, f"{crew.hours:g} hours", "give more than 0 and at most 16"))
        if any((crew.day, crew.crew) == (crew_day.day, crew_day.crew) for crew_day in crews):
            faults.append(Fault(place, f"{crew.crew} is there twice on {crew.day}", "keep one row"))
        crews.append(crew)
    check_faultless(path.name, faults)
    return tuple(crews)


def schedule_json(schedule: Schedule) -> str:
    """The schedule as one JSON text, which is read back when it is made again."""
    return json.dumps(asdict(schedule), default=str, ensure_ascii=False, indent=1) + "\n"


def read_schedule(path: Path) -> Schedule:
    """A schedule from its JSON.

    Raises CaseError where there is none.
    """
    try:
        schedule_record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        no_schedule_fault = Fault(str(path.name), "there is no schedule", "make one: becalm divert schedule")
        raise CaseError("No visit is planned", (no_schedule_fault,)) from error
    crews = tuple(
        CrewDay(**{**c, "day": date.fromisoformat(c["day"]), "start": time.fromisoformat(c["start"])})
        for c in schedule_record.pop("crews")
    )
    visits = tuple(
        ScheduledVisit(
            **{
                **v,
                "day": date.fromisoformat(v["day"]),
                "start": time.fromisoformat(v["start"]),
                "aids": tuple(v.get("aids", ())),
            }
        )
        for v in schedule_record.pop("visits")
    )
    first_day = date.fromisoformat(schedule_record.pop("first_day"))
    without, unplaced = tuple(schedule_record.pop("without")), tuple(schedule_record.pop("unplaced"))
    return Schedule(
        first_day=first_day, crews=crews, visits=visits, without=without, unplaced=unplaced, **schedule_record
    )


def keep_in_force(workspace_folder: Path, schedule: Schedule) -> None:
    """Keep the schedule as the one in force: packs open by it."""
    make_private_folder(workspace_folder / IN_FORCE.parent)
    write_durably(workspace_folder / IN_FORCE, schedule_json(schedule).encode())


def read_assignments(workspace_folder: Path) -> Schedule:
    """The schedule in force."""
    return read_schedule(workspace_folder / IN_FORCE)


def schedule_rows(schedule: Schedule) -> list[dict[str, object]]:
    """A row for each visit."""
    return [
        {
            "day": v.day.isoformat(), "crew": v.crew, "start": f"{v.start:%H:%M}", "minutes": v.minutes,
            "person": v.person, "visit": v.visit, "daypart": v.daypart, "appointment": v.appointment,
            "if_time": v.is_reserve, "bring": ", ".join(v.aids),
        }
        for v in schedule.visits
    ]  # fmt: skip


def schedule_files(schedule: Schedule, version: str) -> dict[str, str | bytes]:
    """Every file of the folder: the schedule, and a sheet and a calendar for each crew."""
    rows = [tuple(row.values()) for row in schedule_rows(schedule)]
    files: dict[str, str | bytes] = {
        "schedule.json": schedule_json(schedule),
        "visits.csv": csv_text(VISIT_COLUMNS, rows),
    }
    for crew, stem in crew_stems(schedule).items():
        files[f"sheets/{stem}.html"] = crew_sheet(schedule, crew, version)
        files[f"calendars/{stem}.ics"] = crew_calendar(schedule, crew)
    return files


def crew_stems(schedule: Schedule) -> Mapping[str, str]:
    """A file name for each crew that has visits."""
    crews = sorted({visit.crew for visit in schedule.visits})
    stems = ["".join(c if c.isalnum() else "-" for c in crew.lower()) for crew in crews]
    return {
        crew: stem if stems.count(stem) == 1 else f"{stem}-{hashlib.sha256(crew.encode()).hexdigest()[:6]}"
        for crew, stem in zip(crews, stems, strict=True)
    }


def crew_sheet(schedule: Schedule, crew: str, version: str) -> str:
    """The sheet of one crew: its visits by day, without a name or an address."""
    days = sorted({visit.day for visit in schedule.visits if visit.crew == crew})
    sections = [
        Section("At every door", (
            FIRST_SENTENCE,
            "Open each pack when you set out for it. Leave a card after a miss. Agree the second visit at "
            "the first: day and part of the day.",
            "An agreed visit comes first: leave out a visit that would make you late for it.",
        )),
        *(_day_section(schedule, crew, day) for day in days),
    ]  # fmt: skip
    document = Document(
        title=f"Visits of {crew}",
        sections=tuple(sections),
        notice="" if schedule.mode == "live" else "REHEARSAL: nobody here is to be called on.",
        colophon=f"Times are those of {schedule.zone}. Travel {schedule.travel}. {schedule.protocol}.",
        subtitle="Names and addresses come with the pack",
    )
    return document_html(document, version)


def _day_section(schedule: Schedule, crew: str, day: date) -> Section:
    visits = [v for v in schedule.visits if v.crew == crew and v.day == day]
    crew_day = next(c for c in schedule.crews if c.crew == crew and c.day == day)
    end = datetime.combine(day, crew_day.start) + timedelta(hours=crew_day.hours)
    rows = [
        (
            f"{v.start:%H:%M}",
            v.person,
            ("first", "second")[v.visit - 1],
            "agreed" if v.appointment else "if there is time" if v.is_reserve else "",
            ", ".join(v.aids),
            "",
        )
        for v in visits
    ]
    hours = f"{crew_day.start:%H:%M} to {end:%H:%M}, from {crew_day.base}"
    return Section(
        f"{day:%A} {day.day} {day:%B}",
        (hours,),
        (text_table(("start", "person", "visit", "how", "bring", "what came of it"), rows),),
    )


def crew_calendar(schedule: Schedule, crew: str) -> str:
    """The calendar of one crew (RFC 5545): pseudonyms alone; a visit keeps its UID when its time moves."""
    calendar = Calendar()
    for name, value in (("VERSION", "2.0"), ("PRODID", "-//becalm//visits//EN"), ("METHOD", "PUBLISH")):
        calendar.add(name, value)
    zone = ZoneInfo(schedule.zone)
    stamp = datetime.combine(schedule.first_day, time(), UTC)
    for visit in schedule.visits:
        if visit.crew != crew:
            continue
        start = datetime.combine(visit.day, visit.start, zone).astimezone(UTC)
        uid = hashlib.sha256(f"visit {visit.person} {visit.visit} {visit.day}".encode()).hexdigest()[:32]
        event = Event()
        properties = {
            "UID": f"{uid}@becalm",
            "DTSTAMP": stamp,
            "DTSTART": start,
            "DTEND": start + timedelta(minutes=visit.minutes),
            "SEQUENCE": len(schedule.without),
            "SUMMARY": f"{('First', 'Second')[visit.visit - 1]} visit, {visit.person}",
            "DESCRIPTION": f"{'Agreed. ' if visit.appointment else ''}{_bring(visit)}"
            "Open the pack when you set out.",
        }
        for name, property_value in properties.items():
            event.add(name, property_value)
        calendar.add_component(event)
    return str(calendar.to_ical(), "utf-8")


def _bring(visit: ScheduledVisit) -> str:
    return f"Bring: {', '.join(visit.aids)}. " if visit.aids else ""
