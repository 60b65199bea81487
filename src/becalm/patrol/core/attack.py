"""How well can an attacker who has watched every visit predict the next one?

Four observers, each of whom knows more: of one place, of one area, of all units, and an insider. Each has two
learners to choose from, boosted trees and a log-linear model of what came before (a sequence of visits that
excite or inhibit later ones). Which one it uses, if either, is settled inside the training days: knowing more
can then cost nothing against honest chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints, Singles
from becalm.methods.forecast_scores import log_losses
from becalm.patrol.core import attack_features, attack_moments, predictability, visit_rates
from becalm.patrol.core.attack_moments import AttackSettings, MomentGrid
from becalm.patrol.core.leak_scans import scan_log
from becalm.patrol.core.predictability import Attack, AttackPredictions, Certificate
from becalm.patrol.core.visit_log import VisitLog
from becalm.terms import load_extra
from becalm.terms.progress import Advance, ignore_progress

LEAST_STARTS: Final = 100
FOLDS: Final = 3
CHOICE_ROWS: Final = 40_000  # of the train days, on which an observer chooses its learner
LEAST_EVIDENCE: Final = 2.5  # standard errors by which a learner must beat the timetable to be chosen
TREES, SEQUENCE = "boosted trees", "sequence"


def certify(
    log: VisitLog,
    settings: AttackSettings,
    *,
    rngs: Sequence[np.random.Generator],
    seed: int,
    freest_log: VisitLog | None = None,
    advance: Advance = ignore_progress,
) -> Certificate:
    """How predictable is this log? One generator a seed; `seed` is only written down.

    `advance` is called with 1 for each attack that is run, two for each generator, and one for `freest_log`:
    visits of the same units if they went wherever they may, which shows how much of a gain is physics.

    Every 15 minutes, at every hotspot where no visit is under way: does one start within the next half-hour?
    Each observer learns from the train days and is tried on the test days. The same is done with independent
    visits of the same rates. Tests for single causes (`scan_log`) look at all days.

    Raises QuestionError where the log is too short or too silent. Where it holds too few visits for an
    attack, the tests alone are the answer, and a note says so.
    """
    moment_grid = attack_moments.build_moments(log, settings)
    is_covered = moment_grid.covers(log)
    certificate = Certificate(
        attack=None,
        floor=None,
        scan=scan_log(log, moment_grid),
        settings=settings,
        seed=seed,
        first_day=moment_grid.first_day,
        last_day=moment_grid.first_day + timedelta(days=moment_grid.train_days + moment_grid.test_days - 1),
        time_zone=log.time_zone,
        visits=int(is_covered.sum()),
        hotspots=len(log.hotspots),
        notes=(*moment_grid.notes, *_visit_notes(log, moment_grid)),
    )
    lacking_text = _explain_too_few(log, moment_grid, settings)
    if lacking_text:
        return replace(certificate, notes=(*certificate.notes, lacking_text))
    predictions = [_predict(log, moment_grid, settings, rng, advance) for rng in rngs]
    # The same attack on visits that nobody could predict: what it gains there is the attack's own noise, and
    # a gain on the log means nothing without it.
    floor_logs = [visit_rates.draw_independent_visits(log, moment_grid, rng) for rng in rngs]
    floor_predictions = [
        _predict(floor, moment_grid, settings, rng, advance)
        for floor, rng in zip(floor_logs, rngs, strict=True)
    ]
    freest_attack = _attack_freest(freest_log, settings, rngs[0], advance) if freest_log is not None else None
    return replace(
        certificate,
        attack=_score(log, moment_grid, predictions, settings, rngs[0]),
        floor=_score(floor_logs[0], moment_grid, floor_predictions, settings, rngs[0]),
        freest=freest_attack,
        moments=len(predictions[0].has_start),
        trained=predictions[0].trained,
    )


def _attack_freest(
    log: VisitLog, settings: AttackSettings, rng: np.random.Generator, advance: Advance
) -> Attack | None:
    moment_grid = attack_moments.build_moments(log, settings)
    if _explain_too_few(log, moment_grid, settings):
        return None
    return _score(log, moment_grid, [_predict(log, moment_grid, settings, rng, advance)], settings, rng)


def _explain_too_few(log: VisitLog, moments: MomentGrid, settings: AttackSettings) -> str:
    """Why can no attack be tried on this log? "" where one can."""
    has_start, is_under_way = attack_moments.label_moments(log, moments, settings.window_minutes * 60)
    is_usable = moments.open & ~is_under_way & has_start
    for part, is_part in (("train", moments.is_train), ("test", moments.is_test)):
        start_count = int((is_usable & is_part).sum())
        if start_count < LEAST_STARTS:
            return (
                f"no attack was tried: {start_count} half-hours of the {part} days hold a start, and "
                f"{LEAST_STARTS} are needed; the tests for single causes are given all the same"
            )
    return ""


def _predict(
    log: VisitLog,
    moments: MomentGrid,
    settings: AttackSettings,
    rng: np.random.Generator,
    advance: Advance,
) -> AttackPredictions:
    """Train each observer on drawn moments of the train days and let it predict the test days."""
    has_start_at, is_under_way = attack_moments.label_moments(log, moments, settings.window_minutes * 60)
    is_usable = moments.open & ~is_under_way
    train_rows = np.flatnonzero((is_usable & moments.is_train).ravel())
    test_rows = np.flatnonzero((is_usable & moments.is_test).ravel())
    if len(train_rows) > settings.rows:
        train_rows = np.sort(rng.choice(train_rows, settings.rows, replace=False))
    used_rows = np.concatenate([train_rows, test_rows])
    has_start = has_start_at.ravel()[used_rows]
    train_count, moment_count = len(train_rows), len(moments.at_s)
    train_day = moments.day[train_rows % moment_count]
    features = _gather(log, moments, attack_features.static_features, used_rows)
    static_chances = _train_trees(
        features[:train_count], has_start[:train_count], features[train_count:], rng
    )
    chances, learners = {predictability.STATIC: static_chances}, dict[str, str]()
    cross_folds = _draw_folds(features[:train_count], has_start[:train_count], train_day, rng)
    static_count, watched = features.shape[1], dict[str, Floats]()
    # Each observer knows all that the one before it knows, and trains on the same moments: their difference
    # is then worth of the added knowledge alone.
    for observer, list_features in _observers(log):
        features = np.column_stack([features, _gather(log, moments, list_features, used_rows)])
        learner, is_chosen = _choose_learner(cross_folds, features[:train_count], static_count, rng)
        watched[observer] = (
            _train_trees(features[:train_count], has_start[:train_count], features[train_count:], rng)
            if learner == TREES
            else cross_folds.train_sequence(features[:, static_count:], static_chances)
        )
        learners[observer] = learner if is_chosen else predictability.TIMETABLE
        chances[observer] = watched[observer] if is_chosen else static_chances
    advance(1)
    return AttackPredictions(
        day=moments.day[test_rows % moment_count] - moments.train_days,
        place=test_rows // moment_count,
        has_start=has_start[train_count:],
        chances=chances,
        watched=watched,
        learners=learners,
        trained=train_count,
    )


def _observers(log: VisitLog) -> list[tuple[str, attack_features.FeatureList]]:
    observers: list[tuple[str, attack_features.FeatureList]] = [
        (predictability.ONE_PLACE, attack_features.place_features),
        (predictability.ONE_AREA, attack_features.area_features),
        (predictability.HISTORY, attack_features.city_features),
    ]
    return (
        [*observers, (predictability.INSIDER, attack_features.insider_features)] if log.units else observers
    )


def _gather(
    log: VisitLog, moments: MomentGrid, list_features: attack_features.FeatureList, rows: Ints
) -> Singles:
    """The features of these moments, a column each: those of all moments would not fit into memory."""
    feature_columns = [
        np.ascontiguousarray(feature).ravel()[rows] for _, feature in list_features(log, moments)
    ]
    return np.column_stack(feature_columns) if feature_columns else np.empty((len(rows), 0), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Folds:
    """Training moments in blocks of days, with the timetable's chance learned from other blocks."""

    rows: Ints
    fold: Ints
    day_index: Ints
    has_start: Bools
    chances: Floats

    def train_sequence(self, kernels: Singles, test_chances: Floats) -> Floats:
        """Chances of the moments after the training ones, by a log-linear model of these."""
        train_count = len(kernels) - len(test_chances)
        train_kernels = kernels[:train_count][self.rows]
        return _train_sequence(
            train_kernels, self.chances, self.has_start, kernels[train_count:], test_chances
        )

    def daily_losses(self, chances: Floats) -> Floats:
        """The log-loss of these chances on each day."""
        return np.asarray(np.bincount(self.day_index, log_losses(chances, self.has_start)), dtype=np.float64)


def _draw_folds(static: Singles, has_start: Bools, day: Ints, rng: np.random.Generator) -> _Folds:
    fold_rows = np.arange(len(has_start))
    if len(fold_rows) > CHOICE_ROWS:
        fold_rows = np.sort(rng.choice(fold_rows, CHOICE_ROWS, replace=False))
    days, day_index = np.unique(day[fold_rows], return_inverse=True)
    # Whole blocks of days: neighbouring days share what was remembered.
    fold_of_row = day_index * FOLDS // len(days)
    out_of_fold_chances = _predict_out_of_fold(fold_of_row, static[fold_rows], has_start[fold_rows], rng)
    return _Folds(fold_rows, fold_of_row, day_index, has_start[fold_rows], out_of_fold_chances)


def _predict_out_of_fold(fold: Ints, features: Singles, has_start: Bools, rng: np.random.Generator) -> Floats:
    """Chances of each moment by trees that never saw its block of days."""
    chance_of_row = np.full(len(fold), has_start.mean())
    for held_out in range(FOLDS):
        is_known = fold != held_out
        if len(np.unique(has_start[is_known])) > 1 and not is_known.all():
            chance_of_row[~is_known] = _train_trees(
                features[is_known], has_start[is_known], features[~is_known], rng
            )
    return chance_of_row


def _choose_learner(
    folds: _Folds, features: Singles, static_count: int, rng: np.random.Generator
) -> tuple[str, bool]:
    """The better learner on the training days, and whether it beats the timetable by more than chance."""
    fold_features = features[folds.rows]
    sequence_chances = folds.chances.copy()
    for held_out in range(FOLDS):
        is_known, kernels = folds.fold != held_out, fold_features[:, static_count:]
        if is_known.any() and not is_known.all():
            sequence_chances[~is_known] = _train_sequence(
                kernels[is_known],
                folds.chances[is_known],
                folds.has_start[is_known],
                kernels[~is_known],
                folds.chances[~is_known],
            )
    daily_losses_by_learner = {
        TREES: folds.daily_losses(_predict_out_of_fold(folds.fold, fold_features, folds.has_start, rng)),
        SEQUENCE: folds.daily_losses(sequence_chances),
    }
    best_learner = min(daily_losses_by_learner, key=lambda name: daily_losses_by_learner[name].sum())
    daily_gains = folds.daily_losses(folds.chances) - daily_losses_by_learner[best_learner]
    gain_error = daily_gains.std(ddof=1) / np.sqrt(len(daily_gains)) if len(daily_gains) > 1 else np.inf
    return best_learner, bool(daily_gains.mean() > LEAST_EVIDENCE * gain_error)


def _train_trees(
    train_features: Singles, has_start: Bools, test_features: Singles, rng: np.random.Generator
) -> Floats:
    """Chances of a start at the moments asked about, by boosted trees."""
    ensemble: Any = load_extra("sklearn.ensemble", "certificate", "The certificate")
    tree_classifier = ensemble.HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=max(
            20, min(2000, len(train_features) // 60)
        ),  # fewer rows in a leaf and chance is learned
        l2_regularization=1.0,
        early_stopping=False,
        random_state=int(rng.integers(2**31)),
    )
    # What a short log never shows, such as the day a fortnight ago, cannot be cut into bins.
    is_shown = ~np.isnan(train_features).all(axis=0)
    tree_classifier.fit(train_features[:, is_shown], has_start)
    return np.asarray(tree_classifier.predict_proba(test_features[:, is_shown])[:, 1], dtype=np.float64)


def _train_sequence(
    train_kernels: Singles,
    train_chances: Floats,
    has_start: Bools,
    test_kernels: Singles,
    test_chances: Floats,
) -> Floats:
    """The same by a log-linear model: the timetable's chance, raised or lowered by what came how long ago."""
    linear: Any = load_extra("sklearn.linear_model", "certificate", "The certificate")
    sequence_columns = []
    for features, chances in ((train_kernels, train_chances), (test_kernels, test_chances)):
        clipped_chances = np.clip(chances, 1e-4, 1 - 1e-4)
        log_odds = np.log(clipped_chances / (1 - clipped_chances)).astype(np.float32)
        sequence_columns.append(np.column_stack([log_odds, attack_features.excitation_kernels(features)]))
    centre, scale = sequence_columns[0].mean(axis=0), sequence_columns[0].std(axis=0) + np.float32(1e-6)
    sequence_model = linear.LogisticRegression(C=0.02, max_iter=60, tol=1e-3)
    if len(np.unique(has_start)) < 2:
        return np.asarray(test_chances)
    sequence_model.fit((sequence_columns[0] - centre) / scale, has_start)
    return np.asarray(
        sequence_model.predict_proba((sequence_columns[1] - centre) / scale)[:, 1], dtype=np.float64
    )


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
    return predictability.score_attack(predictions, settings, dead_zone, log.hotspots, rng)


def _visit_notes(log: VisitLog, moments: MomentGrid) -> tuple[str, ...]:
    visits_by_day = attack_moments.count_starts_by_day(log, moments)
    has_train_visit = visits_by_day[:, : moments.train_days].any(axis=1)
    has_test_visit = visits_by_day[:, moments.train_days :].any(axis=1)
    visit_notes = []
    for hotspot_indices, coverage_text in (
        (np.flatnonzero(~has_train_visit & has_test_visit), "first visited in the test days"),
        (np.flatnonzero(has_train_visit & ~has_test_visit), "not visited in the test days"),
        (np.flatnonzero(~has_train_visit & ~has_test_visit), "not visited in these days at all"),
    ):
        if len(hotspot_indices):
            shown_names = ", ".join(log.hotspots[h] for h in hotspot_indices[:5])
            remainder_text = f" and {len(hotspot_indices) - 5} more" if len(hotspot_indices) > 5 else ""
            visit_notes.append(f"{coverage_text}: {shown_names}{remainder_text}")
    return tuple(visit_notes)
