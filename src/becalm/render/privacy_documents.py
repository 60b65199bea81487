"""Papers that a job owes those whose data it keeps: an access pack, and a draft of an impact assessment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from becalm.render.document import Document, Section, text_table

DRAFT = (
    "Draft. It holds what the program knows about itself; the data protection officer completes and signs it."
)


@dataclass(frozen=True, slots=True)
class FieldUse:
    """One field that is kept about people: where, what for, who sees it, how long."""

    field: str
    place: str
    purpose: str
    readers: str
    retention: str


@dataclass(frozen=True, slots=True)
class Safeguard:
    """A risk to those concerned, and what the program does against it."""

    risk: str
    measure: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a job knows of its own processing, for a data protection impact assessment."""

    job: str
    title: str
    concerned: str  # whose data
    why: tuple[str, ...]  # need and proportion, in paragraphs
    fields: tuple[FieldUse, ...]
    safeguards: tuple[Safeguard, ...]
    open_questions: tuple[str, ...]  # which only the force can answer


def assessment_document(assessment: Assessment) -> Document:
    """The draft of an impact assessment, in the order of the ICO's template."""
    field_rows = [(f.field, f.place, f.purpose, f.readers, f.retention) for f in assessment.fields]
    risk_rows = [(s.risk, s.measure) for s in assessment.safeguards]
    return Document(
        assessment.title,
        (
            Section("Whose data, and why", (assessment.concerned, *assessment.why)),
            Section(
                "What is kept",
                tables=(text_table(("Field", "Where", "What for", "Who sees it", "How long"), field_rows),),
            ),
            Section(
                "Risks, and what is done against them",
                tables=(text_table(("Risk", "What the program does"), risk_rows),),
            ),
            Section("What the force must answer", assessment.open_questions),
        ),
        notice=DRAFT,
        job=assessment.job,
        subtitle="Data protection impact assessment",
    )


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """One thing that is held about somebody."""

    when: str
    kind: str
    facts: str
    details: str


def access_document(
    subject: str,
    kept_values: Iterable[tuple[str, str]],
    records: Sequence[HeldRecord],
    accesses: Iterable[tuple[str, str, str]],
    *,
    job: str,
) -> Document:
    """Everything that is held about one person, and who saw it (when, who, what for)."""
    record_rows = [(r.when, r.kind, r.facts, r.details) for r in records]
    return Document(
        f"What is held about {subject}",
        (
            Section("In the lists", tables=(text_table(("Field", "Value"), list(kept_values)),)),
            Section("In the record", tables=(text_table(("When", "What", "Facts", "Details"), record_rows),)),
            Section("Who saw it", tables=(text_table(("When", "Who", "What for"), list(accesses)),)),
        ),
        notice="For the person concerned. Details that were erased are not held any more.",
        job=job,
        subtitle="Access pack",
    )
