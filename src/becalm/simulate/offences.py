"""What is committed in the simulated city: how often, how it fell in 2020, its rhythm.

Yearly numbers and the ratios of April 2020 to April 2019 follow the Metropolitan Police's published
counts by borough (OGL v2) and data.police.uk (OGL v3), rounded; they set the mix, not the size of the city.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


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


def offences_of(group: str) -> tuple[Offence, ...]:
    """Which offences are counted in this group?"""
    return tuple(o for o in OFFENCES if o.group == group)
