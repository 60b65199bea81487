"""The rules by which a roster is made and judged: reviewed data, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from types import MappingProxyType

RULES: Mapping[str, str] = MappingProxyType(
    {
        "daily_rest_hours": "hours between two tours, by their real starts",
        "weekly_rest_hours": "hours of rest in one piece within every 7 days",
        "fortnight_rest_hours": "hours of rest in one piece within 14 days that may stand for weekly rest",
        "longest_run_days": "days worked in a row at most",
        "longest_night_run": "nights worked in a row at most",
        "weekly_hours": "hours a week at most, on average over the reference period",
        "reference_weeks": "weeks of the reference period",
        "night_hours": "hours a day at most for night workers, on average over the reference period",
        "minimum_crew": "officers in a crew at least",
        "recruit_weeks": "weeks for which a recruit needs a tutor",
        "recruits_per_tutor": "recruits for each tutor on the same tour at most",
        "roster_notice_days": "days before its first day on which a roster is published at the latest",
        "rest_day_notice_days": "days of notice from which a cancelled rest day is not at short notice",
        "holiday_notice_days": "days of notice from which a public holiday worked is not at short notice",
        "start_notice_hours": "hours before the new start by which a moved start is told",
        "lieu_named_days": "days within which a rest day in lieu is named",
    }
)
"""Every rule that a rule file must give, and what its value is."""

OPTIONAL_RULES = frozenset({"fortnight_rest_hours"})
"""Rules that a rule file may leave out: then there is no such exception."""

PRICES: Mapping[str, str] = MappingProxyType(
    {
        "short": "an officer missing on a tour",
        "recruit_alone": "a recruit without a tutor",
        "rest_day_cancelled": "a rest day cancelled at short notice",
        "rest_day_moved": "a rest day cancelled with more notice",
        "tour_moved": "another tour on the same day",
        "tour_dropped": "a published tour that is not worked",
        "lending": "a tour in a neighbouring command unit",
        "spare": "an officer more than a tour needs",
        "night": "one more night than the nights that are free of price, growing by as much for each",
        "weekend": "a weekend worked, growing by as much for each of the last 12 weeks",
        "wish": "a tour that the officer would rather not work",
    }
)
"""What the engine weighs against each other: points, not money."""


@dataclass(frozen=True, slots=True)
class TourKind:
    """A tour by the clock."""

    tour: str
    start: time
    hours: float
    is_night: bool = False

    @property
    def hours_covered(self) -> tuple[int, ...]:
        """The clock hours that it touches, counted from the midnight of its day; over 23 is the next day."""
        end = self.start.hour + self.start.minute / 60 + self.hours
        return tuple(range(self.start.hour, int(-(-end // 1))))


@dataclass(frozen=True, slots=True)
class SkillNeed:
    """How many officers with a skill every tour needs, and the points for each that is missing."""

    skill: str
    least: int
    price: float
    ranks: tuple[str, ...] = ()  # that have it by their rank


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its value, where it comes from, and whether a named person may set it aside."""

    rule: str
    value: float
    source: str
    derogation: str = ""  # on what ground it may be set aside, and what is owed then; empty where it may not


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of one country or force."""

    key: str
    title: str
    author: str
    reviewed_on: date
    tours: tuple[TourKind, ...]
    rules: tuple[Rule, ...]
    skills: tuple[SkillNeed, ...]
    prices: Mapping[str, float]
    rostered_ranks: tuple[str, ...]
    stagger_minutes: tuple[int, ...]
    free_nights: int = 3  # in the planned days, before nights have a price
    detail_weeks: int = 26  # after an absence ended, for which why somebody was away is kept

    def value(self, rule: str) -> float:
        """The value of a rule."""
        return next(entry.value for entry in self.rules if entry.rule == rule)

    def optional_value(self, rule: str) -> float | None:
        """The value of a rule that may be left out, None where it is."""
        return next((entry.value for entry in self.rules if entry.rule == rule), None)

    def tour_number(self, tour: str) -> int:
        """1 for the first tour of the file; 0 for rest."""
        return 0 if tour == REST_DAY else [kind.tour for kind in self.tours].index(tour) + 1

    def tour_name(self, number: int) -> str:
        """The name of a tour, or rest."""
        return self.tours[number - 1].tour if number else REST_DAY


REST_DAY = "rest"
