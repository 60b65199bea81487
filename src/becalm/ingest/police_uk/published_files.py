"""What the three kinds of data.police.uk file have in common."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from becalm.formats.cells import DictionaryColumn, constant_column, dictionary_array, dictionary_encode
from becalm.formats.sheet import InputFile, RowOutcomes, Sheet
from becalm.formats.text_file import line_texts, read_header, read_lines
from becalm.ingest.extract.times import LATER_REMEDY
from becalm.ingest.locate import LocatedPoints, check_city
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Floats, Ints
from becalm.tables import REPEATED_ROW, TablePart
from becalm.terms import Fault, InputError

HEAD_BYTES = 1 << 16
DELIMITER_NAMES = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")
_RANK = re.compile(r"\b(police service|police|constabulary|heddlu)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Publication:
    """The month and force that a file's name states, and the recipe that reads it."""

    month: str | None
    force: str | None
    recipe: str = ""
    recipe_sha256: str = ""

    def record_prefix(self, sources: pa.DictionaryArray, file: InputFile) -> str:
        """How the identifiers begin of records that the source gave none."""
        source_names = sources.dictionary.to_pylist()
        return (
            f"{source_names[0] if len(source_names) == 1 else 'police_uk'}:{self.month or file.sha256[:12]}"
        )


@dataclass(frozen=True, slots=True)
class PublishedRows:
    """Rows in a table's schema, before those that were rejected are taken out."""

    table: str
    columns: pa.Table
    row_outcomes: RowOutcomes
    notes: tuple[str, ...]


# --- the file -----------------------------------------------------------------------------------------


def read_published_file(file: InputFile, column_types: Mapping[str, pa.DataType], *, kind: str) -> Sheet:
    """The wanted columns of a file as published; a row is a line.

    Raises InputError where the file is empty, is not separated by commas or lacks a column.
    """
    _check_text(file)
    text_header = read_header(file.path, file.name)
    missing_columns = [name for name in column_types if name not in text_header.columns]
    if text_header.delimiter != "," and len(text_header.columns) >= len(column_types):
        delimiter_problem = f"is separated by {DELIMITER_NAMES[text_header.delimiter]}, not by commas"
        raise _refusal(file, "line 1", delimiter_problem, "export it with commas")
    if missing_columns:
        faults = tuple(
            Fault("column", f'"{name}" not found', _nearest_column(name, text_header.columns, column_types))
            for name in missing_columns
        )
        raise InputError(f"{file.name} is not a {kind} file as published; nothing was loaded", faults)
    return read_lines(file, column_types)


def _check_text(file: InputFile) -> None:
    with file.path.open("rb") as byte_stream:
        first_bytes = byte_stream.read(HEAD_BYTES)
    if not first_bytes.strip():
        raise _refusal(file, "file", "is empty", "fetch or export it again")
    if b"\0" in first_bytes and first_bytes[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise _refusal(file, "file", "holds zero bytes: it is not text", "export it as a csv in UTF-8")


def _nearest_column(name: str, header: Sequence[str], column_types: Mapping[str, object]) -> str:
    unused_columns = {column.casefold(): column for column in header if column not in column_types}
    similar_names = difflib.get_close_matches(name.casefold(), unused_columns, n=1, cutoff=0.6)
    if similar_names:
        return f'the nearest column is "{unused_columns[similar_names[0]]}": rename it to "{name}"'
    return f"the columns are {', '.join(header)[:300]}; fetch the file again, or load it through a mapping"


def _refusal(file: InputFile, fault_place: str, problem: str, remedy: str) -> InputError:
    return InputError(f"{file.name} was refused; nothing was loaded", (Fault(fault_place, problem, remedy),))


def force_source(file: InputFile, publication: Publication) -> str:
    """Which force's records are these, by the file's name?"""
    if publication.force:
        return f"police_uk/{publication.force}"
    remedy = 'name it as published, e.g. "2020-04-metropolitan-street.csv"'
    raise _refusal(file, "file name", "names no force, and the rows name none", remedy)


def row_sources(
    file: InputFile, publication: Publication, forces: DictionaryColumn, row_outcomes: RowOutcomes
) -> pa.DictionaryArray:
    """The source of every row: the force of the file's name, else the one that reported the row.

    Rows that another force reported than the name says are rejected: they would take the place of its own.
    """
    slug_by_force = {force: _force_slug(force) for force in forces.values}
    if publication.force is None:
        if not any(slug_by_force.values()):
            force_source(file, publication)
        row_outcomes.reject(
            ~forces.passes(lambda force: bool(slug_by_force[force])),
            "Reported by",
            "names no force",
            "name the force",
        )
        return forces.rename_words(
            lambda force: f"police_uk/{slug_by_force[force]}" if slug_by_force[force] else None
        )
    if publication.force in slug_by_force.values():  # else the name is a short one, such as "btp"
        row_outcomes.reject(
            forces.passes(lambda force: slug_by_force[force] != publication.force),
            "Reported by",
            f"the row was reported by another force than the file's name says ({publication.force})",
            "take the force out of the file's name: its rows are then kept apart by who reported them",
            value=forces.text,
        )
    return constant_column(f"police_uk/{publication.force}", len(forces.codes))


def _force_slug(force_name: str) -> str:
    plain_name = _RANK.sub(" ", force_name.replace("&", "and")).casefold()
    return "-".join(re.findall(r"[a-z0-9]+", plain_name.removeprefix(" of ")))


def word_column(sheet: Sheet, name: str) -> DictionaryColumn:
    """A column of few distinct words, as the source writes them."""
    return dictionary_encode(sheet.data[name], trim=False)


def file_columns(file: InputFile, sources: pa.DictionaryArray) -> dict[str, pa.Array]:
    """The source of each row, and what every row of a file shares."""
    row_count = len(sources)
    return {
        "source": sources,
        "file": constant_column(file.name, row_count),
        "as_of": pa.repeat(pa.scalar(file.as_of, pa.date32()), row_count),
    }


# --- months -------------------------------------------------------------------------------------------


def is_month(text: str) -> bool:
    """Is this a month as data.police.uk writes it?"""
    return _MONTH.fullmatch(text) is not None


def reject_non_months(months: DictionaryColumn, row_outcomes: RowOutcomes, as_of: date) -> None:
    """Reject rows without a month, and those of a month after the one in which the file was published."""
    row_outcomes.reject(
        ~months.passes(is_month), "Month", "the month is not a month", "write it as YYYY-MM, e.g. 2020-04"
    )
    row_outcomes.reject(
        months.passes(lambda month: is_month(month) and month > f"{as_of:%Y-%m}"),
        "Month",
        f"is later than the as-of date {as_of}",
        LATER_REMEDY,
    )


def reject_other_months(
    months: DictionaryColumn, row_outcomes: RowOutcomes, *, column: str, stated_month: str | None
) -> None:
    """Reject rows of another month than the file's name states.

    A stray row of another month must not take that month's place in the archive. A file none of whose rows
    are of the month it is named after is taken at its rows' word (see `misnamed_note`).
    """
    if stated_month not in months.values:
        return
    row_outcomes.reject(
        months.passes(lambda month: month != stated_month and is_month(month)),
        column,
        f"the row is of another month than the file's name ({stated_month})",
        "put it into a file of its own month, or take the month out of this file's name",
        value=months.text,
    )


def misnamed_note(months: DictionaryColumn, *, stated_month: str | None) -> tuple[str, ...]:
    """A note where the file's name states a month that none of its rows have."""
    other_months = sorted(filter(is_month, months.values))
    if stated_month is None or stated_month in months.values or not other_months:
        return ()
    row_months = ", ".join(other_months[:3])
    return (f"the name says {stated_month}, the rows say {row_months}: the rows were believed",)


# --- places -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RowPlaces:
    """Where each row happened, with the distinct points kept once each."""

    points: LocatedPoints  # one entry per distinct point
    point_of_row: Ints

    def columns(self) -> dict[str, pa.Array]:
        """Eastings and northings of the rows, null where there is no place, and how exact they are."""
        lacks_point = ~self.points.is_known[self.point_of_row]
        easting_m, northing_m = (
            pa.array(metres_of_point[self.point_of_row], type=pa.float64(), mask=lacks_point)
            for metres_of_point in (self.points.easting_m, self.points.northing_m)
        )
        quality_of_row = dictionary_array(lacks_point.astype(np.int32), ["snap", "none"])
        return {"easting_m": easting_m, "northing_m": northing_m, "location_quality": quality_of_row}


def locate_rows(sheet: Sheet, row_outcomes: RowOutcomes, context: ReadContext) -> RowPlaces:
    """Where are these rows in the city's metres? Coordinates that cannot be meant are written down.

    Raises InputError where most of the rows lie outside the city, unless that is allowed.
    """
    locator = context.locator
    longitude, latitude = word_column(sheet, "Longitude"), word_column(sheet, "Latitude")
    xs, ys, point_of_row = _distinct_points(longitude, latitude)
    located_points = locator.locate(xs, ys)
    has_lost_point = ~located_points.is_known[point_of_row] & ~(longitude.is_blank & latitude.is_blank)
    is_zero_point = (xs == 0) & (ys == 0)
    is_broken_point = ~is_zero_point & ~(np.isfinite(xs) & np.isfinite(ys))
    outside_reason = f"the point lies outside the area for which {locator.city.crs} is made"
    point_faults = (
        (is_zero_point, "the point (0, 0) stands for no location", "none needed: loaded without a location"),
        (
            is_broken_point,
            "the coordinates are not two numbers",
            "loaded without a location; correct them in the source",
        ),
        (
            ~is_zero_point & ~is_broken_point,
            outside_reason,
            "loaded without a location; check the coordinates, or the city of this workspace",
        ),
    )
    for is_faulty_point, fault_reason, fault_remedy in point_faults:
        row_outcomes.repair(
            has_lost_point & is_faulty_point[point_of_row],
            "Longitude, Latitude",
            fault_reason,
            fault_remedy,
            value=lambda row: f"{longitude.text(row) or ''}, {latitude.text(row) or ''}",
            also_rejected=True,
        )
    is_inside = located_points.is_known & ~locator.is_outside_extent(located_points)
    has_point = ~(located_points.is_absent | is_zero_point | is_broken_point)[point_of_row]
    is_row_inside = is_inside[point_of_row][has_point]
    check_city(sheet.name, is_row_inside, locator, allow_outside=context.allow_outside)
    return RowPlaces(located_points, point_of_row)


def _distinct_points(longitude: DictionaryColumn, latitude: DictionaryColumn) -> tuple[Floats, Floats, Ints]:
    """The distinct pairs as numbers, and for each row which of them it is.

    The texts are coded already, so that pairs of codes are told apart faster than pairs of numbers.
    """
    latitude_code_count = len(latitude.values) + 1
    point_of_row, pair_codes = pd.factorize((longitude.codes + 1) * latitude_code_count + latitude.codes + 1)
    longitude_codes, latitude_codes = np.divmod(pair_codes, latitude_code_count)
    return longitude.numbers()[longitude_codes - 1], latitude.numbers()[latitude_codes - 1], point_of_row


# --- identifiers --------------------------------------------------------------------------------------


def reject_repeats(
    file: InputFile, sheet: Sheet, keys: pa.Array, row_outcomes: RowOutcomes, *, column: str
) -> Ints:
    """Reject rows that say the same as an earlier one; which others merely carry an earlier one's key?

    Two rows are the same where their lines are, to the letter. Rows without a key are never compared.
    """
    given_keys = keys.drop_null()
    if pc.count_distinct(given_keys).as_py() == len(given_keys):  # so it is with most files, and fast
        return np.empty(0, dtype=np.intp)
    key_series = keys.to_pandas()
    suspect_indices = np.flatnonzero(key_series.duplicated(keep=False) & key_series.notna())
    line_numbers = sheet.lines[suspect_indices].tolist()
    text_of_line = line_texts(file, line_numbers)
    is_same = pd.Series([text_of_line[line] for line in line_numbers], dtype=object).duplicated().to_numpy()
    is_other_line_same_key = key_series.iloc[suspect_indices[~is_same]].duplicated().to_numpy()
    is_repeated_row = np.zeros(len(keys), dtype=np.bool_)
    is_repeated_row[suspect_indices[is_same]] = True
    row_outcomes.reject(is_repeated_row, column, REPEATED_ROW, "none needed: the earlier one was loaded")
    same_key_indices: Ints = suspect_indices[~is_same][is_other_line_same_key]
    return same_key_indices


def synthetic_ids(prefix: str, numbers: Ints) -> pa.Array:
    """Ids for rows that the source gave none: the file's month and force, and the row's number in it."""
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(numbers), pa.string()), ":")


# --- the answer ---------------------------------------------------------------------------------------


def build_reading(file: InputFile, publication: Publication, rows: PublishedRows, staging: Path) -> Reading:
    """Set the rejected rows aside, write the others as Parquet by month, and tally."""
    row_outcomes, kept_rows = rows.row_outcomes, rows.columns
    if row_outcomes.is_rejected.any():
        kept_rows = kept_rows.filter(pa.array(row_outcomes.is_kept))
    month_parts = _write_parts(rows, kept_rows, staging / file.sha256, publication.month)
    row_outcomes.faults.sort(key=lambda fault: fault.row)
    return Reading.of_rows(
        (publication.recipe, publication.recipe_sha256), month_parts, row_outcomes, rows.notes
    )


def _write_parts(
    rows: PublishedRows, kept_rows: pa.Table, path_stem: Path, stated_month: str | None
) -> Iterator[TablePart]:
    """One file for each month, in which every engine reads plain types.

    Columns of few words stay dictionaries inside Parquet: a tenth of the size and of the time.
    """
    if not kept_rows.num_rows:
        return
    dictionary_columns = [field.name for field in kept_rows.schema if pa.types.is_dictionary(field.type)]
    part_table = kept_rows.select(["source", "month"]).group_by(["source", "month"]).aggregate([]).to_pylist()
    part_keys = sorted((slot["source"], slot["month"]) for slot in part_table)
    for slot_index, (source_name, month) in enumerate(part_keys):
        is_in_part = pc.and_(pc.equal(kept_rows["source"], source_name), pc.equal(kept_rows["month"], month))
        month_rows = kept_rows if len(part_keys) == 1 else kept_rows.filter(is_in_part)
        part_path = f"{path_stem}-{rows.table}-{slot_index}-{month}.parquet"
        pq.write_table(
            month_rows,
            part_path,
            compression="zstd",
            use_dictionary=dictionary_columns,
            store_schema=False,
            row_group_size=1 << 18,
        )
        yield TablePart(rows.table, source_name, month, part_path, whole=month == stated_month)
