"""The figures of a certificate: what an attacker gains who has watched every visit so far.

From what each attacker said and what came: means over seeds, with intervals. And when an offender may rely
on the clock alone: the stretch of the day in which visits all but cease.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.forecast_scores import area_under_curve, calibrate, curve_areas_resampled, log_losses
from becalm.patrol.core.attack_moments import AttackSettings
from becalm.patrol.core.leak_scans import LeakScan
from becalm.patrol.core.visit_log import VisitLog
from becalm.terms import Estimate

METHOD = "bootstrap over test days and seeds"
LEAST_EXPECTED = 5.0
DECILES = 10
TIMETABLE = "timetable"  # the learner of an observer whom the past does not help
STATIC, ONE_PLACE, ONE_AREA, HISTORY, INSIDER = "static", "place", "area", "history", "insider"
LEAST_STARTS_OF_PLACE = 20
STEP_MINUTES = 5
STEPS = 24 * 60 // STEP_MINUTES
DEAD_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the tested moments, by the attacker's score: what was said and what came."""

    decile: int  # 1 is where the attacker feels safest
    moments: int
    predicted: float  # mean chance of a start within the window, by the attacker who knows the past
    timetable: float  # the same by the attacker who knows the timetable alone
    observed: float  # share of moments in which a visit did start


@dataclass(frozen=True, slots=True)
class DeadZone:
    """The longest stretch of the clock in which an area's visits under way fall to a tenth of their mean."""

    area: str
    begins: str  # clock time, e.g. "13:45"
    minutes: int


@dataclass(frozen=True, slots=True)
class ObserverGain:
    """What one observer gains over the timetable, and by which learner ("timetable": neither beat it)."""

    observer: str  # place, area, history (all units), insider
    learner: str
    auc: float
    gain: Estimate
    log_loss_skill: Estimate


@dataclass(frozen=True, slots=True)
class WorstPlace:
    """The place whose visits an observer of all units predicts best, of those with enough starts."""

    hotspot: str
    starts: int
    log_loss_skill: Estimate


@dataclass(frozen=True, slots=True)
class Attack:
    """How predictable visits are. `gain` is the area under the curve with the past less that without it.

    `log_loss_skill` is the share of the timetable's surprise that knowing the past takes away.
    `safest_decile_ratio` is starts observed over starts that the timetable expects, in the tenth of moments
    in which the attacker feels safest: 1 is no knowledge, 0 is certainty. It is None where the timetable
    expects fewer than five starts there. `safest_tenth_relative` is the same in the tenth of moments that
    look safest *for their place and hour*, whatever its own quiet. An insider also knows where every unit is.
    """

    auc_static: float
    auc_history: float
    gain: Estimate
    log_loss_skill: Estimate
    safest_decile_ratio: Estimate | None
    longest_dead_zone: DeadZone
    calibration: tuple[Decile, ...]
    auc_insider: float | None = None
    insider_gain: Estimate | None = None
    observers: tuple[ObserverGain, ...] = ()
    safest_tenth_relative: Estimate | None = None
    worst_place: WorstPlace | None = None

    @property
    def strongest(self) -> ObserverGain:
        """The observer with the largest gain."""
        return max(self.observers, key=lambda observer: observer.gain.value)


@dataclass(frozen=True, slots=True)
class Certificate:
    """How predictable a log is, beside the same attack on independent visits at the same rates (`floor`).

    `freest` is the attack on the freest lawful plan of the same units, where one was given: what no planner
    can go below; `units_allow` is the most visits after a departure, by quarters of an hour, that the number
    of its units allows. `attack` and `floor` are None where the log holds too few visits for an attack.
    """

    attack: Attack | None
    floor: Attack | None
    scan: LeakScan
    settings: AttackSettings
    seed: int
    first_day: date
    last_day: date
    time_zone: str
    visits: int
    hotspots: int
    moments: int = 0  # that were predicted
    trained: int = 0  # moments learned from, for each seed
    freest: Attack | None = None
    units_allow: tuple[float, ...] = ()
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class AttackPredictions:
    """What each attacker said of the tested moments of one seed, and what came; `day` 0 is the first."""

    day: Ints
    place: Ints
    has_start: Bools
    chances: Mapping[str, Floats]  # by observer, from the learner that it chose
    watched: Mapping[str, Floats]  # the same from its better learner, whether it was chosen or not
    learners: Mapping[str, str]
    trained: int


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapWeights:
    """Rounds in which test days and seeds are drawn again: how often each counts, [R, D] and [R, S]."""

    days: Floats
    seeds: Floats
    level: float

    def estimate(self, value: float, round_values: Floats) -> Estimate:
        """The value with the spread of its rounds, which few days make too small by sqrt((n - 1) / n)."""
        # Whole days are drawn again, not moments: moments of one day share shifts and weather.
        day_count = self.days.shape[1]
        scaled_errors = (round_values - value) * np.sqrt(day_count / (day_count - 1.0))
        low, high = np.quantile(scaled_errors, [(1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0])
        return Estimate(
            value, min(value + float(low), value), max(value + float(high), value), self.level, METHOD
        )

    def ratio(self, numerator: Floats, denominator: Floats) -> Estimate:
        """The ratio of two sums over seeds and days [S, D], with its interval."""
        upper, lower = ((self.seeds * (self.days @ x.T)).sum(axis=1) for x in (numerator, denominator))
        return self.estimate(
            float(numerator.sum() / denominator.sum()), np.asarray(upper / np.maximum(lower, 1e-12))
        )


def score_attack(
    predictions: Sequence[AttackPredictions],
    settings: AttackSettings,
    zone: DeadZone,
    hotspots: tuple[str, ...],
    rng: np.random.Generator,
) -> Attack:
    """What did each observer know, and how much of it came from the past?"""
    bootstrap_weights = _draw_weights(len(predictions), settings, rng)
    aucs = {
        name: float(np.mean([area_under_curve(p.chances[name], p.has_start) for p in predictions]))
        for name in predictions[0].chances
    }
    static_rounds = _auc_rounds(predictions, bootstrap_weights, [p.chances[STATIC] for p in predictions])
    observer_scores = []
    for name in predictions[0].watched:
        chances = [p.watched[name] for p in predictions]
        observer_auc = float(
            np.mean([area_under_curve(w, p.has_start) for w, p in zip(chances, predictions, strict=True)])
        )
        resampled_aucs = _auc_rounds(predictions, bootstrap_weights, chances)
        auc_gain = bootstrap_weights.estimate(observer_auc - aucs[STATIC], resampled_aucs - static_rounds)
        skill = bootstrap_weights.ratio(*_skill_sums(predictions, chances, settings))
        is_chosen = any(p.learners[name] != TIMETABLE for p in predictions)
        if not is_chosen:
            # Neither learner beat the timetable in training: the interval says what might be missed.
            auc_gain, skill = (
                replace(e, value=0.0, low=min(e.low, 0.0), high=max(e.high, 0.0)) for e in (auc_gain, skill)
            )
        observer_scores.append(ObserverGain(name, predictions[0].learners[name], aucs[name], auc_gain, skill))
    gain_of = {observer.observer: observer for observer in observer_scores}
    deciles_of_seed = [calibrate(p.chances[HISTORY], p.has_start, groups=DECILES).group for p in predictions]
    return Attack(
        auc_static=aucs[STATIC],
        auc_history=aucs[HISTORY],
        gain=gain_of[HISTORY].gain,
        log_loss_skill=gain_of[HISTORY].log_loss_skill,
        safest_decile_ratio=_safest_decile_ratio(predictions, deciles_of_seed, settings, bootstrap_weights),
        longest_dead_zone=zone,
        calibration=_calibrate_deciles(predictions, deciles_of_seed),
        auc_insider=aucs.get(INSIDER),
        insider_gain=gain_of[INSIDER].gain if INSIDER in gain_of else None,
        observers=tuple(observer_scores),
        safest_tenth_relative=_safest_tenth_relative(predictions, settings, bootstrap_weights),
        worst_place=_find_worst_place(predictions, settings, hotspots, bootstrap_weights),
    )


def _draw_weights(seed_count: int, settings: AttackSettings, rng: np.random.Generator) -> BootstrapWeights:
    day_count, round_count = settings.test_days, settings.rounds
    draws_of_day = rng.multinomial(day_count, np.full(day_count, 1 / day_count), round_count)
    draws_of_seed = rng.multinomial(seed_count, np.full(seed_count, 1 / seed_count), round_count)
    return BootstrapWeights(draws_of_day.astype(np.float64), draws_of_seed / seed_count, settings.level)


def _skill_sums(
    predictions: Sequence[AttackPredictions], watched: Sequence[Floats], settings: AttackSettings
) -> tuple[Floats, Floats]:
    """The surprise that the past takes away from the timetable, and the timetable's own, by seed and day."""
    static_losses = _sum_by_day(
        [log_losses(p.chances[STATIC], p.has_start) for p in predictions], predictions, settings
    )
    watched_losses = _sum_by_day(
        [log_losses(w, p.has_start) for w, p in zip(watched, predictions, strict=True)], predictions, settings
    )
    return static_losses - watched_losses, static_losses


def _auc_rounds(
    predictions: Sequence[AttackPredictions], weights: BootstrapWeights, chances: Sequence[Floats]
) -> Floats:
    seed_rounds = [
        curve_areas_resampled(chance, p.has_start, p.day, weights.days)
        for chance, p in zip(chances, predictions, strict=True)
    ]
    return np.asarray((weights.seeds * np.stack(seed_rounds, axis=1)).sum(axis=1))


def _safest_decile_ratio(
    predictions: Sequence[AttackPredictions],
    deciles_of_seed: Sequence[Ints],
    settings: AttackSettings,
    bootstrap: BootstrapWeights,
) -> Estimate | None:
    """Starts over what the timetable expects, where the attacker feels safest; None where that is little."""
    safe_masks = [decile == 0 for decile in deciles_of_seed]
    return _relative_starts(predictions, safe_masks, settings, bootstrap)


def _safest_tenth_relative(
    predictions: Sequence[AttackPredictions], settings: AttackSettings, bootstrap: BootstrapWeights
) -> Estimate | None:
    """Starts over what the timetable expects, in the moments that look safest for their place and hour."""
    safe_masks = list[Bools]()
    for p in predictions:
        relative_chance = p.watched[HISTORY] / np.maximum(p.chances[STATIC], 1e-9)
        # A tenth of the expected starts, not of the moments: quiet hours would fill it with nothing at stake.
        lift_order = np.argsort(relative_chance, kind="stable")
        stake_sums = np.cumsum(p.chances[STATIC][lift_order])
        safe_masks.append(np.zeros(len(relative_chance), dtype=np.bool_))
        safe_masks[-1][lift_order[stake_sums <= stake_sums[-1] / DECILES]] = True
    return _relative_starts(predictions, safe_masks, settings, bootstrap)


def _relative_starts(
    predictions: Sequence[AttackPredictions],
    safe_masks: Sequence[Bools],
    settings: AttackSettings,
    bootstrap: BootstrapWeights,
) -> Estimate | None:
    """Starts over what the timetable expects, in these moments of each seed; None where that is little."""
    masked_predictions = list(zip(predictions, safe_masks, strict=True))
    expected_by_day = _sum_by_day(
        [p.chances[STATIC] * is_safe for p, is_safe in masked_predictions], predictions, settings
    )
    observed_by_day = _sum_by_day(
        [(p.has_start & is_safe).astype(np.float64) for p, is_safe in masked_predictions],
        predictions,
        settings,
    )
    # A ratio of few starts says nothing: with one or two expected, chance alone makes it 0 or 2.
    return (
        bootstrap.ratio(observed_by_day, expected_by_day)
        if expected_by_day.sum(axis=1).mean() >= LEAST_EXPECTED
        else None
    )


def _find_worst_place(
    predictions: Sequence[AttackPredictions],
    settings: AttackSettings,
    hotspots: tuple[str, ...],
    bootstrap: BootstrapWeights,
) -> WorstPlace | None:
    """Where does knowing the past take most of the timetable's surprise away?"""
    first, place_count = predictions[0], len(hotspots)
    start_counts = np.bincount(first.place, first.has_start, place_count)
    surprise, saved = np.zeros(place_count), np.zeros(place_count)
    for p in predictions:
        timetable_loss_by_moment = log_losses(p.chances[STATIC], p.has_start)
        surprise += np.bincount(p.place, timetable_loss_by_moment, place_count)
        history_loss_by_moment = log_losses(p.watched[HISTORY], p.has_start)
        saved += np.bincount(p.place, timetable_loss_by_moment - history_loss_by_moment, place_count)
    is_asked = start_counts >= LEAST_STARTS_OF_PLACE
    if not is_asked.any():
        return None
    worst_index = int(np.argmax(np.where(is_asked, saved / np.maximum(surprise, 1e-9), -np.inf)))
    own_row_masks = [p.place == worst_index for p in predictions]
    losses, gains = [], []
    for p, is_here in zip(predictions, own_row_masks, strict=True):
        timetable_loss_by_moment = log_losses(p.chances[STATIC], p.has_start) * is_here
        losses.append(timetable_loss_by_moment)
        gains.append(timetable_loss_by_moment - log_losses(p.watched[HISTORY], p.has_start) * is_here)
    place_skill = bootstrap.ratio(*(_sum_by_day(values, predictions, settings) for values in (gains, losses)))
    return WorstPlace(hotspots[worst_index], int(start_counts[worst_index]), place_skill)


def _sum_by_day(
    moment_values: Sequence[Floats], predictions: Sequence[AttackPredictions], settings: AttackSettings
) -> Floats:
    return np.stack(
        [np.bincount(p.day, v, settings.test_days) for p, v in zip(predictions, moment_values, strict=True)]
    )


def _calibrate_deciles(
    predictions: Sequence[AttackPredictions], deciles: Sequence[Ints]
) -> tuple[Decile, ...]:
    """What was said and what came, tenth by tenth, over all seeds."""
    decile_of_row = np.concatenate(deciles)
    row_counts = np.bincount(decile_of_row, minlength=DECILES)
    chance_columns = [
        np.concatenate([p.chances[HISTORY] for p in predictions]),
        np.concatenate([p.chances[STATIC] for p in predictions]),
        np.concatenate([p.has_start for p in predictions]),
    ]
    decile_means = [
        np.bincount(decile_of_row, column, DECILES) / np.maximum(row_counts, 1) for column in chance_columns
    ]
    return tuple(
        Decile(k + 1, int(row_counts[k]), *(float(means[k]) for means in decile_means))
        for k in range(DECILES)
    )


def find_longest_dead_zone(log: VisitLog, is_counted: Bools, clock_s: Ints) -> DeadZone:
    """In which area do visits under way stay below a tenth of their daily mean for longest, by the clock?

    `clock_s[i]` is the clock's second of the day at which visit i starts, and `is_counted` says which visits
    count. The day is a circle of steps of 5 minutes. Such a zone is what tours leave behind that all change
    over at one hour.
    """
    area_names, area_of_hotspot = np.unique(np.array(log.areas), return_inverse=True)
    dead_zones, clock_end_s = [], clock_s + log.end_s - log.start_s
    for area_code, area_name in enumerate(area_names):
        is_in_area = (area_of_hotspot[log.hotspot] == area_code) & is_counted
        visit_counts = _visits_under_way(clock_s[is_in_area], clock_end_s[is_in_area])
        first_step, step_count = _longest_run(visit_counts <= DEAD_SHARE * visit_counts.mean())
        dead_zones.append((step_count, str(area_name), first_step))
    step_count, area_name, first_step = max(dead_zones, key=lambda zone: zone[:2])
    first_minute = first_step * STEP_MINUTES
    return DeadZone(area_name, f"{first_minute // 60:02d}:{first_minute % 60:02d}", step_count * STEP_MINUTES)


def _visits_under_way(start_s: Ints, end_s: Ints) -> Ints:
    first_step = start_s // (60 * STEP_MINUTES)
    last_steps = np.maximum(first_step, (end_s - 1) // (60 * STEP_MINUTES))
    step_counts = np.minimum(last_steps - first_step + 1, STEPS)
    step_offsets = np.arange(step_counts.sum()) - np.repeat(np.cumsum(step_counts) - step_counts, step_counts)
    touched_steps = (np.repeat(first_step, step_counts) + step_offsets) % STEPS
    return np.bincount(touched_steps, minlength=STEPS).astype(np.int64)


def _longest_run(is_dead: Bools) -> tuple[int, int]:
    """Where the longest run on the circle begins, and how many steps it has."""
    if is_dead.all() or not is_dead.any():
        return 0, int(is_dead.sum())
    first_live_step = int(
        np.argmin(is_dead)
    )  # a step that is not dead comes first, so that no run wraps round
    rotated_mask = np.concatenate([np.roll(is_dead, -first_live_step), [False]]).astype(np.int8)
    run_edges = np.flatnonzero(np.diff(rotated_mask, prepend=0)).reshape(-1, 2)
    run_lengths = run_edges[:, 1] - run_edges[:, 0]
    longest_index = int(np.argmax(run_lengths))
    return int(run_edges[longest_index, 0] + first_live_step) % len(is_dead), int(run_lengths[longest_index])
