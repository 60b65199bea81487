"""Which places are chosen from a score, under the rules and by the finder of this list?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from becalm.find.core.areas_and_hours import compute_hours_share, find_place_numbers, index_areas
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.plugin import NamedFinder, spread_by_finder
from becalm.find.core.rules import Rules
from becalm.find.core.select import Candidates, PlaceChoice, choose_places
from becalm.methods.arrays import Floats
from becalm.methods.place_set import PlaceSet


@dataclass(frozen=True, slots=True)
class PlaceChooser:
    """Under which rules, and by which finder, places are chosen."""

    panel: PlacePanel
    rules: Rules
    finder: NamedFinder | None
    rng: np.random.Generator

    def choose(
        self, expected: Floats, origin: int, *, priced: bool = True
    ) -> tuple[PlaceChoice, Floats | float]:
        """The listed places just before month `origin`, and the share of each one's week they are for.

        `expected` is what is to be had most of together: incidents, or their harm.
        """
        places, rules = self.panel.places, self.rules
        wanted = spread_by_finder(
            self.finder, self.panel, origin, expected, how_many=rules.count, rng=self.rng
        )
        share = compute_hours_share(rules.facts, places, rules.hours) if rules.hours else 1.0
        areas, names = index_areas(rules.facts, places) if rules.areas else (np.full(places.size, -1), ())
        x, y = places.centres_m
        candidates = Candidates(
            expected=wanted * share,
            x_m=x,
            y_m=y,
            areas=areas,
            names=names,
            named=find_place_numbers(places, [decision.place_id for decision in rules.decisions]),
            step_m=places.width_m,
            listable=places.listable if isinstance(places, PlaceSet) else None,
        )
        return choose_places(candidates, rules, priced=priced), share
