"""The frame of every page: the style sheet, the headers that keep a browser strict, and one way to render."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from becalm import __version__
from becalm.app import rights
from becalm.app.site.context import Site, site_of, visitor_of
from becalm.app.worker import field_label
from becalm.render.pages import fill_template, style_sheet

WARNING_MINUTES: Final = 2  # before a session ends
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
MAP_POLICY: Final = f"{POLICY}; script-src 'self'; connect-src 'self'; worker-src 'self'"
"""Of a page with the street map, the only one that runs a script."""
FROZEN_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""Of a page that becalm wrote as a file, which names the hash of its own style sheet itself."""
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
NAVIGATION: Final = {
    "today": ("/", "Today"),
    **{
        job: (f"/{job}", job.capitalize())
        for job in (
            "measure",
            "find",
            "patrol",
            "staff",
            "divert",
            "record",
            "sustain",
            "evaluate",
            "oversight",
        )
    },
    "cases": ("/divert/cases", "Cases"),
    "street": ("/street", "Street"),
    "board": ("/street/board", "Board"),
}
OF_BOARD: Final = ("/street/board", "/street/aside")
OF_CASES: Final = ("/divert/cases", "/divert/act/", "/divert/done/")


@cache
def style_text(idle_minutes: int) -> str:
    """The style sheet of the site. The warning before a session ends is shown by it, without a script."""
    site_css = (files("becalm.render") / "template" / "site.css").read_text("utf-8")
    seconds = max(30, (idle_minutes - WARNING_MINUTES) * 60)
    return f"{style_sheet()}\n{site_css}\n.time-out {{ animation: appear 1ms linear {seconds}s both; }}\n"


@cache
def style_name(idle_minutes: int) -> str:
    """Its name, which changes with what is in it."""
    return f"site-{hashlib.sha256(style_text(idle_minutes).encode()).hexdigest()[:16]}.css"


def frozen_response(content: bytes, media_type: str = "text/html; charset=utf-8") -> Response:
    """A file that becalm wrote, as it was written: it runs nothing and fetches nothing."""
    return Response(content, media_type=media_type, headers={"Content-Security-Policy": FROZEN_POLICY})


def render(
    request: Request, template: str, title: str, *, status: int = 200, policy: str = POLICY, **values: Any
) -> HTMLResponse:
    """A page in the frame, for whoever is asking. `policy` says what a browser lets it do."""
    site = site_of(request)
    visitor = visitor_of(request)
    visitor = visitor if visitor and visitor.is_current else None
    page_html = fill_template(
        template,
        {"label": field_label},
        title=title,
        visitor=visitor,
        city=_city_name(site),
        navigation=[] if visitor is None or visitor.must_change else _navigation(request, visitor.role),
        style_name=style_name(site.desk.workspace.config.web.idle_minutes),
        warning_minutes=WARNING_MINUTES,
        version=__version__,
        **values,
    )
    return HTMLResponse(page_html, status_code=status, headers={"Content-Security-Policy": policy})


def _city_name(site: Site) -> str:
    config = site.desk.workspace.config
    return config.city.name if config.city.chosen else ""


def _navigation(request: Request, role: str) -> list[tuple[str, str, bool]]:
    pages = rights.pages_for(role)
    path_here = request.url.path
    is_of_cases = path_here.startswith(OF_CASES)
    is_of_board = path_here.startswith(OF_BOARD)
    top = (
        "/divert/cases" if is_of_cases else "/street/board" if is_of_board else f"/{path_here.split('/')[1]}"
    )
    return [(path, name, path == top) for page, (path, name) in NAVIGATION.items() if page in pages]
