"""The picture of the city: hotspots over its boroughs, or over the footprint of the records.

Names and numbers stand where they fit, none over another, none cut by the edge.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from markupsafe import Markup
from shapely.geometry.base import BaseGeometry

from becalm.render import svg
from becalm.tables import Boundaries, PlaceCounts
from becalm.terms import CertaintyBand, Hotspot, choose_band

_WIDTH_OF_A_LETTER = 0.56  # of the font size, in a plain sans serif


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture."""

    left_x: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Box:
        """The box with this middle."""
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def meets(self, box: Box) -> bool:
        """Whether the two share ground."""
        return (
            self.left_x < box.right
            and box.left_x < self.right
            and self.top < box.bottom
            and box.top < self.bottom
        )

    def contains(self, box: Box) -> bool:
        """Whether the box lies wholly inside."""
        return (
            self.left_x <= box.left_x
            and box.right <= self.right
            and self.top <= box.top
            and box.bottom <= self.bottom
        )


def place_names(
    spots: Iterable[tuple[str, tuple[float, float], float]],
    *,
    window: Box,
    occupied: tuple[Box, ...] = (),
    size: float,
) -> list[tuple[float, float, str]]:
    """Lines of text with the middle of their baseline; a name that fits nowhere is left out.

    Each spot is a name, the best middle for it and the width of its area; wide areas come first.
    """
    occupied_boxes = list(occupied)
    text_lines: list[tuple[float, float, str]] = []
    for name, (x, y), room_width in sorted(spots, key=lambda spot: (-spot[2], spot[0])):
        name_lines = break_lines(
            name, most=max(room_width * 0.95, 9 * size * _WIDTH_OF_A_LETTER) / (size * _WIDTH_OF_A_LETTER)
        )
        text_width = max(len(part) for part in name_lines) * size * _WIDTH_OF_A_LETTER
        text_height = len(name_lines) * size * 1.15
        for dy in (0.0, -text_height * 0.6, text_height * 0.6, -text_height, text_height):
            text_box = Box.around(x, y + dy, text_width, text_height)
            if window.contains(text_box) and not any(
                text_box.meets(occupied_box) for occupied_box in occupied_boxes
            ):
                occupied_boxes.append(text_box)
                baseline_y = text_box.top + size * 0.95
                text_lines += [(x, baseline_y + i * size * 1.15, part) for i, part in enumerate(name_lines)]
                break
    return text_lines


def break_lines(name: str, *, most: float) -> tuple[str, ...]:
    """The name in lines of at most so many letters where its spaces allow it.

    >>> break_lines("Kensington and Chelsea", most=12)
    ('Kensington', 'and Chelsea')
    """
    name_lines: list[str] = []
    for word in name.split():
        if name_lines and len(name_lines[-1]) + 1 + len(word) <= most:
            name_lines[-1] = f"{name_lines[-1]} {word}"
        else:
            name_lines.append(word)
    return tuple(name_lines) or (name,)


def number_marks(
    marks: tuple[tuple[str, tuple[float, float]], ...], *, numbered: int, window: Box, size: float
) -> tuple[Markup, tuple[Box, ...]]:
    """Numbers beside the first so many marks, over no mark and no other number; and the ground they occupy.

    A number that stands apart from its mark is tied to it by a line; one that finds no room is left out.
    """
    occupied_boxes = [Box.around(x, y, 2 * size, 2 * size) for _, (x, y) in marks]
    tie_lines: list[Markup] = []
    rank_texts: list[Markup] = []
    for rank, (x, y) in marks[:numbered]:
        text_width, text_height = 7.0 * len(rank) + 1, 10.0
        for dx, dy, is_apart in _offsets(size, text_width, text_height):
            text_box = Box.around(x + dx, y + dy, text_width, text_height)
            if window.contains(text_box) and not any(
                text_box.meets(occupied_box) for occupied_box in occupied_boxes
            ):
                occupied_boxes.append(text_box)
                rank_texts.append(svg.text(x + dx, y + dy + 4.0, rank, class_="rank", text_anchor="middle"))
                tie_lines += [svg.line(x, y, x + dx * 0.8, y + dy * 0.8, class_="tie")] if is_apart else []
                break
    return svg.group([*tie_lines, *rank_texts]), tuple(occupied_boxes)


def _offsets(size: float, wide: float, high: float) -> Iterator[tuple[float, float, bool]]:
    """Places around a mark, the nearest first: beside it, then ever further out."""
    for gap in (2.0, 9.0, 17.0, 26.0, 36.0, 48.0):
        for sixteenths in (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11):
            angle_radians = sixteenths * math.pi / 8
            offset_x, offset_y = size + gap + wide / 2, size + gap + high / 2
            yield offset_x * math.cos(angle_radians), -offset_y * math.sin(angle_radians), gap > 2.0


_MARGIN = 14.0
_FOOT = 46.0  # room for the scale bar below the map
_LEAST_SIZE_FOR_RANK = 8.0  # half a mark's width from which its rank fits inside
_RANKS_SHOWN = 10  # so many of the first ranks are numbered on the map


@dataclass(frozen=True, slots=True)
class Area:
    """A named outline in the workspace's metric coordinate system; a name of "" is drawn without one."""

    name: str
    shape: BaseGeometry


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of the ground, in metres, drawn `width` units wide."""

    west: float
    south: float
    east: float
    north: float
    width: float

    @property
    def per_metre(self) -> float:
        """Units of the picture per metre of ground."""
        return (self.width - 2 * _MARGIN) / (self.east - self.west)

    @property
    def height(self) -> float:
        """Height of the drawn ground in units, without the foot."""
        return (self.north - self.south) * self.per_metre + 2 * _MARGIN

    def __call__(self, easting_m: float, northing_m: float) -> tuple[float, float]:
        """Where on the picture does this point of the ground lie?"""
        return (
            _MARGIN + (easting_m - self.west) * self.per_metre,
            _MARGIN + (self.north - northing_m) * self.per_metre,
        )

    def holds(self, easting_m: float, northing_m: float) -> bool:
        """Whether the point lies inside."""
        return self.west <= easting_m <= self.east and self.south <= northing_m <= self.north


def hotspot_map(
    hotspots: tuple[Hotspot, ...],
    areas: tuple[Area, ...],
    *,
    key: str,
    title: str,
    view: View | None = None,
    frame: View | None = None,
    narrow: bool = False,
    numbered: int = _RANKS_SHOWN,
) -> Markup:
    """Where are the hotspots?

    `view` is the ground to draw (all of it by default), `frame` a rectangle to outline in it.
    """
    is_whole = view is None
    view = view or whole_view(hotspots, areas, width=340.0 if narrow else 720.0)
    visible_hotspots = tuple(h for h in hotspots if view.holds(*h.centre_m))
    mark_size = _mark_size(view, visible_hotspots)
    rank_marks, occupied_boxes = _draw_ranks(
        visible_hotspots, view, frame, numbered=numbered, mark_size=mark_size
    )
    area_paths = [draw_area(area, view) for area in areas]
    return svg.picture(
        _build_clip(view, key),
        svg.group(area_paths, clip_path=f"url(#{key}-clip)"),
        _draw_edge(view, is_whole),
        _draw_names(areas, view, (*occupied_boxes, *_frame_box(frame, view)), narrow),
        svg.group(
            svg.hotspot_mark(*view(*h.centre_m), choose_band(h.p_top), mark_size)
            for h in reversed(visible_hotspots)
        ),
        rank_marks,
        _frame_outline(frame, view),
        _draw_foot(view),
        key=key,
        title=title,
        description=_describe_map(visible_hotspots, areas),
        width=view.width,
        height=view.height + _FOOT,
        class_="map",
    )


def whole_view(hotspots: tuple[Hotspot, ...], areas: tuple[Area, ...], *, width: float) -> View:
    """The ground that holds every outline and every hotspot, at most as tall as it is wide."""
    shape_bounds = [area.shape.bounds for area in areas if not area.shape.is_empty]
    shape_bounds += [(*h.centre_m, *h.centre_m) for h in hotspots]
    if not shape_bounds:
        shape_bounds = [(0.0, 0.0, 1_000.0, 1_000.0)]
    west, south = min(b[0] for b in shape_bounds), min(b[1] for b in shape_bounds)
    east, north = max(b[2] for b in shape_bounds), max(b[3] for b in shape_bounds)
    span_m = max(east - west, north - south, 1_000.0)
    spare_east_m = max(span_m - (east - west), 0.04 * span_m) / 2
    spare_north_m = max(0.35 * span_m - (north - south), 0.04 * span_m) / 2
    return View(west - spare_east_m, south - spare_north_m, east + spare_east_m, north + spare_north_m, width)


def busiest_view(hotspots: tuple[Hotspot, ...], whole: View) -> View | None:
    """The part of the ground to be drawn larger: the smallest that holds a third of the hotspots.

    None where there are few of them, or no crowd.
    """
    if len(hotspots) < 20:
        return None
    x, y = np.array([h.centre_m for h in hotspots]).T
    for zoom in (10.0, 7.0, 5.0, 3.5):
        view_width_m = (whole.east - whole.west) / zoom
        up = view_width_m * 0.72
        is_near = (abs(x[:, None] - x) <= view_width_m / 2) & (abs(y[:, None] - y) <= up / 2)
        busiest_index = int(is_near.sum(axis=1).argmax())
        if is_near[busiest_index].sum() >= len(hotspots) / 3:
            east, north = float(x[busiest_index]), float(y[busiest_index])
            return View(
                east - view_width_m / 2, north - up / 2, east + view_width_m / 2, north + up / 2, whole.width
            )
    return None


def _mark_size(view: View, visible: tuple[Hotspot, ...]) -> float:
    half_cell_width = visible[0].cell_m * view.per_metre / 2 if visible else 0.0
    return max(half_cell_width, 3.2 if view.width > 500 else 2.6)


def _build_clip(view: View, key: str) -> Markup:
    clip_frame = svg.element("rect", x=2, y=2, width=view.width - 4, height=view.height - 4)
    return svg.element("clipPath", clip_frame, id=f"{key}-clip")


def draw_area(area: Area, view: View) -> Markup:
    """The outline of an area, as fine as the picture can show."""
    tolerance_m = 0.35 / view.per_metre
    simple_shape = area.shape.simplify(tolerance_m, preserve_topology=True)
    ring_paths = []
    for polygon in getattr(simple_shape, "geoms", [simple_shape]):
        if polygon.geom_type != "Polygon" or polygon.is_empty:
            continue
        ring_paths += [_ring_path(ring.coords, view) for ring in (polygon.exterior, *polygon.interiors)]
    return svg.element("path", d="".join(ring_paths), class_="area")


def _ring_path(coordinates: object, view: View) -> str:
    picture_points = [view(x, y) for x, y in coordinates]  # type: ignore[attr-defined]  # shapely's own sequence
    corners: list[tuple[float, float]] = []
    for x, y in picture_points:
        rounded_corner = (round(x, 1), round(y, 1))
        if not corners or rounded_corner != corners[-1]:
            corners.append(rounded_corner)
    return svg.path(corners, close=True)


def _draw_names(areas: tuple[Area, ...], view: View, occupied: tuple[Box, ...], narrow: bool) -> Markup:
    font_size = 8.6 if narrow else 10.5
    named_shapes = tuple((a.name, a.shape, a.shape.bounds) for a in areas if a.name and not a.shape.is_empty)
    name_spots = tuple(
        (name, _name_spot(shape, view), (box[2] - box[0]) * view.per_metre)
        for name, shape, box in named_shapes
    )
    return svg.group(
        svg.text(x, y, name_line, class_="name", text_anchor="middle", font_size=font_size)
        for x, y, name_line in place_names(
            name_spots, window=_inner_box(view), occupied=occupied, size=font_size
        )
    )


def _name_spot(shape: BaseGeometry, view: View) -> tuple[float, float]:
    """The point furthest inside the part of the outline that is in view."""
    from shapely import box, maximum_inscribed_circle

    shape_in_view = shape.intersection(box(view.west, view.south, view.east, view.north))
    if shape_in_view.is_empty or shape_in_view.area == 0:
        return (-1e6, -1e6)
    shape_parts = getattr(shape_in_view, "geoms", [shape_in_view])
    largest_part = max(shape_parts, key=lambda part: part.area)
    if largest_part.geom_type != "Polygon":
        return (-1e6, -1e6)
    inner_point = maximum_inscribed_circle(largest_part, tolerance=2.0 / view.per_metre).coords[0]
    return view(inner_point[0], inner_point[1])


def _draw_ranks(
    visible: tuple[Hotspot, ...], view: View, frame: View | None, *, numbered: int, mark_size: float
) -> tuple[Markup, tuple[Box, ...]]:
    """The ranks: within the marks where these are large enough, else beside the first of them.

    What lies in the frame is left to the drawing that enlarges it.
    """
    rank_marks = tuple((str(h.rank), view(*h.centre_m)) for h in visible)
    if mark_size >= _LEAST_SIZE_FOR_RANK:
        rank_label_markups = (
            svg.text(x, y + 3.4, rank, class_=f"within {choose_band(h.p_top)}", text_anchor="middle")
            for h, (rank, (x, y)) in zip(visible, rank_marks, strict=True)
        )
        return svg.group(rank_label_markups), tuple(
            Box.around(x, y, 2 * mark_size, 2 * mark_size) for _, (x, y) in rank_marks
        )
    outer_marks = [
        m for h, m in zip(visible, rank_marks, strict=True) if frame is None or not frame.holds(*h.centre_m)
    ]
    numbered_ranks = {rank for rank, _ in outer_marks[:numbered]}
    return number_marks(
        tuple(sorted(rank_marks, key=lambda m: m[0] not in numbered_ranks)),
        numbered=len(numbered_ranks),
        window=_inner_box(view),
        size=mark_size,
    )


def _frame_outline(frame: View | None, view: View) -> Markup | None:
    if frame is None:
        return None
    left_x, top_y = view(frame.west, frame.north)
    right_x, bottom_y = view(frame.east, frame.south)
    left_x, top_y = max(left_x, 3.0), max(top_y, 3.0)
    right_x, bottom_y = min(right_x, view.width - 3), min(bottom_y, view.height - 3)
    return svg.element(
        "rect", x=left_x, y=top_y, width=right_x - left_x, height=bottom_y - top_y, class_="frame"
    )


def _inner_box(view: View) -> Box:
    return Box(2, 2, view.width - 2, view.height - 2)


def _frame_box(frame: View | None, view: View) -> tuple[Box, ...]:
    """The ground that is drawn again, larger: names are left to that drawing."""
    if frame is None:
        return ()
    return (Box(*view(frame.west, frame.north), *view(frame.east, frame.south)),)


def _draw_edge(view: View, whole: bool) -> Markup | None:
    """A frame around a part of the ground; the whole needs none."""
    if whole:
        return None
    return svg.element("rect", x=2, y=2, width=view.width - 4, height=view.height - 4, class_="edge")


def _draw_foot(view: View) -> Markup:
    """The scale bar, in two halves, and the north arrow."""
    bar_m = _bar_metres(view)
    bar_width = bar_m * view.per_metre
    y = view.height + 16
    x = _MARGIN
    arrow_x = view.width - _MARGIN - 10
    arrow_corners = [(arrow_x, y - 18), (arrow_x + 6, y + 4), (arrow_x, y), (arrow_x - 6, y + 4)]
    return svg.group([
        svg.element("rect", x=x, y=y, width=bar_width / 2, height=5, class_="scale full"),
        svg.element("rect", x=x + bar_width / 2, y=y, width=bar_width / 2, height=5, class_="scale"),
        svg.text(x, y + 20, "0", class_="tick"),
        svg.text(x + bar_width, y + 20, _format_m(bar_m), class_="tick", text_anchor="middle"),
        svg.element("path", d=svg.path(arrow_corners, close=True), class_="north"),
        svg.text(arrow_x, y + 20, "N", class_="tick strong", text_anchor="middle"),
    ])  # fmt: skip


def _bar_metres(view: View) -> float:
    most_m = (view.east - view.west) / 4
    bar_lengths_m = (50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5)
    return max((s for s in bar_lengths_m if s <= most_m), default=bar_lengths_m[0])


def _format_m(metres: float) -> str:
    return f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"


def _describe_map(visible: tuple[Hotspot, ...], areas: tuple[Area, ...]) -> str:
    if not visible:
        return "A map without a hotspot."
    certainty_bands = [choose_band(h.p_top) for h in visible]
    borough_counts = Counter(h.borough for h in visible if h.borough)
    top_boroughs = sorted(borough_counts.items(), key=lambda item: (-item[1], item[0]))[:5]
    borough_text = ", ".join(f"{name} {n}" for name, n in top_boroughs)
    band_text = ", ".join(f"{certainty_bands.count(band)} {band.value}" for band in CertaintyBand)
    outline_text = f"over {len(areas)} outlines" if areas else "without outlines"
    return f"{len(visible)} hotspots {outline_text}: {band_text}." + (
        f" Most lie in: {borough_text}." if borough_text else ""
    )


def borough_areas(boundaries: Boundaries) -> tuple[Area, ...]:
    """The boroughs as outlines."""
    return tuple(Area(n, polygon) for n, polygon in zip(boundaries.names, boundaries.polygons, strict=True))


def footprint(counts: PlaceCounts) -> tuple[Area, ...]:
    """All cells that hold a record, as one outline without a name; none where no record has a place."""
    cell_corners_m = np.unique(np.column_stack([counts.columns, counts.rows]), axis=0) * counts.cell_m
    if not len(cell_corners_m):
        return ()
    west, south = cell_corners_m.T
    cell_squares = shapely.box(west, south, west + counts.cell_m, south + counts.cell_m)
    return (Area("", shapely.union_all(cell_squares)),)
