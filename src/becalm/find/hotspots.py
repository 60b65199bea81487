"""Which micro-places carry the target offences, and how sure is the list?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv
from shapely import to_wkt
from shapely.geometry.base import BaseGeometry

from becalm.find.choose import Chooser
from becalm.find.churn import last_scores, measure_churn
from becalm.find.ground import Ground, lay_ground
from becalm.find.location import LocationError, carry_error
from becalm.find.plugin import OWN, NamedFinder
from becalm.find.rules import Rules
from becalm.find.score import Score, read_blend, score_places
from becalm.find.select import Choice
from becalm.find.settings import FindSettings
from becalm.find.targets import Targets
from becalm.methods.blend import GammaPosterior
from becalm.methods.concentration import concentration, even_null
from becalm.methods.drift import Scatter, fit_scatter, widen
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.ranks import RankCertainty, draw_rates, rank_certainty
from becalm.tables.point_counts import PointCounts
from becalm.tables.tally import PlaceCounts
from becalm.terms.estimate import Estimate
from becalm.terms.hotspot import Concentration, Hotspot, HotspotList, PlaceShape

Ints = NDArray[np.int64]
SCATTER_MONTHS = 12
CONTENDERS = 8  # times as many places as are listed: among these the order is decided
STEADY = Scatter(burst=1.0, drift=0.0)
METHOD = "gamma-Poisson blend"


def find_hotspots(
    counts: PlaceCounts | PointCounts,
    targets: Targets,
    *,
    crs: str,
    boundary: BaseGeometry | None = None,
    places: PlaceSet | None = None,
    settings: FindSettings | None = None,
    rules: Rules | None = None,
    location: LocationError | None = None,
    finder: NamedFinder | None = None,
    rng: np.random.Generator,
) -> HotspotList:
    """Which places will carry most of the target in the month after the last, and how sure is that?

    `boundary` or `places` are in the same metres as the counts. All months of `counts` are used. Boroughs and
    hour-of-week profiles are added afterwards by `describe_places`. Without `rules` the list keeps the count
    and the separation of the settings; rules about areas or hours bring what they need to know of places.
    With `location` the doubt about where each record happened is part of P(top) and of the rank intervals.
    A `finder` chooses the places; what is expected, and how sure that is, stays becalm's answer.

    Raises
    ------
    QuestionError
        where there are too few months, incidents or places.
    """
    settings = settings or FindSettings()
    rules = rules or Rules(count=settings.count, separation_m=settings.separation_m)
    settings = rules.applied_to(settings)
    ground = lay_ground(counts, targets, boundary=boundary, places=places, settings=settings)
    by = Chooser(ground, rules, finder, rng.spawn(1)[0])
    found = _seek(by, settings, location, rng)
    score, scatter, certainty, listed = found.score, found.scatter, found.certainty, found.choice.listed
    return HotspotList(
        hotspots=_hotspots(ground, found.posterior, listed, certainty, settings.level),
        target=targets.target,
        related=targets.related if ground.related is not None else (),
        excluded=targets.excluded,
        cell_m=ground.places.width_m,
        crs=crs,
        level=settings.level,
        first_month=ground.months[0],
        last_month=ground.months[-1],
        half_life_months=score.half_life,
        blend=read_blend(score),
        concentration=measure_concentration(ground),
        incidents=int(ground.target.totals.sum()),
        places=ground.size,
        area_m2=float(ground.places.amounts.sum()),
        denominator=ground.denominator,
        tied_below=certainty.tied_below,
        separation_m=settings.separation_m,
        draws=settings.draws,
        source=counts.source,
        as_of=counts.as_of,
        burst=scatter.burst if scatter else None,
        drift=scatter.drift if scatter else None,
        warnings=_warnings(ground, counts, len(listed), settings, scatter),
        kind=ground.kind,
        churn=measure_churn(ground.months, listed, found.earlier, certainty.p_top),
        location_error_m=location.typical_m if location else 0.0,
        selection=found.choice.selection,
        finder=finder.name if finder else OWN,
    )


@dataclass(frozen=True, slots=True)
class _Sought:
    """What a list is made of: the score, its certainty, the chosen places, and those of a month earlier."""

    score: Score
    scatter: Scatter | None
    posterior: GammaPosterior
    choice: Choice
    certainty: RankCertainty
    earlier: Ints | None


def _seek(
    by: Chooser, settings: FindSettings, location: LocationError | None, rng: np.random.Generator
) -> _Sought:
    score, before = last_scores(by.ground, settings)
    scatter = measure_scatter(by.ground, settings)
    posterior = widen(score.posterior, score.own, scatter or STEADY)
    doubted = posterior
    if location is not None:
        doubted = carry_error(score.posterior, posterior, score.own, location, by.ground.places, rng)
    choice, share = by.choose(score)
    in_hours, doubted = (GammaPosterior(p.shape, p.rate / share) for p in (posterior, doubted))
    top, listed = settings.count, choice.listed
    draws = draw_rates(doubted, top=top, draws=settings.draws, rng=rng, always=listed)
    certainty = rank_certainty(draws, listed, top=top, level=settings.level)
    earlier = None if before is None else by.choose(before, priced=False)[0].listed
    return _Sought(score, scatter, in_hours, choice, certainty, earlier)


def measure_scatter(ground: Ground, settings: FindSettings) -> Scatter | None:
    """How much less sure are places than steady independent incidents would make them?

    The last months (up to 12, at most half of all) are held out and foretold from those before, at the
    places that were then best: it is their order that must be known. None where the history is
    too short for that.
    """
    last = len(ground.months)
    origin = max(last - SCATTER_MONTHS, (last + 1) // 2, settings.least_months)
    known, held_out = (ground.target.window(a, b) for a, b in ((0, origin), (origin, last)))
    if origin >= last or min(known.sum(), held_out.sum()) < settings.least_incidents:
        return None
    (score,) = score_places(ground, settings, [origin])
    best = np.argsort(-score.expected, kind="stable")[: CONTENDERS * settings.count]
    among = GammaPosterior(score.posterior.shape[best], score.posterior.rate[best])
    return fit_scatter(among, score.own[best], held_out[best])


def measure_concentration(ground: Ground, months: int = 12) -> Concentration:
    """How concentrated is the target in the last months, beside what chance alone gives?"""
    last = len(ground.months)
    held = ground.target.window(last - months, last)
    shares = concentration(held)
    null_25, null_50 = even_null(int(held.sum()), ground.places.amounts)
    return Concentration(
        incidents=int(held.sum()),
        places=ground.size,
        share_25=shares.share_25,
        share_50=shares.share_50,
        null_share_25=null_25,
        null_share_50=null_50,
        gini=shares.gini,
        gini_generalised=shares.gini_generalised,
    )


def _hotspots(
    ground: Ground,
    posterior: GammaPosterior,
    listed: NDArray[np.int64],
    certainty: RankCertainty,
    level: float,
) -> tuple[Hotspot, ...]:
    shape, rate = posterior.shape[listed], posterior.rate[listed]
    low, high = (gammaincinv(shape, q) / rate for q in ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    value, named = posterior.mean[listed], _named(ground.places, listed)
    return tuple(
        Hotspot(
            rank=i + 1,
            **named[i],
            expected=_estimate(value[i], low[i], high[i], level),
            p_top=float(certainty.p_top[i]),
            rank_low=int(certainty.rank_low[i]),
            rank_high=int(certainty.rank_high[i]),
            tie_group=int(certainty.tie_group[i]),
        )
        for i in range(len(listed))
    )


def _named(places: CellGrid | PlaceSet, listed: Ints) -> list[dict[str, Any]]:
    """What each listed place is called, where it lies and how large it is."""
    amounts = places.amounts[listed]
    if isinstance(places, CellGrid):
        side, cells = places.cell_m, zip(places.columns[listed], places.rows[listed], amounts, strict=True)
        return [
            {
                "place_id": f"{side:g}m_{c}_{r}",
                "column": int(c),
                "row": int(r),
                "cell_m": side,
                "area_m2": float(a),
            }
            for c, r, a in cells
        ]
    x, y = places.centres_m
    return [
        {
            "place_id": places.ids[i],
            "column": int(i),
            "row": 0,
            "cell_m": places.width_m,
            "area_m2": 0.0 if places.by_length else float(amount),
            "shape": PlaceShape(
                places.kind,
                float(x[i]),
                float(y[i]),
                to_wkt(places.outlines[i], rounding_precision=3),
                float(amount) if places.by_length else 0.0,
            ),
        }
        for i, amount in zip(listed, amounts, strict=True)
    ]


def _estimate(value: float, low: float, high: float, level: float) -> Estimate:
    """The mean with its interval, stretched to hold it where the distribution is very lopsided."""
    return Estimate(float(value), float(min(low, value)), float(max(high, value)), level, METHOD)


def _beyond(places: CellGrid | PlaceSet) -> str:
    """Why an incident belongs to no place."""
    if isinstance(places, CellGrid):
        return "fell outside the boundary"
    if places.by_length:
        return f"lie further than {places.snap_m:g} m from any street"
    return "fell on none of the places (outside the boundary, or on excluded land)"


def _warnings(
    ground: Ground,
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
    if ground.outside:
        out.append(f"{ground.outside} incidents of the target {_beyond(ground.places)} and are left out.")
    if counts.without_location:
        out.append(f"{counts.without_location} records have no location and cannot be placed.")
    return tuple(out)
