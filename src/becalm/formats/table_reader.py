"""A file of rows, whatever its format, becomes one sheet of plain columns.

Cells of a csv are text. Parquet keeps its types. Row numbers are those that an editor shows.
"""

import json
import zipfile
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from becalm.formats import read_features, read_workbook, text_file
from becalm.formats.sheet import BY_ITSELF, InputFile, Layout, Sheet, file_refusal
from becalm.terms import InputError

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".gz", ".xz", ".bz2")
FORMATS = {  # what a mapping may name, and the endings that it stands for
    "csv": TEXT_SUFFIXES,
    "xlsx": read_workbook.BOOK_SUFFIXES,
    "parquet": (".parquet", ".geoparquet"),
    "json": read_features.JSON_SUFFIXES,
    "layer": (*read_features.LAYER_SUFFIXES, ".zip"),
}


def format_of(path: Path) -> str | None:
    """Which of the `FORMATS` has this ending? The ending before that of a compression counts."""
    suffix = path.suffix.lower()
    if (
        suffix in (".gz", ".xz", ".bz2")
        and path.with_suffix("").suffix.lower() in read_features.JSON_SUFFIXES
    ):
        return "json"
    return next((name for name, suffixes in FORMATS.items() if suffix in suffixes), None)


def is_shapefile_zip(path: Path) -> bool:
    """Is this zip one shapefile, and not an archive of tables?"""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.lower().endswith(".shp") for name in archive.namelist())


def columns_of(file: InputFile, layout: Layout = BY_ITSELF) -> tuple[str, ...]:
    """The column names of a file as it writes them; empty where it is no table at all."""
    try:
        return _columns(file.path, file.sha256, file.name, layout)
    except InputError:
        return ()


@lru_cache(maxsize=64)
def _columns(path: Path, sha256: str, file_name: str, layout: Layout) -> tuple[str, ...]:
    file_format = format_of(path)
    if file_format is None or (file_format == "layer" and not _is_layer(path)):
        return ()
    if file_format == "csv":
        return tuple(filter(None, text_file.read_header(path, file_name, layout.header_row).columns))
    if file_format == "xlsx":
        return tuple(filter(None, read_workbook.read_book_head(path, file_name, layout)[1].names))
    if file_format == "parquet":
        return tuple(_open_parquet(path, file_name).schema_arrow.names)
    return read_sheet(InputFile(file_name, path, sha256, date.min), layout).heads


def read_sheet(file: InputFile, layout: Layout = BY_ITSELF) -> Sheet:
    """Read a file's rows; raises InputError where it cannot be read as a table at all."""
    file_format = format_of(file.path)
    if file_format == "csv":
        return read_features.spread_points(text_file.read_rows(file.path, file.name, layout.header_row))
    if file_format == "xlsx":
        return read_features.spread_points(read_workbook.read_book(file.path, file.name, layout))
    if file_format == "parquet":
        return _read_parquet(file)
    if file_format == "json":
        return read_features.read_json(file.path, file.name)
    if file_format == "layer" and _is_layer(file.path):
        return read_features.read_layer(file.path, file.name, layout.sheet)
    remedy = "give csv, xlsx, ods, parquet, JSON, GeoJSON, a GeoPackage or a zipped shapefile"
    raise file_refusal(file.name, f"has the ending {file.path.suffix.lower()!r}", remedy)


def _is_layer(path: Path) -> bool:
    return path.suffix.lower() != ".zip" or is_shapefile_zip(path)


def _open_parquet(path: Path, file_name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        parquet_problem = f"is not a whole Parquet file ({error})"
        raise file_refusal(file_name, parquet_problem, "fetch or write it again") from error


def _read_parquet(file: InputFile) -> Sheet:
    parquet_file = _open_parquet(file.path, file.name)
    schema, table = parquet_file.schema_arrow, parquet_file.read()
    try:
        geo_metadata = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
        geometry_metadata = geo_metadata.get("columns", {}).get(geo_metadata.get("primary_column"), {})
        crs_id = (geometry_metadata.get("crs") or {}).get("id", {}) if geometry_metadata else {}
        # GeoParquet without a system means longitude and latitude
        crs = f"{crs_id.get('authority', 'OGC')}:{crs_id.get('code', 'CRS84')}" if geometry_metadata else None
    except ValueError:
        crs = None
    line_of_row = np.arange(2, table.num_rows + 2)
    sheet = Sheet(
        file.name,
        table,
        lambda: line_of_row,
        (),
        (),
        None if crs is None else crs.replace("OGC:CRS84", "EPSG:4326"),
    )
    return read_features.keep_plain_columns(sheet)
