"""Finders: anything that says, from past counts alone, how many incidents to expect of each place.

A finder is one function. becalm's own are plug-ins like any other: `blend`, `count_12`, `ewma`.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from becalm.find.core.expected_counts import choose_half_lives, forecast_counts
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Floats, Ints
from becalm.methods.faded_counts import CountSeries, memories
from becalm.terms import QuestionError

BLEND = "blend"
YEAR = 12


@dataclass(frozen=True, slots=True)
class PastCounts:
    """All that a finder may look at: monthly counts up to now, and where the places lie.

    Arrays have one entry (or row) per place in one fixed order, and cannot be written to. The month to be
    predicted is the one after the last of `ground.months`; nothing of it is in here.
    """

    panel: PlacePanel

    @property
    def months(self) -> tuple[str, ...]:
        """The months on record, oldest first (YYYY-MM)."""
        return self.panel.months

    @property
    def target(self) -> Ints:
        """The incidents of each place (row) in each month (column)."""
        return _to_table(self.panel.target)

    @property
    def related(self) -> Ints | None:
        """Related offences that may be borrowed from, likewise; None where there are none."""
        return None if self.panel.related is None else _to_table(self.panel.related)

    @property
    def exposure(self) -> Floats:
        """The length of each month in units of 30 days; 0 where the month is missing."""
        return _copy_fixed(self.panel.target.exposure)

    @property
    def amounts(self) -> Floats:
        """Each place's square metres of land, or metres of street."""
        return _copy_fixed(self.panel.places.amounts)

    @property
    def centres_m(self) -> tuple[Floats, Floats]:
        """The easting and northing of each place's middle."""
        x, y = self.panel.places.centres_m
        return _copy_fixed(x), _copy_fixed(y)

    def smooth(self, values: Floats, sigma_m: float) -> Floats:
        """Spread values over their neighbourhood by a Gaussian of that many metres, corrected at the edge."""
        return self.panel.places.smooth(values, sigma_m)


class Finder(Protocol):
    """Says how much to expect of each place. Must not look at anything but the counts that it is given."""

    def __call__(self, past: PastCounts, *, how_many: int, rng: np.random.Generator) -> Floats:
        """One finite score per place, none negative; only their order and ratios matter.

        `how_many` places will be listed. The same past and generator give the same scores.
        """
        ...


@dataclass(frozen=True, slots=True)
class NamedFinder:
    """A finder and the name under which it is installed."""

    name: str
    find: Finder


def cut_past(panel: PlacePanel, origin: int) -> PastCounts:
    """What was known just before month `origin`."""

    def cut(series: CountSeries) -> CountSeries:
        return CountSeries(
            series.size, series.places[:origin], series.counts[:origin], series.exposure[:origin]
        )

    return PastCounts(
        replace(
            panel,
            months=panel.months[:origin],
            target=cut(panel.target),
            related=panel.related and cut(panel.related),
            fresh=panel.fresh and cut(panel.fresh),
        )
    )


def run_finder(
    finder: NamedFinder, panel: PlacePanel, origin: int, *, how_many: int, rng: np.random.Generator
) -> Floats:
    """The finder's scores just before month `origin`.

    Raises QuestionError where it does not give one finite score per place, none negative and not all 0.
    """
    score_of_place = np.asarray(
        finder.find(cut_past(panel, origin), how_many=how_many, rng=rng), dtype=np.float64
    )
    if score_of_place.shape != (panel.size,):
        fault_text = f"gave scores of shape {score_of_place.shape}, not one for each of {panel.size:,} places"
    elif faulty_count := int(np.count_nonzero(~np.isfinite(score_of_place) | (score_of_place < 0))):
        fault_text = f"gave {faulty_count:,} scores that are negative or no numbers"
    elif not score_of_place.any():
        fault_text = "expects nothing of any place"
    else:
        return score_of_place
    raise QuestionError(
        f"The finder {finder.name!r} {fault_text}. Fix it, as `write a finder` in the manual says, "
        "or leave `finder` out."
    )


def spread_by_finder(
    finder: NamedFinder | None,
    panel: PlacePanel,
    origin: int,
    expected_values: Floats,
    *,
    how_many: int,
    rng: np.random.Generator,
) -> Floats:
    """What a list is chosen by: all that is expected, spread over places as the finder says."""
    if finder is None:
        return expected_values
    score_of_place = run_finder(finder, panel, origin, how_many=how_many, rng=rng.spawn(1)[0])
    return np.asarray(score_of_place * (expected_values.sum() / score_of_place.sum()))


def blend(past: PastCounts, *, how_many: int, rng: np.random.Generator) -> Floats:
    """Becalm's own score: own memory, neighbours and related offences, weighed by likelihood."""
    del rng
    (forecast,) = forecast_counts(past.panel, FindSettings(count=how_many), [len(past.months)])
    return forecast.expected_counts


def count_12(past: PastCounts, *, how_many: int, rng: np.random.Generator) -> Floats:
    """The number of incidents in the last twelve months."""
    del how_many, rng
    month_count = len(past.months)
    return past.panel.target.window(month_count - YEAR, month_count)


def ewma(past: PastCounts, *, how_many: int, rng: np.random.Generator) -> Floats:
    """A memory that fades by the half-life that predicted the last months best."""
    del rng
    month_count, settings = len(past.months), FindSettings(count=how_many)
    half_life = choose_half_lives(past.panel, settings, [month_count])[month_count]
    return next(faded_counts for _, faded_counts in memories(past.panel.target, half_life, [month_count]))


def _to_table(series: CountSeries) -> Ints:
    count_table = np.zeros((series.size, series.steps), dtype=np.int64)
    for month_number, (places, counts) in enumerate(zip(series.places, series.counts, strict=True)):
        count_table[places, month_number] = counts
    count_table.setflags(write=False)
    return count_table


def _copy_fixed(values: Floats) -> Floats:
    # A finder that wrote into these arrays would change what all later methods of a back-test see.
    fixed_values = np.array(values, dtype=np.float64)
    fixed_values.setflags(write=False)
    return fixed_values
