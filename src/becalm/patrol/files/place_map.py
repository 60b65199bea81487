"""A small map of one place for a sheet: its streets, how far it reaches, and from where the unit comes."""

import math
from collections.abc import Iterator

from markupsafe import Markup

from becalm.patrol.core.place_cards import MAP_REACH_M, MapStreet
from becalm.render import svg

SIDE = 260.0  # of the picture
NAMES_SHOWN = 4
LEAST_NAMED_M = 90.0  # a shorter course has no room for its name
LETTER_M = 14.0  # of a name on the map
SCALE_M = 100.0


def draw_place_map(
    streets: tuple[MapStreet, ...],
    *,
    key: str,
    name: str,
    radius_m: float,
    approach_m: tuple[float, float] | None,
) -> Markup:
    """The map as SVG; `approach_m` is where the unit comes from, east and north of the middle."""
    course_points = [[_point(*xy) for xy in street.course] for street in streets]
    middle, radius = SIDE / 2, radius_m * SIDE / (2 * MAP_REACH_M)
    description = "The streets around the place; north is up. The circle shows how far the place reaches."
    if approach_m:
        description += " The arrow shows from where the unit comes."
    return svg.picture(
        svg.element("rect", width=SIDE, height=SIDE, class_="map-ground"),
        svg.element("path", d=" ".join(svg.path(course) for course in course_points), class_="map-street")
        if course_points
        else None,
        svg.element("circle", cx=middle, cy=middle, r=radius, class_="map-place"),
        *_street_names(streets, name),
        *_arrow(approach_m, radius),
        svg.line(8, SIDE - 8, 8 + SCALE_M * SIDE / (2 * MAP_REACH_M), SIDE - 8, class_="map-scale"),
        svg.text(8, SIDE - 13, f"{SCALE_M:.0f} m", class_="map-name"),
        key=key,
        title=f"Map of {name}",
        description=description,
        width=SIDE,
        height=SIDE,
        class_="place-map",
    )


def _point(east_m: float, north_m: float) -> tuple[float, float]:
    units_per_m = SIDE / (2 * MAP_REACH_M)
    return SIDE / 2 + east_m * units_per_m, SIDE / 2 - north_m * units_per_m


def _arrow(approach_m: tuple[float, float] | None, radius: float) -> Iterator[Markup]:
    """From the edge of the map, or from where the unit stands, to the edge of the place."""
    if approach_m is None or math.hypot(*approach_m) * SIDE / (2 * MAP_REACH_M) <= radius + 8:
        return
    east, north = approach_m
    distance_m = math.hypot(east, north)
    unit_vector = (east / distance_m, -north / distance_m)
    arrow_start = min(distance_m * SIDE / (2 * MAP_REACH_M), SIDE / 2 - 4)
    tail, tip = (
        (SIDE / 2 + unit_vector[0] * length, SIDE / 2 + unit_vector[1] * length)
        for length in (arrow_start, radius + 4)
    )
    left, right = (
        (tip[0] + 9 * math.cos(angle), tip[1] + 9 * math.sin(angle))
        for angle in (math.atan2(unit_vector[1], unit_vector[0]) + turn for turn in (-0.45, 0.45))
    )
    yield svg.line(*tail, *tip, class_="map-approach")
    yield svg.element("path", d=svg.path((left, tip, right)), class_="map-approach")


def _street_names(streets: tuple[MapStreet, ...], place_name: str) -> Iterator[Markup]:
    """The names of the nearest streets, each along its longest straight piece, none over another.

    A street that the place is called by is named first, however short its pieces are.
    """
    pieces: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {}
    for street in streets:
        for begin, end in zip(street.course, street.course[1:], strict=False):
            length_m = math.dist(begin, end)
            if street.name and length_m > pieces.get(street.name, (0.0,))[0]:
                pieces[street.name] = (length_m, begin, end)
    named_middles: list[tuple[float, float]] = []
    middle_of_name = {
        name: ((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2) for name, (_, begin, end) in pieces.items()
    }
    for name in sorted(
        pieces, key=lambda name: (name not in place_name, math.hypot(*middle_of_name[name]), name)
    ):
        (length_m, begin, end), middle = pieces[name], middle_of_name[name]
        is_apart = all(math.dist(middle, middle_before) > 60 for middle_before in named_middles)
        if (
            len(named_middles) < NAMES_SHOWN
            and is_apart
            and (name in place_name or length_m >= min(LEAST_NAMED_M, LETTER_M * len(name)))
        ):
            named_middles.append(middle)
            yield _street_name(name, middle, begin, end)


def _street_name(
    name: str, middle: tuple[float, float], begin: tuple[float, float], end: tuple[float, float]
) -> Markup:
    x, y = _point(*middle)
    angle_deg = math.degrees(math.atan2(begin[1] - end[1], end[0] - begin[0]))
    upright_deg = angle_deg - 180 if angle_deg > 90 else angle_deg + 180 if angle_deg <= -90 else angle_deg
    rotation_text = f"rotate({upright_deg:.0f} {svg.number(x)} {svg.number(y)})"
    return svg.text(x, y - 2, name, class_="map-name", text_anchor="middle", transform=rotation_text)
