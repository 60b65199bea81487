"""When do the rows of a new file happen, and which of its columns are coordinates, of which system?"""

from __future__ import annotations

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
from becalm.ingest.locate import Locator
from becalm.ingest.propose.column_profile import ColumnProfile, Draft, first_rows, local_times
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
SURE: Final = 0.9  # of the points inside the city: no other system is looked for


# --- time ---------------------------------------------------------------------------------------------


def propose_time(draft: Draft) -> Entries:
    """The [time] part; what cannot be seen becomes a doubt of the draft."""
    time_profiles = [profile for profile in draft.profiles if profile.precision in ("minute", "day")]
    has_several_times = len(time_profiles) > 1
    recorded_on = draft.use_column("recorded_on", time_profiles) if has_several_times else None
    end_profile = draft.use_column("occurred_to", time_profiles) if has_several_times else None
    start = draft.use_column("occurred_from", time_profiles)
    start = start or next((profile for profile in draft.free_profiles() if profile in time_profiles), None)
    if start is None:
        return _propose_month(draft)
    draft.used_columns.add(start.column)
    start_times = local_times(draft.sheet, start)
    hours = _use_hour_column(draft) if start.precision == "day" or _has_one_clock_time(start_times) else None
    start_precision = "hour" if hours else start.precision
    time_entries: Entries = {"occurred_from": start.column}
    if hours is not None:
        time_entries["hour"] = hours.column
    elif end_profile is not None:
        time_entries["occurred_to"] = end_profile.column
    time_entries |= {"formats": list(start.formats[:1]), "zone": _zone(start), "precision": start_precision}
    if recorded_on is not None:
        time_entries |= {"recorded_on": recorded_on.column, "recorded_formats": list(recorded_on.formats[:1])}
    _doubt_formats(draft, start)
    if start_precision == "minute":
        _doubt_zone(draft, start, start_times)
        time_entries |= _propose_heaps(draft, start_times)
    return time_entries


def _doubt_formats(draft: Draft, profile: ColumnProfile) -> None:
    if len(profile.formats) > 1:
        draft.doubts.append(
            f"{profile.column!r} can be read in several ways: {', '.join(profile.formats)}; "
            f"{profile.formats[0]} was taken (samples: {', '.join(profile.samples)})"
        )


def _zone(profile: ColumnProfile) -> str:
    if profile.has_offset:
        return "offset"
    return "UTC" if re.search(r"utc|gmt|zulu", profile.column, re.IGNORECASE) else "local"


def _propose_month(draft: Draft) -> Entries:
    month_profile = next((profile for profile in draft.profiles if profile.precision == "month"), None)
    if month_profile is None:
        month_profile = draft.profiles[0]
        draft.doubts.append(
            f"no column looks like a time: {month_profile.column!r} stands in [time] only to be replaced"
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
    evidence = (
        f"{f'{gap_count} of {len(times):,} stand' if gap_count else f'none of {len(times):,} stands'} "
        f"in the hour that {city_zone} leaves out in spring"
    )
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
    if len(guess.systems) > 1:
        draft.doubts.append(
            f"several systems put the points into {city.name}: {', '.join(guess.systems)}; {crs} was taken"
        )
    draft.doubts.append(
        "are the places exact, moved to a block or snapped to given points? "
        f"There are {guess.distinct_share:.0%} as many distinct points as rows; "
        f'quality = "{point_quality}" was taken'
    )


def _guess_place(draft: Draft) -> PlaceGuess | None:
    """Which columns hold coordinates, and which system puts them into the city?"""
    number_columns = [p.column for p in draft.free_profiles() if p.number_share > 0.95 and not p.precision]
    x = next(filter(X_NAMES.search, number_columns), None)
    y = next(filter(Y_NAMES.search, number_columns), None)
    if x is None or y is None:
        return None
    xs, _ = numbers(first_rows(draft.sheet, x))
    ys, _ = numbers(first_rows(draft.sheet, y))
    is_usable_point = np.isfinite(xs) & np.isfinite(ys) & ~((xs == 0) & (ys == 0))
    if not is_usable_point.any():
        return PlaceGuess(x, y, (), 0.0, 0.0)
    xy_frame = pd.DataFrame({"x": xs[is_usable_point], "y": ys[is_usable_point]})
    sample = xy_frame.iloc[np.linspace(0, len(xy_frame) - 1, min(POINTS_TRIED, len(xy_frame))).astype(int)]
    crs_names, inside_share = _rank_systems(sample["x"].to_numpy(), sample["y"].to_numpy(), draft.locator)
    return PlaceGuess(x, y, crs_names, inside_share, float(len(xy_frame.drop_duplicates()) / len(xy_frame)))


def _rank_systems(x: Floats, y: Floats, locator: Locator) -> tuple[tuple[str, ...], float]:
    """The systems under which most points fall into the city, the likeliest first."""
    is_in_degrees = bool((np.abs(x) <= 180).all() and (np.abs(y) <= 90).all())
    likely_crs = WGS84 if is_in_degrees else locator.city.crs
    shares = {likely_crs: _share_inside(x, y, likely_crs, locator)}
    if not is_in_degrees and shares[likely_crs] < SURE:
        shares |= {crs: _share_inside(x, y, crs, locator) for crs in _local_systems(locator)}
    best = max(shares.values())
    if best == 0:
        return ((WGS84,) if is_in_degrees else ()), 0.0
    return tuple(crs for crs, share in shares.items() if share >= best - 0.01)[:CANDIDATES_SHOWN], best


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
