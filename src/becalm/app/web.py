"""The composition root of the pages: the site is put together here, and its headers, limits and errors."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

import typer
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from becalm import __version__
from becalm.app import rights
from becalm.app.site import (
    account_pages,
    act_pages,
    api,
    desk_pages,
    folder_pages,
    job_pages,
    map_assets,
    metrics,
    oversight_pages,
    provider_pages,
    record_pages,
    run_pages,
    street_assets,
    street_board,
    street_pages,
    today_pages,
)
from becalm.app.site.context import Site, address_of
from becalm.app.site.errors import answer_errors
from becalm.app.site.frame import HEADERS, POLICY
from becalm.app.site.provider import Provider, check_entry, read_secret
from becalm.brief.pages import JOB_PAGES
from becalm.console.run_folder import Question, list_questions

if TYPE_CHECKING:
    from becalm.app.store.database import AppStore
    from becalm.desk import Desk
    from becalm.workspace.config import Workspace

PARTS: Final = (
    *(api, map_assets, desk_pages, today_pages, oversight_pages, record_pages),
    *(metrics, account_pages, provider_pages, act_pages),
    *(folder_pages, run_pages),
    *(street_assets, street_pages, street_board),
    job_pages,  # last, as its addresses begin with the name of any job
)
REQUESTS_A_MINUTE: Final = 3000  # of one address: a whole station may stand behind it when a shift begins
Next = Callable[[Request], Awaitable[Response]]
log = logging.getLogger("becalm.web")


def question_list() -> Mapping[str, Question]:
    """Every command of the program as a question."""
    from becalm.app.main import app as command_app

    return list_questions(typer.main.get_command(command_app))


def make_site(desk: Desk, store: AppStore) -> Site:
    """The site of this desk."""
    provider = make_provider(desk.workspace)
    return Site(
        desk=desk, store=store, questions=question_list(), pages=JOB_PAGES, now=desk.now, provider=provider
    )


def make_provider(workspace: Workspace) -> Provider | None:
    """The provider that `[web.oidc]` names; raises UsageError where it cannot be used as it stands."""
    provider_config = workspace.config.web.oidc
    if not provider_config.issuer:
        return None
    from becalm.app.main import provider_secret

    check_entry(provider_config, rights.ROLES)
    return Provider(provider_config, read_secret(provider_config, workspace.path, provider_secret()))


def make_app(site: Site) -> FastAPI:
    """The site as a program that a server runs."""
    app = FastAPI(
        title="becalm",
        version=__version__,
        docs_url=None,  # the page that comes with it loads its script from elsewhere
        redoc_url=None,
        openapi_url=f"/api/{api.VERSION}/openapi.json",
    )
    app.state.site = site
    app.state.metrics = metrics.Metrics()
    for part in PARTS:
        app.include_router(part.router)
    answer_errors(app)
    app.add_exception_handler(street_pages.StreetProblemError, street_pages.answer_problem)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(site.hosts))
    app.middleware("http")(_guard)
    return app


_times_by_address: dict[str, deque[float]] = {}


def _is_too_fast(address: str) -> bool:
    now = time.monotonic()
    times = _times_by_address.setdefault(address, deque(maxlen=REQUESTS_A_MINUTE))
    is_full = len(times) == REQUESTS_A_MINUTE and now - times[0] < 60
    times.append(now)
    if len(_times_by_address) > 10_000:
        _times_by_address.clear()  # of addresses that came once; who asks too fast is back in a second
    return is_full


async def _guard(request: Request, call_next: Next) -> Response:
    """Limits before a page, its headers and a line of the log after it. The log names nobody and no query."""
    started = time.perf_counter()
    if _is_too_fast(address_of(request)):
        response: Response = Response("Too many requests. Wait a minute.", status_code=429)
    else:
        response = await call_next(request)
    for name, value in {**HEADERS, "Content-Security-Policy": POLICY}.items():
        response.headers.setdefault(name, value)
    if request.app.state.site.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    route = request.scope.get("route")
    page, seconds = getattr(route, "path", "none"), time.perf_counter() - started
    request.app.state.metrics.note(request.method, page, response.status_code, seconds)
    line = {"method": request.method, "page": page, "status": response.status_code}
    log.info(json.dumps({**line, "ms": round(seconds * 1000, 1)}))
    return response
