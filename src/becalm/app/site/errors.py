"""Every error has a page of its own, and none tells what it must not; a program is told the same as JSON."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from becalm.app.site.account_pages import prove_address
from becalm.app.site.api import ApiError
from becalm.app.site.context import (
    NotAllowedError,
    NotThereError,
    OldFormError,
    PasswordNeededError,
    SignInNeededError,
    sign_in_address,
)
from becalm.app.site.frame import render
from becalm.terms import BecalmError, LedgerError, UsageError, WorkspaceError

OUR_FAILURES = (WorkspaceError, LedgerError)
log = logging.getLogger("becalm.web")


def is_api(request: Request) -> bool:
    """Does a program ask?"""
    return request.url.path.startswith("/api/")


def message_page(request: Request, status: int, title: str, *paragraphs: str) -> Response:
    """A page that says what is the matter, and the way on."""
    if is_api(request):
        return JSONResponse({"problem": " ".join((f"{title}.", *paragraphs))}, status_code=status)
    way_on = ("/", "Back to Today")
    return render(request, "site_message.html", title, status=status, paragraphs=paragraphs, way_on=way_on)


def _ask_to_sign_in(request: Request, error: Any) -> Response:
    if error.page:
        return RedirectResponse(f"/sign-in?next={quote(error.page)}&draft=kept", status_code=303)
    return RedirectResponse(sign_in_address(request), status_code=303)


def _ask_for_password(request: Request, error: Any) -> Response:
    return RedirectResponse(prove_address(request, error.page), status_code=303)


def _refuse(request: Request, error: Any) -> Response:
    remedy = f"Ask somebody in the role {', '.join(error.roles)}."
    return message_page(request, 403, "This page is not for your role", remedy)


def _refuse_form(request: Request, _error: Any) -> Response:
    cause = "It was made before you signed in, or by another page. Nothing was done."
    return message_page(request, 403, "This form is old", cause, "Open its page again and fill it in.")


def _not_there(request: Request, _error: Any) -> Response:
    return message_page(request, 404, "There is no such page", "It does not exist, or it is not for you.")


def _other_http(request: Request, error: Any) -> Response:
    if error.status_code == 404:
        return _not_there(request, error)
    return message_page(
        request, error.status_code, "That cannot be done here", "Go back and try another way."
    )


def _invalid(request: Request, _error: Any) -> Response:
    remedy = "Send the fields as JSON, by name."
    return message_page(request, 422, "The request cannot be understood", remedy)


def _api_error(_request: Request, error: Any) -> Response:
    return JSONResponse({"problem": error.problem, "faults": error.faults}, status_code=error.status)


def _our_error(request: Request, error: Any) -> Response:
    is_failure = isinstance(error, OUR_FAILURES)
    status = 503 if is_failure else 422 if isinstance(error, UsageError) else 409
    # What went wrong with the server is for whoever runs it; what somebody wrote wrongly is for nobody else.
    log.warning("%s: %s", type(error).__name__, error.message if is_failure else "what was sent does not fit")
    if is_failure:
        cause = "clock is wrong" if "clock" in error.message else "disk or database cannot be used"
        remedy = f"The server's {cause}, so that nothing can be recorded. Tell your administrator."
        return message_page(request, status, "That could not be done", remedy, "Nothing was changed.")
    if is_api(request):
        faults = [{"field": f.where, "problem": f.what, "remedy": f.remedy} for f in error.faults]
        return JSONResponse({"problem": error.message, "faults": faults}, status_code=status)
    return message_page(request, status, "That could not be done", str(error), "Nothing was changed.")


def _unknown_error(request: Request, error: Any) -> Response:
    log.error("unexpected", exc_info=error)
    return message_page(request, 500, "becalm failed on this", "The server's log says how.")


HANDLERS = {
    SignInNeededError: _ask_to_sign_in,
    PasswordNeededError: _ask_for_password,
    NotAllowedError: _refuse,
    OldFormError: _refuse_form,
    NotThereError: _not_there,
    HTTPException: _other_http,
    RequestValidationError: _invalid,
    ApiError: _api_error,
    BecalmError: _our_error,
    Exception: _unknown_error,
}


def answer_errors(app: FastAPI) -> None:
    """Have the app answer every error with its page."""
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
