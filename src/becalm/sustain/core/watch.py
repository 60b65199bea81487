"""Which series have begun to rise since their step? Scores, thresholds, alarms and states, week by week."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

import numpy as np

from becalm.methods.alarms.ramp import log_likelihood_ratios
from becalm.methods.alarms.watched_counts import LEARNING_TIMES, WatchedCounts
from becalm.methods.arrays import Bools, Floats
from becalm.sustain.core.alarms import DEFAULT_ALARM, GROUP_ALARM, NamedAlarm
from becalm.sustain.core.baseline import LONGEST_HISTORY, Baseline, fit_baseline
from becalm.sustain.core.levels import Levels, PastWeeks, measure_levels
from becalm.sustain.core.null_worlds import WATCHED_WEEKS
from becalm.sustain.core.series import Key, SeriesSinceStep, fill_gaps, key_words, week_name
from becalm.sustain.core.thresholds import Budget, Family, Threshold, score_family, sum_members
from becalm.terms import Estimate, Step

State = Literal[
    "quiet", "rising", "alarm", "above reference", "not monitorable", "incomplete", "no data", "withheld"
]
LONGEST_DELAY: Final = 26.0  # weeks: beyond, a series is not watched by itself
LEAST_KNOWN_SHARE: Final = 0.8
COMPARED_WEEKS: Final = 8  # of effort: the newest, and as many before
LEAST_FALL: Final = 0.2  # of effort: less is not worth a word
LAST_WEEKS: Final = 4  # without any of these, nothing is known of today


@dataclass(frozen=True, slots=True)
class Delay:
    """The median weeks from the onset of a rebound to its alarm; None: more than a year."""

    full: float | None
    half: float | None

    @property
    def is_monitorable(self) -> bool:
        """Whether a full rebound is found within half a year."""
        return self.full is not None and self.full <= LONGEST_DELAY


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """An alarm: in which week, on which series or group, by which detector, and what a review said of it."""

    key: Key
    detector: str
    monday: date
    decision: str | None = None

    @property
    def name(self) -> str:
        """Its name in the ledger and at every door."""
        area, offence = (part.replace(" ", "-") or "all" for part in self.key)
        return f"{week_name(self.monday)}/{area}/{offence}/{self.detector}"


@dataclass(frozen=True, slots=True)
class WatchedSeries:
    """One series or group: its state, its levels, its score, and the weeks for a picture.

    `counts`, `expected_low` and `expected_high` are of each week from `mondays[0]` on; NaN where missing.
    """

    key: Key
    state: State
    since: date
    levels: Levels
    score: float
    threshold: Threshold
    detector: str
    delay: Delay
    known_share: Estimate | None
    notes: tuple[str, ...]
    counts: Floats
    expected_low: Floats
    expected_high: Floats
    alarms: tuple[RaisedAlarm, ...]
    weeks_since: int = 0  # of `counts`, those since the step
    is_found_by_police: bool = False

    @property
    def relative_score(self) -> float:
        """The score as a share of its threshold."""
        return self.score / max(self.threshold.value, 1e-9)


@dataclass(frozen=True, slots=True)
class Effort:
    """One kind of effort in each week of the watch; NaN before it was first recorded."""

    name: str
    weekly: Floats

    @property
    def recent_mean(self) -> float:
        """The mean of the newest eight weeks."""
        return float(self.weekly[-COMPARED_WEEKS:].mean())

    @property
    def former_mean(self) -> float:
        """The mean of the eight weeks before; NaN where they are not on record."""
        return float(self.weekly[-2 * COMPARED_WEEKS : -COMPARED_WEEKS].mean())

    @property
    def words(self) -> str:
        """The newest weeks beside those before, in a sentence."""
        former_text = (
            "" if np.isnan(self.former_mean) else f", {self.former_mean:,.0f} a week in the eight before"
        )
        return f"{self.name}: {self.recent_mean:,.0f} a week in the last eight weeks{former_text}"

    @property
    def has_fallen(self) -> bool:
        """Whether clearly less was done in the newest weeks than in those before."""
        return self.former_mean > 0.0 and self.recent_mean < (1.0 - LEAST_FALL) * self.former_mean


@dataclass(frozen=True, slots=True)
class Watch:
    """What the watch of a force says at its newest week.

    `placebo_per_year` is what the same thresholds would have raised in the untouched past, None where that is
    too short; `false_share` of the alarms of each week (by its Monday) is to be expected to be false.
    """

    as_of: date
    until: date
    reference: str
    budget: Budget
    placebo_per_year: Estimate | None
    steps: tuple[Step, ...]
    seen_steps: frozenset[int]  # entries of steps that were declared after their weeks were on record
    mondays: tuple[date, ...]
    series: tuple[WatchedSeries, ...]
    warnings: tuple[str, ...]
    efforts: tuple[Effort, ...] = ()

    @property
    def alarms(self) -> tuple[RaisedAlarm, ...]:
        """Every alarm, in order of its week."""
        alarms = [alarm for series in self.series for alarm in series.alarms]
        return tuple(sorted(alarms, key=lambda alarm: (alarm.monday, alarm.name)))

    @property
    def false_share(self) -> dict[date, float]:
        """Of the alarms of each week, the share to be expected to be false."""
        weeks = [alarm.monday for alarm in self.alarms]
        weekly_false = (self.budget.single + self.budget.groups) / WATCHED_WEEKS
        return {week: min(1.0, weekly_false / weeks.count(week)) for week in sorted(set(weeks))}


@dataclass(frozen=True, slots=True)
class PartInputs:
    """Series of one step with what is known about them before the watch begins."""

    part: SeriesSinceStep
    in_reference: Bools
    alarm: NamedAlarm
    families: tuple[Family, ...]
    thresholds: Mapping[str, Sequence[Threshold]]  # of each series, and of each group of a family
    delays: Mapping[str, Sequence[Delay]]  # of each series, and of each group of a family
    decisions: Mapping[str, str]  # by alarm


@dataclass(frozen=True, slots=True)
class PreparedPart:
    """The arrays of one part: baselines and what alarms see."""

    baseline: Baseline
    watched: WatchedCounts
    past: PastWeeks


def prepare_part(part: SeriesSinceStep, in_reference: Bools) -> PreparedPart:
    """Fit the baseline on the weeks before the step, and lay the weeks since beside it."""
    series, first = part.series, part.first
    start = max(0, first - LONGEST_HISTORY)
    history = fill_gaps(series.counts[:, start:first])
    counts_since = np.where(series.doubtful[:, first:], np.nan, series.counts[:, first:])
    baseline = fit_baseline(history, counts_since.shape[1])
    expected_since = baseline.expected * series.known_share[:, first:]
    past = PastWeeks(history, baseline.fitted_counts, in_reference[start:first])
    return PreparedPart(baseline, WatchedCounts(counts_since, expected_since, baseline.excess, history), past)


def watch_part(inputs: PartInputs) -> tuple[WatchedSeries, ...]:
    """The state of every series of the part, then of its groups."""
    prepared = prepare_part(inputs.part, inputs.in_reference)
    watched = prepared.watched
    single_rows = _Rows(
        inputs,
        prepared,
        inputs.part.series.keys,
        inputs.alarm.name,
        inputs.alarm.name,
        inputs.alarm.score(watched),
    )
    series_states = [*single_rows.states()]
    if inputs.families:
        evidence = log_likelihood_ratios(watched.filled_counts, watched.filled_expected, watched.excess)
        for family in inputs.families:
            summed_part = _sum_prepared(family, prepared)
            detector = DEFAULT_ALARM if family.is_summed else GROUP_ALARM
            scores = score_family(family, watched, evidence)
            series_states += _Rows(
                inputs, summed_part, family.labels, family.name, detector, scores, family
            ).states()
    return _join_equal(series_states)


def _join_equal(rows: Sequence[WatchedSeries]) -> tuple[WatchedSeries, ...]:
    """One row for each series: of two that watch the same one, that which is nearer to its threshold.

    An alarm of either is the row's; both are listed.
    """
    row_by_key: dict[Key, WatchedSeries] = {}
    for row in rows:
        first_row = row_by_key.get(row.key)
        if first_row is None:
            row_by_key[row.key] = row
            continue
        is_first = (first_row.state == "alarm", first_row.relative_score) >= (
            row.state == "alarm",
            row.relative_score,
        )
        chosen_row = first_row if is_first else row
        row_by_key[row.key] = replace(chosen_row, alarms=(*first_row.alarms, *row.alarms))
    return tuple(row_by_key.values())


def _sum_prepared(family: Family, prepared: PreparedPart) -> PreparedPart:
    """The sums of each group, so that its levels can be told."""
    weights = family.members.astype(np.float64)
    baseline, past = prepared.baseline, prepared.past
    expected = weights @ baseline.expected
    error = np.sqrt(weights @ (baseline.expected * baseline.log_deviation) ** 2) / np.maximum(expected, 1e-9)
    summed_part = Baseline(weights @ baseline.fitted_counts, expected, weights @ baseline.excess, error)
    summed_past = PastWeeks(weights @ past.counts, summed_part.fitted_counts, past.in_reference)
    return PreparedPart(summed_part, sum_members(family, prepared.watched), summed_past)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one kind: single series, or the groups of one family."""

    inputs: PartInputs
    prepared: PreparedPart
    keys: tuple[Key, ...]
    kind: str
    detector: str
    scores: Floats
    family: Family | None = None

    def states(self) -> Iterator[WatchedSeries]:
        """Each row as it stands at the newest week."""
        for row in range(len(self.keys)):
            yield self._describe(row)

    def _describe(self, row: int) -> WatchedSeries:
        threshold, delay = self.inputs.thresholds[self.kind][row], self.inputs.delays[self.kind][row]
        levels = measure_levels(
            self.prepared.watched, self.prepared.baseline.log_deviation, self.prepared.past, row
        )
        alarms = self._alarms(row, threshold)
        state, since = self._state(row, threshold, delay, levels, alarms)
        counts, low, high = self._picture(row)
        return WatchedSeries(
            self.keys[row],
            state,
            since,
            levels,
            float(self.scores[row, -1]),
            threshold,
            self.detector,
            delay,
            self._known_share(row),
            tuple(self._notes(row, delay, levels)),
            counts,
            low,
            high,
            alarms,
            self.scores.shape[1],
            self._is_found_by_police(row),
        )

    @property
    def _mondays(self) -> tuple[date, ...]:
        return self.inputs.part.series.mondays[self.inputs.part.first :]

    def _is_found_by_police(self, row: int) -> bool:
        finders = self.inputs.part.series.found_by
        members = [row] if self.family is None else np.flatnonzero(self.family.members[row]).tolist()
        return any(finders[member] == "police" for member in members)

    def _alarms(self, row: int, threshold: Threshold) -> tuple[RaisedAlarm, ...]:
        """Each week in which the score reached the threshold anew, having been half-way down or never up."""
        if self._is_found_by_police(row):
            return ()
        alarms, is_armed = [], True
        for week in range(LEARNING_TIMES, self.scores.shape[1]):
            score = self.scores[row, week]
            if is_armed and score >= threshold.value:
                new_alarm = RaisedAlarm(self.keys[row], self.detector, self._mondays[week])
                decision = self.inputs.decisions.get(new_alarm.name)
                alarms.append(RaisedAlarm(new_alarm.key, new_alarm.detector, new_alarm.monday, decision))
                is_armed = False
            elif score < threshold.half_way:
                is_armed = True
        return tuple(alarms)

    def _state(
        self, row: int, threshold: Threshold, delay: Delay, levels: Levels, alarms: tuple[RaisedAlarm, ...]
    ) -> tuple[State, date]:
        is_known = self.prepared.watched.filled_expected[row] > 0.0
        scores, first = self.scores[row], self._mondays[0]
        if not is_known.any() or levels.weekly_mean is None:
            return "no data", first
        if not is_known[-LAST_WEEKS:].any() or self._share_value(row) < LEAST_KNOWN_SHARE:
            return "incomplete", self._mondays[-1]
        is_up = scores >= threshold.half_way
        if alarms and (alarms[-1].decision is None or (is_up[-1] and alarms[-1].decision == "real")):
            return "alarm", alarms[-1].monday  # until somebody has looked into it
        if levels.reference is not None and levels.weekly_mean.low > levels.reference.value:
            return "above reference", self._mondays[int(np.flatnonzero(is_known)[-LAST_WEEKS:][0])]
        if is_up[-1] and len(scores) > LEARNING_TIMES and not self._is_found_by_police(row):
            down_weeks = np.flatnonzero(~is_up)
            return "rising", self._mondays[int(down_weeks[-1]) + 1 if down_weeks.size else 0]
        if not delay.is_monitorable or self._is_found_by_police(row):
            return "not monitorable", first
        return "quiet", first

    def _known_share(self, row: int) -> Estimate | None:
        """The share of the newest week's records that are known by now; None where nothing tells it."""
        share = self._share_value(row)
        has_delays = self.inputs.part.series.has_delays
        return Estimate(share, share, share, 0.95, "reporting delay") if has_delays else None

    def _share_value(self, row: int) -> float:
        expected, unscaled = self.prepared.watched.expected[row, -1], self.prepared.baseline.expected[row, -1]
        return float(min(expected / unscaled, 1.0)) if unscaled > 0.0 else 1.0

    def _notes(self, row: int, delay: Delay, levels: Levels) -> Iterator[str]:
        weeks = self.scores.shape[1]
        if weeks <= LEARNING_TIMES:
            yield f"The level since the step is still being learned: {LEARNING_TIMES - weeks + 1} more weeks."
        if self._is_found_by_police(row):
            yield "Found by police work: shown, and never alarmed on."
        elif not delay.is_monitorable:
            yield "Not monitorable alone: even a full rebound would take more than 26 weeks to be found."
            yield from self._guardian(row)
        if levels.lost_share is None and levels.reference is not None:
            yield "No clear fall since the reference period, so no share of it can be lost."
        missing = int(np.isnan(self.prepared.watched.counts[row]).sum())
        if missing:
            yield f"{missing} weeks since the step are missing or cut short: skipped, not counted as zero."
        if not self.inputs.part.series.has_delays:
            yield "Completeness unknown: nothing says how late records come."

    def _guardian(self, row: int) -> Iterator[str]:
        """Which group would find a rebound of all its series soonest, of those that hold this one?"""
        delays = self.inputs.delays
        groups = [
            (delays[family.name][number].full or np.inf, key_words(family.labels[number]))
            for family in self.inputs.families
            if self.family is None
            for number in np.flatnonzero(family.members[:, row]).tolist()
            if delays[family.name][number].is_monitorable
        ]
        if groups:
            weeks, words = min(groups)
            yield f"Its group watches over it: {words} (a rebound of all is found in {weeks:.0f} weeks)."
        elif self.family is None:
            yield "No group finds a rebound in time either."

    def _picture(self, row: int) -> tuple[Floats, Floats, Floats]:
        watched, baseline = self.prepared.watched, self.prepared.baseline
        mean_counts = np.concatenate([baseline.fitted_counts[row], watched.expected[row]])
        log_deviation = np.concatenate(
            [np.zeros(baseline.fitted_counts.shape[1]), baseline.log_deviation[row]]
        )
        count_variances = (
            mean_counts * (1.0 + watched.excess[row] * mean_counts) + (mean_counts * log_deviation) ** 2
        )
        reach = 1.96 * np.sqrt(count_variances)
        counts = np.concatenate([self.prepared.past.counts[row], watched.counts[row]])
        return counts, np.maximum(mean_counts - reach, 0.0), mean_counts + reach
