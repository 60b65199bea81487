"""Which micro-places carry the target offences, and how sure is the list?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from shapely.geometry.base import BaseGeometry

from becalm.find.core.fitted_model import FittedModel, fit_model
from becalm.find.core.floating_boxes import PlacedBoxes, listable_mask, warn_of_placement
from becalm.find.core.harm import HarmModel, HarmWeighting, build_harm_basis, fit_harm_model, warn_of_harm
from becalm.find.core.hotspot_list import SearchResult, build_hotspots, measure_churn, scale_to_hours
from becalm.find.core.location_uncertainty import LocationUncertainty
from becalm.find.core.place_panel import PlacePanel, build_panel
from becalm.find.core.plugin import BLEND, NamedFinder
from becalm.find.core.rules import Rules
from becalm.find.core.select import PlaceChooser
from becalm.find.core.settings import FindSettings
from becalm.find.core.targets import Targets
from becalm.methods.blend import GammaPosterior
from becalm.methods.concentration import concentration, even_null
from becalm.methods.drift import Scatter
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.ranks import draw_rates, rank_certainty
from becalm.tables import PlaceCounts, PointCounts
from becalm.terms import Concentration, HarmBasis, HotspotList, UsageError


def find_hotspots(
    counts: PlaceCounts | PointCounts,
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

    `boundary` or `places` are in the same metres as the counts. All months of `counts` are used. Boroughs and
    hour-of-week profiles are added afterwards by `describe_places`. Without `rules` the list keeps the count
    and the separation of the settings; rules about areas or hours bring what they need to know of places.
    With `location` the doubt about where each record happened is part of P(top) and of the rank intervals.
    A `finder` chooses the places; what is expected, and how sure that is, stays becalm's answer.
    Where `places` are floating boxes, all that is expected of them is cut to what lasts.
    Where the rules name harm, each place shows its expected harm and its rank by both; where harm leads, the
    places, P(top), rank intervals, churn and the prices of rules are by harm.

    Raises
    ------
    QuestionError
        where there are too few months, incidents or places, or a group of the target has no harm weight.
    UsageError
        where a finder, which counts incidents, is to choose by harm.
    """
    settings = settings or FindSettings()
    rules = rules or Rules(count=settings.count, separation_m=settings.separation_m)
    settings, harm = rules.applied_to(settings), rules.harm
    boxes = places if isinstance(places, PlacedBoxes) else None
    shaped = places if isinstance(places, PlaceSet) else None
    panel = (
        boxes.panel
        if boxes
        else build_panel(counts, targets, boundary=boundary, places=shaped, settings=settings)
    )
    by = PlaceChooser(panel, rules, finder, rng.spawn(1)[0])
    _refuse_finder_by_harm(finder, rules)
    known = fit_model(panel, settings, location, rng, lasting=boxes.lasting if boxes else None)
    weighed = (
        fit_harm_model(panel, counts, targets, known, harm, settings=settings, rng=rng.spawn(1)[0])
        if harm
        else None
    )
    found = search(by, known, weighed, settings=settings, rng=rng)
    asked = _Asked(counts, targets, settings, rules, location, finder, boxes)
    return build_hotspot_list(asked, panel, found, crs=crs)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a list was asked for, and of what it is made."""

    counts: PlaceCounts | PointCounts
    targets: Targets
    settings: FindSettings
    rules: Rules
    location: LocationUncertainty | None
    finder: NamedFinder | None
    boxes: PlacedBoxes | None


def build_hotspot_list(asked: _Asked, panel: PlacePanel, found: SearchResult, *, crs: str) -> HotspotList:
    """The list with all that it rests on."""
    counts, settings, boxes, harm = asked.counts, asked.settings, asked.boxes, asked.rules.harm
    scatter, certainty, listed = found.known.scatter, found.certainty, found.choice.listed
    basis, selection = _basis(found, harm), found.choice.selection
    leads = asked.rules.by_harm
    return HotspotList(
        hotspots=build_hotspots(panel.places, found, settings.level),
        target=asked.targets.target,
        related=asked.targets.related if panel.related is not None else (),
        excluded=asked.targets.excluded,
        cell_m=panel.places.width_m,
        crs=crs,
        level=settings.level,
        first_month=panel.months[0],
        last_month=panel.months[-1],
        half_life_months=found.known.score.half_life,
        blend=found.known.blend,
        concentration=measure_concentration(boxes.squares if boxes else panel),
        incidents=int(panel.target.totals.sum()),
        places=int(listable_mask(panel.places).sum()),
        area_m2=float(panel.places.amounts.sum()),
        denominator=panel.denominator,
        tied_below=certainty.tied_below,
        separation_m=settings.separation_m,
        draws=settings.draws,
        source=counts.source,
        as_of=counts.as_of,
        burst=scatter.burst if scatter else None,
        drift=scatter.drift if scatter else None,
        warnings=(*_warnings(panel, counts, len(listed), settings, scatter), *_notes(basis, boxes)),
        kind=panel.kind,
        churn=None if boxes else measure_churn(panel.months, listed, found.earlier, certainty.p_top),
        location_error_m=asked.location.typical_m if asked.location else 0.0,
        selection=replace(selection, unit=harm.weights.harm_unit) if harm and leads else selection,
        finder=asked.finder.name if asked.finder else BLEND,
        box_trial=boxes.lasting.told if boxes else None,
        rank="harm" if leads else "count",
        harm=basis,
    )


def _notes(basis: HarmBasis | None, boxes: PlacedBoxes | None) -> tuple[str, ...]:
    return (
        *(warn_of_harm(basis) if basis else ()),
        *(warn_of_placement(boxes.lasting.told) if boxes else ()),
    )


def _refuse_finder_by_harm(finder: NamedFinder | None, rules: Rules) -> None:
    if finder is not None and rules.by_harm:
        raise UsageError(
            f"The finder {finder.name!r} foretells incidents, not harm. Leave it out, or rank by count."
        )


def _basis(found: SearchResult, asked: HarmWeighting | None) -> HarmBasis | None:
    if found.harm is None or found.also is None or asked is None:
        return None
    listed = found.choice.listed
    shared = int(np.isin(listed, found.also).sum())
    return build_harm_basis(found.harm, asked.weights, listed, shared=shared, share=found.share)


def search(
    by: PlaceChooser, known: FittedModel, harm: HarmModel | None, *, settings: FindSettings, rng: Generator
) -> SearchResult:
    """Which places are chosen, how sure is their order, and what would have been chosen otherwise?"""
    before = None if known.before is None else known.before.expected
    incidents = (known.score.expected, before, known.doubted)
    leads = by.rules.by_harm
    asked = (harm.expected, harm.before, harm.doubted) if harm and leads else incidents
    expected, before, doubted = asked
    last = known.score.origin
    choice, share = by.choose(expected, last)
    listed = choice.listed
    among = listable_mask(by.panel.places)
    asked_about = np.cumsum(among)[listed] - 1
    rates = scale_to_hours(doubted, share)
    rates = GammaPosterior(rates.shape[among], rates.rate[among])
    draws = draw_rates(rates, top=settings.count, draws=settings.draws, rng=rng, always=asked_about)
    certainty = rank_certainty(draws, asked_about, top=settings.count, level=settings.level)
    earlier = None if before is None else by.choose(before, last - 1, priced=False)[0].listed
    also = None
    if harm is not None:
        other = incidents[0] if leads else harm.expected
        also = by.choose(other, last, priced=False)[0].listed
    return SearchResult(known, harm, choice, share, certainty, earlier, also)


def measure_concentration(panel: PlacePanel, months: int = 12) -> Concentration:
    """How concentrated is the target in the last months, beside what chance alone gives?"""
    last = len(panel.months)
    held = panel.target.window(last - months, last)
    shares = concentration(held)
    null_25, null_50 = even_null(int(held.sum()), panel.places.amounts)
    return Concentration(
        incidents=int(held.sum()),
        places=int(listable_mask(panel.places).sum()),
        share_25=shares.share_25,
        share_50=shares.share_50,
        null_share_25=null_25,
        null_share_50=null_50,
        gini=shares.gini,
        gini_generalised=shares.gini_generalised,
    )


def _beyond(places: CellGrid | PlaceSet) -> str:
    """Why an incident belongs to no place."""
    if isinstance(places, CellGrid):
        return "fell outside the boundary"
    if places.by_length:
        return f"lie further than {places.snap_m:g} m from any street"
    return "fell on none of the places (outside the boundary, or on excluded land)"


def _warnings(
    panel: PlacePanel,
    counts: PlaceCounts | PointCounts,
    listed: int,
    settings: FindSettings,
    scatter: Scatter | None,
) -> tuple[str, ...]:
    out = []
    if listed < settings.count:
        out.append(f"Only {listed} places could be listed of the {settings.count} asked for.")
    if scatter is None:
        out.append(
            "The history is too short to see how far places move on: the list is less sure than it says."
        )
    if panel.outside:
        out.append(f"{panel.outside} incidents of the target {_beyond(panel.places)} and are left out.")
    if counts.without_location:
        out.append(f"{counts.without_location} records have no location and cannot be placed.")
    return tuple(out)
