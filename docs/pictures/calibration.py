"""Draws docs/pictures/calibration.svg: P(top) as stated beside what came true, by class and horizon.

Two panels: real records in rolling windows, and simulated cities, whose true rates are known. The figures are
made as in the exhaustive tests, whose functions are used here, on fewer cities and windows. The public data
(BECALM_SHARED_DATA) and a minute of a free processor are needed. The figures go to calibration.csv beside it.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from markupsafe import Markup

from becalm.find.core.fitted_model import fit_model
from becalm.find.core.place_panel import build_panel
from becalm.find.core.plugin import cut_past
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.rank_certainty import rank_certainty
from becalm.render import svg
from becalm.simulate.city import simulate_city
from becalm.simulate.settings import Settings

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tests" / folder) for folder in ("oracle", "support")]

import test_find_certainty as certainty  # noqa: E402  # found by the line above
import test_real_windows as windows  # noqa: E402  # found by the line above

SETTINGS = FindSettings()
CONTENDERS, ROUNDS = 1500, 60

HORIZONS = {1: "next month", 3: "next quarter", 6: "next half year"}
MARKS = {1: "●", 3: "▲", 6: "■"}
CITIES, MOMENTS = range(1, 5), (18, 30, 41)
CLASS_EDGES = (0.1, 0.3, 0.5, 0.7, 0.9)
LEAST = 150  # places of a class: fewer say little
SIDE, GAP, LEFT, TOP = 300.0, 70.0, 60.0, 50.0
Point = tuple[str, int, float, float, int]


def classes(panel: str, horizon: int, stated: np.ndarray, came_true: np.ndarray) -> Iterator[Point]:
    """One point for each class of P(top) with enough places: mean stated, share that came true, places."""
    class_of_place = np.digitize(stated, CLASS_EDGES)
    for number in range(len(CLASS_EDGES) + 1):
        is_class = class_of_place == number
        if is_class.sum() >= LEAST:
            yield (
                panel,
                horizon,
                float(stated[is_class].mean()),
                float(came_true[is_class].mean()),
                int(is_class.sum()),
            )


def simulated_points() -> Iterator[Point]:
    """Simulated cities: is a place truly among the 250 highest rates of the months of the horizon?"""
    rows_by_horizon: dict[int, list[np.ndarray]] = {horizon: [] for horizon in HORIZONS}
    for seed in CITIES:
        city = simulate_city(Settings(), np.random.default_rng(seed))
        for months in MOMENTS:
            counts = certainty.counts_of(city, months)
            panel = build_panel(counts, certainty.TARGETS, settings=SETTINGS)
            model = fit_model(panel, SETTINGS, None, np.random.default_rng(seed))
            best = np.argsort(-model.expected_values, kind="stable")[:CONTENDERS]
            stated = rank_certainty(
                model.order_posterior, best, top=SETTINGS.count, level=SETTINGS.level
            ).p_top
            cells = list(zip(panel.grid.columns[best].tolist(), panel.grid.rows[best].tolist(), strict=True))
            for horizon, rows in rows_by_horizon.items():
                truths = [certainty.true_cells(city.plan, months + m) for m in range(horizon)]
                rates = {cell: sum(truth.get(cell, 0.0) for truth in truths) for cell in truths[0]}
                top_cells = set(sorted(rates, key=rates.__getitem__, reverse=True)[: SETTINGS.count])
                rows.append(np.column_stack([stated, [cell in top_cells for cell in cells]]))
    for horizon, rows in rows_by_horizon.items():
        stated, is_top = np.concatenate(rows).T
        yield from classes("simulated cities", horizon, stated, is_top)


def real_points(data: Path) -> Iterator[Point]:
    """Real records: is a place among the 250 that were fullest in the months of the horizon?"""
    records = (
        (windows.london(data), Targets(("robbery",), ("theft_from_the_person",)), range(16, 23, 2)),
        (windows.toronto(data), Targets(("robbery",), ("assault",)), range(50, 90, 10)),
    )
    rows_by_horizon: dict[int, list[np.ndarray]] = {horizon: [] for horizon in HORIZONS}
    rng = np.random.default_rng(1)
    for counts, targets, origins in records:
        panel = build_panel(counts, targets, settings=SETTINGS)
        for origin in origins:
            known, known_index = panel.known_before(origin)
            model = fit_model(cut_past(known, origin).panel, SETTINGS, None, rng)
            posterior, burst = model.order_posterior, max(model.scatter.burst, 1.001)
            best = np.argsort(-posterior.mean)[:CONTENDERS]
            for horizon, rows in rows_by_horizon.items():
                rates = rng.standard_gamma(posterior.shape, (ROUNDS, known.size)) / posterior.rate * horizon
                drawn = rng.poisson(rng.gamma(rates / (burst - 1.0) + 1e-12) * (burst - 1.0))
                real = np.repeat(panel.target.window(origin, origin + horizon)[known_index][None], 20, axis=0)
                said, came = (windows.among_fullest(v, rng).mean(axis=0) for v in (drawn, real))
                rows.append(np.column_stack([said[best], came[best]]))
    for horizon, rows in rows_by_horizon.items():
        yield from classes("London and Toronto", horizon, *np.concatenate(rows).T)


def draw(points: list[Point]) -> Markup:
    """Both panels, with the line on which stated and true are the same."""
    panels = list(dict.fromkeys(point[0] for point in points))
    shapes = [shape for n, panel in enumerate(panels) for shape in draw_panel(n, panel, points)]
    for n, (horizon, words) in enumerate(HORIZONS.items()):
        shapes.append(svg.text(LEFT + 150.0 * n, TOP + SIDE + 62, f"{MARKS[horizon]} {words}", font_size=13))
    width = LEFT + len(panels) * (SIDE + GAP)
    return svg.picture(
        svg.element("rect", width=width, height=TOP + SIDE + 80, fill="#ffffff"),
        *shapes,
        key="calibration",
        title="P(top) as stated and as it came true",
        description="Points near the diagonal: places said to belong to the top came true as often as said.",
        width=width,
        height=TOP + SIDE + 80,
        class_="chart",
    ).replace("<svg ", Markup('<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '), 1)


def draw_panel(number: int, panel: str, points: list[Point]) -> Iterator[Markup]:
    """One panel: axes, diagonal, and a mark for each class and horizon."""
    left, bottom = LEFT + number * (SIDE + GAP), TOP + SIDE
    yield svg.text(left, TOP - 20, panel[:1].upper() + panel[1:], font_size=15, font_weight="bold")
    yield svg.line(left, bottom, left + SIDE, TOP, stroke="#999999", stroke_dasharray="5 4")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + SIDE * share, bottom - SIDE * share
        yield svg.line(left, y, left + SIDE, y, stroke="#dddddd")
        yield svg.text(left - 6, y + 4, f"{share:g}", font_size=12, text_anchor="end")
        yield svg.text(x, bottom + 16, f"{share:g}", font_size=12, text_anchor="middle")
    yield svg.text(left + SIDE / 2, bottom + 36, "P(top) stated", font_size=13, text_anchor="middle")
    yield svg.text(left - 4, TOP - 4, "share that came true", font_size=12)
    for name, horizon, stated, came_true, _ in points:
        if name == panel:
            x, y = left + SIDE * stated, bottom - SIDE * came_true + 5
            yield svg.text(x, y, MARKS[horizon], font_size=14, text_anchor="middle", fill="#1d4f8c")


def main() -> None:
    """Measure, draw, and write the figures beside the picture."""
    data = Path(os.environ.get("BECALM_SHARED_DATA", "../shared/data"))
    points = list(simulated_points())
    sys.stdout.write(f"{points}\n")
    points += real_points(data) if data.exists() else ()
    (HERE / "calibration.svg").write_text(str(draw(points)) + "\n", "utf-8")
    with (HERE / "calibration.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("records", "horizon_months", "stated", "came_true", "places"))
        writer.writerows((name, h, f"{s:.3f}", f"{c:.3f}", n) for name, h, s, c, n in points)


if __name__ == "__main__":
    main()
