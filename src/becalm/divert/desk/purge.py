"""Forgetting: cases that end by themselves, details whose time is over, erasures that a person asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, cast

from becalm.desk import Desk, make_event, record_event
from becalm.divert.core import events as kinds
from becalm.divert.core.access import step_refusal
from becalm.divert.core.case_state import CLOSED_STATES
from becalm.divert.core.request import PurgeRequest
from becalm.divert.core.retention import find_due, is_expired
from becalm.divert.desk.cases import leave_programme
from becalm.divert.desk.context import case_row, read_rule_in_force, records_file, require_role
from becalm.divert.files.protected_store import ProtectedStore
from becalm.divert.files.records_file import Records
from becalm.ledger import Entry, Fact
from becalm.terms import BecalmError, CaseError, Fault

ERASED_AT_ONCE: Final = 20_000
GROUNDS: Final = ("request", "unlawful", "not_needed", "error", "court_order")
RULE_NAME: Final = "divert retention"


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """What was destroyed, what ended by itself, and what could not be done."""

    day: date
    due_count: int
    erased_count: int
    failed_count: int
    expired_count: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Due:
    seqs: tuple[int, ...]
    people: tuple[str, ...]  # whose case is purged
    forgotten_people: tuple[str, ...]  # who leave the records altogether


NOTHING_DUE: Final = _Due((), (), ())


def purge(desk: Desk, request: PurgeRequest) -> PurgeResult:
    """End what has run out, and destroy what is due; done again, it finds nothing to do.

    Raises CaseError where details could not be destroyed: that is recorded, and nobody is approved until a
    purge succeeds.
    """
    desk = require_role(desk, "restrict" if request.person else "purge")
    if request.code not in GROUNDS:
        remedy = f"write one of {', '.join(GROUNDS)}"
        raise step_refusal("code", "is no ground of ours, and could not be erased", remedy)
    day = request.day or desk.today
    if day > desk.today:
        raise step_refusal("day", f"{day} is in the future", "give today or an earlier day")
    expired_people = () if request.person else _expire(desk, day)
    due = NOTHING_DUE
    try:
        due = _due_at_request(desk, request.person) if request.person else _find_all_due(desk, day)
        _destroy(desk, due, request.code if request.person else RULE_NAME)
    except (BecalmError, OSError) as error:
        if isinstance(error, CaseError):
            raise
        problem = type(error).__name__
        _record(desk, day, due, erased_count=0, expired_count=len(expired_people), problem=problem)
        fault = Fault("purge", str(error), "correct it and run the purge again; nobody is approved before")
        raise CaseError("Details whose time is over could not be destroyed", (fault,)) from error
    _record(desk, day, due, erased_count=len(due.seqs), expired_count=len(expired_people))
    return PurgeResult(day, len(due.seqs), len(due.seqs), 0, len(expired_people), due.people)


def _expire(desk: Desk, day: date) -> tuple[str, ...]:
    retention = read_rule_in_force(desk).retention
    rows = [row for row in desk.open_ledger().state_rows("case") if is_expired(row, day, retention)]
    for row in rows:
        leave_programme(desk, str(row["subject"]), "expired", ("time_is_up",), sentence="", purpose="erasure")
    return tuple(str(row["subject"]) for row in rows)


def _find_all_due(desk: Desk, day: date) -> _Due:
    """Every entry whose details are due, from the entries themselves and not from a table."""
    ledger, retention = desk.open_ledger(), read_rule_in_force(desk).retention
    cases = {str(row["subject"]): row for row in ledger.state_rows("case")}
    entries_by_person = _entries_with_details(desk)
    current_people = _current_people(desk)
    seqs: list[int] = []
    purged_people, forgotten_people = _list_half_purged(cases, current_people, entries_by_person)
    for person, entries in entries_by_person.items():
        case = cases.get(person)
        answer = find_due(
            case,
            retention,
            day=day,
            taken_in_on=entries[0].event.occurred_at.date(),
            is_current=person in current_people,
        )
        if answer == "nothing":
            continue
        is_all = answer == "everything"
        seqs += [entry.seq for entry in entries if is_all or entry.event.kind != kinds.PERSON]
        forgotten_people += [person] if is_all else []
        purged_people += [person] if case is not None else []
    return _Due(tuple(sorted(seqs)), tuple(purged_people), tuple(forgotten_people))


def _list_half_purged(
    cases: Mapping[str, Mapping[str, object]],
    current_people: set[str],
    entries_by_person: Mapping[str, Sequence[Entry]],
) -> tuple[list[str], list[str]]:
    """Whose case is still to be closed and who is still in the records, where a purge was cut short.

    Their details are gone already, and no court holds what is left.
    """
    purged_people = [
        person
        for person, case in cases.items()
        if person not in entries_by_person
        and case["state"] in set(CLOSED_STATES) - {"purged"}
        and not case["has_legal_hold"]
    ]
    bound_people = {
        person
        for person, case in cases.items()
        if case["has_legal_hold"] or (case["state"] != "purged" and person not in purged_people)
    }
    return purged_people, sorted(current_people - set(entries_by_person) - bound_people)


def _entries_with_details(desk: Desk) -> Mapping[str, Sequence[Entry]]:
    """For each person, the entries with details that were not erased yet."""
    ledger = desk.open_ledger()
    erasures = ledger.verified_entries(kinds=("payload_erased",))
    erased_seqs = {seq for entry in erasures for seq in cast("tuple[int, ...]", entry.event.facts["entries"])}
    entries_by_person: dict[str, list[Entry]] = {}
    for entry in ledger.verified_entries(kinds=tuple(DETAIL_KINDS)):
        if entry.commitment and entry.seq not in erased_seqs:
            entries_by_person.setdefault(entry.event.subject, []).append(entry)
    return entries_by_person


DETAIL_KINDS: Final = (
    *(kinds.PERSON, kinds.JOIN, kinds.PART, kinds.NOMINATION, kinds.SCREENING, kinds.DECISION, kinds.LEAVING),
    *(kinds.CHALLENGE, kinds.CHALLENGE_DECISION, kinds.RESTRICTION, kinds.FORCED_ACCESS),
    *("visit_made", "visit_attempted", "referral_sent", "referral_rejected", "referral_ended"),
    *("appointment_made", "visit_checked", "offer_made", "consent_changed", "session_held", "goal_judged"),
    *("wishes_changed", "help_reported"),
)
"""The kinds whose entries may hold details about a person of this programme."""


def _current_people(desk: Desk) -> set[str]:
    """Who is in the records. Where they are there and cannot be read, nothing may be called over."""
    records_store = records_file(desk)
    return set(records_store.read().people["person"].to_pylist()) if records_store.path.is_file() else set()


def _due_at_request(desk: Desk, person: str) -> _Due:
    """All details of one person, who asked for it; a court's hold stands in the way."""
    ledger = desk.open_ledger()
    case = case_row(ledger, person)
    if case is not None and case["has_legal_hold"]:
        raise step_refusal(person, "the records are held for a court", "lift the hold first")
    if case is not None and case["state"] not in CLOSED_STATES:
        raise step_refusal(person, "the case is open", "remove the person first: becalm divert remove")
    entries_by_person = _entries_with_details(desk)
    names = (person, *_list_joined(desk, person))
    entries = [entry for name in names for entry in entries_by_person.get(name, ())]
    if not entries:
        raise step_refusal(person, "has no details, or they were erased", "there is nothing to do")
    people = (person,) if case is not None else ()
    return _Due(tuple(sorted(entry.seq for entry in entries)), people, names)


def _list_joined(desk: Desk, person: str) -> tuple[str, ...]:
    """The other records of one person, which were joined to this one."""
    records_store = records_file(desk)
    mains = records_store.read().main_of_person() if records_store.path.is_file() else {}
    return tuple(name for name, main in mains.items() if main == person and name != person)


def _destroy(desk: Desk, due: _Due, reason: str) -> None:
    """Destroy whatever the records hold of those who are forgotten, then the details in the ledger.

    In this order, so that a purge that was cut short finds the details still due and is done again.
    """
    ledger = desk.open_ledger()
    _forget_in_records(desk, due)
    for first in range(0, len(due.seqs), ERASED_AT_ONCE):
        seqs = due.seqs[first : first + ERASED_AT_ONCE]
        facts: dict[str, Fact] = {"entries": seqs, "reason": reason, "rule": RULE_NAME}
        ledger.erase(seqs, erasure=make_event(desk, "payload_erased", purpose="erasure", facts=facts))


def _forget_in_records(desk: Desk, due: _Due) -> None:
    records_store = records_file(desk)
    if not records_store.path.is_file() or not (due.forgotten_people or due.people):
        return
    ProtectedStore(records_store.folder, records_store, desk.protected_url).forget(set(due.forgotten_people))
    with records_store.alone():
        records: Records = records_store.read().without_sentences(set(due.people))
        records_store.write(records.without(set(due.forgotten_people)))


def _record(
    desk: Desk, day: date, due: _Due, *, erased_count: int, expired_count: int, problem: str | None = None
) -> None:
    facts: dict[str, Fact] = {
        "purged_on": day.isoformat(),
        "due": len(due.seqs),
        "erased": erased_count,
        "failed": len(due.seqs) - erased_count,
        "expired": expired_count,
        "people": due.people if problem is None else (),
        **({} if problem is None else {"problem": problem, "failed": max(1, len(due.seqs))}),
    }
    record_event(desk, kinds.PURGE, purpose="erasure", facts=facts)
