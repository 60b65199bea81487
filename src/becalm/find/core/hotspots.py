"""Which micro-places carry the target offences, how sure is the list, and what does it rest on?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from scipy.special import gammaincinv
from scipy.stats import rankdata
from shapely import to_wkt
from shapely.geometry.base import BaseGeometry

from becalm import terms
from becalm.find.core import place_panel
from becalm.find.core.choose_places import PlaceChoice, PlaceChooser
from becalm.find.core.fitted_model import FittedModel, fit_model
from becalm.find.core.floating_boxes import PlacedBoxes, warn_of_placement
from becalm.find.core.harm_model import HarmModel, build_harm_basis, fit_harm_model, split_harm, warn_of_harm
from becalm.find.core.list_rules import Rules
from becalm.find.core.location_uncertainty import LocationUncertainty
from becalm.find.core.plugin import BLEND, NamedFinder
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.arrays import Floats, Ints
from becalm.methods.gamma_poisson import GammaPosterior
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.rank_certainty import RankCertainty, rank_certainty

METHOD = "gamma-Poisson blend"
HARM_METHOD = "weighted sum of gamma-Poisson blends, one per offence group"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The chosen places, by what and on what they were chosen, and how sure their order is.

    `hours_share` is the share of each place's week that the list is for; `earlier_index` are the places that
    would have been chosen a month earlier, `other_index` those that the other rank (harm or count) gives.
    """

    chooser: PlaceChooser
    model: FittedModel
    harm_model: HarmModel | None
    choice: PlaceChoice
    hours_share: Floats | float
    certainty: RankCertainty
    earlier_index: Ints | None
    other_index: Ints | None


def find_hotspots(
    counts: place_panel.Counts,
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
) -> terms.HotspotList:
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
    place_chooser = PlaceChooser(panel, rules, finder, rng.spawn(1)[0])
    fitted_model = fit_model(panel, settings, location, rng, shrinkage=boxes.shrinkage if boxes else None)
    harm_model = fit_harm_model(panel, counts, targets, fitted_model, rules.harm, settings=settings, rng=rng)
    search_result = search(place_chooser, fitted_model, harm_model, settings=settings)
    return build_hotspot_list(
        search_result, counts, targets, settings, location=location, boxes=boxes, crs=crs
    )


def search(
    chooser: PlaceChooser,
    model: FittedModel,
    harm_model: HarmModel | None,
    *,
    settings: FindSettings,
) -> SearchResult:
    """Which places are chosen, how sure is their order, and what would have been chosen otherwise?"""
    next_month = model.forecast.origin
    is_ranked_by_harm = harm_model is not None and chooser.rules.by_harm
    ranking, other_ranking = (harm_model, model) if harm_model and is_ranked_by_harm else (model, harm_model)
    place_choice, hours_share = chooser.choose(ranking.expected_values, next_month)
    list_certainty = _measure_certainty(chooser, ranking, place_choice.listed_index, hours_share, settings)
    earlier_index = other_index = None
    if ranking.earlier_values is not None:
        earlier_index = chooser.choose_index(ranking.earlier_values, next_month - 1)
    if other_ranking is not None:
        other_index = chooser.choose_index(other_ranking.expected_values, next_month)
    return SearchResult(
        chooser, model, harm_model, place_choice, hours_share, list_certainty, earlier_index, other_index
    )


def _check_finder(finder: NamedFinder | None, rules: Rules) -> None:
    if finder is not None and rules.by_harm:
        raise terms.UsageError(
            f"The finder {finder.name!r} predicts incidents, not harm. Leave it out, or rank by count."
        )


def _count_in_places(
    counts: place_panel.Counts,
    targets: Targets,
    boundary: BaseGeometry | None,
    places: PlaceSet | PlacedBoxes | None,
    settings: FindSettings,
) -> tuple[place_panel.PlacePanel, PlacedBoxes | None]:
    """The panel of the places; floating boxes bring their own, for they were placed on its counts."""
    if isinstance(places, PlacedBoxes):
        return places.panel, places
    return place_panel.build_panel(counts, targets, boundary=boundary, places=places, settings=settings), None


def _measure_certainty(
    chooser: PlaceChooser,
    ranking: FittedModel | HarmModel,
    listed_index: Ints,
    hours_share: Floats | float,
    settings: FindSettings,
) -> RankCertainty:
    """P(top), rank intervals and tie groups of the listed places among all that can be listed."""
    # Only what can be listed competes for a rank: the ground between boxes holds much, and is on no list.
    is_listable = place_panel.listable_mask(chooser.panel.places)
    listed_positions = np.cumsum(is_listable)[listed_index] - 1
    rate_posterior = scale_to_hours(ranking.order_posterior, hours_share)
    rate_posterior = GammaPosterior(rate_posterior.shape[is_listable], rate_posterior.rate[is_listable])
    return rank_certainty(rate_posterior, listed_positions, top=settings.count, level=settings.level)


def build_hotspot_list(
    result: SearchResult,
    counts: place_panel.Counts,
    targets: Targets,
    settings: FindSettings,
    *,
    location: LocationUncertainty | None,
    boxes: PlacedBoxes | None,
    crs: str,
) -> terms.HotspotList:
    """The list with all that it rests on."""
    chooser, panel, model = result.chooser, result.chooser.panel, result.model
    scatter, harm_basis = model.scatter, _build_basis(result)
    return terms.HotspotList(
        hotspots=_build_hotspots(panel.places, result, settings.level),
        target=targets.target,
        related=targets.related if panel.related is not None else (),
        excluded_groups=targets.excluded_groups,
        cell_m=panel.places.width_m,
        crs=crs,
        level=settings.level,
        first_month=panel.months[0],
        last_month=panel.months[-1],
        half_life_months=model.forecast.half_life,
        blend=model.blend,
        concentration=place_panel.measure_concentration(boxes.squares if boxes else panel),
        incidents=int(panel.target.totals.sum()),
        places=int(place_panel.listable_mask(panel.places).sum()),
        area_m2=float(panel.places.amounts.sum()),
        denominator=panel.denominator,
        tied_below=result.certainty.tied_below,
        separation_m=settings.separation_m,
        source=counts.source,
        as_of=counts.as_of,
        burst=scatter.burst if scatter else None,
        drift=scatter.drift if scatter else None,
        warnings=tuple(_list_warnings(result, counts, settings, harm_basis, boxes)),
        kind=panel.kind,
        churn=None if boxes else _measure_churn(panel, result),
        location_error_m=location.typical_m if location else 0.0,
        selection=_build_selection(result),
        finder=chooser.finder.name if chooser.finder else BLEND,
        box_trial=boxes.shrinkage.trial if boxes else None,
        rank="harm" if chooser.rules.by_harm else "count",
        harm=harm_basis,
    )


def _build_hotspots(
    places: CellGrid | PlaceSet, result: SearchResult, level: float
) -> tuple[terms.Hotspot, ...]:
    listed_index, certainty = result.choice.listed_index, result.certainty
    hours_posterior = scale_to_hours(result.model.posterior, result.hours_share)
    count_estimates = _build_estimates(hours_posterior, listed_index, level, METHOD)
    place_harms = _build_place_harm(result, level)
    is_by_length = isinstance(places, PlaceSet) and places.by_length
    numbered_names = zip(listed_index.tolist(), place_panel.name_places(places, listed_index), strict=True)
    return tuple(
        terms.Hotspot(
            rank=i + 1,
            place_id=place_id,
            column=column,
            row=row,
            cell_m=places.width_m,
            area_m2=0.0 if is_by_length else float(places.amounts[place_number]),
            expected_count=count_estimates[i],
            p_top=float(certainty.p_top[i]),
            rank_low=int(certainty.rank_low[i]),
            rank_high=int(certainty.rank_high[i]),
            tie_group=int(certainty.tie_group[i]),
            shape=_build_shape(places, place_number) if isinstance(places, PlaceSet) else None,
            harm=place_harms[i] if place_harms else None,
        )
        for i, (place_number, (place_id, column, row)) in enumerate(numbered_names)
    )


def _build_shape(places: PlaceSet, place_number: int) -> terms.PlaceShape:
    x, y = places.centres_m
    outline_wkt = to_wkt(places.outlines[place_number], rounding_precision=3)
    length_m = float(places.amounts[place_number]) if places.by_length else 0.0
    return terms.PlaceShape(
        places.kind, float(x[place_number]), float(y[place_number]), outline_wkt, length_m
    )


def _build_place_harm(result: SearchResult, level: float) -> tuple[terms.PlaceHarm, ...]:
    harm_model, listed_index = result.harm_model, result.choice.listed_index
    if harm_model is None:
        return ()
    harm_posterior = scale_to_hours(harm_model.posterior, result.hours_share)
    count_posterior = scale_to_hours(result.model.posterior, result.hours_share)
    harm_estimates = _build_estimates(harm_posterior, listed_index, level, HARM_METHOD)
    harm_rank_of_place, count_rank_of_place = (
        rankdata(-means, method="min")[listed_index].astype(int).tolist()
        for means in (harm_posterior.mean, count_posterior.mean)
    )
    hours_shares = np.broadcast_to(result.hours_share, harm_posterior.shape.shape)
    return tuple(
        terms.PlaceHarm(
            expected_harm=harm_estimates[i],
            harm_rank=harm_rank_of_place[i],
            count_rank=count_rank_of_place[i],
            parts=split_harm(harm_model, int(place_number), float(hours_shares[place_number])),
            events=float(harm_posterior.shape[place_number]),
        )
        for i, place_number in enumerate(listed_index)
    )


def scale_to_hours(posterior: GammaPosterior, hours_share: Floats | float) -> GammaPosterior:
    """The same rates in the share of the week that a list is for."""
    return GammaPosterior(posterior.shape, posterior.rate / hours_share)


def _build_estimates(
    posterior: GammaPosterior, listed_index: Ints, level: float, method: str
) -> tuple[terms.Estimate, ...]:
    shapes, rates, mean = (
        values[listed_index] for values in (posterior.shape, posterior.rate, posterior.mean)
    )
    low_count, high_count = (
        gammaincinv(shapes, q) / rates for q in ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    )
    # The mean of a very lopsided gamma lies outside its central interval, which is stretched to hold it.
    low_count, high_count = np.minimum(low_count, mean), np.maximum(high_count, mean)
    estimate_rows = zip(mean.tolist(), low_count.tolist(), high_count.tolist(), strict=True)
    return tuple(terms.Estimate(*estimate_row, level, method) for estimate_row in estimate_rows)


def _build_basis(result: SearchResult) -> terms.HarmBasis | None:
    weighting, listed_index = result.chooser.rules.harm, result.choice.listed_index
    if result.harm_model is None or result.other_index is None or weighting is None:
        return None
    shared_count = int(np.isin(listed_index, result.other_index).sum())
    return build_harm_basis(
        result.harm_model,
        weighting.weights,
        listed_index,
        shared_place_count=shared_count,
        hours_share=result.hours_share,
    )


def _build_selection(result: SearchResult) -> terms.Selection:
    """How the places were chosen; where harm leads, prices are in its unit."""
    rules, selection = result.chooser.rules, result.choice.selection
    return (
        replace(selection, unit=rules.harm.weights.harm_unit) if rules.harm and rules.by_harm else selection
    )


def _measure_churn(panel: place_panel.PlacePanel, result: SearchResult) -> terms.Churn | None:
    """How many of the listed places are new since a month earlier, and how many are in doubt?"""
    if result.earlier_index is None:
        return None
    new_place_count = int(np.isin(result.choice.listed_index, result.earlier_index, invert=True).sum())
    return terms.Churn(panel.months[-1], new_place_count, float((1.0 - result.certainty.p_top).sum()))


def _list_warnings(
    result: SearchResult,
    counts: place_panel.Counts,
    settings: FindSettings,
    harm_basis: terms.HarmBasis | None,
    boxes: PlacedBoxes | None,
) -> Iterator[str]:
    panel, listed_count = result.chooser.panel, len(result.choice.listed_index)
    if listed_count < settings.count:
        yield f"Only {listed_count} places could be listed of the {settings.count} asked for."
    if result.model.scatter is None:
        yield "The history is too short to see how far places move on: the list is less sure than it says."
    if panel.outside:
        yield f"{panel.outside:,} incidents of the target {_why_outside(panel.places)} and are left out."
    if counts.without_location:
        yield f"{counts.without_location:,} records have no location and cannot be placed."
    if harm_basis:
        yield from warn_of_harm(harm_basis)
    if boxes:
        yield from warn_of_placement(boxes.shrinkage.trial)


def _why_outside(places: CellGrid | PlaceSet) -> str:
    """Why an incident belongs to no place."""
    if isinstance(places, CellGrid):
        return "fell outside the boundary"
    if places.by_length:
        return f"lie further than {places.snap_m:g} m from any street"
    return "fell on none of the places (outside the boundary, or on excluded land)"
