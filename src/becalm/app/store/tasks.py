"""Tasks: long work that a page asked for, taken by worker processes, each ended once.

A worker holds a task by a lease that it renews. Where the lease runs out, the worker was killed: the task is
taken once more, and after a second such end it has failed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from becalm.app.store.database import AppStore, draft_table, task_table
from becalm.ledger import format_instant
from becalm.terms import UsageError

WAITING, RUNNING, SUCCEEDED, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
OPEN_STATES: Final = (WAITING, RUNNING)
LEASE: Final = timedelta(seconds=15)
MOST_ATTEMPTS: Final = 2
OPEN_PER_ACCOUNT: Final = 20
KEY_BYTES: Final = 4
KILLED: Final = (
    "The worker was killed twice while it worked on this. Ask your administrator to look at the server."
)


@dataclass(frozen=True, slots=True)
class Task:
    """One task as it stands."""

    key: str
    question: str
    request: Mapping[str, Any]
    account: str
    role: str
    state: str
    attempt_count: int
    worker: str | None
    made_at: datetime
    ended_at: datetime | None
    step: str
    done_percent: int | None
    is_cancelled: bool
    run: str | None
    problem: str | None

    @property
    def job(self) -> str:
        """The job that answers."""
        return self.question.partition(" ")[0]

    @property
    def is_open(self) -> bool:
        """Is it still to be ended?"""
        return self.state in OPEN_STATES


def start_task(
    store: AppStore,
    question: str,
    request: Mapping[str, Any],
    *,
    account: str,
    role: str,
    form_id: str,
    now: datetime,
) -> Task:
    """A new task; the same form sent again (a double click, the back button) gives the task that it started.

    Raises UsageError where this account has too many open tasks already.
    """
    tasks = task_table.c
    is_mine = (tasks.account == account) & tasks.state.in_(OPEN_STATES)
    if len(store.rows(sa.select(tasks.key).where(is_mine))) >= OPEN_PER_ACCOUNT:
        raise UsageError(f"You have {OPEN_PER_ACCOUNT} open tasks. Wait for one to end, or cancel one.")
    # The key begins with the time, so that keys sort by it; the rest is random, so that none can be guessed.
    key = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(KEY_BYTES)}"
    row = {
        "key": key,
        "form_id": f"{account}:{form_id}" if form_id else None,
        "question": question,
        "request": json.dumps(dict(request), ensure_ascii=False),
        "account": account,
        "role": role,
        "state": WAITING,
        "attempt_count": 0,
        "made_at": format_instant(now),
        "step": "",
        "is_cancelled": 0,
    }
    try:
        store.write(sa.insert(task_table).values(row))
    except IntegrityError:
        earlier = store.first(sa.select(task_table).where(tasks.form_id == row["form_id"]))
        return _task(earlier)
    return require_task(store, key)


def find_task(store: AppStore, key: str) -> Task | None:
    """The task of this key, None where there is none."""
    row = store.first(sa.select(task_table).where(task_table.c.key == key))
    return _task(row) if row else None


def require_task(store: AppStore, key: str) -> Task:
    """The task of this key; raises UsageError where there is none."""
    task = find_task(store, key)
    if task is None:
        raise UsageError(f"There is no task {key!r:.60}.")
    return task


def list_tasks(store: AppStore, account: str, *, limit: int = 20) -> tuple[Task, ...]:
    """The newest tasks of an account."""
    tasks = task_table.c
    statement = sa.select(task_table).where(tasks.account == account).order_by(tasks.key.desc()).limit(limit)
    return tuple(map(_task, store.rows(statement)))


def count_by_state(store: AppStore) -> dict[str, int]:
    """How many tasks stand in each state?"""
    states = task_table.c.state
    counts = {
        state: int(count) for state, count in store.rows(sa.select(states, sa.func.count()).group_by(states))
    }
    return {state: counts.get(state, 0) for state in (WAITING, RUNNING, SUCCEEDED, FAILED, CANCELLED)}


def take_task(store: AppStore, worker: str, *, now: datetime) -> Task | None:
    """The next task for this worker: the oldest that waits, or one whose worker was killed; None if none."""
    tasks = task_table.c
    instant = format_instant(now)
    is_lost = (tasks.state == RUNNING) & (tasks.lease_until < instant)
    is_spent = is_lost & (tasks.attempt_count >= MOST_ATTEMPTS)
    ending = {"state": FAILED, "ended_at": instant, "problem": KILLED}
    with store.writing() as connection:
        connection.execute(sa.update(task_table).where(is_spent).values(ending))
        is_ready = (tasks.state == WAITING) | is_lost
        oldest_key = sa.select(tasks.key).where(is_ready).order_by(tasks.key).limit(1)
        # On a server two workers choose at the same moment; the one that comes second passes on to the next.
        key = connection.execute(oldest_key.with_for_update(skip_locked=True)).scalar()
        if key is None:
            return None
        taking = {
            "state": RUNNING,
            "worker": worker,
            "attempt_count": tasks.attempt_count + 1,
            "lease_until": format_instant(now + LEASE),
            "step": "",
            "done_percent": None,
        }
        connection.execute(sa.update(task_table).where(tasks.key == key).values(taking))
    return require_task(store, str(key))


def renew_lease(
    store: AppStore, task: Task, *, step: str, done_percent: int | None, now: datetime
) -> tuple[bool, bool]:
    """Is the task still this worker's, and was it cancelled? The lease is renewed and the progress noted."""
    tasks = task_table.c
    is_mine = _is_held(task)
    renewal = {"lease_until": format_instant(now + LEASE), "step": step, "done_percent": done_percent}
    with store.writing() as connection:
        count = connection.execute(sa.update(task_table).where(is_mine).values(renewal)).rowcount
        row = connection.execute(sa.select(tasks.is_cancelled).where(tasks.key == task.key)).first()
    return count == 1, bool(row and row[0])


def _is_held(task: Task) -> Any:
    tasks = task_table.c
    is_this = (tasks.key == task.key) & (tasks.state == RUNNING)
    return is_this & (tasks.worker == task.worker) & (tasks.attempt_count == task.attempt_count)


def end_task(
    store: AppStore,
    task: Task,
    state: str,
    *,
    now: datetime,
    run: str | None = None,
    problem: str | None = None,
) -> bool:
    """End the task, unless it is another worker's by now. Did this end it?"""
    ending: dict[str, Any] = {"state": state, "ended_at": format_instant(now), "run": run, "problem": problem}
    if state == SUCCEEDED:
        ending |= {"done_percent": 100}
    return store.write(sa.update(task_table).where(_is_held(task)).values(ending)) == 1


def cancel_task(store: AppStore, key: str, *, now: datetime) -> None:
    """Cancel it: one that waits is ended at once, one that runs is stopped by its worker."""
    tasks = task_table.c
    ending = {"state": CANCELLED, "ended_at": format_instant(now), "is_cancelled": 1}
    with store.writing() as connection:
        is_waiting = (tasks.key == key) & (tasks.state == WAITING)
        connection.execute(sa.update(task_table).where(is_waiting).values(ending))
        is_running = (tasks.key == key) & (tasks.state == RUNNING)
        connection.execute(sa.update(task_table).where(is_running).values(is_cancelled=1))


def _task(row: Any) -> Task:
    return Task(
        key=row.key,
        question=row.question,
        request=json.loads(row.request),
        account=row.account,
        role=row.role,
        state=row.state,
        attempt_count=row.attempt_count,
        worker=row.worker,
        made_at=datetime.fromisoformat(row.made_at),
        ended_at=datetime.fromisoformat(row.ended_at) if row.ended_at else None,
        step=row.step,
        done_percent=row.done_percent,
        is_cancelled=bool(row.is_cancelled),
        run=row.run,
        problem=row.problem,
    )


def keep_draft(store: AppStore, account: str, page: str, fields: Mapping[str, Any], *, now: datetime) -> None:
    """Keep what somebody wrote into the form of this page, for that person alone; the newest counts."""
    is_this = (draft_table.c.account == account) & (draft_table.c.page == page)
    row = {
        "account": account,
        "page": page,
        "fields": json.dumps(dict(fields)),
        "saved_at": format_instant(now),
    }
    with store.writing() as connection:
        connection.execute(sa.delete(draft_table).where(is_this))
        connection.execute(sa.insert(draft_table).values(row))


def read_draft(store: AppStore, account: str, page: str) -> dict[str, Any] | None:
    """What this account wrote into that form before its session ran out; None where nothing is kept."""
    is_this = (draft_table.c.account == account) & (draft_table.c.page == page)
    row = store.first(sa.select(draft_table.c.fields).where(is_this))
    return json.loads(row[0]) if row else None


def drop_draft(store: AppStore, account: str, page: str) -> None:
    """Forget a draft: its form was sent."""
    is_this = (draft_table.c.account == account) & (draft_table.c.page == page)
    store.write(sa.delete(draft_table).where(is_this))
