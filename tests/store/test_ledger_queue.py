"""Threads that write together: one leads at a time, and whoever is stopped holds up nobody."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence

import pytest

from becalm.ledger.store.group_commit import GroupCommit, Request
from becalm.terms import LedgerError


class Log:
    """Writes numbers slowly, and remembers which were written together."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.commits = seconds, []

    def write(self, requests: Sequence[Request[int, str]]) -> None:
        time.sleep(self.seconds)
        self.commits.append([request.task for request in requests])
        for request in requests:
            if request.task < 0:
                raise KeyError(request.task)
            request.answer = f"wrote {request.task}"


def in_threads(queue: GroupCommit[int, str], numbers: Sequence[int]) -> list[threading.Thread]:
    threads = [threading.Thread(target=queue.submit, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    return threads


def test_those_that_wait_share_a_commit_and_keep_their_order() -> None:
    log = Log(0.2)
    threads = in_threads(GroupCommit(log.write), [1, 2, 3, 4])
    for thread in threads:
        thread.join()
    assert log.commits == [[1], [2, 3, 4]]


def test_who_is_stopped_while_waiting_is_not_written_and_holds_up_nobody() -> None:
    log = Log(0.3)
    queue = GroupCommit(log.write)
    threads = in_threads(queue, [1])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            queue.submit(2)
    finally:
        signal.signal(signal.SIGALRM, before)
    threads += in_threads(queue, [3])
    for thread in threads:
        thread.join()
    assert queue.submit(4) == "wrote 4"
    assert log.commits == [[1], [3], [4]]


def test_a_fault_of_the_writer_reaches_all_that_it_wrote_for_and_the_next_go_on() -> None:
    log = Log(0.1)
    queue = GroupCommit(log.write)
    with pytest.raises(KeyError):
        queue.submit(-1)
    assert queue.submit(1) == "wrote 1"
    failed: list[LedgerError] = []

    def submit_after() -> None:
        try:
            queue.submit(3)
        except LedgerError as error:
            failed.append(error)

    first = threading.Thread(target=queue.submit, args=(2,))
    first.start()
    time.sleep(0.03)
    follower = threading.Timer(0.03, submit_after)
    follower.start()
    with pytest.raises(KeyError):
        queue.submit(-5)
    first.join()
    follower.join()
    assert len(failed) == 1
    assert queue.submit(6) == "wrote 6"
