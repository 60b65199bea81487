"""How each method did on each tested month: what it would have caught, where, and how surprised it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from becalm.find.core.expected_counts import Forecast, forecast_counts
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.plugin import BLEND, NamedFinder, run_finder
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Bools, Floats
from becalm.methods.ewma import memories
from becalm.methods.mixture import fit_mixture
from becalm.methods.place_set import PlaceSet
from becalm.methods.search_curve import SearchCurve, search_curve, search_order
from becalm.terms import CalibrationBin

COUNT_MONTHS = (1, 3, 12, 36)
KDE_SIGMAS_M = (150, 300)
KDE_MONTHS = 12
YEAR = 12
REFERENCE = "count_12"
HISTORY_MONTHS = 12
GROUPS = 10


def score_all_methods(panel: PlacePanel, scores: Sequence[Forecast]) -> Iterator[dict[str, Floats]]:
    """Each method's score of every place at each origin, from the months before it alone.

    `count_n` is the number of incidents in the last n months; `kde_s` smooths the last 12 months
    with a Gaussian of s metres, corrected at the edge; `ewma` is the place's memory with the chosen
    half-life; `blend` is becalm's own score; `count_all` and `kde_all_150` are the same with all months on
    record; `kde_ewma_150` smooths the fading memory, and `season` counts the same month of earlier years with
    the months beside it. A count over more months than the first tested origin has is left out.
    """
    first_tested = min(score.origin for score in scores) + 1  # the origin before it tunes the log score
    spans = [n for n in COUNT_MONTHS if n <= first_tested]
    for score, faded in zip(scores, _faded(panel, scores), strict=True):
        t = score.origin
        counts = {f"count_{n}": panel.target.window(t - n, t) for n in spans}
        year, ever = panel.target.window(t - KDE_MONTHS, t), panel.target.window(0, t)
        surfaces = {f"kde_{sigma}": panel.places.smooth(year, sigma) for sigma in KDE_SIGMAS_M}
        whole = {"count_all": ever, "kde_all_150": panel.places.smooth(ever, 150)}
        spread = {"kde_ewma_150": panel.places.smooth(faded, 150), "season": _season(panel, t)}
        yield {**counts, **surfaces, "ewma": faded, "blend": score.expected, **whole, **spread}


def _season(panel: PlacePanel, t: int) -> Floats:
    """What happened at this time of year in all years before."""
    years = range(YEAR, t + 2, YEAR)
    return sum((panel.target.window(t - ago - 1, t - ago + 2) for ago in years), np.zeros(panel.size))


def _faded(panel: PlacePanel, scores: Sequence[Forecast]) -> list[Floats]:
    """Each place's memory with the half-life chosen at each origin."""
    made: dict[int, Floats] = {}
    for half_life in {score.half_life_of_others for score in scores}:
        chosen = [score.origin for score in scores if score.half_life_of_others == half_life]
        made |= dict(memories(panel.target, half_life, chosen))
    return [made[score.origin] for score in scores]


@dataclass(frozen=True, slots=True)
class Skill:
    """How one method did on one month; `caught` and `promised` are incidents in its best places."""

    hit_rate: float
    pai: float
    pei: float
    rri: float
    gini: float
    gini_of_best: float
    ser: float
    log_score: float
    caught: float
    promised: float


@dataclass(frozen=True, slots=True)
class MethodSkills:
    """Each method's skill in each tested month, and what belongs to the months themselves."""

    skills: dict[str, list[Skill]]
    gini_best: tuple[float, ...]
    gini_null: tuple[float, ...]
    calibration: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class MonthForecasts:
    """The ground as it was known just before one month, and each method's score of its places."""

    panel: PlacePanel
    origin: int
    by_method: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class _Month:
    """What happened in a tested month, and the best that anyone could have done."""

    origin: int
    seen: Floats
    year_before: Floats
    amounts: Floats
    listable: Bools | None
    best: SearchCurve
    area_share: float
    count: int
    searched: float


def judge_methods(
    panel: PlacePanel,
    settings: FindSettings,
    tested: Sequence[int],
    *,
    area_share: float,
    finder: NamedFinder | None = None,
    rng: np.random.Generator,
) -> MethodSkills:
    """How well did each method foretell each tested month, from the months before it alone?

    The log score mixes each method with an even spread, in the share that was best for the last month with
    incidents before; for the first tested month that one is foretold too.
    """
    origins = add_tuning_origin(panel, settings, tested)
    scores = forecast_counts(panel, settings, origins)
    by_all = score_all_methods(panel, scores)
    made = add_finder_scores(panel, finder, origins, by_all, settings, rng)
    steps = (
        MonthForecasts(panel, origin, by_method) for origin, by_method in zip(origins, made, strict=True)
    )
    return judge_steps(steps, area_share=area_share, count=settings.count, rng=rng)


def add_tuning_origin(panel: PlacePanel, settings: FindSettings, tested: Sequence[int]) -> tuple[int, ...]:
    """The tested months, and before them the one that tunes the log score."""
    before = max((t for t in range(tested[0]) if panel.target.counts[t].sum() > 0), default=tested[0] - 1)
    return (max(before, settings.least_months), *tested)


def judge_steps(
    steps: Iterable[MonthForecasts], *, area_share: float, count: int, rng: np.random.Generator
) -> MethodSkills:
    """How well did each method foretell each month but the first, which tunes the log score?"""
    skills: dict[str, list[Skill]] = {}
    best, null, tenths = [], [], []
    last: MonthForecasts | None = None
    earlier: dict[str, Floats] = {}
    for step in steps:
        chances = {m: _chances(score, step.panel.even) for m, score in step.by_method.items()}
        if last is not None:
            month = _month(step.panel, step.origin, area_share, count)
            best.append(month.best.gini)
            null.append(_null_gini(step.panel, month, rng))
            tenths.append(_tenths(month, step))
            for method, score in step.by_method.items():
                trust = _trust(last.panel, last.origin, earlier[method])
                gain = _log_gain(step.panel, step.origin, chances[method], trust)
                skills.setdefault(method, []).append(_skill(month, score, chances[method], gain))
        last, earlier = step, chances
    seen = tuple(CalibrationBin(*(float(v) for v in row)) for row in np.mean(tenths, axis=0))
    return MethodSkills(skills, tuple(best), tuple(null), seen)


def add_finder_scores(
    panel: PlacePanel,
    finder: NamedFinder | None,
    origins: Sequence[int],
    by_all: Iterator[dict[str, Floats]],
    settings: FindSettings,
    rng: np.random.Generator,
) -> Iterator[dict[str, Floats]]:
    """The scores of becalm's own methods and, after them, of the finder."""
    for origin, scores in zip(origins, by_all, strict=True):
        if finder is None or finder.name in scores:
            yield scores
        else:
            (own,) = rng.spawn(1)
            asked = run_finder(finder, panel, origin, how_many=settings.count, rng=own)
            yield {**scores, finder.name: asked}


def _month(panel: PlacePanel, origin: int, area_share: float, count: int) -> _Month:
    amounts, seen = panel.places.amounts, panel.target.window(origin, origin + 1)
    unit = 1e3 if panel.kind == "segment" else 1e6  # kilometres of street, or square kilometres
    listable = panel.places.listable if isinstance(panel.places, PlaceSet) else None
    return _Month(
        origin=origin,
        seen=seen,
        year_before=panel.target.window(origin - HISTORY_MONTHS, origin),
        amounts=amounts,
        listable=listable,
        best=search_curve(search_order(seen / amounts, first=listable), seen, amounts),
        area_share=area_share,
        count=count,
        searched=area_share * float(amounts.sum()) / unit,
    )


def _skill(month: _Month, score: Floats, chances: Floats, log_score: float) -> Skill:
    order = search_order(score, first=month.listable)
    caught = search_curve(order, month.seen, month.amounts)
    held = caught.held_at_area(month.area_share)
    held_before = search_curve(order, month.year_before, month.amounts).held_at_area(month.area_share)
    total, hit = float(month.seen.sum()), caught.held_at_places(month.count)
    said = search_curve(order, chances, month.amounts).held_at_places(month.count)
    return Skill(
        hit_rate=hit,
        pai=held / month.area_share,
        pei=held / month.best.held_at_area(month.area_share),
        rri=held / held_before if held_before > 0 else 0.0,
        gini=caught.gini,
        gini_of_best=caught.gini / month.best.gini if month.best.gini > 0 else 0.0,
        ser=held * total / month.searched,
        log_score=log_score,
        caught=hit * total,
        promised=said * total,
    )


def _null_gini(panel: PlacePanel, month: _Month, rng: np.random.Generator) -> float:
    """The Gini of the best order where as many incidents fall evenly: drawn once, for it hardly varies."""
    thrown = np.bincount(
        rng.choice(panel.size, int(month.seen.sum()), p=panel.even), minlength=panel.size
    ).astype(np.float64)
    return search_curve(search_order(thrown / month.amounts), thrown, month.amounts).gini


def _tenths(month: _Month, step: MonthForecasts) -> Floats:
    """Places, incidents that the blend expected and those that came, in tenths of what it expected."""
    expected = step.by_method[BLEND] * step.panel.target.exposure[step.origin]
    rising = np.argsort(expected, kind="stable")
    upto = np.cumsum(expected[rising])
    group = np.minimum((upto * GROUPS / upto[-1]).astype(np.int64), GROUPS - 1)
    columns = (np.ones(len(rising)), expected[rising], month.seen[rising])
    return np.stack([np.bincount(group, values, GROUPS) for values in columns], axis=1)


def _chances(score: Floats, even: Floats) -> Floats:
    """The score as the chance that an incident falls on each place."""
    total = float(score.sum())
    return score / total if total > 0 else even


def _trust(panel: PlacePanel, step: int, chances: Floats) -> Floats:
    """The shares of the method and of an even spread that would have been best for this month."""
    at = panel.target.places[step]
    return fit_mixture(np.array([chances[at], panel.even[at]]), panel.target.counts[step])


def _log_gain(panel: PlacePanel, step: int, chances: Floats, trust: Floats) -> float:
    """The mean log chance that the method, mixed with an even spread, gave the incidents, less even's."""
    at, held = panel.target.places[step], panel.target.counts[step]
    mixed = np.maximum(trust, [0.0, 1e-3]) @ np.array([chances[at], panel.even[at]])
    return float(held @ np.log(mixed / panel.even[at]) / held.sum())
