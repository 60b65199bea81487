"""Runs: a command's answer frozen as one folder, with everything that shows it and what would repeat it.

`runs/<job>/<run>/` holds `run.json` (a run record), `page.json` (what a page shows, as blocks), and the
answer in every format of the command. A page or another program reads these files; nothing is computed again.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from becalm import __version__, terms
from becalm.console.command import Format, Session, requests_below
from becalm.console.emit import View, write_formats
from becalm.formats.durable_files import sha256_of, sha256_of_text
from becalm.formats.json_text import json_text, read_record, read_request, record_json
from becalm.render.pages import FolderKind, write_folder

if TYPE_CHECKING:
    from markupsafe import Markup

    from becalm.desk import Desk
    from becalm.render.document import Document

RUNS, PAGE, RECORD = "runs", "page.json", "run.json"
RUN_FOLDER = FolderKind(name="an earlier run")
Picture = Callable[[Any], "Markup"]


@dataclass(frozen=True, slots=True)
class Question:
    """A command whose answer can be frozen: its words, its request, and the function that asks."""

    words: tuple[str, ...]
    request: type[terms.Request]
    ask: Callable[[Session, Any], None]
    help: str

    @property
    def job(self) -> str:
        """The job that answers."""
        return self.words[0]

    @property
    def name(self) -> str:
        """Its words below the job, as they stand in an address: `step-list`."""
        return "-".join(self.words[1:])

    @property
    def page_help(self) -> str:
        """What it does, without the sentences that only concern the command line."""
        sentences = re.split(r"(?<=[.?]) ", self.help)
        return " ".join(s for s in sentences if "--" not in s and "exit code" not in s) or self.help

    @property
    def fields(self) -> tuple[terms.RequestField, ...]:
        """What may be asked with from a page: no field names a file of the server."""
        return tuple(f for f in terms.fields_of(self.request) if f.kind is not terms.FileName)


@dataclass(frozen=True, slots=True)
class FrozenRun:
    """A run as it lies in its folder: its record, the blocks of its page, and the hash of every file."""

    job: str
    key: str
    folder: Path
    record: terms.RunRecord
    page: Mapping[str, Any]

    @property
    def endings(self) -> tuple[str, ...]:
        """The formats in which the answer lies there."""
        return tuple(Path(name).suffix for name in self.page["files"] if name.startswith("answer."))


def list_questions(root_command: Any) -> Mapping[str, Question]:
    """Every command of the program as a question, by its words."""
    callback_by_words = dict(_callbacks_below(root_command))
    return {
        " ".join(words): Question(
            words,
            request,
            inspect.unwrap(callback_by_words[words]),
            (inspect.getdoc(inspect.unwrap(callback_by_words[words])) or "").partition("\n")[0],
        )
        for words, request in requests_below(root_command)
    }


def _callbacks_below(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, subcommand in getattr(group, "commands", {}).items():
        yield from _callbacks_below(subcommand, (*words, name))
    if words:
        yield words, group.callback


@dataclass(frozen=True, slots=True)
class _Emission:
    """The answer of a command and its view, as the command handed them to its session."""

    answer: Any
    view: View[Any]
    problem: str = ""  # why the command ended badly all the same


@dataclass(frozen=True, slots=True)
class _CapturingSession(Session):
    """A session that keeps the answer instead of printing it, on a desk that is there already."""

    desk: Desk
    emissions: list[_Emission] = field(default_factory=list)

    def open_desk(self) -> Desk:
        """The desk of the run."""
        return self.desk

    @property
    def progress(self) -> terms.Progress:
        """Where the run says how far it has come."""
        return self.desk.progress

    def emit(self, answer: Any, view: View[Any]) -> None:
        """Keep the answer."""
        self.emissions.append(_Emission(answer, view))


def freeze_answer(
    desk: Desk,
    question: Question,
    request: terms.Request,
    *,
    data: Mapping[str, str],
    picture: Picture | None,
) -> Mapping[str, str | bytes]:
    """Ask, and give the files of the run's folder. The desk's clock must stand still: it dates the run.

    Raises whatever the question raises; UsageError where the command gives no answer of its own.
    """
    emission = _ask(desk, question, request)
    if emission.problem:
        raise terms.UsageError(emission.problem)
    files = {f"answer{ending}": content for ending, content in write_formats(emission.answer, emission.view)}
    blocks = list(_blocks(emission.view.lines_off_screen(emission.answer)))
    if picture:
        # The table that says the same comes first: a picture is no way for everybody.
        after = next((i + 1 for i, block in enumerate(blocks) if "rows" in block), len(blocks))
        blocks.insert(after, {"picture": str(picture(emission.answer))})
    page = {
        "files": {name: sha256_of_text(content) for name, content in files.items()},
        "request": {key: value for key, value in flat_values(request).items() if value not in (None, [])},
        "blocks": blocks,
    }
    record = terms.RunRecord(
        question=" ".join(question.words),
        version=__version__,
        seed=int(getattr(request, "seed", None) or 0),
        made_at=desk.now(),
        as_of=getattr(request, "as_of", None),
        parameters=flat_values(request),
        data=data,
    )
    return {**files, PAGE: json_text(page), RECORD: record_json(record)}


def _ask(desk: Desk, question: Question, request: terms.Request) -> _Emission:
    context = cast("Any", _RootContext(desk))
    session = _CapturingSession(context, desk.workspace.path, Format.json, (), is_quiet=False, desk=desk)
    try:
        question.ask(session, request)
    except typer.Exit:  # how a command says that its answer is a bad one; the answer says it too
        if not session.emissions:
            raise
    except terms.BecalmError as error:
        if not session.emissions:
            raise
        return replace(session.emissions[-1], problem=str(error))
    if not session.emissions:
        raise terms.UsageError(f"becalm {' '.join(question.words)} gives no answer that could be shown.")
    return session.emissions[-1]


def answer_blocks(desk: Desk, question: Question, request: terms.Request) -> list[dict[str, object]]:
    """Ask at once, and give the answer as the paragraphs and tables of a page; nothing is kept of it.

    Raises whatever the question raises.
    """
    emission = _ask(desk, question, request)
    view, problem = emission.view, emission.problem
    if view.document is not None:
        return list(_document_blocks(view.document(emission.answer)))
    problem_blocks: list[dict[str, object]] = [{"text": line} for line in problem.splitlines()]
    return problem_blocks + list(_blocks(view.lines_off_screen(emission.answer)))


def _document_blocks(document: Document) -> Iterator[dict[str, object]]:
    if document.notice:
        yield {"text": document.notice}
    yield {"heading": document.title}
    for section in document.sections:
        yield {"heading": section.heading}
        for text in section.paragraphs:
            yield {"text": text}
        for table in section.tables:
            yield {"headings": list(table.heads), "numbers": [], "rows": [list(row) for row in table.rows]}
    if document.colophon:
        yield {"text": document.colophon}


@dataclass(frozen=True, slots=True)
class _RootContext:
    """What a command asks its context for: the desk."""

    desk: Desk

    def obj(self, _workspace: Path | None) -> Desk:
        """The desk of the run."""
        return self.desk


def flat_values(request: terms.Request) -> dict[str, Any]:
    """The fields of a request by name, parts beside the others, as plain values."""
    values: dict[str, Any] = {}
    for entry in terms.fields_of(type(request)):
        if entry.kind is terms.FileName:  # a page names no file of the server
            continue
        value: Any = request
        for name in entry.path:
            value = getattr(value, name)
        if isinstance(value, tuple):
            value = [v.isoformat() if isinstance(v, date) else v for v in value]
        values[entry.name] = value.isoformat() if isinstance(value, date) else value
    return values


def _blocks(lines: Iterable[object]) -> Iterator[dict[str, object]]:
    """What a command prints, as paragraphs and tables."""
    from rich.table import Table

    for line in lines:
        if isinstance(line, Table):
            yield _table_block(line)
        elif text := str(line).strip():
            yield {"text": text}


def _table_block(table: Any) -> dict[str, object]:
    columns = [[str(cell).replace("\n", " ") for cell in column.cells] for column in table.columns]
    return {
        "headings": [str(column.header).replace("\n", " ") for column in table.columns],
        "numbers": [i for i, column in enumerate(table.columns) if column.justify == "right"],
        "rows": [list(row) for row in zip(*columns, strict=True)],
    }


def run_folder(workspace_path: Path, job: str, key: str) -> Path:
    """Where this run lies."""
    return workspace_path / RUNS / job / key


def write_run(workspace_path: Path, job: str, key: str, texts: Mapping[str, str | bytes]) -> Path:
    """Put the run in its place, whole or not at all."""
    folder = run_folder(workspace_path, job, key)
    write_folder(folder, texts, kind=RUN_FOLDER)
    return folder


def list_runs(workspace_path: Path, job: str) -> tuple[str, ...]:
    """The keys of all runs of this job, the newest first."""
    folder = workspace_path / RUNS / job
    keys = [path.parent.name for path in folder.glob(f"[0-9]*/{RECORD}")] if folder.is_dir() else []
    return tuple(sorted(keys, reverse=True))


def read_run(workspace_path: Path, job: str, key: str) -> FrozenRun | None:
    """The run, None where there is none of this name.

    Raises ReplayError where its folder is not as becalm wrote it.
    """
    if key not in list_runs(workspace_path, job):
        return None
    folder = run_folder(workspace_path, job, key)
    stamp = (folder / PAGE).stat().st_mtime_ns if (folder / PAGE).is_file() else 0
    return _read_run(folder, job, key, stamp)


@cache
def _read_run(folder: Path, job: str, key: str, _stamp: int) -> FrozenRun:
    try:
        page = json.loads((folder / PAGE).read_text("utf-8"))
        is_whole = {"files", "request", "blocks"} <= page.keys()
    except (OSError, ValueError, AttributeError):
        is_whole = False
    if not is_whole:
        raise terms.ReplayError(f"{folder / PAGE} is not as becalm wrote it. Ask the question again.")
    return FrozenRun(job, key, folder, read_record(folder / RECORD), page)


def read_answer(run: FrozenRun, ending: str) -> bytes | None:
    """The answer in this format, None where it was not written; ReplayError where it was altered since."""
    name = f"answer{ending}"
    if name not in run.page["files"]:
        return None
    content = (run.folder / name).read_bytes()
    if sha256_of_text(content) != run.page["files"][name]:
        raise terms.ReplayError(
            f"{run.folder / name} was altered after it was written. Ask the question again."
        )
    return content


def repeat_run(desk: Desk, run_json: Path, question: Question, picture: Picture | None) -> tuple[str, ...]:
    """Does this run give the same bytes again? Its files, each equal to what the same question gives now.

    Raises ReplayError where the version, the records or a file differ.
    """
    from becalm.desk.pinned_archive import PinnedArchive

    record = read_record(run_json)
    if record.version != __version__:
        raise terms.ReplayError(
            f"{run_json} was made by becalm {record.version}, and this is {__version__}. Ask again."
        )
    made_at: datetime = record.made_at
    pinned_desk = replace(desk, archive=PinnedArchive(desk.archive, record.data), now=lambda: made_at)
    request = request_of(question, record.parameters)
    texts = freeze_answer(pinned_desk, question, request, data=record.data, picture=picture)
    changed_names = [
        name
        for name, content in texts.items()
        if not (run_json.parent / name).is_file()
        or sha256_of(run_json.parent / name) != sha256_of_text(content)
    ]
    if changed_names:
        raise terms.ReplayError(
            f"{', '.join(changed_names)} in {run_json.parent} differ from what this run gives now. Either "
            "they were altered, or a package that becalm uses has changed (see `pip freeze`)."
        )
    return tuple(sorted(texts))


def request_of(
    question: Question, values: Mapping[str, object], files: Mapping[str, Path] | None = None
) -> terms.Request:
    """The request of a question from flat values by field, as a run record or another program holds them.

    `files` are of the server, chosen by a page: nobody else names any.
    """
    nested: dict[str, object] = {}
    known_fields = {
        entry.name: entry
        for entry in terms.fields_of(question.request)
        if entry.kind is not terms.FileName or entry.name in (files or {})
    }
    file_values = {name: str(path) for name, path in (files or {}).items()}
    values = {**values, **{n: [v] if known_fields[n].is_many else v for n, v in file_values.items()}}
    unknown_names = sorted(set(values) - set(known_fields))
    if unknown_names:
        field_faults = tuple(
            terms.Fault(name, "is no field of this question", terms.suggest_word(name, known_fields))
            for name in unknown_names
        )
        raise terms.UsageError("The request cannot be answered as it stands", field_faults)
    for name, value in values.items():
        part = nested
        for step in known_fields[name].path[:-1]:
            part = cast("dict[str, object]", part.setdefault(step, {}))
        part[name] = value
    return read_request(question.request, nested)
