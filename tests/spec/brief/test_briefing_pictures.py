"""The pictures: each tells by shape what it tells by colour, and cuts nothing off in silence."""

from __future__ import annotations

import re

import briefings
import numpy as np
import pytest
from page import Node, read_page

from becalm.brief.annex_page import annex_page
from becalm.find.files.map import (
    Box,
    View,
    break_lines,
    busiest_view,
    footprint,
    hotspot_map,
    place_names,
    whole_view,
)
from becalm.find.files.week_chart import week_chart
from becalm.measure.files.charts import ChangeRow, SeriesPoint, change_chart, series_chart
from becalm.render.svg import Scale, round_ticks
from becalm.tables import PlaceCounts
from becalm.terms import CertaintyBand, choose_band


def row(change: float | None, low: float | None, high: float | None, **other: object) -> ChangeRow:
    given = {"label": "Robbery", "new": 10, "old": "20", "verdict": "fall", **other}
    return ChangeRow(change=change, low=low, high=high, **given)  # type: ignore[arg-type]


def drawn(rows: tuple[ChangeRow, ...], *, narrow: bool = False) -> Node:
    return read_page(change_chart(rows, key="k", title="Changes", narrow=narrow))


def classes(picture: Node) -> list[str]:
    return [n.get("class") or "" for n in picture.every() if n.get("class")]


def test_a_fall_a_rise_and_no_telling_have_three_shapes() -> None:
    picture = drawn(
        (
            row(-30, -40, -20),
            row(30, 20, 40, verdict="rise"),
            row(1, -10, 12, verdict="unclear"),
        )
    )
    shapes = {
        n.get("class"): n.name + (n.get("d") or "")[:0]
        for n in picture.every("path", "circle")
        if "mark" in (n.get("class") or "")
    }
    assert set(shapes) == {"mark fall", "mark rise", "mark unclear"}
    assert shapes["mark unclear"] == "circle"
    fall, rise = (
        next(n for n in picture.every("path") if n.get("class") == f"mark {v}") for v in ("fall", "rise")
    )
    assert points_down(fall)
    assert not points_down(rise)


def points_down(triangle: Node) -> bool:
    ys = [float(pair.split(",")[1]) for pair in re.findall(r"[\d.]+,[\d.]+", triangle.get("d") or "")]
    return ys[2] > ys[0]


def test_an_interval_that_leaves_the_axis_ends_in_an_arrow() -> None:
    assert "arrow" in classes(drawn((row(60, -5, 900, verdict="unclear"),)))
    assert "arrow" not in classes(drawn((row(-30, -40, -20),)))


def test_a_suppressed_change_has_words_and_no_mark() -> None:
    picture = drawn((row(None, None, None, verdict="unclear"),))
    assert "too few for a percentage" in picture.text
    assert not [c for c in classes(picture) if c.startswith("mark")]


@pytest.mark.parametrize("narrow", [False, True])
def test_every_count_stands_beside_its_mark(narrow: bool) -> None:
    assert "20 → 10" in drawn((row(-50, -60, -40),), narrow=narrow).text


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 74_885, (0, 20_000, 40_000, 60_000, 80_000)),
        (-71, 64, (-75, -50, -25, 0, 25, 50, 75)),
        (0, 0, (0, 1e-9)),
        (0, 1, (0, 0.25, 0.5, 0.75, 1)),
    ],
)
def test_ticks_are_round_and_reach_both_ends(low: float, high: float, ticks: tuple[float, ...]) -> None:
    found = round_ticks(low, high, about=len(ticks) - 1)
    assert found[0] <= low
    assert found[-1] >= high
    assert found == pytest.approx(ticks)


def test_a_scale_holds_what_lies_outside_at_its_end() -> None:
    scale = Scale(0, 10, 100, 200)
    assert (scale(-5), scale(5), scale(50)) == (100, 150, 200)
    assert [scale.holds(value) for value in (-1, 0, 10, 11)] == [False, True, True, False]


def test_a_missing_month_breaks_the_line() -> None:
    points = tuple(SeriesPoint(str(i), str(i), None if i == 3 else 10 + i, 12, i == 6) for i in range(7))
    picture = read_page(series_chart(points, new_name="now", old_name="then", key="k", title="t"))
    assert len([n for n in picture.every("path") if n.get("class") == "line new"]) == 2
    assert len([n for n in picture.every("circle") if n.get("class") == "dot new"]) == 6
    assert len([n for n in picture.every("rect") if n.get("class") == "dot old"]) == 7


def test_the_two_lines_differ_in_dash_and_in_mark() -> None:
    points = tuple(SeriesPoint(str(i), str(i), 10 + i, 12) for i in range(4))
    picture = read_page(series_chart(points, new_name="now", old_name="then", key="k", title="t"))
    assert {"dot new", "dot old", "line new", "line old"} <= set(classes(picture))
    assert list(picture.every("circle"))
    assert [n for n in picture.every("rect") if n.get("class") == "dot old"]


def test_an_hour_with_twice_the_share_has_twice_the_area() -> None:
    shares = (2 / 169, *([1 / 169] * 167))
    squares = list(read_page(week_chart(shares, key="k", title="t")).every("rect"))
    areas = [float(n.get("width") or 0) ** 2 for n in squares]
    assert len(squares) == 168
    assert areas[0] / areas[1] == pytest.approx(2, rel=0.01)
    assert [n.get("class") for n in squares].count("hour busy") == 1


def test_bands_are_told_by_three_shapes() -> None:
    places = tuple(
        briefings.hotspot(i + 1, 3340 + 40 * i, 1180, p_top=p) for i, p in enumerate((0.9, 0.6, 0.1))
    )
    picture = read_page(hotspot_map(places, briefings.boroughs(), key="k", title="t"))
    marks = {n.get("class"): n.name for n in picture.every() if (n.get("class") or "").startswith("place ")}
    assert marks == {"place core": "rect", "place marginal": "path", "place watch": "path"}


@pytest.mark.parametrize(
    ("p_top", "band"),
    [
        (1.0, CertaintyBand.core),
        (0.8, CertaintyBand.core),
        (0.799, CertaintyBand.marginal),
        (0.5, CertaintyBand.marginal),
        (0.499, CertaintyBand.watch),
        (0.0, CertaintyBand.watch),
    ],
)
def test_bands_begin_where_they_are_said_to(p_top: float, band: CertaintyBand) -> None:
    assert choose_band(p_top) is band


def test_the_map_names_boroughs_and_says_how_far_a_kilometre_is() -> None:
    picture = read_page(hotspot_map(briefings.spread_out(5), briefings.boroughs(), key="k", title="Hotspots"))
    assert all(name in picture.text for name in ("Eastham", "Westbourne", "5 km", "N"))


def test_north_is_up_and_east_is_right() -> None:
    view = View(0, 0, 1000, 1000, 720)
    (west, south), (east, north) = view(100, 100), view(900, 900)
    assert west < east
    assert north < south


def test_every_hotspot_is_on_the_map_even_outside_the_boundary() -> None:
    places = (*briefings.spread_out(5), briefings.hotspot(6, 3600, 1500, p_top=0.5))
    view = whole_view(places, briefings.boroughs(), width=720)
    assert all(view.holds(*place.centre_m) for place in places)


def test_a_map_without_any_outline_still_shows_the_places() -> None:
    picture = read_page(hotspot_map(briefings.spread_out(3), (), key="k", title="t"))
    assert len([n for n in picture.every() if (n.get("class") or "").startswith("place ")]) == 3


def test_only_a_crowd_is_enlarged() -> None:
    crowd = tuple(briefings.hotspot(i + 1, 3400 + i % 6, 1190 + i // 6, p_top=0.9) for i in range(30))
    apart = briefings.spread_out(30)
    assert busiest_view(crowd, whole_view(crowd, briefings.boroughs(), width=720)) is not None
    assert busiest_view(apart, whole_view(apart, briefings.boroughs(), width=720)) is None
    assert busiest_view(crowd[:5], whole_view(crowd, briefings.boroughs(), width=720)) is None


def test_names_that_would_overlap_are_left_out() -> None:
    window = Box(0, 0, 200, 100)
    spots = [("Wide", (100.0, 50.0), 120.0), ("Narrow", (102.0, 50.0), 20.0), ("Edge", (198.0, 10.0), 50.0)]
    placed = {words for _, _, words in place_names(spots, window=window, size=10)}
    assert "Wide" in placed
    assert "Edge" not in placed


@pytest.mark.parametrize(
    ("name", "most", "lines"),
    [
        ("Kensington and Chelsea", 12, ("Kensington", "and Chelsea")),
        ("Barking and Dagenham", 40, ("Barking and Dagenham",)),
        ("Westminster", 3, ("Westminster",)),
        ("", 10, ("",)),
    ],
)
def test_a_long_name_breaks_at_its_spaces(name: str, most: float, lines: tuple[str, ...]) -> None:
    assert break_lines(name, most=most) == lines


def test_no_records_leave_no_footprint() -> None:
    none = np.zeros(0, dtype=np.int64)
    counts = PlaceCounts(
        cell_m=500.0,
        columns=none,
        rows=none,
        months=(),
        month_index=none,
        groups=(),
        group_index=none,
        counts=none,
        without_location=0,
        location_quality=(),
        source="s",
        as_of=briefings.AS_OF,
    )
    assert footprint(counts) == ()


def test_the_annex_draws_places_boroughs_concentration_and_violence_by_month() -> None:
    """Each picture with its words, and the table behind it."""
    full = briefings.full_briefing()
    page = annex_page(full)
    assert full.history is not None
    for key in ("boroughs-wide", "boroughs-narrow", "concentration-wide", "series-robbery-wide", "trend-1"):
        assert f'id="{key}-title"' in page
    assert "4 boroughs: 1 fell by more than chance, 1 rose, 2 are unclear" in page
    assert "step: first lockdown" in page
    assert "The fullest 1% of places hold 40" in page
    assert "Table A4. Key figures by month" in page
    assert "Table A5. Change by borough" in page
    bare = annex_page(briefings.briefing(boroughs_note="The records name no boroughs."))
    assert "The records name no boroughs." in bare
    assert 'id="concentration-wide-title"' not in bare
    assert "Months</th>" not in bare
