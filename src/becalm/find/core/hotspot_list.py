"""The chosen places as they are shown: what each is called, what is expected there, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaincinv
from scipy.stats import rankdata
from shapely import to_wkt

from becalm.find.core.fitted_model import FittedModel
from becalm.find.core.harm import HarmModel, split_harm
from becalm.find.core.select import PlaceChoice
from becalm.methods.arrays import Floats, Ints
from becalm.methods.blend import GammaPosterior
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.ranks import RankCertainty
from becalm.terms import Churn, Estimate, Hotspot, PlaceHarm, PlaceShape

METHOD = "gamma-Poisson blend"
HARM_METHOD = "weighted sum of gamma-Poisson blends, one per offence group"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a list is made of: what is known, the chosen places, how sure their order is, and those before.

    `share` is that of each place's week that the list is for; `also` is the list that the other rank gives.
    """

    known: FittedModel
    harm: HarmModel | None
    choice: PlaceChoice
    share: Floats | float
    certainty: RankCertainty
    earlier: Ints | None
    also: Ints | None


def build_hotspots(places: CellGrid | PlaceSet, found: SearchResult, level: float) -> tuple[Hotspot, ...]:
    """The chosen places as they are shown: named, with what is expected of each and how sure its rank is."""
    listed, certainty = found.choice.listed, found.certainty
    expected = _estimates(scale_to_hours(found.known.posterior, found.share), listed, level, METHOD)
    harm = _harms(found, level)
    named = _named(places, listed)
    return tuple(
        Hotspot(
            rank=i + 1,
            **named[i],
            expected=expected[i],
            p_top=float(certainty.p_top[i]),
            rank_low=int(certainty.rank_low[i]),
            rank_high=int(certainty.rank_high[i]),
            tie_group=int(certainty.tie_group[i]),
            harm=harm[i] if harm else None,
        )
        for i in range(len(listed))
    )


def _harms(found: SearchResult, level: float) -> tuple[PlaceHarm, ...]:
    if found.harm is None:
        return ()
    listed, share = found.choice.listed, found.share
    posterior = scale_to_hours(found.harm.posterior, share)
    expected = _estimates(posterior, listed, level, HARM_METHOD)
    by_harm, by_count = (
        rankdata(-mean, method="min")[listed].astype(int).tolist()
        for mean in (posterior.mean, scale_to_hours(found.known.posterior, share).mean)
    )
    return tuple(
        PlaceHarm(
            expected=expected[i],
            harm_rank=by_harm[i],
            count_rank=by_count[i],
            parts=split_harm(
                found.harm, int(place), float(share[place]) if isinstance(share, np.ndarray) else share
            ),
            events=float(posterior.shape[place]),
        )
        for i, place in enumerate(listed)
    )


def scale_to_hours(posterior: GammaPosterior, share: Floats | float) -> GammaPosterior:
    """The same rates in the share of the week that a list is for."""
    return GammaPosterior(posterior.shape, posterior.rate / share)


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


def _estimates(posterior: GammaPosterior, listed: Ints, level: float, method: str) -> tuple[Estimate, ...]:
    """The means with their intervals, stretched to hold them where a distribution is very lopsided."""
    shape, rate, value = posterior.shape[listed], posterior.rate[listed], posterior.mean[listed]
    low, high = (gammaincinv(shape, q) / rate for q in ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    low, high = np.minimum(low, value), np.maximum(high, value)
    rows = zip(value.tolist(), low.tolist(), high.tolist(), strict=True)
    return tuple(Estimate(mean, least, most, level, method) for mean, least, most in rows)


def measure_churn(months: Sequence[str], listed: Ints, earlier: Ints | None, p_top: Floats) -> Churn | None:
    """How many of the listed places are new since a month earlier, and how many are in doubt?"""
    if earlier is None:
        return None
    came = int(np.isin(listed, earlier, invert=True).sum())
    return Churn(months[-1], came, float((1.0 - p_top).sum()))
