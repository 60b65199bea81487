"""How well can an attacker who has watched every visit foretell the next one?

The test of the test: visits that come independently, at the rates that the log itself shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.patrol.core.attack_features import (
    Feature,
    history_features,
    insider_features,
    smooth_circle,
    static_features,
)
from becalm.patrol.core.attack_moments import (
    SLOTS,
    STEP_S,
    MomentGrid,
    build_moments,
    count_starts_by_day,
    label_moments,
)
from becalm.patrol.core.certificate import (
    HISTORY,
    INSIDER,
    STATIC,
    Attack,
    AttackPredictions,
    AttackSettings,
    Certificate,
    find_longest_dead_zone,
    score_attack,
)
from becalm.patrol.core.visit_log import VisitLog, build_visit_log
from becalm.terms import QuestionError

LEAST_STARTS = 100
HOURS = 168


def certify(
    log: VisitLog, settings: AttackSettings, *, rngs: Sequence[np.random.Generator], seed: int
) -> Certificate:
    """How predictable is this log? One generator a seed; `seed` is only written down.

    Every 15 minutes, at every hotspot where no visit is under way: does one start within the next half-hour?
    Gradient-boosted trees are trained on the train days, with the timetable alone and with all visits so
    far, and compared on the test days. The same is done with independent visits of the same rates.

    Raises
    ------
    QuestionError
        where the log is too short, too silent or holds too few visits.
    """
    moments = build_moments(log, settings)
    found = [_guess(log, moments, settings, rng, insider=bool(log.units)) for rng in rngs]
    floors = []
    for rng in rngs:
        drawn = draw_independent_visits(log, moments, rng)
        floors.append((drawn, _guess(drawn, moments, settings, rng, insider=False)))
    return Certificate(
        attack=_attack(log, moments, found, settings, rngs[0]),
        floor=_attack(floors[0][0], moments, [f for _, f in floors], settings, rngs[0]),
        settings=settings,
        seed=seed,
        first_day=moments.first_day,
        last_day=moments.first_day + timedelta(days=moments.train_days + moments.test_days - 1),
        time_zone=log.time_zone,
        visits=int(((log.start_s >= moments.at_s[0]) & (log.start_s < moments.midnight_s[-1])).sum()),
        hotspots=len(log.hotspots),
        moments=len(found[0].happened),
        trained=found[0].trained,
        notes=(*moments.notes, *_notes(log, moments)),
    )


def _guess(
    log: VisitLog, moments: MomentGrid, settings: AttackSettings, rng: np.random.Generator, *, insider: bool
) -> AttackPredictions:
    """Train each attacker on drawn moments of the train days and let it foretell the test days."""
    starts, under_way = label_moments(log, moments, settings.window_minutes * 60)
    usable = moments.open & ~under_way
    train = np.flatnonzero((usable & moments.is_train).ravel())
    test = np.flatnonzero((usable & moments.is_test).ravel())
    _refuse_few(starts.ravel(), train, test)
    if len(train) > settings.rows:
        train = np.sort(rng.choice(train, settings.rows, replace=False))
    rows = np.concatenate([train, test])
    happened = starts.ravel()[rows]
    known, chances = _columns(static_features(log, moments), rows), {}
    views = [(STATIC, None), (HISTORY, history_features), (INSIDER, insider_features if insider else None)]
    for name, more in views:
        if more is not None:
            known = np.hstack([known, _columns(more(log, moments), rows)])
        elif name != STATIC:
            continue
        chances[name] = _learn(known, happened, len(train), rng)
    return AttackPredictions(
        moments.day[test % len(moments.at_s)] - moments.train_days,
        happened[len(train) :],
        chances,
        len(train),
    )


def _columns(features: Iterator[Feature], rows: Ints) -> NDArray[np.float32]:
    """The features of these moments, a column each; only one whole feature is held at a time."""
    return np.stack([np.ascontiguousarray(values).ravel()[rows] for _, values in features], axis=1)


def _learn(known: NDArray[np.float32], happened: Bools, trained: int, rng: np.random.Generator) -> Floats:
    """Chances of the rows after the first `trained`, learned from those."""
    trees = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=max(20, min(2000, trained // 60)),  # fewer rows in a leaf and chance is learned
        l2_regularization=1.0,
        early_stopping=False,
        random_state=int(rng.integers(2**31)),
    )
    trees.fit(known[:trained], happened[:trained])
    return np.asarray(trees.predict_proba(known[trained:])[:, 1], dtype=np.float64)


def _attack(
    log: VisitLog,
    moments: MomentGrid,
    found: Sequence[AttackPredictions],
    settings: AttackSettings,
    rng: np.random.Generator,
) -> Attack:
    at = np.clip(np.searchsorted(moments.at_s, log.start_s, "right") - 1, 0, None)
    begun = (log.start_s >= moments.at_s[0]) & (log.start_s < moments.midnight_s[-1])
    clock_s = moments.minute[at] * 60 + log.start_s - moments.at_s[at]
    zone = find_longest_dead_zone(log, begun, clock_s)
    return score_attack(found, settings, zone, rng)


def _refuse_few(starts: Bools, train: Ints, test: Ints) -> None:
    for name, rows in (("train", train), ("test", test)):
        held = int(starts[rows].sum())
        if held < LEAST_STARTS:
            raise QuestionError(
                f"Only {held} half-hours of the {name} days hold a start, and {LEAST_STARTS} are needed. "
                "Give a longer or a fuller log."
            )


def _notes(log: VisitLog, moments: MomentGrid) -> tuple[str, ...]:
    notes = []
    counts = count_starts_by_day(log, moments)
    trained, tested = counts[:, : moments.train_days].sum(axis=1), counts[:, moments.train_days :].sum(axis=1)
    for held, words in (
        ((trained == 0) & (tested > 0), "first visited in the test days"),
        ((trained > 0) & (tested == 0), "not visited in the test days"),
        ((trained == 0) & (tested == 0), "not visited in these days at all"),
    ):
        if held.any():
            named = [log.hotspots[h] for h in np.flatnonzero(held)]
            shown = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
            notes.append(f"{words}: {shown}")
    return tuple(notes)


def draw_independent_visits(log: VisitLog, moments: MomentGrid, rng: np.random.Generator) -> VisitLog:
    """A log of the same rates by hotspot, hour of the week and quarter-hour of the day, and nothing else.

    Starts are a Poisson process; lengths are drawn from the log's own. Silent days stay silent.
    """
    starts = rng.poisson(expected_starts(log, moments))
    hotspot, cell = np.nonzero(starts)
    times = starts[hotspot, cell]
    hotspot, cell = np.repeat(hotspot, times), np.repeat(cell, times)
    begin = moments.at_s[cell] + rng.integers(0, STEP_S, len(cell))
    length = rng.choice(log.end_s - log.start_s, len(cell))
    return build_visit_log(
        hotspot=np.array(log.hotspots)[hotspot],
        start_s=begin,
        end_s=begin + length,
        time_zone=log.time_zone,
        area=np.array(log.areas)[hotspot],
    )


def expected_starts(log: VisitLog, moments: MomentGrid) -> Floats:
    """Expected starts of each hotspot in each quarter-hour: [P, T]."""
    hotspots = len(log.hotspots)
    within = (log.start_s >= moments.at_s[0]) & (log.start_s < moments.midnight_s[-1])
    cell = np.searchsorted(moments.at_s, log.start_s[within], "right") - 1
    where = log.hotspot[within] * HOURS + moments.hour[cell]
    counts = np.bincount(where, minlength=hotspots * HOURS).reshape(hotspots, HOURS)
    live = moments.live
    exposure = np.stack([np.bincount(moments.hour[o], minlength=HOURS) for o in live])
    rate = smooth_circle(counts.astype(np.float64), 1.0)
    rate /= np.maximum(smooth_circle(exposure.astype(np.float64), 1.0), 1e-9)
    expected = rate[:, moments.hour] * live
    slot = moments.minute // 15
    seen = np.bincount(slot[cell], minlength=SLOTS)
    foreseen = np.bincount(slot, expected.sum(axis=0), SLOTS)
    return np.asarray(expected * (seen / np.maximum(foreseen, 1e-9))[slot])
