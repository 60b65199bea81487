"""An access pack as a document to print and as JSON: every field, and every line of who looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from becalm.divert.files.reasons_page import notice_of
from becalm.render.document import Document, DocumentTable, Section, text_table

KIND_WORDS: Final = {
    "person_known": "took in your details",
    "record_accessed": "looked at your record",
    "evidence_opened": "opened the page of reasons",
    "disclosure_made": "passed something on",
    "person_nominated": "put you forward",
    "person_screened": "asked what may stand against a visit",
    "decision_made": "decided",
    "programme_left": "took you off the list",
    "challenge_raised": "noted that you disagree",
    "challenge_decided": "answered your challenge",
    "restriction_changed": "changed how your record may be used",
    "access_forced": "looked in an emergency",
    "records_joined": "joined two records",
    "records_parted": "parted records",
}
"""What was done, as the person reads it; other kinds are shown by their names."""
PACK_NAMES: Final = ("pack.json", "pack.pdf", "pack.sig")


@dataclass(frozen=True, slots=True)
class PackEntry:
    """One step of the case as the person sees it: facts, details that are shown, names of those withheld."""

    seq: int
    at: str
    kind: str
    role: str
    facts: Mapping[str, object]
    details: Mapping[str, object]
    withheld_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackContent:
    """Everything that is kept about a person."""

    person: str
    made_on: date
    mode: str
    details: Mapping[str, str]
    case: Mapping[str, object] | None
    explanation: Mapping[str, object]
    entries: tuple[PackEntry, ...]
    accesses: tuple[tuple[str, ...], ...]  # when, role, what for, what, more


def pack_json(content: PackContent) -> dict[str, object]:
    """The pack for programs. Names of those who act are left out: they are other people's data."""
    case = {name: value for name, value in (content.case or {}).items() if name not in _PEOPLE_IN_CASE}
    return {
        "mode": content.mode,
        "person": content.person,
        "made_on": content.made_on.isoformat(),
        "details": dict(content.details),
        "case": case,
        "reasons": dict(content.explanation),
        "steps": [asdict(entry) for entry in content.entries],
        "accesses": [list(line) for line in content.accesses],
    }


_PEOPLE_IN_CASE: Final = ("nominator", "screener", "approver", "evidence_by")


def pack_document(content: PackContent, document_sha256: str) -> Document:
    """The pack to print."""
    events = content.explanation["events"]
    assert isinstance(events, list)
    event_rows = [tuple(event.values()) for event in events]
    event_tables = (text_table(tuple(map(_plain_name, events[0])), event_rows),) if events else ()
    details_rows = tuple((_plain_name(name), value) for name, value in content.details.items())
    details_table = text_table(("what", "as we have it"), details_rows)
    access_rows = [
        (f"{at[:10]} {at[11:16]}", role, purpose, KIND_WORDS.get(kind, _plain_name(kind)), *detail_cells)
        for at, role, purpose, kind, *detail_cells in content.accesses
    ]
    case_state = "none" if content.case is None else str(content.case["state"]).replace("_", " ")
    sections = (
        Section("What this is", (
            "This is all that the programme keeps about you. It was made because you asked.",
            "If something is wrong, tell us. We will put it right, and tell everybody whom we gave it to.",
            f"Your case: {case_state}.",
        )),
        Section("Your details", tables=(details_table,)),
        Section(
            "Your events, and what each earns by the rule",
            () if events else ("There are none.",),
            event_tables,
        ),
        Section("What was decided, by whom, and why", tables=(_steps_table(content),)),
        Section(
            "Who looked, and what for",
            ("Names of officers are theirs; you see their roles.",),
            (text_table(("when", "role", "what for", "what", "more"), access_rows),),
        ),
    )  # fmt: skip
    colophon = f"pack.json has the hash {document_sha256}; pack.sig signs it with the key of the record."
    return Document(
        f"Your records: {content.person}",
        sections,
        notice_of(content.mode),
        colophon,
        subtitle=f"Made on {content.made_on}",
    )


def _steps_table(content: PackContent) -> DocumentTable:
    rows = [
        (
            entry.at[:10],
            KIND_WORDS.get(entry.kind, _plain_name(entry.kind)),
            entry.role,
            "; ".join(f"{_plain_name(name)}: {_plain(v)}" for name, v in entry.details.items() if v),
            f"withheld: {', '.join(entry.withheld_names)}" if entry.withheld_names else "",
        )
        for entry in content.entries
    ]
    return text_table(("day", "step", "by whom", "in their words", ""), rows)


def _plain_name(name: str) -> str:
    return name.replace("_", " ")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {answer}" for name, answer in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
