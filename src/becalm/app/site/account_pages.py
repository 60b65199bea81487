"""Signing in and out, one's own account, and the ends that an administrator sets."""

from __future__ import annotations

import hmac
import secrets
from typing import Any, Final
from urllib.parse import quote, unquote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from becalm.app import rights
from becalm.app.account_events import PURPOSE
from becalm.app.site.context import (
    NotThereError,
    SentForm,
    Site,
    address_of,
    check_form,
    check_origin,
    first,
    require_page,
    require_proof,
    require_visitor,
    safe_next,
    site_of,
)
from becalm.app.site.frame import render
from becalm.app.store import accounts, sessions
from becalm.app.store.provider_accounts import is_of_provider
from becalm.desk.audit_events import record_event
from becalm.terms import Fault, UsageError

WAITING_COOKIE: Final = "becalm-waiting"  # which the street page keeps: how many, and whose
SIGN_IN_COOKIE: Final = "becalm-sign-in"
REFUSALS: Final = {
    "refused": "The name or the password is wrong.",
    "blocked": "There were too many tries. Wait 15 minutes, then try again.",
}
router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
def show_sign_in(request: Request, next: str = "/", draft: str = "") -> Response:
    """The sign-in page."""
    note = "Your session ran out. What you wrote was kept; sign in to find it again." if draft else ""
    return sign_in_page(request, next, note=note)


def sign_in_page(
    request: Request, way_on: str, *, problem: str = "", name: str = "", note: str = "", status: int = 200
) -> Response:
    """The sign-in page, with what went wrong."""
    # There is no session yet that could hold the key of the form, so a cookie does.
    form_key = request.cookies.get(SIGN_IN_COOKIE) or secrets.token_urlsafe(32)
    provider = site_of(request).provider
    values = {"next": safe_next(way_on), "problem": problem, "name": name, "note": note, "form_key": form_key}
    values["provider"] = provider.entry.name if provider else ""
    response = render(request, "site_sign_in.html", "Sign in", status=status, **values)
    set_cookie(response, site_of(request), SIGN_IN_COOKIE, form_key)
    return response


def set_cookie(response: Response, site: Site, name: str, value: str) -> None:
    """A cookie that no script sees and no other site sends along with a form."""
    response.set_cookie(name, value, httponly=True, secure=site.is_secure, samesite="lax", path="/")


@router.post("/sign-in")
def sign_in(request: Request, fields: SentForm) -> Response:
    """Sign in: a new session takes the place of any that the browser had."""
    site, way_on = site_of(request), safe_next(first(fields, "next"))
    check_origin(request)
    form_key = request.cookies.get(SIGN_IN_COOKIE, "")
    name = first(fields, "name").strip().lower()
    if not form_key or not hmac.compare_digest(first(fields, "form_key").encode(), form_key.encode()):
        return sign_in_page(request, way_on, name=name, problem="The page was old. Try again.", status=403)
    outcome = sessions.sign_in(
        site.store, name, first(fields, "password"), address_of(request), now=site.now()
    )
    if outcome.token and waiting_of_another(request, name):
        sessions.end_session(site.store, sessions.hash_token(outcome.token), "records wait", now=site.now())
        return sign_in_page(request, way_on, name=name, problem=waiting_of_another(request, name), status=409)
    if not outcome.token:
        record_refusal(site, outcome.refusal, outcome.account)
        status = 429 if outcome.refusal == "blocked" else 401
        return sign_in_page(request, way_on, name=name, problem=REFUSALS[outcome.refusal], status=status)
    return _hand_over(request, RedirectResponse(way_on, status_code=303), outcome.token)


def _hand_over(request: Request, response: Response, token: str) -> Response:
    """Give the browser its new session; the one that it had ends."""
    site = site_of(request)
    earlier = request.cookies.get(site.cookie)
    if earlier:
        sessions.end_session(site.store, sessions.hash_token(earlier), "signed in again", now=site.now())
    set_cookie(response, site, site.cookie, token)
    response.delete_cookie(SIGN_IN_COOKIE, path="/")
    return response


def open_browser_session(request: Request, response: Response, account: accounts.Account) -> Response:
    """A session for somebody who proved elsewhere who they are, in their first role."""
    site = site_of(request)
    token = sessions.open_session(site.store, account, account.roles[0], now=site.now())
    return _hand_over(request, response, token)


def waiting_of_another(request: Request, name: str) -> str:
    """Why somebody of this name may not take over this phone: records of another wait there to be sent."""
    count, _, account = unquote(request.cookies.get(WAITING_COOKIE, "")).partition(":")
    if not count.isdecimal() or int(count) == 0 or account == name:
        return ""
    writer = f" of {account[:60]}" if account and name else ""
    return f"{count} records{writer} wait on this phone to be sent. Send them first, or hand them in."


@router.get("/sign-out")
def show_sign_out() -> Response:
    """Nothing is ended by following a link."""
    return RedirectResponse("/account", status_code=303)


@router.post("/sign-out")
def sign_out(request: Request, fields: SentForm) -> Response:
    """End the session."""
    site, visitor = site_of(request), check_form(request, fields)
    if waiting_of_another(request, ""):
        return render(
            request,
            "site_message.html",
            "Records wait on this phone",
            status=409,
            paragraphs=[waiting_of_another(request, "")],
            way_on=("/street#outbox", "Send them, or hand them in"),
        )
    sessions.end_session(site.store, visitor.token_sha256, "signed out", now=site.now())
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(site.cookie, path="/", secure=site.is_secure, httponly=True, samesite="lax")
    return response


@router.get("/stay")
def stay(request: Request) -> Response:
    """The session goes on: opening this page is enough."""
    visitor = require_visitor(request)
    paragraphs = [
        f"Your session goes on until {visitor.ends_at:%H:%M} UTC if you do nothing more.",
        "Close this tab.",
    ]
    return render(
        request, "site_message.html", "You are still signed in", paragraphs=paragraphs, way_on=("/", "Today")
    )


@router.get("/prove")
def show_prove(request: Request, next: str = "/account") -> Response:
    """Ask for the password before a grave act."""
    return _prove_page(request, require_visitor(request), next)


def _prove_page(
    request: Request, visitor: sessions.Visitor, way_on: str, *, problem: str = "", status: int = 200
) -> Response:
    """Who came from a provider proves it there; becalm knows no password of theirs."""
    site = site_of(request)
    is_elsewhere = site.provider is not None and is_of_provider(site.store, visitor.account)
    values = {
        "next": safe_next(way_on),
        "problem": problem,
        "provider": site.provider.entry.name if site.provider and is_elsewhere else "",
    }
    return render(request, "site_prove.html", "Prove that it is you", status=status, **values)


@router.post("/prove")
def prove(request: Request, fields: SentForm) -> Response:
    """The password once more."""
    site, visitor = site_of(request), check_form(request, fields)
    way_on = safe_next(first(fields, "next"))
    outcome, account = _try_own_password(request, visitor, first(fields, "password"))
    if account is None:
        return _prove_page(request, visitor, way_on, problem=REFUSALS[outcome], status=401)
    sessions.prove_session(site.store, visitor.token_sha256, now=site.now())
    return RedirectResponse(way_on, status_code=303)


def _try_own_password(
    request: Request, visitor: sessions.Visitor, password: str
) -> tuple[str, accounts.Account | None]:
    """The account, where this is the password of whoever is asking; a refusal is recorded."""
    site = site_of(request)
    outcome, name, account = sessions.try_password(
        site.store, visitor.account, password, address_of(request), now=site.now()
    )
    if account is None:
        record_refusal(site, outcome, name)
    return outcome, account


def record_refusal(site: Site, reason: str, account: str) -> None:
    """Put into the record that somebody was refused."""
    facts = {"reason": reason, **({"account": account} if account else {})}
    record_event(site.desk, "sign_in_refused", purpose=PURPOSE, facts=facts)


@router.get("/account")
def show_account(request: Request) -> Response:
    """One's own account; an administrator sees all."""
    return _account_page(request)


def _account_page(request: Request, *, error: UsageError | None = None, token: str = "") -> Response:
    visitor, site = require_page(request, "account"), site_of(request)
    is_administrator = rights.may_see(visitor.role, "accounts")
    account_list = accounts.list_accounts(site.store) if is_administrator and not visitor.must_change else ()
    values: dict[str, Any] = {
        "pages": rights.pages_for(visitor.role),
        "jobs": [job for job in rights.ASKERS if rights.may_ask(visitor.role, job)],
        "tokens": sessions.list_tokens(site.store, visitor.account),
        "purposes": sessions.PURPOSES,
        "accounts": [
            (account, sessions.count_sessions(site.store, account.name)) for account in account_list
        ],
        "faults": error.faults if error else (),
        "message": error.message if error else "",
        "token": token,
    }
    return render(request, "site_account.html", "Your account", status=422 if error else 200, **values)


@router.post("/account/role")
def change_role(request: Request, fields: SentForm) -> Response:
    """Act in another of one's roles, in a new session."""
    site, visitor, role = site_of(request), check_form(request, fields), first(fields, "role")
    if role not in visitor.roles:
        raise NotThereError
    account = accounts.require_account(site.store, visitor.account)
    sessions.end_session(site.store, visitor.token_sha256, "another role", now=site.now())
    response = RedirectResponse("/account", status_code=303)
    set_cookie(response, site, site.cookie, sessions.open_session(site.store, account, role, now=site.now()))
    return response


@router.post("/account/password")
def change_password(request: Request, fields: SentForm) -> Response:
    """Choose another password; every other session of the account ends."""
    site, visitor = site_of(request), check_form(request, fields)
    outcome, account = _try_own_password(request, visitor, first(fields, "old"))
    if account is None:
        fault = Fault(
            "old", REFUSALS[outcome].removesuffix("."), "write the password that you signed in with"
        )
        return _account_page(request, error=UsageError("The password was not changed", (fault,)))
    try:
        accounts.change_password(site.store, account, first(fields, "password"), first(fields, "again"))
    except UsageError as error:
        return _account_page(request, error=error)
    sessions.end_sessions_of(site.store, account.name, "password changed", now=site.now())
    response = RedirectResponse("/", status_code=303)
    fresh = sessions.open_session(site.store, account, visitor.role, now=site.now())
    set_cookie(response, site, site.cookie, fresh)
    return response


@router.post("/account/tokens")
def make_token(request: Request, fields: SentForm) -> Response:
    """A token for a program; it is shown once."""
    site, visitor = site_of(request), check_form(request, fields)
    if visitor.must_change:
        raise NotThereError
    require_proof(request, visitor, fields)
    days = first(fields, "days")
    try:
        token = sessions.make_token(
            site.store,
            visitor,
            first(fields, "purpose"),
            int(days) if days.isdecimal() else 0,
            now=site.now(),
        )
    except UsageError as error:
        return _account_page(request, error=error)
    return _account_page(request, token=token)


@router.post("/account/tokens/{number}/end")
def end_token(request: Request, number: str, fields: SentForm) -> Response:
    """End one of one's own tokens."""
    site, visitor = site_of(request), check_form(request, fields)
    sessions.end_token(site.store, visitor.account, number)
    return RedirectResponse("/account", status_code=303)


@router.post("/account/sessions/{name}/end")
def end_sessions(request: Request, name: str, fields: SentForm) -> Response:
    """An administrator ends all sessions of somebody at once; the ledger keeps that it was done."""
    site, visitor = site_of(request), check_form(request, fields)
    if not rights.may_see(visitor.role, "accounts") or accounts.find_account(site.store, name) is None:
        raise NotThereError
    require_proof(request, visitor, fields)
    acting_desk = site.acting_desk(visitor)
    facts = {"account": name, "what": "sessions ended"}
    record_event(acting_desk, "account_changed", purpose=PURPOSE, facts=facts)
    sessions.end_sessions_of(site.store, name, f"ended by {visitor.account}", now=site.now())
    return RedirectResponse("/account", status_code=303)


def prove_address(request: Request, draft_page: str = "") -> str:
    """Where the password is asked for, and the way back from there."""
    own_page = "/account" if request.url.path.startswith("/account") else request.url.path
    return f"/prove?next={quote(draft_page or own_page)}"
