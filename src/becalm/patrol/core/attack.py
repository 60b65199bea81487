"""How well can an attacker who has watched every visit predict the next one?"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from becalm.methods.arrays import Bools, Floats, Singles
from becalm.patrol.core import attack_features, attack_moments, predictability
from becalm.patrol.core.attack_moments import MomentGrid
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK
from becalm.patrol.core.predictability import Attack, AttackPredictions, AttackSettings, Certificate
from becalm.patrol.core.visit_log import VisitLog, build_visit_log
from becalm.terms import QuestionError
from becalm.terms.progress import Advance, ignore_progress

LEAST_STARTS = 100


def certify(
    log: VisitLog,
    settings: AttackSettings,
    *,
    rngs: Sequence[np.random.Generator],
    seed: int,
    advance: Advance = ignore_progress,
) -> Certificate:
    """How predictable is this log? One generator a seed; `seed` is only written down.

    `advance` is called with 1 for each attack that is run, two for each generator.

    Every 15 minutes, at every hotspot where no visit is under way: does one start within the next half-hour?
    Gradient-boosted trees are trained on the train days, with the timetable alone and with all visits so
    far, and compared on the test days. The same is done with independent visits of the same rates.

    Raises QuestionError where the log is too short, too silent or holds too few visits.
    """
    moments = attack_moments.build_moments(log, settings)
    visit_predictions = [_predict(log, moments, settings, rng, advance) for rng in rngs]
    # The same attack on visits that nobody could foretell: what it gains there is the attack's own noise, and
    # a gain on the log means nothing without it.
    floor_logs = [draw_independent_visits(log, moments, rng) for rng in rngs]
    floor_predictions = [
        _predict(floor, moments, settings, rng, advance) for floor, rng in zip(floor_logs, rngs, strict=True)
    ]
    return Certificate(
        attack=_score(log, moments, visit_predictions, settings, rngs[0]),
        floor=_score(floor_logs[0], moments, floor_predictions, settings, rngs[0]),
        settings=settings,
        seed=seed,
        first_day=moments.first_day,
        last_day=moments.first_day + timedelta(days=moments.train_days + moments.test_days - 1),
        time_zone=log.time_zone,
        visits=int(moments.covers(log).sum()),
        hotspots=len(log.hotspots),
        moments=len(visit_predictions[0].has_start),
        trained=visit_predictions[0].trained,
        notes=(*moments.notes, *_visit_notes(log, moments)),
    )


def _predict(
    log: VisitLog,
    moments: MomentGrid,
    settings: AttackSettings,
    rng: np.random.Generator,
    advance: Advance,
) -> AttackPredictions:
    """Train each attacker on drawn moments of the train days and let it predict the test days."""
    has_start_at, is_under_way = attack_moments.label_moments(log, moments, settings.window_minutes * 60)
    is_usable = moments.open & ~is_under_way
    train_rows = np.flatnonzero((is_usable & moments.is_train).ravel())
    test_rows = np.flatnonzero((is_usable & moments.is_test).ravel())
    has_start = has_start_at.ravel()
    for part, part_rows in (("train", train_rows), ("test", test_rows)):
        start_count = int(has_start[part_rows].sum())
        if start_count < LEAST_STARTS:
            raise QuestionError(
                f"Only {start_count} half-hours of the {part} days hold a start; {LEAST_STARTS} are "
                "needed. Give a longer or more complete log."
            )
    if len(train_rows) > settings.rows:
        train_rows = np.sort(rng.choice(train_rows, settings.rows, replace=False))
    used_rows = np.concatenate([train_rows, test_rows])
    # Each attacker knows all that the one before it knows, and trains on the same moments: their difference
    # is then worth of the added knowledge alone.
    feature_lists = [
        (predictability.STATIC, attack_features.static_features),
        (predictability.HISTORY, attack_features.history_features),
    ]
    if log.units:
        feature_lists.append((predictability.INSIDER, attack_features.insider_features))
    features, chances = np.empty((len(used_rows), 0), dtype=np.float32), {}
    for attacker, list_features in feature_lists:
        # A column each, taken at once: all features of all moments together would not fit into memory.
        added_features = [
            np.ascontiguousarray(feature).ravel()[used_rows] for _, feature in list_features(log, moments)
        ]
        features = np.column_stack([features, *added_features])
        chances[attacker] = _train_and_predict(features, has_start[used_rows], len(train_rows), rng)
    advance(1)
    return AttackPredictions(
        day=moments.day[test_rows % len(moments.at_s)] - moments.train_days,
        has_start=has_start[test_rows],
        chances=chances,
        trained=len(train_rows),
    )


def _train_and_predict(
    features: Singles, has_start: Bools, trained_rows: int, rng: np.random.Generator
) -> Floats:
    """Chances of the rows after the first `trained_rows`, learned from those."""
    trees = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=max(20, min(2000, trained_rows // 60)),  # fewer rows in a leaf and chance is learned
        l2_regularization=1.0,
        early_stopping=False,
        random_state=int(rng.integers(2**31)),
    )
    trees.fit(features[:trained_rows], has_start[:trained_rows])
    return np.asarray(trees.predict_proba(features[trained_rows:])[:, 1], dtype=np.float64)


def _score(
    log: VisitLog,
    moments: MomentGrid,
    predictions: Sequence[AttackPredictions],
    settings: AttackSettings,
    rng: np.random.Generator,
) -> Attack:
    moment_of_visit = np.clip(moments.moment_at(log.start_s), 0, None)
    start_clock_s = moments.minute[moment_of_visit] * 60 + log.start_s - moments.at_s[moment_of_visit]
    dead_zone = predictability.find_longest_dead_zone(log, moments.covers(log), start_clock_s)
    return predictability.score_attack(predictions, settings, dead_zone, rng)


def _visit_notes(log: VisitLog, moments: MomentGrid) -> tuple[str, ...]:
    visits_by_day = attack_moments.count_starts_by_day(log, moments)
    has_train_visit = visits_by_day[:, : moments.train_days].any(axis=1)
    has_test_visit = visits_by_day[:, moments.train_days :].any(axis=1)
    notes = []
    for hotspot_indices, coverage_text in (
        (np.flatnonzero(~has_train_visit & has_test_visit), "first visited in the test days"),
        (np.flatnonzero(has_train_visit & ~has_test_visit), "not visited in the test days"),
        (np.flatnonzero(~has_train_visit & ~has_test_visit), "not visited in these days at all"),
    ):
        if len(hotspot_indices):
            shown_names = ", ".join(log.hotspots[h] for h in hotspot_indices[:5])
            remainder_text = f" and {len(hotspot_indices) - 5} more" if len(hotspot_indices) > 5 else ""
            notes.append(f"{coverage_text}: {shown_names}{remainder_text}")
    return tuple(notes)


def draw_independent_visits(log: VisitLog, moments: MomentGrid, rng: np.random.Generator) -> VisitLog:
    """A log of the same rates by hotspot, hour of the week and quarter-hour of the day, and nothing else.

    Starts are a Poisson process; lengths are drawn from the log's own. Silent days stay silent.
    """
    start_counts = rng.poisson(expected_starts(log, moments))
    hotspot_rows, moment_rows = np.nonzero(start_counts)
    cell_counts = start_counts[hotspot_rows, moment_rows]
    hotspot_rows, moment_rows = np.repeat(hotspot_rows, cell_counts), np.repeat(moment_rows, cell_counts)
    start_s = moments.at_s[moment_rows] + rng.integers(0, attack_moments.STEP_S, len(moment_rows))
    return build_visit_log(
        hotspot=np.array(log.hotspots)[hotspot_rows],
        start_s=start_s,
        end_s=start_s + rng.choice(log.end_s - log.start_s, len(moment_rows)),
        time_zone=log.time_zone,
        area=np.array(log.areas)[hotspot_rows],
    )


def expected_starts(log: VisitLog, moments: MomentGrid) -> Floats:
    """Expected starts of each hotspot in each quarter-hour: [P, T]."""
    cell_shape = (len(log.hotspots), HOURS_OF_WEEK)
    is_covered = moments.covers(log)
    visit_moment = moments.moment_at(log.start_s[is_covered])
    visit_cell = log.hotspot[is_covered] * HOURS_OF_WEEK + moments.hour[visit_moment]
    start_counts = np.bincount(visit_cell, minlength=cell_shape[0] * cell_shape[1]).reshape(cell_shape)
    live_counts = np.stack(
        [np.bincount(moments.hour[is_live], minlength=HOURS_OF_WEEK) for is_live in moments.live]
    )
    start_rate = attack_features.smooth_circle(start_counts.astype(np.float64), 1.0)
    start_rate /= np.maximum(attack_features.smooth_circle(live_counts.astype(np.float64), 1.0), 1e-9)
    expected_counts = start_rate[:, moments.hour] * moments.live
    # Shifts begin and end on quarter-hours, which rates by the hour smear: the floor would lack their rhythm.
    day_slot = moments.minute // 15
    slot_starts = np.bincount(day_slot[visit_moment], minlength=attack_moments.SLOTS)
    slot_expected = np.bincount(day_slot, expected_counts.sum(axis=0), attack_moments.SLOTS)
    return np.asarray(expected_counts * (slot_starts / np.maximum(slot_expected, 1e-9))[day_slot])
