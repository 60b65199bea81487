"""A scenario, read from TOML: the planted laws, how the force works, and what goes wrong."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import Field

from becalm.terms import InputError
from becalm.workspace.reviewed_toml import Source, Strict, check_recipe, suggest

Share = Field(default=0.0, ge=0.0, le=1.0)
SHIPPED: Final = "scenarios"


class CityLaws(Strict):
    """The [city] table: what happens whatever the force does."""

    outside_shock: bool = True  # the lockdown of 2020, with its way back


class PatrolLaws(Strict):
    """The [patrol] table: what a visit does to street violence."""

    effect: float = Share  # the share of offences that a visit prevents while it lasts
    half_life_minutes: float = Field(default=90.0, gt=0)  # in which half of that is gone after it
    displaced: float = Share  # the share of what was prevented that happens nearby instead
    reach_m: float = Field(default=300.0, gt=0)
    watchful_share: float = Share  # of offenders, who learn when patrols come and keep clear of them


class HelpLaws(Strict):
    """The [help] table: what completed help does."""

    effect: float = Share  # the share of a helped person's street violence that does not happen
    answer_share: float = Field(default=0.45, ge=0.0, le=1.0)  # doors that are answered


class RecordLaws(Strict):
    """The [records] table: how the force comes to know."""

    revised_share: float = Field(default=0.02, ge=0.0, le=1.0)  # of records are first written as less serious
    found_per_visit: float = Field(
        default=0.02, ge=0.0, le=1.0
    )  # drugs and weapons that a visit brings to light
    lost_weeks: tuple[int, ...] = ()  # weeks of the year whose records never arrive


class ForceLaws(Strict):
    """The [force] table: who works, and how much of the plan they deliver."""

    delivered_share: float = Field(default=0.85, ge=0.0, le=1.0)
    sick_share: float = Field(default=0.05, ge=0.0, le=1.0)  # of crews on a day
    staff_share: float = Field(default=1.0, gt=0.0, le=1.0)  # of the crews that the city usually has
    planner: str = Field(default="becalm", pattern="^(becalm|most_overdue)$")
    tampering_week: int = Field(default=0, ge=0)  # in which an insider alters the ledger; 0: never


class Scenario(Strict):
    """One year's world. A misspelt law is a fault, not a silence."""

    title: str
    note: str
    city: CityLaws = CityLaws()
    patrol: PatrolLaws = PatrolLaws()
    help: HelpLaws = HelpLaws()
    records: RecordLaws = RecordLaws()
    force: ForceLaws = ForceLaws()


def shipped_scenarios() -> tuple[str, ...]:
    """The names of the scenarios that becalm brings along."""
    names = (path.name for path in _folder())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def read_scenario(name: str) -> Scenario:
    """The scenario of this name, or in this file. Raises InputError with everything that is wrong with it."""
    shipped: dict[str, Source] = {path.name: path for path in _folder()}
    source = shipped.get(f"{name}.toml", Path(name))
    if isinstance(source, Path) and not source.is_file():
        names = shipped_scenarios()
        raise InputError(
            f"There is no scenario {name!r}: {suggest(name, names)}choose among {', '.join(names)}, or name "
            "a TOML file."
        )
    scenario, faults = check_recipe(source, Scenario)
    if scenario is None:
        raise InputError(f"{source.name} is no scenario", faults)
    return scenario


def _folder() -> list[Source]:
    return list((files("becalm.rehearse") / SHIPPED).iterdir())
