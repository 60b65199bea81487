"""Where each row of an extract happened: metres of the city, and the borough that holds them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import dictionary_encode, numbers, to_arrow
from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import Sheet
from becalm.ingest.extract.code_columns import area_names
from becalm.ingest.locate import LocatedPoints, Locator, distinct_points
from becalm.ingest.mapping import PlacePart
from becalm.methods.arrays import Bools, Floats, Ints, Objects


def coordinates(
    sheet: Sheet, part: PlacePart, row_outcomes: RowOutcomes, locator: Locator
) -> tuple[dict[str, pa.Array], Objects, tuple[str, ...]]:
    """Metres and quality of every row, the borough that holds the point, and what is worth a note.

    A row whose coordinates cannot be used keeps everything else; that is written down as a repair.
    """
    rows = sheet.data.num_rows
    if part.x is None or part.y is None:
        nowhere = np.full(rows, np.nan)
        return (
            _columns(nowhere, nowhere, np.zeros(rows, dtype=np.bool_), part),
            np.full(rows, None, dtype=object),
            (),
        )
    x, bad_x = numbers(sheet.data[part.x])
    y, bad_y = numbers(sheet.data[part.y])
    columns = f"{part.x} / {part.y}"
    row_outcomes.repair(
        bad_x | bad_y, columns, "is no coordinate", "correct it; the row was loaded without a place"
    )
    xs, ys, which = distinct_points(x, y)
    spots = locator.locate(xs, ys, crs=part.crs)
    known, absent = spots.is_known[which], spots.is_absent[which]
    row_outcomes.repair(
        ~known & ~absent & ~bad_x & ~bad_y,
        columns,
        f"is no place where {locator.city.crs} ({locator.city.name}) can be used",
        "correct the coordinates or the mapping's crs; the row was loaded without a place",
    )
    names = locator.boroughs(spots)[which]
    outside = int((locator.is_outside_extent(spots)[which] & row_outcomes.is_kept).sum())
    table = _columns(spots.easting_m[which], spots.northing_m[which], known, part)
    return table, names, _notes(spots, which, row_outcomes, outside, locator)


def areas(sheet: Sheet, part: PlacePart, within: Objects, locator: Locator) -> dict[str, pa.Array]:
    """Borough, ward, small area and command unit of every row; a polygon is believed before the record."""
    boroughs = within
    if part.borough is not None:
        stated = dictionary_encode(sheet.data[part.borough]).map(lambda name: locator.stated_borough(name))
        boroughs = np.where(pd.isna(within), stated, within)
    units = area_names(sheet, part.command_unit)
    if part.command_unit is None:
        codes, names = pd.factorize(pd.Series(boroughs, dtype=object), use_na_sentinel=True)
        units = np.array([*locator.command_units(np.asarray(names, dtype=object)), None], dtype=object)[codes]
    return {
        "borough": to_arrow(boroughs, pa.string()),
        "ward": to_arrow(area_names(sheet, part.ward), pa.string()),
        "lsoa": to_arrow(area_names(sheet, part.lsoa), pa.string()),
        "command_unit": to_arrow(units, pa.string()),
    }


def _columns(easting: Floats, northing: Floats, known: Bools, part: PlacePart) -> dict[str, pa.Array]:
    return {
        "easting_m": pa.array(easting, mask=~known),
        "northing_m": pa.array(northing, mask=~known),
        "location_quality": pa.array(np.where(known, part.quality, "none").astype(object), pa.string()),
    }


def _notes(
    spots: LocatedPoints, which: Ints, row_outcomes: RowOutcomes, outside: int, locator: Locator
) -> tuple[str, ...]:
    absent = int((spots.is_absent[which] & row_outcomes.is_kept).sum())
    notes: tuple[str, ...] = (f"{absent:,} rows give no coordinates",) if absent else ()
    if outside:
        notes += (f"{outside:,} rows lie outside {locator.city.name}; they were loaded",)
    return notes
