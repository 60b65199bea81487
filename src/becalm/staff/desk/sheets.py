"""Sheets, boards and calendars of a roster; and the report of who carries what."""

from datetime import timedelta
from pathlib import Path

from becalm.desk import Desk
from becalm.formats.json_text import read_record
from becalm.render.pages import FolderKind, check_folder_free, write_folder
from becalm.staff.core.fairness import FairnessReport, measure_burdens, measure_spreads
from becalm.staff.core.judge import list_past_tours
from becalm.staff.core.request import CheckRequest, ReportRequest, SheetsRequest
from becalm.staff.desk.answers import read_changes, read_derogations
from becalm.staff.desk.people import command_units, find_rules, read_inputs
from becalm.staff.desk.roster import check
from becalm.staff.files import roster_folder
from becalm.staff.files.duty_sheets import DutyRoster, sheet_files
from becalm.staff.files.read_rules import read_rules
from becalm.terms import UsageError

SHEETS_FOLDER = FolderKind("earlier sheets", record="duty.xlsx")


def write_sheets(desk: Desk, request: SheetsRequest) -> tuple[Path, tuple[str, ...]]:
    """Write a page and a calendar for each officer and a board for each command unit; which files?

    Raises UsageError where an officer or the day is not in the roster, InputError where it cannot be read.
    """
    folder = Path(request.out) if request.out else Path(request.folder) / "sheets"
    check_folder_free(folder, ("duty.xlsx", "officers", "units"), kind=SHEETS_FOLDER)
    roster = load_duty_roster(desk, Path(request.folder))
    officers = request.officer or tuple(sorted(roster.home_of_officer))
    unknown = [officer for officer in officers if officer not in roster.home_of_officer]
    day = request.day or roster.first_day
    if unknown or day not in roster.day_list:
        raise UsageError(
            f"Officer {unknown[0]} is not in this roster. Correct the staff number."
            if unknown
            else f"`day` {day} is not in this roster of {roster.days_in_words}."
        )
    units = sorted(set(roster.home_of_officer.values()))
    files = sheet_files(roster, officers, units, day)
    write_folder(folder, files, kind=SHEETS_FOLDER)
    return folder, tuple(files)


def load_duty_roster(desk: Desk, folder: Path) -> DutyRoster:
    """A roster as its folder holds it."""
    rules, zone = read_rules(find_rules(desk, None)), desk.workspace.city.time_zone
    tours, first_day, days = roster_folder.read_roster_folder(
        folder, rules, zone=zone, command_units=command_units(desk)
    )
    return DutyRoster(
        first_day, days, zone, read_record(folder / "run.json"),
        roster_folder.read_homes(folder), tours, roster_folder.read_moves(folder),
        roster_folder.read_short_tours(folder),
    )  # fmt: skip


def report(desk: Desk, request: ReportRequest) -> FairnessReport:
    """Nights, weekends, cancelled rest days and days owed by officer, their spread, every derogation."""
    inputs = read_inputs(desk, request.rules)
    folder, zone = Path(request.folder), desk.workspace.city.time_zone
    tours, first_day, days = roster_folder.read_roster_folder(
        folder, inputs.rules, zone=zone, command_units=command_units(desk)
    )
    past_tours = list_past_tours(
        inputs.officers, inputs.book.published.tolist(), inputs.spans, inputs.rules,
        first_day=inputs.book.first_day, until=first_day, zone=zone,
    )  # fmt: skip
    changes = (*read_changes(desk), *roster_folder.read_moves(folder))
    last_day = first_day + timedelta(days=days - 1)
    burdens = measure_burdens(
        inputs.officers, (*past_tours, *tours), changes, inputs.rules, last_day=last_day, force=inputs.force
    )
    judgement = check(desk, CheckRequest(folder=request.folder, rules=request.rules))
    return FairnessReport(
        first_day, last_day, burdens, measure_spreads(burdens), read_derogations(desk),
        len(judgement.violations),
    )  # fmt: skip
