"""What people take from a roster: a sheet and a calendar for each officer, a board for each command unit."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from becalm.render import number_format as words
from becalm.render.calendars import CalendarEvent, calendar_text
from becalm.render.pages import self_contained
from becalm.render.spreadsheet import workbook
from becalm.staff.core.fairness import DayChange
from becalm.staff.core.judge import WorkedTour
from becalm.staff.core.rule_book import REST_DAY
from becalm.terms import RunRecord

DUTY_COLUMNS: Final = (
    *("day", "tour", "start", "end", "command_unit", "crew", "use", "officer", "supervisor"),
    *("published", "notice"),
)


@dataclass(frozen=True, slots=True)
class DutyRoster:
    """A roster as its folder holds it, for those who serve by it."""

    first_day: date
    days: int
    zone: str
    run: RunRecord
    home_of_officer: Mapping[str, str]  # everybody who is in the roster
    tours: tuple[WorkedTour, ...]
    changes: tuple[DayChange, ...]
    short_tours: tuple[Mapping[str, str], ...]  # command_unit, day, tour, missing, why

    @property
    def day_list(self) -> tuple[date, ...]:
        """Its days."""
        return tuple(self.first_day + timedelta(days=n) for n in range(self.days))

    @property
    def crew_of_tour(self) -> Mapping[tuple[date, str], tuple[str, ...]]:
        """Who serves in which crew, by day and crew."""
        staff_numbers_by_crew: dict[tuple[date, str], list[str]] = defaultdict(list)
        for tour in self.tours:
            staff_numbers_by_crew[tour.day, tour.unit].append(tour.staff_number)
        return {key: tuple(sorted(members)) for key, members in staff_numbers_by_crew.items()}

    @property
    def days_in_words(self) -> str:
        """From when to when."""
        return f"{words.day(self.day_list[0])} to {words.day(self.day_list[-1])}"


@dataclass(frozen=True, slots=True)
class SheetDay:
    """One day of an officer's sheet."""

    day_in_words: str
    tour: str
    hours: str
    unit: str
    partners: str
    supervisor: str
    change: str


@dataclass(frozen=True, slots=True)
class BoardCrew:
    """One crew on the board of a command unit."""

    tour: str
    hours: str
    unit: str
    officers: str
    supervisor: str
    use: str


def clock_hours(tour: WorkedTour) -> str:
    """From when to when a tour lasts, by the city's clocks; with the offset's name in nights that change."""
    has_change = tour.start.utcoffset() != tour.end.utcoffset()
    form = "%H:%M %Z" if has_change else "%H:%M"
    return f"{tour.start:{form}} to {tour.end:{form}}"


def officer_sheet(roster: DutyRoster, officer: str) -> str:
    """The page of one officer: each day with tour, crew and supervisor, and what was changed."""
    tours = {tour.day: tour for tour in roster.tours if tour.staff_number == officer}
    changes = {change.day: change for change in roster.changes if change.staff_number == officer}
    crews = roster.crew_of_tour
    days = []
    for day in roster.day_list:
        tour = tours.get(day)
        partners = [name for name in crews[day, tour.unit] if name != officer] if tour else []
        days.append(
            SheetDay(
                f"{day:%a} {words.day(day)}",
                words.capital(tour.tour) if tour else "No tour",
                clock_hours(tour) if tour else "",
                tour.unit if tour else "",
                ", ".join(partners),
                _supervisor_text(tour, officer) if tour else "",
                _change_text(changes.get(day)),
            )
        )
    hours = sum(tour.hours for tour in tours.values())
    return self_contained(
        "staff_sheet.html",
        officer=officer,
        home=roster.home_of_officer[officer],
        days=days,
        tour_count=len(tours),
        hours=hours,
        days_in_words=roster.days_in_words,
        title=officer,
        subtitle="Tours of one officer",
        job="staff",
        version=roster.run.version,
        colophon=f"Times are those of {roster.zone}. Only this officer and the duty office need this sheet.",
    )


def _supervisor_text(tour: WorkedTour, officer: str) -> str:
    return "you" if tour.supervisor == officer else tour.supervisor or "none on this tour"


def _change_text(change: DayChange | None) -> str:
    if change is None or change.old == change.new:
        return ""
    notice = "" if change.notice_class == "none" else f" ({change.notice_class})"
    return f"was {change.old}{notice}"


def unit_board(roster: DutyRoster, command_unit: str, day: date) -> str:
    """The page of one command unit on one day: its crews by tour, and what stays short."""
    crews: dict[str, list[WorkedTour]] = defaultdict(list)
    for tour in roster.tours:
        if tour.day == day and tour.command_unit == command_unit:
            crews[tour.unit].append(tour)
    sorted_crews = sorted(crews.items(), key=lambda entry: (entry[1][0].start, entry[0]))
    rows = [
        BoardCrew(
            words.capital(members[0].tour),
            clock_hours(members[0]),
            unit,
            ", ".join(sorted(tour.staff_number for tour in members)),
            members[0].supervisor or "none on this tour",
            members[0].use,
        )
        for unit, members in sorted_crews
    ]
    short = [s for s in roster.short_tours if s["command_unit"] == command_unit and s["day"] == str(day)]
    return self_contained(
        "staff_board.html",
        command_unit=command_unit,
        day_in_words=f"{day:%A} {words.day(day)}",
        crews=rows,
        officer_count=sum(len(members) for members in crews.values()),
        short=short,
        changes=_unit_changes(roster, crews, day),
        title=f"{command_unit}, {words.day(day)}",
        subtitle="Board of one command unit",
        job="staff",
        version=roster.run.version,
        colophon=f"Times are those of {roster.zone}. Why somebody is away is not shown here.",
    )


def _unit_changes(
    roster: DutyRoster, crews: Mapping[str, Sequence[WorkedTour]], day: date
) -> list[tuple[str, str, str]]:
    """Who works something else than was published: staff number, what, the notice class."""
    new_tours = {tour.staff_number: tour.tour for members in crews.values() for tour in members}
    return [
        (change.staff_number, f"{change.old} to {change.new}", change.notice_class)
        for change in roster.changes
        if change.day == day and change.staff_number in new_tours and change.old != change.new
    ]


def officer_calendar(roster: DutyRoster, officer: str) -> str:
    """The tours of one officer for a phone; a roster that was made later replaces what it shows."""
    crews = roster.crew_of_tour
    events = [
        CalendarEvent(
            _event_name(officer, tour.day),
            tour.start.astimezone(UTC),
            tour.end.astimezone(UTC),
            _sequence(roster),
            {
                "SUMMARY": f"{words.capital(tour.tour)} tour, {tour.unit}",
                "LOCATION": tour.command_unit,
                "DESCRIPTION": f"With {', '.join(n for n in crews[tour.day, tour.unit] if n != officer)}. "
                f"Supervisor: {_supervisor_text(tour, officer)}.",
            },
        )
        for tour in roster.tours
        if tour.staff_number == officer
    ]
    return calendar_text(events, job="staff", method="PUBLISH", stamped_on=roster.first_day)


def cancelled_calendar(roster: DutyRoster, officer: str) -> str:
    """The published tours of one officer that are no more; empty where there are none."""
    days = [
        change.day
        for change in roster.changes
        if change.staff_number == officer and change.new == REST_DAY != change.old
    ]
    events = [
        CalendarEvent(
            _event_name(officer, day),
            datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(roster.zone)).astimezone(UTC),
            datetime(day.year, day.month, day.day, 23, tzinfo=ZoneInfo(roster.zone)).astimezone(UTC),
            _sequence(roster),
            {"SUMMARY": "No tour", "STATUS": "CANCELLED"},
        )
        for day in days
    ]
    if not events:
        return ""
    return calendar_text(events, job="staff", method="CANCEL", stamped_on=roster.first_day)


def _event_name(officer: str, day: date) -> str:
    return f"tour of {officer} on {day}"


def _sequence(roster: DutyRoster) -> int:
    """Minutes since the Unix epoch at which the roster was made: a later roster has a higher number."""
    return int(roster.run.made_at.timestamp() // 60)


def duty_rows(roster: DutyRoster) -> Iterator[tuple[object, ...]]:
    """Each officer's tours for the duty office's spreadsheet, in the order of days and starts."""
    changes = {(change.staff_number, change.day): change for change in roster.changes}
    for tour in sorted(roster.tours, key=lambda t: (t.start, t.command_unit, t.unit, t.staff_number)):
        change = changes.get((tour.staff_number, tour.day))
        yield (
            str(tour.day), tour.tour, f"{tour.start:%H:%M}", clock_hours(tour).rpartition(" to ")[2],
            tour.command_unit, tour.unit, tour.use, tour.staff_number, tour.supervisor,
            change.old if change else tour.tour, change.notice_class if change else "",
        )  # fmt: skip


def duty_workbook(roster: DutyRoster) -> bytes:
    """The whole roster as a workbook."""
    return workbook(DUTY_COLUMNS, duty_rows(roster))


def sheet_files(
    roster: DutyRoster, officers: Iterable[str], command_units: Iterable[str], day: date
) -> dict[str, str | bytes]:
    """Every file by name: a page and a calendar for each officer, a board for each command unit."""
    files: dict[str, str | bytes] = {}
    for officer in officers:
        files[f"officers/{officer}.html"] = officer_sheet(roster, officer)
        files[f"officers/{officer}.ics"] = officer_calendar(roster, officer)
        cancelled = cancelled_calendar(roster, officer)
        if cancelled:
            files[f"officers/{officer}-cancelled.ics"] = cancelled
    for unit in command_units:
        files[f"units/{file_stem(unit)}.html"] = unit_board(roster, unit, day)
    files["duty.xlsx"] = duty_workbook(roster)
    return files


def file_stem(command_unit: str) -> str:
    """A command unit's name as a file's: letters, digits and dashes.

    >>> file_stem("Central North")
    'central-north'
    """
    return "-".join("".join(c if c.isalnum() else " " for c in command_unit.lower()).split()) or "unit"
