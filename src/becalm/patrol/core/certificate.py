"""How predictable a log of visits is: what an attacker gains who has watched every visit so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from becalm.terms import Estimate, UsageError


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """How the attack is run: what it learns from, what it foretells, and how often it is repeated.

    `rows` is how many moments are drawn for training where there are more; neighbouring moments share most
    of their half-hour, so that little is lost.
    """

    train_days: int = 56
    test_days: int = 14
    seeds: int = 1
    window_minutes: int = 30
    rows: int = 300_000
    level: float = 0.95
    rounds: int = 500

    def __post_init__(self) -> None:
        for name, least in (("train_days", 7), ("test_days", 2), ("seeds", 1)):
            if getattr(self, name) < least:
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option} is {getattr(self, name)}. Give at least {least}.")


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the tested moments, by the attacker's score: what was said and what came."""

    decile: int  # 1 is where the attacker feels safest
    moments: int
    foretold: float  # mean chance of a start within the window, by the attacker who knows the past
    timetable: float  # the same by the attacker who knows the timetable alone
    observed: float  # share of moments in which a visit did start


@dataclass(frozen=True, slots=True)
class DeadZone:
    """The longest stretch of the clock in which an area's visits under way fall to a tenth of their mean."""

    area: str
    begins: str  # clock time, e.g. "13:45"
    minutes: int


@dataclass(frozen=True, slots=True)
class Attack:
    """How well visits can be foretold. `gain` is the area under the curve with the past less that without it.

    `log_loss_skill` is the share of the timetable's surprise that knowing the past takes away.
    `safest_decile_ratio` is starts observed over starts that the timetable expects, in the tenth of moments
    in which the attacker feels safest: 1 is no knowledge, 0 is certainty. It is None where the timetable
    expects fewer than five starts there. An insider also knows where every unit is now.
    """

    auc_static: float
    auc_history: float
    gain: Estimate
    log_loss_skill: Estimate
    safest_decile_ratio: Estimate | None
    longest_dead_zone: DeadZone
    calibration: tuple[Decile, ...]
    auc_insider: float | None = None
    insider_gain: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """How predictable a log is, beside the same attack on independent visits at the same rates (`floor`)."""

    attack: Attack
    floor: Attack
    settings: AttackSettings
    seed: int
    first_day: date
    last_day: date
    time_zone: str
    visits: int
    hotspots: int
    moments: int  # foretold
    trained: int  # moments learned from, for each seed
    notes: tuple[str, ...] = field(default=())
