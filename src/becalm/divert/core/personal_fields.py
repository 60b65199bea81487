"""Every personal field that is kept: how long, who may see it, and whether the person gets to see it.

Details are written through `check_fields`, so that a field without a line here cannot be kept at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Access = Literal["yes", "withheld"]
Clock = Literal["case", "case, half", "exit", "rights"]


@dataclass(frozen=True, slots=True)
class PersonalField:
    """One field: where it is kept, whether an access pack shows it, its clock, and who sees it."""

    kind: str  # of the event whose details hold it; "records" for the enciphered file
    name: str
    access: Access  # withheld: shown only once a rights officer has looked at it
    clock: Clock
    roles: tuple[str, ...]


CASE_WORKERS: Final = ("nominator", "screener", "approver", "coordinator", "rights officer")
RIGHTS: Final = ("rights officer",)
CREW: Final = ("coordinator", "visiting officer", "rights officer")


def _fields(
    kind: str, names: str, roles: tuple[str, ...], *, access: Access = "yes", clock: Clock = "exit"
) -> tuple[PersonalField, ...]:
    return tuple(PersonalField(kind, name, access, clock, roles) for name in names.split())


HELPERS: Final = ("coordinator", "provider worker", "rights officer")

PERSONAL_FIELDS: Final = (
    *_fields("person_known", "person_number name born_on", CREW),
    *_fields("person_known", "address easting northing borough phone", CREW),
    *_fields("person_known", "interpreter easy_read contact_wishes", CREW),
    *_fields("person_nominated", "sentence crimes", CASE_WORKERS, clock="case"),
    *_fields("person_screened", "checks note", CASE_WORKERS, access="withheld", clock="case"),
    *_fields("decision_made", "sentence", CASE_WORKERS, clock="case"),
    *_fields("programme_left", "sentence", CASE_WORKERS),
    *_fields("challenge_raised", "text", CASE_WORKERS, clock="rights"),
    *_fields("challenge_decided", "sentence", CASE_WORKERS, clock="rights"),
    *_fields("restriction_changed", "sentence", RIGHTS, clock="rights"),
    *_fields("records_joined", "sentence", CASE_WORKERS),
    *_fields("records_parted", "sentence", CASE_WORKERS),
    *_fields("records_parted", "crimes", CASE_WORKERS, access="withheld"),
    *_fields("access_forced", "reason", RIGHTS, clock="rights"),
    *_fields("appointment_made", "where present why", CREW),
    *_fields("wishes_changed", "unavailable interpreter easy_read present place place_at", CREW),
    *_fields("visit_checked", "conditions note", CREW, access="withheld"),
    *_fields("visit_attempted", "note result", CREW),
    *_fields("visit_made", "note result", CREW),
    *_fields("offer_made", "needs", HELPERS),
    *_fields("consent_changed", "note", HELPERS),
    *_fields("referral_rejected", "note", HELPERS),
    *_fields("session_held", "note", HELPERS),
    *_fields("goal_judged", "goal", HELPERS),
    *_fields("help_reported", "report", HELPERS),
    *_fields("allocation_made", "seed", ("nobody by hand",), access="withheld"),
    *_fields("records", "person number_hmac details_hmac match_hmac born_day seq main", ("nobody by hand",)),
    *_fields("records", "crime day offence role status basis found_by outcome crime_ref", CASE_WORKERS),
    *_fields("records", "owner live", ("nobody by hand",), access="withheld"),
    *_fields("records", "sentence", ("nobody by hand",), clock="case"),
    *_fields("protected", "sex ethnicity_self ethnicity_officer borough deprivation_decile", ("oversight",)),
)
FIELD_BY_KEY: Final[Mapping[tuple[str, str], PersonalField]] = {
    (field.kind, field.name): field for field in PERSONAL_FIELDS
}


def check_fields(kind: str, names: Iterable[str]) -> None:
    """Raise ValueError where a field has no line: no retention, no role, no word on access.

    >>> check_fields("decision_made", ["sentence"])
    """
    missing_names = sorted(name for name in names if (kind, name) not in FIELD_BY_KEY)
    if missing_names:
        raise ValueError(f"{kind}: {', '.join(missing_names)} has no line in PERSONAL_FIELDS; add one")
