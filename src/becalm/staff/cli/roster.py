"""`becalm staff allocate`, `absent` and `check`: rosters made, made again, and judged."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from becalm.console.command import Session
from becalm.staff.core.request import AbsentRequest, AllocateRequest, CheckRequest, RepeatRequest

if TYPE_CHECKING:
    from pathlib import Path

    from becalm.staff.core.judge import Judgement
    from becalm.staff.core.replans import Replan
    from becalm.staff.files.roster_view import RosterAnswer

MOST_LINES = 12


def allocate(session: Session, request: AllocateRequest) -> None:
    """Say who works when and where, with few changes of the published roster and a proven bound."""
    from becalm.console.emit import View
    from becalm.staff.desk.roster import allocate as make_roster
    from becalm.staff.files.roster_view import move_rows, roster_record

    view = View(roster_record, move_rows, _roster_lines)
    session.emit(make_roster(session.open_desk(), request), view)


def absent(session: Session, request: AbsentRequest) -> None:
    """Record that officers are away, and say who must be asked instead, in which order."""
    from becalm.console.emit import View
    from becalm.staff.desk.short_notice import absent as make_again
    from becalm.staff.files.roster_view import move_rows, roster_record

    view = View(roster_record, move_rows, _absent_lines)
    session.emit(make_again(session.open_desk(), request), view)


def repeat(session: Session, request: RepeatRequest) -> None:
    """Make a roster again from its run.json, and compare the files byte for byte."""
    from becalm.console.emit import View
    from becalm.staff.desk.repeat import repeat_roster
    from becalm.staff.files.roster_view import move_rows, roster_record

    view = View(roster_record, move_rows, _repeat_lines)
    session.emit(repeat_roster(session.open_desk(), request), view)


def _repeat_lines(answer: RosterAnswer) -> Iterator[str]:
    yield from _roster_lines(answer)
    yield f"Byte for byte the same as the original: {', '.join(answer.equal_files)}."


def _roster_lines(answer: RosterAnswer) -> Iterator[str]:
    from becalm.staff.files.roster_view import roster_record

    record = roster_record(answer)
    yield (
        f"Roster of {record['officers']} officers for {record['days']} days from {record['first_day']}, "
        f"in {answer.folder}"
    )
    yield (
        f"  tours      {record['filled']:,} of {record['needed']:,} are filled, {record['short']} are short"
    )
    yield f"  changes    {record['changes']}, of which {record['rest_days_cancelled']} cancel a rest day"
    bound = record["bound"]
    yield (
        f"  points     {record['cost']:,}; no roster can have fewer than {bound:,}"
        if bound
        else (f"  points     {record['cost']:,}; no bound was proven")
    )
    yield from _further_lines(record)
    for short in answer.document.short_tours[:MOST_LINES]:
        place = f"{short.day} {short.command_unit} {short.tour}"
        yield f"  short      {place}: {short.missing} missing; {short.why}"
    yield from (f"  note       {note}" for note in answer.notes)


def _further_lines(record: Mapping[str, Any]) -> Iterator[str]:
    """Administration, wishes and donors, where there are any."""
    if "administration" in record:
        admin = record["administration"]
        yield (
            f"  admin      {admin['needed_hours']:g} hours wanted, {admin['admin_only_hours']:g} by officers "
            f"who may do nothing else: {admin['street_tours_freed']:g} street tours are freed; "
            f"{admin['hours_left']:g} hours are left"
        )
    hours_by_donor: dict[str, float] = {}
    for lack in record.get("donors", ()):
        hours_by_donor[lack["donor"]] = hours_by_donor.get(lack["donor"], 0.0) + lack["hours"]
    if hours_by_donor:
        donors = ", ".join(f"{donor} {hours:g}" for donor, hours in hours_by_donor.items())
        yield f"  donors     lack hours of the officers that they freed: {donors}; donors.csv has the days"
    if "wishes" in record:
        granted_count = sum(wish["is_granted"] for wish in record["wishes"])
        yield f"  wishes     {granted_count} of {len(record['wishes'])} granted; wishes.csv says why not"


def _absent_lines(answer: RosterAnswer) -> Iterator[str]:
    yield from _roster_lines(answer)
    yield "Ask, in this order:" if answer.document.moves else "Nobody has to be asked."
    for number, move in enumerate(answer.document.moves, start=1):
        yield (
            f"  {number}. {move.staff_number}: {move.day} {move.old} -> {move.new} "
            f"({move.notice.notice_class}); {move.why}"
        )
    yield from _replan_lines(answer)


def _replan_lines(answer: RosterAnswer) -> Iterator[str]:
    """The commands that follow for patrol, whose sealed plan knows the crews of before."""
    if not answer.replans:
        yield "Every crew of patrol is there as before: a plan that is sealed stays."
        return
    yield "Then, where the plan of that day is sealed:"
    commands = dict.fromkeys(_replan_command(replan, answer.folder) for replan in answer.replans)
    yield from (f"  {command}" for command in list(commands)[:MOST_LINES])
    if len(commands) > MOST_LINES:
        yield f"  and {len(commands) - MOST_LINES} more: --format json lists all."


def _replan_command(replan: Replan, folder: Path) -> str:
    unit = shlex.quote(replan.unit)
    options = {
        "gone": f"--unit {unit} --off-duty",
        "changed": f"--unit {unit}",
        "new": f"--joining {shlex.quote(str(folder / 'units.toml'))}",
    }[replan.kind]
    return f"becalm patrol replan PLAN {options} --from {replan.at:%Y-%m-%dT%H:%M} --reason 'officers absent'"


def check(session: Session, request: CheckRequest) -> None:
    """Judge a roster by every rule, without the engine that made it."""
    from becalm.console.emit import View
    from becalm.staff.desk.roster import check as judge
    from becalm.staff.files.roster_view import judgement_record, violation_rows
    from becalm.terms import Fault, RosterError

    judgement = judge(session.open_desk(), request)
    session.emit(judgement, View(judgement_record, violation_rows, _judgement_lines))
    if judgement.violations:
        faults = tuple(
            Fault(
                f"{v.staff_number} on {v.day}",
                f"{v.rule}: {v.problem}",
                "change the roster, or record a derogation",
            )
            for v in judgement.violations
        )
        raise RosterError(f"The roster breaks rules {len(faults)} times", faults)


def _judgement_lines(judgement: Judgement) -> Iterable[object]:
    from becalm.console.screen import string_table
    from becalm.staff.files.roster_view import judgement_record

    rules = judgement_record(judgement)["rules"]
    assert isinstance(rules, list)
    yield string_table(
        ("rule", "checked", "broken"),
        [tuple(str(row[key]) for key in ("rule", "checked", "broken")) for row in rules],
        left=("rule",),
    )
    for violation in judgement.set_aside:
        place = f"{violation.staff_number} on {violation.day}"
        yield f"Set aside by a derogation: {place}, {violation.rule}, {violation.problem}."
    if judgement.unjudged:
        yield f"Too little history for the average week of {len(judgement.unjudged)} officers."
