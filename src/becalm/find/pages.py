"""The page of find."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from becalm.console.job_page import Act, JobPage
from becalm.find.core.events import OVERRIDE, SPLIT

if TYPE_CHECKING:
    from markupsafe import Markup

    from becalm.find.desk.hotspots import HotspotAnswer


def draw_places(answer: HotspotAnswer) -> Markup:
    """Where the places of a list lie."""
    from becalm.find.files.map import Area, hotspot_map
    from becalm.render.svg import draw_twice

    areas = () if answer.boundary is None else (Area("", answer.boundary),)
    hotspots = answer.hotspots.hotspots
    return draw_twice(partial(hotspot_map, hotspots, areas, title=f"{len(hotspots)} hotspots"), "places")


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
    profiled=frozenset({"find hotspots"}),
)
