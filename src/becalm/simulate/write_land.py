"""The city's map as files: city.toml, boundaries in WGS84, the street network as GraphML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from becalm.simulate import names
from becalm.simulate.city import Plan
from becalm.simulate.columns import CRS, TIME_ZONE
from becalm.simulate.geography import Land
from becalm.simulate.snap import to_wgs84
from becalm.simulate.streets import Streets
from becalm.simulate.write_units import units_toml

HOLIDAYS: Final = "GB-ENG"


def write_land(plan: Plan, folder: Path) -> None:
    """Write city.toml, the boundary files, the units and the streets."""
    land = plan.land
    (folder / "city.toml").write_text(city_toml(land), "utf-8")
    borough = land.borough_of_ward
    units = [land.unit_names[u] for u in land.unit_of_borough]
    _write_areas(
        folder / "boundaries.geojson",
        land.boroughs(),
        [
            {"name": n, "code": c, "command_unit": u}
            for n, c, u in zip(land.borough_names, land.borough_codes, units, strict=True)
        ],
    )
    _write_areas(
        folder / "wards.geojson",
        land.wards(),
        [
            {"name": n, "code": c, "borough": land.borough_names[b]}
            for n, c, b in zip(land.ward_names, land.ward_codes, borough, strict=True)
        ],
    )
    _write_areas(
        folder / "lsoas.geojson",
        land.cells,
        [
            {"name": n, "code": c, "ward": land.ward_names[w]}
            for n, c, w in zip(land.lsoa_names, land.lsoa_codes, land.ward_of_lsoa, strict=True)
        ],
    )
    (folder / "units.toml").write_text(units_toml(plan), "utf-8")
    (folder / "streets").mkdir()
    (folder / "streets" / "streets.graphml").write_text(graphml(plan.streets), "utf-8")


def city_toml(land: Land) -> str:
    """The city for `becalm init --city`."""
    west, south, east, north = (float(v) for v in shapely.total_bounds(land.cells))
    extent = [int(np.floor(west / 500) * 500), int(np.floor(south / 500) * 500)]
    extent += [int(np.ceil(east / 500) * 500), int(np.ceil(north / 500) * 500)]
    lines = [
        f"# {names.CITY} does not exist: it was made by `becalm simulate` and lies in the North Sea.",
        f'key = "{names.CITY_KEY}"',
        f'name = "{names.CITY}"',
        f'crs = "{CRS}"',
        f'time_zone = "{TIME_ZONE}"',
        f'holidays = "{HOLIDAYS}"',
        f"extent_m = {extent}",
    ]
    for name, unit, code in zip(land.borough_names, land.unit_of_borough, land.borough_codes, strict=True):
        lines += ["", "[[boroughs]]", f'name = "{name}"']
        lines += [f'command_unit = "{land.unit_names[unit]}"', f'code = "{code}"']
    return "\n".join(lines) + "\n"


def graphml(streets: Streets) -> str:
    """The street network; nodes carry x and y in metres, edges length_m, speed_kph and travel_minutes."""
    lines = [
        "<?xml version='1.0' encoding='utf-8'?>",
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        *(
            f'<key id="{key}" for="{what}" attr.name="{key}" attr.type="{kind}"/>'
            for what, key, kind in (
                ("graph", "crs", "string"),
                ("node", "x", "double"),
                ("node", "y", "double"),
                ("edge", "segment", "int"),
                ("edge", "name", "string"),
                ("edge", "highway", "string"),
                ("edge", "length_m", "double"),
                ("edge", "speed_kph", "double"),
                ("edge", "travel_minutes", "double"),
            )
        ),
        '<graph edgedefault="undirected">',
        f'<data key="crs">{CRS}</data>',
    ]
    lines += [
        f'<node id="{i}"><data key="x">{x:.1f}</data><data key="y">{y:.1f}</data></node>'
        for i, (x, y) in enumerate(streets.nodes.tolist())
    ]
    lines += _edges(streets)
    return "\n".join([*lines, "</graph>", "</graphml>", ""])


def _edges(streets: Streets) -> Iterable[str]:
    words = streets.names()
    columns = zip(
        streets.start.tolist(),
        streets.end.tolist(),
        streets.street.tolist(),
        streets.main.tolist(),
        streets.length_m.tolist(),
        streets.speed_kph.tolist(),
        streets.travel_minutes.tolist(),
        strict=True,
    )
    return [
        f'<edge source="{a}" target="{b}"><data key="segment">{i}</data><data key="name">{words[n]}</data>'
        f'<data key="highway">{"primary" if m else "residential"}</data><data key="length_m">{d:.1f}</data>'
        f'<data key="speed_kph">{v:.0f}</data><data key="travel_minutes">{t:.4f}</data></edge>'
        for i, (a, b, n, m, d, v, t) in enumerate(columns)
    ]


def _write_areas(path: Path, shapes: NDArray[Any], facts: Sequence[dict[str, str]]) -> None:
    """A GeoJSON FeatureCollection in WGS84; neighbours keep exactly the same corners."""
    turned = shapely.transform(shapes, lambda xy: np.column_stack(to_wgs84(xy)).round(7))
    features = [
        {"type": "Feature", "properties": p, "geometry": json.loads(g)}
        for p, g in zip(facts, shapely.to_geojson(turned), strict=True)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"))
    path.write_text(text + "\n", "utf-8")
