"""Signing in by way of the organisation's own provider, and proving there once more who one is."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from becalm.app import rights
from becalm.app.account_events import PURPOSE
from becalm.app.site.account_pages import (
    open_browser_session,
    record_refusal,
    set_cookie,
    sign_in_page,
    waiting_of_another,
)
from becalm.app.site.context import NotThereError, Site, address_of, require_visitor, safe_next, site_of
from becalm.app.site.provider import Provider, ProviderError
from becalm.app.store import accounts, provider_accounts, sessions
from becalm.app.store.provider_accounts import Attempt
from becalm.desk.audit_events import recorded_action
from becalm.terms import UsageError

BROWSER_COOKIE: Final = "becalm-provider"
FAILED: Final = "The sign-in did not come to its end. Try again."
NO_ROLE: Final = "You have no role here. Ask your administrator."
log = logging.getLogger("becalm.web")
router = APIRouter(include_in_schema=False)


def require_provider(site: Site) -> Provider:
    """The provider of this site; raises where it has none."""
    if site.provider is None:
        raise NotThereError
    return site.provider


def return_address(request: Request) -> str:
    """Where the provider sends people back to."""
    url = site_of(request).desk.workspace.config.web.url
    return f"{(url or str(request.base_url)).rstrip('/')}/sign-in/return"


@router.get("/sign-in/provider")
def go_to_provider(request: Request, next: str = "/", prove: str = "") -> Response:
    """Lead to the provider. With `prove`, whoever is signed in must sign in there again."""
    site, provider = site_of(request), require_provider(site_of(request))
    session_sha256 = require_visitor(request).token_sha256 if prove else ""
    browser = request.cookies.get(BROWSER_COOKIE) or secrets.token_urlsafe(32)
    attempt = provider_accounts.begin_attempt(
        site.store, browser, safe_next(next), session_sha256, now=site.now()
    )
    try:
        response = RedirectResponse(provider.address(attempt, return_address(request)), status_code=303)
    except ProviderError as error:
        return _refuse(request, attempt, error.code, "The provider cannot be reached. Try again later.", 503)
    set_cookie(response, site, BROWSER_COOKIE, browser)
    return response


def _refuse(
    request: Request, attempt: Attempt | None, code: str, problem: str = FAILED, status: int = 401
) -> Response:
    """The sign-in page, and a line of the log that names nobody; what was begun here is recorded."""
    log.warning("provider: %s", code)
    if attempt is not None:
        record_refusal(site_of(request), "provider", "")
    return sign_in_page(request, attempt.way_on if attempt else "/", problem=problem, status=status)


@router.get("/sign-in/return")
def come_back(request: Request, state: str = "") -> Response:
    """Back from the provider: a session, where everything that it says fits; else the sign-in page."""
    site, provider = site_of(request), require_provider(site_of(request))
    browser = request.cookies.get(BROWSER_COOKIE, "")
    attempt = provider_accounts.take_attempt(site.store, browser, state, now=site.now()) if browser else None
    if attempt is None:
        return _refuse(request, None, "an unknown state")
    try:
        claims = provider.read_claims(str(request.url), attempt, return_address(request), now=site.now())
    except ProviderError as error:
        return _refuse(request, attempt, error.code)
    if attempt.session_sha256:
        return _prove(request, attempt, str(claims["sub"]))
    try:
        account = admit(site, provider, claims)
    except UsageError as error:
        problem = NO_ROLE if not roles_of(provider, claims) else str(error)
        return _refuse(request, attempt, "no account", problem, 403)
    if waiting_text := waiting_of_another(request, account.name):
        return sign_in_page(request, attempt.way_on, problem=waiting_text, status=409)
    sessions.note_sign_in(site.store, account.name, address_of(request), now=site.now())
    response = RedirectResponse(attempt.way_on, status_code=303)
    return open_browser_session(request, response, account)


def _prove(request: Request, attempt: Attempt, subject: str) -> Response:
    """The same person, signed in there just now: the session counts as proved."""
    site = site_of(request)
    visitor = require_visitor(request)
    issuer = require_provider(site).entry.issuer
    account = provider_accounts.find_provider_account(site.store, issuer, subject)
    is_same = account is not None and account.name == visitor.account
    if not is_same or visitor.token_sha256 != attempt.session_sha256:
        return _refuse(request, attempt, "somebody else")
    sessions.prove_session(site.store, visitor.token_sha256, now=site.now())
    return RedirectResponse(attempt.way_on, status_code=303)


def roles_of(provider: Provider, claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles that the groups of this person give, in the order of the table of roles."""
    groups = claims.get(provider.entry.roles_claim) or ()
    names = [groups] if isinstance(groups, str) else [str(group) for group in groups]
    provider_roles = {role for name in names for role in provider.entry.roles.get(name, ())}
    return tuple(role for role in rights.ROLES if role in provider_roles)


def admit(site: Site, provider: Provider, claims: Mapping[str, Any]) -> accounts.Account:
    """The account of this person, made or given other roles where that is needed; raises UsageError."""
    issuer, subject = provider.entry.issuer, str(claims["sub"])
    roles = roles_of(provider, claims)
    account = provider_accounts.find_provider_account(site.store, issuer, subject)
    if account is not None and account.ended_at is not None:
        raise UsageError("This account was ended. Ask your administrator.")
    if account is None:
        name = str(claims.get(provider.entry.account_claim, "")).partition("@")[0].lower()
        accounts.check_new_account(site.store, name, roles)
        with _recording_account(site, name, "made", roles):
            return provider_accounts.add_provider_account(
                site.store, issuer, subject, name, roles, now=site.now()
            )
    if set(account.roles) != set(roles):
        if not roles:
            sessions.end_sessions_of(site.store, account.name, "no role any more", now=site.now())
            raise UsageError(NO_ROLE)
        with _recording_account(site, account.name, "roles", roles):
            return accounts.set_roles(site.store, account.name, roles, now=site.now())
    return account


def _recording_account(site: Site, name: str, change_text: str, roles: tuple[str, ...]) -> Any:
    facts: dict[str, Any] = {"account": name, "what": change_text, "roles": roles}
    return recorded_action(site.desk, "account_changed", purpose=PURPOSE, facts=facts)
