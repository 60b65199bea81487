"""A watch of drawn counts, with thresholds and delays that are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from becalm.methods.alarms.ramp import ramp
from becalm.sustain.core.alarms import NamedAlarm
from becalm.sustain.core.run_watch import choose_families
from becalm.sustain.core.series import Key, WeeklySeries, split_by_step
from becalm.sustain.core.thresholds import Budget, Threshold
from becalm.sustain.core.watch import Delay, PartInputs, Watch, watch_part
from becalm.terms import Step


def build_watch(
    keys: Sequence[Key],
    counts: np.ndarray,
    first: date,
    step_day: date,
    *,
    delays: dict[str, Delay] | None = None,
) -> Watch:
    """The watch of these weeks with their groups, all with a threshold of 10."""
    mondays = tuple(first + timedelta(weeks=week) for week in range(counts.shape[1]))
    step = Step(step_day, "lockdown", "first lockdown", entry=5)
    series = WeeklySeries(
        tuple(keys),
        mondays,
        counts,
        ("victim",) * len(keys),
        np.ones_like(counts),
        np.zeros(counts.shape, dtype=bool),
    )
    (part,) = split_by_step(series, [step])
    families = choose_families(part)
    rows = {"ramp": len(keys)} | {family.name: len(family.labels) for family in families}
    given = delays or {}
    in_reference = np.array([day.year == step_day.year - 1 for day in mondays])
    inputs = PartInputs(
        part,
        in_reference,
        NamedAlarm("ramp", ramp),
        families,
        {kind: [Threshold(10.0, 2.0)] * count for kind, count in rows.items()},
        {kind: [given.get(kind, Delay(8.0, 14.0))] * count for kind, count in rows.items()},
        {},
    )
    return Watch(
        as_of=mondays[-1],
        until=mondays[-1],
        reference=str(step_day.year - 1),
        budget=Budget(0.5, 0.5),
        placebo_per_year=None,
        steps=(step,),
        seen_steps=frozenset(),
        mondays=mondays,
        series=watch_part(inputs),
        warnings=(),
    )


@pytest.fixture(scope="session")
def watch_of_counts() -> Callable[..., Watch]:
    """How a watch is made of counts."""
    return build_watch
