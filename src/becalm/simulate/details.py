"""What is written down beside time and place: weapon, injury, the victim's age band, the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.columns import AGE_BANDS, WEAPONS
from becalm.simulate.offences import OFFENCES

UNKNOWN: Final = -1
YOUNG_AT_KNIFEPOINT: Final = 0.42  # share of injured knife victims under 25 in normal times
YOUNG_LOCKDOWN_RATIO: Final = 0.49  # what is left of that share on the floor of the lockdown
YOUNG: Final = (0.01, 0.37, 0.62)  # how the young are shared out over the first three bands
ADULT: Final = (0.36, 0.25, 0.19, 0.12, 0.08)
AGES: Final = {  # share of victims under 25, by group; groups not named have no single victim
    "robbery": 0.42,
    "homicide": 0.30,
    "violence_with_injury": 0.30,
    "violence_without_injury": 0.24,
    "stalking_and_harassment": 0.20,
    "sexual_offences": 0.55,
    "theft_from_the_person": 0.30,
    "bicycle_theft": 0.22,
    "other_theft": 0.22,
}
OUTCOMES: Final = (
    "Investigation complete; no suspect identified",
    "Unable to prosecute suspect",
    "Awaiting court outcome",
    "Offender given a caution",
    "Local resolution",
    "Under investigation",
)
OUTCOME_SHARES: Final = {
    "violence": (0.34, 0.42, 0.08, 0.03, 0.02, 0.11),
    "police": (0.06, 0.10, 0.30, 0.18, 0.28, 0.08),
    "property": (0.76, 0.10, 0.04, 0.01, 0.01, 0.08),
}


@dataclass(frozen=True, slots=True)
class Details:
    """Indices into WEAPONS, AGE_BANDS and OUTCOMES; -1 where there is none. `injury` is 1, 0 or -1."""

    weapon: NDArray[np.int8]
    injury: NDArray[np.int8]
    age: NDArray[np.int8]
    outcome: NDArray[np.int8]


def draw_details(offence: Ints, depth: Floats, rng: np.random.Generator) -> Details:
    """Weapon, injury, age and outcome of each event; `depth` is how deep in the lockdown it lies."""
    weapon = _weapons(offence, rng)
    injury = _injuries(offence, rng)
    at_knifepoint = (weapon == WEAPONS.index("knife")) & (injury == 1)
    age = _ages(offence, at_knifepoint, depth, rng)
    return Details(weapon, injury, age, _outcomes(offence, rng))


def young_knife_share(offence_index: int, depth: Floats) -> Floats:
    """The chance that an event of this offence is a young person injured by a knife."""
    offence = OFFENCES[offence_index]
    injured = offence.injury_share or 0.0
    young = YOUNG_AT_KNIFEPOINT * (1 - (1 - YOUNG_LOCKDOWN_RATIO) * depth)
    return np.asarray(offence.knife_share * injured * young)


def _weapons(offence: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    knife = np.array([o.knife_share for o in OFFENCES])[offence]
    gun = np.array([o.gun_share for o in OFFENCES])[offence]
    armed = np.array([o.knife_share > 0 for o in OFFENCES])[offence]
    luck = rng.random(len(offence))
    limits = np.stack([knife, knife + gun, knife + gun + 0.07 * armed, knife + gun + 0.11 * armed])
    return np.asarray(np.array([1, 2, 3, 4, 0], dtype=np.int8)[(luck >= limits).sum(axis=0)])


def _injuries(offence: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    share = np.array([np.nan if o.injury_share is None else o.injury_share for o in OFFENCES])[offence]
    hurt = rng.random(len(offence)) < share
    return np.where(np.isnan(share), UNKNOWN, hurt).astype(np.int8)


def _ages(offence: Ints, at_knifepoint: Bools, depth: Floats, rng: np.random.Generator) -> NDArray[np.int8]:
    usual = np.array([AGES.get(o.group, np.nan) for o in OFFENCES])[offence]
    fewer = YOUNG_AT_KNIFEPOINT * (1 - (1 - YOUNG_LOCKDOWN_RATIO) * depth)
    share = np.where(at_knifepoint, fewer, usual)
    luck = rng.random((len(offence), 2))
    young = np.searchsorted(np.cumsum(YOUNG)[:-1], luck[:, 1], side="right")
    adult = len(YOUNG) + np.searchsorted(np.cumsum(ADULT)[:-1], luck[:, 1], side="right")
    band = np.where(luck[:, 0] < share, young, adult)
    return np.where(np.isnan(usual), UNKNOWN, np.minimum(band, len(AGE_BANDS) - 1)).astype(np.int8)


def _outcomes(offence: Ints, rng: np.random.Generator) -> NDArray[np.int8]:
    shares = np.cumsum(np.array([OUTCOME_SHARES[_outcome_kind(i)] for i in range(len(OFFENCES))]), axis=1)
    drawn = (rng.random(len(offence))[:, None] >= shares[offence][:, :-1]).sum(axis=1)
    recorded = np.array([o.recorded for o in OFFENCES])[offence]
    return np.where(recorded, drawn, UNKNOWN).astype(np.int8)


def _outcome_kind(index: int) -> str:
    offence = OFFENCES[index]
    if offence.found_by == "police":
        return "police"
    return "violence" if offence.police_uk in ("Violence and sexual offences", "Robbery") else "property"
