"""How high must a score be? As the budget of false alarms says, by simulation of the force's own weeks.

The budget is one of the whole force: so many false alarms a year, part of them for single series and part for
groups. Every series has the same part of it. Its threshold is the height that the highest scores of a watched
year exceed as often as that part allows, over drawings at its own level, season, trend, noise and drift: so a
series that wanders much needs more to be heard, and does not cost the calm ones theirs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from becalm.methods.alarms.ramp import log_likelihood_ratios, sum_evidence
from becalm.methods.alarms.sisters import group_scores
from becalm.methods.alarms.watched_counts import LEARNING_TIMES, WatchedCounts
from becalm.methods.arrays import Bools, Floats, Singles
from becalm.sustain.core.alarms import DEFAULT_ALARM, NamedAlarm
from becalm.sustain.core.baseline import fit_baseline
from becalm.sustain.core.null_worlds import NullWorld, draw_worlds

SOUGHT_ALARMS: Final = 60.0  # of each kind, in all drawings together: a threshold is known to about a tenth
MOST_SERIES, LEAST_SERIES = 16_000, 3_000  # drawn in all, as far as the kinds ask for more or fewer
SLOW_SHARE: Final = 0.1  # of the drawings for alarms that fit a regression each week
SLOW_ALARMS: Final = ("farrington",)
DRAWN_IN_CLASS: Final = 1_500  # drawn years from which one threshold is set
TAIL_SHARE: Final = 8.0  # the tail is fitted to so many times the exceedances that are sought
AREAS, OFFENCES, FORCE = "areas", "offences", "force"


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms a year for the whole force: of single series, and of groups."""

    single: float
    groups: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score at which an alarm is raised; `usual` is that of a quiet week in the middle of the year."""

    value: float
    usual: float

    @property
    def half_way(self) -> float:
        """From here on a score is rising."""
        return (self.value + self.usual) / 2.0


@dataclass(frozen=True, slots=True)
class SimulatedThresholds:
    """Thresholds by the name of the alarm or family, one for each of its rows; and how alarms clump.

    `clumping` is variance over mean of the false alarms of a year: what all series share raises several.
    """

    by_kind: Mapping[str, tuple[Threshold, ...]]
    clumping: float


@dataclass(frozen=True, slots=True)
class Family:
    """Groups of one kind: the offences of each area, the areas of each offence, or sums over the force.

    `members[g, s]` says whether series s belongs to group g; a family of sums is watched by the ramp on the
    summed counts, the others by the evidence of their members.
    """

    name: str
    labels: tuple[tuple[str, str], ...]  # of each group: its area and its offence, "" for all
    members: Bools

    @property
    def is_summed(self) -> bool:
        """Whether the counts of its members are added up."""
        return self.name == FORCE

    def repeat(self, count: int) -> "Family":
        """The same groups of each of so many drawings of the series, drawing by drawing."""
        return replace(self, members=np.kron(np.eye(count, dtype=bool), self.members))


def build_families(keys: Sequence[tuple[str, str]]) -> tuple[Family, ...]:
    """The families of groups that these series (area and offence) make; groups of one series are none."""
    areas, offences = np.array([k[0] for k in keys]), np.array([k[1] for k in keys])
    families = []
    for name, names_of_series, index in ((AREAS, areas, 0), (OFFENCES, offences, 1)):
        values = [
            value for value in np.unique(names_of_series).tolist() if (names_of_series == value).sum() > 1
        ]
        labels = tuple((value, "") if index == 0 else ("", value) for value in values)
        families.append((name, labels, [names_of_series == value for value in values]))
    all_offences = np.unique(offences).tolist()
    offence_sums = [
        (("", value), offences == value) for value in all_offences if (offences == value).sum() > 1
    ]
    if len(all_offences) > 1:
        offence_sums.append((("", ""), np.ones(len(keys), dtype=bool)))
    families.append(
        (FORCE, tuple(label for label, _ in offence_sums), [members for _, members in offence_sums])
    )
    return tuple(Family(name, labels, np.array(rows)) for name, labels, rows in families if rows)


def score_family(family: Family, watched: WatchedCounts, evidence: Singles) -> Floats:
    """The score of each group at each week, from the single series and the evidence of their climbs."""
    if not family.is_summed:
        return group_scores(evidence, family.members)
    summed_counts = sum_members(family, watched)
    return sum_evidence(
        log_likelihood_ratios(
            summed_counts.filled_counts, summed_counts.filled_expected, summed_counts.excess
        )
    )


def sum_members(family: Family, watched: WatchedCounts) -> WatchedCounts:
    """The summed counts of each group, with noise of their own; a week that lacks a member is missing."""
    weights = family.members.astype(np.float64)
    is_missing = weights @ np.isnan(watched.counts) > 0.0
    counts = np.where(is_missing, np.nan, weights @ watched.filled_counts)
    history = weights @ (watched.counts[:, :0] if watched.history is None else watched.history)
    excess = fit_baseline(history, 1).excess
    return WatchedCounts(counts, weights @ watched.expected, excess, history)


def simulate_thresholds(
    world: NullWorld,
    alarms: Sequence[NamedAlarm],
    families: Sequence[Family],
    budget: Budget,
    rng: np.random.Generator,
    *,
    most_series: int = MOST_SERIES,
) -> SimulatedThresholds:
    """The thresholds of every series by each alarm, and of every group of each family.

    Each series, and each group of a family, has the same part of the budget.
    """
    alarms_a_year = {alarm.name: budget.single for alarm in alarms}
    alarms_a_year |= {family.name: budget.groups / len(families) for family in families}
    highest: dict[str, list[Floats]] = {name: [] for name in alarms_a_year}
    middle: dict[str, list[Floats]] = {name: [] for name in alarms_a_year}
    drawings = _count_drawings(world.size, alarms_a_year.values(), most_series)
    drawn_count = 0
    for count, watched in draw_worlds(world, drawings, rng):
        drawn_families = [family.repeat(count) for family in families]
        drawn_alarms = [
            a for a in alarms if a.name not in SLOW_ALARMS or drawn_count <= SLOW_SHARE * drawings
        ]
        for name, scores in score_all(watched, drawn_alarms, drawn_families):
            by_row = scores.reshape(count, -1, scores.shape[1])
            highest[name].append(by_row[..., LEARNING_TIMES:].max(axis=2))
            middle[name].append(by_row[..., scores.shape[1] // 2])
        drawn_count += count
    restlessness = {alarm.name: world.restlessness for alarm in alarms}
    restlessness |= {f.name: f.members @ world.restlessness / f.members.sum(axis=1) for f in families}
    highest_scores = {name: np.concatenate(parts) for name, parts in highest.items()}
    thresholds = {
        name: _set_thresholds(
            highest_scores[name], np.concatenate(middle[name]), restlessness[name], per_year
        )
        for name, per_year in alarms_a_year.items()
    }
    return SimulatedThresholds(thresholds, _measure_clumping(highest_scores, thresholds))


def _measure_clumping(scores: Mapping[str, Floats], thresholds: Mapping[str, Sequence[Threshold]]) -> float:
    """Variance over mean of the alarms of a drawn year of the force; 1 where they come one by one."""
    drawing_count = min(map(len, scores.values()))
    alarm_count = sum(
        (rows[:drawing_count] >= threshold_values(thresholds[name])).sum(axis=1)
        for name, rows in scores.items()
    )
    return max(float(np.var(alarm_count) / max(np.mean(alarm_count), 1e-9)), 1.0)


def _set_thresholds(
    highest: Floats, middle: Floats, restlessness: Floats, per_year: float
) -> tuple[Threshold, ...]:
    """A threshold for each row, from the scores of each drawing (first axis) and row.

    Rows that wander alike share one, so that it stands on enough drawings.
    """
    drawings, rows = highest.shape
    class_count = min(rows, max(1, drawings * rows // DRAWN_IN_CLASS))
    thresholds: dict[int, Threshold] = {}
    for members in np.array_split(np.argsort(restlessness, kind="stable"), class_count):
        threshold_value = tail_quantile(highest[:, members].ravel(), min(per_year / rows, 0.5))
        threshold = Threshold(round(threshold_value, 4), round(float(np.median(middle[:, members])), 4))
        thresholds |= dict.fromkeys(members.tolist(), threshold)
    return tuple(thresholds[row] for row in range(rows))


def threshold_values(thresholds: Sequence[Threshold]) -> Floats:
    """The height for each row."""
    return np.array([threshold.value for threshold in thresholds])


def _count_drawings(series_count: int, alarms_a_year: Iterable[float], most_series: int) -> int:
    """How often must the force be drawn, so that false alarms of the rarest kind are seen often enough?"""
    wanted_series = SOUGHT_ALARMS / min(alarms_a_year) * series_count
    return max(1, round(min(max(wanted_series, LEAST_SERIES), most_series) / series_count))


def score_all(
    watched: WatchedCounts, alarms: Sequence[NamedAlarm], families: Sequence[Family]
) -> Iterator[tuple[str, Floats]]:
    """The scores of each alarm on single series and of each family of groups, by name."""
    evidence = log_likelihood_ratios(watched.filled_counts, watched.filled_expected, watched.excess)
    for alarm in alarms:
        # The ramp's evidence serves the groups as well.
        yield alarm.name, sum_evidence(evidence) if alarm.name == DEFAULT_ALARM else alarm.score(watched)
    for family in families:
        yield family.name, score_family(family, watched, evidence)


def tail_quantile(values: Floats, probability: float) -> float:
    """The height that is exceeded with this probability, by an exponential tail fitted to the highest values.

    Scores are logarithms of likelihood ratios, whose tail is exponential by nature; the fit halves the noise
    of the plain quantile and reaches beyond what was drawn.
    """
    descending = np.sort(values)[::-1]
    tail_count = int(min(max(TAIL_SHARE * probability * len(values), 100), len(values) // 4))
    if tail_count < 2:
        return float(descending[0])
    start = descending[tail_count]
    mean_excess = float((descending[:tail_count] - start).mean())
    return float(start + mean_excess * np.log(tail_count / len(values) / probability))
