"""What may stand against a visit: every check must be answered, and the gravest answer decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from becalm.divert.core.request import ScreenResult
from becalm.terms import CaseError, Fault, suggest_word


@dataclass(frozen=True, slots=True)
class ScreeningCheck:
    """One check, what a yes means, and what follows."""

    name: str
    question: str
    result: ScreenResult
    next_step: str


CHECKS: Final = (
    ScreeningCheck("objection", "Does a live investigation object?", "defer", "ask again; no detail is told"),
    ScreeningCheck("threat_to_life", "Is there a warning notice?", "defer", "its own process comes first"),
    ScreeningCheck("source_risk", "Could a visit endanger a source?", "defer", "ask again"),
    ScreeningCheck("trafficking", "Are there signs of trafficking?", "refer", "safeguarding, as a victim"),
    ScreeningCheck("domestic_abuse", "Could a visit endanger a partner?", "refer", "safeguarding"),
    ScreeningCheck("child_at_home", "Is a child at the address?", "conditions", "social care is asked first"),
    ScreeningCheck("crisis", "Illness, a stay in hospital, a death in the family?", "defer", "not now"),
    ScreeningCheck("in_custody", "In custody?", "defer", "until release"),
    ScreeningCheck("out_of_area", "Away from the area?", "defer", "until the person is back"),
    ScreeningCheck("needs_adult", "Is an appropriate adult needed?", "conditions", "one is present"),
    ScreeningCheck("needs_interpreter", "Is an interpreter needed?", "conditions", "one is present"),
    ScreeningCheck("on_probation", "Does probation lead already?", "conditions", "their lead is invited"),
    ScreeningCheck("other_scheme", "Has another scheme called?", "defer", "do not pile on"),
)
CHILD_CHECKS: Final = (
    ScreeningCheck("exploitation", "Could somebody exploit the child?", "refer", "safeguarding, as a victim"),
    ScreeningCheck("social_care_objects", "Does social care object to a visit?", "defer", "ask social care"),
    ScreeningCheck("no_adult_present", "Is there no parent, carer or advocate to be present?", "defer",
                   "find an advocate first"),
)  # fmt: skip
"""Asked about children besides; an answer in doubt counts as yes."""
GRAVITY: Final[Sequence[ScreenResult]] = ("clear", "conditions", "defer", "refer")
YES, NO, UNSURE = "yes", "no", "unsure"


def judge_screening(answers: Mapping[str, str], checks: Sequence[ScreeningCheck] = CHECKS) -> ScreenResult:
    """What follows from these answers: clear, conditions, defer or refer? Unsure counts as yes.

    Raises CaseError where a check is not answered, unknown, or answered with another word.
    """
    names = [check.name for check in checks]
    faults = [
        Fault("check", f"{name!r} is none", suggest_word(name, names))
        for name in answers
        if name not in names
    ]
    faults += [
        Fault("check", f"{check.name} is not answered: {check.question}", f"add {check.name}=yes or no")
        for check in checks
        if answers.get(check.name) not in (YES, NO, UNSURE)
    ]
    if faults:
        raise CaseError("The screening is not whole; nothing was recorded", tuple(faults))
    results = [check.result for check in checks if answers[check.name] != NO]
    return max(results, key=GRAVITY.index, default="clear")
