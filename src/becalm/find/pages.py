"""The page of find."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from becalm.console.job_page import Act, JobPage
from becalm.find.core.events import OVERRIDE, SPLIT

if TYPE_CHECKING:
    from markupsafe import Markup

    from becalm.find.desk.hotspots import HotspotAnswer


def draw_week(place: Mapping[str, Any]) -> Markup:
    """When in the week a place needs people, from the 168 shares among its facts."""
    from becalm.find.files.week_chart import week_chart
    from becalm.render.svg import draw_twice

    shares = tuple(place["profile"])
    return draw_twice(partial(week_chart, shares, title="When in the week"), "week")


def draw_places(answer: HotspotAnswer) -> Markup:
    """Where the places of a list lie."""
    from becalm.find.files.map import Area, hotspot_map
    from becalm.render.svg import draw_twice

    areas = () if answer.boundary is None else (Area("", answer.boundary),)
    hotspots = answer.hotspots.hotspots
    return draw_twice(partial(hotspot_map, hotspots, areas, title=f"{len(hotspots)} hotspots"), "places")


PLACE_LABELS: Final = {
    "place_id": "Place, as lists name it",
    "length_m": "Length (metres)",
    "area_m2": "Area (square metres)",
    "expected": "Incidents expected",
    "p_top": "How often it is among the top, when chance is allowed for (1: always)",
    "rank_low": "Rank, at best",
    "rank_high": "Rank, at worst",
    "tie_group": "Group of places that are tied",
    "peak_start_hour_of_week": "Busiest hours begin (hours after midnight on Monday)",
    "peak_hours": "How many hours they last",
    "peak_share": "Their share of the week's incidents",
    "peak_share_low": "That share, at least",
    "peak_share_high": "That share, at most",
    "peak_sure": "How sure it is that these are the busiest (1: certain)",
}

PAGE = JobPage(
    job="find",
    heading="Find",
    lead="Which small places carry street violence and robbery, how sure is the list, and when in the week?",
    labels={
        "find hotspots": "List hotspots",
        "find backtest": "How well lists would have done",
        "find clusters": "Clusters that chance does not explain",
        "find near-repeats": "Repeats close by and soon after",
        "find outbreaks": "Outbreaks",
        "find overrides": "Overrides in force",
        "find splits": "Places that were split",
    },
    pictures={"find hotspots": draw_places},
    mapped=frozenset({"find hotspots"}),
    acts={
        "find override": Act("Decide about a place by hand", watched=(OVERRIDE.name,)),
        "find split": Act(
            "Split a place in two",
            watched=(SPLIT.name,),
            left_out=frozenset({"part_column", "id_column", "places_crs", "source"}),
        ),
    },
    profiled={"find hotspots": PLACE_LABELS},
    place_picture=draw_week,
)
