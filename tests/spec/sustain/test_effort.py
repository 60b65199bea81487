"""What was done stands beside what happened: less of it is named where a series rises, and alarms nobody."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from entries import event, numbered

from becalm.sustain.core.effort import count_effort, with_effort
from becalm.sustain.core.watch import Delay, Effort
from becalm.sustain.files.chart import watch_picture

FIRST = date(2020, 1, 6)
MONDAYS = tuple(FIRST + timedelta(weeks=week) for week in range(20))
STEP_DAY = date(2020, 1, 6)


def burst(week: int, minutes: int) -> dict[str, str]:
    start = datetime(2020, 1, 8, 20, tzinfo=UTC) + timedelta(weeks=week)
    end = start + timedelta(minutes=minutes)
    return {"unit": "a", "hotspot": "h", "starts_at": start.isoformat(), "ends_at": end.isoformat()}


def test_minutes_and_officers_fall_into_their_weeks():
    roster = {"first_day": "2020-01-13", "days": 14, "officers": 620}
    entries = numbered(
        event("burst_done", burst(2, 15)),
        event("burst_done", burst(2, 10)),
        event("burst_done", burst(4, 15)),
        event("burst_done", burst(4, 30), corrects=3),
        event("burst_done", burst(90, 30)),
        event("roster_published", roster),
    )
    minutes, officers = count_effort(entries, MONDAYS, "Europe/London")
    assert minutes.name == "burst minutes"
    assert np.isnan(minutes.weekly[:2]).all()
    assert minutes.weekly[2:6].tolist() == [25.0, 0.0, 30.0, 0.0]
    assert officers.weekly[1:3].tolist() == [620.0, 620.0]
    assert count_effort([], MONDAYS, "Europe/London") == ()


def test_less_effort_is_named_beside_a_rise_and_nowhere_else(watch_of_counts):
    rng = np.random.default_rng(11)
    means = np.full((2, 217), 40.0)
    means[:, 157:] = 20.0
    means[0, 177:] = 40.0
    keys = (("Camden", "robbery"), ("Hackney", "robbery"))
    watch = watch_of_counts(keys, rng.poisson(means).astype(float), date(2017, 1, 2), STEP_DAY)
    weekly = np.full(217, 900.0)
    weekly[-8:] = 300.0
    efforts = (Effort("burst minutes", weekly), Effort("visits to people", np.full(217, 5.0)))
    shown = with_effort(watch, efforts)
    notes = {series.key: " ".join(series.notes) for series in shown.series}
    said = "Less was done: burst minutes: 300 a week in the last eight weeks, 900 a week in the eight before."
    assert said in notes["Camden", "robbery"]
    assert "Less was done" not in notes["Hackney", "robbery"]
    assert "visits" not in notes["Camden", "robbery"]
    assert shown.alarms == watch.alarms
    picture = watch_picture(shown)
    assert picture.count("burst minutes, at most 900 a week") == len(shown.series)
    assert "visits to people: 5 a week in the last eight weeks" in picture


@pytest.mark.parametrize("weeks", [10, 16])
def test_a_fall_needs_as_many_weeks_before(weeks):
    weekly = np.full(20, np.nan)
    weekly[-weeks:] = 10.0
    weekly[-8:] = 1.0
    assert Effort("burst minutes", weekly).has_fallen is (weeks == 16)


def test_what_cannot_be_watched_alone_names_the_group_that_watches_over_it(watch_of_counts):
    counts = np.random.default_rng(1).poisson(2.0, (4, 217)).astype(float)
    keys = [(area, offence) for area in ("Brent", "Camden") for offence in ("a", "b")]
    delays = {"ramp": Delay(None, None), "areas": Delay(20.0, None), "offences": Delay(12.0, None)}
    watch = watch_of_counts(keys, counts, date(2017, 1, 2), STEP_DAY, delays=delays)
    series = next(s for s in watch.series if s.key == ("Brent", "a"))
    assert "Its group watches over it: all areas, a (a rebound of all is found in 8 weeks)." in series.notes
    lonely = dict.fromkeys(("ramp", "areas", "offences", "force"), Delay(None, None))
    alone = watch_of_counts(keys, counts, date(2017, 1, 2), STEP_DAY, delays=lonely).series[0]
    assert "No group finds a rebound in time either." in alone.notes
