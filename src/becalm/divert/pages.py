"""The pages of divert: counts for those who steer, and cases one by one for those who act on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from becalm.console.job_page import Act, JobPage
from becalm.divert.core.visits import events as visits
from becalm.ledger.events import ABOUT_PEOPLE
from becalm.terms import CaseError

if TYPE_CHECKING:
    from becalm.desk import Desk

STEPS: Final = (
    *("person_nominated", "person_screened", "decision_made", "programme_left", "challenge_raised"),
    *("challenge_decided", "restriction_changed"),
)
VISITS: Final = (visits.ATTEMPT, visits.VISIT, visits.APPOINTMENT, visits.CHECK, visits.LETTER, visits.OFFER)
HELP: Final = (visits.CONSENT, visits.SESSION)


def purposes(_desk: Desk) -> Mapping[str, str]:
    """For what people may be looked at."""
    return {purpose: purpose for purpose in ABOUT_PEOPLE}


def is_known(desk: Desk, person: str) -> bool:
    """Is anybody known by this pseudonym?"""
    from becalm.divert.desk.context import records_file

    try:
        records_file(desk).read().row_of(person)
    except CaseError:
        return False
    return True


def reason_codes(decisions: tuple[str, ...], desk: Desk) -> Mapping[str, str]:
    """The reason codes of the rule in force, with what each means."""
    from becalm.divert.desk.context import read_rule_in_force

    reasons = read_rule_in_force(desk).reasons
    return {reason.code: reason.meaning for reason in reasons if reason.decision in decisions}


def check_questions() -> Mapping[str, str]:
    """The checks before a visit, with their questions."""
    from becalm.divert.core.screening import CHECKS

    return {check.name: check.question for check in CHECKS}


def _choices(*decisions: str) -> Mapping[str, Callable[[Desk], Mapping[str, str]]]:
    codes = {"code": partial(reason_codes, decisions)} if decisions else {}
    return {"purpose": purposes, **codes}


def _step(title: str, *decisions: str, **settings: Any) -> Act:
    """A step of a case: about one person, with a purpose, stale where another step came between."""
    shared_settings: dict[str, Any] = {"subject": "person", "is_known": is_known, "watched": STEPS}
    return Act(title, **{**shared_settings, "choices": _choices(*decisions), **settings})


ACTS: Final[Mapping[str, Act]] = {
    "divert queue": Act(
        "Cases that wait for you", "Show them", is_look=True, choices=_choices(), row_act="divert explain"
    ),
    "divert list": Act(
        "Whom the rule selects", "Show the list", is_look=True, choices=_choices(), row_act="divert explain"
    ),
    "divert explain": Act(
        "The reasons of one case",
        "Show the reasons",
        is_look=True,
        subject="person",
        is_known=is_known,
        choices=_choices(),
        left_out=frozenset({"emergency"}),
        next_acts=(
            *("divert nominate", "divert screen", "divert approve", "divert agree", "divert decline"),
            *("divert remove", "divert challenge", "divert restrict", "divert visit check"),
            *("divert visit appoint", "divert visit outcome", "divert consent", "divert refer"),
            *("divert session", "divert who"),
        ),
    ),
    "divert nominate": _step("Put somebody forward", "approved"),
    "divert screen": _step("Screen before a visit", answers={"check": check_questions()}),
    "divert approve": _step("Approve", "approved", button="Approve", is_grave=True),
    "divert agree": _step("Agree about a child", "approved", button="Agree", is_grave=True),
    "divert decline": _step("Decline or defer", "declined", "deferred"),
    "divert remove": _step("Take somebody out", "removed", is_grave=True),
    "divert challenge": _step("Raise or decide a challenge", "removed", "approved"),
    "divert restrict": _step("Restrict or free records", is_grave=True),
    "divert visit due": Act(
        "Visits that are due", "Show them", is_look=True, choices=_choices(), row_act="divert explain"
    ),
    "divert visit check": _step("The check on the day of a visit", watched=VISITS),
    "divert visit appoint": _step("Agree a time for a visit", watched=VISITS),
    "divert visit outcome": _step("What came of a visit", watched=VISITS),
    "divert consent": _step("Consent given or taken back", watched=HELP),
    "divert refer": _step("Pass somebody on to help", watched=HELP),
    "divert session": _step("A session of help", watched=HELP),
    "divert who": _step("Who saw or did what about one person", button="Show it", is_look=True, watched=()),
    "divert disparity": Act(
        "Differences between groups", "Show them", is_look=True, left_out=frozenset({"sign", "purpose"})
    ),
}

PAGE = JobPage(
    job="divert",
    heading="Divert",
    lead="How many people were offered help, were visited and said yes? No person is shown here.",
    labels={"divert funnel": "From the list to the offer"},
    acts=ACTS,
    by_command=(
        "People are taken in, visits are planned and papers are signed at the command line: see "
        "`becalm divert --help`."
    ),
)
