"""When things are recorded, and how wide the window of time is in which nobody saw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.simulate.offences import OFFENCES, Offence


@dataclass(frozen=True, slots=True)
class Delay:
    """Days from the (end of the) crime to its record: none, some days, or long after.

    With the chance `same_day` there is none; with the chance `late` it is 1 + a geometric number
    with mean `late_days`; otherwise 1 + a geometric number with mean `soon_days`.
    """

    same_day: float
    soon_days: float
    late: float
    late_days: float

    def within(self, days: int) -> float:
        """The share recorded no later than this many days after."""
        if days < 0:
            return 0.0
        soon = 1 - (self.soon_days / (1 + self.soon_days)) ** days
        late = 1 - (self.late_days / (1 + self.late_days)) ** days
        return self.same_day + (1 - self.same_day - self.late) * soon + self.late * late


AT_ONCE: Final = Delay(1.0, 1.0, 0.0, 1.0)
STREET: Final = Delay(0.72, 2.5, 0.03, 40.0)
PROPERTY: Final = Delay(0.58, 3.0, 0.04, 30.0)
HARASSMENT: Final = Delay(0.35, 8.0, 0.15, 60.0)
SEXUAL: Final = Delay(0.25, 10.0, 0.25, 200.0)
BY_GROUP: Final = {
    "drug_offences": AT_ONCE,
    "possession_of_weapons": AT_ONCE,
    "anti_social_behaviour": AT_ONCE,
    "homicide": AT_ONCE,
    "robbery": STREET,
    "violence_with_injury": STREET,
    "public_order": STREET,
    "violence_without_injury": STREET,
    "stalking_and_harassment": HARASSMENT,
    "sexual_offences": SEXUAL,
}


def delay_of(offence: Offence) -> Delay:
    """How late is this offence recorded?"""
    return BY_GROUP.get(offence.group, PROPERTY)


def draw_delays(offence: Ints, rng: np.random.Generator) -> Ints:
    """Days from each crime to its record."""
    law = [delay_of(o) for o in OFFENCES]
    same, late = (np.array([getattr(d, name) for d in law]) for name in ("same_day", "late"))
    luck = rng.random(len(offence))
    is_late = luck > 1 - late[offence]
    mean = np.where(
        is_late,
        np.array([d.late_days for d in law])[offence],
        np.array([d.soon_days for d in law])[offence],
    )
    waited = 1 + np.floor(np.log1p(-rng.random(len(offence))) / np.log(mean / (1 + mean))).astype(np.int64)
    return np.where(luck < same[offence], 0, waited)


def draw_windows(offence: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Minutes before and after each event between which it is known to have happened (0, 0: seen)."""
    median = np.array([o.window_hours for o in OFFENCES])[offence] * 60
    width = median * np.exp(0.7 * rng.standard_normal(len(offence)))
    before: Floats = rng.random(len(offence)) * width
    return np.round(before).astype(np.int64), np.round(width - before).astype(np.int64)
