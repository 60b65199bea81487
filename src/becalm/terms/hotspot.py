"""Micro-hotspots: the places that carry most of an offence, how sure the list is, how well it predicts."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Literal

from becalm.terms.estimate import Estimate
from becalm.terms.harm import HarmBasis, PlaceHarm, RankBy
from becalm.terms.list_rules import Selection

EXPECTED_DAYS = 30.0
"""The unit of every expected count: incidents in 30 days."""

HOURS_OF_WEEK = 168
"""Hour 0 is Monday 00:00, hour 167 Sunday 23:00, in the city's own clock time."""

LEAST_FOR_VERDICT = 6  # tested months below which no method is called better or worse
CORE_LEAST_P: Final = 0.8
MARGINAL_LEAST_P: Final = 0.5

PlaceKind = Literal["cell", "square", "hexagon", "h3", "own", "segment", "box"]
"""What a place is: a cell of the grid, or a piece of land or stretch of street of any shape."""


class CertaintyBand(StrEnum):
    """A word for the probability that a listed place belongs to the true top of the list."""

    core = "core"
    marginal = "marginal"
    watch = "watch"


def choose_band(p_top: float) -> CertaintyBand:
    """Which band does this probability fall into?

    Core from 0.8: plan on it. Marginal from 0.5: more likely in than out. Watch below: it is on the
    list because something must be, and another month may well replace it. The limits are a convention
    of the programme, not a result.

    >>> choose_band(0.8), choose_band(0.79), choose_band(0.2)
    (<CertaintyBand.core: 'core'>, <CertaintyBand.marginal: 'marginal'>, <CertaintyBand.watch: 'watch'>)
    """
    if p_top >= CORE_LEAST_P:
        return CertaintyBand.core
    return CertaintyBand.marginal if p_top >= MARGINAL_LEAST_P else CertaintyBand.watch


@dataclass(frozen=True, slots=True)
class PlaceShape:
    """Where a place lies that is no cell of the grid, in metres of the workspace's coordinate system.

    `outline` is its geometry as well-known text, `length_m` its metres of street (0 for land).
    """

    kind: PlaceKind
    easting_m: float
    northing_m: float
    outline: str
    length_m: float = 0.0


@dataclass(frozen=True, slots=True)
class PeakHours:
    """The busiest run of hours of a place's week: its first hour of the week, length, share, and how sure.

    `sure` is the least probability that it holds more of the week than an average run of as many hours.
    """

    start: int
    hours: int
    share: Estimate
    sure: float


@dataclass(frozen=True, slots=True)
class Hotspot:
    """One place on the list: a square cell, clipped to the boundary where there is one, or any other `shape`.

    `expected_count` is incidents of the target in 30 days, with its interval. `p_top` is the probability
    that the place belongs to the true top `count` of the list. `rank_low` and `rank_high` hold the
    true rank with the list's `level`. Places of one `tie_group` are tied with the first of the
    group. `profile` is the share of the week in each of its 168 hours, or None where the
    records carry no times, and `peak` its busiest hours. The cell covers eastings
    [column * cell_m, (column + 1) * cell_m) from the origin of the coordinate system, northings likewise. A
    place with a `shape` has its number among all places as its column, row 0, and `cell_m` is how wide it
    nominally is. `harm` is there where it was
    asked for; `expected_count` counts incidents whatever the list is ranked by.
    """

    rank: int
    place_id: str
    column: int
    row: int
    cell_m: float
    area_m2: float
    expected_count: Estimate
    p_top: float
    rank_low: int
    rank_high: int
    tie_group: int
    borough: str | None = None
    profile: tuple[float, ...] | None = None
    shape: PlaceShape | None = None
    harm: PlaceHarm | None = None
    peak: PeakHours | None = None
    name: str = ""  # by which people know it; its code where it has none

    def __post_init__(self) -> None:
        if not 0.0 <= self.p_top <= 1.0:
            raise ValueError(f"p_top of {self.place_id} is {self.p_top}, not a probability.")
        if not 1 <= self.rank_low <= self.rank_high:
            raise ValueError(f"{self.place_id} has ranks {self.rank_low} to {self.rank_high}.")
        if self.profile is not None and len(self.profile) != HOURS_OF_WEEK:
            raise ValueError(f"The profile of {self.place_id} has {len(self.profile)} hours, not 168.")

    @property
    def kind(self) -> PlaceKind:
        """What kind of place it is."""
        return self.shape.kind if self.shape else "cell"

    @property
    def title(self) -> str:
        """Its name, or its code where it has none."""
        return self.name or self.place_id

    @property
    def centre_m(self) -> tuple[float, float]:
        """The easting and northing of its middle (of a cell: of the whole cell)."""
        if self.shape:
            return self.shape.easting_m, self.shape.northing_m
        return (self.column + 0.5) * self.cell_m, (self.row + 0.5) * self.cell_m


@dataclass(frozen=True, slots=True)
class BlendPart:
    """One part of the score, its fitted share (all shares sum to 1), and what it is in plain words."""

    name: str
    share: float
    meaning: str


@dataclass(frozen=True, slots=True)
class Concentration:
    """How concentrated the target is, beside the same number of incidents spread by chance alone.

    `share_25` and `share_50` are the smallest shares of places that hold 25 % and 50 % of the
    incidents; the `null_` figures are what chance alone gives. `gini` is 0 for an even spread and 1
    for one single place; `gini_generalised` corrects it for there being fewer incidents than places.
    """

    incidents: int
    places: int
    share_25: float
    share_50: float
    null_share_25: float
    null_share_50: float
    gini: float
    gini_generalised: float


@dataclass(frozen=True, slots=True)
class Churn:
    """How much the list moved when its last month came in.

    `came` places were not on the list that the same rules made a month earlier, before `month` was known.
    `doubtful` is how many of the listed places are not to be expected in the true top: the sum of 1 - P(top).
    A list that changes by more than that chases noise.
    """

    month: str
    came: int
    doubtful: float


@dataclass(frozen=True, slots=True)
class BoxTrial:
    """What boxes placed earlier held, promised and then caught; all are shares of the target's incidents.

    Boxes lie where records are densest, so some of what they hold is luck that will not come again. To see
    how much, boxes were placed on the months up to `laid_to` alone and watched from `first_month` to
    `last_month`. The best `count` of them held `held_share` in the months on which they were placed, the
    score promised `promised_share`, and they caught `later_share` (with its interval). `kept_share` is
    later over
    promised, at most 1; all that a list expects of boxes is multiplied by it.
    """

    side_m: float
    count: int
    laid_to: str
    first_month: str
    last_month: str
    held_share: float
    promised_share: float
    later_share: Estimate
    kept_share: float


@dataclass(frozen=True, slots=True)
class HotspotList:
    """The places that carry the target offences, best first, and what the list rests on.

    `places` is how many cells compete and `denominator` says which land they are. `incidents` is the
    number of target incidents in `first_month` to `last_month`. `tied_below` is how many places that
    are not listed are tied with the last one that is. `burst` is how much more
    the counts of a place vary than independent incidents would (variance over mean), and `drift` how far
    places move on from their past (squared coefficient of variation); both are measured on months held
    out and are part of every certainty here, and None where the history is too short for that.
    `location_error_m` is the standard deviation in each direction by which the records' points are in
    doubt (0: taken as exact). For street segments `area_m2` is metres of street. `selection` says under which
    rules the places were chosen; where it names hours, everything expected here is of those hours alone.
    `finder` is what chose them; what is expected, and how sure, is becalm's own answer whoever chose. `rank`
    is by what they were chosen: P(top), rank intervals, tie groups and churn are about that order. `harm` is
    there where harm was asked for, `box_trial` where the places are floating boxes.
    """

    hotspots: tuple[Hotspot, ...]
    target: tuple[str, ...]
    related: tuple[str, ...]
    excluded_groups: tuple[str, ...]
    cell_m: float
    crs: str
    level: float
    first_month: str
    last_month: str
    half_life_months: float
    blend: tuple[BlendPart, ...]
    concentration: Concentration
    incidents: int
    places: int
    area_m2: float
    denominator: str
    tied_below: int
    separation_m: float
    source: str
    as_of: date
    burst: float | None = None
    drift: float | None = None
    warnings: tuple[str, ...] = ()
    kind: PlaceKind = "cell"
    location_error_m: float = 0.0
    selection: Selection | None = None
    finder: str = "blend"
    churn: Churn | None = None
    box_trial: BoxTrial | None = None
    rank: RankBy = "count"
    harm: HarmBasis | None = None

    @property
    def mean_p_top(self) -> float:
        """The mean probability that a listed place belongs to the true top."""
        return sum(h.p_top for h in self.hotspots) / len(self.hotspots) if self.hotspots else 0.0


@dataclass(frozen=True, slots=True)
class BacktestRow:
    """How one method did over all origins.

    `hit_rate` is the share of the next month's incidents in the method's best `count` places. The
    others are taken at the best `area_share` of the area: `pai` is the share of incidents over the
    share of area, `pei` is `pai` over the highest that anyone could have reached, `rri` is the share of
    incidents over the same places' share of the year before. `gini` belongs to the curve of incidents caught
    over area searched, and `log_score` is the mean gain over an even spread, in nats per incident. `ser` is
    the incidents caught in a month per square kilometre searched (per kilometre of street for segments).
    `gini_generalised` is `gini` over the highest that anyone could have reached. `calibration` is what fell
    in the best `count` places over what the method's own shares said would: below 1 it promises too much.
    `blend_gain` is the blend's `pai` less this one's, month by month.
    """

    method: str
    hit_rate: float
    pai: Estimate
    pei: float
    rri: float
    gini: float
    log_score: float
    difference_from_count_12: Estimate
    blend_gain: Estimate
    ser: float = 0.0
    gini_generalised: float = 0.0
    calibration: float = 1.0


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Places with about the same forecast: how many, and their incidents in a month, expected and seen."""

    places: float
    expected_count: float
    observed_count: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """Every method on the same months, each predicted from the months before it alone.

    `gini_best` is the Gini that the best order known afterwards would have had, and `gini_null` the same
    for as many incidents spread at random over the ground: with few incidents even that is high.
    `calibration` sets the incidents that the blend expected beside those that came, in groups of places that
    each were to have a tenth of them, from the lowest forecasts to the highest. `finder_gain` is the PAI of a
    finder that was judged beside becalm's own methods, less the blend's.
    """

    target: tuple[str, ...]
    cell_m: float
    area_share: float
    count: int
    months: tuple[str, ...]
    incidents: int
    places: int
    area_m2: float
    denominator: str
    level: float
    rows: tuple[BacktestRow, ...]
    source: str
    as_of: date
    warnings: tuple[str, ...] = ()
    kind: PlaceKind = "cell"
    gini_best: float = 1.0
    gini_null: float = 1.0
    calibration: tuple[CalibrationBin, ...] = ()
    finder_gain: Estimate | None = None

    @property
    def origins(self) -> int:
        """How many months were predicted."""
        return len(self.months)

    @property
    def can_judge(self) -> bool:
        """Are there months enough to call a method better or worse?"""
        return self.origins >= LEAST_FOR_VERDICT
