"""Forms that are done at once: they record in a person's own name, or show what no run may keep."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from becalm.app import rights
from becalm.app.site import context, forms
from becalm.app.site.context import FormFields, NotThereError, SentForm, Site, first, site_of
from becalm.app.site.frame import render
from becalm.app.store import acts
from becalm.app.store.sessions import Visitor
from becalm.console.command import name_options
from becalm.console.job_page import Act
from becalm.console.run_folder import Question, answer_blocks, request_of
from becalm.desk import Desk
from becalm.terms import BecalmError, LedgerError, UsageError, WorkspaceError

STALE_TEXT = (
    "This page changed since it was read: somebody recorded a step about the same thing. "
    "Nothing was recorded. Read it again; what you wrote was kept."
)
router = APIRouter(include_in_schema=False)


def address_of_act(words: str) -> str:
    """Where the form of a command stands."""
    job, _, tail = words.partition(" ")
    return f"/{job}/act/{tail.replace(' ', '-')}"


def require_act(site: Site, visitor: Visitor, job: str, name: str) -> tuple[str, Question, Act]:
    """The act of this name that the role may do; what is about a person is else as if it were not there."""
    page = site.pages.get(job)
    words = (
        next((words for words in page.acts if address_of_act(words) == f"/{job}/act/{name}"), "")
        if page
        else ""
    )
    if page is None or not words or visitor.must_change:
        raise NotThereError
    act = page.acts[words]
    if not rights.may_act(visitor.role, words):
        if act.subject:
            raise NotThereError
        raise context.NotAllowedError(rights.ACTORS.get(words, ()))
    return words, site.questions[words], act


def _subject_of(act: Act, fields: FormFields) -> str:
    return first(fields, act.subject).strip() if act.subject else ""


def _check_subject(act: Act, desk: Desk, fields: FormFields) -> None:
    """Raise where nobody is known by the name of the subject, as where the role may not act."""
    subject = _subject_of(act, fields)
    if subject and act.is_known is not None and not act.is_known(desk, subject):
        raise NotThereError


def _last_entry(act: Act, desk: Desk, fields: FormFields) -> str:
    """The newest entry of the kinds that this form stands on, as text; empty where it stands on none."""
    subject = _subject_of(act, fields)
    if not act.watched or (act.subject and not subject):
        return ""
    newest = deque(desk.open_ledger().entries(kinds=act.watched, subject=subject), maxlen=1)
    return str(newest[0].seq) if newest else "0"


def own_acts(site: Site, visitor: Visitor, job: str) -> list[tuple[str, Act, str]]:
    """What somebody in this role can do in a job: the address of each form, the act, and its help."""
    return [
        (address_of_act(words), act, site.questions[words].page_help)
        for words, act in site.pages[job].acts.items()
        if rights.may_act(visitor.role, words)
    ]


@router.get("/divert/cases")
def show_cases(request: Request) -> Response:
    """What somebody in this role can do about cases."""
    visitor, site = context.require_page(request, "cases"), site_of(request)
    acts_of_role = own_acts(site, visitor, "divert")
    return render(
        request,
        "site_cases.html",
        "Cases",
        lists=[entry for entry in acts_of_role if not entry[1].subject],
        steps=[entry for entry in acts_of_role if entry[1].subject],
    )


@router.get("/{job}/act/{name}")
def show_act(request: Request, job: str, name: str) -> Response:
    """The form of an act, filled from the address or from what was kept of it."""
    visitor, site = context.require_visitor(request), site_of(request)
    words, question, act = require_act(site, visitor, job, name)
    in_address = {key: request.query_params.getlist(key) for key in request.query_params}
    draft = context.take_draft(request, visitor)
    is_draft = draft is not None and first(in_address, act.subject) in ("", first(draft, act.subject))
    fields = draft if draft is not None and is_draft else in_address
    desk = site.acting_desk(visitor)
    _check_subject(act, desk, fields)
    return _act_page(request, desk, words, question, act, fields, is_draft=is_draft)


@router.post("/{job}/act/{name}")
def send_act(request: Request, job: str, name: str, fields: SentForm) -> Response:
    """Do it once and lead to its answer, or show the form again with what is wrong."""
    site, path = site_of(request), request.url.path
    visitor = context.check_form(request, fields, draft_page=path)
    words, question, act = require_act(site, visitor, job, name)
    desk = site.acting_desk(visitor)
    _check_subject(act, desk, fields)
    if act.is_grave:
        context.require_proof(request, visitor, fields, draft_page=path)
    try:
        values, files = forms.act_values(question, act, desk, fields)
        question_request = request_of(question, values, files)
        if act.is_look:
            blocks = answer_blocks(desk, question, question_request)
            return _act_page(request, desk, words, question, act, fields, blocks=blocks)
        return _do_once(
            request,
            visitor,
            desk,
            words,
            act,
            fields,
            lambda: answer_blocks(desk, question, question_request),
        )
    except (WorkspaceError, LedgerError):
        raise
    except OSError as error:
        raise WorkspaceError(f"The disk of the server refused: {error.strerror}.") from error
    except BecalmError as error:
        return _act_page(request, desk, words, question, act, fields, error=error)


def _do_once(
    request: Request, visitor: Visitor, desk: Desk, words: str, act: Act, fields: FormFields, do: Any
) -> Response:
    site, form_id, path = site_of(request), first(fields, "form_id")[:60], request.url.path
    if not form_id.isascii() or not form_id.replace("-", "").replace("_", "").isalnum():
        raise context.OldFormError
    done_address = f"/{words.partition(' ')[0]}/done/{form_id}"
    if not acts.claim_act(site.store, visitor.account, form_id, words, now=site.now()):
        return RedirectResponse(done_address, status_code=303)
    try:
        _check_fresh(request, visitor, desk, act, fields)
        blocks = do()
    except BaseException:
        acts.release_act(site.store, visitor.account, form_id)
        raise
    acts.finish_act(site.store, visitor.account, form_id, blocks)
    context.drop_draft(request, visitor, path)
    return RedirectResponse(done_address, status_code=303)


def _check_fresh(request: Request, visitor: Visitor, desk: Desk, act: Act, fields: FormFields) -> None:
    """Refuse a form about something that went on since the form was read; what was written is kept."""
    if first(fields, "seen") != _last_entry(act, desk, fields):
        kept_fields = {name: lines for name, lines in fields.items() if name != "seen"}
        context.keep_draft(request, visitor, kept_fields, request.url.path)
        raise UsageError(STALE_TEXT)


@router.get("/{job}/done/{form_id}")
def show_done(request: Request, job: str, form_id: str) -> Response:
    """What was recorded by a form that this person sent_act."""
    visitor, site = context.require_visitor(request), site_of(request)
    sent_act = acts.find_act(site.store, visitor.account, form_id)
    if sent_act is None or visitor.must_change or not rights.may_act(visitor.role, sent_act.words):
        raise NotThereError
    act = site.pages[job].acts.get(sent_act.words) if job in site.pages else None
    if act is None:
        raise NotThereError
    return render(
        request,
        "site_done.html",
        act.title,
        blocks=sent_act.blocks,
        again=address_of_act(sent_act.words),
        way_on="/divert/cases" if job == "divert" else f"/{job}",
    )


def _act_page(
    request: Request,
    desk: Desk,
    words: str,
    question: Question,
    act: Act,
    fields: FormFields,
    *,
    blocks: Sequence[dict[str, Any]] = (),
    error: BecalmError | None = None,
    is_draft: bool = False,
) -> Response:
    inputs = forms.act_inputs(question, act, desk, fields)
    labels = {form_input.name: form_input.label for form_input in inputs}
    if error is not None:
        error = error.reworded(lambda text: text if text in labels else name_options(text, labels))
    is_stale = error is not None and error.message == STALE_TEXT
    return render(
        request,
        "site_act.html",
        act.title,
        status=409 if is_stale else 422 if error else 200,
        act=act,
        help=question.page_help,
        address=address_of_act(words),
        main_fields=[form_input for form_input in inputs if form_input.is_main],
        more_fields=[form_input for form_input in inputs if not form_input.is_main],
        texts=fields,
        form_id=secrets.token_urlsafe(12),
        seen=first(fields, "seen") or _last_entry(act, desk, fields),
        faults=error.faults if error else (),
        message=error.message if error else "",
        is_draft=is_draft,
        is_stale=is_stale,
        blocks=_link_rows(act, blocks, fields),
        next_acts=_next_acts(request, desk, act, fields) if blocks else [],
        way_back="/divert/cases" if question.job == "divert" else f"/{question.job}",
    )


def _link_rows(act: Act, blocks: Sequence[dict[str, Any]], fields: FormFields) -> Sequence[dict[str, Any]]:
    """The blocks, the first cell of each row a link to what can be seen of it."""
    if not act.row_act:
        return blocks
    purpose = f"&purpose={quote(first(fields, 'purpose'))}" if first(fields, "purpose") else ""
    link = Markup('<a href="{}">{}</a>')
    address = f"{address_of_act(act.row_act)}?person="
    return [
        {
            **block,
            "rows": [
                [link.format(f"{address}{quote(row[0])}{purpose}", row[0]), *row[1:]] for row in block["rows"]
            ],
        }
        if "rows" in block
        else block
        for block in blocks
    ]


def _next_acts(request: Request, desk: Desk, act: Act, fields: FormFields) -> list[tuple[str, str]]:
    """What may follow about the same subject: title and address, which says what was read."""
    site, role = site_of(request), desk.role
    all_acts = {words: page_act for page in site.pages.values() for words, page_act in page.acts.items()}
    addresses = []
    for words in act.next_acts:
        if rights.may_act(role, words):
            next_act = all_acts[words]
            carried = {act.subject: first(fields, act.subject), "seen": _last_entry(next_act, desk, fields)}
            addresses.append((next_act.title, f"{address_of_act(words)}?{urlencode(carried)}"))
    return addresses
