"""Which micro-places carry the target offences, and how sure is the list?"""

import numpy as np
from numpy.random import Generator
from shapely.geometry.base import BaseGeometry

from becalm.find.core.choose_places import PlaceChooser
from becalm.find.core.fitted_model import FittedModel, fit_model
from becalm.find.core.floating_boxes import PlacedBoxes
from becalm.find.core.harm import HarmModel, fit_harm_model
from becalm.find.core.hotspot_list import SearchResult, build_hotspot_list, scale_to_hours
from becalm.find.core.list_rules import Rules
from becalm.find.core.location_uncertainty import LocationUncertainty
from becalm.find.core.place_panel import Counts, PlacePanel, build_panel, listable_mask
from becalm.find.core.plugin import NamedFinder
from becalm.find.core.settings import FindSettings
from becalm.find.core.targets import Targets
from becalm.methods.arrays import Floats, Ints
from becalm.methods.blend import GammaPosterior
from becalm.methods.place_set import PlaceSet
from becalm.methods.ranks import RankCertainty, draw_rates, rank_certainty
from becalm.terms import HotspotList, UsageError


def find_hotspots(
    counts: Counts,
    targets: Targets,
    *,
    crs: str,
    boundary: BaseGeometry | None = None,
    places: PlaceSet | PlacedBoxes | None = None,
    settings: FindSettings | None = None,
    rules: Rules | None = None,
    location: LocationUncertainty | None = None,
    finder: NamedFinder | None = None,
    rng: Generator,
) -> HotspotList:
    """Which places will carry most of the target in the month after the last, and how sure is that?

    `boundary` or `places` are in the metres of the counts. Without `rules` the list keeps the count and the
    separation of the settings. With `location` the doubt about where each record happened is part of P(top)
    and of rank intervals. A `finder` chooses the places; what is expected, and how sure that is, stays
    becalm's answer. Where the rules let harm lead, places, P(top), churn and prices are by harm.

    Raises QuestionError where there are too few months, incidents or places, or a group of the target has no
    harm weight; UsageError where a finder, which counts incidents, is to choose by harm.
    """
    settings = settings or FindSettings()
    rules = rules or Rules(count=settings.count, separation_m=settings.separation_m)
    settings = rules.apply_to(settings)
    _check_finder(finder, rules)
    panel, boxes = _count_in_places(counts, targets, boundary, places, settings)
    chooser = PlaceChooser(panel, rules, finder, rng.spawn(1)[0])
    model = fit_model(panel, settings, location, rng, shrinkage=boxes.shrinkage if boxes else None)
    harm_model = fit_harm_model(panel, counts, targets, model, rules.harm, settings=settings, rng=rng)
    result = search(chooser, model, harm_model, settings=settings, rng=rng)
    return build_hotspot_list(result, counts, targets, settings, location=location, boxes=boxes, crs=crs)


def search(
    chooser: PlaceChooser,
    model: FittedModel,
    harm_model: HarmModel | None,
    *,
    settings: FindSettings,
    rng: Generator,
) -> SearchResult:
    """Which places are chosen, how sure is their order, and what would have been chosen otherwise?"""
    next_month = model.forecast.origin
    by_harm = harm_model is not None and chooser.rules.by_harm
    ranking, other_ranking = (harm_model, model) if harm_model and by_harm else (model, harm_model)
    place_choice, hours_share = chooser.choose(ranking.expected_values, next_month)
    certainty = _measure_certainty(chooser, ranking, place_choice.listed_index, hours_share, settings, rng)
    earlier_index = other_index = None
    if ranking.earlier_values is not None:
        earlier_index = chooser.choose_index(ranking.earlier_values, next_month - 1)
    if other_ranking is not None:
        other_index = chooser.choose_index(other_ranking.expected_values, next_month)
    return SearchResult(
        chooser, model, harm_model, place_choice, hours_share, certainty, earlier_index, other_index
    )


def _check_finder(finder: NamedFinder | None, rules: Rules) -> None:
    if finder is not None and rules.by_harm:
        raise UsageError(
            f"The finder {finder.name!r} foretells incidents, not harm. Leave it out, or rank by count."
        )


def _count_in_places(
    counts: Counts,
    targets: Targets,
    boundary: BaseGeometry | None,
    places: PlaceSet | PlacedBoxes | None,
    settings: FindSettings,
) -> tuple[PlacePanel, PlacedBoxes | None]:
    """The panel of the places; floating boxes bring their own, for they were placed on its counts."""
    if isinstance(places, PlacedBoxes):
        return places.panel, places
    return build_panel(counts, targets, boundary=boundary, places=places, settings=settings), None


def _measure_certainty(
    chooser: PlaceChooser,
    ranking: FittedModel | HarmModel,
    listed_index: Ints,
    hours_share: Floats | float,
    settings: FindSettings,
    rng: Generator,
) -> RankCertainty:
    """P(top), rank intervals and tie groups of the listed places, by drawing the rates of all together."""
    # Only what can be listed competes for a rank: the ground between boxes holds much, and is on no list.
    is_listable = listable_mask(chooser.panel.places)
    listed_position = np.cumsum(is_listable)[listed_index] - 1
    # P(top) is about the order of places, so records that may have happened next door make it less sure,
    # although the numbers shown as expected are those of the records' own points.
    rate_posterior = scale_to_hours(ranking.displaced_posterior, hours_share)
    rate_posterior = GammaPosterior(rate_posterior.shape[is_listable], rate_posterior.rate[is_listable])
    drawn_rates = draw_rates(
        rate_posterior, top=settings.count, draws=settings.draws, rng=rng, required=listed_position
    )
    return rank_certainty(drawn_rates, listed_position, top=settings.count, level=settings.level)
