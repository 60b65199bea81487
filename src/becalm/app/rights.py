"""Who may see and ask what: one table of pages and roles, which can be asked from both sides.

The roles are those of divert's access table (`divert/core/access.py`), which alone says what may be done with
people, and those of the desk. "Who may see this?" is `roles_for`, "what may she see?" is `pages_for`.
"""

from collections.abc import Mapping
from typing import Final

from becalm.divert.core.access import ROLES as PEOPLE_ROLES
from becalm.divert.core.access import may as may_with_people

ANALYST, COMMANDER, SERGEANT, PLANNER = "analyst", "commander", "sergeant", "duty planner"
COORDINATOR, APPROVER, AUDITOR, OVERSIGHT = "coordinator", "approver", "auditor", "oversight"
ADMINISTRATOR, OWNER = "system administrator", "programme owner"
OFFICER, VISITING_OFFICER = "officer", "visiting officer"

PEOPLE_ACTS: Final[Mapping[str, str]] = {
    "divert queue": "explain",
    "divert list": "list",
    "divert explain": "explain",
    "divert nominate": "nominate",
    "divert screen": "screen",
    "divert approve": "approve",
    "divert agree": "agree",
    "divert decline": "decline",
    "divert remove": "remove",
    "divert challenge": "challenge",
    "divert restrict": "restrict",
    "divert who": "who",
    "divert visit due": "visit",
    "divert visit check": "visit",
    "divert visit appoint": "visit",
    "divert visit outcome": "visit",
    "divert consent": "consent",
    "divert refer": "refer",
    "divert session": "session",
    "divert disparity": "disparity",
}
"""What is done about people on a page, and the act of divert's table that it is: that table says who may."""

ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "divert approve": ("approve_child",),
    "divert challenge": ("decide_challenge",),
}
"""Commands that more than one act of that table allows."""

DESK_ROLES: Final = (COMMANDER, SERGEANT, PLANNER, OFFICER)
ROLES: Final = tuple(dict.fromkeys((*PEOPLE_ROLES, *DESK_ROLES)))
EVERYBODY: Final = ROLES

PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "today": EVERYBODY,
    "account": EVERYBODY,
    "measure": (ANALYST, COMMANDER, SERGEANT, PLANNER, COORDINATOR, AUDITOR, OVERSIGHT, OWNER),
    "find": (ANALYST, COMMANDER, SERGEANT, PLANNER, AUDITOR, OWNER),
    "patrol": (ANALYST, COMMANDER, SERGEANT, AUDITOR),
    "staff": (COMMANDER, PLANNER, SERGEANT),
    "divert": (*(role for role in PEOPLE_ROLES if may_with_people(role, "funnel")), APPROVER, COMMANDER),
    "record": (AUDITOR, COMMANDER, ANALYST, OVERSIGHT, ADMINISTRATOR),
    "sustain": (ANALYST, COMMANDER, AUDITOR, OVERSIGHT, OWNER),
    "evaluate": (ANALYST, COMMANDER, AUDITOR, OVERSIGHT, OWNER),
    "oversight": (OVERSIGHT, AUDITOR, COMMANDER, OWNER, ANALYST),
    "accounts": (ADMINISTRATOR,),
    "plans": (SERGEANT, COMMANDER, AUDITOR),
    "rosters": (PLANNER, SERGEANT, COMMANDER),
    "cases": tuple(
        role for role in PEOPLE_ROLES if any(may_with_people(role, act) for act in PEOPLE_ACTS.values())
    ),
    "street": (OFFICER, VISITING_OFFICER, SERGEANT),
    "board": (SERGEANT, COMMANDER),
}
"""Which roles may see which page, with the runs of that job."""

ASKERS: Final[Mapping[str, tuple[str, ...]]] = {
    "measure": (ANALYST, COMMANDER),
    "find": (ANALYST, SERGEANT),
    "patrol": (ANALYST, SERGEANT),
    "staff": (PLANNER,),
    "divert": tuple(role for role in PEOPLE_ROLES if may_with_people(role, "funnel")),
    "record": (AUDITOR, ADMINISTRATOR),
    "sustain": (ANALYST,),
    "evaluate": (ANALYST,),
}
"""Which roles may start a task of this job; each of them may see its page."""


ACTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "patrol check": PAGES["plans"],
    "patrol forecast": PAGES["plans"],
    "patrol board": (SERGEANT, COMMANDER),
    "patrol delivered": PAGES["plans"],
    **dict.fromkeys(("patrol replan", "patrol blackout", "patrol end-blackout"), (SERGEANT,)),
    **dict.fromkeys(("staff check", "staff report"), (PLANNER, COMMANDER)),
    **dict.fromkeys(("staff absent", "staff answer", "staff back"), (PLANNER,)),
    "sustain review": (ANALYST, COMMANDER),
    **dict.fromkeys(("sustain step add", "sustain step end"), (ANALYST,)),
    **dict.fromkeys(("find override", "find split"), (ANALYST,)),
    **dict.fromkeys(("evaluate draft", "evaluate design", "evaluate register", "evaluate amend"), (ANALYST,)),
} | {
    words: tuple(
        role
        for role in PEOPLE_ROLES
        if any(may_with_people(role, name) for name in (act, *ALSO.get(words, ())))
    )
    for words, act in PEOPLE_ACTS.items()
}
"""Which roles may do this from a form of a page."""


def may_act(role: str, words: str) -> bool:
    """May this role call this command from a form?

    >>> may_act("approver", "divert approve"), may_act("commander", "divert approve")
    (True, False)
    """
    return role in ACTORS.get(words, ())


def may_see(role: str, page: str) -> bool:
    """May this role see this page and its runs?

    >>> may_see("sergeant", "patrol"), may_see("provider worker", "patrol")
    (True, False)
    """
    return role in PAGES.get(page, ())


def may_ask(role: str, job: str) -> bool:
    """May this role start a task of this job?"""
    return role in ASKERS.get(job, ())


def roles_for(page: str) -> tuple[str, ...]:
    """Who may see this page?"""
    return PAGES.get(page, ())


def pages_for(role: str) -> tuple[str, ...]:
    """What may somebody in this role see?"""
    return tuple(page for page, roles in PAGES.items() if role in roles)
