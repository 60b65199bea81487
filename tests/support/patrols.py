"""A drawn town for patrol tests: a few places, bases, a roster, and officers who walk about in it."""

from datetime import UTC, date, datetime, time

import numpy as np
from numpy.typing import NDArray

from becalm.patrol.core.delivery import Traces
from becalm.patrol.core.dose_places import ListedPlace
from becalm.patrol.core.plan_inputs import Base, Dosage, PatrolPlace
from becalm.patrol.core.policy import PolicyBook
from becalm.patrol.core.roster import PatrolArea, Roster, Team
from becalm.patrol.files.read_policy import load_policy

ZONE = "Europe/London"
CRS = "EPSG:27700"
EVEN_WEEK = (1.0 / 168,) * 168
T0 = datetime(2026, 3, 2, 6, tzinfo=UTC).timestamp()


def policy() -> PolicyBook:
    return load_policy()


def place(name: str, east: float = 0.0, north: float = 0.0, **more: object) -> PatrolPlace:
    facts: dict[str, object] = {
        "hotspot": name,
        "area": "North",
        "easting_m": 500_000.0 + east,
        "northing_m": 200_000.0 + north,
        "radius_m": 85.0,
        "harm": 1.0,
        "dosage": Dosage(3.0, 45.0),
        "profile": EVEN_WEEK,
    }
    return PatrolPlace(**{**facts, **more})  # type: ignore[arg-type]  # a drawn place


def listed(name: str, rank: int, **more: object) -> ListedPlace:
    facts: dict[str, object] = {
        "hotspot": name,
        "rank": rank,
        "easting_m": 500_000.0 + 300.0 * rank,
        "northing_m": 200_000.0,
        "radius_m": 85.0,
        "harm": 10.0 / rank,
        "borough": "Northam",
    }
    return ListedPlace(**{**facts, **more})  # type: ignore[arg-type]  # a drawn place


def team(name: str = "N", **more: object) -> Team:
    facts: dict[str, object] = {
        "team": name,
        "area": "North",
        "base": "station",
        "mode": "foot",
        "crew": 2,
        "weekdays": tuple(range(7)),
        "starts": (time(6), time(14)),
        "hours": 8.0,
    }
    return Team(**{**facts, **more})  # type: ignore[arg-type]  # a drawn team


def roster(*teams: Team) -> Roster:
    return Roster(
        areas=(PatrolArea("North", ("Northam",)),),
        bases=(Base("station", 500_000.0, 200_000.0),),
        teams=teams or (team(),),
    )


def first_day() -> date:
    return date(2026, 3, 2)


def walk(
    at_s: NDArray[np.float64],
    xy: NDArray[np.float64],
    *,
    officer: int = 0,
    unit: int = 0,
    units: tuple[str, ...] = ("N 1",),
    accuracy_m: float = 8.0,
) -> Traces:
    """The fixes of one officer."""
    return Traces(
        officer=np.full(len(at_s), officer),
        unit=np.full(len(at_s), unit),
        units=units,
        at_s=at_s.astype(float),
        easting_m=500_000.0 + xy[:, 0],
        northing_m=200_000.0 + xy[:, 1],
        accuracy_m=np.full(len(at_s), accuracy_m),
    )


def both(*parts: Traces) -> Traces:
    """The fixes of several officers."""
    names = ("officer", "unit", "at_s", "easting_m", "northing_m", "accuracy_m")
    joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
    return Traces(units=parts[0].units, **joined)


def stand(minutes: float, *, away_m: float = 0.0, start_minute: float = 0.0, every_s: float = 10.0):
    """Times and places of someone who stands `away_m` east of the first place."""
    at = T0 + 60 * start_minute + np.arange(0.0, minutes * 60 + 1e-9, every_s)
    return at, np.tile([away_m, 0.0], (len(at), 1))
