"""`becalm divert schedule` and `price`: who calls on whom, and what a protocol buys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from becalm.console.command import Session
from becalm.divert.core.visits.request import PriceRequest, ScheduleRequest

if TYPE_CHECKING:
    from becalm.divert.desk.visits.price import PriceList
    from becalm.divert.desk.visits.schedule import ScheduleAnswer


def schedule(session: Session, request: ScheduleRequest) -> None:
    """Say which crew calls on whom, when and in which order; or again without a crew."""
    from becalm.console.emit import View
    from becalm.divert.desk.visits.schedule import schedule_visits
    from becalm.divert.files.visits.schedule_folder import VISIT_COLUMNS, schedule_rows

    view = View(
        _schedule_data,
        lambda answer: schedule_rows(answer.schedule),
        _schedule_lines,
        columns=VISIT_COLUMNS,
        is_private=True,
    )
    session.emit(schedule_visits(session.open_desk(), request), view)


def _schedule_data(answer: ScheduleAnswer) -> dict[str, object]:
    from becalm.divert.files.visits.schedule_folder import schedule_rows

    schedule = answer.schedule
    return {
        "mode": schedule.mode,
        "first_day": schedule.first_day.isoformat(),
        "days": schedule.days,
        "seed": schedule.seed,
        "work": schedule.work,
        "protocol": schedule.protocol,
        "travel": schedule.travel,
        "without": list(schedule.without),
        "folder": answer.folder,
        "visits": schedule_rows(schedule),
        "unplaced": list(schedule.unplaced),
        "notes": list(answer.notes),
    }


def _schedule_lines(answer: ScheduleAnswer) -> Iterable[object]:
    from becalm.console.screen import string_table
    from becalm.divert.cli.people import mode_lines

    schedule = answer.schedule
    yield from mode_lines(schedule.mode)
    crews = sorted({(visit.day, visit.crew) for visit in schedule.visits})
    yield f"{len(schedule.visits)} visits by {len(crews)} crews, in {answer.folder}"
    yield f"  protocol   {schedule.protocol}"
    yield f"  travel     {schedule.travel}"
    rows = []
    for day, crew in crews:
        visits = [v for v in schedule.visits if (v.day, v.crew) == (day, crew)]
        rows.append(
            (
                str(day),
                crew,
                str(len(visits)),
                str(sum(v.visit == 2 for v in visits)),
                str(sum(bool(v.appointment) for v in visits)),
                str(sum(v.is_reserve for v in visits)),
            )
        )
    columns = ("day", "crew", "visits", "second", "agreed", "if there is time")
    yield string_table(columns, rows, left=("day", "crew"))
    yield from (f"  note       {note}" for note in answer.notes)


def price(session: Session, request: PriceRequest) -> None:
    """Show what each number of attempts buys, and how often it knocks in vain; its owner signs with it."""
    from becalm.console.emit import View
    from becalm.divert.desk.visits.price import price_visits

    view = View(_price_data, lambda answer: [asdict(row) for row in answer.prices], _price_lines)
    session.emit(price_visits(session.open_desk(), request), view)


def _price_data(answer: PriceList) -> dict[str, object]:
    return {
        "protocol": {
            "key": answer.protocol.key,
            "version": answer.protocol.version,
            "attempts": answer.protocol.attempts,
            "sha256": answer.protocol_sha256,
        },
        "is_signed": answer.is_signed,
        "signed_entry": answer.signed_entry or None,
        "crews": answer.crews,
        "assumptions": asdict(answer.assumptions),
        "prices": [asdict(row) for row in answer.prices],
    }


def _price_lines(answer: PriceList) -> Iterable[object]:
    from becalm.console.screen import string_table

    protocol = answer.protocol
    yield f"{protocol.title} ({protocol.key}, version {protocol.version}): {answer.crews} crews, six weeks"
    yield (
        "Drawn cities, not a forecast: no rates of contact at the door are published. "
        f"{answer.assumptions.wrong_address_share:.0%} are not at their address."
    )
    columns = (
        "chance at the door",
        "attempts",
        "met once",
        "met twice",
        "attempts each",
        "in vain",
        "letters",
    )
    rows = [
        (
            f"{row.chance:g}",
            f"{row.attempts}{' (protocol)' if row.is_in_protocol else ''}",
            f"{row.first_contact:.0%}",
            f"{row.second_contact:.0%}",
            f"{row.attempts_each:.1f}",
            f"{row.vain_attempts_each:.1f}",
            f"{row.letters:.0%}",
        )
        for row in answer.prices
    ]
    yield string_table(columns, rows, left=())
    if answer.is_signed:
        yield f"Signed: entry {answer.signed_entry}."
    else:
        yield "Not signed. Its owner signs: becalm divert price --sign"
