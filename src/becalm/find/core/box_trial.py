"""How much of what floating boxes hold lasts: laid on earlier months, watched in later ones.

Boxes lie where records are densest, so part of what they hold is luck. Whoever counts it as a forecast
promises too much (the winner's curse). Boxes laid without the months that judge them give the honest measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betaincinv

from becalm.find.core.baselines import score_all_methods
from becalm.find.core.boxes import BoxLand, place_boxes
from becalm.find.core.expected_counts import Forecast, choose_half_lives, forecast_counts
from becalm.find.core.place_panel import PlacePanel, build_panel
from becalm.find.core.plugin import BLEND, NamedFinder
from becalm.find.core.settings import FindSettings
from becalm.find.core.skill import (
    MethodSkills,
    MonthForecasts,
    add_finder_scores,
    add_tuning_origin,
    judge_steps,
)
from becalm.find.core.targets import Targets
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.blend import GammaPosterior
from becalm.methods.drift import Scatter, fit_scatter
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.tables.point_counts import PointCounts
from becalm.terms import BoxTrial, Estimate

WATCHED_MONTHS = 12
LEVEL = 0.95
METHOD = "exact binomial"


@dataclass(frozen=True, slots=True)
class BoxShrinkage:
    """The share of the promise that boxes keep, how places scatter beyond it, and how both were measured.

    Without `told` the history was too short to measure it.
    """

    kept: float = 1.0
    scatter: Scatter | None = None
    told: BoxTrial | None = None

    def fair(self, score: Forecast, places: CellGrid | PlaceSet) -> Forecast:
        """The score with boxes cut to what they keep; what they lose falls on the ground between them."""
        mean, boxes = score.expected, listable_mask(places)
        inside, total = float(mean[boxes].sum()), float(mean.sum())
        outside = total - inside
        lifted = (total - self.kept * inside) / outside if outside > 0 else 1.0
        factor = np.where(boxes, self.kept if outside > 0 else 1.0, lifted)
        return replace(score, posterior=_scaled(score.posterior, factor))


@dataclass(frozen=True, slots=True)
class PlacedBoxes:
    """Boxes laid for a list: the ground that they and what lies between them make, and what lasts.

    `squares` is the same land in squares, for all that must not depend on where boxes were laid.
    """

    panel: PlacePanel
    squares: PlacePanel
    lasting: BoxShrinkage

    @property
    def places(self) -> PlaceSet:
        """The boxes and the ground between them."""
        return _places(self.panel)


@dataclass(frozen=True, slots=True)
class BoxPlacement:
    """All that laying needs, at any month."""

    land: BoxLand
    counts: PointCounts
    targets: Targets
    settings: FindSettings
    squares: PlacePanel
    most: int

    def laid(self, before: int) -> PlacePanel:
        """The ground with boxes laid on the months before this one alone."""
        half_life = choose_half_lives(self.squares, self.settings, [before])[before]
        places = place_boxes(
            self.land, self.counts, self.targets, before=before, half_life=half_life, most=self.most
        )
        return build_panel(self.counts, self.targets, places=places, settings=self.settings)


def place_list_boxes(
    land: BoxLand, counts: PointCounts, targets: Targets, settings: FindSettings
) -> PlacedBoxes:
    """Boxes laid on all months, and how much of what they hold will last.

    Raises
    ------
    QuestionError
        where there are too few months or incidents.
    """
    yard = _yard(land, counts, targets, settings, area_share=0.0)
    last = len(counts.months)
    return PlacedBoxes(yard.laid(last), yard.squares, _watch(yard, last))


def judge_boxes(
    land: BoxLand,
    counts: PointCounts,
    targets: Targets,
    settings: FindSettings,
    tested: Sequence[int],
    *,
    area_share: float,
    finder: NamedFinder | None,
    rng: np.random.Generator,
) -> tuple[MethodSkills, PlacePanel]:
    """How well did each method foretell each month among boxes laid on the months before it alone?

    Also the ground of the last tested month. What boxes keep is measured before the first tested month.
    """
    yard = _yard(land, counts, targets, settings, area_share=area_share)
    origins = add_tuning_origin(yard.squares, settings, tested)
    lasting = _watch(yard, origins[0])
    grounds: list[PlacePanel] = []

    def steps() -> Iterator[MonthForecasts]:
        names: tuple[str, ...] = ()
        for origin in origins:
            grounds[:] = [yard.laid(origin)]
            (score,) = forecast_counts(grounds[0], settings, [origin])
            scores = add_finder_scores(
                grounds[0], finder, [origin], score_all_methods(grounds[0], [score]), settings, rng
            )
            by_method = next(scores)
            by_method[BLEND] = lasting.fair(score, _places(grounds[0])).expected
            names = names or tuple(by_method)
            yield MonthForecasts(grounds[0], origin, {name: by_method[name] for name in names})

    trial = judge_steps(steps(), area_share=area_share, count=settings.count, rng=rng)
    return trial, grounds[0]


def _yard(
    land: BoxLand, counts: PointCounts, targets: Targets, settings: FindSettings, *, area_share: float
) -> BoxPlacement:
    squares = build_panel(counts, targets, places=land.squares, settings=settings)
    most = land.enough(settings.count, area_share=area_share)
    return BoxPlacement(land, counts, targets, settings, squares, most)


def _watch(yard: BoxPlacement, last: int) -> BoxShrinkage:
    """Lay boxes without the year before month `last`, and see what of their promise that year keeps."""
    settings, target = yard.settings, yard.squares.target
    origin = max(last - WATCHED_MONTHS, (last + 1) // 2, settings.least_months)
    if origin >= last or min(target.totals[:origin].sum(), target.totals[origin:last].sum()) < (
        settings.least_incidents
    ):
        return BoxShrinkage()
    panel = yard.laid(origin)
    (score,) = forecast_counts(panel, settings, [origin])
    boxes = np.flatnonzero(listable_mask(_places(panel)))
    order = boxes[np.argsort(-score.expected[boxes], kind="stable")]
    best = order[: settings.count]
    seen = panel.target.window(origin, last)
    later = _share(seen, best)
    promised = float(score.expected[best].sum() / score.expected.sum())
    kept = min(later.value / promised, 1.0)
    told = BoxTrial(
        side_m=yard.land.side_m,
        count=len(best),
        laid_to=panel.months[origin - 1],
        first_month=panel.months[origin],
        last_month=panel.months[last - 1],
        held=_share(panel.target.window(0, origin), best).value,
        promised=promised,
        later=later,
        kept=kept,
    )
    among = GammaPosterior(score.posterior.shape[order], score.posterior.rate[order])
    return BoxShrinkage(kept, fit_scatter(among, score.own[order], seen[order]), told)


def _share(seen: Floats, best: Ints) -> Estimate:
    """The share of all incidents that fell in these places, with its interval."""
    caught, total, tail = float(seen[best].sum()), float(seen.sum()), (1.0 - LEVEL) / 2.0
    low = float(betaincinv(caught, total - caught + 1.0, tail)) if caught > 0 else 0.0
    high = float(betaincinv(caught + 1.0, total - caught, 1.0 - tail)) if caught < total else 1.0
    return Estimate(caught / total, low, high, LEVEL, METHOD)


def _scaled(posterior: GammaPosterior, factor: Floats) -> GammaPosterior:
    return GammaPosterior(posterior.shape, posterior.rate / factor)


def _places(panel: PlacePanel) -> PlaceSet:
    if isinstance(panel.places, PlaceSet):
        return panel.places
    raise ValueError("Boxes are laid as places of their own, never as cells of the grid.")


def listable_mask(places: CellGrid | PlaceSet) -> Bools:
    """Which places can be listed: all, but the ground between boxes."""
    if isinstance(places, CellGrid) or places.listable is None:
        return np.ones(places.size, dtype=bool)
    return places.listable
