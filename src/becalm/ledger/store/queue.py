"""Group commit: of the threads that wait to write, the first writes for all, and the next one after it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from becalm.terms import LedgerError

MOST_TOGETHER = 512  # requests in one commit: a late one waits for no more than this many

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(slots=True, eq=False)
class Request(Generic[Asked, Answer]):
    """What one thread wants written; the writer fills in the answer or the error."""

    asked: Asked
    answer: Answer | None = None
    error: Exception | None = None
    woken: threading.Lock = field(default_factory=threading.Lock)


class GroupCommit(Generic[Asked, Answer]):
    """Lets one waiting thread at a time write for all that wait.

    `write` fills in the answer or the error of each request. No thread of its own: the first in the queue
    writes while the others gather behind it, so one commit to the disk carries many.
    """

    def __init__(self, write: Callable[[Sequence[Request[Asked, Answer]]], None]) -> None:
        self._write = write
        self._queue: deque[Request[Asked, Answer]] = deque()
        self._guard = threading.Lock()
        self._is_writing = False
        self._company = 1  # how many were written together the last time

    def submit(self, asked: Asked) -> Answer:
        """Have this written, and return when it is on the disk.

        Raises
        ------
        BecalmError
            whatever kept it from being written.
        """
        request: Request[Asked, Answer] = Request(asked)
        request.woken.acquire()
        with self._guard:
            self._queue.append(request)
            leads = not self._is_writing
            self._is_writing = True
        if not leads:
            try:
                request.woken.acquire()  # until another wrote it, or hands over the lead
            except BaseException:  # somebody pressed the keys that stop a program
                self._give_up(request)
                raise
        if request.answer is None and request.error is None:
            self._lead()
        if request.error is not None:
            raise request.error
        if request.answer is None:
            raise LedgerError("The writer of the ledger gave no answer. Look whether the entry is there.")
        return request.answer

    def _give_up(self, request: Request[Asked, Answer]) -> None:
        """Leave the queue; if the lead was just handed over, hand it on."""
        with self._guard:
            if request not in self._queue:
                return
            self._queue.remove(request)
            if not request.woken.acquire(blocking=False):
                return
            self._hand_over()

    def _hand_over(self) -> None:
        """Let the first in the queue lead, or nobody."""
        self._is_writing = bool(self._queue)
        if self._queue:
            self._queue[0].woken.release()

    def _gather(self) -> None:
        """Let those that were written just now queue up again: they too share this commit."""
        waiting = 0
        while waiting < len(self._queue) < self._company:
            waiting = len(self._queue)
            time.sleep(0)

    def _lead(self) -> None:
        """Write for all that wait now, wake them, and hand the lead to the next."""
        self._gather()
        with self._guard:
            batch = [self._queue.popleft() for _ in range(min(MOST_TOGETHER, len(self._queue)))]
        self._company = len(batch)
        try:
            self._write(batch)
        except BaseException as error:
            for request in batch:
                request.error = LedgerError(f"The writer of the ledger was stopped: {error!r}.")
            raise
        finally:
            with self._guard:
                self._hand_over()
            for request in batch[1:]:
                request.woken.release()
