"""What a patrol plan is made of: ways over streets, and a million fixes reduced to visits."""

from datetime import UTC, datetime

import numpy as np
from _measure import report, seconds
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from becalm.patrol.core.delivery import Traces, visits_from_traces
from becalm.patrol.core.plan_inputs import Dosage, PatrolPlace
from becalm.patrol.core.travel import build_street_table
from becalm.patrol.files.read_policy import load_policy
from becalm.simulate.city import simulate_city
from becalm.simulate.settings import Settings, shrink_to_town
from becalm.simulate.streets import Streets
from becalm.tables import StreetNetwork

STOPS = 252
FIXES = 1_000_000


def main() -> None:
    """Measure both."""
    book = load_policy()
    rng = np.random.default_rng(1)
    streets = simulate_city(shrink_to_town(Settings()), np.random.default_rng(2)).plan.streets
    network = network_of(streets)
    at = streets.nodes[rng.integers(0, len(streets.nodes), STOPS)] + rng.normal(0, 20, (STOPS, 2))
    stops = {f"h{i}": (float(x), float(y)) for i, (x, y) in enumerate(at)}
    pace = book.paces["vehicle"]
    ours = seconds(lambda: build_street_table(network, stops, "vehicle", pace, quantile=0.8), repeats=3)
    theirs = seconds(lambda: all_pairs(streets), repeats=1)
    report(f"ways between {STOPS} stops", ours, "scipy, every junction to every other", theirs, most=2)
    places = places_of(stops)
    traces = fixes(rng, places)
    plain = seconds(lambda: nearest_only(traces, places), repeats=3)
    work = seconds(lambda: visits_from_traces(traces, places, book.delivered), repeats=3)
    report(f"{traces.size:,} fixes to visits", work, "numpy, distance to every hotspot", plain, most=5)


def network_of(streets: Streets) -> StreetNetwork:
    """The simulated streets, open both ways."""
    start, end = np.concatenate([streets.start, streets.end]), np.concatenate([streets.end, streets.start])
    length, speed = np.tile(streets.length_m, 2), np.tile(streets.speed_kph, 2)
    return StreetNetwork(streets.nodes, start, end, length, speed, np.ones(len(start), bool), "benchmark")


def all_pairs(streets: Streets) -> object:
    """The plain way: all junctions at once."""
    shape = (len(streets.nodes), len(streets.nodes))
    graph = coo_array((streets.travel_minutes, (streets.start, streets.end)), shape=shape).tocsr()
    return dijkstra(graph, directed=False)


def places_of(stops: dict[str, tuple[float, float]]) -> list[PatrolPlace]:
    """The stops as hotspots."""
    week = (1 / 168,) * 168
    return [PatrolPlace(h, "A", x, y, 85.0, 1.0, Dosage(3.0, 45.0), week) for h, (x, y) in stops.items()]


def fixes(rng: np.random.Generator, places: list[PatrolPlace]) -> Traces:
    """Officers who stand at a hotspot for a quarter of an hour, then at another one."""
    officers, repeats = 350, FIXES // 350 + 1
    visit = np.arange(repeats) // 90
    visited = rng.integers(0, len(places), (officers, visit[-1] + 1))[:, visit]
    middle = np.array([(p.easting_m, p.northing_m) for p in places])[visited.ravel()]
    positions = middle + rng.normal(0, 30, middle.shape)
    officer = np.repeat(np.arange(officers), repeats)
    at_s = np.tile(datetime(2026, 3, 2, tzinfo=UTC).timestamp() + 10.0 * np.arange(repeats), officers)
    units = tuple(f"U{i}" for i in range(officers))
    return Traces(officer, officer, units, at_s, positions[:, 0], positions[:, 1], np.full(len(at_s), 8.0))


def nearest_only(traces: Traces, places: list[PatrolPlace]) -> object:
    """The plain way: each fix to its nearest hotspot, by every distance; no visits yet."""
    middle = np.array([(p.easting_m, p.northing_m) for p in places])
    way_minutes = []
    for part in np.array_split(np.column_stack([traces.easting_m, traces.northing_m]), 200):
        away = np.hypot(part[:, None, 0] - middle[:, 0], part[:, None, 1] - middle[:, 1])
        way_minutes.append(away.argmin(axis=1))
    return np.concatenate(way_minutes)


if __name__ == "__main__":
    main()
