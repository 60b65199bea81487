"""An access pack as a document to print and as JSON: every field, and every line of who looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from becalm.divert.files.reasons_page import notice_of
from becalm.render.document import Document, DocumentTable, Section, text_table

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
    event_heads = tuple(events[0]) if events else ("crime_ref",)
    event_table = text_table(event_heads, event_rows)
    details_table = text_table(("what", "as we have it"), tuple(content.details.items()))
    case_state = "none" if content.case is None else str(content.case["state"]).replace("_", " ")
    sections = (
        Section("What this is", (
            "This is all that the programme keeps about you. It was made because you asked.",
            "If something is wrong, tell us. We will put it right, and tell everybody whom we gave it to.",
            f"Your case: {case_state}.",
        )),
        Section("Your details", tables=(details_table,)),
        Section("Your events, and what each earns by the rule", tables=(event_table,)),
        Section("What was decided, by whom, and why", tables=(_steps_table(content),)),
        Section(
            "Who looked, and what for",
            ("Names of officers are theirs; you see their roles.",),
            (text_table(("when", "role", "what for", "what", "more"), content.accesses),),
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
            entry.kind.replace("_", " "),
            entry.role,
            "; ".join(f"{name}: {_plain(value)}" for name, value in entry.details.items()),
            f"withheld: {', '.join(entry.withheld_names)}" if entry.withheld_names else "",
        )
        for entry in content.entries
    ]
    return text_table(("day", "step", "by whom", "in their words", ""), rows)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {answer}" for name, answer in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
