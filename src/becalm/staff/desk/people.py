"""Officers, their roster and absences: taken in, kept in the workspace and the ledger, and read back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.desk import Desk, make_event, read_payload
from becalm.formats.durable_files import make_private_folder, sha256_of, sha256_of_text, write_durably
from becalm.ledger import WITHDRAWN, Entry, EventToAppend, apply_corrections
from becalm.staff.core import events
from becalm.staff.core.force import (
    ADMIN_STATES,
    Force,
    Officer,
    Span,
    State,
    count_expiring,
    find_begun_tours,
    mark_spans,
    select_officers,
)
from becalm.staff.core.request import AbsentRequest, BackRequest, LoadRequest
from becalm.staff.core.rule_book import RuleBook
from becalm.staff.files.read_rules import SHIPPED, read_rules
from becalm.staff.files.read_staff import StaffBook, parse_half_day, read_officers, read_published, read_staff
from becalm.staff.files.write_staff import officers_csv, published_csv
from becalm.terms import QuestionError, UsageError
from becalm.workspace.reviewed_toml import Source

STAFF_FOLDER, RULES_FILE = "staff", "staff_rules.toml"


@dataclass(frozen=True, slots=True)
class LoadedStaff:
    """What was taken in."""

    officers: int
    command_units: int
    first_day: str
    last_day: str
    absences: int
    new_absences: int  # recorded now; the others were known already
    rules: str
    expiring_skills: int  # by the last day of the roster: from its expiry on, a skill counts for nothing


@dataclass(frozen=True, slots=True)
class StaffInputs:
    """All that rosters are made of and judged by."""

    force: Force  # those whom the rules roster
    officers: tuple[Officer, ...]  # everybody
    spans: tuple[Span, ...]
    book: StaffBook
    rules: RuleBook
    hashes: dict[str, str]
    detail_seqs: tuple[int | None, ...]  # for each span the entry that holds its details, if any


def load_staff(desk: Desk, request: LoadRequest) -> LoadedStaff:
    """Take in a folder: officers and roster into the workspace, each absence that is new into the ledger.

    Raises InputError with every fault of all files; then nothing is written.
    """
    rules = read_rules(find_rules(desk, request.rules))
    units = command_units(desk)
    zone = desk.workspace.city.time_zone
    mapping_path = Path(request.mapping) if request.mapping else None
    book = read_staff(Path(request.path), rules, command_units=units, zone=zone, mapping=mapping_path)
    known_spans = {_key(span) for span, _ in recorded_spans(desk)} if _has_ledger(desk) else set()
    new_spans = [span for span in book.spans if _key(span) not in known_spans]
    if new_spans:
        desk.open_ledger().append([_availability(desk, span, request.purpose) for span in new_spans])
    folder = desk.workspace.path / STAFF_FOLDER
    make_private_folder(folder)
    write_durably(folder / "officers.csv", officers_csv(book.officers))
    write_durably(folder / "roster.csv", published_csv(book, rules))
    last_day = book.first_day + timedelta(days=book.published.shape[1] - 1)
    return LoadedStaff(
        len(book.officers),
        len(units),
        str(book.first_day),
        str(last_day),
        len(book.spans),
        len(new_spans),
        rules.title,
        count_expiring(book.officers, last_day),
    )


def command_units(desk: Desk) -> tuple[str, ...]:
    """The command units of the city.

    Raises QuestionError where becalm.toml names none.
    """
    names = {borough.command_unit for borough in desk.workspace.city.boroughs}
    units = tuple(sorted(name for name in names if name))
    if not units:
        raise QuestionError(
            "becalm.toml names no command units. Give each [[city.boroughs]] its command_unit; load again."
        )
    return units


def find_rules(desk: Desk, file_name: str | None) -> Source:
    """The rule file that was named, else the workspace's own, else the shipped one."""
    own_file = desk.workspace.path / RULES_FILE
    return Path(file_name) if file_name else own_file if own_file.is_file() else SHIPPED


def read_inputs(desk: Desk, rules_file: str | None, known_at: datetime | None = None) -> StaffInputs:
    """What was taken in, with absences as they were known at an instant.

    Raises QuestionError where nothing was taken in yet.
    """
    folder = desk.workspace.path / STAFF_FOLDER
    if not (folder / "officers.csv").is_file():
        raise QuestionError("No staff has been taken in. Run `becalm staff load FOLDER` first.")
    source = find_rules(desk, rules_file)
    rules = read_rules(source)
    officers = read_officers(folder / "officers.csv", rules, command_units(desk))
    book = read_published(folder / "roster.csv", rules, officers)
    known_spans = [
        (span, seq) for span, seq in recorded_spans(desk) if known_at is None or span.recorded_at <= known_at
    ]
    spans = tuple(span for span, _ in known_spans)
    is_away, is_admin = mark_spans(officers, spans, first_day=book.first_day, days=book.published.shape[1])
    begun_tours = find_begun_tours(
        officers, spans, rules, first_day=book.first_day, zone=desk.workspace.city.time_zone
    )
    force = select_officers(
        Force(officers, book.first_day, book.published, is_away, is_admin, begun_tours), rules.rostered_ranks
    )
    hashes = {f"staff/{name}": sha256_of(folder / name) for name in ("officers.csv", "roster.csv")}
    hashes |= {"rules": rules_sha256(source), "availability": _sha256_of_spans(spans)}
    return StaffInputs(force, officers, spans, book, rules, hashes, tuple(seq for _, seq in known_spans))


def check_days(inputs: StaffInputs, first_day: date, days: int) -> None:
    """Raise UsageError where the published roster does not cover these days."""
    column = inputs.force.day_index(first_day)
    if column < 0 or column + days > inputs.force.days:
        last_day = inputs.force.first_day + timedelta(days=inputs.force.days - 1)
        raise UsageError(
            f"The roster covers {inputs.force.first_day} to {last_day}. Ask for days within it, or load a "
            "roster that goes on."
        )


def _sha256_of_spans(spans: Sequence[Span]) -> str:
    """One hash of who is recorded as there or not, from when until when, and since when that is known."""
    return sha256_of_text("".join(sorted(f"{_key(span)}\n" for span in spans)).encode())


def rules_sha256(source: Source) -> str:
    """The hash of a rule file."""
    return sha256_of_text(source.read_bytes())


def recorded_spans(desk: Desk) -> tuple[tuple[Span, int | None], ...]:
    """Who is recorded as available or not, without a reason: facts hold none; and which entry has details."""
    zone = desk.workspace.city.time_zone
    entries = desk.open_ledger().verified_entries(kinds=(events.AVAILABILITY, WITHDRAWN))
    latest_entries = [
        corrected.latest_entry
        for corrected in apply_corrections(entries, kind=events.AVAILABILITY)
        if not corrected.is_withdrawn
    ]
    return tuple(
        (_read_span(entry, zone), entry.seq if entry.commitment else None) for entry in latest_entries
    )


def record_absence(
    desk: Desk, request: AbsentRequest, officers: Sequence[Officer], *, between: tuple[date, date]
) -> tuple[Span, ...]:
    """Record that officers are away, the reason apart and erasable.

    Raises UsageError where an officer is unknown, or the absence lies outside the days of the roster.
    """
    since = _half_day(request.since, "since")
    until = _end(request.until) if request.until else since + timedelta(days=1)
    check_officers(request.officer, officers)
    if until <= since:
        raise UsageError(f"`until` {request.until} is before {request.since}. Give the last day away.")
    if since.date() > between[1] or until <= datetime.combine(between[0], time()):
        raise UsageError(
            f"The roster covers {between[0]} to {between[1]}, and the absence begins on {since:%Y-%m-%d}. "
            "Name the roster of those days; absences to come are taken in by `becalm staff load`."
        )
    numbers = dict.fromkeys(request.officer)
    spans = tuple(Span(number, since, until, request.reason, desk.now()) for number in numbers)
    desk.open_ledger().append([_availability(desk, span, request.purpose) for span in spans])
    return spans


def record_return(desk: Desk, request: BackRequest, officers: Sequence[Officer]) -> Entry:
    """Record that an officer is back."""
    since = _half_day(request.since, "since")
    until = _end(request.until) if request.until else since + timedelta(days=28)
    check_officers((request.officer,), officers)
    span = Span(request.officer, since, until, "available", desk.now())
    return desk.open_ledger().append([_availability(desk, span, request.purpose)])[0]


def read_reasons(desk: Desk, *, purpose: str, officer: str, between: tuple[date, date]) -> dict[int, str]:
    """Why an officer was away in this time, by entry; what was erased is left out.

    Each reading is recorded before it is answered, with its purpose.
    """
    ledger, zone, reason_by_entry = desk.open_ledger(), desk.workspace.city.time_zone, dict[int, str]()
    for entry in ledger.verified_entries(kinds=(events.AVAILABILITY,), subject=officer):
        span = _read_span(entry, zone)
        if span.may_patrol or not _is_within(span, between) or not entry.commitment:
            continue
        details = _read_details(desk, entry.seq, officer, purpose)
        if details:
            reason_by_entry[entry.seq] = str(details["state"])
    return reason_by_entry


def parse_until(entry: Entry, zone: str) -> date:
    """The day on which the absence of this entry ended."""
    return _read_span(entry, zone).until.date()


def mark_admin_only(desk: Desk, inputs: StaffInputs, *, between: tuple[date, date], purpose: str) -> Force:
    """The force with those marked who may do administration only on these days.

    That is a detail: it is read from the payloads, and each reading is recorded with its purpose.
    """
    admin_spans = []
    for span, detail_seq in zip(inputs.spans, inputs.detail_seqs, strict=True):
        if _is_within(span, between) and not span.may_patrol:
            details = _read_details(desk, detail_seq, span.staff_number, purpose)
            span = replace(span, state="restricted" if details.get("admin") else "away")
        admin_spans.append(span)
    force = inputs.force
    _, is_admin = mark_spans(force.officers, admin_spans, first_day=force.first_day, days=force.days)
    return replace(force, is_admin=is_admin)


def read_freed_spans(
    desk: Desk, inputs: StaffInputs, *, between: tuple[date, date], purpose: str
) -> tuple[Span, ...]:
    """Who is freed from where on these days, and the day of recall.

    That is a detail: it is read from the payloads, and each reading is recorded with its purpose.
    """
    freed_spans = []
    for span, detail_seq in zip(inputs.spans, inputs.detail_seqs, strict=True):
        if not (_is_within(span, between) and span.may_patrol):
            continue
        details = _read_details(desk, detail_seq, span.staff_number, purpose)
        if details.get("state") == "freed":
            recall_text, donor = str(details["recall_on"]), str(details["donor"])
            recall_on = date.fromisoformat(recall_text) if recall_text else None
            freed_spans.append(replace(span, state="freed", donor=donor, recall_on=recall_on))
    return tuple(freed_spans)


def _is_within(span: Span, between: tuple[date, date]) -> bool:
    return span.until.date() > between[0] and span.since.date() <= between[1]


def _read_details(desk: Desk, seq: int | None, officer: str, purpose: str) -> Mapping[str, object]:
    """The details of one absence, empty where there are none any more; the reading is recorded first."""
    if seq is None:
        return {}
    payload = read_payload(desk, seq, subject=officer, purpose=purpose, shown_text="payload")
    return dict(json.loads(payload)) if payload is not None else {}


def check_officers(numbers: Sequence[str], officers: Sequence[Officer]) -> None:
    """Raise UsageError where one of these staff numbers is unknown."""
    known_numbers = {officer.staff_number for officer in officers}
    unknown_numbers = [number for number in numbers if number not in known_numbers]
    if unknown_numbers:
        raise UsageError(
            f"Officer {unknown_numbers[0]} is unknown. Correct the staff number, or load the staff again."
        )


def _half_day(text: str, field_name: str) -> datetime:
    try:
        return parse_half_day(text)
    except ValueError as error:
        raise UsageError(
            f"`{field_name}` {text!r} is no half-day. Write 2020-05-04 or 2020-05-04T12:00."
        ) from error


def _end(text: str) -> datetime:
    """When the last day is over; the noon that is named, where one is."""
    moment = _half_day(text, "until")
    return moment if moment.hour else moment + timedelta(days=1)


def _has_ledger(desk: Desk) -> bool:
    return desk.ledger_file is None or desk.ledger_file.exists()


def _key(span: Span) -> tuple[object, ...]:
    return (span.staff_number, span.since, span.until, span.may_patrol, span.recorded_at.astimezone(UTC))


def _availability(desk: Desk, span: Span, purpose: str) -> EventToAppend:
    zone = ZoneInfo(desk.workspace.city.time_zone)
    since, until = (
        f"{at.replace(tzinfo=zone).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (span.since, span.until)
    )
    details = {
        "state": span.state,
        "donor": span.donor,
        "recall_on": str(span.recall_on or ""),
        "admin": span.state in ADMIN_STATES,
    }
    event = make_event(
        desk,
        events.AVAILABILITY,
        purpose=purpose,
        facts={"available": span.may_patrol, "from": since, "until": until},
        occurred_at=span.recorded_at,
        subject=span.staff_number,
    )
    # Somebody who is simply there has no details: the fact says all.
    has_details = span.state != "available" or bool(span.donor)
    return EventToAppend(event, json.dumps(details, sort_keys=True).encode() if has_details else None)


def _read_span(entry: Entry, zone: str) -> Span:
    facts = entry.event.facts
    since, until = (
        datetime.fromisoformat(str(facts[name])).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        for name in ("from", "until")
    )
    state: State = "available" if facts["available"] else "away"
    return Span(entry.event.subject, since, until, state, entry.event.occurred_at)
