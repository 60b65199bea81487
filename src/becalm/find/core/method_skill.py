"""How each method did on each tested month: what it would have caught, where, and how surprised it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from becalm.find.core.expected_counts import Forecast, forecast_each
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.plugin import BLEND, NamedFinder, run_finder
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Bools, Floats
from becalm.methods.faded_counts import memories
from becalm.methods.forecast_scores import SearchCurve, search_curve, search_order
from becalm.methods.gamma_poisson import fit_mixture
from becalm.methods.place_set import PlaceSet
from becalm.terms import CalibrationBin
from becalm.terms.progress import Advance, ignore_progress

COUNT_MONTHS = (1, 3, 12, 36)
KDE_SIGMAS_M = (150, 300)
KDE_MONTHS = 12
YEAR = 12
REFERENCE_METHOD = "count_12"
HISTORY_MONTHS = 12
CALIBRATION_GROUPS = 10


@dataclass(frozen=True, slots=True)
class Skill:
    """How one method did on one month; caught and promised are incidents in its best places."""

    hit_rate: float
    pai: float
    pei: float
    rri: float
    gini: float
    gini_of_best: float
    ser: float
    log_score: float
    caught_count: float
    promised_count: float


@dataclass(frozen=True, slots=True)
class MethodSkills:
    """Each method's skill in each tested month, and what belongs to the months themselves."""

    last_panel: PlacePanel
    by_method: dict[str, list[Skill]]
    best_gini: tuple[float, ...]
    null_gini: tuple[float, ...]
    calibration: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class MonthScores:
    """The panel as it was known just before one month, and each method's score of its places.

    `elsewhere_count` incidents of the month fell where nobody knew of a place: no method could catch them.
    """

    panel: PlacePanel
    origin: int
    by_method: dict[str, Floats]
    elsewhere_count: float = 0.0


@dataclass(frozen=True, slots=True)
class _MonthOutcome:
    """What happened in a tested month, and the best that anyone could have done."""

    incidents: Floats
    known_share: float  # of the month's incidents: those in places that were known before it
    year_before: Floats
    amounts: Floats
    listable: Bools | None
    best_curve: SearchCurve
    area_share: float
    count: int
    searched_amount: float


def score_months(
    panel: PlacePanel,
    settings: FindSettings,
    tested_months: Sequence[int],
    *,
    finder: NamedFinder | None = None,
    rng: np.random.Generator,
) -> Iterator[MonthScores]:
    """Each method's scores for each tested month, from the months before it and the places known then alone.

    The first month is the one that tunes the log score.
    """
    origin_months = add_tuning_origin(panel, settings, tested_months)
    for forecast in forecast_each(panel, settings, origin_months):
        known_panel, _ = panel.known_before(forecast.origin)
        scores_by_method = score_methods(known_panel, forecast, first_tested=tested_months[0])
        scores_by_method = add_finder_scores(
            known_panel, finder, forecast.origin, scores_by_method, settings, rng
        )
        elsewhere_count = panel.target.totals[forecast.origin] - known_panel.target.totals[forecast.origin]
        yield MonthScores(known_panel, forecast.origin, scores_by_method, float(elsewhere_count))


def add_tuning_origin(
    panel: PlacePanel, settings: FindSettings, tested_months: Sequence[int]
) -> tuple[int, ...]:
    """The tested months, and before them the one that tunes the log score."""
    first_tested_month = tested_months[0]
    last_busy_month = max(
        (month for month in range(first_tested_month) if panel.target.counts[month].sum() > 0),
        default=first_tested_month - 1,
    )
    return (max(last_busy_month, settings.least_months), *tested_months)


def score_methods(panel: PlacePanel, forecast: Forecast, *, first_tested: int) -> dict[str, Floats]:
    """Each method's score of every place just before the forecast's month, from earlier months alone.

    `count_n` is the number of incidents in the last n months; `kde_s` smooths the last 12 months
    with a Gaussian of s metres, corrected at the edge; `ewma` is the place's memory with the chosen
    half-life; `blend` is becalm's own score; `count_all` and `kde_all_150` are the same with all months on
    record; `kde_ewma_150` smooths the fading memory, and `season` counts the same month of earlier years with
    the months beside it. A count over more months than the first tested month has is left out.
    """
    t = forecast.origin
    ((_, faded_counts),) = memories(panel.target, forecast.others_half_life, [t])
    year_counts, past_counts = panel.target.window(t - KDE_MONTHS, t), panel.target.window(0, t)
    return {
        **{
            f"count_{span}": panel.target.window(t - span, t) for span in COUNT_MONTHS if span <= first_tested
        },
        **{f"kde_{sigma}": panel.places.smooth(year_counts, sigma) for sigma in KDE_SIGMAS_M},
        "ewma": faded_counts,
        BLEND: forecast.expected_counts,
        "count_all": past_counts,
        "kde_all_150": panel.places.smooth(past_counts, 150),
        "kde_ewma_150": panel.places.smooth(faded_counts, 150),
        "season": _count_season(panel, t),
    }


def _count_season(panel: PlacePanel, origin: int) -> Floats:
    """What happened at this time of year in all years before."""
    lag_months = range(YEAR, origin + 2, YEAR)
    season_counts = (panel.target.window(origin - lag - 1, origin - lag + 2) for lag in lag_months)
    return sum(season_counts, np.zeros(panel.size))


def add_finder_scores(
    panel: PlacePanel,
    finder: NamedFinder | None,
    origin: int,
    by_method: dict[str, Floats],
    settings: FindSettings,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """The scores of becalm's own methods and, after them, of the finder."""
    if finder is None or finder.name in by_method:
        return by_method
    (finder_rng,) = rng.spawn(1)
    finder_scores = run_finder(finder, panel, origin, how_many=settings.count, rng=finder_rng)
    return {**by_method, finder.name: finder_scores}


def judge_months(
    months: Iterator[MonthScores],
    *,
    area_share: float,
    count: int,
    advance: Advance = ignore_progress,
    rng: np.random.Generator,
) -> MethodSkills:
    """How well did each method predict each month but the first, which tunes the log score?"""
    skills_by_method: dict[str, list[Skill]] = {}
    best_gini, null_gini, bin_rows = [], [], []
    earlier_month = next(months)
    advance(1.0)
    for month in months:
        panel, earlier_panel = month.panel, earlier_month.panel
        month_outcome = _build_outcome(month, area_share, count)
        best_gini.append(month_outcome.best_curve.gini)
        null_gini.append(_draw_null_gini(panel, month_outcome, rng))
        bin_rows.append(_calibrate(month_outcome, month))
        for method, score in month.by_method.items():
            score_chances = _to_chances(score, panel.even)
            earlier_chances = _to_chances(earlier_month.by_method[method], earlier_panel.even)
            trust_shares = _fit_trust(earlier_panel, earlier_month.origin, earlier_chances)
            log_score = _measure_log_score(panel, month.origin, score_chances, trust_shares)
            month_skill = _measure_skill(month_outcome, score, score_chances, log_score)
            skills_by_method.setdefault(method, []).append(month_skill)
        earlier_month = month
        advance(1.0)
    calibration_bins = tuple(CalibrationBin(*row) for row in np.mean(bin_rows, axis=0).tolist())
    return MethodSkills(
        earlier_month.panel, skills_by_method, tuple(best_gini), tuple(null_gini), calibration_bins
    )


def _build_outcome(month: MonthScores, area_share: float, count: int) -> _MonthOutcome:
    panel, origin = month.panel, month.origin
    amounts, place_counts = panel.places.amounts, panel.target.window(origin, origin + 1)
    amount_per_unit = 1e3 if panel.kind == "segment" else 1e6  # kilometres of street, or square kilometres
    listable = panel.places.listable if isinstance(panel.places, PlaceSet) else None
    return _MonthOutcome(
        incidents=place_counts,
        known_share=float(place_counts.sum() / max(place_counts.sum() + month.elsewhere_count, 1.0)),
        year_before=panel.target.window(origin - HISTORY_MONTHS, origin),
        amounts=amounts,
        listable=listable,
        best_curve=search_curve(
            search_order(place_counts / amounts, searched_first=listable), place_counts, amounts
        ),
        area_share=area_share,
        count=count,
        searched_amount=area_share * float(amounts.sum()) / amount_per_unit,
    )


def _measure_skill(outcome: _MonthOutcome, score: Floats, chances: Floats, log_score: float) -> Skill:
    place_order, best_curve, area_share = (
        search_order(score, searched_first=outcome.listable),
        outcome.best_curve,
        outcome.area_share,
    )
    method_curve = search_curve(place_order, outcome.incidents, outcome.amounts)
    event_share = method_curve.event_share_at_area(area_share) * outcome.known_share
    year_share = search_curve(place_order, outcome.year_before, outcome.amounts).event_share_at_area(
        area_share
    )
    known_count, known_hits = (
        float(outcome.incidents.sum()),
        method_curve.event_share_at_places(outcome.count),
    )
    promised_share = search_curve(place_order, chances, outcome.amounts).event_share_at_places(outcome.count)
    return Skill(
        hit_rate=known_hits * outcome.known_share,
        pai=event_share / area_share,
        pei=event_share / (best_curve.event_share_at_area(area_share) * outcome.known_share),
        rri=event_share / year_share if year_share > 0 else 0.0,
        gini=method_curve.gini,
        gini_of_best=method_curve.gini / best_curve.gini if best_curve.gini > 0 else 0.0,
        ser=method_curve.event_share_at_area(area_share) * known_count / outcome.searched_amount,
        log_score=log_score,
        caught_count=known_hits * known_count,
        promised_count=promised_share * known_count,
    )


def _draw_null_gini(panel: PlacePanel, outcome: _MonthOutcome, rng: np.random.Generator) -> float:
    """The Gini of the best order where as many incidents fall evenly: drawn once, for it hardly varies."""
    place_of_incident = rng.choice(panel.size, int(outcome.incidents.sum()), p=panel.even)
    incidents = np.bincount(place_of_incident, minlength=panel.size).astype(np.float64)
    return search_curve(search_order(incidents / outcome.amounts), incidents, outcome.amounts).gini


def _calibrate(outcome: _MonthOutcome, month_scores: MonthScores) -> Floats:
    """Places, incidents that the blend expected and those that came, in tenths of what it expected."""
    expected_counts = month_scores.by_method[BLEND] * month_scores.panel.target.exposure[month_scores.origin]
    rising_order = np.argsort(expected_counts, kind="stable")
    cumulative_counts = np.cumsum(expected_counts[rising_order])
    group_of_place = (cumulative_counts * CALIBRATION_GROUPS / cumulative_counts[-1]).astype(np.int64)
    group_of_place = np.minimum(group_of_place, CALIBRATION_GROUPS - 1)
    bin_columns = (np.ones(len(rising_order)), expected_counts[rising_order], outcome.incidents[rising_order])
    return np.stack(
        [np.bincount(group_of_place, values, CALIBRATION_GROUPS) for values in bin_columns], axis=1
    )


def _to_chances(score_of_place: Floats, even_shares: Floats) -> Floats:
    """The score as the chance that an incident falls on each place."""
    score_total = float(score_of_place.sum())
    return score_of_place / score_total if score_total > 0 else even_shares


def _fit_trust(panel: PlacePanel, month: int, chance_of: Floats) -> Floats:
    """The shares of the method and of an even spread that would have been best for this month."""
    busy_places = panel.target.places[month]
    return fit_mixture(
        np.array([chance_of[busy_places], panel.even[busy_places]]), panel.target.counts[month]
    )


def _measure_log_score(panel: PlacePanel, month: int, chance_of: Floats, trust_shares: Floats) -> float:
    """The mean log chance that the method, mixed with an even spread, gave the incidents, less even's."""
    busy, busy_counts = panel.target.places[month], panel.target.counts[month]
    # A count gives most places no chance at all: unmixed, one incident there would cost it everything.
    mixed_chances = np.maximum(trust_shares, [0.0, 1e-3]) @ np.array([chance_of[busy], panel.even[busy]])
    return float(busy_counts @ np.log(mixed_chances / panel.even[busy]) / busy_counts.sum())
