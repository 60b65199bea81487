"""The patrol policy from TOML: the shipped one, or a force's own."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from becalm.patrol.core.places_and_shifts import Mode
from becalm.patrol.core.policy import (
    ArmRule,
    DeliveryRule,
    DoseBand,
    DoseRule,
    Evidence,
    Meal,
    Pace,
    PatrolPolicy,
    PolicyBook,
)
from becalm.terms import InputError
from becalm.workspace.recipes import Source, Strict, check_recipe

SHIPPED = "policy_2020.toml"
FACTORS = {"low_factor", "high_factor"}  # of the trial's arms: the planner needs them


class BandEntry(Strict):
    """One [[dose.bands]] entry."""

    upto: float = Field(ge=0, le=1)
    visits_per_day: float = Field(ge=0, le=200)


class DoseEntry(Strict):
    """The [dose] table."""

    by: Literal["rank", "certainty", "harm"] = "rank"
    bands: tuple[BandEntry, ...] = ()
    visits_per_day: float = Field(default=3.0, gt=0, le=200)
    harm_power: float = Field(default=0.5, ge=0, le=2)
    least_visits_per_day: float = Field(default=0.0, ge=0)
    most_visits_per_day: float = Field(default=96.0, gt=0)
    mean_visit_minutes: float = Field(default=15.0, gt=0, le=120)
    low_share: float = Field(default=0.8, ge=0, le=1)
    high_share: float = Field(default=1.2, ge=1)
    gap_minutes: int = Field(default=30, ge=0)
    gap_weight: float = Field(default=0.5, ge=0, le=1)
    when_short: Literal["refuse", "scale"] = "scale"

    @model_validator(mode="after")
    def _bands_cover_the_list(self) -> DoseEntry:
        ends = [b.upto for b in self.bands]
        if self.by == "rank" and (ends != sorted(set(ends)) or ends[-1:] != [1.0]):
            raise ValueError("the bands by rank must rise, and the last one must end at 1.0")
        if self.by == "certainty" and (ends != sorted(set(ends), reverse=True) or ends[-1:] != [0.0]):
            raise ValueError("the bands by certainty must fall, and the last one must begin at 0.0")
        if self.least_visits_per_day > self.most_visits_per_day:
            raise ValueError("least_visits_per_day is above most_visits_per_day")
        return self


class PlannerEntry(Strict):
    """The [planner] table."""

    slot_minutes: int = Field(default=5, ge=1, le=15)
    burst_minutes: tuple[int, ...] = Field(default=(10, 15, 20), min_length=1)
    settle_minutes: int = Field(default=2, ge=0, le=15)
    travel_weight: float = Field(default=0.0, ge=-1, le=5)
    far_minutes: int = Field(default=15, ge=0, le=120)
    feedback: float = Field(default=0.02, ge=0, le=5)
    pairing: bool = False
    area_share_cap: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _bursts_are_whole_slots(self) -> PlannerEntry:
        odd = [b for b in self.burst_minutes if b <= 0 or b % self.slot_minutes]
        if odd:
            raise ValueError(f"bursts of {odd} minutes are not whole slots of {self.slot_minutes}")
        return self


class MealEntry(Strict):
    """One [[meals]] entry."""

    from_hours: float = Field(ge=0, le=24)
    minutes: int = Field(ge=0, le=180)


class PaceEntry(Strict):
    """One [travel.MODE] table."""

    kph: float = Field(gt=0, le=130)
    detour: float = Field(ge=1, le=5)
    p80_factor: float = Field(ge=1, le=5)
    fixed_minutes: float = Field(default=0.0, ge=0, le=30)
    snap_m: float = Field(default=400.0, gt=0)
    street_speed_share: float = Field(default=0.0, ge=0, le=1)


class TravelEntry(Strict):
    """The [travel] table."""

    quantile: float = Field(default=0.8, gt=0, lt=1)
    foot: PaceEntry
    cycle: PaceEntry
    vehicle: PaceEntry


class ProfileEntry(Strict):
    """The [profile] table."""

    hours: tuple[float, ...] = Field(default=(1.0,) * 24, min_length=24, max_length=24)
    weekdays: tuple[float, ...] = Field(default=(1.0,) * 7, min_length=7, max_length=7)

    @model_validator(mode="after")
    def _weights_weigh_something(self) -> ProfileEntry:
        if min(*self.hours, *self.weekdays) < 0 or not sum(self.hours) * sum(self.weekdays):
            raise ValueError("weights must be 0 or more, and not all 0")
        return self


class DeliveredEntry(Strict):
    """The [delivered] table."""

    buffer_m: float = Field(default=25.0, ge=0, le=100)
    fixes: int = Field(default=2, ge=1, le=10)
    least_minutes: float = Field(default=3.0, ge=0)
    merged_gap_minutes: float = Field(default=3.0, ge=0)
    worst_accuracy_m: float = Field(default=100.0, gt=0)
    silence_minutes: float = Field(default=3.0, gt=0)
    match_minutes: float = Field(default=20.0, ge=0)


class ArmsEntry(Strict):
    """The [arms] table."""

    arms: tuple[Literal["off", "low", "high"], ...] = ("off", "low", "high")
    terciles: int = Field(default=3, ge=1, le=10)
    longest_run: int = Field(default=3, ge=1)
    neighbour_m: float = Field(default=250.0, ge=0)
    low_factor: float = Field(default=0.5, gt=0, lt=1)
    high_factor: float = Field(default=1.5, gt=1, le=5)

    @model_validator(mode="after")
    def _each_arm_once(self) -> ArmsEntry:
        if len(set(self.arms)) != len(self.arms) or len(self.arms) < 2:
            raise ValueError("name each arm once, and at least two")
        return self


class EvidenceEntry(Strict):
    """One [[evidence]] entry."""

    study: str
    design: str
    dose: str
    result: str
    reading: str = Field(alias="read")


class PolicyFile(Strict):
    """A whole patrol policy."""

    key: str
    title: str
    author: str
    reviewed_on: date
    note: str = ""
    dose: DoseEntry
    planner: PlannerEntry = PlannerEntry()
    meals: tuple[MealEntry, ...] = ()
    travel: TravelEntry
    profile: ProfileEntry = ProfileEntry()
    delivered: DeliveredEntry = DeliveredEntry()
    arms: ArmsEntry = ArmsEntry()
    evidence: tuple[EvidenceEntry, ...] = Field(min_length=1)

    def book(self) -> PolicyBook:
        """The policy as the planner's side knows it."""
        bands = tuple(DoseBand(**b.model_dump()) for b in self.dose.bands)
        modes: tuple[Mode, ...] = ("foot", "cycle", "vehicle")
        return PolicyBook(
            key=self.key,
            title=self.title,
            author=self.author,
            reviewed_on=self.reviewed_on,
            note=self.note,
            dose=DoseRule(**{**self.dose.model_dump(), "bands": bands}),
            planner=PatrolPolicy(**self.planner.model_dump(), **self.arms.model_dump(include=FACTORS)),
            meals=tuple(Meal(**m.model_dump()) for m in self.meals),
            paces={mode: Pace(**getattr(self.travel, mode).model_dump()) for mode in modes},
            quantile=self.travel.quantile,
            hours=self.profile.hours,
            weekdays=self.profile.weekdays,
            delivered=DeliveryRule(**self.delivered.model_dump()),
            arms=ArmRule(**self.arms.model_dump(exclude=FACTORS)),
            evidence=tuple(Evidence(**e.model_dump()) for e in self.evidence),
        )


def load_policy(path: Path | None = None) -> PolicyBook:
    """The patrol policy in this file, else the shipped one.

    Raises InputError with everything that is wrong with the file.
    """
    source: Source = path if path is not None else files("becalm.patrol.files") / "policies" / SHIPPED
    entry, faults = check_recipe(source, PolicyFile)
    if entry is None:
        raise InputError(
            f"The patrol policy {source.name} has {len(faults)} fault{'s' * (len(faults) != 1)}", faults
        )
    return entry.book()
