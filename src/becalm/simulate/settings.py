"""How large the simulated city is, which effect is planted, and what is committed: how often, at what times.

Yearly numbers and the ratios of April 2020 to April 2019 follow the Metropolitan Police's published
counts by borough (OGL v2) and data.police.uk (OGL v3), rounded; they set the mix, not the size of the city.
"""

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Final, Literal

from becalm.terms import UsageError

EffectKind = Literal["none", "patrol", "displacement"]


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect that is planted on street violence at chosen hotspots on chosen days.

    On a treated day the true rate at a treated hotspot is `1 - size` of what it would have been.
    With kind "displacement" the share `displaced` of what was prevented happens at the places within
    `reach_m` of the hotspot instead. A hotspot is every place within `radius_m` of its centre; the
    `hotspots` with the highest true rate are taken, and each of their days from `start` until before
    `end` is treated with the chance `day_share`.
    """

    kind: EffectKind = "none"
    size: float = 0.25
    displaced: float = 0.3
    hotspots: int = 250
    radius_m: float = 75.0
    reach_m: float = 300.0
    day_share: float = 0.5
    start: date = date(2021, 7, 1)
    end: date = date(2021, 10, 1)

    def __post_init__(self) -> None:
        for share_name in ("size", "displaced", "day_share"):
            share_value = getattr(self, share_name)
            if not 0.0 <= share_value <= 1.0:
                raise UsageError(
                    f"effect {share_name} is {share_value}; it is a share. Give a number from 0 to 1."
                )
        if self.end <= self.start:
            raise UsageError(f"The effect ends on {self.end}, not after its start {self.start}.")


@dataclass(frozen=True, slots=True)
class Settings:
    """One simulated city. The defaults make about a million incidents in four years.

    `incidents` is the number expected over the whole period. Each switch takes one thing out of the
    city: power-law `hotspots`, `drift` of places over the years, `rhythms` of the week, `seasons`,
    `shocks` (weeks that are better or worse than expected), `near_repeats`, the `lockdown`.
    """

    start: date = date(2018, 1, 1)
    end: date = date(2022, 1, 1)
    incidents: int = 1_000_000
    places: int = 20_000
    junctions: int = 45_000
    lsoas: int = 2_400
    wards: int = 320
    boroughs: int = 32
    command_units: int = 12
    area_km2: float = 1_600.0
    hotspots: bool = True
    drift: bool = True
    rhythms: bool = True
    seasons: bool = True
    shocks: bool = True
    near_repeats: bool = True
    lockdown: bool = True
    effect: Effect = Effect()

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise UsageError(
                f"The city ends on {self.end}, not after its start {self.start}. Give a later end."
            )
        if self.incidents < 0:
            raise UsageError(f"{self.incidents} incidents cannot happen. Give 0 or more.")
        area_counts = (self.command_units, self.boroughs, self.wards, self.lsoas, self.junctions)
        if self.command_units < 1 or any(a > b for a, b in pairwise(area_counts)):
            raise UsageError(
                f"The city needs at least one command unit, and no more command units ({self.command_units}) "
                f"than boroughs ({self.boroughs}), wards ({self.wards}), LSOAs ({self.lsoas}) and "
                f"junctions ({self.junctions}), in that order."
            )
        if not 1 <= self.places <= self.junctions:
            raise UsageError(
                f"{self.places} places do not fit: give at least 1 and at most one per junction "
                f"({self.junctions})."
            )

    @property
    def days(self) -> int:
        """How many days the city lives."""
        return (self.end - self.start).days


def keep_rates_constant(settings: Settings) -> Settings:
    """The same city where every place keeps one constant rate, with Poisson noise alone.

    An effect that is planted stays, so that it can be seen with nothing else about it.
    """
    return replace(
        settings,
        drift=False,
        rhythms=False,
        seasons=False,
        shocks=False,
        near_repeats=False,
        lockdown=False,
    )


def shrink_to_town(settings: Settings = Settings(), *, incidents: int | None = None) -> Settings:
    """A town on a twenty-fifth of the ground, with the same densities, for quick tests.

    `incidents` is its number; without one it has a twenty-fifth of the city's.
    """
    return replace(
        settings,
        incidents=max(settings.incidents // 25, 1) if incidents is None else incidents,
        places=800,
        junctions=1_800,
        lsoas=120,
        wards=24,
        boroughs=8,
        command_units=3,
        area_km2=64.0,
    )


@dataclass(frozen=True, slots=True)
class Offence:
    """One offence as the simulated force words it.

    `yearly` is London's number a year and sets the share; `lockdown_ratio` is the level at the floor
    of the lockdown over the level before; `season_share` the height of the yearly wave about its mean and
    `season_peak` the month (1 to 12) of its top. `window_hours` is the median width of the time window of
    crimes that nobody saw (0: the minute is known). `repeat_share` of the events are near repeats.
    """

    word: str
    group: str
    police_uk: str
    yearly: float
    lockdown_ratio: float
    rhythm: str  # a key of simulate.time.RHYTHMS
    season_share: float = 0.0
    season_peak: int = 7
    window_hours: float = 0.0
    repeat_share: float = 0.0
    knife_share: float = 0.0
    gun_share: float = 0.0
    injury_share: float | None = None
    found_by: str = "victim"
    street_violence: bool = False
    recorded: bool = True  # False: an incident that is no recorded crime, absent from the extract


VIOLENCE: Final = "Violence and sexual offences"

OFFENCES: Final = (
    Offence("Robbery of personal property", "robbery", "Robbery", 36_500, 0.315, "robbery", 0.10, 11,
            repeat_share=0.055, knife_share=0.21, gun_share=0.012, injury_share=0.24,
            street_violence=True),
    Offence("Robbery of business property", "robbery", "Robbery", 3_500, 0.40, "shop", 0.06, 12,
            repeat_share=0.04, knife_share=0.24, gun_share=0.04, injury_share=0.12, street_violence=True),
    Offence("Homicide", "homicide", VIOLENCE, 145, 0.95, "night", 0.05, 7, knife_share=0.55,
            gun_share=0.15, injury_share=1.0, street_violence=True),
    Offence("Violence with injury", "violence_with_injury", VIOLENCE, 76_000, 0.736, "night", 0.10, 7,
            knife_share=0.055, gun_share=0.004, injury_share=1.0, street_violence=True),
    Offence("Violence without injury", "violence_without_injury", VIOLENCE, 95_000, 0.93, "evening", 0.06,
            7, knife_share=0.012, gun_share=0.001, injury_share=0.0),
    Offence("Stalking and harassment", "stalking_and_harassment", VIOLENCE, 51_000, 1.02, "day", 0.04, 7,
            injury_share=0.0),
    Offence("Rape", "sexual_offences", VIOLENCE, 8_000, 0.60, "night", 0.08, 7),
    Offence("Other sexual offences", "sexual_offences", VIOLENCE, 12_000, 0.62, "evening", 0.12, 7),
    Offence("Residential burglary", "burglary", "Burglary", 57_000, 0.56, "burglary", 0.12, 12,
            window_hours=5.0, repeat_share=0.085),
    Offence("Business and community burglary", "burglary", "Burglary", 21_000, 0.61, "night_break", 0.06,
            12, window_hours=9.0, repeat_share=0.055),
    Offence("Theft from the person", "theft_from_the_person", "Theft from the person", 65_000, 0.14,
            "crowd", 0.08, 12),
    Offence("Shoplifting", "shoplifting", "Shoplifting", 44_000, 0.48, "shop", 0.03, 12),
    Offence("Bicycle theft", "bicycle_theft", "Bicycle theft", 20_000, 0.62, "day", 0.30, 8,
            window_hours=5.0),
    Offence("Other theft", "other_theft", "Other theft", 118_000, 0.335, "crowd", 0.05, 7,
            window_hours=0.7),
    Offence("Theft from a motor vehicle", "vehicle_offences", "Vehicle crime", 85_000, 0.60,
            "night_break", 0.06, 11, window_hours=9.0),
    Offence("Theft or taking of a motor vehicle", "vehicle_offences", "Vehicle crime", 31_000, 0.66,
            "night_break", 0.06, 11, window_hours=8.0),
    Offence("Interfering with a motor vehicle", "vehicle_offences", "Vehicle crime", 14_000, 0.62,
            "night_break", 0.05, 11, window_hours=7.0),
    Offence("Criminal damage", "criminal_damage_and_arson", "Criminal damage and arson", 52_500, 0.74,
            "damage", 0.06, 7, window_hours=3.0),
    Offence("Arson", "criminal_damage_and_arson", "Criminal damage and arson", 3_000, 0.72, "damage",
            0.12, 7),
    Offence("Public order offences", "public_order", "Public order", 52_000, 0.854, "evening", 0.08, 7),
    Offence("Possession of weapons", "possession_of_weapons", "Possession of weapons", 7_000, 0.955,
            "police", 0.03, 7, found_by="police"),
    Offence("Possession of drugs", "drug_offences", "Drugs", 43_000, 1.48, "police", 0.03, 7,
            found_by="police"),
    Offence("Drug trafficking", "drug_offences", "Drugs", 6_500, 1.35, "police", 0.03, 7,
            found_by="police"),
    Offence("Miscellaneous crimes against society", "other_crime", "Other crime", 11_500, 0.95, "day"),
    Offence("Anti-social behaviour", "anti_social_behaviour", "Anti-social behaviour", 240_000, 1.60,
            "evening", 0.14, 7, recorded=False),
)  # fmt: skip

GROUPS: Final = tuple(dict.fromkeys(o.group for o in OFFENCES))
