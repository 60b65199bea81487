"""When do the rows of a new file happen, and which of its columns are coordinates, of which system?"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from pyproj import Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from pyproj.exceptions import ProjError

from becalm.formats.cells import local_to_utc, numbers
from becalm.ingest.extract.times import has_swapped_days
from becalm.ingest.locate import Locator
from becalm.ingest.propose.column_profile import COLUMN_NAMES, ColumnProfile, Draft, first_rows, local_times
from becalm.ingest.propose.guess_city import guess_city
from becalm.methods.arrays import Bools, Floats, Times

Entry = str | bool | int | list["Entry"] | dict[str, str]
Entries = dict[str, Entry]
"""A table of the mapping, by key."""

HEAP: Final = 3.0  # so many times the even share is a heap
TIMES_ENOUGH: Final = 100  # fewer times show no heap
X_NAMES: Final = re.compile(
    r"(^|[_\W])(lon|long|lng|longitude|easting|east|x|x_?coord\w*)([_\W]|$)", re.IGNORECASE
)
Y_NAMES: Final = re.compile(r"(^|[_\W])(lat|latitude|northing|north|y|y_?coord\w*)([_\W]|$)", re.IGNORECASE)
WGS84: Final = "EPSG:4326"
POINTS_TRIED: Final = 300
CANDIDATES_SHOWN: Final = 4
MONTH_NAME: Final = re.compile(r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE)
HALF: Final = 0.5
BAD_RATE: Final = 0.98  # so many of a column's cells must be numbers
SURE: Final = 0.9  # of the points inside the city: no other system is looked for


# --- time ---------------------------------------------------------------------------------------------


def propose_time(draft: Draft) -> Entries:
    """The [time] part; what cannot be seen becomes a doubt of the draft."""
    time_profiles = [profile for profile in draft.profiles if profile.precision in ("minute", "day")]
    has_several_times = len(time_profiles) > 1
    recorded_profile = draft.use_column("recorded_on", time_profiles) if has_several_times else None
    end_profile = draft.use_column("occurred_to", time_profiles) if has_several_times else None
    start_profile = draft.use_column("occurred_from", time_profiles)
    start_profile = start_profile or next(
        (profile for profile in draft.free_profiles() if profile in time_profiles), None
    )
    if start_profile is None:
        return _propose_day(draft) or _propose_month(draft)
    draft.used_columns.add(start_profile.column)
    start_times = local_times(draft.sheet, start_profile)
    has_day_only = start_profile.precision == "day" or _has_one_clock_time(start_times)
    start_clock = _use_clock_column(draft, start_profile) if has_day_only else None
    hour_profile = _use_hour_column(draft) if has_day_only and start_clock is None else None
    precision = "hour" if hour_profile else "minute" if start_clock else start_profile.precision
    time_entries: Entries = {"occurred_from": start_profile.column}
    formats = list(start_profile.formats)
    if start_clock is not None:
        time_entries["occurred_from"] = [start_profile.column, start_clock.column]
        formats = _join_formats(draft, start_profile, start_clock)
    if hour_profile is not None:
        time_entries["hour"] = hour_profile.column
    elif end_profile is not None:
        end_clock = _use_clock_column(draft, end_profile) if start_clock else None
        end_columns: list[Entry] = [end_profile.column, *([end_clock.column] if end_clock else [])]
        time_entries["occurred_to"] = end_columns if end_clock else end_profile.column
        formats += [f for f in end_profile.formats if f not in formats and not end_clock]
    time_entries |= {"formats": list[Entry](formats), "zone": _zone(start_profile), "precision": precision}
    if recorded_profile is not None:
        recorded_entries: Entries = {"recorded_on": recorded_profile.column}
        time_entries |= recorded_entries | {"recorded_formats": list(recorded_profile.formats)}
    _doubt_formats(draft, start_profile)
    if precision == "minute":
        _doubt_zone(draft, start_profile, start_times)
        time_entries |= {} if start_clock else _propose_heaps(draft, start_times)
    return time_entries


def _use_clock_column(draft: Draft, day_profile: ColumnProfile) -> ColumnProfile | None:
    """The column of clock times that belongs to this column of days: the one whose name is most like it."""
    clock_profiles = [p for p in draft.free_profiles() if p.precision == "clock" and not p.is_of_offender]
    if not clock_profiles:
        return None
    day_words = set(day_profile.plain_name.split("_"))
    best_profile = max(clock_profiles, key=lambda p: len(day_words & set(p.plain_name.split("_"))))
    draft.used_columns.add(best_profile.column)
    return best_profile


def _join_formats(draft: Draft, day_profile: ColumnProfile, clock_profile: ColumnProfile) -> list[str]:
    """The formats of a day and a clock time that are joined by a space."""
    day_formats = list(day_profile.formats) or ["%Y-%m-%d"]
    if day_profile.precision == "minute" and day_profile.formats:
        # days that are written with their midnight: the midnight stands in the format as it is
        first_midnight = local_times(draft.sheet, day_profile)[0].item()
        day_formats = [
            re.sub(r"%[HMSIpf].*", "", f) + first_midnight.strftime(_clock_part(f)) for f in day_formats
        ]
    return [
        f"{day_format} {clock_format}" for day_format in day_formats for clock_format in clock_profile.formats
    ]


def _clock_part(time_format: str) -> str:
    clock_match = re.search(r"%[HMSIpf].*", time_format)
    return clock_match[0].replace("%f", "000") if clock_match else ""


def _doubt_formats(draft: Draft, profile: ColumnProfile) -> None:
    if profile.rival_formats:
        all_formats = ", ".join((*profile.formats, *profile.rival_formats))
        draft.doubts.append(
            f"{profile.column!r} can be read in several ways: {all_formats}; "
            f"{profile.formats[0]} was taken (samples: {', '.join(profile.samples)})"
        )
    if len(profile.formats) > 1:
        draft.doubts.append(
            f"{profile.column!r} is written in {len(profile.formats)} ways, which are tried in this order: "
            f"{', '.join(profile.formats)}. Is the day always where it says?"
        )
        _doubt_swapped_days(draft, profile)
    if profile.bad_count:
        draft.doubts.append(
            f"{profile.bad_count} of the texts of {profile.column!r} are no such time: rows to be rejected"
        )


def _doubt_swapped_days(draft: Draft, profile: ColumnProfile) -> None:
    if has_swapped_days(first_rows(draft.sheet, profile.column), profile.formats):
        draft.doubts.append(
            f"{profile.column!r}: all typed dates have days up to the 12th, all texts days after it. A "
            "spreadsheet swapped day and month of the typed ones: export it again, with dates as YYYY-MM-DD"
        )


def _zone(profile: ColumnProfile) -> str:
    if profile.has_offset:
        return "offset"
    return "UTC" if re.search(r"utc|gmt|zulu", profile.column, re.IGNORECASE) else "local"


def _propose_day(draft: Draft) -> Entries | None:
    """Days whose year, month and day stand in columns of their own; None where they do not."""
    number_columns = [_number_column(draft, part) for part in ("year", "month", "day")]
    if not all(number_columns):
        return None
    columns: list[Entry] = [part.column for part in number_columns if part]
    draft.used_columns.update(str(column) for column in columns)
    return {"occurred_from": columns, "formats": ["%Y %m %d"], "precision": "day"}


def _number_column(draft: Draft, part: str) -> ColumnProfile | None:
    """A column of years, months or days as numbers, or of the names of months."""
    low, high = {"year": (1900, 2100), "month": (1, 12), "day": (1, 31)}[part]
    for profile in draft.free_profiles():
        is_number = profile.number_share > BAD_RATE and low <= profile.low and profile.high <= high
        is_name = part == "month" and bool(profile.samples) and all(map(MONTH_NAME.match, profile.samples))
        if (is_number or is_name) and re.search(COLUMN_NAMES[part], profile.plain_name):
            return profile
    return None


def _propose_month(draft: Draft) -> Entries:
    month_profile = next((profile for profile in draft.profiles if profile.precision == "month"), None)
    if month_profile is None:
        year_profile, number_profile = _number_column(draft, "year"), _number_column(draft, "month")
        if year_profile and number_profile:
            draft.used_columns |= {year_profile.column, number_profile.column}
            month_format = "%m" if number_profile.number_share > 0 else "%b"
            month_format = (
                "%B"
                if any(len(name) > 3 and month_format == "%b" for name in number_profile.samples)
                else month_format
            )
            columns: list[Entry] = [year_profile.column, number_profile.column]
            return {"month": columns, "formats": [f"%Y {month_format}"], "precision": "month"}
        month_profile = draft.profiles[0]
        draft.doubts.append(
            f"no column looks like a time: {month_profile.column!r} was put into [time]: replace it"
        )
    draft.used_columns.add(month_profile.column)
    return {"month": month_profile.column, "formats": list(month_profile.formats[:1]), "precision": "month"}


def _use_hour_column(draft: Draft) -> ColumnProfile | None:
    hour_profiles = [p for p in draft.profiles if p.number_share > 0.99 and p.low >= 0 and 1 < p.high <= 23]
    return draft.use_column("hour", hour_profiles)


def _has_one_clock_time(times: Times) -> bool:
    """Do all days carry the same few clock times, as days written as instants do?"""
    return len(np.unique(times - times.astype("M8[D]"))) <= 2


def _doubt_zone(draft: Draft, profile: ColumnProfile, times: Times) -> None:
    if profile.has_offset:
        return
    city_zone = draft.locator.city.time_zone
    gap_count = int(local_to_utc(times, city_zone)[1].sum())
    few_or_many = f"{gap_count} of {len(times):,}" if gap_count else f"none of {len(times):,}"
    evidence = f"{few_or_many} lie in the hour that {city_zone} skips in spring"
    draft.doubts.append(
        f'are the times of {profile.column!r} local or UTC? zone = "{_zone(profile)}" was taken; {evidence}'
    )


def _propose_heaps(draft: Draft, column_times: Times) -> Entries:
    """Times that heap at full hours or midnight know less than they say."""
    heap_entries: Entries = {}
    if len(column_times) < TIMES_ENOUGH:
        return heap_entries
    is_full_hour: Bools = column_times == column_times.astype("M8[h]")
    is_midnight: Bools = column_times == column_times.astype("M8[D]")
    if is_full_hour.mean() > HEAP / 60:
        heap_entries["full_hour_is_hour"] = True
        draft.doubts.append(
            f"{is_full_hour.mean():.0%} of the times are full hours: is only the hour meant? "
            "(full_hour_is_hour)"
        )
    midnight_share = is_midnight.sum() / max(is_full_hour.sum(), 1)
    if is_midnight.sum() > 20 and midnight_share > HEAP / 24:
        heap_entries["midnight_is_day"] = ["*"]
        draft.doubts.append(
            f"{is_midnight.mean():.1%} of the times are midnight sharp: is only the day meant? "
            "(midnight_is_day)"
        )
    return heap_entries


# --- place --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlaceGuess:
    """The columns of x and y, the systems that put the points into the city (best first), and the proof."""

    x: str
    y: str
    systems: tuple[str, ...]
    inside_share: float
    distinct_share: float  # distinct points per row
    is_in_degrees: bool = False
    sample: tuple[Floats, Floats] | None = None  # some of the points


def propose_place(draft: Draft) -> Entries:
    """The [place] part; what cannot be seen becomes a doubt of the draft."""
    place_guess = _guess_place(draft)
    place_entries: Entries = {}
    if place_guess is None:
        draft.doubts.append(
            "no columns look like coordinates: name x and y in [place], or settle that there are none"
        )
    else:
        draft.used_columns |= {place_guess.x, place_guess.y}
        crs = place_guess.systems[0] if place_guess.systems else draft.locator.city.crs
        point_quality = "snap" if place_guess.distinct_share < 0.2 else "exact"
        place_entries = {"x": place_guess.x, "y": place_guess.y, "crs": crs, "quality": point_quality}
        _doubt_place(draft, place_guess, crs, point_quality)
    for part_name in ("borough", "ward", "lsoa", "command_unit"):
        part_profile = draft.use_column(part_name)
        if part_profile is not None:
            place_entries[part_name] = part_profile.column
    return place_entries


def _doubt_place(draft: Draft, guess: PlaceGuess, crs: str, point_quality: str) -> None:
    city = draft.locator.city
    if not guess.systems or guess.inside_share < SURE:
        draft.doubts.append(
            f"{guess.inside_share:.0%} of the points fall into {city.name} by {crs}: "
            "is the coordinate system right, and the workspace's city?"
        )
    if guess.inside_share < HALF and (guess.is_in_degrees or draft.sheet.crs) and guess.sample is not None:
        to_degrees = Transformer.from_crs(crs, WGS84, always_xy=True)
        longitude, latitude = to_degrees.transform(*guess.sample)
        draft.city_text = guess_city(longitude, latitude, key=draft.name, source=draft.sheet.name)
        middle_text = f"latitude {np.median(latitude):.2f}, longitude {np.median(longitude):.2f}"
        draft.doubts.append(
            f"the points lie near {middle_text}: if not in {city.name}, make a workspace for their "
            "city, with the "
            "city file that was proposed as well"
        )
    if len(guess.systems) > 1:
        draft.doubts.append(
            f"several systems put the points into {city.name}: {', '.join(guess.systems)}; {crs} was taken"
        )
    draft.doubts.append(
        "are the places exact, moved to a block, or snapped to fixed points? "
        f"There are {guess.distinct_share:.0%} as many different points as rows; "
        f'quality = "{point_quality}" was taken'
    )


def _guess_place(draft: Draft) -> PlaceGuess | None:
    """Which columns hold coordinates, and which system puts them into the city?

    Degrees before any projection (feet are easily taken for metres); of several pairs the one that puts most
    points into the city.
    """
    number_columns = [p for p in draft.free_profiles() if p.number_share > 0.95 and not p.precision]
    x_columns = [p.column for p in number_columns if X_NAMES.search(p.plain_name)]
    y_columns = [p.column for p in number_columns if Y_NAMES.search(p.plain_name)]
    column_pairs = list(zip(x_columns, y_columns, strict=False))
    degree_pairs = [
        pair
        for pair in column_pairs
        if all(d.low >= -180 and d.high <= 180 for d in number_columns if d.column in pair)
    ]
    pair_guesses = [_guess_pair(draft, x, y) for x, y in degree_pairs or column_pairs]
    return max(pair_guesses, key=lambda pair: pair.inside_share, default=None)


def _guess_pair(draft: Draft, x: str, y: str) -> PlaceGuess:
    xs, _ = numbers(first_rows(draft.sheet, x))
    ys, _ = numbers(first_rows(draft.sheet, y))
    is_usable_point = np.isfinite(xs) & np.isfinite(ys) & ~((xs == 0) & (ys == 0))
    if not is_usable_point.any():
        return PlaceGuess(x, y, (), 0.0, 0.0)
    xy_frame = pd.DataFrame({"x": xs[is_usable_point], "y": ys[is_usable_point]})
    sample_frame = xy_frame.iloc[
        np.linspace(0, len(xy_frame) - 1, min(POINTS_TRIED, len(xy_frame))).astype(int)
    ]
    sample_x, sample_y = sample_frame["x"].to_numpy(), sample_frame["y"].to_numpy()
    stated_crs = draft.sheet.crs if x.endswith("_x") else None
    crs_names, inside_share = _rank_systems(sample_x, sample_y, draft.locator, stated_crs)
    distinct_share = float(len(xy_frame.drop_duplicates()) / len(xy_frame))
    is_in_degrees = _are_degrees(sample_x, sample_y)
    return PlaceGuess(x, y, crs_names, inside_share, distinct_share, is_in_degrees, (sample_x, sample_y))


def _are_degrees(x: Floats, y: Floats) -> bool:
    return bool((np.abs(x) <= 180).all() and (np.abs(y) <= 90).all())


def _rank_systems(
    x: Floats, y: Floats, locator: Locator, stated_crs: str | None
) -> tuple[tuple[str, ...], float]:
    """The system that is stated, else those under which most points fall into the city, likeliest first."""
    if stated_crs is not None:
        return (stated_crs,), _share_inside(x, y, stated_crs, locator)
    is_in_degrees = _are_degrees(x, y)
    likely_crs = WGS84 if is_in_degrees else locator.city.crs
    share_by_crs = {likely_crs: _share_inside(x, y, likely_crs, locator)}
    if not is_in_degrees and share_by_crs[likely_crs] < SURE:
        share_by_crs |= {crs: _share_inside(x, y, crs, locator) for crs in _local_systems(locator)}
    best_share = max(share_by_crs.values())
    if best_share == 0:
        return ((WGS84,) if is_in_degrees else ()), 0.0
    return tuple(crs for crs, share in share_by_crs.items() if share >= best_share - 0.01)[
        :CANDIDATES_SHOWN
    ], best_share


def _share_inside(x: Floats, y: Floats, crs_name: str, locator: Locator) -> float:
    try:
        located_points = locator.locate(x, y, crs=crs_name)
    except ProjError:  # some systems of the register cannot be computed
        return 0.0
    return float((located_points.is_known & ~locator.is_outside_extent(located_points)).mean())


def _local_systems(locator: Locator) -> list[str]:
    """Every projected system of the register that is made for the city's surroundings."""
    west_m, south_m, east_m, north_m = locator.city.extent_m or locator.area_of_use_m
    to_degrees = Transformer.from_crs(locator.city.crs, WGS84, always_xy=True)
    area_of_interest = AreaOfInterest(*to_degrees.transform_bounds(west_m, south_m, east_m, north_m))
    crs_entries = query_crs_info(
        auth_name="EPSG", pj_types=PJType.PROJECTED_CRS, area_of_interest=area_of_interest, contains=True
    )
    return [f"EPSG:{crs_entry.code}" for crs_entry in crs_entries if not crs_entry.deprecated]
