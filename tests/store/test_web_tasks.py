"""Accounts, sessions and tasks on both stores; and workers that are killed at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres import PROGRAM, Server
from sites import BECALM, PASSWORD
from town import becalm

from becalm.app.store import accounts, sessions, tasks
from becalm.app.store.database import META, AppStore, open_store
from becalm.console.run_folder import list_runs
from becalm.terms import UsageError, WorkspaceError

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TIMES = sessions.SessionTimes(timedelta(hours=10), timedelta(minutes=30))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AppStore]:
    url = ""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        url = server.fresh_ledger()
        database = sa.make_url(url).database or ""
        server.sql(f"CREATE SCHEMA app AUTHORIZATION {PROGRAM}", database=database)
    opened = open_store(tmp_path, url)
    yield opened
    opened.close()


def start(store: AppStore, form_id: str = "", *, now: datetime = NOW) -> tasks.Task:
    return tasks.start_task(
        store,
        "measure compare",
        {"period": "2020-04"},
        account="ann",
        role="analyst",
        form_id=form_id,
        now=now,
    )


def test_an_account_signs_in_and_is_known_until_its_session_runs_out(store: AppStore) -> None:
    accounts.add_account(store, "ann", ["analyst", "commander"], PASSWORD, now=NOW)
    token = sessions.sign_in(store, "ann", PASSWORD, "10.0.0.1", now=NOW).token
    visitor = sessions.find_session(store, token, TIMES, now=NOW + timedelta(minutes=29))
    assert visitor is not None
    assert (visitor.account, visitor.role, visitor.roles) == ("ann", "analyst", ("analyst", "commander"))
    assert visitor.is_current
    later = NOW + timedelta(minutes=58)  # seen at 29, so that it goes on until 59
    assert sessions.find_session(store, token, TIMES, now=later).is_current  # type: ignore[union-attr]
    late = sessions.find_session(store, token, TIMES, now=later + timedelta(minutes=31))
    assert late is not None
    assert not late.is_current
    assert sessions.find_session(store, "guessed", TIMES, now=NOW) is None


def test_roles_that_are_taken_away_end_sessions_and_tokens_at_once(store: AppStore) -> None:
    account = accounts.add_account(store, "ann", ["analyst", "commander"], PASSWORD, now=NOW)
    tokens = {role: sessions.open_session(store, account, role, now=NOW) for role in account.roles}
    visitor = sessions.find_session(store, tokens["analyst"], TIMES, now=NOW)
    assert visitor
    program = sessions.make_token(store, visitor, "audit", 30, now=NOW)
    accounts.set_roles(store, "ann", ["commander"], now=NOW)
    states = {role: sessions.find_session(store, token, TIMES, now=NOW) for role, token in tokens.items()}
    assert {role: found.is_current for role, found in states.items() if found} == {
        "analyst": False,
        "commander": True,
    }
    assert sessions.find_token(store, program, now=NOW) is None


def test_names_that_look_alike_are_one_person(store: AppStore) -> None:
    accounts.add_account(store, "bob", ["analyst"], PASSWORD, now=NOW)
    for name in ("bob", "b0b", "b.o.b"):
        with pytest.raises(UsageError, match="No account was made"):
            accounts.add_account(store, name, ["analyst"], PASSWORD, now=NOW)


def test_no_password_and_no_token_stands_in_the_store(store: AppStore) -> None:
    account = accounts.add_account(store, "ann", ["analyst"], PASSWORD, now=NOW)
    token = sessions.open_session(store, account, "analyst", now=NOW)
    rows = [str(row) for table in META.sorted_tables for row in store.rows(sa.select(table))]
    assert rows
    assert not any(PASSWORD in row or token in row for row in rows)


def test_a_task_is_taken_once_and_ended_once(store: AppStore) -> None:
    first, second = start(store), start(store, now=NOW + timedelta(seconds=1))
    taken = [tasks.take_task(store, f"worker {n}", now=NOW + timedelta(seconds=2)) for n in range(3)]
    assert [task.key if task else None for task in taken] == [first.key, second.key, None]
    assert taken[0]
    assert tasks.end_task(store, taken[0], tasks.SUCCEEDED, run=first.key, now=NOW)
    assert not tasks.end_task(store, taken[0], tasks.FAILED, now=NOW)
    assert tasks.require_task(store, first.key).state == tasks.SUCCEEDED


def test_a_killed_workers_task_is_taken_once_more_and_then_has_failed(store: AppStore) -> None:
    task = start(store)
    moment = NOW
    taken = []
    for worker in ("first", "second"):
        taken.append(tasks.take_task(store, worker, now=moment))
        assert tasks.take_task(store, "other", now=moment + tasks.LEASE / 2) is None, "its lease still runs"
        moment += tasks.LEASE * 1.1
    assert tasks.take_task(store, "third", now=moment) is None
    ended = tasks.require_task(store, task.key)
    assert (ended.state, ended.attempt_count, ended.problem) == (tasks.FAILED, 2, tasks.KILLED)
    assert taken[0]
    assert tasks.renew_lease(store, taken[0], step="", done_percent=None, now=moment) == (False, False)


def test_a_lease_that_is_renewed_does_not_run_out(store: AppStore) -> None:
    start(store)
    task = tasks.take_task(store, "slow", now=NOW)
    assert task
    for beat in range(1, 10):
        moment = NOW + beat * tasks.LEASE / 2
        assert tasks.renew_lease(store, task, step="counting", done_percent=beat, now=moment) == (True, False)
        assert tasks.take_task(store, "other", now=moment) is None
    assert tasks.require_task(store, task.key).done_percent == 9


def test_cancelling_ends_what_waits_and_tells_the_worker_of_what_runs(store: AppStore) -> None:
    waiting = start(store)
    tasks.cancel_task(store, waiting.key, now=NOW)
    assert tasks.require_task(store, waiting.key).state == tasks.CANCELLED
    running = start(store)
    task = tasks.take_task(store, "worker", now=NOW)
    assert task
    assert task.key == running.key
    tasks.cancel_task(store, running.key, now=NOW)
    assert tasks.renew_lease(store, task, step="", done_percent=None, now=NOW) == (True, True)


def test_many_workers_take_each_task_once(store: AppStore) -> None:
    keys = {start(store, now=NOW + timedelta(seconds=n)).key for n in range(20)}
    taken: list[str] = []

    def work(name: str) -> None:
        while task := tasks.take_task(store, name, now=NOW + timedelta(minutes=1)):
            taken.append(task.key)

    threads = [threading.Thread(target=work, args=(f"worker {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(keys)


def test_somebody_with_too_many_open_tasks_is_told_to_wait(store: AppStore) -> None:
    for _ in range(tasks.OPEN_PER_ACCOUNT):
        start(store)
    with pytest.raises(UsageError, match="Wait for one to end"):
        start(store)


def test_a_draft_is_of_one_person_and_one_page(store: AppStore) -> None:
    tasks.keep_draft(store, "ann", "/measure/ask/compare", {"period": ["2020-04"]}, now=NOW)
    tasks.keep_draft(store, "ann", "/measure/ask/compare", {"period": ["2020-05"]}, now=NOW)
    assert tasks.read_draft(store, "ann", "/measure/ask/compare") == {"period": ["2020-05"]}
    assert tasks.read_draft(store, "bob", "/measure/ask/compare") is None
    assert tasks.read_draft(store, "ann", "/find/ask/hotspots") is None
    tasks.drop_draft(store, "ann", "/measure/ask/compare")
    assert tasks.read_draft(store, "ann", "/measure/ask/compare") is None


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "app.sqlite").write_bytes(b"this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(WorkspaceError, match="cannot be read or written"):
        open_store(tmp_path, "")


# Workers that are killed.


def kill_workers(workspace: Path, count: int, seed: int) -> dict[str, int]:
    """Start this many tasks, kill a worker at a random moment of each, and let others end what is left."""
    store, rng = open_store(workspace, ""), random.Random(seed)
    now = datetime.now(UTC)
    names = [f"asker.{chr(ord('k') + i) * 6}" for i in range(-(-count // tasks.OPEN_PER_ACCOUNT))]
    for name in names:
        accounts.add_account(store, name, ["analyst"], PASSWORD, now=now)
    keys = [
        tasks.start_task(
            store,
            "sustain step list",
            {},
            account=names[i // tasks.OPEN_PER_ACCOUNT],
            role="analyst",
            form_id="",
            now=now,
        ).key
        for i in range(count)
    ]
    words = [*BECALM, "work", "--once", "--workspace", str(workspace)]
    for _ in range(count):
        worker = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_a_taken_task(store, worker)
        time.sleep(rng.uniform(0, 0.6))
        worker.kill()  # one that has ended meanwhile is left alone
        worker.wait()
        end_leases(store)
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)
    found = [tasks.require_task(store, key) for key in keys]
    runs = list_runs(workspace, "sustain")
    assert all(not task.is_open for task in found)
    for task in found:
        assert runs.count(task.key) == (task.state == tasks.SUCCEEDED), task
        assert (task.problem == tasks.KILLED) == (task.state == tasks.FAILED)
    leftovers = [
        path.name for path in (workspace / "runs" / "sustain").iterdir() if path.name.startswith(".")
    ]
    store.close()
    return {"done": len(runs), "retried": sum(t.attempt_count > 1 for t in found), "left": len(leftovers)}


def wait_for_a_taken_task(store: AppStore, worker: subprocess.Popen[bytes]) -> None:
    is_running = tasks.task_table.c.state == tasks.RUNNING
    while worker.poll() is None:
        if store.rows(sa.select(tasks.task_table.c.key).where(is_running)):
            return
        time.sleep(0.01)


def end_leases(store: AppStore) -> None:
    """Time passes: what nobody renews has run out."""
    past = "2000-01-01T00:00:00.000000Z"
    store.write(
        sa.update(tasks.task_table).where(tasks.task_table.c.worker.is_not(None)).values(lease_until=past)
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    becalm("init", tmp_path / "city")
    return tmp_path / "city"


def test_each_task_ends_once_with_one_run_whenever_its_worker_is_killed(workspace: Path) -> None:
    assert kill_workers(workspace, 3, seed=1)["done"] >= 1


@pytest.mark.exhaustive  # 50 processes are killed
def test_each_of_fifty_tasks_ends_once(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = kill_workers(workspace, 50, seed=2)
    with capsys.disabled():
        sys.stdout.write(f"\n50 killed workers: {counts}\n")
    assert counts["done"] >= 25
