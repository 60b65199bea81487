"""How soon a planted rebound is found, beside one that knows the truth.

Series of 260 weeks that fall to .5 or .65 of their level, are watched for 8 weeks and then for a year; the
rebound begins in the thirteenth of these. A yearly wave of 10 %, a trend of 3 % a year (its deviation),
weekly shocks of 5 % and negative binomial counts. Thresholds stand for one false alarm a year over 256
series. Words on the command line choose parts (single, groups, force, speed); a number is the share of the
full size.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from _measure import report

from becalm.methods.alarms import watched_counts, yardsticks
from becalm.methods.alarms.bocpd import bocpd
from becalm.methods.alarms.cusum import cusum
from becalm.methods.alarms.ewma import ewma
from becalm.methods.alarms.farrington import farrington
from becalm.methods.alarms.ramp import log_likelihood_ratios, ramp, sum_evidence
from becalm.methods.alarms.sisters import group_scores
from becalm.methods.alarms.split import split
from becalm.methods.arrays import Floats
from becalm.sustain.core.null_worlds import watch_counts
from becalm.sustain.core.thresholds import tail_quantile

HISTORY, WATCHED, ONSET = 260, 60, 20
LEVELS = (5.0, 10.0, 20.0, 45.0)
ONE_IN = 1.0 / 256.0
WatchedCounts = watched_counts.WatchedCounts
Scorer = Callable[[WatchedCounts, Floats], Floats]


def draw(
    rng: np.random.Generator,
    levels: Floats,
    fall: Floats,
    *,
    to: float = 1.0,
    weeks: int = 0,
    rising: Floats | None = None,
    size: float = 80.0,
) -> tuple[WatchedCounts, Floats]:
    """Series as they are watched, and the true mean of each week had it not climbed."""
    count, week = len(levels), np.arange(HISTORY + WATCHED)
    phase, trend = rng.normal(0, 0.3, count)[:, None], rng.normal(0, 0.03, count)[:, None]
    mean = levels[:, None] * (1 + 0.1 * np.cos(2 * np.pi * week / 52.18 + phase))
    mean = mean * np.exp(trend * (week - HISTORY) / 52.18)
    share = np.where(week < HISTORY, 1.0, fall[:, None])
    fallen = (mean * share)[:, HISTORY:]
    if weeks:
        progress = np.clip((week - HISTORY - ONSET + 1) / weeks, 0.0, 1.0) * (week >= HISTORY)
        climbs = np.ones(count) if rising is None else rising
        share = share + climbs[:, None] * (to - fall)[:, None] * progress
    shocks = np.exp(rng.normal(0, 0.05, (count, len(week))))
    drawn = rng.poisson(mean * share * shocks * rng.gamma(size, 1 / size, mean.shape))
    return watch_counts(drawn.astype(float), HISTORY), fallen


def by_ramp(watched: WatchedCounts, _fallen: Floats) -> Floats:
    """The ramp, which learns the level."""
    return ramp(watched)


def clairvoyant(watched: WatchedCounts, fallen: Floats) -> Floats:
    """The ramp of one who is told it."""
    return yardsticks.clairvoyant(watched, fallen)


def year_on_year(watched: WatchedCounts, _fallen: Floats) -> Floats:
    """The ratio to last year."""
    return yardsticks.year_on_year(watched)


SCORERS: dict[str, Scorer] = {"ramp": by_ramp, "clairvoyant": clairvoyant, "year on year": year_on_year}


def highest(scores: Floats) -> Floats:
    """The highest score of the watched year."""
    return np.asarray(scores[:, 8:].max(axis=1))


def delays(scores: Floats, threshold: float) -> Floats:
    """The weeks from the onset to the alarm."""
    above = scores[:, ONSET:] >= threshold
    return np.where(above.any(axis=1), above.argmax(axis=1) + 1.0, np.inf)


def single(size: float) -> None:
    """One series alone."""
    nulls: dict[str, list[Floats]] = {name: [] for name in SCORERS}
    rng = np.random.default_rng(1)
    for _ in range(max(1, round(20 * size))):
        for level in LEVELS:
            watched, fallen = draw(rng, np.full(500, level), rng.uniform(0.5, 0.65, 500))
            for name, score in SCORERS.items():
                nulls[name].append(highest(score(watched, fallen)))
    thresholds = {name: tail_quantile(np.concatenate(values), ONE_IN) for name, values in nulls.items()}
    bars = {5.0: 18.0, 10.0: 11.0, 20.0: 9.0, 45.0: 7.0}
    for level in LEVELS:
        for fall, to in ((0.5, 1.0), (0.5, 0.75)):
            watched, fallen = draw(
                np.random.default_rng(7), np.full(1000, level), np.full(1000, fall), to=to, weeks=8
            )
            weeks = {n: delays(score(watched, fallen), thresholds[n]) for n, score in SCORERS.items()}
            medians = {name: float(np.median(value)) for name, value in weeks.items()}
            name = f"one series of {level:g} a week, {fall:g} to {to:g} in 8 weeks"
            if to == 1.0:
                known = medians["clairvoyant"]
                report(name, medians["ramp"], "clairvoyant", known, unit="weeks", most=bars[level])
                report(f"{name}, year on year", medians["year on year"], unit="weeks")
            else:
                soon = {n: float((value <= 26).mean()) for n, value in weeks.items()}
                bar = 0.68 if level == 20.0 else None
                known = soon["clairvoyant"]
                report(f"{name}: found within 26", soon["ramp"], "clairvoyant", known, unit="", least=bar)


def groups(size: float) -> None:
    """Eight offences of one borough; half of the budget over 32 boroughs."""
    bars = {
        (5.0, 2): 13, (5.0, 4): 9, (5.0, 8): 7, (10.0, 2): 10, (10.0, 4): 7, (10.0, 8): 6,
        (2.0, 4): 15, (2.0, 8): 10,
    }  # fmt: skip
    for level in (2.0, 5.0, 10.0, 20.0):
        rng = np.random.default_rng(2)
        scores = [grouped(rng, level, 100)[0] for _ in range(max(2, round(15 * size)))]
        threshold = tail_quantile(np.concatenate([highest(value) for value in scores]), 1 / 64)
        for rising in (1, 2, 4, 8):
            value, _ = grouped(np.random.default_rng(9), level, 250, rising=rising)
            report(
                f"{rising} of 8 series of {level:g} a week rise, 0.5 to 1",
                float(np.median(delays(value, threshold))),
                unit="weeks",
                most=bars.get((level, rising)),
            )
        if level == 20.0:
            for rising, bar in ((2, 14), (4, 10)):
                value, _ = grouped(np.random.default_rng(9), level, 250, rising=rising, to=0.75)
                name = f"{rising} of 8 series of 20 a week rise, 0.5 to 0.75"
                report(name, float(np.median(delays(value, threshold))), unit="weeks", most=bar)


def grouped(
    rng: np.random.Generator, level: float, count: int, *, rising: int = 0, to: float = 1.0
) -> tuple[Floats, Floats]:
    """Scores of so many groups of eight, of which some series rise."""
    fall = np.full(8 * count, 0.5) if rising else rng.uniform(0.5, 0.65, 8 * count)
    climbs = np.tile(np.arange(8) < rising, count).astype(float)
    watched, fallen = draw(
        rng, np.full(8 * count, level), fall, to=to, weeks=8 if rising else 0, rising=climbs
    )
    members = np.kron(np.eye(count, dtype=bool), np.ones((1, 8), dtype=bool))
    ratios = log_likelihood_ratios(watched.filled_counts, watched.filled_expected, watched.excess)
    return group_scores(ratios, members), fallen


def force(size: float) -> None:
    """All 32 boroughs rise together: the sum, half of the budget over eight sums."""
    rng = np.random.default_rng(3)
    for level, parts, name in ((160.0, 32, "one offence"), (1280.0, 256, "all offences")):
        own = 80.0 * parts  # the noise of each part is its own; the weekly shock is shared
        count = max(400, round(4000 * size))
        null, null_fallen = draw(rng, np.full(count, level), rng.uniform(0.5, 0.65, count), size=own)
        risen, fallen = draw(rng, np.full(1000, level), np.full(1000, 0.65), weeks=8, size=own)
        weeks = {}
        for scorer in ("ramp", "clairvoyant"):
            threshold = tail_quantile(highest(SCORERS[scorer](null, null_fallen)), 1 / 16)
            weeks[scorer] = delays(SCORERS[scorer](risen, fallen), threshold)
        soon = {scorer: float((value <= 4).mean()) for scorer, value in weeks.items()}
        label = f"32 boroughs rise together, 5 a week each, {name}"
        bar = 0.42 if level == 160.0 else None
        report(
            f"{label}: found within 4", soon["ramp"], "clairvoyant", soon["clairvoyant"], unit="", least=bar
        )
        most = 3.0 if level == 1280.0 else None
        medians = [float(np.median(weeks[scorer])) for scorer in ("ramp", "clairvoyant")]
        report(label, medians[0], "clairvoyant", medians[1], unit="weeks", most=most)


def speed(_size: float) -> None:
    """256 series of five watched years: processor time of the fit and of the ramp with its sisters."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(10.0, (256, 520)).astype(float)
    members = np.kron(np.eye(32, dtype=bool), np.ones((1, 8), dtype=bool))
    watch_counts(counts, 260)
    ramp(watch_counts(counts[:, :280], 260))
    start = time.process_time()
    watched = watch_counts(counts, 260)
    fitted = time.process_time()
    ratios = log_likelihood_ratios(watched.filled_counts, watched.filled_expected, watched.excess)
    sum_evidence(ratios)
    scored = time.process_time()
    group_scores(ratios, members)
    report("fit of 256 series on 260 weeks, processor time", fitted - start, most=0.5)
    report("ramp of 256 series over 260 weeks, processor time", scored - fitted, most=0.7)
    report("sisters of 32 groups over 260 weeks, processor time", time.process_time() - scored)
    every_alarm = (
        ("split", split), ("ewma", ewma), ("cusum", cusum), ("bocpd", bocpd), ("farrington", farrington),
        ("year on year", yardsticks.year_on_year), ("XmR chart", yardsticks.xmr),
    )  # fmt: skip
    total = time.process_time() - start
    for name, alarm in every_alarm:
        alarm(watched.until(12))
        began = time.process_time()
        alarm(watched)
        spent = time.process_time() - began
        total += spent
        report(f"{name} of 256 series over 260 weeks, processor time", spent)
    report(
        "weekly back-test of 256 series over 5 years, all detectors, processor time",
        total,
        most=10.0,
        most_mb=1000,
    )


def main(words: list[str]) -> None:
    """Run the parts that are named, or all."""
    sizes = [float(word) for word in words if word.replace(".", "").isdigit()] or [1.0]
    parts = {"single": single, "groups": groups, "force": force, "speed": speed}
    for name in [word for word in words if word in parts] or parts:
        parts[name](sizes[0])


if __name__ == "__main__":
    main(sys.argv[1:])
