"""States, alarms and refusals of a watch, on drawn weeks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from becalm.methods.alarms.ramp import ramp
from becalm.sustain.core.alarms import NamedAlarm
from becalm.sustain.core.series import (
    WeeklySeries,
    check_reference,
    last_week,
    split_by_step,
    week_name,
)
from becalm.sustain.core.thresholds import Threshold, build_families, tail_quantile
from becalm.sustain.core.watch import Delay, PartInputs, WatchedSeries, watch_part
from becalm.terms import Period, QuestionError, Step, UsageError

FIRST = date(2017, 1, 2)
STEP = Step(date(2020, 1, 6), "lockdown", "first lockdown", entry=5)
STEP_WEEK = 157
RAMP = NamedAlarm("ramp", ramp)
KEYS = (("Camden", "robbery"), ("Camden", "burglary"), ("Hackney", "robbery"))


def series(*, weeks: int = 60, rise_from: int | None = None, **changes: object) -> WeeklySeries:
    """Three series of 40 a week that fall by half at the step; the first climbs back from a week on."""
    rng = np.random.default_rng(11)
    means = np.full((3, STEP_WEEK + weeks), 40.0)
    means[:, STEP_WEEK:] = 20.0
    if rise_from is not None:
        means[0, STEP_WEEK:] *= 1.0 + np.clip((np.arange(weeks) - rise_from + 1) / 8.0, 0.0, 1.0)
    counts = rng.poisson(means).astype(float)
    mondays = tuple(FIRST + timedelta(weeks=week) for week in range(counts.shape[1]))
    drawn = WeeklySeries(
        KEYS, mondays, counts, ("victim",) * 3, np.ones_like(counts), np.zeros(counts.shape, dtype=bool)
    )
    return replace(drawn, **changes)  # type: ignore[arg-type]


def watch(drawn: WeeklySeries, *, delay: Delay | None = None, **decisions: str) -> tuple[WatchedSeries, ...]:
    (part,) = split_by_step(drawn, [STEP])
    in_reference = np.array([day.year == 2019 for day in drawn.mondays])
    names = {name.replace("_", "/"): decision for name, decision in decisions.items()}
    delays = {"ramp": [delay or Delay(8.0, 14.0)] * len(drawn.keys)}
    inputs = PartInputs(
        part, in_reference, RAMP, (), {"ramp": [Threshold(10.0, 2.0)] * len(drawn.keys)}, delays, names
    )
    return watch_part(inputs)


def test_a_series_that_climbs_raises_one_alarm_and_the_others_are_quiet():
    first, *others = watch(series(rise_from=20))
    assert first.state == "alarm"
    (alarm,) = first.alarms
    onset = FIRST + timedelta(weeks=STEP_WEEK + 20)
    assert onset <= alarm.monday <= onset + timedelta(weeks=8)
    assert alarm.name == f"{week_name(alarm.monday)}/Camden/robbery/ramp"
    assert [other.state for other in others] == ["quiet", "quiet"]


def test_the_levels_are_those_that_were_drawn():
    levels = watch(series(rise_from=20))[0].levels
    assert levels.weekly_mean.low < 40.0 < levels.weekly_mean.high
    assert levels.fallen.low < 20.0 < levels.fallen.high
    assert levels.reference.low < 40.0 < levels.reference.high
    assert levels.lost_share.low < 1.0 < levels.lost_share.high
    quiet = watch(series())[0].levels
    assert quiet.lost_share.low < 0.0 < quiet.lost_share.high


def test_a_reviewed_alarm_no_longer_holds_the_state():
    (alarm,) = watch(series(rise_from=20, weeks=56))[0].alarms
    key = alarm.name.replace("/", "_")
    assert watch(series(rise_from=20, weeks=56), **{key: "chance"})[0].state != "alarm"
    assert watch(series(rise_from=20, weeks=56), **{key: "chance"})[0].alarms[0].decision == "chance"


def test_what_would_not_be_seen_is_never_called_quiet():
    assert {row.state for row in watch(series(), delay=Delay(None, None))} == {"not monitorable"}
    assert "Not monitorable alone" in watch(series(), delay=Delay(27.0, None))[0].notes[0]


def test_what_police_find_by_looking_is_shown_and_never_alarmed_on():
    first = watch(series(rise_from=20, found_by=("police", "victim", "victim")))[0]
    assert first.alarms == ()
    assert first.state == "not monitorable"
    assert first.notes[0].startswith("Found by police work")


def test_a_file_cut_short_is_neither_a_fall_nor_a_rebound():
    drawn = series()
    counts, doubtful = drawn.counts.copy(), drawn.doubtful.copy()
    counts[:, -9:-5] = 1.0
    doubtful[:, -9:-5] = True
    row = watch(replace(drawn, counts=counts, doubtful=doubtful))[0]
    assert (row.state, row.alarms) == ("quiet", ())
    assert "4 weeks since the step are missing or cut short" in row.notes[0]
    doubtful[:, -5:] = True
    assert watch(replace(drawn, counts=counts, doubtful=doubtful))[0].state == "incomplete"


def test_weeks_that_are_known_in_part_are_no_fall():
    drawn = series()
    rng = np.random.default_rng(5)
    counts, share = drawn.counts.copy(), drawn.known_share.copy()
    share[:, -3:] = (0.95, 0.9, 0.85)
    counts[:, -3:] = rng.binomial(counts[:, -3:].astype(int), share[:, -3:])
    row = watch(replace(drawn, counts=counts, known_share=share, has_delays=True))[0]
    assert (row.state, row.known_share.value) == ("quiet", pytest.approx(0.85))
    share[:, -1] = 0.4
    assert watch(replace(drawn, counts=counts, known_share=share))[0].state == "incomplete"


def test_a_cleared_backlog_is_no_rebound():
    """Four tenths of eight weeks wait to be recorded; then all is, as if crime had climbed back."""
    drawn = series(weeks=24)
    rng = np.random.default_rng(6)
    counts, share = drawn.counts.copy(), drawn.known_share.copy()
    waiting = slice(STEP_WEEK + 4, STEP_WEEK + 12)
    share[:, waiting] = 0.6
    counts[:, waiting] = rng.binomial(counts[:, waiting].astype(int), 0.6)
    rows = watch(replace(drawn, counts=counts, known_share=share, has_delays=True))
    assert {row.state for row in rows} == {"quiet"}
    blind = watch(replace(drawn, counts=counts))  # who does not know that records wait hears a climb
    assert np.mean([row.score for row in blind]) > np.mean([row.score for row in rows]) + 1.0


@pytest.mark.parametrize("week", [STEP_WEEK + 3, STEP_WEEK + 30, STEP_WEEK + 58])
def test_a_missing_week_is_neither_a_fall_nor_the_end_of_one(week):
    drawn = series()
    counts = drawn.counts.copy()
    counts[:, week] = np.nan
    whole, rows = watch(drawn), watch(replace(drawn, counts=counts))
    assert [row.state for row in rows] == [row.state for row in whole] == ["quiet"] * 3
    assert [row.alarms for row in rows] == [(), (), ()]


def test_all_that_forbids_a_watch_is_said_at_once():
    early = Step(date(2017, 6, 5), "other", "x", groups=("burglary",), entry=1)
    late = Step(date(2021, 2, 15), "lockdown", "y", groups=("robbery",), entry=2)
    drawn = series()
    with pytest.raises(QuestionError) as refusal:
        split_by_step(replace(drawn, counts=np.zeros_like(drawn.counts)), [early, late])
    text = str(refusal.value)
    for said in ("22 weeks of records before it", "nothing but zeros", "has 2 whole weeks after it"):
        assert said in text


def test_without_a_step_nothing_is_watched():
    with pytest.raises(QuestionError, match="no step is declared"):
        split_by_step(series(), [])
    ended = replace(STEP, end=date(2020, 6, 1))
    with pytest.raises(QuestionError, match="no declared step is in force"):
        split_by_step(series(), [ended])


def test_a_watch_ends_with_a_week():
    mondays = series().mondays
    assert last_week(Period(date(2020, 6, 1), date(2020, 6, 8)), mondays) == date(2020, 6, 1)
    with pytest.raises(UsageError, match="in the middle of a week"):
        last_week(Period(date(2020, 6, 1), date(2020, 6, 10)), mondays)
    with pytest.raises(UsageError, match="not among the whole weeks"):
        last_week(Period(date(2030, 6, 3), date(2030, 6, 10)), mondays)


def test_a_reference_inside_a_step_is_refused():
    mondays = series().mondays
    assert check_reference(Period(date(2019, 1, 1), date(2020, 1, 1)), [STEP], mondays).sum() == 51
    with pytest.raises(UsageError, match="reaches into the step from 2020-01-06"):
        check_reference(Period(date(2020, 1, 1), date(2021, 1, 1)), [STEP], mondays)
    with pytest.raises(UsageError, match="holds no week on record"):
        check_reference(Period(date(2001, 1, 1), date(2002, 1, 1)), [STEP], mondays)


def test_the_groups_are_boroughs_offences_and_the_force():
    families = {family.name: family for family in build_families(KEYS)}
    assert families["areas"].labels == (("Camden", ""),)
    assert families["offences"].labels == (("", "robbery"),)
    assert families["force"].labels == (("", "robbery"), ("", ""))
    assert families["force"].members.tolist() == [[True, False, True], [True, True, True]]


def test_a_threshold_beyond_the_drawings_follows_the_exponential_tail():
    drawn = np.random.default_rng(2).exponential(1.0, 20_000)
    for probability in (0.01, 1e-3, 1e-4):
        assert tail_quantile(drawn, probability) == pytest.approx(-np.log(probability), rel=0.08)
