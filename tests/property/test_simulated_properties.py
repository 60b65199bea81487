"""What is true of every simulated town."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.simulate.city import simulate_city
from becalm.simulate.records import extract_table
from becalm.simulate.settings import Effect, Settings, shrink_to_town
from becalm.simulate.time_profiles import day_number, skip_missing_hour, to_utc
from becalm.simulate.truth import effect_days

LONDON = ZoneInfo("Europe/London")
MOMENT = datetime(1970, 1, 1)  # noqa: DTZ001 -- a clock time without a zone is what is tested


@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(["none", "patrol", "displacement"]),
    size=st.floats(0, 1),
    displaced=st.floats(0, 1),
    start=st.dates(date(2016, 1, 1), date(2023, 1, 1)),
    days=st.integers(1, 120),
    incidents=st.integers(0, 1_500),
)
@settings(max_examples=25)
def test_any_town_can_be_drawn_and_its_effect_conserves(
    seed, kind, size, displaced, start, days, incidents
) -> None:
    end = start + timedelta(days=days)
    effect = Effect(kind, size=size, displaced=displaced, hotspots=10, start=start, end=end)
    town = simulate_city(
        shrink_to_town(Settings(start=start, end=end, effect=effect), incidents=incidents),
        np.random.default_rng(seed),
    )
    table = extract_table(town)
    assert table.num_rows <= len(town.incidents)
    assert pc.count_distinct(table["crime_ref"]).as_py() == table.num_rows
    truth = effect_days(town.plan)
    share = 0.0 if kind == "none" else size
    moved = displaced if kind == "displacement" else 0.0
    prevented = truth.before * truth.is_treated * share
    assert np.allclose(truth.after, truth.before - prevented)
    has_outlet = (np.diff(town.plan.treatment.outlet_start) > 0)[:, None]
    assert np.allclose(truth.displaced, prevented * moved * has_outlet)


@given(st.integers(day_number(date(2015, 1, 1)) * 1440, day_number(date(2026, 1, 1)) * 1440))
def test_local_minutes_become_the_utc_minutes_of_the_time_zone(minute) -> None:
    local = int(skip_missing_hour(np.array([minute]))[0])
    aware = (MOMENT + timedelta(minutes=local)).replace(tzinfo=LONDON)
    assert int(to_utc(np.array([local]))[0]) * 60 == int(aware.timestamp())
