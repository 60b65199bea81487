"""The pack of one visit as a page that needs no network: what a crew may know at one door, and no more."""

from collections.abc import Iterator, Mapping
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


def pack_document(
    *,
    person: str,
    visit: int,
    crew: str,
    expires_at: datetime,
    zone: str,
    details: Mapping[str, str],
    check: Row,
    check_details: Mapping[str, object],
    appointment: Row | None,
    card: str,
    attempts_made: int,
) -> Document:
    """The pack: whom, where, which visit, wishes, what the check says with its age, and what to say."""
    until = expires_at.astimezone(ZoneInfo(zone))
    rows = [
        ("name", details.get("name", "")),
        ("address", details.get("address", "")),
        ("phone", details.get("phone", "")),
        ("visit", f"{('first', 'second')[visit - 1]}, {attempts_made} attempts so far"),
        ("appointment", f"{appointment['daypart']}, {appointment['place']}" if appointment else "none"),
        *_wishes(details),
        ("number on the card", card),
    ]
    return Document(
        title=f"Visit to {person}",
        sections=(
            Section("At the door", (FIRST_SENTENCE,), (text_table(("what", "answer"), rows),)),
            Section("Is it safe", tuple(_check_words(check, check_details, zone))),
            Section("The offer", OFFER_WORDS),
        ),
        notice=f"For {crew} alone, until {until:%H:%M} on {until:%-d %B}. Then it vanishes from the phone.",
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
