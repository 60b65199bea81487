"""How long do the tiles of a whole city take, how large are they, and does GDAL do better?"""

from __future__ import annotations

import gzip
import tempfile
import time
from pathlib import Path

import numpy as np
import shapely
from _measure import report
from pyogrio.raw import write

from becalm.methods.map_projection import WGS84, project_shapes
from becalm.render.vector_tiles import MapLayer, encode_zoom, map_square, write_tile_archive
from becalm.simulate.geography import build_land
from becalm.simulate.settings import Settings
from becalm.simulate.streets import build_streets

ZOOMS = range(8, 15)
MOST_SECONDS, MOST_BYTES, LARGEST_TILE = 15.0, 4_000_000, 65_536


def main() -> None:
    """The simulated city's streets at full size, by both."""
    rng = np.random.default_rng(7)
    settings = Settings()
    streets = build_streets(build_land(settings, rng), settings, rng)
    ends_m = np.stack([streets.nodes[streets.start], streets.nodes[streets.end]], axis=1)
    lines = project_shapes(np.asarray(shapely.linestrings(ends_m)), "EPSG:27700", WGS84)
    names = np.array(streets.names(), dtype=object)[streets.street].tolist()
    kinds = np.where(streets.is_main, "main", "local").tolist()
    start = time.process_time()
    zooms = np.where(streets.is_main, 8, 12)
    layer = MapLayer("streets", map_square(lines), kinds, names, zooms, np.where(streets.is_main, 12, 14))
    bounds = shapely.total_bounds(lines).tolist()
    archive = write_tile_archive([layer], ZOOMS, bounds=bounds, facts={})
    own_seconds = time.process_time() - start
    largest = max(len(gzip.compress(tile)) for zoom in ZOOMS for tile in encode_zoom([layer], zoom).values())
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        path = Path(folder) / "gdal.pmtiles"
        fields = [np.array(names, dtype=object), np.array(kinds, dtype=object)]
        options = {"MINZOOM": str(ZOOMS[0]), "MAXZOOM": str(ZOOMS[-1])}
        write(
            path,
            shapely.to_wkb(lines),
            fields,
            fields=["name", "kind"],
            geometry_type="LineString",
            crs=WGS84,
            driver="PMTiles",
            dataset_options=options,
        )
        gdal_seconds, gdal_bytes = time.process_time() - start, path.stat().st_size
    what = f"tiles of {len(lines):,} streets, zoom {ZOOMS[0]} to {ZOOMS[-1]}"
    report(f"{what}: processor time", own_seconds, "GDAL's driver PMTiles", gdal_seconds, most=MOST_SECONDS)
    megabytes = (len(archive) / 1e6, gdal_bytes / 1e6)
    report(f"{what}: size", megabytes[0], "GDAL's", megabytes[1], unit="MB", most=MOST_BYTES / 1e6)
    report(f"{what}: largest tile", largest / 1024, unit="KB", most=LARGEST_TILE / 1024)


if __name__ == "__main__":
    main()
