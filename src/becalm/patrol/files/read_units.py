"""Units from TOML: areas, bases, teams by weekday with their starts, absences. All faults come together."""

import math
from collections.abc import Iterator, Sequence
from datetime import date, time
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pyproj import Transformer

from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.patrol.core.plan_inputs import Base, Mode
from becalm.patrol.core.roster import Absence, DatedTour, PatrolArea, Roster, Team
from becalm.terms import Fault, InputError
from becalm.workspace.reviewed_toml import Source, Strict, check_recipe, suggest

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


class BaseEntry(Strict):
    """One [[bases]] entry: metres of the city, or degrees."""

    base: str = Field(min_length=1)
    easting_m: float | None = None
    northing_m: float | None = None
    longitude: float | None = Field(default=None, ge=-180, le=180)
    latitude: float | None = Field(default=None, ge=-90, le=90)

    @model_validator(mode="after")
    def _one_place(self) -> "BaseEntry":
        metre_pair = (self.easting_m, self.northing_m)
        degree_pair = (self.longitude, self.latitude)
        complete_pairs = [pair for pair in (metre_pair, degree_pair) if None not in pair]
        if len(complete_pairs) != 1 or any(None in pair and any(pair) for pair in (metre_pair, degree_pair)):
            raise ValueError("a base needs either easting_m and northing_m, or longitude and latitude")
        return self


class TeamEntry(Strict):
    """One [[teams]] entry: a unit for each of its starts."""

    team: str = Field(min_length=1)
    area: str
    base: str
    mode: Mode = "foot"
    crew: int = Field(default=2, ge=1, le=30)
    weekdays: tuple[Weekday, ...] = WEEKDAYS
    starts: tuple[time, ...] = Field(min_length=1)
    hours: float = Field(gt=0, le=24)
    burst_share: float = Field(default=1.0, gt=0, le=1)
    pair: str = ""

    def terms(self) -> Team:
        """The team as a term."""
        weekday_indices = tuple(WEEKDAYS.index(weekday) for weekday in self.weekdays)
        return Team(**{**self.model_dump(), "weekdays": weekday_indices})


class UnitsFile(Strict):
    """A whole units file."""

    note: str = ""
    areas: tuple[PatrolArea, ...] = Field(min_length=1)
    bases: tuple[BaseEntry, ...] = Field(min_length=1)
    teams: tuple[TeamEntry, ...] = ()
    absences: tuple[Absence, ...] = ()
    tours: str = ""  # a csv beside the file: tours on single days, as `becalm staff allocate` writes them


TOUR_COLUMNS = ("day", "unit", "area", "base", "mode", "start", "hours", "crew", "use")


def read_units(source: Source | str, *, crs: str) -> Roster:
    """The roster in this file, or the shipped one of this name ("westminster"); bases in metres of `crs`.

    Raises InputError with everything that is wrong with the file: unknown areas and bases, names that
    come twice, a base that lies nowhere, no units at all.
    """
    source_file = shipped_units(source) if isinstance(source, str) else source
    entry, faults = check_recipe(source_file, UnitsFile)
    tours: tuple[DatedTour, ...] = ()
    if entry is not None:
        tour_faults: list[Fault] = []
        tours = tuple(_read_tours(entry, source_file, tour_faults)) if entry.tours else ()
        faults = (*_find_faults(entry, source_file.name, tours), *tour_faults)
    check_faultless(f"The units file {source_file.name}", faults, most=None)
    assert entry is not None  # a file without faults has an entry
    to_metres = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    roster = Roster(
        areas=entry.areas,
        bases=tuple(_build_base(b, to_metres) for b in entry.bases),
        teams=tuple(t.terms() for t in entry.teams),
        absences=entry.absences,
        source=source_file.name,
        tours=tours,
    )
    unplaced_bases = [b for b in roster.bases if not math.isfinite(b.easting_m + b.northing_m)]
    if unplaced_bases:
        unplaced_faults = tuple(
            Fault(b.base, f"its place cannot be given in {crs}", "correct its place") for b in unplaced_bases
        )
        raise InputError(
            f"The units file {source_file.name} has {len(unplaced_faults)} bases without a usable position",
            unplaced_faults,
        )
    return roster


def shipped_rosters() -> tuple[str, ...]:
    """The names of the example rosters that come with becalm."""
    policies_folder = files("becalm.patrol.files") / "policies"
    return tuple(
        sorted(file.name[6:-5] for file in policies_folder.iterdir() if file.name.startswith("units_"))
    )


def shipped_units(name: str) -> Source:
    """The example roster of this name that comes with becalm."""
    if name not in shipped_rosters():
        shipped_names = ", ".join(shipped_rosters())
        raise InputError(f"becalm ships no roster {name!r}; it has: {shipped_names}. Name a file of yours.")
    return files("becalm.patrol.files") / "policies" / f"units_{name}.toml"


def _build_base(entry: BaseEntry, to_metres: Transformer) -> Base:
    if entry.longitude is None:
        return Base(entry.base, float(entry.easting_m or 0.0), float(entry.northing_m or 0.0))
    easting_m, northing_m = to_metres.transform(entry.longitude, entry.latitude)
    return Base(entry.base, round(float(easting_m), 1), round(float(northing_m), 1))


def _read_tours(entry: UnitsFile, source: Source, faults: list[Fault]) -> Iterator[DatedTour]:
    """The patrol tours of the csv that the units file names; every row that cannot be one is a fault."""
    if not isinstance(source, Path):
        return
    teams = [team.terms() for team in entry.teams]
    team_days = {
        (team.unit(i), day) for team in teams for i in range(len(team.starts)) for day in team.weekdays
    }
    seen_units: set[tuple[str, date]] = set()
    for where, row in read_csv_rows(source.parent / entry.tours, TOUR_COLUMNS, faults):
        if row["use"] != "patrol":  # visits and administration are no business of patrol
            continue
        try:
            tour = TypeAdapter(DatedTour).validate_python({name: row[name] for name in row if name != "use"})
        except ValidationError as error:
            for problem in error.errors():
                column = ".".join(map(str, problem["loc"]))
                problem_text = f"{problem['input']!r:.80}: {problem['msg']}"
                faults.append(Fault(f"{where}: {column}", problem_text, "correct it"))
            continue
        if (tour.unit, tour.day.weekday()) in team_days or (tour.unit, tour.day) in seen_units:
            faults.append(Fault(where, f"{tour.unit} is on duty twice on {tour.day}", "keep it in one place"))
        seen_units.add((tour.unit, tour.day))
        faults += _find_unknown(tour.area, [a.area for a in entry.areas], f"{where}: area", "areas")
        faults += _find_unknown(tour.base, [b.base for b in entry.bases], f"{where}: base", "bases")
        yield tour


def _find_faults(entry: UnitsFile, file: str, tours: Sequence[DatedTour]) -> Iterator[Fault]:
    area_names, base_names = [a.area for a in entry.areas], [b.base for b in entry.bases]
    yield from _find_repeated("area", area_names, file)
    yield from _find_repeated("base", base_names, file)
    yield from _find_repeated("borough", [b for a in entry.areas for b in a.boroughs], file)
    checked_teams = [t.terms() for t in entry.teams]
    unit_names = [t.unit(i) for t in checked_teams for i in range(len(t.starts))]
    yield from _find_repeated("unit", unit_names, file)
    unit_names += [tour.unit for tour in tours]
    if not unit_names:
        yield Fault(f"{file}: teams", "there are no units", "add [[teams]] with area, base, starts and hours")
    for team in checked_teams:
        yield from _find_unknown(team.area, area_names, f"{file}: {team.team}.area", "areas")
        yield from _find_unknown(team.base, base_names, f"{file}: {team.team}.base", "bases")
    for absence in entry.absences:
        yield from _find_unknown(absence.unit, unit_names, f"{file}: absences", "units")
        if absence.until <= absence.since:
            problem = f"{absence.unit} is away until {absence.until}, not after {absence.since}"
            yield Fault(f"{file}: absences", problem, "give the first day on which it is back")


def _find_repeated(kind: str, names: list[str], file: str) -> Iterator[Fault]:
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield Fault(f"{file}: {name}", f"this {kind} is named {names.count(name)} times", "name it once")


def _find_unknown(word: str, known_names: list[str], where: str, kind: str) -> Iterator[Fault]:
    if word not in known_names:
        yield Fault(
            where, f"{word!r} is not among the {kind}", f"{suggest(word, known_names)}add or correct it"
        )
