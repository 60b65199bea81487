"""The picture of a watch holds a panel for each series, its alarm and its step."""

from __future__ import annotations

from datetime import date, timedelta
from xml.etree import ElementTree

import numpy as np

from becalm.methods.alarms.ramp import ramp
from becalm.sustain.core.alarms import NamedAlarm
from becalm.sustain.core.series import WeeklySeries, split_by_step
from becalm.sustain.core.thresholds import Budget, Threshold
from becalm.sustain.core.watch import Delay, PartInputs, Watch, watch_part
from becalm.sustain.files.chart import watch_picture
from becalm.terms import Step

STEP = Step(date(2020, 1, 6), "lockdown", "first lockdown", entry=5)


def watch() -> Watch:
    """Two series, of which the first climbs back and the second lacks a week."""
    rng = np.random.default_rng(11)
    means = np.full((2, 217), 40.0)
    means[:, 157:] = 20.0
    means[0, 177:] = 40.0
    counts = rng.poisson(means).astype(float)
    counts[1, 190] = np.nan
    mondays = tuple(date(2017, 1, 2) + timedelta(weeks=week) for week in range(217))
    keys = (("Camden", "robbery"), ("Hackney", "robbery"))
    series = WeeklySeries(
        keys, mondays, counts, ("victim",) * 2, np.ones_like(counts), np.zeros(counts.shape, dtype=bool)
    )
    (part,) = split_by_step(series, [STEP])
    in_reference = np.array([day.year == 2019 for day in mondays])
    alarm, delays = NamedAlarm("ramp", ramp), {"ramp": [Delay(8.0, 14.0)] * 2}
    inputs = PartInputs(part, in_reference, alarm, (), {"ramp": [Threshold(10.0, 2.0)] * 2}, delays, {})
    return Watch(
        as_of=mondays[-1],
        until=mondays[-1],
        reference="2019",
        budget=Budget(0.5, 0.5),
        placebo_per_year=None,
        steps=(STEP,),
        seen_steps=frozenset(),
        mondays=mondays,
        series=watch_part(inputs),
        warnings=(),
    )


def test_the_picture_is_whole_and_names_what_it_shows():
    text = watch_picture(watch())
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert text.count('class="mark rise"') == 1
    assert text.count('class="line new"') == 3  # a missing week breaks one of the two lines
    assert "Camden, robbery: alarm" in text
    assert "Hackney, robbery: quiet" in text
