"""How well would each method have foretold where the next month's incidents fell?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from becalm.find.baselines import REFERENCE, scores_of_all
from becalm.find.ground import Ground, lay_ground
from becalm.find.score import score_places
from becalm.find.settings import FindSettings
from becalm.find.targets import Targets
from becalm.methods.blend import fit_mixture
from becalm.methods.bootstrap import Interval, mean_interval, paired_interval, resample
from becalm.methods.search_curve import search_curve, search_order
from becalm.tables.place_set import PlaceSet
from becalm.tables.point_counts import PointCounts
from becalm.tables.tally import PlaceCounts
from becalm.terms.errors import QuestionError, UsageError
from becalm.terms.estimate import Estimate
from becalm.terms.hotspot import LEAST_FOR_VERDICT, Backtest, BacktestRow

Floats = NDArray[np.float64]
LEVEL = 0.95
ROUNDS = 4000
HISTORY_MONTHS = 12
METHOD = "bootstrap over months"


@dataclass(frozen=True, slots=True)
class Skill:
    """How one method did on one month."""

    hit_rate: float
    pai: float
    pei: float
    rri: float
    gini: float
    log_score: float


def backtest(
    counts: PlaceCounts | PointCounts,
    targets: Targets,
    *,
    area_share: float = 0.01,
    origins: int = 12,
    boundary: BaseGeometry | None = None,
    places: PlaceSet | None = None,
    settings: FindSettings | None = None,
    rng: np.random.Generator,
) -> Backtest:
    """How well would each method have foretold each of the last `origins` months?

    Every month is predicted from the months before it alone: half-life, shares and prior are
    chosen anew at each origin. Intervals resample months, the same ones for every method.

    Raises
    ------
    QuestionError
        where there are too few months or incidents.
    UsageError
        where the share of area or the number of origins cannot be.
    """
    settings = settings or FindSettings()
    _refuse_impossible(counts, area_share, origins)
    ground = lay_ground(counts, targets, boundary=boundary, places=places, settings=settings)
    last = len(ground.months)
    tested = range(last - origins, last)
    _refuse_empty_months(ground, tested)
    skills = _skills(ground, tested, area_share, settings)
    drawn = resample(origins, rounds=ROUNDS, rng=rng)
    return Backtest(
        target=targets.target,
        cell_m=ground.places.width_m,
        area_share=area_share,
        count=settings.count,
        months=tuple(ground.months[t] for t in tested),
        incidents=int(ground.target.totals[tested.start :].sum()),
        places=ground.size,
        area_m2=float(ground.places.amounts.sum()),
        denominator=ground.denominator,
        level=LEVEL,
        rows=tuple(_row(method, skills, drawn) for method in skills),
        source=counts.source,
        as_of=counts.as_of,
        warnings=_warn_of_few(origins),
        kind=ground.kind,
    )


def _skills(
    ground: Ground, tested: range, area_share: float, settings: FindSettings
) -> dict[str, list[Skill]]:
    """Each method's skill in each tested month; the month before the first only tunes the log score."""
    origins = [tested.start - 1, *tested]
    scores = score_places(ground, settings, origins)
    methods = zip(origins, scores_of_all(ground, scores), strict=True)
    _, made = next(methods)
    earlier = {method: _chances(score, ground.even) for method, score in made.items()}
    skills: dict[str, list[Skill]] = {method: [] for method in made}
    for origin, made in methods:
        for method, score in made.items():
            chances = _chances(score, ground.even)
            trust = _trust(ground, origin - 1, earlier[method])
            gain = _log_gain(ground, origin, chances, trust)
            skills[method].append(_skill(ground, origin, score, gain, area_share, settings.count))
            earlier[method] = chances
    return skills


def _skill(
    ground: Ground, origin: int, score: Floats, log_score: float, area_share: float, count: int
) -> Skill:
    areas, next_month = ground.places.amounts, ground.target.window(origin, origin + 1)
    order = search_order(score)
    caught = search_curve(order, next_month, areas)
    held = caught.held_at_area(area_share)
    best = search_curve(search_order(next_month / areas), next_month, areas).held_at_area(area_share)
    year_before = ground.target.window(origin - HISTORY_MONTHS, origin)
    held_before = search_curve(order, year_before, areas).held_at_area(area_share)
    return Skill(
        hit_rate=caught.held_at_places(count),
        pai=held / area_share,
        pei=held / best,
        rri=held / held_before if held_before > 0 else 0.0,
        gini=caught.gini,
        log_score=log_score,
    )


def _chances(score: Floats, even: Floats) -> Floats:
    """The score as the chance that an incident falls on each place."""
    total = float(score.sum())
    return score / total if total > 0 else even


def _trust(ground: Ground, step: int, chances: Floats) -> Floats:
    """The shares of the method and of an even spread that would have been best for this month."""
    at = ground.target.places[step]
    return fit_mixture(np.array([chances[at], ground.even[at]]), ground.target.counts[step])


def _log_gain(ground: Ground, step: int, chances: Floats, trust: Floats) -> float:
    """The mean log chance that the method, mixed with an even spread, gave the incidents, less even's."""
    at, held = ground.target.places[step], ground.target.counts[step]
    mixed = np.maximum(trust, [0.0, 1e-3]) @ np.array([chances[at], ground.even[at]])
    return float(held @ np.log(mixed / ground.even[at]) / held.sum())


def _row(method: str, skills: Mapping[str, Sequence[Skill]], drawn: NDArray[np.int64]) -> BacktestRow:
    own = skills[method]

    def mean(name: str) -> float:
        return float(np.mean([getattr(skill, name) for skill in own]))

    pai = np.array([skill.pai for skill in own])
    reference = np.array([skill.pai for skill in skills[REFERENCE]])
    return BacktestRow(
        method=method,
        hit_rate=mean("hit_rate"),
        pai=_estimate(mean_interval(pai, drawn, level=LEVEL)),
        pei=mean("pei"),
        rri=mean("rri"),
        gini=mean("gini"),
        log_score=mean("log_score"),
        difference_from_count_12=_estimate(paired_interval(pai, reference, drawn, level=LEVEL)),
    )


def _estimate(interval: Interval) -> Estimate:
    return Estimate(interval.value, interval.low, interval.high, LEVEL, METHOD)


def _refuse_impossible(counts: PlaceCounts | PointCounts, area_share: float, origins: int) -> None:
    if not 0.0 < area_share <= 1.0:
        raise UsageError(f"An area share of {area_share} is none. Give a share, e.g. 0.01 for 1 %.")
    if origins < 2:
        raise UsageError(f"{origins} origins give no interval. Give at least 2.")
    needed = HISTORY_MONTHS + origins
    if len(counts.months) < needed:
        room = max(len(counts.months) - HISTORY_MONTHS, 0)
        remedy = f"Ask for --origins {room}, or ingest" if room >= 2 else "Ingest"
        raise QuestionError(
            f"The records hold {len(counts.months)} months, need {needed}: "
            f"{HISTORY_MONTHS} to learn from and {origins} to foretell. {remedy} more months."
        )


def _warn_of_few(origins: int) -> tuple[str, ...]:
    """All of n months fall on one side by luck alone once in 2^(n - 1) times: 6 is the first n below 5 %."""
    if origins >= LEAST_FOR_VERDICT:
        return ()
    return (
        f"{origins} months are too few to call a method better or worse: resampling them makes intervals "
        f"that are too narrow. Give --origins {LEAST_FOR_VERDICT} or more.",
    )


def _refuse_empty_months(ground: Ground, tested: range) -> None:
    empty = [ground.months[t] for t in (tested.start - 1, *tested) if ground.target.counts[t].sum() == 0]
    if empty:
        raise QuestionError(
            f"No incident of the target is on record in {', '.join(empty)}: nothing there can be foretold. "
            "Check those months with `becalm ingest`, or choose others with --until and --origins."
        )
