"""What the plan of the days before leaves to the next one: visits owed, and bursts that still stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from becalm.desk import Desk
from becalm.patrol.core.calendar import day_span
from becalm.patrol.core.nouns import Burst
from becalm.patrol.core.seeds import SeedStory
from becalm.patrol.desk.seed import audit_patrol, sealed_box
from becalm.patrol.files.plan import PlanDocument
from becalm.patrol.files.read import plan_of_texts
from becalm.terms import PlanError

LOOK_BACK = timedelta(hours=2)  # the longest gap that a burst of the night before may still keep


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier plans leave. `plans` names each as `<commitment> <index of its re-plan>`."""

    plans: tuple[str, ...] = ()
    owed: Mapping[str, float] = field(default_factory=dict)
    earlier: tuple[Burst, ...] = ()
    notes: tuple[str, ...] = ()


def plans_before(desk: Desk, first_day: date, area: str = "") -> tuple[str, ...]:
    """Which plans cover the day before, as they stand now? Of several for one area, the newest."""
    found: list[SeedStory] = []
    covering = (s for s in audit_patrol(desk).stories if s.plans and s.first_day < first_day)
    eve = first_day - timedelta(days=1)
    for story in sorted(covering, key=lambda s: -s.seq):
        if story.overlaps(eve, 1, area) and not any(other.overlaps(eve, 1, story.area) for other in found):
            found.append(story)
    kept = ((story.commitment, len(sealed_box(desk).plans(story.commitment)) - 1) for story in found)
    return tuple(f"{commitment} {index}" for commitment, index in kept if index >= 0)


def carry_over(desk: Desk, plans: Iterable[str], first_day: date, hotspots: Iterable[str]) -> Before:
    """What do these plans leave to one that begins on this day, at these hotspots?

    Owed is what a place was owed before, and was to get on average, less what it was drawn. A plan
    that does not end on the day before leaves no visits owed: it was cut short, and a new one was made.
    """
    known, named = set(hotspots), tuple(plans)
    owed: dict[str, float] = {}
    earlier: list[Burst] = []
    notes: list[str] = []
    for name in named:
        plan = _plan(desk, name)
        if plan.request.first_day + timedelta(days=plan.request.days) == first_day:
            owed |= {hotspot: visits for hotspot, visits in _owed(plan).items() if hotspot in known}
            notes.append(
                f"Visits owed are carried over from the plan of {plan.request.first_day} "
                f"({name[:12]}), as it was drawn; they pull weakly."
            )
        earlier += [burst for burst in _still_standing(plan, first_day) if burst.hotspot in known]
    earlier.sort(key=lambda burst: (burst.span.start, burst.hotspot, burst.unit))
    return Before(named, owed, tuple(earlier), tuple(notes))


def _plan(desk: Desk, name: str) -> PlanDocument:
    commitment, index = name.split()
    texts = sealed_box(desk).plans(commitment)
    if int(index) >= len(texts):
        raise PlanError(
            f"The sealed plan {commitment[:12]}, of the days before, is not in this workspace. Restore "
            "patrol/sealed from a backup."
        )
    text = texts[int(index)]
    return plan_of_texts(
        text, sealed_box(desk).visits_of(commitment, text), where=f"the sealed plan of {commitment[:12]}"
    )


def _owed(plan: PlanDocument) -> dict[str, float]:
    before = plan.request.owed
    return {
        row.hotspot: round(before.get(row.hotspot, 0.0) + row.expected_visits - row.visits, 3)
        for row in plan.dosage
    }


def _still_standing(plan: PlanDocument, first_day: date) -> list[Burst]:
    """Bursts of tours that began before this day, from late on the day before."""
    since = day_span(first_day, 1, zone=plan.request.zone).start - LOOK_BACK
    own = (route for route in plan.routes if route.day < first_day)
    return [burst for route in own for burst in route.bursts if burst.span.end > since]
