"""The patrol policy from TOML: the shipped one, or a force's own."""

from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from becalm.formats.csv_rows import check_faultless
from becalm.patrol.core import policy
from becalm.patrol.core.place_cards import PlaceTask
from becalm.patrol.core.plan_inputs import PatrolPolicy
from becalm.workspace.reviewed_toml import Source, Strict, check_recipe

SHIPPED = "policy_2020.toml"
FACTORS = {"low_factor", "high_factor"}  # of the trial's arms: the planner needs them


def _check_dose(rule: policy.DoseRule) -> policy.DoseRule:
    band_ends = [band.upto for band in rule.bands]
    if rule.by == "rank" and (band_ends != sorted(set(band_ends)) or band_ends[-1:] != [1.0]):
        raise ValueError("the bands by rank must rise, and the last one must end at 1.0")
    if rule.by == "certainty" and (
        band_ends != sorted(set(band_ends), reverse=True) or band_ends[-1:] != [0.0]
    ):
        raise ValueError("the bands by certainty must fall, and the last one must begin at 0.0")
    if rule.least_visits_per_day > rule.most_visits_per_day:
        raise ValueError("least_visits_per_day is above most_visits_per_day")
    return rule


class PlannerEntry(Strict):
    """The [planner] table."""

    slot_minutes: int = Field(default=1, ge=1, le=15)
    burst_minutes: tuple[int, ...] = Field(default=(10, 15, 20), min_length=1)
    settle_minutes: int = Field(default=2, ge=0, le=15)
    travel_weight: float = Field(default=0.0, ge=-1, le=5)
    far_minutes: int = Field(default=15, ge=0, le=120)
    feedback: float = Field(default=0.02, ge=0, le=5)
    pairing: bool = False
    area_share_cap: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _bursts_are_whole_slots(self) -> "PlannerEntry":
        odd_minutes = [b for b in self.burst_minutes if b <= 0 or b % self.slot_minutes]
        if odd_minutes:
            raise ValueError(f"bursts of {odd_minutes} minutes are not whole slots of {self.slot_minutes}")
        return self


class TravelEntry(Strict):
    """The [travel] table."""

    quantile: float = Field(default=0.8, gt=0, lt=1)
    foot: policy.Pace
    cycle: policy.Pace
    vehicle: policy.Pace


class ProfileEntry(Strict):
    """The [profile] table."""

    hours: tuple[float, ...] = Field(default=(1.0,) * 24, min_length=24, max_length=24)
    weekdays: tuple[float, ...] = Field(default=(1.0,) * 7, min_length=7, max_length=7)

    @model_validator(mode="after")
    def _weights_weigh_something(self) -> "ProfileEntry":
        if min(*self.hours, *self.weekdays) < 0 or not sum(self.hours) * sum(self.weekdays):
            raise ValueError("weights must be 0 or more, and not all 0")
        return self


class ArmsEntry(Strict):
    """The [arms] table."""

    arms: tuple[Literal["off", "low", "high"], ...] = ("off", "low", "high")
    terciles: int = Field(default=3, ge=1, le=10)
    longest_run: int = Field(default=3, ge=1)
    neighbour_m: float = Field(default=250.0, ge=0)
    low_factor: float = Field(default=0.5, gt=0, lt=1)
    high_factor: float = Field(default=1.5, gt=1, le=5)

    @model_validator(mode="after")
    def _each_arm_once(self) -> "ArmsEntry":
        if len(set(self.arms)) != len(self.arms) or len(self.arms) < 2:
            raise ValueError("name each arm once, and at least two")
        return self


class PolicyFile(Strict):
    """A whole patrol policy."""

    key: str
    title: str
    author: str
    reviewed_on: date
    note: str = ""
    dose: Annotated[policy.DoseRule, AfterValidator(_check_dose)]
    planner: PlannerEntry = PlannerEntry()
    meals: tuple[policy.Meal, ...] = ()
    travel: TravelEntry
    profile: ProfileEntry = ProfileEntry()
    delivered: policy.DeliveryRule = policy.DeliveryRule()
    seals: policy.SealRule = policy.SealRule()
    records: policy.RecordRule = Field(default_factory=policy.RecordRule)
    task: PlaceTask = Field(default_factory=PlaceTask)
    arms: ArmsEntry = ArmsEntry()
    evidence: tuple[policy.Evidence, ...] = Field(min_length=1)

    def book(self) -> policy.PolicyBook:
        """The policy as the planner's side knows it."""
        return policy.PolicyBook(
            key=self.key,
            title=self.title,
            author=self.author,
            reviewed_on=self.reviewed_on,
            note=self.note,
            dose=self.dose,
            planner=PatrolPolicy(**self.planner.model_dump(), **self.arms.model_dump(include=FACTORS)),
            meals=self.meals,
            paces={"foot": self.travel.foot, "cycle": self.travel.cycle, "vehicle": self.travel.vehicle},
            quantile=self.travel.quantile,
            hours=self.profile.hours,
            weekdays=self.profile.weekdays,
            delivered=self.delivered,
            arms=policy.ArmRule(**self.arms.model_dump(exclude=FACTORS)),
            evidence=self.evidence,
            seals=self.seals,
            records=self.records,
            task=self.task,
        )


def load_policy(path: Path | None = None) -> policy.PolicyBook:
    """The patrol policy in this file, else the shipped one.

    Raises InputError with everything that is wrong with the file.
    """
    policy_source: Source = path if path is not None else files("becalm.patrol.files") / "policies" / SHIPPED
    entry, faults = check_recipe(policy_source, PolicyFile)
    check_faultless(f"The patrol policy {policy_source.name}", faults, most=None)
    assert entry is not None  # a file without faults has an entry
    return entry.book()
