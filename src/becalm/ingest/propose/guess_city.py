"""A city file to begin with, for records that lie outside the workspace's city: guessed, and asked about."""

from collections.abc import Sequence
from importlib.resources import files

import numpy as np
from pyproj import Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from becalm.methods.arrays import Floats

WGS84 = "EPSG:4326"
GRID_M = 1000  # the extent is rounded outwards to it
CITY_FILE = """\
# A city file to begin with, guessed from the points of {source}. Check every entry, correct it,
# then: becalm init DIR --city THIS_FILE
key = "{key}"
name = "{name}"
crs = "{crs}" # in metres; your own country's grid is better, if it has one
time_zone = "{time_zone}" # of the nearest city that the zone database knows
holidays = "" # a country or subdivision, e.g. "GB-ENG" or "US-PA"
# west, south, east, north in that system: what lies outside is another city's
extent_m = [{extent}]
"""


def guess_city(longitude: Floats, latitude: Floats, *, key: str, source: str) -> str:
    """What would a city file say for these points? The middle nine tenths of them make its extent."""
    west, east = np.quantile(longitude, [0.05, 0.95])
    south, north = np.quantile(latitude, [0.05, 0.95])
    area_of_interest = AreaOfInterest(float(west), float(south), float(east), float(north))
    crs_infos = query_utm_crs_info(datum_name="WGS 84", area_of_interest=area_of_interest)
    crs = f"EPSG:{crs_infos[0].code}" if crs_infos else "EPSG:3857"
    to_metres = Transformer.from_crs(WGS84, crs, always_xy=True)
    x_m, y_m = to_metres.transform([west, east], [south, north])
    margin_m = 0.25 * max(np.ptp(x_m), np.ptp(y_m), GRID_M)
    low_m, high_m = np.array([min(x_m), min(y_m)]) - margin_m, np.array([max(x_m), max(y_m)]) + margin_m
    extent_m = np.concatenate([np.floor(low_m / GRID_M), np.ceil(high_m / GRID_M)]).astype(int) * GRID_M
    return CITY_FILE.format(
        source=source,
        key=key,
        name=key.replace("_", " ").title(),
        crs=crs,
        time_zone=nearest_time_zone(float(np.median(longitude)), float(np.median(latitude))),
        extent=", ".join(map(str, extent_m.tolist())),
    )


def nearest_time_zone(longitude: float, latitude: float) -> str:
    """The zone whose principal city is nearest to this point.

    >>> nearest_time_zone(-75.1, 40.0)
    'America/New_York'
    """
    zone_table_text = (files("tzdata") / "zoneinfo" / "zone1970.tab").read_text("utf-8")
    zone_fields = [line.split("\t") for line in zone_table_text.splitlines() if not line.startswith("#")]
    zone_points = np.radians([_degrees(field[1]) for field in zone_fields])
    asked_point = np.radians([latitude, longitude])
    # of the great circle, the haversine: it orders by distance
    haversine_terms = np.sin((zone_points - asked_point) / 2) ** 2
    return zone_fields[
        int(
            np.argmin(
                haversine_terms[:, 0]
                + np.cos(asked_point[0]) * np.cos(zone_points[:, 0]) * haversine_terms[:, 1]
            )
        )
    ][2]


def _degrees(iso_6709: str) -> Sequence[float]:
    """Latitude and longitude of a text such as "+513030-0000731" (degrees, minutes and perhaps seconds)."""
    sign_position = max(iso_6709.rfind("+"), iso_6709.rfind("-"))
    degree_pair = []
    for text, width in ((iso_6709[:sign_position], 2), (iso_6709[sign_position:], 3)):
        digits_text = text[1:].ljust(width + 4, "0")
        degree_value = (
            int(digits_text[:width])
            + int(digits_text[width : width + 2]) / 60
            + int(digits_text[width + 2 :]) / 3600
        )
        degree_pair.append(-degree_value if text[0] == "-" else degree_value)
    return degree_pair
