"""What each question of find may be asked with."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final, Literal

from becalm.terms.errors import UsageError
from becalm.terms.request import FileName, Parameter, Request

PlaceUnit = Literal["square", "hexagon", "h3", "own", "segment", "box"]
Halves = Literal["north-south", "east-west"]
TimeStep = Literal["month", "week", "day"]
UNITS_FROM_A_FILE: Final = ("own", "segment")
MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
Count = Annotated[int, Parameter("How many places to list.", unit="places", low=1)]
Seed = Annotated[int | None, Parameter("The seed of a former run, to repeat it exactly.", low=0)]
FinderName = Annotated[str, Parameter("What chooses the places: becalm's own or a plug-in.")]
Orders = Annotated[
    int, Parameter("How many random orders the figures are compared with.", unit="orders", low=19)
]
Level = Annotated[float, Parameter("The error rate below which something is reported.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions(Request):
    """Which offences are looked for, and in which records, as known when."""

    target: Annotated[
        tuple[str, ...],
        Parameter(
            "An offence group to look for; repeat it for several. Without it: all street violence.", short="t"
        ),
    ] = ()
    since: Annotated[
        str | None,
        Parameter(
            "Learn from this month on (YYYY-MM).", metavar="MONTH", name="first-month", former_name="since"
        ),
    ] = None
    until: Annotated[
        str | None,
        Parameter(
            "Learn up to this month, included (YYYY-MM).",
            metavar="MONTH",
            name="last-month",
            former_name="until",
        ),
    ] = None
    source: Annotated[str | None, Parameter("The source to use, where there are several.")] = None
    as_of: Annotated[date | None, Parameter("The records as they were known on this day.")] = None

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        for month in (self.since, self.until):
            if month is not None and not MONTH.fullmatch(month):
                raise UsageError(f"{month!r} is not a month. Write it YYYY-MM, e.g. 2020-04.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOptions(Request):
    """Which places compete. The default is the grid's own square cells."""

    cell_m: Annotated[float, Parameter("The side of a cell in metres.", unit="m")] = 150.0
    unit: Annotated[
        PlaceUnit,
        Parameter(
            "What a place is: a square or hexagon of `cell_m`, an H3 cell, an area of your own, "
            "a street segment, or a box of `cell_m` placed where it catches most.",
            name="place-kind",
            former_name="unit",
        ),
    ] = "square"
    turn_deg: Annotated[float, Parameter("Turn squares and hexagons by this angle.", unit="degrees")] = 0.0
    places: Annotated[
        FileName | None,
        Parameter("Your own areas, or the streets, for `unit own` or `unit segment`.", metavar="FILE"),
    ] = None
    id_column: Annotated[str | None, Parameter("The column of `places` that names each area.")] = None
    places_crs: Annotated[
        str | None,
        Parameter("The coordinate system of `places` and `exclude` where they state none, e.g. EPSG:27700."),
    ] = None
    h3_resolution: Annotated[int, Parameter("The resolution of H3 cells.")] = 10
    junction_m: Annotated[
        float,
        Parameter("How many metres of each street belong to its junction; 0 for no junctions.", unit="m"),
    ] = 20.0
    snap_m: Annotated[float, Parameter("Records further from any street are left out.", unit="m")] = 50.0
    exclude: Annotated[
        FileName | None, Parameter("Land that no place may hold (lakes, prisons): polygons.", metavar="FILE")
    ] = None
    merge: Annotated[
        bool, Parameter("Where places are finer than the records are placed, take the smallest that will do.")
    ] = False

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        if self.unit in UNITS_FROM_A_FILE and self.places is None:
            raise UsageError(f"`unit {self.unit}` needs `places FILE`.")
        if self.unit not in UNITS_FROM_A_FILE and self.places is not None:
            raise UsageError(f"`places` goes with `unit own` or `unit segment`, not with {self.unit}.")
        if self.turn_deg and self.unit not in ("square", "hexagon"):
            raise UsageError(f"`turn_deg` goes with squares and hexagons, not with {self.unit}.")
        if not (self.snap_m > 0 and self.junction_m >= 0):
            raise UsageError("`snap_m` must be above 0 and `junction_m` not below 0.")

    @property
    def is_grid(self) -> bool:
        """Whether the grid's own cells compete, all of them."""
        return self.unit == "square" and self.turn_deg == 0.0 and self.exclude is None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions(Request):
    """Under which rules places are listed. Overrides that are recorded in the ledger hold beside these."""

    separation_m: Annotated[
        float, Parameter("The least distance between the centres of two listed places.", unit="m")
    ] = 0.0
    rules: Annotated[FileName | None, Parameter("The rules of the list, in TOML.", metavar="FILE")] = None
    floor: Annotated[tuple[str, ...], Parameter("At least N places in this borough.", metavar="AREA=N")] = ()
    cap: Annotated[tuple[str, ...], Parameter("At most N places in this borough.", metavar="AREA=N")] = ()
    when: Annotated[
        str | None,
        Parameter(
            'A list for these hours: day (07-19), night (19-07), 22-04, or with weekdays, "Fri 18-24".',
            metavar="HOURS",
        ),
    ] = None

    @property
    def floors(self) -> dict[str, int]:
        """The least number of places in each area that has one."""
        return _read_area_numbers("floor", self.floor)

    @property
    def caps(self) -> dict[str, int]:
        """The greatest number of places in each area that has one."""
        return _read_area_numbers("cap", self.cap)


def _read_area_numbers(name: str, texts: tuple[str, ...]) -> dict[str, int]:
    number_by_area: dict[str, int] = {}
    for text in texts:
        area, _, number_text = (part.strip() for part in text.rpartition("="))
        if not area or not number_text.isdecimal():
            raise UsageError(f"`{name}` {text!r} names no area and number. Write it as `{name} Camden=3`.")
        if number_by_area.setdefault(area, int(number_text)) != int(number_text):
            raise UsageError(
                f"`{name}` names {area} twice, with {number_by_area[area]} and {number_text}. Keep one."
            )
    return number_by_area


@dataclass(frozen=True, slots=True, kw_only=True)
class HarmOptions(Request):
    """By what places are ranked, and with which harm weights."""

    rank: Annotated[
        Literal["count", "harm"],
        Parameter("Rank by expected incidents, or by their harm in reviewed weights."),
    ] = "count"
    harm_weights: Annotated[
        str | None,
        Parameter(
            "The harm weights of offence groups: a shipped table, or a TOML file. "
            "With `rank count` each place then shows its harm as well.",
            metavar="NAME|FILE",
        ),
    ] = None

    @property
    def is_reckoned(self) -> bool:
        """Is harm computed at all?"""
        return self.rank == "harm" or self.harm_weights is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class HotspotRequest(Request):
    """Which places will carry most of the target offences, and how sure is each one's rank?"""

    records: RecordOptions = field(default_factory=RecordOptions)
    count: Count = 250
    places: PlaceOptions = field(default_factory=PlaceOptions)
    rules: RuleOptions = field(default_factory=RuleOptions)
    harm: HarmOptions = field(default_factory=HarmOptions)
    finder: FinderName = "blend"
    challenger: Annotated[bool, Parameter("Let boosted trees choose, if a back-test says that they win.")] = (
        False
    )
    seed: Seed = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest(Request):
    """How well would each method have predicted each of the last months, from the months before it alone?"""

    records: RecordOptions = field(default_factory=RecordOptions)
    count: Count = 250
    places: PlaceOptions = field(default_factory=PlaceOptions)
    finder: FinderName = "blend"
    challenger: Annotated[bool, Parameter("Set boosted trees (LightGBM) beside the other methods.")] = False
    area_share: Annotated[float, Parameter("The share of the area that PAI is taken at.")] = 0.01
    origins: Annotated[
        int, Parameter("How many months to predict, the last ones on record.", unit="months")
    ] = 12
    seed: Seed = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest(Request):
    """Which listed places stand out with their neighbours, and since when?"""

    records: RecordOptions = field(default_factory=RecordOptions)
    count: Count = 250
    places: PlaceOptions = field(default_factory=PlaceOptions)
    months: Annotated[int, Parameter("Clusters of how many last months.", unit="months")] = 12
    period_months: Annotated[int, Parameter("The length of each period of the history.", unit="months")] = 3
    adjust: Annotated[
        str, Parameter("BH (false discovery rate), BY (the same under any dependence) or Holm.")
    ] = "BH"
    level: Level = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class NearRepeatRequest(Request):
    """After one incident, is another one nearby soon more likely than chance alone explains?"""

    records: RecordOptions = field(default_factory=RecordOptions)
    metres: Annotated[str, Parameter("The upper edges of the bands of distance, in metres.")] = "100,200,400"
    days: Annotated[str, Parameter("The upper edges of the bands of delay, in days.")] = "7,14,28"
    manhattan: Annotated[bool, Parameter("Measure distance along the axes, as blocks do.")] = False
    orders: Orders = 999
    seed: Seed = None

    @property
    def distance_edges_m(self) -> tuple[float, ...]:
        """The upper edges of the bands of distance."""
        return _read_edges("metres", self.metres)

    @property
    def delay_edges_days(self) -> tuple[int, ...]:
        """The upper edges of the bands of delay."""
        edges_days = _read_edges("days", self.days)
        if any(edge_days != int(edge_days) for edge_days in edges_days):
            raise UsageError(
                f"`days` {self.days!r} holds part of a day. Give whole days, e.g. `days 7,14,28`."
            )
        return tuple(int(edge_days) for edge_days in edges_days)


def _read_edges(option_name: str, option_text: str) -> tuple[float, ...]:
    """Read "100,200,400" as rising edges."""
    try:
        edge_values = tuple(float(part) for part in option_text.split(","))
    except ValueError as error:
        raise UsageError(
            f"`{option_name}` {option_text!r} holds no numbers. Write e.g. `{option_name} 7,14,28`."
        ) from error
    if not all(0 < edge < float("inf") for edge in edge_values):
        raise UsageError(f"`{option_name}` {option_text!r} holds an edge of 0 or less. Give numbers above 0.")
    if list(edge_values) != sorted(set(edge_values)):
        raise UsageError(f"`{option_name}` {option_text!r} does not rise. Write the smallest edge first.")
    return edge_values


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings(Request):
    """Which circles and runs are looked at, and how many random orders they are compared with."""

    radius_m: Annotated[float, Parameter("The greatest radius of a circle, in metres.", unit="m")] = 1000.0
    step: Annotated[
        TimeStep,
        Parameter("What runs are counted in; weeks and days need records with days."),
    ] = "month"
    longest: Annotated[
        int | None,
        Parameter("The longest an outbreak may last, in steps.", default_text="3 months, 4 weeks or 14 days"),
    ] = None
    orders: Orders = 199
    level: Level = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class OutbreakRequest(Request):
    """Where and when was there suddenly more than that place and that time explain?"""

    records: RecordOptions = field(default_factory=RecordOptions)
    places: PlaceOptions = field(default_factory=PlaceOptions)
    scan: ScanSettings = field(default_factory=ScanSettings)
    seed: Seed = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRequest(Request):
    """How is this place to be split, from now on in every list, or is it to be made whole again?"""

    place: Annotated[str, Parameter("The place, as the list names it.", metavar="PLACE", is_argument=True)]
    reason: Annotated[str, Parameter("Why, without names of people.")]
    halves: Annotated[Halves | None, Parameter("Two halves, cut through its middle.")] = None
    line: Annotated[
        FileName | None, Parameter("A GeoJSON with one line across the place.", metavar="FILE")
    ] = None
    parts: Annotated[FileName | None, Parameter("Areas that you drew: one part each.", metavar="FILE")] = None
    part_column: Annotated[str | None, Parameter("The column of `parts` that names each part.")] = None
    undo: Annotated[bool, Parameter("Make it whole again.")] = False
    records: RecordOptions = field(default_factory=RecordOptions)
    places: PlaceOptions = field(default_factory=PlaceOptions)

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        way_count = sum(way is not None for way in (self.halves, self.line, self.parts))
        if self.undo and way_count:
            raise UsageError("`undo` makes the place whole; leave `halves`, `line` and `parts` out.")
        if not self.undo and way_count != 1:
            raise UsageError("Say how to split it with one of `halves`, `line` and `parts`.")
        if len(self.reason.strip()) < 3:
            raise UsageError("A split needs a reason that can be read later. Give it with `reason`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitListRequest(Request):
    """Which places are split by hand?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideRequest(Request):
    """Must this place be on every list from now on, on none, or is it free again?"""

    place: Annotated[str, Parameter("The place, as the list names it.", metavar="ID")]
    reason: Annotated[str, Parameter("Why, without names of people.")]
    include: Annotated[bool, Parameter("It must be on every list.")] = False
    leave_out: Annotated[bool, Parameter("It must be on no list.")] = False
    lift: Annotated[bool, Parameter("It is free again.")] = False
    until: Annotated[date | None, Parameter("The last day on which it holds.")] = None

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        if self.include + self.leave_out + self.lift != 1:
            raise UsageError("Say what is decided with one of `include`, `leave_out` and `lift`.")
        if not self.reason.strip():
            raise UsageError("An override needs a reason that can be read later. Give it with `reason`.")

    @property
    def decision(self) -> str:
        """What is decided, as the ledger writes it."""
        return next(
            option_name for option_name in ("include", "leave_out", "lift") if getattr(self, option_name)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideListRequest(Request):
    """Which overrides hold today?"""
