"""The events of visits and help, and the words that their facts may use.

No fact holds a name, an address, a birth date or a word about health: what a crew was told, why a time was
moved, which help somebody needs, and why nobody was met, stand in the details, which can be erased.
Released kinds are frozen: change one by adding a version.
"""

from typing import Final

from becalm.ledger import Entry
from becalm.ledger.event_kinds import EventKind, FactField, optional_fact, required_fact
from becalm.ledger.events import ABOUT_PEOPLE

ATTEMPT, VISIT, APPOINTMENT, CHECK = (
    *("visit_attempted", "visit_made"),
    *("appointment_made", "visit_checked"),
)
PACK, LETTER, OFFER, CONSENT = "pack_opened", "letter_left", "offer_made", "consent_changed"
SESSION, GOAL, PROTOCOL, ALLOCATION = "session_held", "goal_judged", "protocol_signed", "allocation_made"
WISHES, REPORT = "wishes_changed", "help_reported"
REFERRAL_SENT, REFERRAL_ACCEPTED, REFERRAL_REJECTED, REFERRAL_STARTED, REFERRAL_ENDED = (
    f"referral_{step}" for step in ("sent", "accepted", "rejected", "started", "ended")
)

WAVE_ARM: Final = "wave "  # of the arm of an allocation, before its number

RESULTS: Final = {
    "no_answer": "no_answer",
    "refused_at_door": "refused",
    "moved": "not_at_address",
    "wrong_address": "not_at_address",
    "wrong_person": "not_at_address",
    "in_custody": "away",
    "hospital": "away",
    "deceased": "away",
    "unsafe_aborted": "called_off",
    "no_go": "called_off",
    "deconflicted": "called_off",
    "crew_unavailable": "called_off",
}
"""Each outcome of an attempt, and the class that stands in the facts: the outcome itself is a detail."""
RESPONSES: Final = ("interested", "thinking", "declined", "hostile", "already_supported")
NEEDS: Final = (
    *("accommodation", "work_and_learning", "dependency", "finance", "wellbeing", "family"),
    *("lifestyle", "social_inclusion"),
)
CHECK_RESULTS: Final = ("go", "conditions", "no_go")
ATTENDED: Final = ("yes", "late", "no")
ABSENCE_REASONS: Final = ("acceptable", "unacceptable", "logistics")
GOAL_RESULTS: Final = ("set", "achieved", "partly", "not")
REJECTION_CODES: Final = ("full", "not_eligible", "outside_area", "language", "mistaken")
END_CODES: Final = (
    *("completed", "not_engaged", "needs_met_elsewhere", "moved", "work_or_caring", "ineligible"),
    *("mistaken", "died", "custody", "withdrew_consent"),
)


def _about(name: str, meaning: str, *fields: FactField, version: int = 1) -> EventKind:
    """A kind about a person, that only the program records."""
    return EventKind(
        name,
        meaning,
        fields,
        version=version,
        about_person=True,
        purposes=ABOUT_PEOPLE,
        corrects="may" if version > 1 else "never",
    )


_DAY = required_fact("day", "day", "the day in the city's zone")
_AT_THE_DOOR = (
    _DAY,
    required_fact("daypart", "text", "the part of the day, as the protocol names it"),
    required_fact("crew", "text", "the crew"),
    optional_fact("appointment", "text", "the number of the appointment, where there was one"),
)
_VISIT = required_fact("visit", "whole", "1 or 2")
_REFERRAL = required_fact("referral", "text", "its number")

KINDS = (
    _about(
        ATTEMPT,
        "A crew called on somebody and did not meet them.",
        _VISIT,
        required_fact("attempt", "whole", "1, 2, 3 … of this visit"),
        required_fact("result", "text", "no_answer, refused, not_at_address, away or called_off"),
        *_AT_THE_DOOR,
        version=2,
    ),
    _about(
        VISIT,
        "A crew met somebody and spoke with them.",
        _VISIT,
        required_fact("response", "text", "what they said to the offer, as a code"),
        *_AT_THE_DOOR,
        version=2,
    ),
    _about(
        APPOINTMENT,
        "A time was agreed, or moved; why is in the details.",
        required_fact("appointment", "text", "its number"),
        _VISIT,
        required_fact("starts_at", "instant", "when it begins"),
        _DAY,
        required_fact("daypart", "text", "the part of the day, as the protocol names it"),
        required_fact("asked_by", "text", "person, crew or programme"),
        required_fact("place", "text", "home, or a neutral place that was agreed"),
        optional_fact("moved_from", "text", "the appointment that this one replaces"),
    ),
    _about(
        CHECK,
        "Somebody looked at whether a visit is safe; what speaks against it is in the details.",
        _DAY,
        required_fact("result", "text", ", ".join(CHECK_RESULTS)),
        required_fact("approver", "text", "who answers for it"),
        required_fact("expires_at", "instant", "24 hours later: then it must be made again"),
    ),
    _about(
        PACK,
        "The pack of a visit was opened by the crew that it is for.",
        _DAY,
        required_fact("crew", "text", "the crew"),
        _VISIT,
        required_fact("expires_at", "instant", "when it vanishes from the phone"),
    ),
    _about(
        LETTER,
        "A letter was left after the last attempt; then there is rest.",
        _VISIT,
        required_fact("rest_until", "day", "until when nobody calls"),
    ),
    _about(
        OFFER,
        "Help was offered, or could not be; which help is in the details.",
        _VISIT,
        required_fact("made", "flag", "whether the offer was made"),
        required_fact("response", "text", "what they said, or why it was not made"),
    ),
    _about(
        CONSENT,
        "Somebody gave or withdrew consent to pass something on.",
        required_fact("change", "text", "given or withdrawn"),
        required_fact("provider", "text", "to whom"),
        required_fact("what", "texts", "which fields may be passed on"),
    ),
    _about(
        SESSION,
        "A session of help took place, or should have.",
        _REFERRAL,
        required_fact("session", "whole", "1, 2, 3 …"),
        _DAY,
        required_fact("attended", "text", ", ".join(ATTENDED)),
        optional_fact("reason", "text", f"where nobody came: {', '.join(ABSENCE_REASONS)}"),
    ),
    _about(
        GOAL,
        "A goal of the plan was set, or judged; what it is, is in the details.",
        _REFERRAL,
        required_fact("goal", "whole", "1, 2, 3 …"),
        required_fact("result", "text", ", ".join(GOAL_RESULTS)),
    ),
    _about(
        WISHES,
        "Somebody said how they want to be visited; what they asked for is in the details.",
        required_fact("asked_by", "text", "person, navigator or crew"),
    ),
    _about(
        REPORT,
        "Help came to its end and was reported on; the report is in the details.",
        _REFERRAL,
        required_fact("provider", "text", "who helped"),
        required_fact("sessions", "whole", "how many took place or should have"),
        required_fact("attended", "whole", "how many the person came to"),
        required_fact("achieved", "whole", "how many goals were achieved"),
        required_fact("partly", "whole", "how many goals were achieved in part"),
        required_fact("missed", "whole", "how many goals were not"),
    ),
    EventKind(
        PROTOCOL,
        "The owner of the programme signed how often and when crews may knock.",
        (
            required_fact("key", "text", "its key"),
            required_fact("version", "whole", "1, 2, 3 …"),
            required_fact("protocol_sha256", "hash", "of the file"),
            required_fact("attempts", "whole", "for each visit"),
            required_fact("price_sha256", "hash", "of the price list that was shown"),
        ),
    ),
)


def wave_of(entry: Entry) -> int | None:
    """The wave of first offers that an entry gave somebody; None where it allocated a place of a trial."""
    arm = str(entry.event.facts["arm"])
    return int(arm.removeprefix(WAVE_ARM)) if arm.startswith(WAVE_ARM) else None
