"""What the job keeps about officers, for the impact assessment and for the officers themselves."""

from datetime import datetime
from typing import Final

from becalm.record.desk.subject_file import SubjectFile
from becalm.render.document import Document
from becalm.render.privacy_documents import (
    Assessment,
    FieldUse,
    HeldRecord,
    Safeguard,
    access_document,
    assessment_document,
)
from becalm.staff.core.force import Officer
from becalm.staff.files.write_staff import COLUMNS, officer_row

LIST, FACT, DETAIL = "staff/officers.csv", "ledger, for good", "ledger, erasable"
DUTY: Final = "duty office"
DUTY_AND_SELF: Final = "duty office, the officer"
WHILE_SERVING: Final = "until the next load without the officer"


def _fields(detail_weeks: int) -> tuple[FieldUse, ...]:
    kept_details = f"{detail_weeks} weeks after the absence ended"
    return (
        FieldUse("staff number", LIST, "to say who serves", DUTY_AND_SELF, WHILE_SERVING),
        FieldUse("rank, command unit, contracted hours", LIST, "who may be rostered", DUTY, WHILE_SERVING),
        FieldUse("skills with expiry, tutor, recruit since", LIST, "lawful crews", DUTY, WHILE_SERVING),
        FieldUse("barred tours", LIST, "protected adjustments", DUTY, WHILE_SERVING),
        FieldUse("unwelcome tours", LIST, "preferences", DUTY, WHILE_SERVING),
        FieldUse("opted out, earlier hours", LIST, "the average week", DUTY, WHILE_SERVING),
        FieldUse("published tours", "staff/roster.csv", "the roster", DUTY_AND_SELF, WHILE_SERVING),
        FieldUse("available or not, from, until", FACT, "who is there", DUTY, "as long as the ledger"),
        FieldUse("why somebody is away, administration only", DETAIL, "welfare, administration",
                 "who names a purpose; each reading is recorded", kept_details),
        FieldUse("changes of tours with notice", FACT, "days owed, fairness", DUTY_AND_SELF,
                 "as long as the ledger"),
        FieldUse("answers to requests to work", FACT, "whom to ask", DUTY, "as long as the ledger"),
        FieldUse("derogations", FACT, "compensatory rest", DUTY_AND_SELF, "as long as the ledger"),
    )  # fmt: skip


SAFEGUARDS: Final = (
    Safeguard(
        "Health is learnt from an absence",
        "No file and no fact says why. Forecasts use only that somebody was away.",
    ),
    Safeguard(
        "A name leaves the force",
        "Officers appear by staff number. What patrol gets holds sizes of crews and nobody's number.",
    ),
    Safeguard(
        "The same people lose their rest days",
        "The report shows nights, weekends and cancelled rest days by officer and how far they lie apart.",
    ),
    Safeguard(
        "A programme decides about people",
        "The roster is a proposal: a planner publishes it, each change has its reason and can be pinned.",
    ),
    Safeguard(
        "The record is altered",
        "Entries are chained; a head that is signed leaves the building (docs/explanation/tampering.md).",
    ),
)
WHY: Final = (
    "A force must know who is there to send lawful crews, to keep to the rules on working time, and to owe "
    "rest days to those who lost them. Fewer data would not do: without absences no roster fits, and without "
    "hours nobody can show that the law was kept.",
    "Not kept: names, birthdays, addresses, diagnoses, notes, places where an officer was.",
)
OPEN: Final = (
    "Which lawful basis do you rely on, for health data too?",
    "Was the staff association consulted, and what did it say?",
    "Who holds the roles of duty office, welfare and audit, and who checks that?",
    "Is the retention of details, as your rule file states it, right for you?",
)


def staff_assessment(detail_weeks: int) -> Document:
    """The draft of the impact assessment for officers' data."""
    return assessment_document(
        Assessment(
            "staff",
            "Data protection impact assessment: officers' data in the job staff",
            "The officers of the force, by staff number: constables and sergeants, and those above them.",
            WHY,
            _fields(detail_weeks),
            SAFEGUARDS,
            OPEN,
        )
    )


def officer_access_pack(officer: Officer, file: SubjectFile) -> Document:
    """Everything that is held about one officer."""
    kept_values = [
        (column.replace("_", " "), str(value))
        for column, value in zip(COLUMNS, officer_row(officer), strict=True)
    ]
    records = [
        HeldRecord(
            _when(entry.event.occurred_at),
            entry.event.kind.replace("_", " "),
            "; ".join(f"{name} {value}" for name, value in entry.event.facts.items()),
            file.details.get(entry.seq, "erased" if entry.commitment else ""),
        )
        for entry in file.entries
    ]
    accesses = [(_when(e.event.occurred_at), e.event.actor, e.event.purpose) for e in file.accesses]
    return access_document(officer.staff_number, kept_values, records, accesses, job="staff")


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
