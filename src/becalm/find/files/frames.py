"""A list of hotspots as a GeoDataFrame, for use in a notebook."""

from __future__ import annotations

import geopandas
from shapely.geometry.base import BaseGeometry

from becalm.find.files.hotspots import outlines_of
from becalm.terms import HotspotList


def hotspots_frame(found: HotspotList, *, boundary: BaseGeometry | None = None) -> geopandas.GeoDataFrame:
    """One row per listed place with its outline, in the coordinate system of the list."""
    return geopandas.GeoDataFrame(
        [
            {
                "rank": h.rank,
                "place_id": h.place_id,
                "expected": h.expected.value,
                "expected_low": h.expected.low,
                "expected_high": h.expected.high,
                "p_top": h.p_top,
                "rank_low": h.rank_low,
                "rank_high": h.rank_high,
                "tie_group": h.tie_group,
                "borough": h.borough,
            }
            for h in found.hotspots
        ],
        geometry=list(outlines_of(found, boundary)),
        crs=found.crs,
    )
