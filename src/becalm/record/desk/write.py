"""Recording by hand what no program knows, and putting it right by later entries, never by a change."""

from collections.abc import Mapping
from pathlib import Path

from becalm.desk import Desk, make_event, note_configuration, record_event
from becalm.ledger import WITHDRAWN, Entry, EventToAppend, Fact, FactField, Ledger, apply_corrections
from becalm.record.core.request import AddRequest, CorrectRequest, WithdrawRequest
from becalm.record.desk.read import read_entry
from becalm.record.desk.receipts import append_with_receipt
from becalm.terms import EventError, Fault, UsageError

FLAG_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def add_event(desk: Desk, request: AddRequest) -> Entry:
    """Record one event by hand, with personal details beside it that can be erased again.

    Raises UsageError where the kind is one that becalm writes itself, or the details cannot be read;
    EventError with everything that does not fit its kind.
    """
    ledger = desk.open_ledger()
    kind_versions, names_by_hand = ledger.kinds.versions(request.kind), ledger.kinds.names_by_hand
    if kind_versions and request.kind not in names_by_hand:
        raise UsageError(f"{request.kind} is written by becalm itself. By hand: {', '.join(names_by_hand)}.")
    try:
        details_bytes = Path(request.details).read_bytes() if request.details else None
    except OSError as error:
        raise UsageError(
            f"`details {request.details}` cannot be read ({error.strerror}). Name a file."
        ) from error
    field_by_name = {field.name: field for version in kind_versions for field in version.fields}
    new_event = make_event(
        desk,
        request.kind,
        purpose=request.purpose,
        facts=_read_facts(field_by_name, request.changes.text_by_fact),
        occurred_at=request.changes.occurred_at,
        subject=request.subject,
    )
    note_configuration(desk)
    event_to_append = EventToAppend(new_event, details_bytes)
    if request.receipt is not None:
        return append_with_receipt(ledger, event_to_append, Path(request.receipt))
    return ledger.append([event_to_append])[0]


def correct_entry(desk: Desk, request: CorrectRequest) -> Entry:
    """Record again what an entry should say, with the facts of the request in the place of the former ones.

    Raises UsageError where nothing would change, or the entry cannot be corrected.
    """
    ledger = desk.open_ledger()
    former_event = _find_correctable(ledger, request.entry).event
    field_by_name = ledger.kinds.by_key[former_event.kind, former_event.version].field_by_name
    corrected_facts = {**former_event.facts, **_read_facts(field_by_name, request.changes.text_by_fact)}
    occurred_at = request.changes.occurred_at or former_event.occurred_at
    if corrected_facts == dict(former_event.facts) and occurred_at == former_event.occurred_at:
        raise UsageError(
            f"Entry {request.entry} already says this. Say what should change, e.g. `facts unit='VSU 2'`."
        )
    event = make_event(
        desk,
        former_event.kind,
        purpose=former_event.purpose if former_event.subject else "correction",
        facts=corrected_facts,
        occurred_at=occurred_at,
        subject=former_event.subject,
        corrects=request.entry,
    )
    return ledger.append([EventToAppend(event)])[0]


def withdraw_entry(desk: Desk, request: WithdrawRequest) -> Entry:
    """Record that an entry is wrong and that nothing takes its place."""
    _find_correctable(desk.open_ledger(), request.entry)
    withdrawal_facts = {"reason": request.reason}
    return record_event(desk, WITHDRAWN, purpose="correction", facts=withdrawal_facts, corrects=request.entry)


def _find_correctable(ledger: Ledger, seq: int) -> Entry:
    """The entry whose facts are in force for entry `seq`, where that may be corrected at all."""
    entry = read_entry(ledger, seq)
    event_kind = ledger.kinds.by_key.get((entry.event.kind, entry.event.version))
    if entry.event.corrects is not None:
        raise UsageError(
            f"Entry {seq} corrects entry {entry.event.corrects}. Correct that one: it is the first."
        )
    if event_kind is None or event_kind.corrects != "may":
        raise UsageError(
            f"Entry {seq} is {entry.event.kind}, which records what happened and cannot be corrected."
        )
    later_entries = ledger.entries(after=seq - 1, kinds=(entry.event.kind, WITHDRAWN))
    corrected, *_ = apply_corrections(later_entries, kind=entry.event.kind)
    if corrected.is_withdrawn:
        raise UsageError(f"Entry {seq} was withdrawn. Record what happened as a new entry instead.")
    return corrected.latest_entry


def _read_facts(field_by_name: Mapping[str, FactField], text_by_fact: Mapping[str, str]) -> dict[str, Fact]:
    """The facts that these texts stand for; an empty one stands for none where it may be missing.

    Raises EventError where a number is none. What else is wrong the check of the event names.
    """
    facts: dict[str, Fact] = dict(text_by_fact)
    for name, fact_text in text_by_fact.items():
        field = field_by_name.get(name)
        if field is None or (not fact_text and field.is_needed):
            continue
        if not fact_text:
            facts[name] = None
        elif field.type == "flag":
            facts[name] = FLAG_WORDS.get(fact_text.casefold(), fact_text)
        elif field.type == "whole":
            try:
                facts[name] = int(fact_text)
            except ValueError as error:
                fault = Fault(f"fact {name}", f"{fact_text!r} is not a whole number", "write it in figures")
                raise EventError("The event cannot be recorded; nothing was written", (fault,)) from error
    return facts
