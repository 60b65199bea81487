"""Who may do what: one table of roles and acts, from which the tests are made.

A role is what somebody acts in (`BECALM_ROLE`; on a server the login). Somebody with two roles acts in one at
a time, and the record keeps which. There is no act "search": nobody finds a case without its pseudonym.
"""

from collections.abc import Mapping
from typing import Final

from becalm.terms import CaseError, Fault, suggest_word

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "analyst": ("load", "match", "list", "rule", "schedule"),
    "nominator": ("list", "explain", "nominate"),
    "screener": ("explain", "screen", "match"),
    "approver": ("explain", "approve", "decline", "match"),
    "child approver": ("explain", "approve_child", "decline"),
    "youth lead": ("explain", "agree"),
    "coordinator": (
        *("explain", "remove", "challenge", "schedule", "visit", "consent", "refer", "session", "funnel"),
        *("providers", "letter"),
    ),
    "visiting officer": ("visit",),
    "provider worker": ("session",),
    "rights officer": (
        "explain",
        "challenge",
        "decide_challenge",
        "restrict",
        "remove",
        "sar",
        "rectify",
        "who",
        "letter",
        "keys",
        "publish_key",
    ),
    "auditor": ("who", "disparity", "rule", "funnel", "keys"),
    "oversight": ("disparity", "rule", "funnel"),
    "system administrator": ("purge",),
    "programme owner": (
        *("rule", "publish_rule", "disparity", "sign", "govern", "purge", "price", "funnel"),
        *("keys", "publish_key"),
    ),
}
"""What each role may do. Investigators have no role here."""

ACTS: Final = tuple(dict.fromkeys(act for acts in ROLES.values() for act in acts))
READS_PERSON: Final = (
    *("explain", "nominate", "screen", "approve", "decline", "remove", "challenge", "decide_challenge"),
    *("restrict", "sar", "rectify", "who", "match", "visit", "consent", "refer", "session", "letter"),
    *("approve_child", "agree"),
)
"""Acts that show or concern one person: they need a purpose, which is recorded first."""


def may(role: str, act: str) -> bool:
    """May this role do this?

    >>> may("approver", "approve"), may("approver", "nominate"), may("investigator", "explain")
    (True, False, False)
    """
    return act in ROLES.get(role, ())


def step_refusal(place: str, problem: str, remedy: str) -> CaseError:
    """The error of a step that is not allowed."""
    return CaseError("The step is not allowed; nothing was recorded", (Fault(place, problem, remedy),))


def check_access(role: str, act: str) -> None:
    """Raise CaseError where this role may not do this."""
    if may(role, act):
        return
    roles_text = ", ".join(name for name, acts in ROLES.items() if act in acts)
    unknown_text = f"is no role here. {suggest_word(role, ROLES)}"
    problem = f"may not {act.replace('_', ' ')}" if role in ROLES else unknown_text
    remedy = f"ask somebody in the role {roles_text}; your own stands in BECALM_ROLE"
    raise step_refusal(f"role {role!r}", problem, remedy)
