"""`becalm staff report`, `sheets`, `answer` and `derogate`: what the duty office hands out or notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.staff.core.request import AnswerRequest, DerogateRequest, ReportRequest, SheetsRequest

if TYPE_CHECKING:
    from pathlib import Path

    from becalm.staff.core.fairness import FairnessReport


def report(session: Session, request: ReportRequest) -> None:
    """Show nights, weekends, cancelled rest days and days owed by officer, and every derogation."""
    from becalm.console.emit import View
    from becalm.staff.desk.sheets import report as report_burdens

    view = View(_report_data, _report_rows, _report_lines, is_private=True)
    session.emit(report_burdens(session.open_desk(), request), view)


def _report_data(report: FairnessReport) -> dict[str, object]:
    return {
        "first_day": str(report.first_day),
        "last_day": str(report.last_day),
        "weeks": 12,
        "officers": _report_rows(report),
        "spread": [asdict(spread) for spread in report.spreads],
        "derogations": [asdict(derogation) for derogation in report.derogations],
        "rules_broken": report.violation_count,
    }


def _report_rows(report: FairnessReport) -> list[dict[str, object]]:
    return [{**asdict(burden), "hours_balance": burden.hours_balance} for burden in report.burdens]


def _report_lines(report: FairnessReport) -> Iterator[object]:
    from becalm.console.screen import string_table

    yield f"12 weeks up to {report.last_day}; the roster breaks {report.violation_count} rules."
    columns = ("command_unit", "measure", "officers", "least", "median", "mean", "most")
    rows = [tuple(_text(getattr(spread, name)) for name in columns) for spread in report.spreads]
    yield string_table(columns, rows, left=("command_unit", "measure"))
    burdens = sorted(report.burdens, key=lambda burden: -burden.days_owed)
    for burden in [burden for burden in burdens if burden.days_owed][:10]:
        days = "day" if burden.days_owed == 1 else "days"
        yield f"  owed       {burden.staff_number} ({burden.command_unit}): {burden.days_owed} {days}"
    yield from _balance_lines(report)
    if not report.derogations:
        yield "No rule was set aside."
    for derogation in report.derogations:
        yield (
            f"  set aside  {derogation.staff_number} on {derogation.day}: {derogation.rule}, by "
            f"{derogation.by}; rest until {derogation.rest_until}"
        )
    yield "Every officer's row: --format csv, or --out report.xlsx."


def _balance_lines(report: FairnessReport) -> Iterator[str]:
    """Who is furthest beyond the contract, and who furthest below; absences count as worked."""
    burdens = sorted(report.burdens, key=lambda burden: burden.hours_balance)
    yield "Hours with absences, against the contract:"
    for word, extremes in (("beyond", burdens[:-4:-1]), ("below", burdens[:3])):
        for burden in extremes:
            hours = burden.hours + burden.hours_away
            yield (
                f"  {word:9}  {burden.staff_number} ({burden.command_unit}): {hours:g} of "
                f"{burden.hours_contracted:g} hours, {burden.hours_balance:+g}"
            )


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def sheets(session: Session, request: SheetsRequest) -> None:
    """Write a page and a calendar for each officer, a board for each command unit, and a workbook."""
    from becalm.console.emit import View
    from becalm.staff.desk.sheets import write_sheets

    view = View(_sheets_data, _sheets_rows, _sheets_lines)
    session.emit(write_sheets(session.open_desk(), request), view)


Sheets = tuple["Path", tuple[str, ...]]


def _sheets_data(answer: Sheets) -> dict[str, object]:
    return {"folder": str(answer[0]), "files": list(answer[1])}


def _sheets_rows(answer: Sheets) -> list[dict[str, object]]:
    return [{"file": str(answer[0] / name)} for name in answer[1]]


def _sheets_lines(answer: Sheets) -> Iterator[str]:
    folder, names = answer
    officer_count = sum(name.startswith("officers/") and name.endswith(".html") for name in names)
    unit_count = sum(name.startswith("units/") for name in names)
    yield f"Wrote {officer_count} officers' sheets with calendars and {unit_count} boards into {folder}"
    yield "  duty.xlsx  every tour, for the duty office"


def answer(session: Session, request: AnswerRequest) -> None:
    """Record what an officer said who was asked to work; a no is not asked again for that day."""
    from becalm.console.emit import RECEIPT
    from becalm.staff.desk.answers import record_answer

    session.emit(record_answer(session.open_desk(), request), RECEIPT)


def derogate(session: Session, request: DerogateRequest) -> None:
    """Record that a rule is set aside for one tour, with the rest that makes up for it."""
    from becalm.console.emit import RECEIPT
    from becalm.staff.desk.answers import record_derogation

    session.emit(record_derogation(session.open_desk(), request), RECEIPT)
