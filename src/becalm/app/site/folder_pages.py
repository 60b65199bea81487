"""Folders that commands wrote: plans by unit and night, rosters, findings, each as it lies there."""

from __future__ import annotations

import csv
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response

from becalm.app import rights
from becalm.app.site.act_pages import address_of_act
from becalm.app.site.context import NotThereError, Site, require_visitor, site_of
from becalm.app.site.frame import frozen_response, render
from becalm.app.store.sessions import Visitor
from becalm.console.job_page import FolderList
from becalm.formats.durable_files import sha256_of_text

MOST_ROWS, MOST_CHOICES, KEY_DIGITS = 40, 60, 12
ENDINGS: Final = (".html", ".csv", ".ics", ".json", ".geojson", ".xlsx", ".svg", ".pdf", ".txt")
SEALED_PARTS: Final = ("auditor", "tours")  # for auditors alone; for the telephones of units alone
INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
router = APIRouter(include_in_schema=False)
TableRows = list[dict[str, str]]  # of a csv file, each by its heads


@dataclass(frozen=True, slots=True)
class ShownFolder:
    """A folder as a page names it."""

    key: str
    name: str
    path: Path
    folder_list: FolderList


def list_folders(site: Site, visitor: Visitor, job: str) -> list[ShownFolder]:
    """The folders of this job that the role may see, the newest first."""
    page = site.pages.get(job)
    return [
        ShownFolder(sha256_of_text(name)[:KEY_DIGITS], name, path, folder_list)
        for folder_list in (page.folders if page else ())
        if rights.may_see(visitor.role, folder_list.page)
        for name, path in folder_list.paths(site.desk).items()
    ]


def _find_folder(request: Request, job: str, key: str) -> tuple[Visitor, ShownFolder]:
    visitor, site = require_visitor(request), site_of(request)
    folders = [] if visitor.must_change else list_folders(site, visitor, job)
    folder = next((folder for folder in folders if folder.key == key), None)
    if folder is None:
        raise NotThereError
    return visitor, folder


@router.get("/{job}/folders/{key}")
def show_folder(request: Request, job: str, key: str) -> Response:
    """A folder: its tables, chosen by the address, what can be done with it, and its files."""
    visitor, folder = _find_folder(request, job, key)
    site, query = site_of(request), request.query_params
    chosen_values = {name: query[name] for name in folder.folder_list.filters if query.get(name)}
    names = _file_names(folder.path)
    acts = site.pages[job].acts
    rows_by_table = {
        name: _read_rows(folder.path / name) for name in folder.folder_list.tables if name in names
    }
    return render(
        request,
        "site_folder.html",
        f"{folder.folder_list.title}: {folder.name}",
        job=job,
        key=key,
        heading=site.pages[job].heading,
        lead=folder.folder_list.lead,
        tables=[
            _build_table(
                rows,
                folder.folder_list.tables[name],
                chosen_values,
                ZoneInfo(site.desk.workspace.city.time_zone),
            )
            for name, rows in rows_by_table.items()
        ],
        filters=_filter_choices(folder.folder_list.filters, rows_by_table, chosen_values),
        pages=[name for name in names if name.endswith(".html")],
        files=[name for name in names if not name.endswith(".html")],
        acts=[
            (f"{address_of_act(words)}?{field}={folder.name}", act.title)
            for words, act in acts.items()
            for field in act.files
            if folder.name in act.files[field](site.desk) and rights.may_act(visitor.role, words)
        ],
    )


@router.get("/{job}/folders/{key}/{name:path}")
def show_file(request: Request, job: str, key: str, name: str) -> Response:
    """A file of a folder, as it was written."""
    _, folder = _find_folder(request, job, key)
    if name not in _file_names(folder.path):
        raise NotThereError
    content = (folder.path / name).read_bytes()
    if name.endswith(".html"):
        return frozen_response(content)
    headers = {"Content-Disposition": f'attachment; filename="{Path(name).name}"'}
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=media_type, headers=headers)


def _file_names(folder: Path) -> list[str]:
    """The files that a page may give, by their names below the folder."""
    relative_paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        str(path)
        for path in relative_paths
        if path.suffix in ENDINGS and path.parts[0] not in SEALED_PARTS and not path.name.startswith(".")
    )


def _read_rows(path: Path) -> TableRows:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def _cell_text(value: str, zone: ZoneInfo) -> str:
    """A cell as people read it: instants in the city's time."""
    if INSTANT.fullmatch(value):
        return f"{datetime.fromisoformat(value).astimezone(zone):%-d %B, %H:%M}"
    return value


def _build_table(
    all_rows: TableRows, title: str, chosen_values: Mapping[str, str], zone: ZoneInfo
) -> dict[str, Any]:
    """The rows of a csv file that have these values, as a table; columns that it lacks choose nothing."""
    rows = [
        row
        for row in all_rows
        if all(row.get(column, value) == value for column, value in chosen_values.items())
    ]
    columns = list(rows[0]) if rows else []
    return {
        "title": title,
        "columns": [column.replace("_", " ") for column in columns],
        "rows": [[_cell_text(row[column], zone) for column in columns] for row in rows[:MOST_ROWS]],
        "row_count": len(rows),
    }


def _filter_choices(
    filters: Sequence[str], rows_by_table: Mapping[str, TableRows], chosen_values: Mapping[str, str]
) -> list[tuple[str, list[str], str]]:
    """Columns by which rows can be chosen, with the values that stand in them."""
    values: dict[str, set[str]] = {name: set() for name in filters}
    for rows in rows_by_table.values():
        for row in rows:
            for column in values.keys() & row.keys():
                values[column].add(row[column])
    return [
        (name, sorted(found_values)[:MOST_CHOICES], chosen_values.get(name, ""))
        for name, found_values in values.items()
        if found_values
    ]
