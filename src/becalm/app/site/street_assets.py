"""The scripts and the style of the street pages, and the worker that keeps them on the phone."""

from __future__ import annotations

import gzip
import json
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from becalm.app.site.context import NotThereError
from becalm.app.site.frame import POLICY
from becalm.render.pages import fill_template

NAMES: Final = (
    "street.css",
    "street.mjs",
    "street-forms.mjs",
    "street-outbox.mjs",
    "street-pack.mjs",
    "street-qr.mjs",
)
WORKER: Final = "street-worker.js"
MEDIA_TYPES: Final = {"css": "text/css; charset=utf-8", "mjs": "text/javascript; charset=utf-8"}
STREET_POLICY: Final = f"{POLICY}; script-src 'self'; connect-src 'self'; worker-src 'self'"
router = APIRouter(include_in_schema=False)


def _read(name: str) -> bytes:
    return (files("becalm.render") / "assets" / name).read_bytes()


def asset_text(name: str) -> str:
    """One of the scripts, or the style."""
    return _read(name).decode()


@cache
def _digest() -> str:
    """The state of all that a phone keeps, so that a change of any file makes a new set."""
    digest = sha256(_read(WORKER))
    for name in NAMES:
        digest.update(_read(name))
    digest.update((files("becalm.render") / "template" / "street.html").read_bytes())
    return digest.hexdigest()[:16]


def folder_address() -> str:
    """Where the scripts and the style are; the address changes with them."""
    return f"/street/assets/{_digest()}"


@cache
def shell_text() -> str:
    """The street page before anything is in it: the same for everybody, so that a phone may keep it."""
    return fill_template("street.html", {}, folder=folder_address())


@cache
def worker_text() -> str:
    """The worker, with the names of what it keeps."""
    addresses = ["/street", *(f"{folder_address()}/{name}" for name in NAMES)]
    head = f"const NAME = {json.dumps(f'street-{_digest()}')};\nconst KEPT = {json.dumps(addresses)};\n"
    return head + asset_text(WORKER)


@cache
def _compress(name: str) -> bytes:
    return gzip.compress(_read(name), mtime=0)


@router.get("/street/worker.js")
def show_worker() -> Response:
    """The service worker of the street pages. A browser asks for it each time."""
    headers = {
        "Service-Worker-Allowed": "/street",
        "Content-Security-Policy": STREET_POLICY,
        "Cache-Control": "no-cache",
    }
    return Response(worker_text(), media_type=MEDIA_TYPES["mjs"], headers=headers)


@router.get("/street/assets/{digest}/{name}")
def show_street_asset(request: Request, digest: str, name: str) -> Response:
    """A script or the style of the street pages."""
    if name not in NAMES or digest != _digest():
        raise NotThereError
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            _compress(name), media_type=media_type, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(_read(name), media_type=media_type, headers=headers)
