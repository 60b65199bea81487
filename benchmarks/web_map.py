"""How long until the street map of 250 hotspots stands still, over all streets of a city?

Each of the openings is a browser that was never there before: it fetches the page, the scripts and the tiles.
Chromium runs on the same two cores as the site, without a graphics card.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from _measure import report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import town
from browser import DESK, open_browser
from sites import Served, serve

OPENINGS, HOTSPOTS, WAIT_MS = 20, 250, 60_000
MOST_MEDIAN_S, MOST_WORST_S, MOST_PAINT_MS, MOST_KB = 1.6, 2.5, 300.0, 600.0
IDLE = '[data-street-map][data-state="idle"], [data-street-map][data-state="failed"]'
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
NOW = "performance.now()"


def city_of(folder: Path) -> Path:
    """A workspace with the streets of a whole simulated city, and few records."""
    words = ("--seed", 7, "--months", "2018-03:2020-05", "--incidents", 60_000)
    files, workspace = folder / "files", folder / "city"
    town.becalm("simulate", *words, "--out", files)
    shapes = ("--boundaries", files / "boundaries.geojson")
    town.becalm("init", workspace, "--city", files / "city.toml", *shapes)
    town.becalm("ingest", files / "extract", "--workspace", workspace, "--as-of", "2020-07-01")
    return workspace


def open_once(served: Served, cookie: str, path: str) -> tuple[float, float, float]:
    """Seconds until the map is idle, milliseconds until the first paint, kilobytes over the line."""
    with open_browser() as browser:
        context = browser.new_context(viewport={"width": DESK[0], "height": DESK[1]})
        context.add_cookies([{"name": "becalm", "value": cookie, "url": served.url}])
        page, sizes = context.new_page(), list[int]()
        page.on("requestfinished", lambda request: sizes.append(sum_sizes(request.sizes())))
        page.goto(f"{served.url}{path}")
        page.wait_for_selector(IDLE, timeout=WAIT_MS)
        idle_s = float(page.evaluate(NOW)) / 1000
        state = page.get_attribute("[data-street-map]", "data-state")
        assert state == "idle", state
        paint_ms = float(page.evaluate(PAINT))
        context.close()
    return idle_s, paint_ms, sum(sizes) / 1024


def sum_sizes(sizes: dict[str, int]) -> int:
    """What one answer took on the line."""
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def main() -> None:
    """All openings, and how they stand to what is asked."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = city_of(Path(folder))
        with serve(workspace) as served:
            client = served.client("analyst")
            path = client.answer_to("/find/ask/hotspots", count=str(HOTSPOTS), target="robbery")
            opened = [open_once(served, client.cookies["becalm"], path) for _ in range(OPENINGS)]
    idle_s, paint_ms, kilobytes = zip(*opened, strict=True)
    what = f"map of {HOTSPOTS} hotspots"
    report(f"{what}: idle, median of {OPENINGS}", median(idle_s), most=MOST_MEDIAN_S)
    report(f"{what}: idle, worst of {OPENINGS}", max(idle_s), most=MOST_WORST_S)
    report(f"{what}: first paint, median", median(paint_ms), unit="ms", most=MOST_PAINT_MS)
    report(f"{what}: over the line", max(kilobytes), unit="KB", most=MOST_KB)


if __name__ == "__main__":
    main()
