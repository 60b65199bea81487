"""What a server enforces for divert: which roles record each kind of event, and which open its details.

Made from the table of roles and acts, so that the server and the program cannot say two things.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from becalm.divert.core import events
from becalm.divert.core.access import READS_PERSON, ROLES
from becalm.divert.core.visits import events as visits

ACTS_BY_KIND: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        events.RULE: ("publish_rule",),
        events.LIST: ("list",),
        events.PERSON: ("load", "match", "sar", "rectify"),
        events.JOIN: ("match",),
        events.PART: ("match",),
        events.NOMINATION: ("nominate",),
        events.SCREENING: ("screen",),
        events.EVIDENCE: ("explain",),
        events.DECISION: ("approve", "approve_child", "decline", "agree"),
        events.LEAVING: ("remove", "decide_challenge"),
        events.CHALLENGE: ("challenge",),
        events.CHALLENGE_DECISION: ("decide_challenge",),
        events.RESTRICTION: ("restrict",),
        events.PURGE: ("purge", "restrict"),
        events.ACTIVATION: ("sign",),
        events.DISPARITY: ("disparity",),
        events.KEY: ("publish_key",),
        visits.ATTEMPT: ("visit",),
        visits.VISIT: ("visit",),
        visits.APPOINTMENT: ("visit",),
        visits.CHECK: ("visit",),
        visits.PACK: ("visit",),
        visits.LETTER: ("visit",),
        visits.OFFER: ("visit",),
        visits.WISHES: ("visit",),
        visits.CONSENT: ("consent",),
        visits.REPORT: ("refer",),
        visits.REFERRAL_SENT: ("refer",),
        visits.REFERRAL_ACCEPTED: ("refer",),
        visits.REFERRAL_REJECTED: ("refer",),
        visits.REFERRAL_STARTED: ("refer", "session"),
        visits.REFERRAL_ENDED: ("refer",),
        visits.SESSION: ("session",),
        visits.GOAL: ("session",),
        visits.PROTOCOL: ("sign",),
        visits.ALLOCATION: ("schedule",),
    }
)
"""The acts of the program that record each kind."""
NO_DETAILS: Final = ("auditor", "oversight", "system administrator", "programme owner")
"""Roles that open nobody's details, though some of them read who did what."""
DOOR_KINDS: Final = (events.PERSON, visits.WISHES, visits.APPOINTMENT, visits.CHECK, visits.PACK)
OPENS_SOME: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "visiting officer": (*DOOR_KINDS, visits.ATTEMPT, visits.VISIT, visits.OFFER, visits.LETTER),
        "provider worker": (visits.SESSION, visits.GOAL, visits.CONSENT, visits.REFERRAL_SENT),
    }
)
"""Roles that open the details of a few kinds alone."""


def recording_roles() -> dict[str, tuple[str, ...]]:
    """The roles that may record each kind; an emergency is anybody's to declare, and the officer is told."""
    roles_by_kind = {
        kind: tuple(role for role, role_acts in ROLES.items() if set(acts) & set(role_acts))
        for kind, acts in ACTS_BY_KIND.items()
    }
    return roles_by_kind | {events.FORCED_ACCESS: tuple(ROLES)}


def opening_roles() -> dict[str, tuple[str, ...]]:
    """The roles that may open the details beside each kind."""
    readers = [
        role
        for role, acts in ROLES.items()
        if role not in (*NO_DETAILS, *OPENS_SOME) and set(acts) & {*READS_PERSON, "load"}
    ]
    return {
        kind: (*readers, *(role for role, kinds in OPENS_SOME.items() if kind in kinds))
        for kind in (*ACTS_BY_KIND, events.FORCED_ACCESS)
    }
