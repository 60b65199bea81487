"""The events of divert: the rule, the people whom it selects, and every step of a case.

No fact holds a name, an address, a birth date or anything about health: sentences and details go into the
payload, which can be erased. Released kinds are frozen: change one by adding a version.
"""

from becalm.divert.core.case_state import CASE_FOLD
from becalm.divert.core.key_state import KEY_FOLDS, KEY_PUBLISHED
from becalm.divert.core.visits import events as visits
from becalm.divert.core.visits.states import FOLDS as VISIT_FOLDS
from becalm.ledger.event_kinds import EventKind, FactField, FactType, optional_fact, required_fact
from becalm.ledger.events import ABOUT_PEOPLE, SIGNATURE_FACTS

RULE, LIST, PERSON, JOIN, PART = (
    *("rule_published", "list_computed", "person_known"),
    *("records_joined", "records_parted"),
)
NOMINATION, SCREENING, EVIDENCE, DECISION = (
    *("person_nominated", "person_screened"),
    *("evidence_opened", "decision_made"),
)
CHALLENGE, CHALLENGE_DECISION, RESTRICTION = "challenge_raised", "challenge_decided", "restriction_changed"
LEAVING, FORCED_ACCESS, PURGE = "programme_left", "access_forced", "purge_done"
ACTIVATION, DISPARITY, KEY = "programme_activated", "disparity_signed", KEY_PUBLISHED

_RULE_HASH = required_fact("rule_sha256", "hash", "the published rule")
_DATA_HASH = required_fact("data_sha256", "hash", "the events that it was computed from")
_CODES = required_fact("codes", "texts", "reason codes of the rule; the sentence is in the details")
_CHECKED_BY_TWO = (
    required_fact("other", "text", "the pseudonym of the other record"),
    required_fact("stage", "text", "proposed (by the first person) or confirmed (by the second)"),
    *SIGNATURE_FACTS,
)


def _about(name: str, meaning: str, *fields: FactField) -> EventKind:
    """A kind about a person, that only the program records."""
    return EventKind(name, meaning, fields, about_person=True, purposes=ABOUT_PEOPLE)


def _numbers(type: FactType, **meanings: str) -> tuple[FactField, ...]:
    return tuple(required_fact(name, type, meaning) for name, meaning in meanings.items())


KINDS = (
    EventKind(
        RULE,
        "A version of the rule was published, with what it would change.",
        (
            required_fact("key", "text", "its key"),
            required_fact("version", "whole", "1, 2, 3 …"),
            _RULE_HASH,
            required_fact("author", "text", "who wrote it"),
            required_fact("approvers", "texts", "the two people who approved it"),
            optional_fact("as_of", "day", "on which day old and new were compared"),
            optional_fact("came", "whole", "how many the new version selects and the old did not"),
            optional_fact("went", "whole", "how many the old version selected and the new does not"),
        ),
    ),
    EventKind(
        LIST,
        "The rule was applied to all people; the answer is kept as counts and hashes alone.",
        (
            _RULE_HASH,
            _DATA_HASH,
            required_fact("as_of", "day", "on which day"),
            required_fact("list_sha256", "hash", "of the list"),
            *_numbers("whole", people="how many were looked at", selected="how many the rule selects"),
        ),
    ),
    _about(
        PERSON,
        "A person got a pseudonym; name, birth date, address and wishes are in the details.",
        required_fact("number_hmac", "hash", "keyed hash of the number that the force knows the person by"),
        required_fact("source_sha256", "hash", "the file that the details came from"),
    ),
    _about(JOIN, "Two records were found to be one person.", *_CHECKED_BY_TWO),
    _about(
        PART,
        "Two records were found to be two people after all, or one record was found to hold two people.",
        *_CHECKED_BY_TWO,
        optional_fact(
            "moved", "whole", "of one record that held two people: how many crimes are the other's"
        ),
    ),
    _about(
        NOMINATION,
        "A person whom the rule selected was put forward.",
        required_fact("rule_key", "text", "the rule"),
        required_fact("rule_version", "whole", "its version"),
        _RULE_HASH,
        _DATA_HASH,
        required_fact("explanation_sha256", "hash", "the page of reasons as it stood"),
        *_numbers("day", as_of="the day of the list", latest_on="the day of the newest event that counts"),
        *_numbers(
            "whole",
            points="as suspect",
            victim_points="as victim, kept apart",
            crimes="distinct crimes",
            dates="distinct days of these crimes",
            charged="with a formal outcome",
            recent_days="how old the newest may be",
        ),
        *_numbers(
            "flag",
            adult="18 or older on that day",
            marginal="one event or 30 days more or less change the answer",
            overlap="also a victim: support comes first",
        ),
        _CODES,
        optional_fact("child", "flag", "by the route for children"),
        *SIGNATURE_FACTS,
    ),
    _about(
        SCREENING,
        "Somebody looked at what may stand against a visit; what it is, is in the details.",
        required_fact("result", "text", "clear, conditions, defer or refer"),
    ),
    _about(
        EVIDENCE,
        "Somebody opened the evidence on which the case rests.",
        required_fact("explanation_sha256", "hash", "the page of reasons that was shown"),
    ),
    _about(
        LEAVING,
        "A case came to its end.",
        required_fact("end", "text", "graduated, expired, removed_challenge, removed_error, deceased, moved"),
        _CODES,
        optional_fact("recalled", "whole", "how many packs and exports were called back"),
    ),
    _about(
        CHALLENGE,
        "Somebody disputed that a person is in the programme; visits pause.",
        required_fact("by", "text", "person, representative or staff"),
        *_numbers("day", acknowledge_by="the last day to say that it came in", decide_by="the last day"),
    ),
    _about(
        CHALLENGE_DECISION,
        "A challenge was decided by somebody who had no part in the case.",
        required_fact("outcome", "text", "upheld or rejected"),
        _CODES,
        *SIGNATURE_FACTS,
    ),
    _about(
        RESTRICTION,
        "The use of a person's records was restricted, held for a court, or freed.",
        required_fact("restricted", "flag", "whether it is so from now on"),
        required_fact("ground", "text", "restriction or legal_hold"),
        required_fact("review_on", "day", "by when it is looked at again"),
        required_fact("code", "text", "the legal ground"),
    ),
    _about(
        FORCED_ACCESS,
        "Somebody set the role aside in an emergency; the data-protection officer is told.",
        required_fact("act", "text", "what they did"),
        required_fact("until", "instant", "when it ends"),
    ),
    EventKind(
        PURGE,
        "Details whose time was over were destroyed, or could not be.",
        (
            required_fact("purged_on", "day", "as of which day"),
            *_numbers(
                "whole",
                due="entries whose time was over",
                erased="destroyed",
                failed="still there",
                expired="cases that ended by themselves",
            ),
            required_fact("people", "texts", "the pseudonyms of those whose case ended so"),
            optional_fact("problem", "text", "the kind of failure"),
        ),
    ),
    EventKind(
        ACTIVATION,
        "The programme was begun, or its papers were signed again.",
        (
            _RULE_HASH,
            required_fact("mode", "text", "rehearsal (people are declared) or live (they log in)"),
            required_fact("settings_sha256", "hash", "all settings that the papers were written from"),
            required_fact("legal_basis", "text", "the law that it stands on"),
            required_fact("papers", "pairs", "each paper and its SHA-256"),
            required_fact("review_on", "day", "by when they are looked at again"),
            optional_fact("children", "flag", "the route for children is on"),
            *SIGNATURE_FACTS,
        ),
    ),
    EventKind(
        KEY,
        "A person's own key was proposed, confirmed by a second person, or withdrawn.",
        (
            required_fact("stage", "text", "proposed, confirmed or withdrawn"),
            required_fact("key", "hash", "its id"),
            optional_fact("holder", "text", "whose it is"),
            optional_fact("public_key", "hash", "the public half (Ed25519), in hex"),
            optional_fact("proof", "text", "the holder's signature over both"),
            optional_fact("roles", "texts", "in which roles it signs"),
            optional_fact("expires_on", "day", "when it ends"),
            *SIGNATURE_FACTS,
        ),
    ),
    EventKind(
        DISPARITY,
        "Somebody answers for the report on differences between groups.",
        (
            _RULE_HASH,
            required_fact("report_sha256", "hash", "of the report"),
            required_fact("as_of", "day", "as of which day"),
        ),
    ),
    *visits.KINDS,
)

FOLDS = (CASE_FOLD, *KEY_FOLDS, *VISIT_FOLDS)
