"""The pack of one visit as a page that needs no network: what a crew may know at one door, and no more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from becalm.divert.core.visits.schedule import FIRST_SENTENCE
from becalm.ledger import Row
from becalm.render.document import Document, Section, document_html, text_table

OFFER_WORDS = (
    "Why we came: facts that the person may ask for, on paper. What we offer: help from an organisation that "
    "is not the police. Who it is, is in the leaflet.",
    "What the person may do: say no, think about it, ask why, have it corrected, or dispute it. The leaflet "
    "says how. Nothing that is said here is intelligence, unless a life or a child is in danger.",
    "When the offer ends: 90 days after it was approved, unless two people decide again.",
)
KNOWN_WISHES = (
    ("interpreter", "interpreter"),
    ("easy_read", "easy read"),
    ("contact_wishes", "asked for"),
)


@dataclass(frozen=True, slots=True)
class VisitPack:
    """What a crew needs to know at one door, today: no points, no rank, no crimes, nobody else."""

    person: str
    visit: int
    crew: str
    expires_at: datetime
    zone: str
    appointment: Row | None
    check: Row
    check_details: Mapping[str, object]
    details: Mapping[str, str]
    card: str
    attempts_made: int
    mode: str  # live, or a rehearsal where people are only declared


def pack_document(pack: VisitPack) -> Document:
    """The pack: whom, where, which visit, wishes, what the check says with its age, and what to say."""
    until = pack.expires_at.astimezone(ZoneInfo(pack.zone))
    details, appointment = pack.details, pack.appointment
    rehearsal = "" if pack.mode == "live" else "REHEARSAL: nobody here is to be called on. "
    rows = [
        ("name", details.get("name", "")),
        ("address", details.get("address", "")),
        ("phone", details.get("phone", "")),
        ("visit", f"{('first', 'second')[pack.visit - 1]}, {pack.attempts_made} attempts so far"),
        ("appointment", f"{appointment['daypart']}, {appointment['place']}" if appointment else "none"),
        *_wishes(details),
        ("number on the card", pack.card),
    ]
    return Document(
        title=f"Visit to {pack.person}",
        sections=(
            Section("At the door", (FIRST_SENTENCE,), (text_table(("what", "answer"), rows),)),
            Section("Is it safe", tuple(_check_words(pack.check, pack.check_details, pack.zone))),
            Section("The offer", OFFER_WORDS),
        ),
        notice=f"{rehearsal}For {pack.crew} alone, until {until:%H:%M} on {until:%-d %B}. Then it is gone.",
        colophon="It holds no points, no crimes and nobody else. It works without a network.",
    )


def _wishes(details: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, words in KNOWN_WISHES:
        if details.get(name) and details[name] != "no":
            yield words, details[name]


def _check_words(check: Row, check_details: Mapping[str, object], zone: str) -> Iterator[str]:
    until = datetime.fromisoformat(str(check["expires_at"])).astimezone(ZoneInfo(zone))
    result = {"go": "Go.", "conditions": "Go, with conditions."}.get(str(check["result"]), "Do not go.")
    yield f"{result} {check['approver']} answers for it. The check holds until {until:%H:%M on %-d %B}."
    conditions = check_details.get("conditions")
    if isinstance(conditions, list):
        yield from (f"Condition: {condition}" for condition in conditions)
    if check_details.get("note"):
        yield str(check_details["note"])


def pack_page(document: Document, version: str) -> str:
    """The pack as one self-contained page."""
    return document_html(document, version)
