"""Where does a unit go next? Read from the unit's own file beside the plan, within a second."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.desk import Desk
from becalm.patrol.core.instants import read_instant
from becalm.patrol.core.request import NextRequest
from becalm.patrol.files.sealed_box import SealedBox, plan_name
from becalm.patrol.files.unit_tours import TimedStop, UnitTour, UnitTours, read_unit_tours
from becalm.terms import PlanError, UsageError, suggest_word


@dataclass(frozen=True, slots=True)
class NextBursts:
    """What a unit does next: at most two bursts of the tour that it is on, or is to begin next."""

    unit: str
    tour: UnitTour
    bursts: tuple[TimedStop, ...]
    at: datetime

    @property
    def is_on_tour(self) -> bool:
        """Is the unit on this tour already?"""
        return self.tour.starts_at <= self.at


def next_bursts(desk: Desk, request: NextRequest) -> NextBursts:
    """Where does this unit go next? Never more than two bursts ahead.

    Raises PlanError where the unit has no tour at this time or later in the plan, or the plan is out of date.
    """
    zone = desk.workspace.city.time_zone
    at = desk.now() if request.at is None else read_instant(request.at, zone)
    unit_tours = _load_unit_tours(Path(request.plan), request.unit)
    check_newest(desk, unit_tours.commitment, unit_tours.replans)
    tour = next((tour for tour in unit_tours.tours if tour.ends_at > at), None)
    if tour is None:
        at_text = f"{at.astimezone(ZoneInfo(unit_tours.zone)):%Y-%m-%d %H:%M}"
        raise PlanError(
            f"{request.unit} has no tour after {at_text} in this plan; its last one ends at "
            f"{unit_tours.tours[-1].ends_in_words} ({unit_tours.zone}). Use the plan of the next days."
        )
    shown_bursts = tuple(burst for burst in tour.stops if burst.ends_at > at)[: request.ahead]
    return NextBursts(request.unit, tour, shown_bursts, at)


def _load_unit_tours(path: Path, unit: str) -> UnitTours:
    """The unit's own file; where there is none, what the whole plan says of the unit."""
    unit_tours = read_unit_tours(path if path.is_dir() else path.parent, unit)
    if unit_tours is not None:
        return unit_tours
    # Only here: what reads a whole plan takes longer to load than the answer may take.
    from becalm.patrol.files.read_plan import read_plan
    from becalm.patrol.files.unit_sheets import build_unit_tours, tours_of

    plan = read_plan(path)
    tours_of_unit = tours_of(plan)
    if unit not in tours_of_unit:
        hint = suggest_word(unit, sorted(tours_of_unit))
        raise UsageError(f"There is no unit {unit!r} in this plan. {hint}")
    return build_unit_tours(plan, unit, tours_of_unit[unit])


def check_newest(desk: Desk, commitment: str, replan_count: int) -> None:
    """Refuse a plan of which some tours were drawn again since: it would send units astray."""
    box = SealedBox(desk.workspace.path)
    if commitment and box.text(commitment, plan_name(replan_count + 1)) is not None:
        raise PlanError(
            f"This plan has {replan_count} re-plans, and a newer one stands: what it says is out of date. "
            "Name the folder that was re-planned."
        )
