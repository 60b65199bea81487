"""How often the watch would have been wrong in the untouched past of two cities, and what it hears in one.

Words on the command line choose parts (null, chicago, toronto, rebound); a number is the share of the full
size. Real series are read from the folder of shared data; without it those parts say so and end.

"As then": at each start everything, thresholds too, is learned from the weeks before it, and then a year is
watched in which nothing was declared; counts are thinned to the fallen level that thresholds are made for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from _measure import report

from becalm.methods.alarms.ramp import ramp
from becalm.methods.arrays import Floats, seed_generator
from becalm.sustain.core import delays, null_worlds, run_watch, thresholds, watch
from becalm.sustain.core.alarms import NamedAlarm
from becalm.sustain.core.baseline import fit_baseline
from becalm.sustain.core.series import Key, WeeklySeries, key_words, split_by_step
from becalm.sustain.files.chart import watch_picture
from becalm.terms import Step

SHARED = Path(os.environ.get("BECALM_SHARED_DATA", "../shared/data"))
FALL, RUNS = 0.6, 4
LENGTH = 60
RAMP = NamedAlarm("ramp", ramp)


def weekly(frame: pd.DataFrame, day: pd.Series, columns: list[str], first: str, last: str) -> pd.DataFrame:
    """Counts of each combination of these columns in each week."""
    mondays = pd.date_range(first, last, freq="W-MON")
    week = (day - mondays[0]).dt.days // 7
    inside = (week >= 0) & (week < len(mondays))
    counted = frame[inside].groupby([*columns, week[inside]]).size().unstack(fill_value=0)
    return counted.reindex(columns=range(len(mondays)), fill_value=0)


def toronto_rows() -> tuple[pd.DataFrame, pd.Series]:
    """Toronto's major crime indicators, whole-row repeats dropped, with the day of each."""
    rows = pd.read_parquet(SHARED / "toronto" / "mci_2014_2021.parquet").drop_duplicates()
    return rows, pd.to_datetime(rows["occurrencedate"].str[:10], format="%Y/%m/%d")


def toronto_past() -> pd.DataFrame:
    """2014 to 2019 by sixteen parts of the city (four by four, by longitude and latitude) and offence."""
    rows, day = toronto_rows()
    centres = rows.groupby("Neighbourhood")[["Lat", "Long"]].median()
    strip = pd.qcut(centres["Long"], 4, labels=False)
    part = {}
    for number in range(4):
        names = centres.index[strip == number]
        for name, row in pd.qcut(centres.loc[names, "Lat"], 4, labels=False).items():
            part[name] = f"part {number}{row}"
    rows = rows.assign(part=rows["Neighbourhood"].map(part))
    has_part = rows["part"].notna()
    return weekly(rows[has_part], day[has_part], ["part", "MCI"], "2014-01-06", "2019-12-30")


def chicago_past() -> pd.DataFrame:
    """2012 to 2015 by district and offence; weapons are left out: police find them by looking."""
    rows = pd.read_parquet(SHARED / "chicago" / "violent_2012_2015.parquet").drop_duplicates("id")
    rows = rows[rows["primary_type"] != "WEAPONS VIOLATION"]
    counts = weekly(rows, rows["dt"], ["district", "primary_type"], "2012-01-02", "2015-12-28")
    return counts[counts.mean(axis=1) > 0.05]


def numbers(keys: Sequence[Key], index: int) -> Floats:
    """The area (0) or offence (1) of each series as a number."""
    return np.unique([key[index] for key in keys], return_inverse=True)[1].astype(np.float64)


def placebo(name: str, counts: pd.DataFrame, size: float) -> None:
    """Alarms a year over what was promised, as then."""
    history = counts.to_numpy(float)[:, -260:]
    keys = [(str(area), str(offence)) for area, offence in counts.index]
    families = thresholds.build_families(keys)
    share = np.full(len(keys), FALL)
    starts = range(history.shape[1] - LENGTH, delays.PLACEBO_HISTORY - 1, -delays.PLACEBO_APART)
    years = (delays.PLACEBO_APART * (len(starts) - 1) + 52) / 52
    for budget in (1.0, 50.0):
        alarms, clumping = 0, 1.0
        for start in starts:
            past = history[:, :start]
            world = null_worlds.learn_world(
                past, fit_baseline(past, 1), numbers(keys, 0), numbers(keys, 1), share=share
            )
            simulated = thresholds.simulate_thresholds(
                world,
                (RAMP,),
                families,
                thresholds.Budget(budget / 2, budget / 2),
                seed_generator(5),
                most_series=round(24_000 * size),
            )
            clumping = max(clumping, simulated.clumping)
            rng = seed_generator(7)
            for _ in range(RUNS):
                seen = history[:, : start + LENGTH].copy()
                seen[:, start:] = rng.binomial(seen[:, start:].astype(int), FALL)
                watched = null_worlds.watch_counts(seen, start)
                for kind, scores in thresholds.score_all(watched, (RAMP,), families):
                    heights = thresholds.threshold_values(simulated.by_kind[kind])
                    alarms += int(np.isfinite(delays.first_crossings(scores, heights, 8)).sum())
        rate = delays.Placebo(alarms / RUNS / len(starts) * years, years, clumping).per_year()
        label = f"{name}: realised over stated false alarms at {budget:g} a year"
        bounds = {"least": 0.7, "most": 1.4} if budget == 50.0 else {}
        report(label, rate.value / budget, unit="", **bounds)
        report(f"{label}, low end of 95 %", rate.low / budget, unit="", most=None if bounds else 1.0)
        report(f"{label}, high end of 95 %", rate.high / budget, unit="", least=None if bounds else 1.0)


def null(size: float) -> None:
    """Worlds of 256 series: thresholds learned from one drawing of each, tried on later drawings of it."""
    stated, realised = 8.0, []
    keys = [(f"area {number // 8}", f"offence {number % 8}") for number in range(256)]
    families = thresholds.build_families(keys)
    for seed in range(max(2, round(10 * size))):
        rng = seed_generator(seed)
        level = rng.choice([2.0, 5.0, 10.0, 20.0, 45.0], 256)[:, None]
        history = rng.poisson(level * rng.gamma(80.0, 1 / 80.0, (256, 260))).astype(float)
        world = null_worlds.learn_world(
            history, fit_baseline(history, 1), numbers(keys, 0), numbers(keys, 1), share=np.full(256, FALL)
        )
        simulated = thresholds.simulate_thresholds(
            world, (RAMP,), families, thresholds.Budget(stated / 2, stated / 2), rng
        )
        for count, watched in null_worlds.draw_worlds(world, 12, rng):
            drawn = [family.repeat(count) for family in families]
            for kind, scores in thresholds.score_all(watched, (RAMP,), drawn):
                heights = np.tile(thresholds.threshold_values(simulated.by_kind[kind]), count)
                realised.append(np.isfinite(delays.first_crossings(scores, heights, 8)).sum() / 12)
    ratio = float(np.sum(realised)) / max(2, round(10 * size)) / stated
    report("null simulation: realised over stated false alarms", ratio, unit="", least=0.8, most=1.25)


def rebound(size: float) -> None:
    """Toronto, city-wide, step of 2020-03-16, one false alarm in 256 series-years: what alarms, and when."""
    rows, day = toronto_rows()
    counts = weekly(rows, day, ["MCI"], "2014-01-06", "2021-12-27").iloc[:, :-1]  # the last week is cut
    mondays = tuple(date(2014, 1, 6) + timedelta(weeks=week) for week in range(counts.shape[1]))
    step = Step(date(2020, 3, 16), "lockdown", "lockdown", entry=1)
    values = counts.to_numpy(float)
    series = WeeklySeries(
        tuple(("", name.lower()) for name in counts.index), mondays, values, ("victim",) * len(counts),
        np.ones_like(values), np.zeros(values.shape, dtype=bool),
    )  # fmt: skip
    (part,) = split_by_step(series, [step])
    in_reference = np.array([monday.year == 2019 for monday in mondays])
    budget = thresholds.Budget(len(counts) / 256, 0.0)
    inputs = run_watch.CalibrationInputs(
        part, watch.prepare_part(part, in_reference), (RAMP,), (), budget, round(25_600 * size)
    )
    calibration = run_watch.calibrate(inputs, 1)
    watched = watch.watch_part(
        watch.PartInputs(part, in_reference, RAMP, (), calibration.thresholds, calibration.delays, {})
    )
    drift = np.sqrt(inputs.world.drift.variance)
    for row, one in enumerate(watched):
        first = min((alarm.monday for alarm in one.alarms), default=None)
        weeks = float("nan") if first is None else (first - mondays[part.first]).days / 7 + 1
        name = f"Toronto, {key_words(one.key)}"
        report(f"{name}: watched week of the first alarm ({first})", weeks, unit="weeks")
        report(f"{name}: threshold, drift {drift[row]:.3f} a year", one.threshold.value, unit="")
    for target in filter(None, [os.environ.get("BECALM_PICTURE")]):
        answer = watch.Watch(
            mondays[-1], mondays[-1], "2019", budget, calibration.placebo.per_year(), (step,),
            frozenset(), mondays, watched, (),
        )  # fmt: skip
        Path(target).write_text(watch_picture(answer) + "\n", encoding="utf-8")


def main(words: list[str]) -> None:
    """Run the parts that are named, or all."""
    sizes = [float(word) for word in words if word.replace(".", "").isdigit()] or [1.0]
    parts: dict[str, Callable[[float], None]] = {
        "null": null,
        "chicago": lambda size: placebo("Chicago 2012-2015", chicago_past(), size),
        "toronto": lambda size: placebo("Toronto 2014-2019", toronto_past(), size),
        "rebound": rebound,
    }
    for name in [word for word in words if word in parts] or parts:
        if name != "null" and not SHARED.is_dir():
            print(f"{name}: the shared data are not in {SHARED}.", file=sys.stderr)
            continue
        parts[name](sizes[0])


if __name__ == "__main__":
    main(sys.argv[1:])
