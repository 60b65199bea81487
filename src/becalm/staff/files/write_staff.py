"""Officers and the published roster as the workspace keeps them: no absence, no reason."""

from collections.abc import Sequence
from datetime import timedelta

from becalm.render.spreadsheet import csv_text
from becalm.staff.core.force import UNPUBLISHED, Officer
from becalm.staff.core.rule_book import RuleBook
from becalm.staff.files.read_staff import StaffBook

COLUMNS = (
    *("staff_number", "rank", "command_unit", "contracted_hours", "skills", "tutor", "recruit_since"),
    *("barred_tours", "unwelcome_tours", "opted_out", "earlier_hours"),
)


def officers_csv(officers: Sequence[Officer]) -> str:
    """The officers, in the columns that are read."""
    return csv_text(COLUMNS, map(officer_row, officers))


def officer_row(officer: Officer) -> tuple[object, ...]:
    """One officer, in the order of the columns."""
    skills = ";".join(f"{skill}:{expiry}" if expiry else skill for skill, expiry in officer.skills.items())
    hours = "" if officer.earlier_hours is None else f"{officer.earlier_hours:g}"
    return (
        officer.staff_number, officer.rank, officer.command_unit, f"{officer.contracted_hours:g}", skills,
        "yes" if officer.is_tutor else "no", officer.recruit_since or "", ";".join(officer.barred_tours),
        ";".join(officer.unwelcome_tours), "yes" if officer.has_opted_out else "no", hours,
    )  # fmt: skip


def published_csv(book: StaffBook, rules: RuleBook) -> str:
    """The published roster: a row for each officer, a column for each day with the name of the tour."""
    days = [str(book.first_day + timedelta(days=day)) for day in range(book.published.shape[1])]
    tour_name_by_number = {
        UNPUBLISHED: "",
        **{number: rules.tour_name(number) for number in range(len(rules.tours) + 1)},
    }
    rows = (
        (officer.staff_number, *map(tour_name_by_number.__getitem__, row))
        for officer, row in zip(book.officers, book.published.tolist(), strict=True)
    )
    return csv_text(("staff_number", *days), rows)
