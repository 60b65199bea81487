"""What every page shares: the site, who is asking, and what a form brings."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request

from becalm.app import rights
from becalm.app.store import sessions, tasks
from becalm.console.job_page import JobPage
from becalm.console.run_folder import Question
from becalm.desk import Desk
from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.app.site.provider import Provider
    from becalm.app.store.database import AppStore

COOKIE: Final = "becalm"
SECURE_COOKIE: Final = "__Host-becalm"  # sent over TLS alone, to this host alone
LARGEST_FORM_BYTES: Final = 256 * 1024
MOST_FIELDS: Final = 500
SECRET_FIELDS: Final = frozenset({"form_key", "form_id", "password", "again", "old"})
FormFields = Mapping[str, list[str]]


class SignInNeededError(Exception):
    """Nobody is signed in, or the session ran out."""

    def __init__(self, *, page: str = "") -> None:
        super().__init__()
        self.page = page  # where the form stands whose draft was kept


class NotAllowedError(Exception):
    """The role may not see the page, or may not ask on it."""

    def __init__(self, roles: tuple[str, ...]) -> None:
        super().__init__()
        self.roles = roles


class NotThereError(Exception):
    """There is no such thing, or it is not for the one who asks: both look the same."""


class OldFormError(Exception):
    """A form that was not made by this site for this session."""


class PasswordNeededError(Exception):
    """The act is grave: the password must have been given a moment ago.

    `page` is where the form stands to which the person is led back; empty where the request itself says it.
    """

    def __init__(self, page: str = "") -> None:
        super().__init__()
        self.page = page


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages are made from: the workspace's desk, the app's store, the questions and the pages."""

    desk: Desk
    store: AppStore
    questions: Mapping[str, Question]
    pages: Mapping[str, JobPage]
    now: Callable[[], datetime]
    provider: Provider | None = None  # that says who people are, where there is one

    def acting_desk(self, visitor: sessions.Visitor) -> Desk:
        """The desk with this person at it."""
        return replace(self.desk, actor=visitor.account, role=visitor.role)

    @property
    def times(self) -> sessions.SessionTimes:
        """How long sessions last."""
        web = self.desk.workspace.config.web
        return sessions.SessionTimes(
            timedelta(minutes=web.session_minutes), timedelta(minutes=web.idle_minutes)
        )

    @property
    def is_secure(self) -> bool:
        """Is the site reached over TLS?"""
        return self.desk.workspace.config.web.url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the session's cookie."""
        return SECURE_COOKIE if self.is_secure else COOKIE

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which the site may be reached."""
        public_host = urlsplit(self.desk.workspace.config.web.url).hostname
        return tuple(filter(None, ("localhost", "127.0.0.1", "[::1]", "testserver", public_host)))


def site_of(request: Request) -> Site:
    """The site that this request reached."""
    site: Site = request.app.state.site
    return site


def address_of(request: Request) -> str:
    """Where the request came from, as far as the proxy or the socket says: a whole network of IPv6 is one."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:60]
    if address.version == 6:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return str(address)


def visitor_of(request: Request) -> sessions.Visitor | None:
    """Who is asking; None where nobody is signed in. One whose session ran out is not current."""
    if not hasattr(request.state, "visitor"):
        site, token = site_of(request), request.cookies.get(site_of(request).cookie, "")
        request.state.visitor = (
            sessions.find_session(site.store, token, site.times, now=site.now()) if token else None
        )
    visitor: sessions.Visitor | None = request.state.visitor
    return visitor


def require_visitor(request: Request) -> sessions.Visitor:
    """Who is asking; raises where nobody is signed in, or where a drawn password is still to be changed."""
    visitor = visitor_of(request)
    if visitor is None or not visitor.is_current:
        raise SignInNeededError
    return visitor


def require_page(request: Request, page: str) -> sessions.Visitor:
    """Who is asking, where the role may see this page; raises otherwise."""
    visitor = require_visitor(request)
    if visitor.must_change and page != "account":
        raise SignInNeededError
    if not rights.may_see(visitor.role, page):
        raise NotAllowedError(rights.roles_for(page))
    return visitor


def require_run(request: Request, job: str) -> sessions.Visitor:
    """Who is asking for a run: where the role may not see the job, there is none."""
    visitor = require_visitor(request)
    if visitor.must_change or not rights.may_see(visitor.role, job):
        raise NotThereError
    return visitor


async def read_form(request: Request) -> FormFields:
    """The fields of a form; raises UsageError where it is too large or holds a file."""
    if int(request.headers.get("content-length") or 0) > LARGEST_FORM_BYTES:
        raise UsageError("The form is too large. Shorten what you wrote.")
    form = await request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=LARGEST_FORM_BYTES)
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        fields.setdefault(name, []).append(str(value).replace("\x00", ""))
    return fields


SentForm = Annotated[FormFields, Depends(read_form)]
"""A form, as a page function takes it."""


def first(fields: FormFields, name: str) -> str:
    """The first value of a field; empty where it is missing."""
    return (fields.get(name) or [""])[0]


def check_form(request: Request, fields: FormFields, *, draft_page: str = "") -> sessions.Visitor:
    """Who sent this form. It must be of this site and this session.

    Where the session ran out meanwhile, what was written is kept as a draft of that person alone, which
    `draft_page`, where the form stands, takes up with `take_draft`.
    """
    check_origin(request)
    visitor = visitor_of(request)
    if visitor is None:
        raise SignInNeededError
    if not hmac.compare_digest(first(fields, "form_key").encode(), visitor.form_key.encode()):
        raise OldFormError
    if not visitor.is_current:
        keep_draft(request, visitor, fields, draft_page)
        raise SignInNeededError(page=draft_page)
    return visitor


def require_proof(
    request: Request, visitor: sessions.Visitor, fields: FormFields, *, draft_page: str = ""
) -> None:
    """Ask for the password once more before a grave act, unless it was given in the last ten minutes.

    To be called after the rights were looked at and before anything is done. What was written is kept for
    that person alone; afterwards `draft_page`, where the form stands, shows it with `take_draft`.
    """
    if not visitor.is_proven:
        keep_draft(request, visitor, fields, draft_page)
        raise PasswordNeededError(draft_page)


def keep_draft(request: Request, visitor: sessions.Visitor, fields: FormFields, page: str) -> None:
    """Keep what somebody wrote on this page, for that person alone."""
    if page:
        draft_fields = {name: values for name, values in fields.items() if name not in SECRET_FIELDS}
        site = site_of(request)
        tasks.keep_draft(site.store, visitor.account, page, draft_fields, now=site.now())


def take_draft(request: Request, visitor: sessions.Visitor, page: str = "") -> dict[str, list[str]] | None:
    """What this person wrote on this page before the session ran out or the password was asked for.

    It stays until `drop_draft`, which the route calls once the form was sent; None where nothing is kept.
    """
    return tasks.read_draft(site_of(request).store, visitor.account, page or request.url.path)


def drop_draft(request: Request, visitor: sessions.Visitor, page: str = "") -> None:
    """Forget what was kept of the form of this page: it was sent."""
    tasks.drop_draft(site_of(request).store, visitor.account, page or request.url.path)


def check_origin(request: Request) -> None:
    """Refuse a form that another site made the browser send."""
    origin = request.headers.get("origin", "")
    is_foreign = origin and urlsplit(origin).netloc != request.headers.get("host", "")
    if is_foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise OldFormError


def safe_next(path: str) -> str:
    """Where to go after signing in: a path of this site, nothing else."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own and not path.startswith("/sign-") else "/"


def sign_in_address(request: Request) -> str:
    """The sign-in page, with the way back to what was asked for; of a drawn password, where to change it."""
    visitor = visitor_of(request)
    if visitor is not None and visitor.is_current and visitor.must_change:
        return "/account"
    path = request.url.path if request.method in ("GET", "HEAD") else request.headers.get("referer", "/")
    parts = urlsplit(path)
    wanted_path = (
        f"{parts.path}?{request.url.query}" if request.method == "GET" and request.url.query else parts.path
    )
    return f"/sign-in?next={quote(safe_next(wanted_path))}"


def plain(value: Any) -> str:
    """A value as it stands in a field of a form."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "\n".join(map(str, value))
    return str(value)
