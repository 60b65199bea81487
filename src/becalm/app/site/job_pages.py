"""The page of each job, the forms that ask again, and the runs: pages show runs, they compute nothing."""

from __future__ import annotations

import secrets
from itertools import islice
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from becalm.app import rights
from becalm.app.site import forms, run_list
from becalm.app.site.act_pages import own_acts
from becalm.app.site.context import (
    FormFields,
    NotAllowedError,
    NotThereError,
    SentForm,
    Site,
    check_form,
    drop_draft,
    first,
    require_page,
    require_run,
    site_of,
    take_draft,
)
from becalm.app.site.folder_pages import ShownFolder, list_folders
from becalm.app.site.frame import MAP_POLICY, POLICY, render
from becalm.app.site.map_assets import asset_address, tiles_address
from becalm.app.site.run_document import PDF, can_print, run_pdf
from becalm.app.store import tasks
from becalm.app.store.sessions import Visitor
from becalm.console.command import name_options
from becalm.console.run_folder import FrozenRun, Question, list_runs, read_answer, read_run
from becalm.formats.json_text import data_digest
from becalm.terms import UsageError

NEWEST_SHOWN, RUNS_SHOWN, RUNS_LOOKED_AT = 5, 30, 200
MEDIA_TYPES: Final = {
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".svg": "image/svg+xml",
    ".ics": "text/calendar; charset=utf-8",
    ".pdf": "application/pdf",
    ".html": "application/octet-stream",
}
FORMAT_NAMES: Final = {
    ".json": "JSON",
    ".csv": "CSV",
    ".xlsx": "Excel",
    ".geojson": "GeoJSON",
    ".gpkg": "GeoPackage",
    ".svg": "Picture (SVG)",
    ".ics": "Calendar",
    ".pdf": "PDF",
    ".html": "Page",
}
router = APIRouter(include_in_schema=False)


def require_question(site: Site, job: str, name: str) -> Question:
    """The question of this name that may be asked on the page of this job."""
    page = site.pages.get(job)
    questions = [site.questions[words] for words in page.questions] if page else []
    question = next((question for question in questions if question.name == name), None)
    if question is None:
        raise NotThereError
    return question


def require_asker(visitor: Visitor, job: str) -> None:
    """Raise where the role may not start work of this job."""
    if not rights.may_ask(visitor.role, job):
        raise NotAllowedError(rights.ASKERS.get(job, ()))


def find_run(site: Site, job: str, key: str) -> FrozenRun:
    """The run of this job; raises where there is none."""
    run = read_run(site.desk.workspace.path, job, key) if job in site.pages else None
    if run is None:
        raise NotThereError
    return run


@router.get("/{job}/runs/{name}")
def show_run(request: Request, job: str, name: str) -> Response:
    """A frozen answer, as a page or, with an ending, as a file."""
    visitor, site = require_run(request, job), site_of(request)
    key, dot, ending = name.partition(".")
    run = find_run(site, job, key)
    return download(site, run, f"{dot}{ending}") if dot else _run_page(request, site, visitor, run)


def download(site: Site, run: FrozenRun, ending: str) -> Response:
    """The answer as a file, as it was frozen."""
    content = read_answer(run, ending)
    if content is None and ending == PDF and can_print():
        content = run_pdf(site, run)
    if content is None:
        raise NotThereError
    name = f"{run.record.question.replace(' ', '-')}-{run.key}{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA_TYPES.get(ending, "application/octet-stream"), headers=headers)


def _run_page(request: Request, site: Site, visitor: Visitor, run: FrozenRun) -> Response:
    listed_run = run_list.describe_run(site, run)
    blocks = [
        {"picture": Markup(block["picture"])} if "picture" in block else block  # drawn by us, escaped there
        for block in run.page["blocks"]
    ]
    question = site.questions.get(run.record.question)
    has_map = run.record.question in site.pages[run.job].mapped and ".geojson" in run.endings
    return render(
        request,
        "site_run.html",
        listed_run.title,
        policy=MAP_POLICY if has_map else POLICY,
        assets=asset_address() if has_map else "",
        tiles=tiles_address(site) if has_map else "",
        heading=site.pages[run.job].heading,
        job=run.job,
        key=run.key,
        made_text=listed_run.made_text,
        blocks=blocks,
        lead_index=next((i for i, block in enumerate(blocks) if "text" in block), -1),
        endings=(*run.endings, *((PDF,) if can_print() and PDF not in run.endings else ())),
        names={**{ending: ending[1:] for ending in run.endings}, **FORMAT_NAMES},
        record=run.record,
        choices_text=listed_run.choices_text,
        data_digest=data_digest(run.record.data),
        earlier=_earlier_run(site, run),
        may_ask=question is not None and rights.may_ask(visitor.role, run.job),
        question_name=question.name if question else "",
        has_profiles=run.record.question in site.pages[run.job].profiled and ".geojson" in run.endings,
    )


def _earlier_run(site: Site, run: FrozenRun) -> str:
    """The run before this one that was asked the same, among the newest; empty where there is none."""
    keys = [key for key in list_runs(site.desk.workspace.path, run.job) if key < run.key]
    choices = run_list.chosen_values(site, run)
    for key in keys[:RUNS_LOOKED_AT]:
        other_run = read_run(site.desk.workspace.path, run.job, key)
        is_same = other_run is not None and other_run.record.question == run.record.question
        if other_run is not None and is_same and run_list.chosen_values(site, other_run) == choices:
            return key
    return ""


@router.get("/{job}/ask/{name}")
def show_form(request: Request, job: str, name: str, run: str = "") -> Response:
    """The form of a question: filled from a draft, from a task or run that asked it, or from the address."""
    if job not in site_of(request).pages:
        raise NotThereError
    visitor, site = require_page(request, job), site_of(request)
    question = require_question(site, job, name)
    require_asker(visitor, job)
    draft = take_draft(request, visitor)
    if draft is not None:
        return _form_page(request, site, question, draft, is_draft=True)
    task_key = request.query_params.get("from", "")
    task = tasks.find_task(site.store, task_key) if task_key else None
    if task is not None and task.account == visitor.account and task.question == " ".join(question.words):
        return _form_page(request, site, question, forms.shown_values(question, task.request))
    if run:
        frozen_run = find_run(site, job, run)
        return _form_page(request, site, question, forms.shown_values(question, frozen_run.page["request"]))
    in_address = {key: request.query_params.getlist(key) for key in request.query_params}
    return _form_page(request, site, question, in_address)


def _form_page(
    request: Request,
    site: Site,
    question: Question,
    values: FormFields,
    *,
    error: UsageError | None = None,
    is_draft: bool = False,
) -> Response:
    inputs = forms.inputs_of(question, values)
    labels = {form_input.name: form_input.label for form_input in inputs}
    error = (
        error.reworded(lambda text: text if text in labels else name_options(text, labels)) if error else None
    )
    return render(
        request,
        "site_ask.html",
        site.pages[question.job].labels[" ".join(question.words)],
        status=422 if error else 200,
        question=question,
        main_fields=[form_input for form_input in inputs if form_input.is_main],
        more_fields=[form_input for form_input in inputs if not form_input.is_main],
        form_id=secrets.token_urlsafe(12),
        faults=error.faults if error else (),
        message=error.message if error else "",
        is_draft=is_draft,
    )


@router.post("/{job}/ask/{name}")
def ask(request: Request, job: str, name: str, fields: SentForm) -> Response:
    """Start a task that answers the question, or show the form again with what is wrong."""
    site = site_of(request)
    visitor = check_form(request, fields, draft_page=request.url.path)
    if job not in site.pages or visitor.must_change:
        raise NotThereError
    require_page(request, job)
    question = require_question(site, job, name)
    require_asker(visitor, job)
    try:
        values = forms.read_values(question, fields)
        task = start(site, visitor, question, values, form_id=first(fields, "form_id"))
    except UsageError as error:
        return _form_page(request, site, question, fields, error=error)
    drop_draft(request, visitor)
    return RedirectResponse(f"/tasks/{task.key}?wait=yes", status_code=303)


def start(
    site: Site, visitor: Visitor, question: Question, values: dict[str, Any], *, form_id: str = ""
) -> tasks.Task:
    """Start the task of a question in this person's name."""
    return tasks.start_task(
        site.store,
        " ".join(question.words),
        values,
        account=visitor.account,
        role=visitor.role,
        form_id=form_id,
        now=site.now(),
    )


@router.get("/{job}")
def show_job(request: Request, job: str) -> Response:
    """The page of a job: its newest answers, what can be asked, and all runs."""
    site = site_of(request)
    page = site.pages.get(job)
    if page is None:
        raise NotThereError
    visitor, query = require_page(request, job), request.query_params
    runs = list(islice(run_list.newest_runs(site, job), RUNS_LOOKED_AT))
    newest = run_list.newest_by_question(runs, limit=NEWEST_SHOWN)
    listed_runs = [run_list.describe_run(site, run) for run in runs]
    questions = [(site.questions[words], label) for words, label in page.labels.items()]
    matching_runs = _matching_runs(listed_runs, job, query.get("question", ""), query.get("with", ""))
    is_filtered = bool(query.get("question") or query.get("with"))
    return render(
        request,
        "site_job.html",
        page.heading,
        page=page,
        newest=[run_list.describe_run(site, run) for run in newest],
        older=matching_runs[:RUNS_SHOWN],
        run_count=len(matching_runs) if is_filtered else len(list_runs(site.desk.workspace.path, job)),
        chosen_question=query.get("question", ""),
        chosen_text=query.get("with", ""),
        may_ask=rights.may_ask(visitor.role, job),
        askers=rights.ASKERS.get(job, ()),
        questions=questions,
        pickers=[
            (
                site.questions[words],
                page.labels[words],
                [(n, list_choices(site.desk)) for n, list_choices in fields.items()],
            )
            for words, fields in page.pickers.items()
        ],
        acts=own_acts(site, visitor, job) if job != "divert" else [],
        folder_lists=_folder_lists(site, visitor, job),
    )


def _matching_runs(
    listed_runs: list[run_list.ListedRun], job: str, question: str, text: str
) -> list[run_list.ListedRun]:
    """The runs of a question, by its name in an address, that were asked with this text; all where empty."""
    return [
        run
        for run in listed_runs
        if question in ("", run.question.removeprefix(f"{job} ").replace(" ", "-"))
        and text.strip().casefold() in run.choices_text.casefold()
    ]


def _folder_lists(site: Site, visitor: Visitor, job: str) -> list[tuple[str, list[ShownFolder]]]:
    """The folders of each kind that the role may see; a kind that it may not see is not named."""
    folders = list_folders(site, visitor, job)
    return [
        (folder_list.title, [folder for folder in folders if folder.folder_list is folder_list])
        for folder_list in site.pages[job].folders
        if rights.may_see(visitor.role, folder_list.page)
    ]
