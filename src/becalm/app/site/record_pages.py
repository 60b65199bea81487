"""Entries of the ledger: search them, open one with what corrected it, see the heads that were signed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from becalm.app import rights
from becalm.app.site import context, forms, run_list
from becalm.app.site.frame import render
from becalm.app.site.job_pages import find_run
from becalm.app.status_desk import describe_ledger
from becalm.app.store.sessions import Visitor
from becalm.console.emit import fact_text
from becalm.console.run_folder import read_answer, request_of
from becalm.divert.core.access import may as may_with_people
from becalm.ledger import Entry
from becalm.ledger.events import ABOUT_PEOPLE
from becalm.record.core.request import EntryRequest, EventsRequest
from becalm.record.desk import describe_late_head, list_entries, prove_entry
from becalm.record.desk.read import ProvenEntry, read_entry
from becalm.terms import QuestionError, UsageError

ENTRIES_SHOWN: Final = 50
SEARCH: Final = ("record", "events")
COUNT_QUESTION: Final = "record arrests"
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry as a list shows it: what, when and by whom, never about whom."""

    seq: int
    kind: str
    recorded_text: str
    actor: str
    role: str
    corrects: int | None
    is_about_person: bool


def describe_entry(site: context.Site, entry: Entry) -> ListedEntry:
    """An entry as a list shows it."""
    return ListedEntry(
        entry.seq,
        entry.event.kind,
        run_list.format_made(site, entry.recorded_at),
        entry.event.actor,
        entry.event.role,
        entry.event.corrects,
        bool(entry.event.subject),
    )


@router.get("/record/entries")
def show_entries(request: Request) -> Response:
    """Search: the filters stand in the address; without any, the newest entries are shown."""
    context.require_page(request, "record")
    site = context.site_of(request)
    fields = {name: request.query_params.getlist(name) for name in request.query_params}
    kinds = sorted({kind.name for kind in site.desk.open_ledger().kinds.kinds})
    error: UsageError | None = None
    entries: tuple[Entry, ...] = ()
    has_filter = False
    try:
        search = _read_search(site, fields, kinds)
        has_filter = bool(search.kind or search.actor or search.since or search.after)
        if not has_filter:
            search = EventsRequest(after=max(0, site.desk.open_ledger().head().size - ENTRIES_SHOWN))
        entries = list_entries(site.desk, search, limit=ENTRIES_SHOWN + 1)
    except UsageError as failure:
        error = failure
    listed_entries = [describe_entry(site, entry) for entry in entries[:ENTRIES_SHOWN]]
    return render(
        request,
        "site_entries.html",
        "Entries of the ledger",
        status=422 if error else 200,
        entries=listed_entries if has_filter else listed_entries[::-1],
        has_filter=has_filter,
        kinds=kinds,
        fields={name: context.first(fields, name) for name in ("kind", "actor", "since")},
        next_address=_next_address(fields, listed_entries) if len(entries) > ENTRIES_SHOWN else "",
        faults=error.faults if error else (),
        message=error.message if error else "",
    )


def _read_search(site: context.Site, fields: Any, kinds: list[str]) -> EventsRequest:
    question = site.questions[" ".join(SEARCH)]
    written_values = {
        name: values for name, values in fields.items() if name in ("kind", "actor", "since", "after")
    }
    values = forms.read_values(question, written_values)
    unknown = [kind for kind in values.get("kind", ()) if kind not in kinds]
    if unknown:
        raise UsageError(f"There is no kind of entry {unknown[0]!r:.60}. Choose one of the list.")
    return cast("EventsRequest", request_of(question, values))


def _next_address(fields: Any, listed_entries: list[ListedEntry]) -> str:
    filters = {name: context.first(fields, name) for name in ("kind", "actor", "since")}
    query = {name: value for name, value in filters.items() if value}
    return f"/record/entries?{urlencode({**query, 'after': str(listed_entries[-1].seq)})}"


@router.get("/record/entries/{seq}")
def show_entry(request: Request, seq: int) -> Response:
    """One entry, what corrected it, and its proof. One about a person is shown for a purpose alone."""
    visitor, site = context.require_run(request, "record"), context.site_of(request)
    try:
        entry = read_entry(site.desk.open_ledger(), seq)
    except QuestionError as error:
        raise context.NotThereError from error
    if entry.event.subject:
        return _closed_entry(request, visitor, entry)
    return _entry_page(request, prove_entry(site.desk, EntryRequest(entry=seq)))


@router.post("/record/entries/{seq}")
def open_entry(request: Request, seq: int, fields: context.SentForm) -> Response:
    """Open an entry about a person: who looked, and what for, is recorded before anything is shown."""
    site, visitor = context.site_of(request), context.check_form(request, fields, draft_page=request.url.path)
    if not rights.may_see(visitor.role, "record") or not _may_open(visitor) or visitor.must_change:
        raise context.NotThereError
    purpose = context.first(fields, "purpose")
    try:
        entry = read_entry(site.desk.open_ledger(), seq)
    except QuestionError as error:
        raise context.NotThereError from error
    if purpose not in ABOUT_PEOPLE:
        return _closed_entry(request, visitor, entry, message="Say what for: choose a purpose.")
    return _entry_page(
        request, prove_entry(site.acting_desk(visitor), EntryRequest(entry=seq, purpose=purpose))
    )


def _may_open(visitor: Visitor) -> bool:
    """Who may ask who saw a person may see the entries about one."""
    return may_with_people(visitor.role, "who")


def _closed_entry(request: Request, visitor: Visitor, entry: Entry, message: str = "") -> Response:
    site = context.site_of(request)
    openers = [role for role in rights.roles_for("record") if may_with_people(role, "who")]
    return render(
        request,
        "site_entry_closed.html",
        f"Entry {entry.seq}",
        status=422 if message else 200,
        entry=describe_entry(site, entry),
        purposes=ABOUT_PEOPLE,
        may_open=_may_open(visitor),
        openers=", ".join(openers),
        message=message,
    )


def _entry_page(request: Request, proven: ProvenEntry) -> Response:
    site, event = context.site_of(request), proven.entry.event
    ledger = site.desk.open_ledger()
    return render(
        request,
        "site_entry.html",
        f"Entry {proven.entry.seq}",
        entry=describe_entry(site, proven.entry),
        meaning=ledger.kinds.by_key[event.kind, event.version].meaning,
        occurred_text=run_list.format_made(site, event.occurred_at),
        purpose=event.purpose,
        subject=event.subject,
        facts=[(name.replace("_", " "), fact_text(value)) for name, value in event.facts.items()],
        corrections=[describe_entry(site, entry) for entry in proven.corrections],
        proof=proven,
    )


@router.get("/record/runs/{key}/entries")
def show_figure(request: Request, key: str) -> Response:
    """The entries that a figure was counted from, each of which can be opened."""
    context.require_run(request, "record")
    site = context.site_of(request)
    run = find_run(site, "record", key)
    content = read_answer(run, ".json") if run.record.question == COUNT_QUESTION else None
    if content is None:
        raise context.NotThereError
    answer = json.loads(content)
    rows = [
        (entry["entry"], entry["occurred_at"][:16].replace("T", " "), entry["unit"], entry["activity"])
        for entry in answer["entries"]
    ]
    return render(
        request, "site_figure.html", "The entries behind the figure", key=key, rows=rows, answer=answer
    )


@router.get("/record/heads")
def show_heads(request: Request) -> Response:
    """Where the ledger stands, which heads were signed, and how much of it is proved outside."""
    context.require_page(request, "record")
    site = context.site_of(request)
    ledger = site.desk.open_ledger()
    checkpoints = sorted(ledger.checkpoints(), key=lambda checkpoint: -checkpoint.head.size)
    return render(
        request,
        "site_heads.html",
        "Signed heads of the ledger",
        head=ledger.head(),
        ledger=describe_ledger(site.desk),
        late=describe_late_head(site.desk),
        rows=[
            (
                f"{checkpoint.head.size:,}",
                run_list.format_made(site, checkpoint.made_at),
                checkpoint.head.root[:16],
                checkpoint.key_id[:16],
                str(len(checkpoint.cosignatures)),
            )
            for checkpoint in checkpoints[:ENTRIES_SHOWN]
        ],
        checkpoint_count=len(checkpoints),
        verified=run_list.newest_of(site, "record verify"),
    )
