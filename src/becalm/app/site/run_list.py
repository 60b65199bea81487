"""Runs as pages list them: what was asked, when, and the first sentence of the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from becalm.app.site.context import Site, plain
from becalm.console.run_folder import FrozenRun, list_runs, read_run
from becalm.terms import ReplayError


@dataclass(frozen=True, slots=True)
class ListedRun:
    """One line of a list of runs."""

    job: str
    key: str
    question: str
    title: str
    choices_text: str
    made_text: str
    opening: str


def describe_request(values: Mapping[str, Any]) -> str:
    """What a question was asked with, as one line.

    >>> describe_request({"period": "2020-04", "baseline": ["2019", "2018"]})
    'period 2020-04; baseline 2019, 2018'
    """
    parts = [
        f"{name.replace('_', ' ')} {plain(value).replace(chr(10), ', ')}" for name, value in values.items()
    ]
    return "; ".join(parts)


def format_made(site: Site, made_at: datetime) -> str:
    """When a run was made, in the city's time."""
    zone = ZoneInfo(site.desk.workspace.city.time_zone)
    return f"{made_at.astimezone(zone):%-d %B %Y, %H:%M}"


def describe_run(site: Site, run: FrozenRun) -> ListedRun:
    """A run as a list shows it."""
    question = run.record.question
    texts = [block["text"] for block in run.page["blocks"] if "text" in block]
    return ListedRun(
        job=run.job,
        key=run.key,
        question=question,
        title=site.pages[run.job].labels.get(question, question),
        choices_text=describe_request(chosen_values(site, run)),
        made_text=format_made(site, run.record.made_at),
        opening=texts[0] if texts else "",
    )


def chosen_values(site: Site, run: FrozenRun) -> dict[str, Any]:
    """What was chosen: the values that are not the defaults of the question, and no seed."""
    question = site.questions.get(run.record.question)
    if question is None:
        return dict(run.page["request"])
    defaults = {entry.name: entry.default for entry in question.fields}
    return {
        name: value
        for name, value in run.page["request"].items()
        if name != "seed" and (tuple(value) if isinstance(value, list) else value) != defaults.get(name)
    }


def newest_runs(site: Site, job: str) -> Iterator[FrozenRun]:
    """The runs of a job that can be read, the newest first."""
    for key in list_runs(site.desk.workspace.path, job):
        try:
            run = read_run(site.desk.workspace.path, job, key)
        except ReplayError:
            continue  # its own page says that it is damaged; a list goes on without it
        if run is not None:
            yield run


def newest_by_question(runs: Iterable[FrozenRun], *, limit: int) -> list[FrozenRun]:
    """The newest run of each question."""
    newest: dict[str, FrozenRun] = {}
    for run in runs:
        newest.setdefault(run.record.question, run)
    return list(newest.values())[:limit]


def newest_of(site: Site, question: str) -> ListedRun | None:
    """The newest run of one question; None where it was not asked."""
    runs = newest_runs(site, question.partition(" ")[0])
    run = next((run for run in runs if run.record.question == question), None)
    return describe_run(site, run) if run else None
