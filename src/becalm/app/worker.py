"""The worker: takes tasks one by one, asks their question, and freezes the answer as a run."""

from __future__ import annotations

import _thread
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from becalm.app import rights
from becalm.app.account_events import PURPOSE
from becalm.app.store import tasks
from becalm.app.store.accounts import find_account
from becalm.app.store.sessions import claim_seal, drop_old_sign_ins, drop_seal, unsealed_days
from becalm.console.command import name_options
from becalm.console.run_folder import RECORD, Question, freeze_answer, request_of, run_folder, write_run
from becalm.desk.audit_events import record_event
from becalm.terms import BecalmError, Request, UsageError

if TYPE_CHECKING:
    from becalm.app.store.database import AppStore
    from becalm.console.job_page import JobPage
    from becalm.desk import Desk
    from becalm.terms import Advance

POLL_S: Final = 0.4
BEAT_S: Final = 3.0
SEAL_EVERY_S: Final = 300.0
log = logging.getLogger("becalm.worker")


def field_label(name: str) -> str:
    """What a page calls a field of a request.

    >>> field_label("offence_group")
    'Offence group'
    """
    return name.replace("_", " ").capitalize()


@dataclass
class _Beat:
    """Renews the lease of a task while it runs, and stops it where it was cancelled or is no longer held."""

    store: AppStore
    task: tasks.Task
    step: str = ""
    done_percent: int | None = None
    stop_state: str = ""  # why the work was stopped: cancelled, or lost to another worker
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        if self._thread:
            self._thread.join()
        for _ in range(3):  # a stop that is under way arrives here, not in what comes after
            time.sleep(0)

    def _run(self) -> None:
        while not self._end.wait(BEAT_S if self.step else 0.2):
            is_held, is_cancelled = tasks.renew_lease(
                self.store, self.task, step=self.step, done_percent=self.done_percent, now=datetime.now(UTC)
            )
            self.step = self.step or "begun"
            if is_cancelled or not is_held:
                self.stop_state = tasks.CANCELLED if is_cancelled else "lost"
                _thread.interrupt_main()
                return

    @contextmanager
    def progress(self, task: str, *, total: float | None, unit: str) -> Iterator[Advance]:
        """Where the question says how far it has come."""
        del unit
        self.step, self.done_percent = task, 0 if total else None
        amount_so_far = 0.0

        def advance(amount: float) -> None:
            nonlocal amount_so_far
            amount_so_far += amount
            if total:
                self.done_percent = min(99, int(100 * amount_so_far / total))

        yield advance


@dataclass(frozen=True)
class Worker:
    """A process that works on tasks."""

    store: AppStore
    desk: Desk
    questions: Mapping[str, Question]
    pages: Mapping[str, JobPage]
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Work until told to stop."""
        next_seal = 0.0
        while not until():
            if time.monotonic() >= next_seal:
                self.seal_sign_ins()
                next_seal = time.monotonic() + SEAL_EVERY_S
            if not self.work_once():
                time.sleep(POLL_S)

    def work_once(self) -> bool:
        """Take one task and end it; was there one?"""
        task = tasks.take_task(self.store, self.name, now=datetime.now(UTC))
        if task is None:
            return False
        if task.is_cancelled:
            return self._end(task, tasks.CANCELLED)
        if (run_folder(self.desk.workspace.path, task.job, task.key) / RECORD).is_file():
            return self._end(task, tasks.SUCCEEDED, run=task.key)  # killed after it had written the run
        beat = _Beat(self.store, task)
        try:
            with beat:
                texts = self._ask(task, beat)
        except KeyboardInterrupt:
            if not beat.stop_state:
                raise  # the worker itself is to stop; the lease runs out, and another takes the task
            return self._end(task, beat.stop_state) if beat.stop_state == tasks.CANCELLED else True
        except BecalmError as error:
            return self._end(task, tasks.FAILED, problem=str(error))
        except Exception:
            log.exception("task %s failed", task.key)
            return self._end(task, tasks.FAILED, problem="becalm failed on this. The server's log says how.")
        write_run(self.desk.workspace.path, task.job, task.key, texts)
        return self._end(task, tasks.SUCCEEDED, run=task.key)

    def _end(self, task: tasks.Task, state: str, **values: Any) -> bool:
        tasks.end_task(self.store, task, state, now=datetime.now(UTC), **values)
        log.info("task %s %s", task.key, state)
        return True

    def _ask(self, task: tasks.Task, beat: _Beat) -> Mapping[str, str | bytes]:
        """The files of the run; the clock of the question stands still at its beginning."""
        self._check_rights(task)
        question, page, made_at = self.questions[task.question], self.pages[task.job], self.desk.now()
        desk = replace(
            self.desk, actor=task.account, role=task.role, now=lambda: made_at, progress=beat.progress
        )
        request = _pin_seed(request_of(question, task.request), desk)
        files = (
            ()
            if task.question in page.unpinned
            else desk.archive.files(as_of=getattr(request, "as_of", None))
        )
        pins = {file.path: file.sha256 for file in files}
        labels = {entry.name: field_label(entry.name) for entry in question.fields}
        try:
            picture = page.pictures.get(task.question)
            return freeze_answer(desk, question, request, data=pins, picture=picture)
        except BecalmError as error:
            raise error.reworded(lambda text: name_options(text, labels)) from error

    def _check_rights(self, task: tasks.Task) -> None:
        """Asked again when the work begins: an account may have been ended since."""
        account = find_account(self.store, task.account)
        is_open = account is not None and account.ended_at is None and task.role in account.roles
        if not is_open or not rights.may_ask(task.role, task.job):
            raise UsageError(f"{task.account} may no longer ask this in the role {task.role}.")
        if task.question not in self.pages[task.job].questions:
            raise UsageError(f"{task.question!r} is not asked from a page.")

    def seal_sign_ins(self) -> None:
        """Send the ledger the hash of each past day's sign-ins."""
        for seal in list(unsealed_days(self.store, today=self.desk.today)):
            facts: dict[str, Any] = {"day": seal.day.isoformat(), "count": seal.count, "sha256": seal.sha256}
            if not claim_seal(self.store, seal):
                continue
            try:
                record_event(self.desk, "sign_ins_sealed", purpose=PURPOSE, facts=facts)
            except BecalmError as error:
                drop_seal(self.store, seal)
                log.warning("the sign-ins of %s are still to be sealed: %s", seal.day, error)
        drop_old_sign_ins(self.store, now=datetime.now(UTC))


def _pin_seed(request: Request, desk: Desk) -> Request:
    """The request with its seed drawn here, so that the run record holds it."""
    if getattr(request, "seed", 0) is None:
        return replace(request, seed=desk.draw_seed())  # type: ignore[type-var]  # every request is a dataclass
    return request
