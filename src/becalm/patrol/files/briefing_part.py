"""What the briefing says of patrol: the arithmetic, the forecast, the commitment, and where units begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from becalm.patrol.files.plan import PlanDocument
from becalm.patrol.files.plan_view import PlanPage
from becalm.patrol.files.stops import Stop, stops_of
from becalm.patrol.files.units import tours_of

SHOWN = 12  # units whose first burst the briefing names


@dataclass(frozen=True, slots=True)
class FirstBurst:
    """Where a unit begins on the day of the briefing; the rest of its route stays sealed."""

    unit: str
    area: str
    stop: Stop


@dataclass(frozen=True, slots=True)
class PatrolPart:
    """The patrol part of a briefing; where there is no plan, `note` says why.

    `unlike` says which overrides of the list the plan does not know of, or keeps though they hold no more.
    """

    plan: PlanDocument | None
    day: date | None
    note: str
    unlike: tuple[str, ...] = ()

    @property
    def page(self) -> PlanPage | None:
        """The plan as its own page tells it."""
        return PlanPage(self.plan) if self.plan else None

    @property
    def firsts(self) -> tuple[FirstBurst, ...]:
        """The first burst of each unit whose tour starts on the day, by time."""
        if self.plan is None:
            return ()
        tours = [
            t for own in tours_of(self.plan).values() for t in own if t.shift.day == self.day and t.bursts
        ]
        tours.sort(key=lambda tour: (tour.bursts[0].span.start, tour.shift.unit))
        return tuple(
            FirstBurst(tour.shift.unit, tour.shift.area, stops_of(self.plan, tour.bursts[:1])[0])
            for tour in tours
        )

    @property
    def shown(self) -> tuple[FirstBurst, ...]:
        """Those that the briefing names."""
        return self.firsts[:SHOWN]


NO_PATROL = PatrolPart(None, None, "")
