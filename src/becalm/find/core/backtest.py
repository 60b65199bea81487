"""How well would each method have predicted where the next month's incidents fell?"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from shapely.geometry.base import BaseGeometry

from becalm.find.core import method_skill
from becalm.find.core.expected_counts import forecast_counts
from becalm.find.core.floating_boxes import BoxLand, measure_shrinkage, prepare_placement
from becalm.find.core.place_panel import Counts, PlacePanel, build_panel
from becalm.find.core.plugin import BLEND, NamedFinder
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.arrays import Ints
from becalm.methods.forecast_scores import MeanInterval, draw_resamples, mean_interval, paired_interval
from becalm.methods.place_set import PlaceSet
from becalm.tables import PointCounts
from becalm.terms import LEAST_FOR_VERDICT, Backtest, BacktestRow, Estimate, QuestionError, UsageError
from becalm.terms.progress import Advance, ignore_progress

LEVEL = 0.95
ROUNDS = 4000
LEAST_UNKNOWN = 0.05  # of the incidents, in places that nobody knew of: from here on it is said
METHOD = "bootstrap over months"


def backtest(
    counts: Counts,
    targets: Targets,
    *,
    area_share: float = 0.01,
    origins: int = 12,
    boundary: BaseGeometry | None = None,
    places: PlaceSet | BoxLand | None = None,
    settings: FindSettings | None = None,
    finder: NamedFinder | None = None,
    advance: Advance = ignore_progress,
    rng: np.random.Generator,
) -> Backtest:
    """How well would each method have predicted each of the last `origins` months?

    Every month is predicted from the months before it alone: half-life, shares and prior are chosen again at
    each origin, and so is where boxes lie on a `BoxLand` (it needs counts by point). Without a boundary the
    places of an origin are those with a record before it. A `finder` is judged beside becalm's own methods.
    Intervals resample months, the same ones for every method. `advance` is told of each month judged.

    Raises QuestionError where there are too few months or incidents; UsageError where the share of area or
    the number of origins cannot be.
    """
    settings = settings or FindSettings()
    _check_request(counts, area_share, origins)
    competing_places = places.squares if isinstance(places, BoxLand) else places
    panel = build_panel(counts, targets, boundary=boundary, places=competing_places, settings=settings)
    requested_months = range(len(panel.months) - origins, len(panel.months))
    tested_months, warnings = _select_months(panel, requested_months)
    month_scores = (
        score_box_months(
            places, counts, targets, settings, tested_months, area_share=area_share, finder=finder, rng=rng
        )
        if isinstance(places, BoxLand)
        else method_skill.score_months(panel, settings, tested_months, finder=finder, rng=rng)
    )
    method_skills = method_skill.judge_months(
        month_scores, area_share=area_share, count=settings.count, advance=advance, rng=rng
    )
    skills, resamples = method_skills.by_method, draw_resamples(len(tested_months), rounds=ROUNDS, rng=rng)
    last_panel = method_skills.last_panel
    return Backtest(
        target=targets.target,
        cell_m=last_panel.places.width_m,
        area_share=area_share,
        count=settings.count,
        months=tuple(panel.months[month] for month in tested_months),
        incidents=int(panel.target.totals[requested_months.start :].sum()),
        places=last_panel.size,
        area_m2=float(last_panel.places.amounts.sum()),
        denominator=last_panel.denominator,
        level=LEVEL,
        rows=tuple(_build_row(method, skills, resamples, area_share) for method in skills),
        source=counts.source,
        as_of=counts.as_of,
        warnings=(*warnings, *_list_warnings(settings.count, panel, last_panel, tested_months)),
        kind=last_panel.kind,
        gini_best=float(np.mean(method_skills.best_gini)),
        gini_null=float(np.mean(method_skills.null_gini)),
        calibration=method_skills.calibration,
        finder_gain=_estimate_gain(skills, finder, resamples),
    )


def score_box_months(
    land: BoxLand,
    counts: Counts,
    targets: Targets,
    settings: FindSettings,
    tested_months: Sequence[int],
    *,
    area_share: float,
    finder: NamedFinder | None = None,
    rng: np.random.Generator,
) -> Iterator[method_skill.MonthScores]:
    """Each method's scores for each month, among boxes placed on the months before it alone.

    What boxes keep is measured before the first tested month.
    """
    if not isinstance(counts, PointCounts):
        raise TypeError("Floating boxes are placed on counts by point, not by cell.")
    placement = prepare_placement(land, counts, targets, settings, area_share=area_share)
    origin_months = method_skill.add_tuning_origin(placement.squares, settings, tested_months)
    box_shrinkage = measure_shrinkage(placement, origin_months[0])
    for origin in origin_months:
        panel, places = placement.place(origin)
        (forecast,) = forecast_counts(panel, settings, [origin])
        scores_by_method = method_skill.score_methods(panel, forecast, first_tested=tested_months[0])
        scores_by_method = method_skill.add_finder_scores(
            panel, finder, origin, scores_by_method, settings, rng
        )
        scores_by_method[BLEND] = box_shrinkage.shrink(forecast, places).expected_counts
        elsewhere_count = placement.squares.target.totals[origin] - panel.target.totals[origin]
        yield method_skill.MonthScores(panel, origin, scores_by_method, float(elsewhere_count))


def _estimate_gain(
    skills: Mapping[str, Sequence[method_skill.Skill]], finder: NamedFinder | None, resamples: Ints
) -> Estimate | None:
    """The finder's PAI less the blend's, month by month."""
    if finder is None or finder.name == BLEND:
        return None
    finder_pai, blend_pai = (np.array([skill.pai for skill in skills[name]]) for name in (finder.name, BLEND))
    return _to_estimate(paired_interval(finder_pai, blend_pai, resamples, level=LEVEL))


def _build_row(
    method: str, skills: Mapping[str, Sequence[method_skill.Skill]], resamples: Ints, area_share: float
) -> BacktestRow:
    month_skills = skills[method]

    def mean(name: str) -> float:
        return float(np.mean([getattr(skill, name) for skill in month_skills]))

    pai_by_month, reference_pai, blend_pai = (
        np.array([skill.pai for skill in skills[name]])
        for name in (method, method_skill.REFERENCE_METHOD, BLEND)
    )
    pai_bounds = (0.0, 1.0 / area_share)
    promised_count = sum(skill.promised_count for skill in month_skills)
    return BacktestRow(
        method=method,
        hit_rate=mean("hit_rate"),
        pai=_to_estimate(mean_interval(pai_by_month, resamples, level=LEVEL, bounds=pai_bounds)),
        pei=mean("pei"),
        rri=mean("rri"),
        gini=mean("gini"),
        log_score=mean("log_score"),
        difference_from_count_12=_to_estimate(
            paired_interval(pai_by_month, reference_pai, resamples, level=LEVEL)
        ),
        blend_gain=_to_estimate(paired_interval(blend_pai, pai_by_month, resamples, level=LEVEL)),
        ser=mean("ser"),
        gini_generalised=mean("gini_of_best"),
        calibration=sum(skill.caught_count for skill in month_skills) / promised_count
        if promised_count > 0
        else 0.0,
    )


def _to_estimate(interval: MeanInterval) -> Estimate:
    return Estimate(interval.value, interval.low, interval.high, LEVEL, METHOD)


def _check_request(counts: Counts, area_share: float, origins: int) -> None:
    if not 0.0 < area_share <= 1.0:
        raise UsageError(f"An area share of {area_share} is not possible. Give a share, e.g. 0.01 for 1 %.")
    if origins < 2:
        raise UsageError(f"{origins} origins give no interval. Give at least 2.")
    month_count, required_month_count = len(counts.months), method_skill.HISTORY_MONTHS + origins
    if month_count < required_month_count:
        testable_months = max(month_count - method_skill.HISTORY_MONTHS, 0)
        remedy = f"Ask for `origins {testable_months}`, or ingest" if testable_months >= 2 else "Ingest"
        raise QuestionError(
            f"The records hold {month_count} months, need {required_month_count}: "
            f"{method_skill.HISTORY_MONTHS} to learn from and {origins} to predict. {remedy} more months."
        )


def _list_warnings(
    list_count: int, panel: PlacePanel, last_panel: PlacePanel, tested_months: Sequence[int]
) -> Iterator[str]:
    yield from _warn_of_few(len(tested_months))
    yield from _warn_of_all(list_count, last_panel)
    yield from _warn_of_unknown(panel, tested_months)


def _warn_of_few(origin_count: int) -> tuple[str, ...]:
    """All of n months fall on one side by luck alone once in 2^(n - 1) times: 6 is the first n below 5 %."""
    if origin_count >= LEAST_FOR_VERDICT:
        return ()
    return (
        f"{origin_count} months are too few to call a method better or worse: resampling them makes "
        f"intervals that are too narrow. Give {LEAST_FOR_VERDICT} origins or more.",
    )


def _select_months(panel: PlacePanel, requested_months: range) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The months in which something happened, and a warning that names the others."""
    busy_months = tuple(month for month in requested_months if panel.target.counts[month].sum() > 0)
    empty_months_text = ", ".join(
        panel.months[month] for month in requested_months if month not in busy_months
    )
    if len(busy_months) < 2:
        raise QuestionError(
            f"No incident of the target is on record in {empty_months_text}: nothing there can be predicted. "
            "Check those months with `becalm ingest`, or choose others with `until` and `origins`."
        )
    if not empty_months_text:
        return busy_months, ()
    return busy_months, (
        f"No incident of the target is on record in {empty_months_text}: left out, for no method can be "
        "right or wrong there.",
    )


def _warn_of_unknown(panel: PlacePanel, tested_months: Sequence[int]) -> tuple[str, ...]:
    """How much fell where nobody knew of a place?"""
    known_count = sum(float(panel.known_events(month)[1].sum()) for month in tested_months)
    unknown_share = 1.0 - known_count / float(panel.target.totals[list(tested_months)].sum())
    if unknown_share < LEAST_UNKNOWN:
        return ()
    return (
        f"{unknown_share:.0%} of the incidents fell in places without an earlier record, where no method"
        " could catch them. Give the boundary of the city, so that all of its land competes.",
    )


def _warn_of_all(list_count: int, panel: PlacePanel) -> tuple[str, ...]:
    """Does the list that a back-test judges hold every place there is?"""
    if list_count < panel.size:
        return ()
    return (
        f"The best {list_count} of {panel.size} places are all of them, so every method's hit rate is 100 "
        f"% and its calibration 1, which says nothing. Ask for fewer than {panel.size} places.",
    )
