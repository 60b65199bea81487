"""What an officer writes on the phone: the forms, and the facts that each becomes.

A form that was once released is accepted for a year after it was replaced, so its fields are never changed: a
new form gets a new number. Times are those of the phone, whose clock may be wrong: `place_in_time` says when
it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from becalm.ledger import Fact, format_instant
from becalm.terms import Fault, InputError

DEDICATED: Final = "dedicated violence suppression"  # what a unit is on during its bursts
LONGEST_TEXT: Final = 200
CLOCK_SLACK: Final = timedelta(minutes=2)
ACCEPTED_FOR: Final = timedelta(days=366)  # after a form was replaced by a newer one
OLDEST: Final = timedelta(days=30)  # a record that lay on a phone for longer is placed where it was received
VISIT_KIND: Final = "visit"
FieldType = Literal["text", "instant", "whole"]


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of a form: what it is called there, and which fact it becomes."""

    name: str
    label: str
    fact: str
    type: FieldType = "text"
    is_needed: bool = True
    choices: tuple[str, ...] = ()  # what is offered to touch; other words can be written


@dataclass(frozen=True, slots=True)
class StreetForm:
    """One version of a form, and the kind of event that it becomes; none where only its receipt is kept."""

    kind: str
    version: str
    title: str
    event_kind: str | None
    fields: tuple[FormField, ...]
    fixed_facts: Mapping[str, Fact]
    replaced_on: date | None = None

    def is_accepted(self, day: date) -> bool:
        """Is a record on this form still taken on this day? A form is for a year after it was replaced."""
        return self.replaced_on is None or day <= self.replaced_on + ACCEPTED_FOR


_UNIT: Final = FormField("unit", "Unit", "unit")
_PLACE: Final = (
    FormField("hotspot", "Place", "hotspot", is_needed=False),
    FormField("easting", "Easting", "place_easting_m", "whole", is_needed=False),
    FormField("northing", "Northing", "place_northing_m", "whole", is_needed=False),
)
_OFFENCES: Final = ("knife possession", "robbery", "assault", "drugs", "wanted")
_ITEMS: Final = ("knife", "other blade", "firearm", "drugs", "other")
_OUTCOMES: Final = ("no further action", "warning", "arrest", "other")
_RESULTS: Final = ("contact", "no_answer", "refused_at_door", "moved", "wrong_address", "unsafe_aborted")
_RESPONSES: Final = ("interested", "thinking", "declined", "hostile", "already_supported")
_NO_OFFER: Final = ("unsafe", "interpreter", "other")
_ON_DUTY: Final[Mapping[str, Fact]] = {"activity": DEDICATED}

FORMS: Final = (
    StreetForm("check_in", "1", "Check in", None, (_UNIT, *_PLACE), {}),
    StreetForm(
        "check_out",
        "1",
        "Check out",
        "burst_done",
        (
            _UNIT,
            FormField("hotspot", "Place", "hotspot"),
            *_PLACE[1:],
            FormField("starts_at", "From", "starts_at", "instant"),
            FormField("ends_at", "Until", "ends_at", "instant"),
        ),
        _ON_DUTY,
    ),
    StreetForm(
        "arrest",
        "1",
        "Arrest",
        "arrest_made",
        (_UNIT, *_PLACE, FormField("offence", "What for", "offence", choices=_OFFENCES)),
        _ON_DUTY,
    ),
    StreetForm(
        "seizure",
        "1",
        "Seizure",
        "seizure_made",
        (_UNIT, *_PLACE, FormField("item", "What", "item", choices=_ITEMS)),
        _ON_DUTY,
    ),
    StreetForm(
        "stop",
        "1",
        "Stop and search",
        "stop_made",
        (_UNIT, *_PLACE, FormField("outcome", "What came of it", "outcome", choices=_OUTCOMES)),
        _ON_DUTY,
    ),
    StreetForm("nothing", "1", "Nothing found", None, (_UNIT, *_PLACE), {}),
    StreetForm(
        VISIT_KIND,
        "1",
        "What came of a visit",
        None,
        (
            FormField("unit", "Crew", "unit"),
            FormField("person", "Visit to", "person"),
            FormField("result", "What happened", "result", choices=_RESULTS),
            FormField("response", "What they said", "response", is_needed=False, choices=_RESPONSES),
            FormField("no_offer", "Why no offer was made", "no_offer", is_needed=False, choices=_NO_OFFER),
        ),
        {},
    ),
)
FORM_BY_KEY: Final = {(form.kind, form.version): form for form in FORMS}


@dataclass(frozen=True, slots=True)
class PhoneTimes:
    """When a record was written and sent by the phone's clock, and when it reached the server."""

    written_at: datetime
    sent_at: datetime | None
    received_at: datetime
    since_start_ms: int | None = None  # of the browser's own clock, which nobody can set


def read_fields(form: StreetForm, text_by_field: Mapping[str, object]) -> dict[str, Fact]:
    """The facts that these fields of a form say. Raises InputError with every field that cannot be one."""
    facts: dict[str, Fact] = dict(form.fixed_facts)
    faults = []
    for field in form.fields:
        value = text_by_field.get(field.name)
        if value is None or value == "":
            if field.is_needed:
                faults.append(Fault(field.name, "is empty", f"say {field.label.lower()}"))
            continue
        try:
            facts[field.fact] = _read_value(field.type, value)
        except ValueError as error:
            faults.append(Fault(field.name, str(error), "write it again"))
    unknown_names = sorted(text_by_field.keys() - {field.name for field in form.fields})
    faults += [Fault(name[:60], "is no field of this form", "leave it out") for name in unknown_names]
    if faults:
        raise InputError(f"The form {form.title!r} has {len(faults)} faults", tuple(faults))
    return facts


def _read_value(field_type: FieldType, value: object) -> Fact:
    if field_type == "whole":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("is not a whole number")
        return value
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"is not one line of at most {LONGEST_TEXT} characters")
    if field_type == "instant":
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("is a time without its zone")
        return format_instant(moment)
    return value.strip()


def place_in_time(times: PhoneTimes) -> tuple[datetime, bool]:
    """When did it happen, by the server's clock, and is that in doubt?

    The phone says by its own clock when it sent the record, so that the error of that clock is known and
    taken off. Where it is still in the future, or too long ago, the moment of receipt stands, in doubt.

    >>> from datetime import UTC
    >>> noon = datetime(2020, 5, 4, 12, tzinfo=UTC)
    >>> hour = timedelta(hours=1)
    >>> place_in_time(PhoneTimes(noon + hour - timedelta(minutes=5), noon + hour, noon))[0].minute
    55
    """
    clock_error = times.sent_at - times.received_at if times.sent_at is not None else timedelta()
    moment = times.written_at - (clock_error if abs(clock_error) > CLOCK_SLACK else timedelta())
    if moment > times.received_at + CLOCK_SLACK or moment < times.received_at - OLDEST:
        return times.received_at, True
    return min(moment, times.received_at), abs(clock_error) > CLOCK_SLACK


def form_words(forms: Sequence[StreetForm] = FORMS) -> str:
    """The forms that are taken, in words."""
    return ", ".join(f"{form.kind} {form.version}" for form in forms)
