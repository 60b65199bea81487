"""The pack of one visit as a page that needs no network: what a crew may know at one door, and no more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from becalm.divert.core.visits.schedule import FIRST_SENTENCE
from becalm.divert.core.visits.wishes import VisitWishes
from becalm.ledger import Row
from becalm.render.document import Document, Section, document_html, text_table

OFFER_WORDS = (
    "Why we came: facts that the person may ask for, on paper. What we offer: help from an organisation that "
    "is not the police. Who it is, is in the leaflet.",
    "What the person may do: say no, think about it, ask why, have it corrected, or dispute it. The leaflet "
    "says how. Nothing that is said here is intelligence, unless a life or a child is in danger.",
    "When the offer ends: 90 days after it was approved, unless two people decide again.",
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
    appointment_details: Mapping[str, object]
    details: Mapping[str, str]
    wishes: VisitWishes
    card: str
    attempts_made: int
    mode: str  # live, or a rehearsal where people are only declared


def pack_document(pack: VisitPack) -> Document:
    """The pack: whom, where, which visit, wishes, what the check says with its age, and what to say."""
    until = pack.expires_at.astimezone(ZoneInfo(pack.zone))
    details = pack.details
    rehearsal = "" if pack.mode == "live" else "REHEARSAL: nobody here is to be called on. "
    rows = [
        ("name", details.get("name", "")),
        ("meet at", pack.wishes.place or details.get("address", "")),
        ("phone", details.get("phone", "")),
        ("visit", f"{('first', 'second')[pack.visit - 1]}, {pack.attempts_made} attempts so far"),
        ("appointment", _appointment_words(pack)),
        *_wishes(pack),
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


def _appointment_words(pack: VisitPack) -> str:
    if pack.appointment is None:
        return "none"
    starts_at = datetime.fromisoformat(str(pack.appointment["starts_at"])).astimezone(ZoneInfo(pack.zone))
    where = pack.appointment_details.get("where")
    return f"{starts_at:%H:%M}, {pack.appointment['place']}{f', {where}' if where else ''}"


def _wishes(pack: VisitPack) -> Iterator[tuple[str, str]]:
    """What the person asked for; only what was asked."""
    wishes = pack.wishes
    present = str(pack.appointment_details.get("present") or wishes.present)
    words = (
        ("interpreter", wishes.interpreter),
        ("papers", "in easy words" if wishes.is_easy_read else ""),
        ("may be present", present),
        ("not to be called on", "; ".join(wishes.unavailable_texts)),
    )
    yield from ((name, text) for name, text in words if text)


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
