"""The street map's scripts, styles and tiles, from this server alone."""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from becalm.app.site.context import NotThereError, Site, require_run, site_of
from becalm.workspace.map_tiles import MAP_FILE

MEDIA_TYPES: Final = {".css": "text/css; charset=utf-8", ".mjs": "text/javascript; charset=utf-8"}
NAMES: Final = (
    "fflate.mjs",
    "maplibre-gl.css",
    "maplibre-gl.mjs",
    "maplibre-gl-worker.mjs",
    "pmtiles.mjs",
    "street-map.css",
    "street-map.mjs",
)
TILES: Final = "/map/city.pmtiles"
KEPT_FOR_GOOD: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
router = APIRouter(include_in_schema=False)


@cache
def asset_address() -> str:
    """The folder of the scripts and styles; its name changes with them, so a browser may keep them."""
    digest = sha256()
    for name in NAMES:
        digest.update(_read_asset(name))
    return f"/assets/{digest.hexdigest()[:16]}"


def tiles_address(site: Site) -> str:
    """Where the tiles of the city are; empty where the workspace has no map."""
    path = _tiles_path(site)
    return f"{TILES}?{path.stat().st_mtime_ns}" if path.is_file() else ""


def _tiles_path(site: Site) -> Path:
    return site.desk.workspace.path / MAP_FILE


def _read_asset(name: str) -> bytes:
    return (files("becalm.render") / "assets" / name).read_bytes()


@cache
def _compress_asset(name: str) -> bytes:
    return gzip.compress(_read_asset(name), mtime=0)


@router.get("/assets/{digest}/{name}")
def show_asset(request: Request, digest: str, name: str) -> Response:
    """A script or style of the map."""
    if name not in NAMES or f"/assets/{digest}" != asset_address():
        raise NotThereError
    headers = {**KEPT_FOR_GOOD, "Vary": "Accept-Encoding"}
    media_type = MEDIA_TYPES[f".{name.rpartition('.')[2]}"]
    if "gzip" in request.headers.get("accept-encoding", ""):
        compressed = _compress_asset(name)
        return Response(compressed, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(_read_asset(name), media_type=media_type, headers=headers)


@router.get(TILES)
def show_tiles(request: Request) -> Response:
    """The tiles of the city; a browser asks for the parts that it needs."""
    require_run(request, "find")
    path = _tiles_path(site_of(request))
    if not path.is_file():
        raise NotThereError
    return FileResponse(path, media_type="application/octet-stream", headers={"Cache-Control": "private"})
