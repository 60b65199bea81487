"""Oversight: what is published, who looked at people, the papers of governance, what becalm never does."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from becalm.app import rights
from becalm.app.site import context
from becalm.app.site.desk_pages import BRIEFING
from becalm.app.site.frame import NAVIGATION, frozen_response, render
from becalm.app.site.record_pages import describe_entry
from becalm.app.store.sessions import Visitor
from becalm.divert.core.access import may as may_with_people
from becalm.divert.core.small_counts import LEAST_SHOWN
from becalm.ledger.event_kinds import is_pseudonym
from becalm.ledger.events import ABOUT_PEOPLE
from becalm.record.core.request import AccessRequest
from becalm.record.desk import find_accesses
from becalm.terms import BecalmError, Fault, UsageError

PAPERS: Final = "governance"
PAPERS_RECORD: Final = "papers.json"
ACCESS_KINDS: Final = ("record_accessed", "access_log_read", "disclosure_made")
PAPER: Final = re.compile(r"[a-z][a-z_-]{1,60}\.html")
NEVER: Final = (
    "Scores of people, or the probability that somebody will offend.",
    "Free text, social media, associations or protected characteristics as a ground for choosing anybody.",
    "Lists of people for enforcement, quotas, or entries by hand.",
    "What police find by looking as a guide to where to look next.",
    "A person on a list for good, or a penalty for declining help.",
    "An off switch for the record.",
)
router = APIRouter(include_in_schema=False)


@router.get("/oversight")
def show_oversight(request: Request) -> Response:
    """What is published, who looked at people, the papers, and what becalm never does."""
    return _oversight_page(request, context.require_page(request, "oversight"))


def _oversight_page(
    request: Request, visitor: Visitor, *, error: UsageError | None = None, **page_values: Any
) -> Response:
    site = context.site_of(request)
    public_page = site.desk.workspace.path / BRIEFING / "public" / "index.html"
    values = {
        "accesses": None,
        "subject": "",
        "actor": "",
        "public": read_table(public_page.read_text("utf-8")) if public_page.is_file() else None,
        "rights": list(_rights()),
        "reads": list(count_reads(site)),
        "least": LEAST_SHOWN,
        "papers": _papers(site),
        "may_look": may_with_people(visitor.role, "who"),
        "purposes": ABOUT_PEOPLE,
        "never": NEVER,
        "faults": error.faults if error else (),
        "message": error.message if error else "",
        **page_values,
    }
    return render(request, "site_oversight.html", "Oversight", status=422 if error else 200, **values)


def read_table(page: str) -> tuple[list[str], list[list[str]]]:
    """The first table of a page that becalm wrote: headings, and rows of cells as they stand there.

    >>> read_table("<table><tr><th>Group</th></tr><tr><td>Robbery</td></tr></table>")
    (['Group'], [['Robbery']])
    """
    table = re.search(r"<table.*?</table>", page, re.DOTALL)
    rows = []
    for row in re.findall(r"<tr.*?</tr>", table[0] if table else "", re.DOTALL):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        rows.append([html.unescape(re.sub(r"<[^>]+>", " ", cell)).strip() for cell in cells])
    return (rows[0], rows[1:]) if rows else ([], [])


def count_reads(site: context.Site) -> Iterator[tuple[str, str, str, str]]:
    """How often records about people were looked at, by month, kind and purpose; no small counts."""
    try:
        entries = list(site.desk.open_ledger().entries(kinds=ACCESS_KINDS))
    except BecalmError:
        return
    counts = Counter(
        (f"{entry.recorded_at:%Y-%m}", entry.event.kind, entry.event.purpose) for entry in entries
    )
    for (month, kind, purpose), count in sorted(counts.items(), reverse=True):
        count_text = f"{count:,}" if count >= LEAST_SHOWN else f"under {LEAST_SHOWN}"
        yield month, kind.replace("_", " "), purpose, count_text


def _papers(site: context.Site) -> list[str]:
    """The papers of governance that were written into the workspace."""
    folder = site.desk.workspace.path / PAPERS
    try:
        hash_by_paper = json.loads((folder / PAPERS_RECORD).read_text("utf-8"))["sha256"]
    except (OSError, ValueError, KeyError):
        return []
    return sorted(f"{name}.html" for name in hash_by_paper if (folder / f"{name}.html").is_file())


@router.get("/oversight/papers/{name}")
def show_paper(request: Request, name: str) -> Response:
    """A paper of governance, as it was written."""
    context.require_run(request, "oversight")
    site = context.site_of(request)
    if not PAPER.fullmatch(name) or name not in _papers(site):
        raise context.NotThereError
    path: Path = site.desk.workspace.path / PAPERS / name
    return frozen_response(path.read_bytes())


@router.post("/oversight/accesses")
def look_up_accesses(request: Request, fields: context.SentForm) -> Response:
    """Who saw this person, or whom did this actor see? The question is recorded before it is answered."""
    visitor = context.check_form(request, fields)
    is_allowed = rights.may_see(visitor.role, "oversight") and may_with_people(visitor.role, "who")
    if not is_allowed or visitor.must_change:
        raise context.NotThereError
    site = context.site_of(request)
    lookup_values = {name: context.first(fields, name).strip() for name in ("subject", "actor", "purpose")}
    form_values: dict[str, Any] = {"subject": lookup_values["subject"], "actor": lookup_values["actor"]}
    if faults := tuple(_lookup_faults(lookup_values)):
        error = UsageError("Nobody was looked up, and nothing was recorded", faults)
        return _oversight_page(request, visitor, error=error, **form_values)
    question = AccessRequest(
        subject=lookup_values["subject"] or None,
        actor=lookup_values["actor"] or None,
        purpose=lookup_values["purpose"],
        quick=True,
    )
    log = find_accesses(site.acting_desk(visitor), question)
    accesses = [(describe_entry(site, entry), entry.event.purpose) for entry in log.entries]
    return _oversight_page(request, visitor, accesses=accesses, **form_values)


def _lookup_faults(lookup_values: dict[str, str]) -> Iterator[Fault]:
    if not lookup_values["subject"] and not lookup_values["actor"]:
        yield Fault("subject", "nobody is named", "write a pseudonym, or the name of an account below")
    if lookup_values["subject"] and not is_pseudonym(lookup_values["subject"]):
        yield Fault("subject", "is no pseudonym", "take it from an entry of the record, never a name")
    if lookup_values["purpose"] not in ABOUT_PEOPLE:
        yield Fault("purpose", "is not chosen", "choose what for")


def _rights() -> Iterator[tuple[str, str, str]]:
    for page in rights.PAGES:
        name = NAVIGATION.get(page, ("", page.capitalize()))[1]
        askers = ", ".join(rights.ASKERS.get(page, ())) or "nobody"
        seers = rights.roles_for(page)
        yield name, "everybody" if seers == rights.EVERYBODY else ", ".join(seers), askers
